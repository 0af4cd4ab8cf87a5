"""Budgets in the writer's transaction: never over a limit, settled to the nano-EUR, after any restart too."""

from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from ledger_desk import Desk
from ledger_events import budget, completed, event_id, failed, note, requested, settled

from peak_console.budget.limits import BudgetLimits, Limit, Scope
from peak_console.domain.errors import ConfigInvalid
from peak_console.domain.events import EventDraft
from peak_console.domain.ledgering import Ack
from peak_console.domain.money import NanoEur


def refused(ack: Ack) -> str | None:
    """The reason of a refusal, or none."""
    return None if ack.refusal is None else str(ack.refusal.code)


def spent_and_reserved(desk: Desk, prefix: str = "run:") -> tuple[int, int]:
    """Money spent and reserved under the one key that begins so."""
    with desk.reader() as reader:
        (row,) = [row for row in reader.budgets() if row.key.startswith(prefix)]
    return row.spent_cost, row.reserved_cost


def test_a_request_reserves_its_bound_and_an_answer_settles(desk: Desk) -> None:
    """Reserved while it runs, spent at what it cost when it ends."""
    desk.write(requested("c1", bound=100))
    assert spent_and_reserved(desk) == (0, 100)
    with desk.reader() as reader:
        assert reader.in_flight() == 1
    desk.write(completed("c1", cost=40))
    assert spent_and_reserved(desk) == spent_and_reserved(desk, "day:") == (40, 0)
    with desk.reader() as reader:
        assert reader.in_flight() == 0


def test_a_request_beyond_a_limit_is_refused_on_the_record(desk: Desk) -> None:
    """In one batch too: what is reserved counts. ``budget.exceeded`` stands beside the first refusal only."""
    desk.limits = budget(run=250)
    acks = desk.write(*(requested(f"c{number}", bound=100) for number in range(4)))
    assert [refused(ack) for ack in acks] == [None, None, "budget_exceeded", "budget_exceeded"]
    kinds = desk.kinds()
    assert kinds.count("llm.call.refused") == 2
    assert kinds.count("budget.exceeded") == 1
    with desk.reader() as reader:
        body = reader.last("budget.exceeded")
    assert body is not None
    assert body.body == {
        "scope": "run",
        "key": "run:r1",
        "unit": "eur",
        "limit": "0.000000250",
        "spent": "0.000000000",
        "reserved": "0.000000200",
        "asked": "0.000000100",
    }


def test_a_limit_is_reached_exactly(desk: Desk) -> None:
    """``spent + reserved + bound <= limit``: equal fits."""
    desk.limits = budget(run=200)
    acks = desk.write(requested("c1", bound=100), requested("c2", bound=100), requested("c3", bound=1))
    assert [refused(ack) for ack in acks] == [None, None, "budget_exceeded"]


def test_all_scopes_bind_at_once(desk: Desk) -> None:
    """A call that fits its run may still not fit its day; nothing is reserved for what is refused."""
    desk.limits = budget(day=150)
    first, second = desk.write(
        requested("c1", run_id="r1", bound=100), requested("c2", run_id="r2", bound=100)
    )
    assert (refused(first), refused(second)) == (None, "budget_exceeded")
    assert second.refusal is not None
    assert second.refusal.details["scope"] == "day"
    with desk.reader() as reader:
        assert not [row for row in reader.budgets() if row.key == "run:r2" and row.reserved_cost]


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (budget(run=0), "budget_zero"),
        (BudgetLimits((), Decimal(80), "UTC", "d"), "budget_missing"),
        (BudgetLimits((Limit(Scope.RUN, max_cost=NanoEur(9)),), Decimal(80), "UTC", "d"), "budget_missing"),
        (budget(Limit(Scope.LAYER_DAY, "L2", max_calls=0)), "budget_zero"),
        (budget(Limit(Scope.MONTH, max_tokens=50)), "budget_exceeded"),
        (budget(Limit(Scope.PHASE, max_cost=NanoEur(50))), "budget_exceeded"),
        (budget(Limit(Scope.LAYER_RUN, "L3", max_calls=0)), None),
    ],
)
def test_zero_and_missing_deny(desk: Desk, limits: BudgetLimits, code: str | None) -> None:
    """Zero denies; nothing at run or day level denies; another layer's limit does not bind."""
    desk.limits = limits
    (ack,) = desk.write(requested(bound=100))
    assert refused(ack) == code


