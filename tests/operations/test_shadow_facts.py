"""Facts of shadow from the ledger: cycles, books, runs of jobs; now and as of a moment; hostile bodies."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peak_console.config.workspace import Workspace
from peak_console.domain.clock import ManualClock, iso
from peak_console.domain.events import EventDraft, EventKind, LedgerEvent
from peak_console.domain.jobs import JobKind, RunState
from peak_console.domain.text import plain
from peak_console.domain.trading import Position
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations.shadow.books import book_lines
from peak_console.operations.shadow.cycles import WINDOW, cycle_lines, figures_of
from peak_console.operations.shadow.ending_words import with_endings
from peak_console.operations.shadow.facts import ShadowReader
from peak_console.operations.shadow.job_runs import fold_runs, pauses
from peak_console.operations.shadow.judging import KEPT_FOR, ReadinessKept
from peak_console.operations.shadow.newest import NewestEvents
from peak_console.operations.shadow.past import NOT_JUDGED, PastShadow
from peak_console.operations.views.ledger_door import LedgerDoor
from peak_console.operations.views.replay_clock import ReplayClock
from peak_console.operations.views.replay_source import ReplaySource, open_span
from peak_console.operations.views.shadow import JobState
from peak_console.risk.book import PaperBook, to_json

NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)
NO_HASH = "0" * 64
KEY = "eurusd@2026-11-22T13:45:00Z"
STATE = to_json(
    PaperBook(
        Decimal(100_000),
        realised_eur=Decimal(-500),
        positions=(Position("EUR/USD", Decimal(800), Decimal("1.0833")),),
        equity_eur=Decimal(99_500),
        peak_equity_eur=Decimal(100_000),
        day_begun_eur=Decimal(99_600),
    )
)
CYCLE: dict[str, Any] = {
    "job": "eurusd", "key": KEY, "instrument": "EUR/USD", "outcome": "would_block",
    "reasons": ["stale_data", "daily_loss"], "as_of": iso(NOW), "replayed": False,
    "intent": {"side": "sell", "quantity": "1250.50", "instrument": "EUR/USD", "limit_price": "1.0800"},
    "outlook": {"confidence": "0.62", "scenarios": [{"name": "up", "probability_pct": 55}]},
    "hypothesis": {"view": "up", "conviction": "0.6"}, "critic": {"verdict": "REVIEW", "degraded": True},
    "book": {"name": "shadow", "state": STATE}, "cost_eur": "0.012300000", "fill": {"price": "1.08"},
    "duration_ms": 41_200,
    "models": [{"provider": "openai", "model_id": "gpt-5.2"}, {"provider": "openai", "model_id": "gpt-5.2"}],
}  # fmt: skip


def event(seq: int, kind: str, body: Any, at: datetime = NOW) -> LedgerEvent:
    """An event at ``seq``."""
    return LedgerEvent(
        seq,
        f"ev_{seq}",
        iso(at),
        seq,
        kind,
        "job:x",
        NO_HASH,
        NO_HASH,
        NO_HASH,
        run_id=f"run_{seq}",
        body=body,
    )


def test_a_cycle_is_told_in_one_line_with_its_book() -> None:
    """Outcome, idea, outlook, critic, cost and models; the book's profit, drawdown and positions."""
    (line,) = cycle_lines([event(7, "shadow.cycle.finished", CYCLE)])
    assert (line.seq, line.run_id, line.outcome) == (7, "run_7", "would_block")
    assert line.idea == "sell 1250.5 EUR/USD at 1.08"
    assert line.outlook == "up 55 %, confidence 0.62, view up (0.6)"
    assert (line.critic, line.models) == ("REVIEW degraded", ("openai:gpt-5.2",))
    assert (line.cost_eur, line.duration_s) == (Decimal("0.0123"), 41.2)
    older = event(
        3, "shadow.cycle.finished", {**CYCLE, "book": {"name": "shadow", "state": {}}, "fill": None}
    )
    (book,) = book_lines([event(7, "shadow.cycle.finished", CYCLE), older])
    assert (book.equity_eur, book.day_pnl_eur, book.drawdown_pct) == (
        Decimal(99_500),
        Decimal(-100),
        Decimal("0.5"),
    )
    assert book.fills == 1
    assert book.positions == (("EUR/USD", Decimal(800)),)


def test_a_book_whose_state_cannot_be_read_is_no_book() -> None:
    """Better none than one that is made up."""
    assert (
        book_lines([event(3, "shadow.cycle.finished", {**CYCLE, "book": {"name": "x", "state": {}}})]) == ()
    )


