"""Retention as the node carries it out: an operator's word, no append held up, migrations on record."""

import asyncio
import secrets
import sqlite3
import time
from datetime import timedelta
from pathlib import Path

import pytest
from node_world import World, node_here, soon

from peak_console.domain.clock import ManualClock, SystemClock
from peak_console.domain.errors import ControlRefused, PeakError, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.verifying.verify import verify
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations import prune as retention
from peak_console.operations.export import export
from peak_console.operations.import_export import read_export

RUN = "20260801_120000_abc123"
DAY = f"{SystemClock().now() - timedelta(days=40):%Y-%m-%d}"
CALLS = 2000


@pytest.fixture
def aged(world: World) -> World:
    """A workspace with refused calls of a run of 90 days ago, and the run's texts."""
    clock = ManualClock(SystemClock().now() - timedelta(days=90))
    with LedgerWriter(world.ws.ledger, clock=clock, projections=[Rollups()]) as writer:
        body = {"hop": 1, "reason": "posture", "message": "no" * 200}
        drafts = [
            EventDraft(f"ev_{number}", EventKind.CALL_REFUSED.value, body, RUN, f"call_{number}", "L2")
            for number in range(CALLS)
        ]
        for start in range(0, CALLS, 500):
            writer.append([(draft, "ada") for draft in drafts[start : start + 500]])
    folder = world.ws.runs / RUN
    folder.mkdir(parents=True)
    (folder / "texts.jsonl").write_text("{}\n" * 100, encoding="utf-8")
    return world


def missing(world: World) -> int:
    """How many bodies are gone."""
    with LedgerReader(world.ws.ledger) as reader:
        return sum(event.body is None for event in reader.read(limit=10_000))


