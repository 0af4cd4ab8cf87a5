"""What was done about an incident while no node answered is on record when one is back: once, only that."""

import asyncio
import getpass
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from node_world import World, node_here, soon

from peak_console.cli.capture import _lines as capture_lines
from peak_console.cli.incident_words import InOrder, contained
from peak_console.control.late_files import left, read
from peak_console.domain.events import EventDraft
from peak_console.ledger.reader import LedgerReader
from peak_console.node.late_records import LateRecords
from peak_console.operations.capture import Limits, capture
from peak_console.operations.containing import ALL, StepDone, contain
from peak_console.operations.incidents.reading import read_incidents

ID = "inc_20261122_030000_abc123"


async def test_a_node_that_comes_back_records_what_was_done(world: World) -> None:
    """Opening, actions and seal, in the name of who left them; then the files are gone."""
    done = await asyncio.to_thread(contain, world.ws, reason="odd", operator="anna")
    assert not done.recorded
    assert contained(done)[-1].endswith("recorded when a node is back")
    assert list(left((world.ws.control,)))
    for _ in range(2):
        async with node_here(world):
            await soon(lambda: not list(left((world.ws.control,))), "the files are gone")
    with LedgerReader(world.ws.ledger) as reader:
        one = read_incidents(reader)[done.incident_id]
    assert one.captured == f"audits/{done.incident_id}/capture"
    assert sorted(note.what for note in one.notes) == sorted(ALL)
    assert one.opened_by == getpass.getuser()
    with LedgerReader(world.ws.ledger) as reader:
        opening = reader.by_seq(one.seq)
    assert opening is not None
    assert (opening.body or {})["at"] < opening.ts
    kinds = world.kinds()
    assert [kinds.count(f"incident.{one}") for one in ("opened", "action_taken")] == [1, 3]
    assert kinds.count("evidence.sealed") == 1


def test_steps_are_shown_in_the_order_in_which_they_are_done() -> None:
    """Whichever was over first; what is not asked for is not waited for, and nothing is lost."""
    steps = {name: StepDone(name, ok=True, detail="") for name in ("disarm", "stop", "workers", "capture")}

    def told(do: tuple[str, ...], *over: str) -> list[str]:
        found: list[StepDone] = []
        shown = InOrder(found.append, do)
        for name in over:
            shown(steps[name])
        shown.rest()
        return [one.name for one in found]

    assert told(ALL, "stop", "workers", "disarm", "capture") == ["disarm", "stop", "workers", "capture"]
    assert told(("stop",), "stop", "workers") == ["stop", "workers"]
    assert told(ALL, "workers", "stop") == ["workers", "stop"]


