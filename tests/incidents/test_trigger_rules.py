"""The rules of triggers: what fires, of which cause, how often, and what stays quiet."""

from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from trigger_events import (
    COMPLETED,
    DENIED,
    FAILED,
    JUDGED,
    REFUSED,
    SETTLED,
    completed,
    failed,
    header,
)

from peak_console.budget.limits import Limit, Scope
from peak_console.config.incidents import (
    BudgetRunaway,
    CriticFailRate,
    Lapse,
    LatencySpike,
    PolicyViolation,
)
from peak_console.control.lease import Lease, encode
from peak_console.domain.money import NanoEur
from peak_console.domain.posture import Orders, PostureState
from peak_console.incidents.burning import Spending
from peak_console.incidents.critics import Verdicts
from peak_console.incidents.lapses import LastNode, after_restart, held_up
from peak_console.incidents.latency import Latencies
from peak_console.incidents.standing import LedgerHealth, LostWorkers, PostureConflicts
from peak_console.incidents.violations import Violations
from peak_console.node.rebuilding import with_lease
from peak_console.stats.sketch import QuantileSketch

NOW_S = 1_700_000_000
DAY = Limit(Scope.DAY, max_cost=NanoEur(10 * 10**9))
L2_DAY = Limit(Scope.LAYER_DAY, "L2", max_cost=NanoEur(5 * 10**9))
SECOND = 1_000_000


def spend(spending: Spending, layer: str, calls: int, cost_eur: str, at_s: int = NOW_S) -> None:
    """So many calls of a layer at such a price."""
    for _ in range(calls):
        spending.take(header(COMPLETED, layer=layer), completed(cost_eur), at_s)


# --- money


def test_a_runaway_is_of_the_layer_that_spends_and_told_once() -> None:
    """The layer's budget and the whole one burn and name the layer; only the first time is new."""
    spending = Spending()
    spend(spending, "L2", 20, "0.200000000")
    alarms = spending.alarms(BudgetRunaway(), (DAY, L2_DAY), NOW_S)
    assert {(one.cause, one.scope) for one in alarms} == {
        ("day/layer:L2", "layer:L2"),
        ("layer_day:L2/layer:L2", "layer:L2"),
    }
    assert {one.seen for one in alarms} == {1}
    figures = alarms[0].figures
    assert (figures["short_calls"], figures["short_eur"]) == (20, "4.000000000")
    assert all(isinstance(value, str | int) for value in figures.values()), "the ledger keeps no floats"
    assert {one.seen for one in spending.alarms(BudgetRunaway(), (DAY, L2_DAY), NOW_S + 1)} == {0}
    assert spending.alarms(BudgetRunaway(), (DAY, L2_DAY), NOW_S + 1300) == []


def test_where_no_layer_spends_most_it_is_of_all() -> None:
    """Half and half is nobody's."""
    spending = Spending()
    spend(spending, "L1", 10, "0.200000000")
    spend(spending, "L2", 10, "0.200000000")
    (alarm,) = spending.alarms(BudgetRunaway(), (DAY,), NOW_S)
    assert alarm.scope == "global"


def test_settlements_and_late_answers_take_back_what_was_booked() -> None:
    """A call booked at its bound and told later counts once, at its bill."""
    spending = Spending()
    for _ in range(20):
        lost = header(FAILED)
        spending.take(lost, failed("caller_lost", "0.500000000"), NOW_S)
        late = header(COMPLETED, call_id=lost.call_id)
        spending.take(late, completed("0.000000001"), NOW_S)
    assert spending.alarms(BudgetRunaway(), (DAY,), NOW_S) == []
    spend(spending, "L2", 20, "0.500000000")
    assert spending.alarms(BudgetRunaway(), (DAY,), NOW_S)
    for _ in range(20):
        body = {"hop": 1, "cost_eur": "0.000000000", "was_eur": "0.500000000"}
        spending.take(header(SETTLED), body, NOW_S)
    assert spending.alarms(BudgetRunaway(), (DAY,), NOW_S) == []


def test_an_unknown_price_is_told_and_counts_as_no_zero() -> None:
    """Tokens were used and nothing says what they cost."""
    spending = Spending()
    spending.take(header(COMPLETED), completed(cost_basis="none"), NOW_S)
    (alarm,) = spending.alarms(BudgetRunaway(), (), NOW_S)
    assert (alarm.cause, alarm.scope) == ("unpriced:L2", "layer:L2")