async def test_an_operator_prunes_while_others_append(aged: World) -> None:
    """Bodies and texts go; appends meanwhile are acknowledged soon; the chain and an export verify."""
    planned = retention.plan(aged.ws, DAY)
    assert (planned.bodies, planned.held, len(planned.texts)) == (CALLS, 0, 1)
    assert planned.bytes > CALLS * 400
    async with node_here(aged) as node:

        def ask() -> retention.Pruned:
            with aged.client(node.socket_path) as client:
                return retention.prune(aged.ws, client, planned, reason="age", confirm="PRUNE")

        asked = asyncio.create_task(asyncio.to_thread(ask))
        waits, begun = [], time.monotonic()
        while not asked.done():
            started = time.monotonic()
            draft = EventDraft(new_event_id(secrets.token_bytes), EventKind.NODE_STARTED.value, {})
            await node.server.append([draft], actor="node")
            waits.append(time.monotonic() - started)
            await asyncio.sleep(0)
        done = await asked
        took = time.monotonic() - begun
    assert done.done
    assert (done.texts, done.left) == (1, ())
    assert sorted(waits)[len(waits) // 2] < max(0.05, took / 4)
    assert missing(aged) == CALLS
    assert not (aged.ws.runs / RUN / "texts.jsonl").exists()
    assert verify(aged.ws.ledger).ok
    assert retention.plan(aged.ws, DAY).nothing


async def test_the_next_node_goes_on(aged: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A range that one node left undone, the next one ends by itself."""
    planned = retention.plan(aged.ws, DAY)
    with monkeypatch.context() as patched:
        patched.setattr("peak_console.node.retaining.LOOK_S", 3600)
        patched.setattr(retention, "_STILL_S", 0.0)
        async with node_here(aged) as node:

            def ask() -> retention.Pruned:
                with aged.client(node.socket_path) as client:
                    return retention.prune(aged.ws, client, planned, reason="age", confirm="PRUNE")

            done = await asyncio.to_thread(ask)
    assert not done.done
    assert missing(aged) == 0
    async with node_here(aged):
        await soon(lambda: missing(aged) == CALLS, "every body gone")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"reason": "", "confirm": "PRUNE"}, "reason_missing"),
        ({"reason": "age", "confirm": "prune"}, "confirm_missing"),
        ({"reason": "age", "confirm": ""}, "confirm_missing"),
    ],
)
def test_without_its_words_nothing_goes(words: dict[str, str], code: str) -> None:
    """A reason and the typed word are asked for."""
    with pytest.raises(UsageWrong) as caught:
        retention.check_words(**words)
    assert caught.value.code == code


@pytest.mark.parametrize("date", ["tomorrow", "2026-13-01", "2026-01-01T00:00:00", ""])
def test_what_is_no_date_is_told(world: World, date: str) -> None:
    """A day, or a time with its zone."""
    with pytest.raises(UsageWrong) as caught:
        retention.plan(world.ws, date)
    assert caught.value.code == "time_malformed"


def test_too_young_a_date_is_refused(world: World) -> None:
    """Neither the future nor what ``least_days`` keeps; the file may keep more."""
    for days in (-1, 0, 31):
        with pytest.raises(ControlRefused):
            retention.plan(world.ws, f"{SystemClock().now() - timedelta(days=days):%Y-%m-%d}")
    world.ws.ledger_config.write_text("[retention]\nleast_days = 100\n", encoding="utf-8")
    with pytest.raises(ControlRefused) as caught:
        retention.plan(world.ws, DAY)
    assert caught.value.details["least_days"] == 100


async def test_nobody_prunes_without_proof(aged: World) -> None:
    """A client without an operator's signature is refused, whatever the range."""
    planned = retention.plan(aged.ws, DAY)
    async with node_here(aged) as node:

        def ask() -> None:
            body = {"before": planned.before, "upto_seq": planned.upto_seq}
            with aged.client(node.socket_path) as client:
                client.append([EventDraft("ev_x", EventKind.LEDGER_PRUNED.value, body)])

        with pytest.raises(PeakError) as caught:
            await asyncio.to_thread(ask)
    assert caught.value.code == "proof_required"
    assert missing(aged) == 0


def test_texts_behind_a_link_stay(aged: World, tmp_path: Path) -> None:
    """A link is not followed: what lies outside the runs is not ours to drop."""
    texts = aged.ws.runs / RUN / "texts.jsonl"
    texts.rename(tmp_path / "elsewhere.jsonl")
    texts.symlink_to(tmp_path / "elsewhere.jsonl")
    assert retention.plan(aged.ws, DAY).texts == ()


async def test_a_migration_is_on_record_once(world: World) -> None:
    """``ledger.migrated`` names both versions; later starts add nothing."""
    with sqlite3.connect(world.ws.ledger) as db:
        db.execute("INSERT INTO schema_change VALUES (5, 4)")
    db.close()
    for _ in range(2):
        async with node_here(world):
            pass
    found = [event for event in world.events() if event.kind == EventKind.LEDGER_MIGRATED]
    assert [(dict(event.body or {}), event.actor) for event in found] == [({"from": 4, "to": 5}, "node")]


def test_an_export_never_takes_a_files_place(aged: World, tmp_path: Path) -> None:
    """Unless it is told to; what it writes is imported elsewhere, never into a workspace."""
    out = tmp_path / "out.jsonl"
    out.write_text("mine", encoding="utf-8")
    with pytest.raises(UsageWrong) as caught:
        export(aged.ws, out=str(out))
    assert caught.value.code == "file_exists"
    assert out.read_text(encoding="utf-8") == "mine"
    done = export(aged.ws, out=str(out), replace=True)
    taken = read_export(out, to=tmp_path / "in")
    assert taken.found.events == done.head.events
    assert taken.ledger is not None
    assert verify(taken.ledger).head == done.head.head
    for folder, code in (
        (tmp_path / "in", "folder_exists"),
        (aged.ws.audits / "other", "folder_in_workspace"),
    ):
        with pytest.raises(UsageWrong) as caught:
            read_export(out, to=folder)
        assert caught.value.code == code
    out.write_bytes(out.read_bytes()[:-1])
    with pytest.raises(UsageWrong):
        read_export(out, to=tmp_path / "half")
    assert not list(tmp_path.glob("*half*"))


def test_a_piece_is_named_by_places_times_and_runs(aged: World, tmp_path: Path) -> None:
    """Bounds are places or times; a run is one; where there is nothing, nothing is written."""
    old = f"{SystemClock().now() - timedelta(days=91):%Y-%m-%d}"
    sizes = [
        export(aged.ws, out=str(tmp_path / f"{number}.jsonl"), **asked).head.events  # type: ignore[arg-type]
        for number, asked in enumerate(({"begin": "5", "end": "9"}, {"run_id": RUN}, {"begin": old}))
    ]
    assert sizes == [5, CALLS, CALLS + 2]
    for asked, code in (({"begin": "99999"}, "nothing_to_export"), ({"run_id": "../x"}, "run_unknown")):
        with pytest.raises(UsageWrong) as caught:
            export(aged.ws, out=str(tmp_path / "none.jsonl"), **asked)  # type: ignore[arg-type]
        assert caught.value.code == code
    assert not (tmp_path / "none.jsonl").exists()
