"""Breakers on the ledger: refused in the transaction, told by events, the same after a restart."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_desk import Desk
from ledger_events import accepted, budget, completed, failed, requested

from peak_console.domain.clock import unix_us
from peak_console.domain.errors import ConfigInvalid, LedgerUnavailable
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ledgering import Ack, Refusal
from peak_console.ledger.folds.breaker_rows import BreakerRow
from peak_console.ledger.verifying.verify import verify
from peak_console.policy.breaker import BreakerState

OPEN_S = 60


def call(desk: Desk, call_id: str, *, hop: int = 1, **fields: Any) -> Refusal | None:
    """Ask for a call; why it was refused, ``None`` when it was let through."""
    (ack,) = desk.write(requested(call_id, hop=hop, **fields))
    return ack.refusal


def trip(desk: Desk, *, name: str = "t", **fields: Any) -> None:
    """Five failed calls."""
    for number in range(5):
        call_id = f"{name}{number}"
        assert call(desk, call_id, **fields) is None
        desk.write(failed(call_id, reason="server_error", **fields))


def row(desk: Desk, model_id: str = "gpt-5") -> BreakerRow:
    """What a screen gets of a model's breaker."""
    with desk.reader() as reader:
        return next(one for one in reader.breakers() if one.model_id == model_id)


def breaker_events(desk: Desk) -> list[tuple[str, dict[str, Any]]]:
    """Trips and resets, in order."""
    with desk.reader() as reader:
        events = reader.read(limit=10_000)
    return [(event.kind, dict(event.body or {})) for event in events if event.kind.startswith("breaker.")]


def test_five_failures_refuse_the_next_call(desk: Desk) -> None:
    """The refusal says until when, how long to wait, and what helps; another model is untouched."""
    trip(desk)
    desk.clock.advance(10)
    refusal = call(desk, "c1")
    assert refusal is not None
    assert refusal.code == "breaker_open"
    until_us = unix_us(desk.clock.now()) + (OPEN_S - 10) * 1_000_000
    assert refusal.details["until_us"] == until_us
    assert refusal.details["retry_after_ms"] == (OPEN_S - 10) * 1000
    assert refusal.remedy
    assert "server_error" in refusal.message
    assert call(desk, "c2", model_id="gpt-5-mini") is None
    assert call(desk, "c3", provider="azure") is None


def test_a_trip_and_a_reset_are_events_of_the_ledgers_own(desk: Desk) -> None:
    """Each says of which model, from what to what, why and until when, once."""
    trip(desk)
    desk.clock.advance(OPEN_S)
    assert call(desk, "probe") is None
    desk.write(completed("probe"))
    (tripped, trip_body), (reset, reset_body) = breaker_events(desk)
    assert (tripped, reset) == ("breaker.tripped", "breaker.reset")
    assert trip_body == {
        "breaker": "provider",
        "provider": "openai",
        "model_id": "gpt-5",
        "state_from": "closed",
        "state_to": "open",
        "reason": "server_error",
        "until": "2026-11-22T12:01:00.000000Z",
        "trips": 1,
    }
    assert (reset_body["state_from"], reset_body["state_to"]) == ("half_open", "closed")
    assert (reset_body["reason"], reset_body["until"]) == ("probe_answered", None)
    with desk.reader() as reader:
        last = reader.last(EventKind.BREAKER_RESET)
    assert last is not None
    assert (last.actor, last.provider, last.model_id, last.call_id) == ("ledger", "openai", "gpt-5", "probe")


def test_exactly_one_of_many_calls_probes(desk: Desk) -> None:
    """Of calls in one transaction, one passes; a failed probe opens it for twice as long."""
    trip(desk)
    desk.clock.advance(OPEN_S)
    acks = desk.append(*(requested(f"p{number}") for number in range(20)))
    passed = [number for number, ack in enumerate(acks) if isinstance(ack, Ack) and ack.refusal is None]
    assert passed == [0]
    assert row(desk).as_dict(unix_us(desk.clock.now()))["state"] == "half_open"
    desk.write(failed("p0"))
    refusal = call(desk, "c1")
    assert refusal is not None
    assert refusal.details["retry_after_ms"] == 2 * OPEN_S * 1000
    assert [body["state_from"] for _, body in breaker_events(desk)] == ["closed", "half_open"]


def test_a_probe_that_the_budget_refuses_is_none(desk: Desk) -> None:
    """A call refused for another reason does not take the place."""
    trip(desk)
    desk.clock.advance(OPEN_S)
    refusal = call(desk, "big", bound=10**12)
    assert refusal is not None
    assert refusal.code == "budget_exceeded"
    assert call(desk, "probe") is None


