"""Runs of shadow cycles that left no cycle: counted once, by their last end, and only where one was due."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from peak_console.domain.clock import ManualClock
from peak_console.domain.events import EventDraft
from peak_console.domain.jobs import RunState
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations.shadow.lost_cycles import lost_cycles

NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)
DAY = timedelta(days=1)


def began(key: str, kind: str = "shadow_cycle") -> tuple[str, dict[str, Any]]:
    """A run begins."""
    return "job.started", {"job": "eurusd", "key": key, "kind": kind}


def ended(key: str, state: str) -> tuple[str, dict[str, Any]]:
    """It ends; ``interrupted`` and ``cycle`` by events of their own."""
    kinds = {"interrupted": "job.interrupted", "cycle": "shadow.cycle.finished"}
    return kinds.get(state, "job.finished"), {"job": "eurusd", "key": key, "state": state}


EVENTS = (
    *(began("hung"), ended("hung", "timed_out")),
    *(began("broke"), ended("broke", "failed")),
    *(began("cut"), ended("cut", "interrupted")),
    *(began("cut and done"), ended("cut and done", "interrupted"), began("cut and done")),
    *(ended("cut and done", "cycle"), ended("cut and done", "done")),
    *(began("twice"), ended("twice", "interrupted"), began("twice"), ended("twice", "failed")),
    *(began("goes on"), ended("goes on", "interrupted"), began("goes on")),
    *(began("told late"), ended("told late", "cycle"), ended("told late", "timed_out")),
    *(began("fine"), ended("fine", "cycle"), ended("fine", "done")),
    *(began("refused"), ended("refused", "aborted")),
    *(began("gold cases", "canary"), ended("gold cases", "failed")),
    ended("never began", "failed"),
)


def test_what_ended_badly_and_left_no_cycle_is_lost(tmp_path: Path) -> None:
    """Hung, broken or cut off; not where a cycle is on record, not while it runs again, no other kind."""
    path = tmp_path / "ledger.db"
    clock = ManualClock(NOW - 3 * DAY)
    with LedgerWriter(path, clock=clock) as writer:
        writer.append([(EventDraft("ev_genesis", "workspace.initialised", {}), "node")])
        writer.append([(EventDraft("ev_old0", *began("old")), "node")])
        writer.append([(EventDraft("ev_old1", *ended("old", "failed")), "node")])
        clock.advance(3 * DAY.total_seconds())
        drafts = [(EventDraft(f"ev_{n}", kind, body), "node") for n, (kind, body) in enumerate(EVENTS)]
        assert not [one for one in writer.append(drafts) if isinstance(one, Exception)]
    with LedgerReader(path) as reader:
        found = lost_cycles(reader, NOW - DAY)
        assert {one.key: one.state for one in found} == {
            "hung": RunState.TIMED_OUT,
            "broke": RunState.FAILED,
            "cut": RunState.INTERRUPTED,
            "twice": RunState.FAILED,
        }
        assert [one.seq for one in found] == sorted(one.seq for one in found)
        assert {one.key for one in lost_cycles(reader, NOW - 4 * DAY)} >= {"old", "hung"}
