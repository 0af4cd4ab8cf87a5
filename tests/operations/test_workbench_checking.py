"""Checks of a draft: as lint would say it, were the draft the file."""

import os
import shutil
from datetime import date
from pathlib import Path

import pytest

from peak_console.config.defaults import write_default_configs
from peak_console.config.editing.targets import target_named
from peak_console.config.lint import lint_workspace
from peak_console.config.workspace import Workspace
from peak_console.domain.vocabulary import PhaseLevel
from peak_console.operations.workbench.checking import Checker

TODAY = date(2026, 11, 22)


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    """A workspace with the shipped configs."""
    write_default_configs(tmp_path)
    return Workspace(tmp_path)


def _checker(ws: Workspace, phase: PhaseLevel = PhaseLevel.RESEARCH) -> Checker:
    return Checker(ws, phase=phase, today=TODAY)


@pytest.mark.parametrize("phase", [PhaseLevel.RESEARCH, PhaseLevel.LIVE])
def test_a_check_says_what_lint_says_once_the_text_is_the_file(ws: Workspace, phase: PhaseLevel) -> None:
    """On the target; and nothing is caused elsewhere that stood there before."""
    target, checker = target_named("matrix"), _checker(ws, phase)
    text = ws.matrix.read_text(encoding="utf-8").replace('"gpt-5-nano"', '"gpt-5-nano-x"', 1)
    for draft in (text, text, "= [", text):
        checked = checker.check(target, draft)
        other = Workspace(ws.root.with_name("other"))
        shutil.copytree(ws.root, other.root, dirs_exist_ok=True)
        other.matrix.write_text(draft, encoding="utf-8")
        told = lint_workspace(other, phase=phase, today=TODAY)
        assert list(checked.findings) == [one for one in told if one.file == target.path]
        assert checked.phase is phase
    assert checker.check(target, text).elsewhere == ()


def test_errors_that_a_text_causes_elsewhere_are_told_and_those_that_stood_are_not(ws: Workspace) -> None:
    """A model that leaves the registry breaks the matrix; a broken budget file was broken before."""
    ws.budgets.write_text("[run\n", encoding="utf-8")
    text = ws.models.read_text(encoding="utf-8").replace('"gpt-5-mini"', '"gpt-5-maxi"', 1)
    checked = _checker(ws).check(target_named("models"), text)
    assert {one.rule for one in checked.elsewhere} == {"registry.model_unknown"}
    assert {one.file for one in checked.elsewhere} == {"configs/ai/layer_model_matrix.toml"}
    assert checked.errors == len(checked.elsewhere)


def test_a_change_of_another_file_is_seen_by_the_next_check(ws: Workspace) -> None:
    """Files are kept parsed only as long as they are the same."""
    target, checker = target_named("matrix"), _checker(ws)
    text = ws.matrix.read_text(encoding="utf-8")
    os.utime(ws.models, ns=(1, 1))
    assert checker.check(target, text).errors == 0
    ws.models.write_text("", encoding="utf-8")
    assert checker.check(target, text).errors > 0
    (ws.prompts / "trade-plan" / "1.md").unlink()
    assert "prompt.missing" in {one.rule for one in checker.check(target, text).findings}


def test_prompts_and_scopes_are_checked_too(ws: Workspace) -> None:
    """There or not yet; a prompt that goes empty is a finding on it."""
    checker = _checker(ws)
    empty = checker.check(target_named("prompts/trade-plan@1"), " ")
    assert [one.rule for one in empty.findings] == ["prompt.empty"]
    new = checker.check(target_named("prompts/trade-plan@2"), "text")
    assert new.findings == ()
    scope = checker.check(target_named("scopes/L2"), "[scope]\nlayer_id = 3\n")
    assert scope.errors
    assert all(one.file == "configs/ai/capability_scopes/L2.toml" for one in scope.findings)