def test_a_lost_probe_frees_its_place(desk: Desk) -> None:
    """Its caller gone, the next call is the probe; nobody waits for ever."""
    trip(desk)
    desk.clock.advance(OPEN_S)
    draft = requested("probe")
    desk.write(draft)
    assert call(desk, "c1") is not None
    desk.write(*desk.reservations.abandon(""))
    assert row(desk).breaker.state is BreakerState.HALF_OPEN
    assert call(desk, "c2") is None
    assert call(desk, "c3") is not None


def test_an_accepted_background_call_is_an_answer(desk: Desk) -> None:
    """The provider works: what it makes of it may take an hour."""
    trip(desk)
    desk.clock.advance(OPEN_S)
    asked = requested("probe")
    desk.write(asked)
    desk.write(accepted("probe"))
    assert row(desk).breaker.state is BreakerState.CLOSED
    assert call(desk, "c1") is None


def test_the_state_holds_over_a_restart(desk: Desk) -> None:
    """Open stays open, a probe stays the only one, failures stay counted, and time goes on meanwhile."""
    for number in range(4):
        call(desk, f"t{number}")
        desk.write(failed(f"t{number}"))
    desk.reopen()
    call(desk, "t4")
    desk.write(failed("t4"))
    desk.reopen()
    assert call(desk, "c1") is not None
    desk.clock.advance(OPEN_S)
    desk.reopen()
    assert call(desk, "probe") is None
    desk.reopen()
    assert call(desk, "c2") is not None
    desk.write(completed("probe"))
    desk.reopen()
    assert call(desk, "c3") is None
    assert row(desk).breaker.trips == 1


def test_a_told_wait_is_kept_to(desk: Desk) -> None:
    """A provider's Retry-After, of the hop or of one of its attempts, lengthens the opening."""
    for number in range(4):
        desk.write(failed(f"t{number}", reason="rate_limited"))
    last = failed("t4", reason="rate_limited")
    body = {**last.body, "attempts": [{**last.body["attempts"][0], "retry_after_ms": 300_000}]}
    desk.write(EventDraft(last.event_id, last.kind, body, "r1", "t4", "L2", "primary", "openai", "gpt-5"))
    refusal = call(desk, "c1")
    assert refusal is not None
    assert refusal.details["retry_after_ms"] == 300_000


def test_an_answer_to_nobody_in_particular_never_trips(desk: Desk) -> None:
    """Hundreds of refused requests and cancelled calls leave the breaker closed, and make no row."""
    for reason in ("bad_request", "cancelled", "stopped", "content_filter", "conflict"):
        for number in range(10):
            desk.write(failed(f"{reason}{number}", reason=reason))
    assert breaker_events(desk) == []
    with desk.reader() as reader:
        assert reader.breakers() == []


def test_edited_rules_bind_at_the_next_failure_and_broken_ones_change_nothing(desk: Desk) -> None:
    """The file is asked each time; one that cannot be read leaves the last rules in force."""
    desk.rules = type(desk.rules)(failures=2)
    desk.write(failed("t1"), failed("t2"))
    assert len(breaker_events(desk)) == 1

    def broken() -> Any:
        raise ConfigInvalid("broken", code="config_invalid", remedy="mend it")

    desk.breakers._rules = broken
    desk.write(failed("m1", model_id="m"), failed("m2", model_id="m"))
    assert len(breaker_events(desk)) == 2


def test_what_a_provider_says_of_its_rate_limit_is_kept(desk: Desk) -> None:
    """The last word with its age; what is no count is left out."""
    call(desk, "c1")
    rate = {"remaining_requests": 3, "remaining_tokens": "many", "reset_ms": 1500, "limit_requests": 60}
    desk.write(completed("c1", body={"rate": rate}))
    desk.clock.advance(2)
    shown = row(desk).as_dict(unix_us(desk.clock.now()))
    assert shown["rate"] == {
        "remaining_requests": 3,
        "reset_ms": 1500,
        "limit_requests": 60,
        "at": "2026-11-22T12:00:00.000000Z",
        "age_ms": 2000,
    }
    call(desk, "c2")
    desk.write(completed("c2", body={"rate": None}))
    assert row(desk).rate is not None
    desk.reopen()
    call(desk, "c3")
    desk.write(completed("c3", body={"rate": {"remaining_requests": 1}}))
    found = row(desk).rate
    assert found is not None
    assert found.fields == {"remaining_requests": 1}


def attempts(*reasons: str) -> dict[str, Any]:
    """A body with attempts that ended so."""
    return {
        "attempts": [
            {"number": number, "reason": reason, "status": None, "latency_us": 1, "waited_ms": 0}
            for number, reason in enumerate(reasons, 1)
        ]
    }


