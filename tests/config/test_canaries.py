"""Sets of gold cases: what a file may hold, how it is read, what lint says of it."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from peak_console.config.canaries import LEAST, MOST, CanaryCase, CanaryFile
from peak_console.config.defaults import default_configs, demo_configs, write_default_configs
from peak_console.config.lint.engine import Report, inspect
from peak_console.config.load import ConfigCache, load_configs
from peak_console.config.sources import read_sources
from peak_console.config.versions import keep_versions, read_version
from peak_console.config.workspace import Workspace
from peak_console.domain.vocabulary import Layer, PhaseLevel
from peak_console.simulator.exact import exact

TODAY = date(2026, 11, 1)
CASE: dict[str, Any] = {"id": "sum", "prompt": "What is 1 + 1?", "expect": {"text": "2"}}
JOB = """
[[job]]
name = "gold"
kind = "canary"
[job.canary]
cases = "gold"
slots = [{ layer = "L2" }]
"""


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    """A workspace with the default configs."""
    write_default_configs(tmp_path)
    return Workspace(tmp_path)


def linted(ws: Workspace) -> Report:
    """What lint finds in the workspace."""
    return inspect(read_sources(ws.root), phase=PhaseLevel.RESEARCH, today=TODAY)


def rules(ws: Workspace) -> set[str]:
    """The rules that the gold cases and the jobs break."""
    found = linted(ws).findings
    return {one.rule for one in found if "canar" in one.file or one.rule.startswith("canary.")}


def jobs(ws: Workspace, text: str = JOB) -> None:
    """Write the jobs."""
    (ws.root / "configs/shadow/jobs.toml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("folder", [default_configs(), demo_configs()])
def test_the_shipped_cases_are_enough_and_can_be_answered(folder: Path, ws: Workspace) -> None:
    """Ten to twenty a slot, and the simulated models know each answer."""
    text = (folder / "ai/canaries/gold.toml").read_bytes()
    (ws.root / "configs/ai/canaries/gold.toml").write_bytes(text)
    shipped = load_configs(ws, today=TODAY).canaries.sets["gold"]
    assert all(LEAST <= len(shipped.cases_of(layer)) <= MOST for layer in Layer)
    assert [one.id for one in shipped.case if exact(one.prompt) is None] == []


@pytest.mark.parametrize(
    "expect",
    [
        {},
        {"text": "2", "pattern": "2"},
        {"text": "2", "values": {"a": 1}},
        {"pattern": "(unclosed"},
        {"values": {"a": 1}, "types": {"a": "integer"}},
        {"types": {"a": "float"}},
        {"words": "2"},
    ],
)
def test_a_case_says_in_one_way_what_is_right(expect: dict[str, Any]) -> None:
    """None of the ways, two of them, or one that cannot work, is refused."""
    with pytest.raises(ValidationError):
        CanaryCase.model_validate({**CASE, "expect": expect})


def test_an_id_stands_once_in_a_set() -> None:
    """Two cases of one id could not be told apart in a result."""
    with pytest.raises(ValidationError, match="two cases have the id sum"):
        CanaryFile.model_validate({"case": [CASE, CASE]})


def test_a_case_is_known_by_its_content() -> None:
    """Its digest changes with what is asked or expected, and not with a default that is written out."""
    case = CanaryCase.model_validate(CASE)
    assert case.digest == CanaryCase.model_validate({**CASE, "max_output_tokens": 256}).digest
    assert case.digest != CanaryCase.model_validate({**CASE, "expect": {"text": "3"}}).digest
    assert case.digest != CanaryCase.model_validate({**CASE, "prompt": "What is 2 + 0?"}).digest


def test_a_layers_cases_are_its_own_and_those_of_all() -> None:
    """A case with a layer is put to slots of that layer only."""
    own = {**CASE, "id": "own", "layer": "L2"}
    found = CanaryFile.model_validate({"case": [CASE, own]})
    assert [one.id for one in found.cases_of(Layer.L2)] == ["sum", "own"]
    assert [one.id for one in found.cases_of(Layer.L3)] == ["sum"]


def test_a_job_names_a_set_that_is_there(ws: Workspace) -> None:
    """A set that is absent is told at the job; calls go on."""
    jobs(ws)
    assert rules(ws) == set()
    jobs(ws, JOB.replace('"gold"\nslots', '"other"\nslots'))
    assert rules(ws) == {"canary.missing"}
    load_configs(ws, today=TODAY)


def test_a_slot_is_asked_enough_cases(ws: Workspace) -> None:
    """Fewer than ten are told as a warning."""
    jobs(ws)
    path = ws.root / "configs/ai/canaries/gold.toml"
    path.write_text('[[case]]\nid = "a"\nprompt = "b"\nexpect = { text = "c" }\n', encoding="utf-8")
    assert rules(ws) == {"canary.count"}


def test_a_broken_set_is_told_and_keeps_no_call_from_being_made(ws: Workspace) -> None:
    """Lint says file and line; the configs load, without that set."""
    path = ws.root / "configs/ai/canaries/gold.toml"
    path.write_text('[[case]]\nid = "a"\nprompt = 7\nexpect = { text = "c" }\n', encoding="utf-8")
    found = [one for one in linted(ws).findings if one.file.endswith("gold.toml")]
    assert ("schema.wrong_type", 3) in [(one.rule, one.line) for one in found]
    assert load_configs(ws, today=TODAY).canaries.find("gold") is None


def test_a_changed_set_is_read_again_and_kept_by_digest(ws: Workspace) -> None:
    """The library's digest follows its files; each is kept under its own."""
    cache = ConfigCache(ws)
    before = cache.current()
    path = ws.root / "configs/ai/canaries/gold.toml"
    path.write_text(path.read_text(encoding="utf-8") + "# more\n", encoding="utf-8")
    after = ConfigCache(ws).current()
    assert before.digests["canaries"] != after.digests["canaries"] == after.canaries.digest
    assert keep_versions(ws, after) == ()
    assert read_version(ws, "canaries", after.digests["canaries"]) is not None


def test_without_gold_cases_nothing_is_said_of_them(ws: Workspace) -> None:
    """A workspace of before has no digest of a library that it does not have."""
    (ws.root / "configs/ai/canaries/gold.toml").unlink()
    assert "canaries" not in load_configs(ws, today=TODAY).digests
