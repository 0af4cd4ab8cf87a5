"""Every view of a ledger whose old details are gone: nothing breaks, and what is gone is said to be."""

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from ledger_seed import NOW, seed_ledger

from peak_console.config.workspace import Workspace
from peak_console.domain.clock import ManualClock, iso
from peak_console.domain.events import EventDraft, EventKind
from peak_console.ledger.keeping.pruning import PRUNABLE, Pruning
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.writer import LedgerWriter
from peak_console.node.log_lines import event_fields
from peak_console.operations.explaining.why import why
from peak_console.operations.views.calls import PRUNED
from peak_console.operations.views.hop_fold import hops_of
from peak_console.operations.views.live import Window
from peak_console.operations.views.live_source import LiveSource

CALLS = 300


@pytest.fixture(scope="module")
def pruned(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace whose 300 calls are 40 days old and pruned; one was accepted and ended."""
    root = tmp_path_factory.mktemp("pruned")
    (root / "configs" / "ai").mkdir(parents=True)
    (root / "configs" / "ai" / "layer_model_matrix.toml").write_text("", encoding="utf-8")
    ws = Workspace(root)
    seed_ledger(ws.ledger, end=NOW - timedelta(days=40), calls=CALLS, per_second=2.0)
    clock = ManualClock(NOW - timedelta(days=39))
    pruning = Pruning(lambda: 32, clock=clock)
    with LedgerWriter(
        ws.ledger, clock=clock, projections=[pruning], conditions=[pruning.out_of_place]
    ) as writer:
        accepted = {
            "hop": 1,
            "response_id": "resp_1",
            "status": "queued",
            "base_url": "https://api.openai.com",
            "endpoint": "responses",
            "expires_at": iso(clock.now()),
        }
        where = {"run_id": "20261122_000000_abc000", "call_id": "call_000000000000", "provider": "openai"}
        writer.append([(EventDraft("ev_acc", EventKind.CALL_ACCEPTED.value, accepted, **where), "mara")])
        clock.advance(39 * 86_400)
        body = {
            "before": iso(NOW - timedelta(days=33)),
            "upto_seq": writer.head[0],
            "kinds": list(PRUNABLE),
            "events": CALLS,
            "digest": "0" * 64,
            "reason": "age",
            "operator": "anna",
        }
        (done,) = writer.append([(EventDraft("ev_p", EventKind.LEDGER_PRUNED.value, body), "anna")])
        assert not isinstance(done, Exception), done
        while pruning.pending:
            writer.maintain(pruning.step)
            pruning.stepped(0.0, 0.01)
    return ws


@pytest.fixture
def source(pruned: Workspace) -> Iterator[LiveSource]:
    """The console's source over it."""
    live = LiveSource(pruned, clock=ManualClock(NOW))
    yield live
    live.close()


def test_bodies_are_gone_and_headers_are_not(pruned: Workspace) -> None:
    """What the other tests stand on."""
    with LedgerReader(pruned.ledger) as reader:
        events = reader.read(limit=10_000)
    assert {event.kind for event in events if event.body is None} <= set(PRUNABLE)
    assert sum(event.body is None for event in events) > 1.8 * CALLS


def test_figures_stay(source: LiveSource) -> None:
    """Figures were counted before; the live screen shows them."""
    snapshot = source.live(Window.D7)
    assert snapshot.freshness is not None
    assert source.bar() is not None


@pytest.mark.parametrize(
    "text", ["", "outcome:failed", "latency>1s", "layer:L2", "is:fallback", "is:background", "reason:pruned"]
)
def test_lists_of_calls_stand_it(source: LiveSource, text: str) -> None:
    """Every filter answers; nothing pruned counts as still pending."""
    page = source.calls(text)
    assert not page.problem
    assert all(line.pruned for line in page.lines)
    assert not any(line.pending for line in page.lines)
    assert all(line.reason == PRUNED for line in page.lines if line.outcome in {"failed", "refused"})
    if not text:
        assert len(page.lines) == 200


def test_pages_of_calls_say_it(source: LiveSource, pruned: Workspace) -> None:
    """A call's page has its hops, numbered, its place in the chain, and says what is gone."""
    page = source.call("call_000000000007")
    assert page.pruned == 2
    assert [hop.line.hop for hop in page.hops] == [1]
    assert [place.body_holds for place in page.chain[:2]] == [None, None]
    assert all(place.header_holds for place in page.chain)
    explained = why(pruned, "call_000000000007", clock=ManualClock(NOW))
    assert explained is not None


def test_a_call_with_fallbacks_keeps_its_hops_apart(pruned: Workspace) -> None:
    """Where bodies are gone, hops follow from the order of requests and ends."""
    with LedgerReader(pruned.ledger) as reader:
        first, last = reader.by_call("call_000000000007")[:2]
    kinds = [first.kind, EventKind.CALL_FAILED.value, first.kind, last.kind, EventKind.CALL_REFUSED.value]
    events = [
        type(first)(**{**first.header(), "seq": 100 + number, "kind": kind})
        for number, kind in enumerate(kinds)
    ]
    assert [(hop.line.hop, hop.line.outcome) for hop in hops_of(events)] == [
        (1, "failed"),
        (2, "ok"),
        (3, "refused"),
    ]


@pytest.mark.parametrize("name", ["#2", "#5", "20261122_000000_abc000", "call_000000000000"])
def test_why_stands_it(pruned: Workspace, name: str) -> None:
    """An event, a run and a call are explained with what is left."""
    assert why(pruned, name, clock=ManualClock(NOW)) is not None


def test_runs_and_events_stand_it(source: LiveSource) -> None:
    """The runs' list, a run's page and an event's page."""
    assert source.runs() is not None
    assert source.run("20261122_000000_abc000") is not None
    assert source.event(2) is not None


def test_log_lines_say_it(pruned: Workspace) -> None:
    """A line for an event whose details are gone."""
    with LedgerReader(pruned.ledger) as reader:
        events = reader.read(limit=20)
    fields = [event_fields(event) for event in events if event.body is None]
    assert all(one["pruned"] for one in fields if one is not None)


def test_the_file_has_room_again(pruned: Workspace) -> None:
    """Freed pages are kept for new events."""
    with sqlite3.connect(pruned.ledger) as db:
        (free,) = db.execute("PRAGMA freelist_count").fetchone()
    db.close()
    assert free > 20


def test_nothing_of_them_is_left_in_the_file(pruned: Workspace) -> None:
    """What was dropped is overwritten, not only forgotten."""
    data = Path(pruned.ledger).read_bytes()
    assert b'"purpose":"seeded"' not in data