def test_minutes_of_the_ledger_go_on_counting() -> None:
    """After a restart the windows hold what the rollups tell."""
    spending = Spending()
    spending.restore([(NOW_S - NOW_S % 60, "L2", 20, 4 * 10**9)])
    (alarm,) = spending.alarms(BudgetRunaway(), (DAY,), NOW_S)
    assert alarm.scope == "layer:L2"


# --- policy and drift


def test_a_denial_and_the_end_of_its_call_are_one_violation() -> None:
    """Counted by call, of its layer; others' failures and fair verdicts are none."""
    found = Violations()
    denial = header(DENIED, layer="L1")
    found.take(denial, {"rule": "forbidden_model", "where": "echo"}, 0)
    found.take(header(FAILED, layer="L1", call_id=denial.call_id), failed("forbidden_echo"), 0)
    found.take(header(FAILED), failed("timeout"), 0)
    found.take(header(JUDGED), {"verdict": "FAIL", "reason": "unanswered", "judged_layer": "L3"}, 0)
    (alarm,) = found.alarms(PolicyViolation(), 1)
    assert (alarm.cause, alarm.scope, alarm.seen, alarm.figures["count"]) == ("layer:L1", "layer:L1", 1, 1)
    assert found.alarms(PolicyViolation(), 2) == [], "what was told is not told again"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (REFUSED, {"reason": "forbidden_provider"}),
        (REFUSED, {"reason": "tool_out_of_scope"}),
        (FAILED, failed("forbidden_base_url")),
        (JUDGED, {"verdict": "FAIL", "reason": "forbidden_output", "judged_layer": "L2"}),
    ],
)
def test_deny_scope_and_output_are_violations(kind: str, body: dict[str, object]) -> None:
    """Whoever found it."""
    found = Violations()
    found.take(header(kind), body, 0)
    assert [one.scope for one in found.alarms(PolicyViolation(), 0)] == ["layer:L2"]


def test_a_count_is_within_its_window() -> None:
    """Three in five minutes open it; the third after ten minutes does not."""
    rules, found = PolicyViolation(count=3), Violations()
    for at in (0, 100, 600):
        found.take(header(DENIED), {"rule": "r", "where": "w"}, at * SECOND)
        assert found.alarms(rules, at * SECOND) == []
    found.take(header(DENIED), {"rule": "r", "where": "w"}, 650 * SECOND)
    found.take(header(DENIED), {"rule": "r", "where": "w"}, 660 * SECOND)
    assert len(found.alarms(rules, 660 * SECOND)) == 1


# --- rates


def test_a_critic_that_fails_more_is_told_and_the_test_begins_anew() -> None:
    """At its usual rate it is quiet; all FAIL is told within twenty verdicts, of its layer."""
    rules, found, chance = CriticFailRate(), Verdicts(), Random(5)  # noqa: S311 - a simulation
    for _ in range(300):
        verdict = "FAIL" if chance.random() < 0.1 else "PASS"
        found.take(header(JUDGED), {"verdict": verdict, "judged_layer": "L3"}, rules)
    assert found.alarms() == []
    told = []
    for _ in range(20):
        found.take(header(JUDGED), {"verdict": "FAIL", "judged_layer": "L3"}, rules)
        told += found.alarms()
    alarm = told[0]
    assert (alarm.cause, alarm.scope) == ("layer:L3", "layer:L3")
    assert Decimal(alarm.figures["evidence_log"]) >= Decimal("10.6")


def test_latency_is_learnt_and_a_shift_is_told() -> None:
    """Twice as slow is told within 80 calls; the new pace is then learnt and not told again."""
    rules, found, chance = LatencySpike(), Latencies(), Random(11)  # noqa: S311 - a simulation

    def run(calls: int, scale: float) -> list[int]:
        told = []
        for number in range(calls):
            took = round(chance.lognormvariate(13.8, 0.6) * scale)
            found.take(header(COMPLETED), completed(latency_us=took), rules)
            told += [number for _ in found.alarms()]
        return told

    assert run(1000, 1.0) == []
    (first,) = run(600, 2.0)
    assert first < 80


def test_the_ledgers_sketches_teach_what_is_usual() -> None:
    """After a restart the first slow calls are told: nothing is learnt anew."""
    rules, found, chance = LatencySpike(), Latencies(), Random(2)  # noqa: S311 - a simulation
    usual = QuantileSketch.of(chance.lognormvariate(13.8, 0.6) for _ in range(1000))
    found.restore([(("L2", "openai", "gpt-5"), usual)])
    for _ in range(30):
        found.take(header(COMPLETED), completed(latency_us=60 * SECOND), rules)
    (alarm,) = found.alarms()
    assert (alarm.cause, alarm.scope) == ("L2 openai:gpt-5", "model:openai:gpt-5")


