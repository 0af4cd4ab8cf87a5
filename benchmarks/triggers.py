"""False alarms and delays of the triggers, by simulation with the rules that ship; and what a tick costs.

    python benchmarks/triggers.py [--quick] [--json]

Money: days of even spend, of office hours, and runaways of several burns; calls at one a second. Rates:
verdicts and latencies that keep their usual rate for 2,000 calls, and shifts after 300. Exit code 1 when an
even spend fires, a runaway does not, or more than one clean run in twenty does.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from random import Random
from statistics import median

from peak_console.budget.limits import Limit, Scope
from peak_console.config.incidents import BudgetRunaway, CriticFailRate, LatencySpike
from peak_console.domain.events import EventKind
from peak_console.domain.money import NanoEur, text_from_nano
from peak_console.incidents.burning import Spending
from peak_console.incidents.critics import Verdicts
from peak_console.incidents.latency import Latencies
from peak_console.ledger.headers import Header

DAY_S = 86_400
BUDGET = 86_400_000_000
LIMITS = (Limit(Scope.DAY, max_cost=NanoEur(BUDGET)),)
CLEAN = 2000
SHIFT_AT = 300


@dataclass(frozen=True)
class Row:
    """One figure: what was simulated, how often it fired, how late (median, 90th percentile)."""

    what: str
    fired: str
    median: float | None
    p90: float | None
    unit: str
    holds: bool = True


def header(kind: EventKind, layer: str = "L2") -> Header:
    """A header of a call's event."""
    return Header(
        1, "e", "2026-11-22T12:00:00.000000Z", 0, kind.value, "w", None, "c", layer, None,
        "openai", "gpt-5", "", "", "",
    )  # fmt: skip


def drawn(seed: int) -> Random:
    """The same chance for the same seed."""
    return Random(seed)  # noqa: S311 - a simulation


# --- money


