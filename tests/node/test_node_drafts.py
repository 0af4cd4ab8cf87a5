"""Drafts with the node: what was acknowledged is there after a kill, each login's own, within limits."""

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from node_world import World, node_beside, node_here, node_process

from peak_console.cli.program import run
from peak_console.domain.clock import ManualClock
from peak_console.domain.errors import EnvironmentUnfit, PeakError, UsageWrong
from peak_console.node import draft_book
from peak_console.node.state_db import APPLICATION_ID, StateDb, rows_of
from peak_console.node.status import report
from peak_console.operations.workbench.draft_editors import begin_editor, end_editor
from peak_console.operations.workbench.drafts import DraftStore, drafts_of

NOW = ManualClock().now()


def put(drafts: DraftStore, text: str, target: str = "matrix", **more: Any) -> None:
    """Keep a draft that began from nothing."""
    drafts.put(target, text, base=None, base_text="", **more)


def text_of(drafts: DraftStore, target: str = "matrix") -> str | None:
    """The text of what is kept."""
    found = drafts.get(target)
    return found.text if found else None


def test_a_draft_outlives_the_node_and_the_newest_of_all_places_counts(world: World) -> None:
    """Killed, the node has what it acknowledged; without it the user's folder does, and gives way again."""
    drafts = drafts_of(world.ws)
    with node_process(world) as node:
        put(drafts, "first")
        put(drafts, "odd\u202e", "prompts/second-look@1", origin="import registry")
        node.kill()
    assert [one.target for one in drafts.all()] == ["matrix", "prompts/second-look@1"]
    assert text_of(drafts) == "first"
    put(drafts, "offline")
    assert drafts_of(world.ws).get("matrix") is not None
    with node_beside(world):
        assert text_of(drafts) == "offline"
        kept = drafts.all()
        assert [(one.target, one.text) for one in kept] == [
            ("matrix", "offline"),
            ("prompts/second-look@1", "odd\u202e"),
        ]
        assert kept[1].operator
        assert kept[1].origin == "import registry"
        put(drafts, "again")
        assert text_of(drafts) == "again"
    drafts.drop("matrix")
    with node_beside(world):
        assert text_of(drafts) is None
        assert [one.target for one in drafts.all()] == ["prompts/second-look@1"]


def test_each_editor_keeps_its_own_with_a_node_and_without(world: World) -> None:
    """Neither replaces the other's; one is taken up once; what was dropped offline stays dropped."""
    one, two = begin_editor(), begin_editor()
    first, second = drafts_of(world.ws, editor=one), drafts_of(world.ws, editor=two)
    with node_process(world) as node:
        put(first, "# console-A")
        put(second, "# B2")
        assert first.parted("matrix").mine != second.parted("matrix").mine
        assert [draft.text for draft in second.parted("matrix").elsewhere] == ["# console-A"]
        end_editor(one)
        (offered,) = second.parted("matrix").offered
        node.kill()
    assert {draft.text for draft in second.of("matrix")} == {"# console-A", "# B2"}
    put(second, "# B3")
    with node_beside(world):
        third = drafts_of(world.ws, editor=begin_editor())
        taken = third.take(offered)
        assert taken is not None
        assert taken.text == "# console-A"
        assert drafts_of(world.ws, editor=begin_editor()).take(offered) is None
        second.drop_saved("matrix", "# console-A")
        assert {draft.text for draft in third.of("matrix")} == {"# console-A", "# B3"}
    second.drop("matrix")
    with node_beside(world):
        assert [draft.text for draft in third.of("matrix")] == ["# console-A"]


