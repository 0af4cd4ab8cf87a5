"""The budget breaker on the ledger: latched by a bill above its bound, until an operator resets it."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest
from ledger_desk import Desk
from ledger_events import budget, completed, event_id, failed, requested, settled

from peak_console.domain.errors import ControlRefused, PeakError, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ledgering import Refusal
from peak_console.ledger.folds.breaker_rows import BreakerRow
from peak_console.ledger.verifying.verify import verify
from peak_console.policy.breaker import LATCHED_UNTIL_US, BreakerState


def refusal_of(desk: Desk, call_id: str, **fields: Any) -> Refusal | None:
    """Ask for a call; why it was refused."""
    (ack,) = desk.write(requested(call_id, bound=1000, **fields))
    return ack.refusal


def latch(desk: Desk, call_id: str = "c1", **fields: Any) -> None:
    """A bill of 1500 nano-EUR where 1000 were reserved."""
    assert refusal_of(desk, call_id, **fields) is None
    desk.write(completed(call_id, cost=1500, **fields))


def reset(model_id: str = "gpt-5", **changes: Any) -> EventDraft:
    """An operator's reset; the proof is the server's to ask."""
    body = {
        "breaker": "budget",
        "provider": "openai",
        "model_id": model_id,
        "reason": "the price was corrected",
        "operator": "alice",
        **changes,
    }
    return EventDraft(event_id(), EventKind.BREAKER_RESET, body, provider="openai", model_id=model_id)


def budget_rows(desk: Desk) -> list[BreakerRow]:
    """The budget breakers that a screen gets."""
    with desk.reader() as reader:
        return [row for row in reader.breakers() if row.kind == "budget"]


def trips(desk: Desk) -> list[dict[str, Any]]:
    """Bodies of the trips of budget breakers."""
    with desk.reader() as reader:
        events = reader.read(limit=10_000)
    found = [dict(one.body or {}) for one in events if one.kind == "breaker.tripped"]
    return [body for body in found if body["breaker"] == "budget"]


def test_a_bill_above_its_bound_trips_inside_all_limits(desk: Desk) -> None:
    """No limit is near; the trip says whose bill it was and how far it went."""
    latch(desk)
    assert trips(desk) == [
        {
            "breaker": "budget",
            "provider": "openai",
            "model_id": "gpt-5",
            "state_from": "closed",
            "state_to": "latched",
            "reason": "bill_above_bound",
            "until": None,
            "trips": 1,
            "call_id": "c1",
            "hop": 1,
            "cost_eur": "0.000001500",
            "bound_eur": "0.000001000",
            "tokens": 50,
            "bound_tokens": 1000,
        }
    ]
    assert "budget.exceeded" not in desk.kinds()


@pytest.mark.parametrize(("cost", "tokens", "tripped"), [(1000, 1000, 0), (1001, 0, 1), (0, 1001, 1)])
def test_the_bound_itself_is_no_bill_above_it(desk: Desk, cost: int, tokens: int, tripped: int) -> None:
    """In money as in tokens, to the nano-EUR and the token."""
    desk.write(requested("c1", bound=1000))
    desk.write(completed("c1", cost=cost, body={"usage": {"input": tokens, "output": 0}}))
    assert len(trips(desk)) == tripped


def test_a_failed_hop_with_such_a_bill_trips_as_well(desk: Desk) -> None:
    """What was paid for an answer that is none counts like any other."""
    desk.write(requested("c1", bound=1000))
    desk.write(failed("c1", reason="malformed", cost=1001, basis="usage"))
    assert len(trips(desk)) == 1


def test_a_hop_at_its_bound_for_an_unknown_bill_does_not_trip(desk: Desk) -> None:
    """The worst case is the bound, not more."""
    desk.write(requested("c1", bound=1000), failed("c1", cost=1000, basis="worst_case"))
    assert trips(desk) == []


def test_requests_are_refused_until_a_reset_whatever_happens(desk: Desk) -> None:
    """Neither time nor a restart nor a good answer closes it; another model is untouched."""
    assert refusal_of(desk, "early") is None
    latch(desk)
    desk.write(completed("early", cost=10))
    desk.clock.advance(10 * 86_400)
    desk.reopen()
    refusal = refusal_of(desk, "c2")
    assert refusal is not None
    assert refusal.code == "breaker_open"
    assert refusal.details["latched"] is True
    assert not {"until_us", "retry_after_ms"} & set(refusal.details)
    assert "latched" in refusal.message
    assert "peak breaker reset budget openai:gpt-5" in refusal.remedy
    assert refusal_of(desk, "c3", model_id="gpt-5-mini") is None
    assert refusal_of(desk, "c4", provider="azure") is None


def test_bills_of_calls_under_way_are_one_trip(desk: Desk) -> None:
    """What was sent before it latched does not trip it again; after a reset the next one does."""
    for call_id in ("c1", "c2", "c3"):
        desk.write(requested(call_id, bound=1000))
    desk.write(completed("c1", cost=1500), completed("c2", cost=1500))
    assert len(trips(desk)) == 1
    desk.write(reset())
    desk.write(completed("c3", cost=1500))
    assert [body["trips"] for body in trips(desk)] == [1, 2]


def test_an_operators_reset_opens_the_way(desk: Desk) -> None:
    """Once; a second one finds nothing to reset."""
    latch(desk)
    desk.write(reset())
    assert refusal_of(desk, "c2") is None
    (wrong,) = desk.append(reset())
    assert isinstance(wrong, ControlRefused)
    assert wrong.code == "breaker_closed"
    (row,) = budget_rows(desk)
    assert (row.state_at(0), row.latched, row.breaker.trips) == (BreakerState.CLOSED, False, 1)


@pytest.mark.parametrize(
    "changes",
    [{"reason": " "}, {"operator": ""}, {"reason": None}, {"provider": 5}, {"model_id": "gpt-5-mini"}],
)
def test_a_reset_names_its_operator_reason_and_model(desk: Desk, changes: dict[str, Any]) -> None:
    """What does not is not written, and the breaker stays latched."""
    latch(desk)
    draft = reset()
    (wrong,) = desk.append(
        EventDraft(draft.event_id, draft.kind, {**draft.body, **changes}, provider="openai", model_id="gpt-5")
    )
    assert isinstance(wrong, UsageWrong)
    assert wrong.code == "event_malformed"
    assert refusal_of(desk, "c2") is not None


def test_nobody_trips_it_by_hand(desk: Desk) -> None:
    """A trip is the ledger's own."""
    (wrong,) = desk.append(EventDraft(event_id(), EventKind.BREAKER_TRIPPED, {"breaker": "budget"}))
    assert isinstance(wrong, PeakError)
    assert wrong.code == "kind_reserved"