def test_a_capture_without_a_node_says_that_its_incident_is_not_on_record(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is kept for the next node; where that fails too, nothing is on record and that is said."""
    done = capture(world.ws, limits=Limits(seconds=5))
    assert (done.opened, done.waits) == (True, True)
    assert "the next node records it" in capture_lines(done)[0]
    assert list(left((world.ws.control,)))
    monkeypatch.setattr("peak_console.operations.capture.kept", lambda *_: "; nor could it be kept")
    lost = capture(world.ws, limits=Limits(seconds=5))
    assert not lost.waits
    assert "NO INCIDENT IS ON RECORD" in capture_lines(lost)[0]
    assert lost.unrecorded.endswith("nor could it be kept")


def _event(kind: str, **body: Any) -> dict[str, Any]:
    return {"event_id": "ev_0123456789ab", "kind": kind, "body": {"incident_id": ID, **body}}


ACTED = _event("incident.action_taken", action="stop", ok=True, ms=3, detail="x")
SEAL: dict[str, Any] = {
    "manifest_sha256": "0" * 64,
    "files": 1,
    "bytes": 1,
    "edition": 1,
    "checkpoint_size": 0,
}
HOSTILE = (
    b"",
    b"{",
    b"[" * 60_000,
    b"\xff" * 100,
    b"x" * 70_000,
    json.dumps({"v": 2, "incident_id": ID, "events": [ACTED]}).encode(),
    *(
        json.dumps({"v": 1, "incident_id": ID, "events": events}).encode()
        for events in (
            [],
            [3],
            [ACTED] * 17,
            [_event("incident.action_taken", action="told", ok=True, ms=3)],
            [_event("incident.action_taken", action="stop", ok=1, ms=3)],
            [_event("incident.opened", trigger="ledger_broken", auto="none")],
            [_event("incident.closed", note="x")],
            [_event("control.enabled", scope="global")],
            [{**ACTED, "event_id": "../x"}],
            [{**ACTED, "body": {**ACTED["body"], "incident_id": "inc_20261122_030000_zzzzzz"}}],
            [_event("evidence.sealed", **{**SEAL, "edition": "1"})],
            [_event("evidence.sealed", **SEAL)],
        )
    ),
)


@pytest.fixture
def records(world: World) -> tuple[LateRecords, list[tuple[EventDraft, str]]]:
    """A node's records over an empty ledger, and what reached it."""
    world.ws.control.mkdir(parents=True, exist_ok=True)
    reached: list[tuple[EventDraft, str]] = []

    async def append(drafts: Any, actor: str) -> None:
        reached.extend((one, actor) for one in drafts)

    return LateRecords(world.ws, append), reached


async def test_a_hostile_file_is_set_aside_with_a_line_in_the_log(
    world: World, records: tuple[LateRecords, list[tuple[EventDraft, str]]], caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing of it reaches the ledger; links, pipes and folders neither; a good one behind it does."""
    late, reached = records
    folder = world.ws.control
    for number, data in enumerate(HOSTILE):
        (folder / f"unrecorded-{ID}-{number:03d}.json").write_bytes(data)
    (folder / f"unrecorded-{ID}-900.json").symlink_to("/etc/hostname")
    os.mkfifo(folder / f"unrecorded-{ID}-901.json")
    (folder / f"unrecorded-{ID}-902.json").mkdir()
    good = {"v": 1, "incident_id": ID, "events": [{**ACTED, "body": {**ACTED["body"], "operator": "root"}}]}
    (folder / f"unrecorded-{ID}-999.json").write_text(json.dumps(good))
    (folder / "unrecorded-x.json").write_text("not ours")
    late.look()
    await late.settle()
    assert [(one.body["action"], "operator" in one.body, actor) for one, actor in reached] == [
        ("stop", False, getpass.getuser())
    ]
    assert not list(left((folder,)))
    assert len([one for one in folder.iterdir() if one.name.startswith("set-aside-")]) == len(HOSTILE) + 3
    assert caplog.text.count("is set aside") >= len(HOSTILE)


async def test_a_seal_counts_where_the_capture_lies(
    world: World, records: tuple[LateRecords, list[tuple[EventDraft, str]]]
) -> None:
    """By the digest of its manifest."""
    late, reached = records
    folder = world.ws.audits / ID / "capture"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    seal = _event("evidence.sealed", **{**SEAL, "manifest_sha256": hashlib.sha256(b"{}").hexdigest()})
    path = world.ws.control / f"unrecorded-{ID}-1.json"
    path.write_text(json.dumps({"v": 1, "incident_id": ID, "events": [seal]}))
    assert read(path).drafts[0].kind == "evidence.sealed"
    late.look()
    await late.settle()
    assert [one.kind for one, _ in reached] == ["evidence.sealed"]
    assert not path.exists()


def test_where_the_control_folder_cannot_be_written_the_users_own_keeps_it(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below the state folder, by the workspace; where neither can be, it is said."""
    monkeypatch.setenv("PEAK_STATE_DIR", str(tmp_path / "state"))
    (world.ws.control / "ENABLED").unlink(missing_ok=True)
    if world.ws.control.is_dir():
        for one in world.ws.control.iterdir():
            one.unlink()
        world.ws.control.rmdir()
    world.ws.control.write_text("a file")
    assert not contain(world.ws, do=("disarm",), operator="anna").recorded
    assert len(list((tmp_path / "state").rglob("unrecorded-inc_*.json"))) == 1
    monkeypatch.setenv("PEAK_STATE_DIR", str(world.ws.control))
    assert "nor could it be kept" in contain(world.ws, do=("disarm",), operator="anna").why