def test_on_the_command_line_a_draft_is_named(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Of several one is named, never guessed; one that is open elsewhere is left alone, unless forced."""

    def peak(*words: str) -> Any:
        code = run(["--root", str(world.ws.root), "--json", *words])
        return code, json.loads(capsys.readouterr().out)

    editor = begin_editor()
    text = (world.ws.root / "configs/readiness.toml").read_text(encoding="utf-8")
    put(drafts_of(world.ws), "# proposed\n" + text, "readiness", origin="import")
    put(drafts_of(world.ws, editor=editor), "# typed\n" + text, "readiness")
    for words in (("discard", "readiness"), ("save", "readiness", "--reason", "r"), ("diff", "readiness")):
        code, wrong = peak("config", *words)
        assert (code, wrong["error"]["code"]) == (2, "draft_ambiguous")
        assert editor.id in wrong["error"]["message"]
    assert "+# typed" in peak("config", "diff", "readiness", "disk", f"draft:{editor.id}")[1]["diff"]
    assert peak("config", "discard", "readiness", "--draft", "proposed")[0] == 0
    for words in (("discard", "readiness"), ("save", "readiness", "--reason", "r")):
        assert peak("config", *words)[1]["error"]["code"] == "draft_open"
    assert peak("config", "discard", "readiness", "--force")[0] == 0
    assert peak("config", "discard", "readiness")[1]["error"]["code"] == "no_draft"


def test_a_file_of_schema_1_is_taken_over(tmp_path: Path) -> None:
    """What it kept, one draft of a config for each login, is a proposal."""
    with sqlite3.connect(tmp_path / "state.db") as db:
        db.execute("CREATE TABLE draft (login TEXT, target TEXT, at TEXT, fields TEXT)")
        db.execute("INSERT INTO draft VALUES ('mara', 'matrix', 'then', '{}')")
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("PRAGMA user_version = 1")
    db.close()
    state = StateDb(tmp_path / "state.db")
    assert state.run(lambda db: rows_of(db, "SELECT * FROM draft")) == [("mara", "matrix", "", "then", "{}")]
    state.close()
    assert state.note == ""


async def test_drafts_have_limits_and_a_shape(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text as large as a config may be, so many drafts, a config that exists; more is refused in words."""
    monkeypatch.setattr(draft_book, "DRAFTS_LIMIT", 2)
    monkeypatch.setattr(draft_book, "REPLY_LIMIT", 400)
    drafts = drafts_of(world.ws)

    def within() -> None:
        put(drafts, "a" * 1000)
        put(drafts, "b", "prices")
        put(drafts, "c" * 1000)
        assert [len(one.text) for one in drafts.all()] == [1000, 1]
        for code, text, target in (
            ("drafts_full", "d", "budgets"),
            ("draft_too_large", "é" * 500_001, "matrix"),
            ("no_such_config", "x", "../matrix"),
        ):
            with pytest.raises(UsageWrong) as caught:
                put(drafts, text, target)
            assert caught.value.code == code

    def hostile(socket: Path) -> None:
        with world.client(socket) as client:
            for draft in (None, {}, {"target": "matrix", "text": 1}, {"target": "matrix", "at": "now"}):
                with pytest.raises(PeakError) as caught:
                    client.request("draft.put", draft=draft)
                assert caught.value.code == "draft_malformed"
            with pytest.raises(PeakError):
                client.request("draft.get", target=None)

    async with node_here(world) as node:
        await asyncio.to_thread(within)
        await asyncio.to_thread(hostile, node.socket_path)


async def test_a_corrupt_file_is_set_aside_and_the_node_goes_on(world: World) -> None:
    """The node starts, keeps drafts in a new file, and its status says where the old one lies."""
    world.ws.state.write_bytes(b"this is no database" * 100)
    drafts = drafts_of(world.ws)
    async with node_here(world) as node:
        await asyncio.to_thread(put, drafts, "kept")
        assert await asyncio.to_thread(text_of, drafts) == "kept"
        assert "begun" in report(node)["drafts"]
        await asyncio.to_thread(drafts.drop, "matrix")
        assert await asyncio.to_thread(drafts.all) == ()
    (aside,) = world.ws.audits.glob("state.db.broken-*")
    assert aside.read_bytes().startswith(b"this is no database")


async def test_a_file_of_a_newer_version_is_left_alone(world: World) -> None:
    """Drafts go to the user's folder; the file is not touched."""
    with sqlite3.connect(world.ws.state) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    before = world.ws.state.read_bytes()
    drafts = drafts_of(world.ws)
    async with node_here(world):
        await asyncio.to_thread(put, drafts, "kept")
        assert await asyncio.to_thread(text_of, drafts) == "kept"
    assert world.ws.state.read_bytes() == before


def test_work_that_fails_leaves_nothing_and_a_folder_in_the_way_is_told(tmp_path: Path) -> None:
    """A transaction is whole or not at all; what is no file is an unfit environment, not a crash."""
    state = StateDb(tmp_path / "state.db")

    def fails(db: sqlite3.Connection) -> None:
        rows_of(db, "INSERT INTO draft VALUES ('a', 'b', 'c', 'd', 'e')")
        raise UsageWrong("no", code="no")

    with pytest.raises(UsageWrong):
        state.run(fails)
    assert state.run(lambda db: rows_of(db, "SELECT count(*) FROM draft")) == [(0,)]
    state.close()
    (tmp_path / "folder").mkdir()
    with pytest.raises(EnvironmentUnfit) as caught:
        StateDb(tmp_path / "folder").run(lambda db: rows_of(db, "SELECT 1"))
    assert caught.value.code == "state_unavailable"


def test_a_draft_that_cannot_be_kept_anywhere_is_said_to_be_lost(world: World, tmp_path: Path) -> None:
    """Neither a node nor a folder: the error says so, and what to do with the text."""
    (tmp_path / "state").write_text("in the way")
    with pytest.raises(EnvironmentUnfit) as caught:
        put(drafts_of(world.ws), "text")
    assert caught.value.code == "draft_not_kept"
    assert text_of(drafts_of(world.ws)) is None