def test_figures_name_their_window_and_what_they_are_made_of() -> None:
    """Cycles of a week, reasons of those that were blocked; of a record that was cut, its own beginning."""
    bodies = [CYCLE, CYCLE, {**CYCLE, "outcome": "would_allow", "reasons": []}, {**CYCLE, "reasons": ["x"]}]
    ages = (1, 2, 3, 8)
    lines = cycle_lines(
        [
            event(20 - day, "shadow.cycle.finished", body, NOW - timedelta(days=day))
            for day, body in zip(ages, bodies, strict=True)
        ]
    )
    figures = figures_of(lines, NOW)
    assert (figures.cycles, figures.would_block, figures.would_allow) == (3, 2, 1)
    assert figures.reasons == (("daily_loss", 2), ("stale_data", 2))
    assert (figures.since, figures.first_seq, figures.last_seq) == (NOW - WINDOW, 17, 19)
    cut = figures_of(lines[:2], NOW, whole_record=False)
    assert cut.since == NOW - timedelta(days=2)


@pytest.mark.parametrize(
    ("ended", "told"),
    [
        ({"state": "timed_out", "outcome": "timed_out"}, "timed_out"),
        (
            {"state": "aborted", "outcome": "cancelled", "detail": "by mara: bad bars; it was told to end"},
            "cancelled by mara: bad bars",
        ),
        ({"state": "done", "outcome": "aborted"}, "ended"),
    ],
)
def test_a_cycle_that_was_told_to_end_says_why(ended: dict[str, str], told: str) -> None:
    """The timeout, the cancel with who did it: what the cycle cannot know its job's run tells."""
    body = {**CYCLE, "outcome": "aborted", "reasons": ["ended"]}
    lines = [replace(one, run_id="run_1") for one in cycle_lines([event(9, "shadow.cycle.finished", body)])]
    story = [event(10, "job.finished", {"job": "eurusd", "key": KEY, "run_id": "run_1", **ended})]
    runs = fold_runs(story)["eurusd"].runs.values()
    assert with_endings(lines, runs)[0].reasons == (told,)


def test_runs_of_jobs_are_folded_by_their_keys() -> None:
    """Started, ended, interrupted and begun again, missed, paused and resumed."""
    started = {"job": "eurusd", "key": KEY, "kind": "shadow_cycle", "due_at": iso(NOW), "cause": "due"}
    ended = {"job": "eurusd", "key": KEY, "state": "done", "outcome": "would_allow", "run_id": "run_1"}
    story = [
        event(1, "job.started", started),
        event(2, "job.interrupted", {"job": "eurusd", "key": KEY, "why": "node_down"}),
        event(3, "job.started", {**started, "cause": "again"}),
        event(4, "job.missed", {"job": "eurusd", "count": 3, "why": "stopped"}),
    ]
    record = fold_runs(story)["eurusd"]
    assert (record.kind, record.missed, len(record.running)) == (JobKind.SHADOW_CYCLE, 3, 1)
    over = fold_runs([*story, event(5, "job.finished", ended, NOW + timedelta(seconds=9))])["eurusd"]
    assert over.newest is not None
    assert (over.newest.state, over.newest.outcome, over.newest.run_id) == (
        RunState.DONE,
        "would_allow",
        "run_1",
    )
    assert over.p95_s() == 9.0
    held = [event(6, "job.paused", {"job": "eurusd", "reason": "look", "operator": "mara"})]
    assert pauses(held) == {"eurusd": "paused by mara: look"}
    assert pauses([*held, event(7, "job.resumed", {"job": "eurusd"})]) == {}