def test_limits_that_cannot_be_read_refuse(desk: Desk) -> None:
    """While the budgets are broken nothing is admitted; what runs is still settled."""

    def broken() -> BudgetLimits:
        raise ConfigInvalid("budgets.toml is broken", code="config_invalid")

    desk.write(requested("c1", bound=100))
    desk.reservations._limits = broken
    (ack,) = desk.write(requested("c2"))
    assert refused(ack) == "config_invalid"
    desk.write(completed("c1", cost=10))
    assert spent_and_reserved(desk) == (10, 0)


def test_new_limits_bind_at_once(desk: Desk) -> None:
    """Limits are asked at every call; a warning is given anew under new limits."""
    desk.limits = budget(run=100)
    desk.write(requested("c1", bound=90))
    assert desk.kinds().count("budget.warned") == 1
    desk.limits = budget(run=110, digest="d2")
    (ack,) = desk.write(requested("c2", bound=30))
    assert refused(ack) == "budget_exceeded"
    desk.limits = budget(run=1000, digest="d3")
    (ack,) = desk.write(requested("c3", bound=800))
    assert refused(ack) is None
    assert desk.kinds().count("budget.warned") == 2


def test_a_warning_is_given_once(desk: Desk) -> None:
    """At 80 %, by scope and unit, not again with every call after it or after a restart."""
    desk.limits = budget(run=100)
    desk.write(requested("c1", bound=79))
    assert "budget.warned" not in desk.kinds()
    desk.write(requested("c2", bound=1))
    desk.reopen()
    desk.write(requested("c3", bound=1))
    assert desk.kinds().count("budget.warned") == 1


def test_a_warning_is_given_again_after_it_was_settled_below_its_level(desk: Desk) -> None:
    """An operator settles 90 of 100 to 30: the next crossing is another one, and so after a restart."""
    desk.limits = budget(run=100)
    desk.write(requested("c1", bound=90), failed("c1", cost=90, basis="worst_case"))
    assert desk.kinds().count("budget.warned") == 1
    desk.write(settled("c1", cost=30, was=90))
    desk.reopen()
    desk.write(requested("c2", bound=49))
    assert desk.kinds().count("budget.warned") == 1
    desk.write(requested("c3", bound=1))
    assert desk.kinds().count("budget.warned") == 2


def test_a_warning_is_given_again_after_a_call_cost_far_less_than_its_bound(desk: Desk) -> None:
    """Released money counts as well; about the level itself calls may come and go without a word."""
    desk.limits = budget(run=100)
    desk.write(requested("c1", bound=85))
    desk.write(completed("c1", cost=75, body={"usage": {}}))
    desk.write(requested("c2", bound=10))
    assert desk.kinds().count("budget.warned") == 1
    desk.write(completed("c2", cost=0, body={"usage": {}}))
    assert desk.kinds().count("budget.warned") == 1
    desk.limits = budget(run=1000)
    desk.write(requested("c3", bound=800), requested("c4", bound=200, run_id="r2"))
    warned = desk.kinds().count("budget.warned")
    desk.write(completed("c3", cost=10, body={"usage": {}}))
    desk.write(requested("c5", bound=800))
    assert desk.kinds().count("budget.warned") == warned + 1


def test_a_bill_above_its_bound_is_booked_and_told(desk: Desk) -> None:
    """It is spent in full, and the limit it breaks is named."""
    desk.limits = budget(run=100)
    desk.write(requested("c1", bound=50))
    desk.write(completed("c1", cost=130))
    assert spent_and_reserved(desk) == (130, 0)
    assert desk.kinds()[-1] == "budget.exceeded"


