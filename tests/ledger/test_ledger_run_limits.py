"""Limits that a run sets itself: they bind in the writer's transaction, whoever calls and whenever."""

from typing import Any

import pytest
from ledger_desk import Desk
from ledger_events import began, budget, completed, event_id, requested

from peak_console.budget.limits import BudgetLimits
from peak_console.domain.errors import UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ledgering import Ack, Refusal


def asked(desk: Desk, call_id: str, **fields: Any) -> Refusal | None:
    """Ask for a call; why it was refused."""
    (ack,) = desk.write(requested(call_id, **fields))
    return ack.refusal


def test_a_runs_own_limit_on_money_binds(desk: Desk) -> None:
    """Below the configured one; the refusal says that the run set it. Another run is not bound by it."""
    desk.write(began(max_cost_eur="0.000000250"))
    assert asked(desk, "c1", bound=100) is None
    assert asked(desk, "c2", bound=100) is None
    refusal = asked(desk, "c3", bound=100)
    assert refusal is not None
    assert (refusal.code, refusal.details["scope"], refusal.details["set_by"]) == (
        "budget_exceeded",
        "run",
        "run",
    )
    assert refusal.details["limit"] == "0.000000250"
    assert "another run" in refusal.remedy
    assert asked(desk, "c4", bound=100, run_id="r2") is None


@pytest.mark.parametrize(("limits", "unit"), [({"max_calls": 2}, "calls"), ({"max_tokens": 250}, "tokens")])
def test_a_runs_own_limit_on_calls_and_tokens_binds(desk: Desk, limits: dict[str, int], unit: str) -> None:
    """What is reserved counts, and what is spent."""
    desk.write(began(**limits))
    assert asked(desk, "c1", bound=100) is None
    desk.write(completed("c1"))
    assert asked(desk, "c2", bound=100) is None
    refusal = asked(desk, "c3", bound=101)
    assert refusal is not None
    assert refusal.details["unit"] == unit


def test_the_lower_limit_counts(desk: Desk) -> None:
    """A run cannot give itself more than the configs do; then the remedy is the configs'."""
    desk.limits = budget(run=150)
    desk.write(began(max_cost_eur="5"))
    assert asked(desk, "c1", bound=100) is None
    refusal = asked(desk, "c2", bound=100)
    assert refusal is not None
    assert "set_by" not in refusal.details
    assert "budgets.toml" in refusal.remedy


def test_a_runs_own_limit_is_no_budget_of_the_workspace(desk: Desk) -> None:
    """Where the configs set no limit for runs, a run's own does not stand in for it."""
    day = budget().limits[1]
    desk.limits = BudgetLimits((day,), budget().warn_pct, "UTC", "d")
    desk.write(began(max_cost_eur="1"))
    refusal = asked(desk, "c1")
    assert refusal is not None
    assert refusal.code == "budget_missing"


def test_zero_denies(desk: Desk) -> None:
    """A run that may spend nothing spends nothing."""
    desk.write(began(max_calls=0))
    refusal = asked(desk, "c1")
    assert refusal is not None
    assert refusal.code == "budget_zero"


def test_begun_again_a_run_can_only_be_lowered(desk: Desk) -> None:
    """Two processes of one run: neither lifts what the other set."""
    desk.write(began(max_calls=1))
    desk.write(began(max_calls=9, max_cost_eur="0.000000500"))
    assert asked(desk, "c1", bound=100) is None
    refusal = asked(desk, "c2", bound=100)
    assert refusal is not None
    assert refusal.details["unit"] == "calls"
    with desk.reader() as reader:
        limit = reader.run_limits()["r1"]
    assert (limit.max_calls, limit.max_cost) == (1, 500)


def test_limits_hold_from_the_first_of_concurrent_calls_and_after_a_restart(desk: Desk) -> None:
    """In the very transaction of the run's beginning, and for a writer that read them from the file."""
    _, *acks = desk.append(began(max_calls=2), *(requested(f"c{number}", bound=1) for number in range(9)))
    assert [isinstance(ack, Ack) and ack.refusal is None for ack in acks] == [True, True, *[False] * 7]
    desk.reopen()
    refusal = asked(desk, "c10", bound=1)
    assert refusal is not None
    assert refusal.code == "budget_exceeded"


def test_a_warning_is_given_once_for_the_limit_that_counts(desk: Desk) -> None:
    """One event per unit, whoever set the limit."""
    desk.limits = budget(run=110)
    desk.write(began(max_cost_eur="0.000000100"))
    desk.write(requested("c1", bound=90))
    with desk.reader() as reader:
        events = [event for event in reader.read(limit=99) if event.kind == EventKind.BUDGET_WARNED]
    assert [(event.body or {})["limit"] for event in events] == ["0.000000100"]


@pytest.mark.parametrize(
    "limits",
    [
        "x",
        {"max_cost": "1"},
        {"max_cost_eur": 1.5},
        {"max_cost_eur": "-1"},
        {"max_cost_eur": "1e3"},
        {"max_cost_eur": "0.0000000001"},
        {"max_calls": -1},
        {"max_calls": True},
        {"max_tokens": "9"},
        {"max_tokens": 2**53},
    ],
)
def test_limits_that_could_not_bind_are_refused(desk: Desk, limits: Any) -> None:
    """A misspelt or unreadable limit would be none at all."""
    body = {"purpose": "x", "limits": limits}
    (result,) = desk.append(EventDraft(event_id(), EventKind.RUN_STARTED, body, "r1"))
    assert isinstance(result, UsageWrong)
    (result,) = desk.append(EventDraft(event_id(), EventKind.RUN_STARTED, {"limits": {"max_calls": 1}}))
    assert isinstance(result, UsageWrong)


def test_a_run_without_limits_has_none(desk: Desk) -> None:
    """Absent, null and empty are the same."""
    for limits in (None, {}, {"max_calls": None}):
        desk.write(EventDraft(event_id(), EventKind.RUN_STARTED, {"limits": limits}, "r1"))
    assert asked(desk, "c1") is None


def test_runs_in_memory_are_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is forgotten is read again."""
    monkeypatch.setattr("peak_console.ledger.folds.run_limits._KEPT", 10)
    for number in range(50):
        desk.write(began(f"run{number}", max_calls=0))
    assert len(desk.reservations._runs._known) <= 11
    refusal = asked(desk, "c1", run_id="run0")
    assert refusal is not None
    assert refusal.code == "budget_zero"