# --- what stands


def test_a_contradiction_is_told_once_it_stands() -> None:
    """An enable on its way contradicts itself for a moment; what stands is told, once for each time."""
    found = PostureConflicts()
    assert found.alarms(["x"], 0) == []
    assert found.alarms([], SECOND) == []
    assert found.alarms(["x"], 2 * SECOND) == []
    assert [one.seen for one in found.alarms(["x"], 4 * SECOND)] == [1]
    assert [one.seen for one in found.alarms(["x"], 5 * SECOND)] == [0]
    assert found.alarms([], 6 * SECOND) == []
    found.alarms(["x"], 7 * SECOND)
    assert [one.seen for one in found.alarms(["x"], 9 * SECOND)] == [1]


def test_a_broken_ledger_is_told_at_once_and_a_fault_once_it_stands() -> None:
    """A locked database of a second is no incident."""
    found = LedgerHealth()
    assert [one.cause for one in found.alarms("row 5", "", 0)] == ["verification"]
    assert found.alarms("", "ledger_full", 0) == []
    assert [one.cause for one in found.alarms("", "ledger_full", 6 * SECOND)] == ["fault:ledger_full"]


def test_a_lost_worker_is_named() -> None:
    """By name and process."""
    found = LostWorkers()
    worker = {"name": "agent", "pid": 7, "actor": "u/a", "why": "not_acknowledged", "stop_id": "s"}
    (alarm,) = found.alarms([worker], 0)
    assert alarm.cause == "agent pid 7"
    assert "did not acknowledge" in alarm.summary


@pytest.mark.parametrize(
    ("ended", "gap_s", "enabled", "told"),
    [
        (True, 5, True, False),
        (True, 10, True, True),
        (False, 1, True, True),
        (False, 100, False, False),
    ],
)
def test_a_lapse_is_told_by_the_next_node(ended: bool, gap_s: int, enabled: bool, told: bool) -> None:  # noqa: FBT001 - cases
    """An end without a word always, a clean one once it lasted; a stopped workspace never."""
    last = LastNode("s", ended, "upgrade", 1000 * SECOND)
    now_us = (1000 + gap_s) * SECOND
    alarm = after_restart(last, enabled=enabled, now_us=now_us, boot_us=0, rules=Lapse())
    assert (alarm is not None) == told
    assert after_restart(None, enabled=True, now_us=0, boot_us=0, rules=Lapse()) is None


def test_a_lapse_counts_from_the_last_lease_and_says_what_it_does_not_know(tmp_path: Path) -> None:
    """Not from the last event; of another boot or another node's lease it tells the least and the most."""
    last = LastNode("s", ended=False, reason="", alive_us=1000 * SECOND)

    def told(boot_id: str) -> tuple[str, int]:
        known = with_lease(last, tmp_path, boot_id)
        alarm = after_restart(known, enabled=True, now_us=1129 * SECOND, boot_us=70 * SECOND, rules=Lapse())
        assert alarm is not None
        return alarm.summary.rpartition("for ")[2], alarm.figures["gap_s"]

    def lease(session: str) -> None:
        times, state = (50 * SECOND, 55 * SECOND), (Orders.NONE, PostureState.STOPPED)
        one = Lease("b", session, 1, *times, "paper", False, *state, (), None, 1)  # noqa: FBT003 - calls
        (tmp_path / "lease").write_bytes(encode(one))

    assert told("b") == ("between 0 and 129 s", 129)
    lease("s")
    assert told("b") == ("about 20 s", 20)
    assert told("another") == ("between 70 and 129 s", 129)
    lease("older")
    assert told("b") == ("between 0 and 129 s", 129)


def test_a_node_that_stood_still_tells_its_own_lapse() -> None:
    """From the seconds on that the config says."""
    assert held_up(9 * SECOND, enabled=True, session="s", rules=Lapse()) is None
    assert held_up(10 * SECOND, enabled=False, session="s", rules=Lapse()) is None
    alarm = held_up(11 * SECOND, enabled=True, session="s", rules=Lapse())
    assert alarm is not None
    assert alarm.figures["gap_s"] == 11
