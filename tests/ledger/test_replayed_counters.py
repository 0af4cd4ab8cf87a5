"""The counters that a replay folds from a run's events are those that the writer kept."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_desk import Desk
from ledger_events import accepted, budget, completed, failed, requested, settled

from peak_console.budget.limits import Limit, Scope
from peak_console.domain.money import NanoEur
from peak_console.operations.replaying.budget import RunCounters

CALLS = st.sampled_from(["c1", "c2", "c3"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), CALLS, st.integers(1, 400)),
        st.tuples(st.just("accept"), CALLS, st.just(0)),
        st.tuples(st.just("bill"), CALLS, st.integers(0, 600)),
        st.tuples(st.just("bound"), CALLS, st.integers(0, 400)),
        st.tuples(st.just("fail"), CALLS, st.just(0)),
        st.tuples(st.just("settle"), CALLS, st.integers(0, 400)),
        st.tuples(st.just("lose"), CALLS, st.just(0)),
        st.tuples(st.just("expire"), CALLS, st.just(0)),
    ),
    max_size=14,
)
LIMITS = budget(Limit(Scope.LAYER_RUN, "L2", max_cost=NanoEur(10**6)), run=1000)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_counters_of_a_replay_are_those_of_the_writer(steps: list[tuple[str, str, int]]) -> None:
    """Requests, refusals, bills, bounds, lost callers, late bills and settlements, in any order."""
    with TemporaryDirectory() as folder:
        desk = Desk(Path(folder) / "ledger.db", limits=LIMITS).open()
        hops: dict[str, int] = {}
        for what, call, amount in steps:
            _play(desk, hops, what, call, amount)
        _compare(desk)
        desk.writer.close()


def _play(desk: Desk, hops: dict[str, int], what: str, call: str, amount: int) -> None:
    """One step; what the ledger refuses changes nothing."""
    hop = hops.get(call, 1)
    where = {"hop": hop, "model_id": f"{call}-{hop}", "layer": "L2"}
    if what == "ask":
        hops[call] = hop = hop + 1
        desk.append(requested(call, hop=hop, bound=amount, model_id=f"{call}-{hop}", layer="L2"))
    elif what == "accept":
        desk.append(accepted(call, **where))
    elif what == "bill":
        desk.append(completed(call, cost=amount, **where))
    elif what == "bound":
        desk.append(failed(call, cost=amount, basis="worst_case", **where))
    elif what == "fail":
        desk.append(failed(call, **where))
    elif what == "settle":
        with desk.reader() as reader:
            booked = {(one.place.call_id, one.place.hop): one.booked.cost for one in reader.booked_at_bound()}
        was = booked.get((call, hop), 0)
        desk.append(settled(call, cost=min(amount, was), was=was, **where))
    elif what == "lose":
        desk.append(*desk.reservations.abandon(""))
    else:
        desk.clock.advance(3700)
        desk.append(*desk.reservations.overdue())


def _compare(desk: Desk) -> None:
    counters = RunCounters("r1")
    with desk.reader() as reader:
        for event in reader.by_run("r1", 0, 1000):
            counters.take(event)
        rows = {row.key: row for row in reader.budgets()}
    for key in ("run:r1", "layer_run:L2:r1"):
        row = rows.get(key)
        kept = (0,) * 6 if row is None else (
            row.spent_cost, row.spent_tokens, row.spent_calls,
            row.reserved_cost, row.reserved_tokens, row.reserved_calls,
        )  # fmt: skip
        assert tuple(int(one) for spend in counters.of(key) for one in spend) == kept, key