def test_an_unknown_bill_is_spent_at_its_bound(desk: Desk) -> None:
    """In tokens as in money."""
    desk.write(requested("c1", bound=70), failed("c1", cost=70, basis="worst_case"))
    with desk.reader() as reader:
        (row,) = [row for row in reader.budgets() if row.key == "run:r1"]
    assert (row.spent_cost, row.spent_tokens, row.spent_calls, row.reserved_cost) == (70, 70, 1, 0)


def test_a_hop_that_never_left_costs_nothing(desk: Desk) -> None:
    """Its reservation is given back whole."""
    desk.write(requested("c1", bound=70), failed("c1", sent=False, reason="posture"))
    assert spent_and_reserved(desk) == (0, 0)


def test_an_answer_nobody_asked_for_is_spent_all_the_same(desk: Desk) -> None:
    """Spending is never understated."""
    desk.write(completed("c9", cost=33))
    assert spent_and_reserved(desk) == (33, 0)


def test_a_call_belongs_to_the_day_of_its_request(desk: Desk) -> None:
    """An answer after midnight in the limits' timezone settles on the day before."""
    desk.limits = budget(timezone="UTC")
    desk.write(requested("c1", bound=100))
    desk.clock.advance(13 * 3600)
    desk.write(completed("c1", cost=40), requested("c2", bound=5))
    with desk.reader() as reader:
        days = {
            row.key: (row.spent_cost, row.reserved_cost)
            for row in reader.budgets()
            if row.key.startswith("day")
        }
    assert days == {"day:2026-11-22": (40, 0), "day:2026-11-23": (0, 5)}


def test_a_phase_budget_starts_with_its_phase(desk: Desk) -> None:
    """What earlier phases spent does not count, after a restart either."""
    desk.limits = budget(Limit(Scope.PHASE, max_cost=NanoEur(100)))
    desk.write(requested("c1", bound=90))
    (ack,) = desk.write(requested("c2", bound=90))
    assert refused(ack) == "budget_exceeded"
    desk.write(
        EventDraft(event_id(), "phase.changed", {"from": "bootstrap", "to": "foundation", "reason": "x"})
    )
    (ack,) = desk.write(requested("c3", bound=90))
    assert refused(ack) is None
    desk.reopen()
    (ack,) = desk.write(requested("c4", bound=90))
    assert refused(ack) == "budget_exceeded"


def test_a_call_budget_counts_all_hops_of_a_call(desk: Desk) -> None:
    """Over its fallbacks and over a restart, from its own events; another call has its own."""
    desk.limits = budget(Limit(Scope.CALL, max_calls=2, max_cost=NanoEur(250)))
    desk.write(
        requested("c1", hop=1), failed("c1", hop=1, cost=100, basis="worst_case"), requested("c1", hop=2)
    )
    (ack,) = desk.write(requested("c1", hop=3))
    assert refused(ack) == "budget_exceeded"
    desk.reopen()
    (ack,) = desk.write(requested("c1", hop=4))
    assert refused(ack) == "budget_exceeded"
    (ack,) = desk.write(requested("c2"))
    assert refused(ack) is None


def test_calls_per_minute_are_counted_on_the_boot_clock(desk: Desk) -> None:
    """Five a minute, whatever the wall clock says; the window moves on; a restart forgets nothing."""
    desk.limits = budget(Limit(Scope.DAY, max_calls_per_min=5))
    acks = desk.write(*(requested(f"a{number}") for number in range(6)))
    assert [refused(ack) for ack in acks] == [None] * 5 + ["budget_exceeded"]
    assert acks[5].refusal is not None
    assert acks[5].refusal.details["unit"] == "calls_per_min"
    assert "budget.exceeded" not in desk.kinds()
    desk.clock.step_wall(3600 * 5)
    desk.reopen()
    (ack,) = desk.write(requested("b1"))
    assert refused(ack) == "budget_exceeded"
    desk.clock.advance(62)
    (ack,) = desk.write(requested("b2"))
    assert refused(ack) is None


def test_a_rollback_leaves_nothing_reserved(desk: Desk) -> None:
    """A transaction that failed is as if it had never been tried."""
    desk.write(requested("c1", bound=100))
    real = desk.rollups.flush

    def faulty(db: Any) -> None:
        raise ZeroDivisionError("a fault")

    desk.rollups.flush = faulty  # type: ignore[method-assign]
    (wrong,) = desk.append(requested("c2", bound=100))
    assert not isinstance(wrong, Ack)
    desk.rollups.flush = real  # type: ignore[method-assign]
    desk.write(note())
    assert spent_and_reserved(desk) == (0, 100)


