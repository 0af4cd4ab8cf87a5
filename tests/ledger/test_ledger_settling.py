"""``budget.settled``: an operator lowers what stands at its bound; counters, figures and verifier agree."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from ledger_desk import Desk
from ledger_events import accepted, budget, completed, failed, requested, settled
from ledger_service import Service

from peak_console.budget.limits import Limit, Scope
from peak_console.domain.errors import ControlRefused, PeakError, UsageWrong
from peak_console.domain.events import EventDraft
from peak_console.domain.money import NanoEur
from peak_console.ledger.service.privileges import Proof, challenge_message
from peak_console.ledger.verifying.verify import verify


def at_bound(desk: Desk, call_id: str = "c1", *, cost: int = 100) -> None:
    """A call whose bill nobody knows."""
    desk.write(requested(call_id, bound=cost), failed(call_id, cost=cost, basis="worst_case"))


def spent(desk: Desk) -> dict[str, int]:
    """Money spent by key."""
    with desk.reader() as reader:
        return {row.key: row.spent_cost for row in reader.budgets()}


def total(desk: Desk) -> int:
    """The cost of everything by the figures."""
    with desk.reader() as reader:
        return sum(row.cost_nano_eur for row in reader.totals())


def code(desk: Desk, draft: EventDraft) -> str:
    """Why a settlement is refused."""
    before = desk.writer.head
    (result,) = desk.append(draft)
    assert isinstance(result, PeakError), result
    assert desk.writer.head == before
    return result.code


def test_every_counter_that_held_the_call_is_lowered(desk: Desk) -> None:
    """Those of its request's day, month and run, also when it is settled on another day."""
    limits = (
        Limit(Scope.MONTH, max_cost=NanoEur(10**9)),
        Limit(Scope.LAYER_DAY, "L2", max_cost=NanoEur(10**9)),
    )
    desk.limits = budget(*limits)
    at_bound(desk)
    desk.write(requested("c2", bound=10), completed("c2", cost=5))
    desk.clock.advance(40 * 86_400)
    desk.write(settled(cost=30, was=100))
    assert spent(desk) == {
        "run:r1": 35,
        "day:2026-11-22": 35,
        "month:2026-11": 35,
        "layer_day:L2:2026-11-22": 35,
    }
    assert total(desk) == 35
    assert verify(desk.path).ok


def test_what_is_free_again_can_be_spent(desk: Desk) -> None:
    """A full budget takes calls again after a settlement."""
    desk.limits = budget(run=100)
    at_bound(desk)
    (ack,) = desk.write(requested("c2", bound=50))
    assert ack.refusal is not None
    desk.write(settled(cost=50, was=100))
    (ack,) = desk.write(requested("c3", bound=50))
    assert ack.refusal is None


def test_it_can_be_settled_again_but_only_lower(desk: Desk) -> None:
    """From what is booked now, down to nothing; never up."""
    at_bound(desk)
    assert code(desk, settled(cost=101, was=100)) == "settled_above_bound"
    desk.write(settled(cost=60, was=100))
    assert code(desk, settled(cost=50, was=100)) == "changed_meanwhile"
    assert code(desk, settled(cost=61, was=60)) == "settled_above_bound"
    assert code(desk, settled(cost=-1, was=60)) == "settled_above_bound"
    desk.reopen()
    desk.write(settled(cost=0, was=60))
    assert (spent(desk)["run:r1"], total(desk)) == (0, 0)
    assert verify(desk.path).ok


@pytest.mark.parametrize("state", ["unknown", "open", "billed", "never left", "other hop"])
def test_only_what_stands_at_its_bound_can_be_settled(desk: Desk, state: str) -> None:
    """A bill that is known is known."""
    if state != "unknown":
        desk.write(requested("c1", bound=100))
    if state == "billed":
        desk.write(completed("c1", cost=100))
    elif state == "never left":
        desk.write(failed("c1", sent=False))
    elif state == "other hop":
        desk.write(failed("c1", cost=100, basis="worst_case"))
    hop = 2 if state == "other hop" else 1
    assert code(desk, settled(cost=1, was=100, hop=hop)) == "not_at_bound"