def test_who_asked_and_who_cancelled_is_told_by_the_ledger_alone() -> None:
    """The bodies are those that the node's scheduler writes."""
    asked = {"job": "eurusd", "key": KEY, "cause": "asked", "asked_by": "mara", "reason": "data mended"}
    over = {
        "job": "eurusd",
        "key": KEY,
        "state": "aborted",
        "outcome": "cancelled",
        "detail": "by ben: not needed",
        "by": "ben",
        "reason": "not needed",
    }
    run = fold_runs([event(1, "job.started", asked), event(2, "job.finished", over)])["eurusd"].newest
    assert run is not None
    assert (run.asked_by, run.reason, run.detail) == ("mara", "data mended", "by ben: not needed")


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.just("2026-11-22T14:00:00"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = sorted({*CYCLE, "state", "count", "why", "due_at", "cause", "kind"})


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(body=st.none() | st.dictionaries(st.sampled_from(NAMES), ANY))
def test_no_body_breaks_a_line(body: Mapping[str, Any] | None) -> None:
    """Pruned, broken or hostile: there is a line or none, never an error, and no control character."""
    (line,) = cycle_lines([event(1, "shadow.cycle.finished", body)])
    assert line.outcome
    for text in (line.job, line.idea, line.outlook, line.critic, *line.reasons):
        assert text == plain(text)
    assert line.as_of is None or line.as_of.tzinfo
    book_lines([event(1, "shadow.cycle.finished", body)])
    kinds = ("job.started", "job.finished", "job.missed", "job.interrupted", "job.paused")
    events = [event(seq, kind, body) for seq, kind in enumerate(kinds, 1)]
    for record in fold_runs(events).values():
        assert all(one.due_at.tzinfo for one in record.runs.values())
        assert (record.p95_s() or 0) >= 0
    pauses(events)


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    """Three cycles and a run that is under way; no node, no configs."""
    ws = Workspace(tmp_path)
    write(ws, *[("shadow.cycle.finished", CYCLE)] * 3)
    write(ws, ("job.started", {"job": "eurusd", "key": KEY, "kind": "shadow_cycle", "due_at": iso(NOW)}))
    return ws


def write(ws: Workspace, *events: tuple[str, Mapping[str, Any]]) -> None:
    """Append events to the workspace's ledger, as its node would."""
    ws.ledger.parent.mkdir(parents=True, exist_ok=True)
    with LedgerWriter(ws.ledger, clock=ManualClock(NOW)) as writer:
        if not writer.head[0]:
            writer.append([(EventDraft("ev_genesis", EventKind.WORKSPACE_INITIALISED, {}), "node")])
        head = writer.head[0]
        drafts = [EventDraft(f"ev_{head + at}", kind, dict(body)) for at, (kind, body) in enumerate(events)]
        results = writer.append([(one, "node") for one in drafts])
        assert not [one for one in results if isinstance(one, Exception)], results


def test_a_look_that_finds_nothing_new_reads_no_event(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is new is read and no more; what is kept is bounded, and says that it was cut."""
    newest = NewestEvents((EventKind.SHADOW_CYCLE_FINISHED,), 4)
    with LedgerReader(ws.ledger) as reader:
        assert [one.seq for one in newest.read(reader)] == [4, 3, 2]
        write(ws, *[("shadow.cycle.finished", CYCLE)] * 2)
        assert [one.seq for one in newest.read(reader)] == [7, 6, 4, 3]
        assert not newest.whole
        monkeypatch.setattr(reader, "find", None)
        assert len(newest.read(reader)) == 4


def test_without_a_node_the_record_is_shown_and_said_to_be_one(ws: Workspace) -> None:
    """The job of no config is gone, its run under way; a ledger that is lost leaves the last facts."""
    source = ShadowReader(ws, LedgerDoor(ws.ledger))
    facts = source.facts(NOW)
    assert (len(facts.cycles), facts.figures.would_block, len(facts.books)) == (3, 3, 1)
    (job,) = facts.jobs
    assert (job.name, job.state, len(job.running)) == ("eurusd", JobState.GONE, 1)
    assert "peak node start" in facts.problem
    assert (facts.readiness, facts.readiness_problem) == (None, "")
    ws.ledger.unlink()
    later = source.facts(NOW)
    assert len(later.cycles) == 3
    assert later.freshness.why


def test_the_past_is_told_by_the_ledger_and_judges_nothing(ws: Workspace) -> None:
    """Jobs are those that the ledger names, as their events left them."""
    facts = PastShadow(ws, LedgerDoor(ws.ledger)).facts(NOW)
    assert [(one.name, one.state) for one in facts.jobs] == [("eurusd", JobState.RUNNING)]
    assert (facts.readiness, facts.readiness_problem) == (None, NOT_JUDGED)


def test_readiness_is_not_judged_at_the_first_look_nor_twice_in_half_a_minute(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The screen's first paint does not wait for it."""
    judged: list[str] = []
    monkeypatch.setattr(ReadinessKept, "_judge", lambda _: judged.append("once"))
    kept = ReadinessKept(ws)
    for moment in (NOW, NOW, NOW + KEPT_FOR / 2):
        kept.read(moment)
    assert len(judged) == 1
    kept.read(NOW + KEPT_FOR)
    assert len(judged) == 2
    for rests_on in (("openai:gpt-5",), ("openai:gpt-5",), ()):
        kept.read(NOW + KEPT_FOR, rests_on)
    assert len(judged) == 4, "a model that was taken out of use, or let back, is not waited for"


def test_a_replay_shows_shadow_as_of_its_moment(ws: Workspace) -> None:
    """Back and forth: only what had happened by then."""
    with LedgerWriter(ws.ledger, clock=ManualClock(NOW + timedelta(hours=1))) as writer:
        body = {"job": "eurusd", "key": KEY, "state": "done"}
        writer.append([(EventDraft("ev_end", "job.finished", body), "node")])
    clock = ReplayClock(open_span(ws, "#1", None))
    source = ReplaySource(ws, clock, environ={})
    for at, state in ((NOW + timedelta(hours=1), JobState.WAITING), (NOW, JobState.RUNNING)) * 2:
        clock.seek(at)
        source.bar()
        facts = source.shadow()
        assert [(one.name, one.state) for one in facts.jobs] == [("eurusd", state)]
        assert (len(facts.cycles), facts.readiness_problem) == (3, NOT_JUDGED)
    source.close()