def test_a_model_that_fails_most_attempts_trips_though_every_call_is_answered(desk: Desk) -> None:
    """Four failures, then an answer, two hundred times: the second hop opens it; and over a restart."""
    desk.write(completed("c0", body=attempts("server_error", "server_error", "timeout", "timeout", "ok")))
    assert breaker_events(desk) == []
    desk.reopen()
    assert sum(one.failed for one in row(desk).breaker.recent) == 4
    desk.clock.advance(1)
    desk.write(completed("c1", body=attempts("server_error", "ok")))
    ((kind, body),) = breaker_events(desk)
    assert (kind, body["reason"]) == ("breaker.tripped", "server_error")
    assert call(desk, "c2") is not None
    desk.writer.close()
    assert verify(desk.path).ok


def test_answers_before_the_first_failure_count_as_attempts(desk: Desk) -> None:
    """Ten answers and five failures with answers between: a third is no reason."""
    for number in range(10):
        desk.write(completed(f"a{number}"))
    for number in range(5):
        desk.write(failed(f"f{number}"), completed(f"b{number}"))
    assert breaker_events(desk) == []
    desk.writer.close()
    assert verify(desk.path).ok


def test_the_wrong_model_answering_counts(desk: Desk) -> None:
    """An unexpected echo is the model's failure, though the provider answered with success."""
    for number in range(5):
        echo = failed(f"e{number}", reason="unexpected_echo")
        desk.write(
            EventDraft(
                echo.event_id, echo.kind, {**echo.body, **attempts("ok")},
                "r1", f"e{number}", "L2", "primary", "openai", "gpt-5",
            )
        )  # fmt: skip
    assert len(breaker_events(desk)) == 1


def test_a_row_for_a_screen_says_all_of_it(desk: Desk) -> None:
    """State, failures, until, reason, trips, last change; an opening that is over shows as half open."""
    trip(desk)
    now = unix_us(desk.clock.now())
    assert row(desk).as_dict(now + 5_000_000) == {
        "breaker": "provider",
        "provider": "openai",
        "model_id": "gpt-5",
        "state": "open",
        "failures": 0,
        "until": "2026-11-22T12:01:00.000000Z",
        "left_ms": 55_000,
        "reason": "server_error",
        "trips": 1,
        "changed": "2026-11-22T12:00:00.000000Z",
        "probing": False,
        "latched": False,
        "bill": None,
        "rate": None,
    }
    assert row(desk).state_at(now + OPEN_S * 1_000_000) is BreakerState.HALF_OPEN


def test_open_breakers_are_told_longest_first(desk: Desk) -> None:
    """For the lease: only those whose time is running."""
    trip(desk)
    desk.clock.advance(10)
    trip(desk, name="m", model_id="gpt-5-mini")
    now = unix_us(desk.clock.now())
    assert [one.model_id for one in desk.breakers.open_now(now)] == ["gpt-5-mini", "gpt-5"]
    assert [one.model_id for one in desk.breakers.open_now(now + 55_000_000)] == ["gpt-5-mini"]
    assert desk.breakers.open_now(now + OPEN_S * 1_000_000) == ()