def spending_day(rate_at: "list[float]", step_s: int = 30) -> int | None:
    """Seconds until a spend fires that burns at ``rate_at[hour]``, a call a second; ``None``: never."""
    rules, spending = BudgetRunaway(), Spending()
    for now in range(0, DAY_S, step_s):
        burn = rate_at[now // 3600]
        cost = round(BUDGET / DAY_S * burn)
        body = {
            "hop": 1,
            "cost_eur": text_from_nano(cost),
            "cost_basis": "usage",
            "latency_us": 1,
            "usage": {"input": 1},
            "attempts": [],
        }
        for second in range(step_s if burn else 0):
            spending.take(header(EventKind.CALL_COMPLETED), body, now + second)
        if spending.alarms(rules, LIMITS, now + step_s - 1):
            return now + step_s
    return None


def money(*, quick: bool) -> list[Row]:
    """Even and office days, and runaways."""
    rows = []
    office = [0.0] * 8 + [2.4] * 10 + [0.0] * 6
    for what, day in (("even spend of the whole budget", [1.0] * 24), ("all of it within ten hours", office)):
        fired = spending_day(day)
        rows.append(Row(what, "no" if fired is None else f"after {fired} s", None, None, "s", fired is None))
    for burn in (4.0, 7.0, 15.0, 100.0) if not quick else (15.0,):
        fired = spending_day([burn] * 24)
        rows.append(Row(f"burn of {burn:g}", "yes" if fired else "no", fired, fired, "s", fired is not None))
    return rows


# --- rates


def verdicts(chance: Random, rate: float, calls: int, found: Verdicts) -> int | None:
    """Which of so many verdicts at a rate fires first; ``None`` where none does."""
    rules, event = CriticFailRate(), header(EventKind.CRITIC_JUDGED)
    for number in range(calls):
        verdict = "FAIL" if chance.random() < rate else "PASS"
        found.take(event, {"verdict": verdict, "judged_layer": "L2"}, rules)
        if found.alarms():
            return number + 1
    return None


def latencies(chance: Random, scale: float, calls: int, found: Latencies) -> int | None:
    """Which of so many calls, lognormal with sigma 0.6, fires first."""
    rules, event = LatencySpike(), header(EventKind.CALL_COMPLETED)
    for number in range(calls):
        found.take(event, {"latency_us": round(chance.lognormvariate(13.8, 0.6) * scale)}, rules)
        if found.alarms():
            return number + 1
    return None


def rates(runs: int) -> list[Row]:
    """False alarms over 2,000 clean calls, and delays after a shift."""
    rows = []
    clean = [verdicts(drawn(seed), 0.10, CLEAN, Verdicts()) for seed in range(runs)]
    rows.append(_false("critic at its usual 10 %", clean))
    for rate in (0.2, 0.3, 0.6):
        delays = [_shifted(seed, rate) for seed in range(runs)]
        rows.append(_delays(f"critic from 10 % to {rate:.0%}", delays))
    slow = [_latency(seed, 1.0, CLEAN) for seed in range(runs)]
    rows.append(_false("latency as it was", slow))
    for scale in (1.5, 2.0, 4.0):
        delays = [_latency(seed, scale, CLEAN) for seed in range(runs)]
        rows.append(_delays(f"latency {scale:g} times as long", delays))
    return rows


def _shifted(seed: int, rate: float) -> int | None:
    chance, found = drawn(seed), Verdicts()
    verdicts(chance, 0.10, SHIFT_AT, found)
    return verdicts(chance, rate, CLEAN, found)


def _latency(seed: int, scale: float, calls: int) -> int | None:
    chance, found = drawn(seed), Latencies()
    latencies(chance, 1.0, LatencySpike().baseline_calls + SHIFT_AT, found)
    return latencies(chance, scale, calls, found)


def _false(what: str, fired: list[int | None]) -> Row:
    count = sum(one is not None for one in fired)
    return Row(
        what, f"{count} of {len(fired)} runs of {CLEAN} calls", None, None, "calls", count * 20 <= len(fired)
    )


def _delays(what: str, fired: list[int | None]) -> Row:
    seen = sorted(one for one in fired if one is not None)
    late = seen[max(0, -(-len(seen) * 90 // 100) - 1)] if seen else None
    return Row(
        what,
        f"{len(seen)} of {len(fired)}",
        median(seen) if seen else None,
        late,
        "calls",
        len(seen) == len(fired),
    )


# --- cost


def cost() -> list[Row]:
    """What one event and one look at the budgets cost, with four hours of minutes in five layers."""
    spending, rules = Spending(), BudgetRunaway()
    now = DAY_S * 1000
    rows = [(now - 60 * minute, f"L{layer}", 60, 10**8) for minute in range(240) for layer in range(5)]
    spending.restore(rows)
    limits = (*LIMITS, *(Limit(Scope.LAYER_DAY, f"L{layer}", max_cost=NanoEur(BUDGET)) for layer in range(5)))
    began = time.perf_counter()
    for _ in range(50):
        spending.alarms(rules, limits, now)
    looks = (time.perf_counter() - began) / 50
    found, event = Latencies(), header(EventKind.CALL_COMPLETED)
    latencies(drawn(1), 1.0, 600, found)
    began = time.perf_counter()
    for _ in range(2000):
        found.take(event, {"latency_us": 1000}, LatencySpike())
    takes = (time.perf_counter() - began) / 2000
    return [
        Row("one look at six budgets", "each second", looks * 1e6, None, "us"),
        Row("one call under the latency test", "each call", takes * 1e6, None, "us"),
    ]


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = [*money(quick=asked.quick), *rates(20 if asked.quick else 200), *cost()]
    if asked.json:
        print(json.dumps([asdict(one) for one in rows], indent=2))
    for one in rows if not asked.json else ():
        late = "" if one.median is None else f"median {one.median:.0f} {one.unit}"
        late += "" if one.p90 is None else f", p90 {one.p90:.0f} {one.unit}"
        print(f"{one.what:40} {one.fired:34} {late}{'' if one.holds else '  DOES NOT HOLD'}")
    return 0 if all(one.holds for one in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
