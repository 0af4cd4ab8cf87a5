"""The rules of capability scopes, each at its place."""

from datetime import date
from pathlib import Path

import pytest

from peak_console.config.defaults import write_default_configs
from peak_console.config.editing.applying import apply_changes
from peak_console.config.lint import Severity, lint_workspace
from peak_console.config.lint.finding import LintFinding
from peak_console.config.lint.scopes import covered
from peak_console.config.workspace import Workspace
from peak_console.domain.vocabulary import PhaseLevel

HEAD = '[scope]\nlayer_id = "L2"\nautonomy_level = "PROP"\n'


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    """The default workspace."""
    write_default_configs(tmp_path)
    return Workspace(tmp_path)


def found(ws: Workspace, phase: PhaseLevel = PhaseLevel.RESEARCH) -> list[LintFinding]:
    """The findings on scopes."""
    every = lint_workspace(ws, phase=phase, today=date(2026, 11, 22))
    return [one for one in every if one.rule.startswith("scope.")]


@pytest.mark.parametrize(
    ("text", "rule", "line"),
    [
        (HEAD.replace("PROP", "EXEC"), "scope.exec", 3),
        (HEAD.replace("L2", "L3"), "scope.layer_mismatch", 2),
        (HEAD + '[outputs]\nallowed = ["LiveToggle"]\nforbidden = ["live_toggles"]\n', "scope.overlap", 5),
        (HEAD + '[inputs]\nallowed = ["a/b/*.md"]\nforbidden = ["a/**"]\n', "scope.overlap", 5),
        (HEAD + '[tooling]\nallowed = ["web"]\nforbidden = ["web"]\n', "scope.overlap", 5),
        (HEAD + '[models]\nprimary = "o9"\n', "scope.models_disagree", 5),
        (HEAD + '[models]\nfallback = ["o9"]\n', "scope.models_disagree", 5),
        (HEAD + '[models]\ncritic = "o9"\n', "scope.models_disagree", 5),
        (HEAD + '[logging]\nrequired_fields = ["citations"]\n', "scope.unknown_log_field", 5),
        (HEAD + '[safety]\nsafety_checks = ["be_nice"]\n', "scope.unknown_check", 5),
        (HEAD + "[constraints]\nresearch_only = true\n", "scope.unknown_check", 5),
        (HEAD + "[constraints]\nmax_file_size_mb = 5\n", "scope.not_enforced", 5),
        (HEAD + "[validation]\nmin_scenario_count = 2\n", "scope.not_enforced", 5),
        (HEAD + '[tooling]\nallowed = ["none", "web"]\n', "scope.tool_none_with_others", 5),
        (
            HEAD + '[tooling]\nallowed = ["web"]\n[tools]\nallowed_tools = ["files"]\n',
            "scope.tools_disagree",
            7,
        ),
        (HEAD + '[tooling]\nallowed = ["files"]\n[tooling.kinds]\nrun = "shell"\n', "scope.kind_outside", 7),
        (HEAD + "[web_access]\nrate_limit_per_hour = 3\n", "scope.web_without_tool", 4),
    ],
)
def test_a_rule_is_told_at_its_place(ws: Workspace, text: str, rule: str, line: int) -> None:
    """The finding names the scope's file and the line."""
    (ws.scopes / "L2.toml").write_text(text)
    told = [(one.rule, one.line) for one in found(ws) if one.file.endswith("/L2.toml")]
    assert (rule, line) in told


def test_a_layer_without_a_scope_is_an_error_from_shadow_on(ws: Workspace) -> None:
    """In research a warning; the gate and execution need none; one that is unfit is none."""
    (ws.scopes / "L2.toml").unlink()
    (ws.scopes / "L6.toml").unlink()
    (one,) = found(ws)
    assert (one.rule, one.severity, one.file[-8:]) == ("scope.missing", Severity.WARNING, "/L2.toml")
    (ws.scopes / "L0_more.toml").write_text((ws.scopes / "L0.toml").read_text())
    told = {(one.rule, one.severity) for one in found(ws, PhaseLevel.SHADOW)}
    assert told == {("scope.missing", Severity.ERROR), ("scope.twice", Severity.ERROR)}


def test_an_overlap_has_a_fix(ws: Workspace) -> None:
    """The fix takes the dead entry out, and the finding is gone."""
    file = ws.scopes / "L2.toml"
    file.write_text(HEAD + '[tooling]\nallowed = ["web", "files"]  # why\nforbidden = ["web"]\n')
    (one,) = found(ws)
    assert one.fix is not None
    file.write_text(apply_changes(file.read_text(), one.fix.changes))
    assert found(ws) == []
    assert "# why" in file.read_text()


@pytest.mark.parametrize(
    ("narrow", "wide", "within"),
    [
        ("docs/a.md", "docs/**", True),
        ("config/**/*.toml", "config/**/*.toml", True),
        ("config/**/*.toml", "**/*.toml", True),
        ("docs/**", "docs/secret/**", False),
        ("a/b.md", "*.md", False),
    ],
)
def test_a_pattern_takes_in_another(narrow: str, wide: str, *, within: bool) -> None:
    """A forbidden pattern is told where it swallows an allowed one, not where it carves a part out of it."""
    assert covered(narrow, wide) is within