def test_a_late_bill_is_held_against_the_bound_and_not_against_a_settlement(desk: Desk) -> None:
    """An operator booked 200; the provider says 900; the bound was 1000: nothing is wrong here."""
    desk.write(requested("c1", bound=1000))
    desk.write(*desk.reservations.abandon(""))
    desk.write(settled("c1", cost=200, was=1000))
    desk.write(completed("c1", cost=900))
    assert trips(desk) == []
    desk.write(requested("c2", bound=1000))
    desk.write(*desk.reservations.abandon(""))
    desk.write(completed("c2", cost=1001))
    assert len(trips(desk)) == 1


def test_a_screen_and_a_lease_get_it(desk: Desk) -> None:
    """Open, latched, without a time, with its bill; for planning it is open to the end of time."""
    latch(desk)
    (row,) = budget_rows(desk)
    shown = row.as_dict(0)
    assert (shown["breaker"], shown["state"], shown["latched"], shown["until"], shown["left_ms"]) == (
        "budget",
        "open",
        True,
        None,
        0,
    )
    assert shown["bill"]["cost_eur"] == "0.000001500"
    assert row.state_at(2**53) is BreakerState.OPEN
    (held,) = desk.reservations.latched()
    assert (held.model_id, held.until_us, held.latched) == ("gpt-5", LATCHED_UNTIL_US, True)
    desk.write(reset())
    assert desk.reservations.latched() == ()


