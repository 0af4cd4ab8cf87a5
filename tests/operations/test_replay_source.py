"""A replay's source: the log and the packs as of the moment."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ledger_seed import seed_ledger

from peak_console.config.workspace import Workspace
from peak_console.domain.clock import ManualClock
from peak_console.domain.events import EventDraft
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations.views.live import Window
from peak_console.operations.views.live_runs import LiveRuns
from peak_console.operations.views.packs import PackRow, PacksPage
from peak_console.operations.views.replay_clock import ReplayClock
from peak_console.operations.views.replay_source import ReplaySource, open_span

END = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    """A workspace with a few minutes of calls that end at 14:00."""
    (tmp_path / "configs").mkdir()
    one = Workspace(tmp_path)
    seed_ledger(one.ledger, end=END, calls=60, per_second=0.5)
    return one


def _replay(ws: Workspace, at: datetime) -> ReplaySource:
    clock = ReplayClock(open_span(ws, "#1", None))
    clock.seek(at)
    clock.latch()
    return ReplaySource(ws, clock, environ={})


def test_the_log_ends_at_the_moment(ws: Workspace) -> None:
    """Lines that were written later are not there yet."""
    ws.log.parent.mkdir(parents=True)
    lines = [
        {"ts": f"2026-11-22T13:{minute}:00Z", "level": "info", "logger": "node", "event": f"at {minute}"}
        for minute in (57, 58, 59)
    ]
    ws.log.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    source = _replay(ws, END - timedelta(seconds=90))
    assert [line.event for line in source.log().lines] == ["at 58", "at 57"]
    source.close()


def test_packs_are_those_sealed_by_the_moment(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pack that was sealed later is not listed."""
    times = [END - timedelta(seconds=30), END - timedelta(seconds=100)]
    rows = tuple(PackRow(f"r{at:%S}", 1, at, 3, 9, "unverified", "x", recorded=True) for at in times)
    monkeypatch.setattr(LiveRuns, "packs", lambda _: PacksPage(rows))
    source = _replay(ws, END - timedelta(seconds=60))
    assert [row.sealed_at for row in source.packs().rows] == [times[1]]
    source.close()


def test_a_past_without_its_details_says_so(ws: Workspace) -> None:
    """Bodies that retention dropped: every screen answers, and Live says that figures are incomplete."""
    with sqlite3.connect(ws.ledger) as db:
        db.execute("DROP TRIGGER body_no_delete")
        db.execute("DELETE FROM body WHERE seq IN (SELECT seq FROM ledger WHERE kind LIKE 'llm.call.%')")
    db.close()
    source = _replay(ws, END - timedelta(seconds=30))
    source.bar()
    assert "pruned" in source.live(Window.M5).freshness.why
    page = source.calls()
    assert page.lines
    assert all(line.pruned for line in page.lines)
    assert not source.runs().freshness.why
    source.close()


def test_the_bar_knows_what_was_out_of_use_and_which_jobs_failed(ws: Workspace) -> None:
    """As of the moment: before it nothing, then a quarantine and a job that fails, then neither; and back."""
    model = {"provider": "openai", "model_id": "gpt-5", "reason": "its name changed"}
    key = "eurusd@2026-11-22T14:00:00Z"
    run = {"job": "eurusd", "key": key, "cause": "due", "kind": "shadow_cycle", "fence": 1, "attempt": 1}
    failed = [("job.started", run), ("job.finished", {**run, "state": "failed", "outcome": "defect"})]
    again = [(kind, {**body, "key": key.replace("14:00", "14:01")}) for kind, body in failed]
    minutes = {
        1: [("model.quarantined", model), *failed, *again],
        2: [("model.released", {**model, "operator": "anna"}), *_done(again)],
    }
    for minute, events in minutes.items():
        with LedgerWriter(ws.ledger, clock=ManualClock(END + timedelta(minutes=minute))) as writer:
            drafts = [EventDraft(f"ev_x{minute}_{at}", kind, body) for at, (kind, body) in enumerate(events)]
            assert not [
                one for one in writer.append([(one, "n") for one in drafts]) if isinstance(one, Exception)
            ]
    clock = ReplayClock(open_span(ws, "#1", None))
    source, told = ReplaySource(ws, clock, environ={}), []
    for seconds in (30, 90, 150, 90):
        clock.seek(END + timedelta(seconds=seconds))
        clock.latch()
        bar = source.bar()
        assert bar.shadow is not None
        assert not bar.shadow.told
        told.append((bar.quarantined, [one.failed_in_row for one in bar.shadow.jobs], len(bar.shadow.drift)))
    source.close()
    then = (("openai:gpt-5",), [2], 1)
    assert told == [((), [], 0), then, ((), [], 0), then]


def _done(events: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    """The same runs, done."""
    return [(kind, {**body, "state": "done", "outcome": "would_block"}) for kind, body in events]