def test_a_settlement_must_name_its_calls_place(desk: Desk) -> None:
    """Otherwise figures of another layer or model would be lowered."""
    at_bound(desk)
    for field in ("layer", "role", "provider", "model_id", "run_id"):
        (result,) = desk.append(settled(cost=1, was=100, **{field: "L4" if field == "layer" else "other"}))
        assert isinstance(result, UsageWrong)


def test_an_answer_without_usage_stands_at_its_bound_too(desk: Desk) -> None:
    """Also a completed call may be settled."""
    desk.write(requested("c1", bound=100), completed("c1", cost=100, body={"cost_basis": "worst_case"}))
    desk.write(settled(cost=7, was=100))
    assert (spent(desk)["run:r1"], total(desk)) == (7, 7)


@pytest.mark.parametrize("lost", ["caller", "background"])
def test_a_late_answer_corrects_what_was_settled(desk: Desk, lost: str) -> None:
    """The bill takes the settlement's place, not the bound's; then there is nothing to settle."""
    desk.write(requested("c1", bound=100))
    if lost == "background":
        desk.write(accepted("c1"))
        desk.clock.advance(4000)
        desk.write(*desk.reservations.overdue())
    else:
        desk.write(*desk.reservations.abandon(""))
    desk.write(settled(cost=60, was=100))
    desk.reopen()
    desk.write(completed("c1", cost=45))
    assert (spent(desk)["run:r1"], total(desk)) == (45, 45)
    assert code(desk, settled(cost=1, was=45)) == "not_at_bound"
    assert verify(desk.path).ok


def test_a_calls_own_limit_knows_of_it_after_a_restart(desk: Desk) -> None:
    """The counter of one call is folded from its events: a settlement and a late answer among them."""
    desk.limits = budget(Limit(Scope.CALL, max_cost=NanoEur(150)))
    at_bound(desk)
    desk.write(settled(cost=60, was=100))
    desk.reopen()
    first, second = desk.write(requested("c1", hop=2, bound=90), requested("c1", hop=3, bound=1))
    assert (first.refusal, second.refusal is None) == (None, False)
    desk.write(*desk.reservations.abandon(""))
    desk.write(completed("c1", hop=2, cost=10))
    desk.reopen()
    first, second = desk.write(requested("c1", hop=4, bound=80), requested("c1", hop=5, bound=1))
    assert (first.refusal, second.refusal is None) == (None, False)


def test_what_may_be_settled_is_listed(desk: Desk) -> None:
    """The newest first, with when and why; bills that are known are not among them."""
    at_bound(desk)
    desk.clock.advance(60)
    at_bound(desk, "c2", cost=50)
    desk.write(requested("c3"), completed("c3"))
    desk.write(settled(cost=30, was=100))
    with desk.reader() as reader:
        rows = reader.booked_at_bound()
        (only,) = reader.booked_at_bound(call_id="c1")
    assert [(row.place.call_id, row.booked.bound, row.booked.cost, row.reason) for row in rows] == [
        ("c2", 50, 50, "timeout"),
        ("c1", 100, 30, "timeout"),
    ]
    assert (only.ts, only.place.model_id) == ("2026-11-22T12:00:00.000000Z", "gpt-5")


async def test_only_an_operator_settles(service: Service) -> None:
    """Without proof it is refused; with it the operator is the actor. Other budget events stay the node's."""
    at_bound(service.desk)
    draft = settled(cost=1, was=100)
    async with await service.client() as client:
        with pytest.raises(ControlRefused) as caught:
            await client.append([draft])
        assert caught.value.code == "proof_required"
        nonce = (await client.request("challenge"))["nonce"]
        signature = challenge_message(nonce, draft).decode()
        (ack,) = await client.append([draft], Proof("alice", nonce, signature))
        with pytest.raises(ControlRefused) as caught:
            await client.append([EventDraft("ev_w", "budget.warned", {})])
        assert caught.value.code == "kind_reserved"
    with service.desk.reader() as reader:
        event = reader.by_seq(ack.seq)
    assert event is not None
    assert event.actor.endswith("/operator:alice")


