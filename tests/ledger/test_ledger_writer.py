"""The writer: one transaction for whatever waits, every acknowledgement durable, every event once."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_desk import Desk
from ledger_events import GENESIS, budget, completed, event_id, failed, note, requested

from peak_console.domain.canonical import canonical
from peak_console.domain.errors import LedgerUnavailable, PeakError, UsageWrong
from peak_console.domain.events import GENESIS_PREV_HASH, EventDraft, header_hash
from peak_console.domain.ledgering import Ack, Refusal
from peak_console.ledger.verifying.verify import verify
from peak_console.ledger.writer import LedgerWriter


def test_events_are_chained_and_dated(desk: Desk) -> None:
    """Each event links to the one before; its hashes are those of the contract, over the stored bytes."""
    desk.clock.advance(60)
    desk.write(note("a"), note("b", run_id="20261122_120000_abcdef"))
    with desk.reader() as reader:
        events = reader.read()
    previous = GENESIS_PREV_HASH
    for seq, event in enumerate(events, 1):
        assert event.seq == seq
        assert event.prev_hash == previous
        assert event.body is not None
        assert event.body_sha256 == hashlib.sha256(canonical(dict(event.body))).hexdigest()
        assert event.hash == header_hash(event.header())
        previous = event.hash
    assert events[1].ts == "2026-11-22T12:01:00.000000Z"
    assert events[1].boot_us == desk.clock.boot_us()
    assert events[1].actor == "ada"
    assert desk.writer.head == (3, previous)


def test_an_acknowledgement_says_where_the_event_is(desk: Desk) -> None:
    """Place, hash and time are those that a reader finds."""
    (ack,) = desk.write(note())
    with desk.reader() as reader:
        event = reader.by_event(ack.event_id)
    assert event is not None
    assert (ack.seq, ack.hash, ack.ts) == (event.seq, event.hash, event.ts)


def test_a_repeated_append_gets_the_first_place(desk: Desk) -> None:
    """The same event again, in the same batch, a later one or after a restart, is written once."""
    draft = note()
    first, again = desk.write(draft, draft)
    assert first == again
    assert desk.write(draft) == [first]
    desk.reopen()
    assert desk.write(draft) == [first]
    assert desk.writer.head[0] == 2


def test_an_id_that_belongs_to_another_event_is_an_error(desk: Desk) -> None:
    """Nothing is lost silently because somebody used an id twice."""
    first = note("one")
    desk.write(first)
    (result,) = desk.append(EventDraft(first.event_id, first.kind, {"purpose": "two"}))
    assert isinstance(result, UsageWrong)
    assert result.code == "event_id_taken"


def test_the_genesis_stands_first_and_once(ledger_path: Any) -> None:
    """Nothing precedes it; a second one is refused; repeating the first is harmless."""
    from peak_console.domain.clock import ManualClock  # noqa: PLC0415 - only here

    with LedgerWriter(ledger_path, clock=ManualClock()) as writer:
        (early,) = writer.append([(note(), "ada")])
        assert isinstance(early, LedgerUnavailable)
        assert early.code == "genesis_missing"
        first, again = writer.append([(GENESIS, "ada"), (GENESIS, "ada")])
        assert first == again
        (second,) = writer.append([(EventDraft("ev_other", GENESIS.kind, {}), "ada")])
        assert isinstance(second, UsageWrong)
        assert second.code == "genesis_exists"
        assert writer.head[0] == 1


BAD = [
    EventDraft("", "run.started"),
    EventDraft("ev space", "run.started"),
    EventDraft("e" * 101, "run.started"),
    EventDraft("ev_kind", "Run.Started"),
    EventDraft("ev_kind", "run"),
    EventDraft("ev_kind", 'run.x"y'),
    EventDraft("ev_layer", "run.started", layer=""),
    EventDraft("ev_layer", "run.started", layer="x" * 301),
    EventDraft("ev_model", "run.started", model_id="\ud800"),
    EventDraft("ev_type", "run.started", run_id=7),  # type: ignore[arg-type]
    EventDraft(None, "run.started"),  # type: ignore[arg-type]
    EventDraft("ev_float", "run.started", {"x": 1.5}),
    EventDraft("ev_large", "run.started", {"x": "y" * 1_100_000}),
    EventDraft(
        "ev_no_hop", "llm.call.requested", {"bound_eur": "0.000000001", "bound_tokens": 1}, call_id="c"
    ),
    EventDraft("ev_no_call", "llm.call.requested", requested().body),
    EventDraft("ev_money", "llm.call.requested", {**requested().body, "bound_eur": "1.5"}, call_id="c"),
    EventDraft("ev_tokens", "llm.call.requested", {**requested().body, "bound_tokens": -1}, call_id="c"),
    EventDraft("ev_usage", "llm.call.completed", {**completed().body, "usage": {"input": "7"}}, call_id="c"),
    EventDraft("ev_cost", "llm.call.failed", {**failed().body, "cost_eur": None}, call_id="c"),
    EventDraft("ev_verdict", "critic.judged", {"verdict": "MAYBE"}),
    EventDraft("ev_denied", "policy.denied", {"rule": "x"}),
    EventDraft("ev_refused", "llm.call.refused", {}),
]


@pytest.mark.parametrize("bad", BAD, ids=lambda draft: str(draft.event_id)[:10] + draft.kind)
def test_a_malformed_event_is_refused_and_harms_nobody(desk: Desk, bad: EventDraft) -> None:
    """It gets its error; those beside it are written."""
    before, wrong, after = desk.append(note(), bad, note())
    assert isinstance(before, Ack)
    assert isinstance(wrong, PeakError)
    assert wrong.code in {"event_malformed", "not_canonical", "body_too_large"}
    assert isinstance(after, Ack)
    assert desk.writer.head[0] == 3
    assert verify(desk.path).ok


def test_a_guard_has_a_refusal_written_in_the_requests_place(make_desk: Callable[..., Desk]) -> None:
    """The event at that place is ``llm.call.refused`` and says why; a repetition hears the same."""
    refusal = Refusal("matrix_changed", "the matrix changed", "call again", {"have": "a", "want": "b"})
    desk = make_desk(guards=(lambda draft: refusal if draft.call_id == "bad" else None,))
    draft = requested("bad")
    good, refused, repeated = desk.write(requested("good"), draft, draft)
    assert good.refusal is None
    assert refused.refusal == refusal
    assert repeated == refused
    desk.reopen()
    assert desk.write(draft) == [refused]
    with desk.reader() as reader:
        event = reader.by_event(draft.event_id)
    assert event is not None
    assert event.kind == "llm.call.refused"
    assert event.body is not None
    assert event.body["reason"] == "matrix_changed"
    assert event.body["hop"] == 1
    assert event.body["route"] == []
    assert event.body["details"] == {"have": "a", "want": "b"}


def test_a_condition_keeps_a_draft_out(make_desk: Callable[..., Desk]) -> None:
    """What the node's conditions refuse is not written at all."""
    wrong = UsageWrong("no", code="no")
    desk = make_desk(conditions=(lambda draft: wrong if draft.kind == "run.started" else None,))
    assert desk.append(note()) == [wrong]
    assert desk.writer.head[0] == 1


