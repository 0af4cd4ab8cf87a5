"""The workbench on the command line, with one node: changes, their history, an editor, a phase."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from node_world import World, node_beside, until

from peak_console.cli.program import run
from peak_console.cli.workbench_editing import Session
from peak_console.cli.workbench_target import find
from peak_console.domain.errors import EnvironmentUnfit
from peak_console.operations.shapes import SHAPES
from peak_console.operations.workbench.drafts import drafts_of

MATRIX = "configs/ai/layer_model_matrix.toml"


class Bench:
    """A workspace with a node, and ``peak`` in this process."""

    def __init__(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        self.world, self.ws, self._capsys = world, world.ws, capsys

    def __call__(self, *words: str) -> tuple[int, Any]:
        """Exit code and JSON document of ``peak WORDS``."""
        self._capsys.readouterr()
        code = run(["--root", str(self.ws.root), "--json", *words])
        return code, json.loads(self._capsys.readouterr().out)

    def text(self, *words: str) -> str:
        """What people are shown."""
        self._capsys.readouterr()
        run(["--root", str(self.ws.root), *words])
        shown = self._capsys.readouterr()
        return shown.out + shown.err

    def file(self) -> str:
        """The matrix as it stands."""
        return (self.ws.root / MATRIX).read_text(encoding="utf-8")


@pytest.fixture
def bench(world: World, capsys: pytest.CaptureFixture[str]) -> Iterator[Bench]:
    """A new workspace, its node running."""
    with node_beside(world):
        yield Bench(world, capsys)


def test_a_change_from_look_to_rollback(bench: Bench) -> None:
    """Looked at, refused, saved, found again in history and at its moment, taken back; comments stay."""
    begun = bench.file()
    code, seen = bench("matrix", "set", "L2.primary.timeout_s", "61", "--dry-run")
    assert (code, seen["dry_run"], seen["changed"], seen["errors"]) == (0, True, True, 0)
    assert seen["changes"] == [{"key": "L2.primary.timeout_s", "old": "120", "new": "61"}]
    assert bench.file() == begun
    SHAPES["matrix-dry-run"].model_validate(seen)
    code, wrong = bench("matrix", "set", "L2.primary.timeout_s", "61")
    assert (code, wrong["error"]["code"]) == (2, "reason_missing")
    code, wrong = bench("matrix", "set", "L2.primary", "anthropic:claude-x", "--reason", "r")
    assert (code, wrong["error"]["code"]) == (1, "lint_failed")
    assert wrong["error"]["findings"]
    code, done = bench("matrix", "set", "L2.primary.timeout_s", "61", "--reason", "faster")
    assert (code, done["saved"], done["old"]) == (0, True, seen["old"])
    assert bench.file().replace("timeout_s = 61", "timeout_s = 120") == begun
    code, again = bench("matrix", "set", "L2.primary.timeout_s", "61", "--reason", "again")
    assert (code, again["error"]["code"]) == (2, "nothing_changed")
    SHAPES["matrix-set"].model_validate(done)
    _, kept = bench("matrix", "history")
    SHAPES["matrix-history"].model_validate(kept)
    newest = kept["versions"][0]
    assert (newest["digest"], newest["reason"], newest["kept"]) == (done["new"], "faster", True)
    _, then = bench("matrix", "at", f"#{done['seq'] - 1}")
    assert then["digest"] == done["old"]
    assert then["text"] == begun
    SHAPES["matrix-at"].model_validate(then)
    _, change = bench("matrix", "diff")
    SHAPES["matrix-diff"].model_validate(change)
    assert [one["key"] for one in change["changes"]] == ["L2.primary.timeout_s"]
    code, back = bench("matrix", "rollback", "previous", "--reason", "slower answers after all")
    assert (code, back["new"]) == (0, done["old"])
    assert bench.file() == begun


def test_what_must_be_confirmed_is_told_in_figures(bench: Bench) -> None:
    """Without the word nothing is saved; another word is no word; the word saves."""
    words = ("matrix", "set", "L2.primary", "openai:gpt-5.2", "--reason", "better")
    begun = bench.file()
    code, wrong = bench(*words)
    assert (code, wrong["error"]["code"]) == (1, "confirmation_needed")
    assert {one["code"] for one in wrong["error"]["concerns"]} >= {"sod_weakened"}
    assert "to be confirmed: L2.critic" in bench.text(*words)
    code, wrong = bench(*words, "--confirm", "yes")
    assert (code, wrong["error"]["code"], bench.file()) == (2, "confirm_missing", begun)
    code, done = bench(*words, "--confirm", "CHANGE")
    assert (code, done["changes"][0]["new"]) == (0, '"gpt-5.2"')


def test_other_configs_have_the_same_commands(bench: Bench) -> None:
    """By name, with the argument before all others; what has no keys says so."""
    _, listed = bench("config", "list")
    SHAPES["config-list"].model_validate(listed)
    names = [one["config"] for one in listed["configs"]]
    assert {"matrix", "budgets", "limits", "readiness", "lock"} <= set(names)
    code, done = bench("config", "set", "limits", "orders.max_open_orders", "4", "--reason", "fewer")
    assert (code, done["path"]) == (0, "configs/risk/limits.toml")
    _, shown = bench("config", "show", "limits", "orders.max_open_orders")
    assert shown["value"] == 4
    _, kept = bench("config", "history", "limits")
    assert [one["how"] for one in kept["versions"]] == ["saved", "first"]
    for config, code_of in (("lock", "written_apart"), ("prompts/ops-chatter@1", "config_without_keys")):
        _, wrong = bench("config", "set", config, "a", "1", "--reason", "r")
        assert wrong["error"]["code"] == code_of
    _, wrong = bench("config", "show", "nothing")
    assert wrong["error"]["code"] == "no_such_config"
    code, fixes = bench("matrix", "fix")
    assert code == 0
    assert "interface.alias_moves" in {one["rule"] for one in fixes["fixes"]}
    code, seen = bench("matrix", "fix", "--rule", "interface.alias_moves", "--dry-run")
    assert (code, len(seen["changes"])) == (0, 1)
    code, found = bench("readiness", "shadow")
    SHAPES["readiness"].model_validate(found)
    assert code == 1
    code, moved = bench("phase", "promote", "--reason", "keys are in place")
    assert (code, moved["to"], moved["in_force"]) == (0, "foundation", True)
    SHAPES["phase-promote"].model_validate(moved)
    SHAPES["phase-show"].model_validate(bench("phase", "show")[1])
    assert bench("status")[1]["phase"] == "foundation"


def test_a_file_that_broke_outside_goes_back_to_what_was_last_in_force(bench: Bench) -> None:
    """``previous`` is what was in force before what stands on disk, whoever put that there."""
    begun = bench.file()
    until(lambda: list((bench.ws.versions / "matrix").glob("*.toml")), "the node kept a copy")
    (bench.ws.root / MATRIX).write_text(begun + "broken = [\n", encoding="utf-8")
    code, change = bench("matrix", "diff")
    assert code == 0, change
    assert [line for line in change["diff"].splitlines() if "broken" in line] == ["+broken = ["]
    code, back = bench("matrix", "rollback", "previous", "--reason", "it was broken", "--confirm", "CHANGE")
    assert (code, bench.file()) == (0, begun), back


class Desk:
    """Somebody at an editor: what they write in each round, and what they answer."""

    def __init__(self, bench: Bench, rounds: list[Any], answers: list[str]) -> None:
        self.bench, self.rounds, self.answers, self.said = bench, rounds, answers, list[str]()
        target = find(bench.ws, "matrix")
        self.session = Session(bench.ws, target, run=self._edit, ask=self._answer, say=self.said.append)

    def _edit(self, path: Path) -> int:
        write = self.rounds.pop(0)
        path.write_text(write(path.read_text(encoding="utf-8")), encoding="utf-8")
        return 0

    def _answer(self, question: str, default: str) -> str:
        return self.answers.pop(0) if self.answers else default


def faster(text: str) -> str:
    """A change that lint has nothing against."""
    return text.replace("timeout_s = 1800", "timeout_s = 1700", 1)


def misspelt(text: str) -> str:
    """One that it has."""
    return text + "\n[L0.primry]\nx = 1\n"


def test_an_edit_is_linted_on_closing_and_saved(bench: Bench) -> None:
    """Findings send it back; what follows is saved under the reason that was asked for; the draft is gone."""
    desk = Desk(
        bench, [misspelt, lambda text: faster(text.removesuffix("\n[L0.primry]\nx = 1\n"))], ["e", "s", "why"]
    )
    done = desk.session.run("")
    assert done is not None
    assert any("schema.unknown_key" in line for line in desk.said)
    assert "timeout_s = 1700" in bench.file()
    _, kept = bench("matrix", "history")
    assert kept["versions"][0]["reason"] == "why"
    again = Desk(bench, [lambda text: text], [])
    assert again.session.run("r") is None
    assert drafts_of(bench.ws).get("matrix") is None


def test_no_text_is_lost(bench: Bench) -> None:
    """Kept when it is left, gone on with, merged with what others saved meanwhile, and saved as a draft."""
    kept = Desk(bench, [misspelt], ["k"])
    assert kept.session.run("r") is None
    draft = drafts_of(bench.ws).get("matrix")
    assert draft is not None
    assert draft.text.endswith("[L0.primry]\nx = 1\n")
    crashed = Desk(
        bench, [lambda _: (_ for _ in ()).throw(EnvironmentUnfit("gone", code="editor_failed"))], []
    )
    with pytest.raises(EnvironmentUnfit):
        crashed.session.run("r")
    still = drafts_of(bench.ws).get("matrix")
    assert still is not None
    assert (still.text, still.base) == (draft.text, draft.base)
    assert bench("matrix", "discard")[0] == 0

    def meanwhile(text: str) -> str:
        assert bench("matrix", "set", "L4.primary.timeout_s", "299", "--reason", "theirs")[0] == 0
        return faster(text)

    merged = Desk(bench, [meanwhile], ["s", "s"])
    assert merged.session.run("mine") is not None
    assert "both changes are in the text now" in "\n".join(merged.said)
    assert "timeout_s = 1700" in bench.file()
    assert "timeout_s = 299" in bench.file()
    away = Desk(bench, [lambda text: text.replace("timeout_s = 299", "timeout_s = 298")], ["k"])
    assert away.session.run("r") is None
    code, done = bench("matrix", "save", "--reason", "from the draft")
    assert (code, done["changes"][0]["new"]) == (0, "298")
    assert drafts_of(bench.ws).get("matrix") is None


def test_without_a_terminal_there_is_no_editor(bench: Bench) -> None:
    """A clear refusal, before anything is opened."""
    code, wrong = bench("matrix", "edit")
    assert (code, wrong["error"]["code"]) == (3, "no_terminal")
