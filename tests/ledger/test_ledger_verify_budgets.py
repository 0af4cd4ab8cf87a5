"""Budgets' state is folded again: what somebody changed in it is named, and honest ledgers always pass."""

import sqlite3
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_desk import Desk
from ledger_events import accepted, began, budget, completed, event_id, failed, requested, settled

from peak_console.budget.limits import BudgetLimits, Limit, Scope
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.money import NanoEur
from peak_console.ledger.verifying.known_limits import KnownLimits
from peak_console.ledger.verifying.verify import Plan, Sources, VerifyResult, verify

MUCH = NanoEur(10**12)
ALL = (
    Limit(Scope.MONTH, max_cost=MUCH),
    Limit(Scope.PHASE, max_cost=MUCH),
    Limit(Scope.LAYER_DAY, "L2", max_cost=MUCH),
)


def starts(digest: str) -> EventDraft:
    """A node begins with these budgets."""
    return EventDraft(event_id(), EventKind.NODE_STARTED, {"digests": {"budgets": digest}})


def verified(path: Path, limits: BudgetLimits | None = None) -> VerifyResult:
    """Verify as the workspace's own."""
    known = KnownLimits.of(limits) if limits else None
    plan = Plan(limits=known, workers=1)
    return verify(path, plan=plan, sources=Sources(notes=path.parent / "none"))


def change(path: Path, statement: str) -> int:
    """Somebody writes the file; the tables of budgets have no triggers."""
    db = sqlite3.connect(path, isolation_level=None)
    count = db.execute(statement).rowcount
    db.close()
    return count


@pytest.fixture
def spent(desk: Desk) -> Desk:
    """A day with money in every place it can be."""
    desk.limits = budget(*ALL)
    desk.write(starts("d1"), began("r1", max_cost_eur="1.0"))
    desk.write(requested("c1", bound=100), completed("c1", cost=50))
    desk.write(requested("c2", bound=100), failed("c2", cost=100, basis="worst_case"))
    desk.write(requested("c3", bound=100))
    desk.write(requested("c4", bound=10), completed("c4", cost=500, model_id="gpt-5"))
    desk.writer.close()
    return desk


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE budget_counter SET spent_cost = 0",
        "UPDATE budget_counter SET spent_cost = 0 WHERE key LIKE 'run:%'",
        "UPDATE budget_counter SET reserved_cost = 0",
        "UPDATE budget_counter SET spent_tokens = spent_tokens - 1 WHERE key LIKE 'run:%'",
        "UPDATE budget_counter SET spent_cost = spent_cost * 9",
        "DELETE FROM budget_counter",
        "DELETE FROM budget_counter WHERE key LIKE 'day:%'",
        "DELETE FROM booked_at_bound",
        "UPDATE booked_at_bound SET cost = 1",
        "DELETE FROM reservation",
        "UPDATE reservation SET cost = 1",
        "UPDATE reservation SET expires_us = 1",
        "DELETE FROM run_limit",
        "UPDATE run_limit SET max_cost = max_cost * 2",
        "INSERT INTO run_limit VALUES ('r9', 1, NULL, NULL)",
    ],
)
def test_money_that_somebody_changed_is_named(spent: Desk, statement: str) -> None:
    """Whoever refills a budget in the file is found, also without knowing its limits."""
    assert verified(spent.path).ok
    assert change(spent.path, statement) > 0
    result = verified(spent.path)
    assert (result.ok, result.broken_how, result.broken_seq) == (False, "wrong_budget", None)
    assert result.detail


@pytest.mark.parametrize("statement", ["DELETE FROM budget_breaker", "UPDATE budget_breaker SET latched = 0"])
def test_a_latch_that_somebody_took_off_is_named(spent: Desk, statement: str) -> None:
    """A budget breaker's events say where it stands."""
    assert change(spent.path, statement) == 1
    assert verified(spent.path).broken_how == "wrong_breaker"


@pytest.mark.parametrize("key", ["month:%", "phase:%", "layer_day:%", "day:%"])
@pytest.mark.parametrize(
    "change_to", ["spent_cost = spent_cost - 1", "spent_calls = 0", "spent_tokens = 9999"]
)
def test_with_the_limits_every_counter_is_known_exactly(spent: Desk, key: str, change_to: str) -> None:
    """Where the budgets' file stood all the time, also a month's, a phase's and a layer's counter."""
    assert verified(spent.path, spent.limits).ok
    assert change(spent.path, f"UPDATE budget_counter SET {change_to} WHERE key LIKE '{key}'") == 1  # noqa: S608 - own text
    assert verified(spent.path, spent.limits).broken_how == "wrong_budget"