class Faulty:
    """A projection with a fault of the program in it."""

    def open(self, db: Any) -> None:
        """Nothing to read."""

    def admit(self, draft: Any, now: Any) -> None:
        """Nothing to refuse."""

    def apply(self, event: Any, body: Any) -> tuple[()]:
        """Fail on one event."""
        if body.get("purpose") == "poison":
            raise ZeroDivisionError("a fault")
        return ()

    def flush(self, db: Any) -> None:
        """Nothing to write."""

    def reset(self) -> None:
        """Nothing to forget."""


def test_one_events_fault_does_not_take_the_others_down(desk: Desk) -> None:
    """An event that a projection cannot take in is refused; those beside it are written."""
    with LedgerWriter(desk.path, clock=desk.clock, projections=(Faulty(),)) as writer:
        first, poison, last = writer.append([(note("a"), "x"), (note("poison"), "y"), (note("b"), "z")])
    assert isinstance(first, Ack)
    assert isinstance(poison, LedgerUnavailable)
    assert poison.code == "ledger_projection_failed"
    assert isinstance(last, Ack)
    assert (first.seq, last.seq) == (2, 3)
    assert verify(desk.path).ok


def test_header_text_of_any_script_is_kept_and_verifies(desk: Desk) -> None:
    """A denied model's look-alike name stands in the header as it came."""
    desk.write(note(model_id="\u0441laude\u200b-3", provider='a"b\\c', layer="L2\n"))
    with desk.reader() as reader:
        (event,) = reader.latest(1)
    assert (event.model_id, event.provider, event.layer) == ("\u0441laude\u200b-3", 'a"b\\c', "L2\n")
    assert event.hash == header_hash(event.header())
    assert verify(desk.path).ok


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=6), min_size=1, max_size=6))
def test_whatever_is_repeated_every_event_stands_once(
    tmp_path_factory: Any, batches: list[list[int]]
) -> None:
    """Any repetition, within batches and across them, gives each event one place, in the order first sent."""
    desk = Desk(tmp_path_factory.mktemp("repeat") / "ledger.db").open()
    drafts = [note(str(number)) for number in range(31)]
    places: dict[int, int] = {}
    for batch in batches:
        for number, ack in zip(batch, desk.write(*(drafts[one] for one in batch)), strict=True):
            assert places.setdefault(number, ack.seq) == ack.seq
    desk.writer.close()
    assert sorted(places.values()) == list(range(2, 2 + len(places)))
    assert list(places) == sorted(places, key=lambda number: places[number])


def test_events_beside_an_event_are_the_ledgers_own(desk: Desk) -> None:
    """What the ledger writes beside an event has its own actor, and an id that follows from its cause."""
    desk.limits = budget(run=100)
    desk.write(requested(bound=90))
    with desk.reader() as reader:
        warning = reader.last("budget.warned")
    assert warning is not None
    assert warning.actor == "ledger"
    assert warning.call_id == "c1"
    assert warning.event_id.startswith("ev_")
    assert event_id() != warning.event_id


def test_the_log_is_folded_into_the_file_when_idle(desk: Desk) -> None:
    """After a checkpoint the write-ahead log is empty."""
    desk.write(*(note() for _ in range(50)))
    wal = desk.path.with_name("ledger.db-wal")
    assert wal.stat().st_size > 0
    desk.writer.checkpoint()
    assert wal.stat().st_size == 0
