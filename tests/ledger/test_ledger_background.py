"""Hops that a provider works on unattended: nobody's connection ends them, their time does."""

from typing import Any

import pytest
from ledger_desk import Desk
from ledger_events import accepted, completed, failed, requested
from ledger_service import Service, until

from peak_console.domain.errors import UsageWrong
from peak_console.domain.events import EventDraft, EventKind


def money(desk: Desk) -> tuple[int, int]:
    """Spent and reserved in the run."""
    with desk.reader() as reader:
        (row,) = [row for row in reader.budgets() if row.key == "run:r1"]
    return row.spent_cost, row.reserved_cost


def begin(desk: Desk, **fields: Any) -> None:
    """A background hop under way."""
    desk.write(requested("c1", bound=100), accepted("c1", **fields))


async def test_a_caller_may_go_once_the_provider_has_accepted(service: Service) -> None:
    """Its reservation stays; before that, a caller that is gone is lost."""
    async with await service.client() as client:
        await client.append([requested("c1", bound=100)])
        await client.append([requested("c2", bound=10)])
        await client.append([accepted("c1")])
    await until(lambda: not service.server._sessions)
    service.desk.clock.advance(11)
    (ack,) = await service.server.sweep()
    with service.desk.reader() as reader:
        lost = reader.by_seq(ack.seq)
    assert lost is not None
    assert (lost.call_id, (lost.body or {})["reason"]) == ("c2", "caller_lost")
    assert money(service.desk) == (10, 100)


@pytest.mark.parametrize("restart", [False, True])
async def test_it_is_given_up_at_its_bound_when_its_time_is_over(service: Service, restart: bool) -> None:  # noqa: FBT001
    """Not a moment before; once; also by a node that was started meanwhile."""
    begin(service.desk)
    if restart:
        await service.restart()
    service.desk.clock.advance(3599)
    assert await service.server.sweep() == []
    service.desk.clock.advance(1)
    (ack,) = await service.server.sweep()
    with service.desk.reader() as reader:
        event = reader.by_seq(ack.seq)
    assert event is not None
    assert event.actor == "ledger"
    assert (event.kind, event.provider, event.model_id) == (EventKind.CALL_FAILED, "openai", "gpt-5")
    body = event.body or {}
    assert (body["reason"], body["cost_basis"], body["cost_eur"]) == (
        "background_lost",
        "worst_case",
        "0.000000100",
    )
    assert money(service.desk) == (100, 0)
    assert await service.server.sweep() == []


def test_a_late_answer_corrects_it(desk: Desk) -> None:
    """The bound gives way to the bill, in counters and in figures."""
    begin(desk)
    desk.clock.advance(4000)
    desk.write(*desk.reservations.overdue())
    desk.reopen()
    desk.write(completed("c1", cost=30))
    assert money(desk) == (30, 0)
    with desk.reader() as reader:
        assert sum(row.cost_nano_eur for row in reader.totals()) == 30


def test_an_answer_in_time_settles_as_any(desk: Desk) -> None:
    """Then nothing is overdue."""
    begin(desk)
    desk.reopen()
    desk.write(completed("c1", cost=30))
    assert money(desk) == (30, 0)
    desk.clock.advance(4000)
    assert desk.reservations.overdue() == []


@pytest.mark.parametrize("state", ["never asked", "answered", "failed"])
def test_only_an_open_hop_can_be_accepted(desk: Desk, state: str) -> None:
    """What never was or has ended is refused, and changes nothing."""
    if state != "never asked":
        desk.write(requested("c1", bound=100), completed("c1") if state == "answered" else failed("c1"))
    before = desk.writer.head
    (result,) = desk.append(accepted("c1"))
    assert isinstance(result, UsageWrong)
    assert (result.code, bool(result.remedy)) == ("hop_not_open", True)
    assert desk.writer.head == before


def test_a_lost_callers_hop_may_still_be_accepted(desk: Desk) -> None:
    """The word came late: it is on record for whoever resumes the call; the bound stays booked."""
    desk.write(requested("c1", bound=100))
    desk.write(*desk.reservations.abandon(""))
    desk.write(accepted("c1"))
    assert money(desk) == (100, 0)
    desk.clock.advance(4000)
    assert desk.reservations.overdue() == []
    desk.write(completed("c1", cost=30))
    assert money(desk) == (30, 0)


def test_no_hop_stays_reserved_for_ever(desk: Desk) -> None:
    """An expiry in a far future is cut at a week; one in the past is due now."""
    begin(desk, expires="9999-01-01T00:00:00.000000Z")
    desk.write(requested("c2"), accepted("c2", expires="1970-01-01T00:00:00.000000Z"))
    assert [draft.call_id for draft in desk.reservations.overdue()] == ["c2"]
    desk.clock.advance(7 * 24 * 3600)
    assert {draft.call_id for draft in desk.reservations.overdue()} == {"c1", "c2"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hop", "1"),
        ("response_id", ""),
        ("response_id", None),
        ("expires_at", "soon"),
        ("expires_at", "2026-11-22T13:00:00"),
        ("endpoint", 5),
    ],
)
def test_an_acceptance_that_could_not_be_resumed_is_refused(desk: Desk, name: str, value: Any) -> None:
    """Without the provider's id, the address or an end in time it is worth nothing."""
    desk.write(requested("c1"))
    good = accepted("c1")
    bad = EventDraft(good.event_id, good.kind, {**good.body, name: value}, call_id="c1")
    (result,) = desk.append(bad)
    assert isinstance(result, UsageWrong)


def test_a_reader_tells_background_hops_apart(desk: Desk) -> None:
    """Under way are both; only one belongs to its caller."""
    desk.write(requested("c2", bound=7))
    desk.clock.advance(5)
    begin(desk)
    with desk.reader() as reader:
        assert reader.in_flight() == 2
        rows = [(row.place.call_id, row.state, row.cost, row.expires) for row in reader.reservations()]
    assert rows == [("c2", "open", 7, None), ("c1", "background", 100, "2026-11-22T13:00:00.000000Z")]