class Money(RuleBasedStateMachine):
    """Calls end in every way, late, twice, settled, over restarts; the sums are always those of the hops."""

    @initialize()
    def begin(self) -> None:
        """An empty ledger with a limit that is often reached."""
        self._folder = TemporaryDirectory()
        self.desk = Desk(Path(self._folder.name) / "ledger.db", limits=budget(run=1000)).open()
        self.open: dict[str, int] = {}
        self.background: set[str] = set()
        self.lost: set[str] = set()
        self.booked: dict[str, int] = {}
        self.costs: dict[str, int] = {}
        self.number = 0

    @rule(bound=st.integers(1, 300), background=st.booleans())
    def ask(self, bound: int, background: bool) -> None:  # noqa: FBT001
        """Admitted exactly when it fits."""
        self.number += 1
        name = f"c{self.number}"
        (ack,) = self.desk.write(requested(name, bound=bound, model_id=name))
        fits = sum(self.costs.values()) + sum(self.open.values()) + bound <= 1000
        assert (ack.refusal is None) == fits
        if fits:
            self.open[name] = bound
            if background:
                self.desk.write(accepted(name, model_id=name))
                self.background.add(name)

    @rule(data=st.data(), share=st.integers(0, 100), known=st.booleans())
    def end(self, data: st.DataObject, share: int, known: bool) -> None:  # noqa: FBT001
        """With a bill, or at its bound; a lost one late."""
        names = sorted(self.open.keys() | self.lost)
        if not names:
            return
        name = data.draw(st.sampled_from(names))
        bound = self.open.pop(name, 300)
        self.background.discard(name)
        self.lost.discard(name)
        self.booked.pop(name, None)
        self.costs[name] = bound * share // 100 if known else bound
        if known:
            self.desk.write(completed(name, cost=self.costs[name], model_id=name))
        else:
            self.desk.write(failed(name, cost=bound, basis="worst_case", model_id=name))
            self.booked[name] = bound

    @rule()
    def callers_go(self) -> None:
        """All of them; what providers work on unattended stays."""
        self.desk.write(*self.desk.reservations.abandon(""))
        self._give_up({name for name in self.open if name not in self.background})

    @rule()
    def time_is_over(self) -> None:
        """Background hops are given up."""
        self.desk.clock.advance(3700)
        self.desk.write(*self.desk.reservations.overdue())
        self._give_up(set(self.background))

    def _give_up(self, names: set[str]) -> None:
        for name in names:
            self.costs[name] = self.booked[name] = self.open.pop(name)
            self.lost.add(name)
            self.background.discard(name)

    @rule(data=st.data(), share=st.integers(0, 100))
    def settle(self, data: st.DataObject, share: int) -> None:
        """Somewhat or wholly."""
        if not self.booked:
            return
        name = data.draw(st.sampled_from(sorted(self.booked)))
        was = self.booked[name]
        cost = was * share // 100
        self.desk.write(settled(name, cost=cost, was=was, model_id=name))
        self.booked[name] = self.costs[name] = cost

    @rule()
    def restart(self) -> None:
        """From the file."""
        self.desk.reopen()

    @invariant()
    def sums_agree(self) -> None:
        """Counters, reservations and figures, to the nano-EUR."""
        if not hasattr(self, "desk"):
            return
        with self.desk.reader() as reader:
            rows = {row.key: row for row in reader.budgets()}
            booked = {row.place.call_id: row.booked.cost for row in reader.booked_at_bound()}
            figures = sum(row.cost_nano_eur for row in reader.totals())
        row = rows.get("run:r1")
        assert (row.spent_cost if row else 0) == sum(self.costs.values()) == figures
        assert (row.reserved_cost if row else 0) == sum(self.open.values())
        assert booked == self.booked

    def teardown(self) -> None:
        """The verifier agrees."""
        if hasattr(self, "desk"):
            self.desk.writer.close()
            found = verify(self.desk.path)
            self._folder.cleanup()
            assert found.ok, found


TestMoney = Money.TestCase
TestMoney.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