def test_without_the_limits_the_result_says_what_it_cannot_know(spent: Desk) -> None:
    """A month's counter could have begun at any call; with other limits than now, too."""
    other = replace(spent.limits, digest="d2")
    for limits in (None, other):
        assert any("which limits stood" in text for text in verified(spent.path, limits).cannot_know)
    assert not any("which limits stood" in text for text in verified(spent.path, spent.limits).cannot_know)


def test_a_copy_without_budgets_passes_and_says_so(spent: Desk) -> None:
    """A ledger that was made of another's events keeps none; the workspace's own always does."""
    for table in ("budget_counter", "reservation", "booked_at_bound", "run_limit"):
        change(spent.path, "DELETE FROM " + table)  # noqa: S608 - own names
    assert verified(spent.path).broken_how == "wrong_budget"
    result = verify(spent.path)
    assert result.ok
    assert any("keeps none" in text for text in result.cannot_know)


CALLS = st.integers(1, 6).map(lambda number: f"c{number}")
RUNS = st.sampled_from(["r1", "r2"])
STEP = st.one_of(
    st.tuples(st.just("ask"), CALLS, RUNS, st.integers(0, 200)),
    st.tuples(st.just("answer"), CALLS, RUNS, st.integers(0, 300)),
    st.tuples(st.just("fail"), CALLS, RUNS, st.integers(0, 100)),
    st.tuples(st.just("accept"), CALLS, RUNS, st.just(0)),
    st.tuples(st.just("settle"), CALLS, RUNS, st.integers(0, 50)),
    st.tuples(st.just("lose"), CALLS, RUNS, st.just(0)),
    st.tuples(st.just("limits"), CALLS, RUNS, st.integers(0, 3)),
    st.tuples(st.just("wait"), CALLS, RUNS, st.integers(0, 2 * 86_400)),
    st.tuples(st.just("begin"), CALLS, RUNS, st.integers(0, 900)),
    st.tuples(st.just("reopen"), CALLS, RUNS, st.just(0)),
    st.tuples(st.just("phase"), CALLS, RUNS, st.just(0)),
)
CONFIGS = (
    budget(),
    budget(*ALL, digest="d2"),
    budget(Limit(Scope.MONTH, max_cost=MUCH), digest="d3", timezone="Pacific/Kiritimati"),
    budget(*ALL, digest="d4", timezone="America/New_York"),
)


def take(desk: Desk, step: tuple[Any, ...]) -> None:  # noqa: C901, PLR0912 - a branch a step
    """One step; what the ledger refuses is refused."""
    what, call_id, run_id, number = step
    if what == "ask":
        desk.append(requested(call_id, bound=number, run_id=run_id))
    elif what == "answer":
        desk.append(completed(call_id, cost=number, run_id=run_id))
    elif what == "fail":
        desk.append(failed(call_id, cost=number, basis="worst_case", run_id=run_id))
    elif what == "accept":
        desk.append(accepted(call_id, run_id=run_id))
    elif what == "settle":
        rows = sqlite3.connect(desk.path)
        row = rows.execute("SELECT cost FROM booked_at_bound WHERE call_id = ?", (call_id,)).fetchone()
        rows.close()
        if row:
            desk.append(settled(call_id, cost=min(number, row[0]), was=row[0], run_id=run_id))
    elif what == "lose":
        for draft in (*desk.reservations.abandon(""), *desk.reservations.overdue()):
            desk.append(draft)
    elif what == "limits":
        desk.limits = CONFIGS[number]
        body = {"file": "budgets", "old": "", "new": desk.limits.digest}
        assert not isinstance(
            desk.append(EventDraft(event_id(), EventKind.CONFIG_CHANGED, body))[0], PeakError
        )
    elif what == "wait":
        desk.clock.advance(number)
    elif what == "begin":
        desk.append(began(run_id, max_tokens=number))
    elif what == "phase":
        desk.append(EventDraft(event_id(), EventKind.PHASE_CHANGED, {"to": "x"}))
    else:
        desk.reopen()


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, max_size=40))
def test_an_honest_ledger_always_passes(steps: list[tuple[Any, ...]]) -> None:
    """Whatever happened, with the limits known and without: repeated, late, lost, settled, over days."""
    with TemporaryDirectory() as folder:
        desk = Desk(Path(folder) / "ledger.db").open()
        desk.write(starts("d1"))
        for step in steps:
            take(desk, step)
        desk.writer.close()
        for limits in (None, desk.limits, CONFIGS[1]):
            result = verified(desk.path, limits)
            assert result.ok, result.detail