def test_a_rolled_back_transaction_leaves_no_trace(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not committed is forgotten, and counted again when it comes again."""
    for number in range(4):
        desk.write(failed(f"t{number}"))
    with monkeypatch.context() as patched:

        def full(_: sqlite3.Connection) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        patched.setattr(desk.reservations, "flush", full)
        assert not isinstance(desk.append(failed("t4"))[0], Ack)
    assert call(desk, "c1") is None
    assert breaker_events(desk) == []
    desk.write(failed("t5"))
    assert len(breaker_events(desk)) == 1


def tampered(desk: Desk, statement: str) -> str | None:
    """How the verifier calls it after ``statement``."""
    desk.writer.close()
    with closing(sqlite3.connect(desk.path, isolation_level=None)) as db:
        assert db.execute(statement).rowcount == 1
    return verify(desk.path).broken_how


def whole_history(desk: Desk) -> None:
    """A model closed with failures, one open and lengthened, one half open, one with a rate limit."""
    trip(desk, name="a", model_id="closed")
    desk.clock.advance(OPEN_S)
    call(desk, "a9", model_id="closed")
    desk.write(completed("a9", model_id="closed", body={"rate": {"remaining_requests": 5}}))
    desk.write(failed("a10", model_id="closed"))
    trip(desk, name="h", model_id="half")
    desk.clock.advance(OPEN_S)
    call(desk, "h9", model_id="half")
    trip(desk, name="o", model_id="open")
    late = failed("o9", model_id="open", reason="rate_limited")
    body = {**late.body, "retry_after_ms": 500_000}
    desk.write(EventDraft(late.event_id, late.kind, body, "r1", "o9", "L2", "primary", "openai", "open"))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE provider_breaker SET state = 'closed', until_us = 0 WHERE model_id = 'open'",
        "UPDATE provider_breaker SET until_us = until_us - 1 WHERE model_id = 'open'",
        "UPDATE provider_breaker SET state = 'open' WHERE model_id = 'closed'",
        "UPDATE provider_breaker SET trips = trips + 1 WHERE model_id = 'closed'",
        "UPDATE provider_breaker SET until_us = 5 WHERE model_id = 'closed'",
        "UPDATE provider_breaker SET failures = '[7]' WHERE model_id = 'closed'",
        "UPDATE provider_breaker SET recent = '[[1800000000000000,9,9]]' WHERE model_id = 'closed'",
        "UPDATE provider_breaker SET recent = replace(recent, ',1,1]', ',1,2]') WHERE model_id = 'closed'",
        """UPDATE provider_breaker SET recent = '[["a",1,1]]' WHERE model_id = 'closed'""",
        "UPDATE provider_breaker SET state = 'ajar' WHERE model_id = 'half'",
        "UPDATE provider_breaker SET failures = 'x' WHERE model_id = 'half'",
        """UPDATE provider_breaker SET rate = '{"remaining_requests":6}' WHERE model_id = 'closed'""",
        "UPDATE provider_breaker SET rate_us = rate_us + 1 WHERE model_id = 'closed'",
        "UPDATE provider_breaker SET rate_seq = 2 WHERE model_id = 'closed'",
        "DELETE FROM provider_breaker WHERE model_id = 'half'",
        "UPDATE provider_breaker SET provider = 'x' WHERE model_id = 'open'",
    ],
)
def test_a_tampered_table_is_found(desk: Desk, statement: str) -> None:
    """State, time, trips, failures and rate limit are held against the events."""
    whole_history(desk)
    assert verify(desk.path).ok
    assert tampered(desk, statement) == "wrong_breaker"


def test_a_table_that_holds_no_breaker_is_said_to_be_corrupt(desk: Desk) -> None:
    """The node does not start on it and a screen does not show it; both say what to do."""
    trip(desk)
    tampered(desk, "UPDATE provider_breaker SET failures = 'x'")
    for opening in (desk.open, lambda: row(desk)):
        with pytest.raises(LedgerUnavailable) as caught:
            opening()
        assert (caught.value.code, bool(caught.value.remedy)) == ("ledger_corrupt", True)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "fail", "answer", "retry", "lose", "wait", "reopen"]), st.integers(0, 5)
    ),
    max_size=60,
)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_whatever_happens_one_probe_and_a_sound_table(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    """Over interleavings, losses, time and restarts: never two probes, never a call while open, verified."""
    desk = Desk(tmp_path_factory.mktemp("ledger") / "ledger.db", limits=budget(run=10**15, day=10**15)).open()
    under_way: list[str] = []
    probes: set[str] = set()
    moves: dict[str, Callable[[int], None]] = {}

    def ask(_: int) -> None:
        before = desk.breakers._breakers.get(("openai", "gpt-5"))
        call_id = f"c{desk.writer.head[0]}"
        refusal = call(desk, call_id)
        now = unix_us(desk.clock.now())
        if refusal is None:
            under_way.append(call_id)
            if before is not None and before.state is not BreakerState.CLOSED:
                assert not before.holds(now)
                assert not probes & set(under_way)
                probes.add(call_id)
        else:
            assert before is not None
            assert before.holds(now) or probes & set(under_way)

    def end(make: Callable[..., EventDraft]) -> Callable[[int], None]:
        def one(number: int) -> None:
            if under_way:
                desk.write(make(under_way.pop(number % len(under_way))))

        return one

    def lose(_: int) -> None:
        desk.write(*desk.reservations.abandon(""))
        under_way.clear()

    moves["ask"], moves["fail"], moves["answer"], moves["lose"] = ask, end(failed), end(completed), lose
    moves["retry"] = end(lambda call_id: completed(call_id, body=attempts("timeout", "ok")))
    moves["wait"] = lambda number: desk.clock.advance(number * 15)
    moves["reopen"] = lambda _: desk.reopen()
    for name, number in [("ask", 0)] * 5 + [("fail", 0)] * 5 + steps:
        moves[name](number)
    desk.writer.close()
    found = verify(desk.path)
    assert found.ok, found