def test_a_rolled_back_bill_leaves_no_trace(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not committed did not latch."""
    desk.write(requested("c1", bound=1000))
    with monkeypatch.context() as patched:

        def full(_: sqlite3.Connection) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        patched.setattr(desk.rollups, "flush", full)
        desk.append(completed("c1", cost=1500))
    assert refusal_of(desk, "c2") is None
    assert budget_rows(desk) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE budget_breaker SET latched = 0 WHERE model_id = 'gpt-5'",
        "UPDATE budget_breaker SET latched = 1 WHERE model_id = 'gpt-5-mini'",
        "UPDATE budget_breaker SET trips = trips + 1 WHERE model_id = 'gpt-5'",
        "UPDATE budget_breaker SET cost = 1 WHERE model_id = 'gpt-5'",
        "DELETE FROM budget_breaker WHERE model_id = 'gpt-5'",
        "UPDATE budget_breaker SET provider = 'x' WHERE model_id = 'gpt-5'",
    ],
)
def test_a_tampered_latch_is_found(desk: Desk, statement: str) -> None:
    """The table is the fold of trips and resets, and of nothing else."""
    latch(desk)
    latch(desk, "m1", model_id="gpt-5-mini")
    desk.write(reset("gpt-5-mini"))
    assert verify(desk.path).ok
    desk.writer.close()
    with closing(sqlite3.connect(desk.path, isolation_level=None)) as db:
        assert db.execute(statement).rowcount == 1
    assert verify(desk.path).broken_how == "wrong_breaker"


def test_the_provider_breaker_may_be_reset_by_hand_too(desk: Desk) -> None:
    """While it is open or half open; its trips stay counted, and the verifier agrees."""
    (wrong,) = desk.append(reset(breaker="provider"))
    assert isinstance(wrong, ControlRefused)
    desk.write(*(failed(f"t{number}", reason="authentication") for number in range(5)))
    assert refusal_of(desk, "c1") is not None
    desk.write(reset(breaker="provider"))
    assert refusal_of(desk, "c2") is None
    desk.reopen()
    with desk.reader() as reader:
        (row,) = reader.breakers()
    assert (row.breaker.state, row.breaker.trips) == (BreakerState.CLOSED, 1)
    desk.writer.close()
    assert verify(desk.path).ok


def test_a_fallback_stands_only_where_its_hop_was_let_through(desk: Desk) -> None:
    """After its request in one append; the answer to one that was refused says so, and nothing is written."""
    desk.limits = budget(run=1500)
    desk.write(requested("c1", bound=1000, hop=2), taken("c1"))
    acks = desk.write(requested("c2", bound=1000, hop=2), taken("c2"))
    assert [ack.refusal.code if ack.refusal else None for ack in acks] == ["budget_exceeded", "hop_not_open"]
    assert (acks[1].seq, acks[1].hash) == (0, "")
    assert desk.kinds().count("llm.fallback.taken") == 1
    with desk.reader() as reader:
        assert sum(row.fallbacks for row in reader.totals()) == 1


def test_a_fallback_of_a_hop_that_ended_or_has_no_number_is_none(desk: Desk) -> None:
    """Whatever a client says of it."""
    desk.write(requested("c1", hop=2), completed("c1", hop=2))
    odd = EventDraft(event_id(), EventKind.FALLBACK_TAKEN, {"hop": "2"}, call_id="c1")
    acks = desk.write(taken("c1"), odd)
    assert [ack.refusal.code if ack.refusal else None for ack in acks] == ["hop_not_open"] * 2
    assert "llm.fallback.taken" not in desk.kinds()


def test_a_repeated_append_finds_its_fallback(desk: Desk) -> None:
    """A client that got no answer repeats it, also after the hop has ended."""
    asked, fallback = requested("c1", hop=2), taken("c1")
    first = desk.write(asked, fallback)
    desk.write(completed("c1", hop=2))
    assert [ack.seq for ack in desk.write(asked, fallback)] == [ack.seq for ack in first]


def taken(call_id: str, hop: int = 2) -> EventDraft:
    """A fallback to google."""
    body = {"to": {"provider": "google", "model_id": "gemini-2.5-pro"}, "reason": "timeout", "hop": hop}
    return EventDraft(event_id(), EventKind.FALLBACK_TAKEN, body, run_id="r1", call_id=call_id, layer="L2")