def test_a_lost_callers_calls_are_booked_at_their_bound(desk: Desk) -> None:
    """The events that end them repeat the request's header; a late answer corrects the spend."""
    draft = requested("c1", bound=100)
    desk.writer.append([(draft, "ada")])
    (lost,) = desk.reservations.abandon("")
    assert (lost.kind, lost.call_id, lost.run_id, lost.model_id) == ("llm.call.failed", "c1", "r1", "gpt-5")
    assert lost.body["reason"] == "caller_lost"
    assert lost.body["cost_eur"] == "0.000000100"
    assert lost.body["request_hash"] == "0" * 64
    desk.write(lost)
    assert desk.reservations.clients() == set()
    assert spent_and_reserved(desk) == (100, 0)
    desk.reopen()
    desk.write(completed("c1", cost=30))
    assert spent_and_reserved(desk) == (30, 0)


class BudgetMachine(RuleBasedStateMachine):
    """Requests, ends and restarts in any order against a model of ten lines."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.running: dict[tuple[str, str], int] = {}
        self.spent: dict[str, int] = {}
        self.number = 0

    @initialize(run=st.integers(0, 300), day=st.integers(0, 500))
    def begin(self, run: int, day: int) -> None:
        """Any limits."""
        self.most_run, self.most_day = run, day
        limits = budget(run=run, day=day, timezone="UTC")
        self.desk = Desk(Path(self.folder.name) / "ledger.db", limits=limits).open()

    @rule(bounds=st.lists(st.integers(0, 120), min_size=1, max_size=4), run_id=st.sampled_from(["r1", "r2"]))
    def ask(self, bounds: list[int], run_id: str) -> None:
        """Requests of one batch are decided one after the other."""
        drafts = []
        for bound in bounds:
            self.number += 1
            drafts.append(requested(f"c{self.number}", bound=bound, run_id=run_id))
        for draft, bound, ack in zip(drafts, bounds, self.desk.write(*drafts), strict=True):
            fits = (
                self.most_run > 0
                and self.most_day > 0
                and self.total(run_id) + bound <= self.most_run
                and self.total(None) + bound <= self.most_day
            )
            assert (ack.refusal is None) == fits
            if fits:
                self.running[(str(draft.call_id), run_id)] = bound

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        """Any running call ends with any bill up to its bound."""
        call_id, run_id = data.draw(st.sampled_from(sorted(self.running)))
        bound = self.running.pop((call_id, run_id))
        bill = data.draw(st.integers(0, bound))
        self.desk.write(completed(call_id, cost=bill, run_id=run_id, body={"usage": {}}))
        self.spent[run_id] = self.spent.get(run_id, 0) + bill

    @rule()
    def restart(self) -> None:
        """The node starts again."""
        self.desk.reopen()

    def total(self, run_id: str | None) -> int:
        """Spent and reserved by the model."""
        spent = sum(amount for run, amount in self.spent.items() if run_id in {None, run})
        return spent + sum(bound for (_, run), bound in self.running.items() if run_id in {None, run})

    @invariant()
    def the_file_says_what_the_model_says(self) -> None:
        """Counters on disk are the model's, and never above the limit."""
        if not hasattr(self, "desk"):
            return
        with self.desk.reader() as reader:
            rows = {row.key: row for row in reader.budgets()}
        for run_id in ("r1", "r2"):
            row = rows.get(f"run:{run_id}")
            assert (
                (row.spent_cost + row.reserved_cost if row else 0)
                == self.total(run_id)
                <= max(self.most_run, 0)
            )
        assert self.total(None) <= max(self.most_day, 0)

    def teardown(self) -> None:
        """Close the file."""
        if hasattr(self, "desk"):
            self.desk.writer.close()
        self.folder.cleanup()


TestBudgetMachine = BudgetMachine.TestCase
TestBudgetMachine.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
