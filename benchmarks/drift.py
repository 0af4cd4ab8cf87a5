"""Drift's tests by simulation: false alarms, delays, what a short baseline costs; with the rules that ship.

    python benchmarks/drift.py [--quick] [--json]

Streams of 0 and 1 at a usual rate of 5 per cent that shift after 300 calls, a baseline that is itself a
sample, names and fingerprints, latencies, rounds of gold cases. Beside each figure stands what the design's
own simulation found, at a threshold of ln 22,000 where the shipped one is ln 40,000. Exit code 1 when a
promise does not hold.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from peak_console.config.incidents import ModelDrift
from peak_console.config.lock import Baseline, EvidenceKind, LockEntry, LockEvidence
from peak_console.domain.events import EventKind
from peak_console.domain.vocabulary import Layer, Role
from peak_console.incidents.drifting import Drift, Known
from peak_console.incidents.drifting_slot import Stream, latency_limit_us, streams_of
from peak_console.ledger.headers import Header
from peak_console.stats.binomial import at_least
from peak_console.stats.e_detector import BETS, detector, usual_rate
from peak_console.stats.sketch import QuantileSketch

RULES = ModelDrift()
ALARM = float(RULES.alarm_log)
PROMISED = 40_000
USUAL = 0.05
CLEAN = 2000
SHIFT_AT = 300
SLOT = ("L2", "primary", "openai", "gpt-5")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """One figure. ``holds`` is ``None`` where nothing is promised."""

    part: str
    what: str
    value: str
    reference: str = ""
    holds: bool | None = None


class Many:
    """The e-detector on many streams at once; the same as the one that ships, which :func:`same` checks."""

    def __init__(self, p0: Floats | float, streams: int) -> None:
        clipped = np.clip(np.broadcast_to(np.asarray(p0, float), (streams,)), 1e-6, 0.99)
        bets = np.asarray(BETS)
        self._hit = np.log1p(bets[None, :] / clipped[:, None] * (1 - clipped[:, None]))
        self._miss = np.log1p(-bets)[None, :]
        self.logs = np.full((streams, len(BETS)), -np.inf)

    def take(self, hits: NDArray[np.bool_]) -> Floats:
        """One observation each; gives the evidence."""
        self.logs = np.logaddexp(self.logs, 0.0) + np.where(hits[:, None], self._hit, self._miss)
        top = self.logs.max(axis=1, keepdims=True)
        found: Floats = (top + np.log(np.exp(self.logs - top).sum(axis=1, keepdims=True)))[:, 0]
        return found - math.log(len(BETS))

    def restart(self, which: NDArray[np.bool_]) -> None:
        """No evidence in these."""
        self.logs[which] = -np.inf


def same() -> Row:
    """The vectors against the code that ships, observation by observation."""
    chance = np.random.default_rng(1)
    many, one, far = Many(USUAL, 1), detector(USUAL), 0.0
    for hit in chance.random(500) < 0.1:
        evidence = many.take(np.asarray([hit]))[0]
        one = one.after(hit=bool(hit))
        far = max(far, abs(evidence - one.evidence))
    return Row("code", "vectors against stats/e_detector.py", f"{far:.1e} apart at most", "", far < 1e-9)


def false_alarms(*, quick: bool) -> Iterator[Row]:
    """How long until a stream that keeps its rate alarms, on average: at least the promise."""
    streams, calls = (200, 10_000) if quick else (800, 20_000)
    for p0 in (0.01, USUAL, 0.2):
        chance, many, alarms = np.random.default_rng(2), Many(p0, streams), 0
        for _ in range(calls):
            fired = many.take(chance.random(streams) < p0) >= ALARM
            alarms += int(fired.sum())
            many.restart(fired)
        mean = streams * calls / max(alarms, 1)
        value = f"{alarms} in {streams * calls / 1e6:.0f} M calls: one in {mean:,.0f}"
        yield Row(
            "false alarms", f"rate {p0:.0%} as usual", value, f"≥ {PROMISED:,} (proven)", mean >= PROMISED
        )


def delays(*, quick: bool) -> Iterator[Row]:
    """Calls from the shift to the alarm, of runs without one before it."""
    found = {0.10: (235, 456), 0.15: (87, 172), 0.30: (22, 44), 0.60: (9, 13)}
    for rate, (middle, late) in found.items():
        waits = delay(np.full(400 if quick else 2000, USUAL), rate, most=3000)
        mine, tail = float(np.median(waits)), float(np.quantile(waits, 0.9))
        yield Row(
            "delay in calls",
            f"5 % to {rate:.0%}, median (p90)",
            f"{mine:.0f} ({tail:.0f})",
            f"{middle} ({late})",
            mine <= middle * 1.4 + 2,
        )


def delay(p0: Floats, rate: float, *, most: int) -> Floats:
    """Calls from a shift to ``rate`` until the alarm; ``most`` where none comes."""
    chance, many = np.random.default_rng(3), Many(p0, len(p0))
    for _ in range(SHIFT_AT):
        many.restart(many.take(chance.random(len(p0)) < USUAL) >= ALARM)
    waits = np.full(len(p0), float(most))
    for call in range(1, most + 1):
        fired = many.take(chance.random(len(p0)) < rate) >= ALARM
        waits[fired & (waits == most)] = call
        if (waits < most).all():
            break
    return waits


def baselines(*, quick: bool) -> Iterator[Row]:
    """The usual rate is itself a sample: with it taken as it is, and as shipped."""
    references = {100: "20 % raw, 1 % bound", 200: "13.6 % raw", 500: "5.9 %", 2000: "3 %"}
    runs = 400 if quick else 2000
    for counted, told in references.items():
        chance = np.random.default_rng(4)
        hits = chance.binomial(counted, USUAL, runs)
        raw = hits / counted
        shipped = np.asarray([usual_rate(int(one), counted) for one in hits])
        rates = []
        for p0 in (raw, shipped):
            many, fired = Many(p0, runs), np.zeros(runs, bool)
            for _ in range(CLEAN):
                fired |= many.take(chance.random(runs) < USUAL) >= ALARM
            rates.append(float(fired.mean()))
        slow = float(np.median(delay(shipped, 0.30, most=1000)))
        yield Row(
            "baseline of so many",
            f"{counted}: false alarm within {CLEAN} calls, raw / shipped; median delay to 30 %",
            f"{rates[0]:.1%} / {rates[1]:.1%}; {slow:.0f} calls",
            told,
            rates[1] <= 0.05,
        )
    yield rare(runs)


def rare(runs: int) -> Row:
    """None of 500: a rate of nought would make the next hit an alarm."""
    chance = np.random.default_rng(5)
    rates = []
    for p0 in (0.0, usual_rate(0, 500)):
        many, fired = Many(p0, runs), np.zeros(runs, bool)
        for _ in range(CLEAN):
            fired |= many.take(chance.random(runs) < 0.002) >= ALARM
        rates.append(float(fired.mean()))
    value = f"{rates[0]:.1%} / {rates[1]:.1%}"
    return Row("baseline of so many", "none of 500, truly 0.2 %: raw / shipped", value, "", rates[1] <= 0.05)


def identity() -> Iterator[Row]:
    """Tier 0, through the rule that ships: which answer of another model is the one that tells."""
    for what, kind, body in (
        (
            "another served model",
            EventKind.CALL_FAILED,
            {"reason": "unexpected_echo", "served_model": "gpt-4"},
        ),
        ("another fingerprint", EventKind.CALL_COMPLETED, {"fingerprint": "fp_new"}),
    ):
        drift, held, answers = Drift(), known(), 0
        for seq in range(1, 400):
            wrong = seq > SHIFT_AT
            take(drift, held, seq, kind if wrong else EventKind.CALL_COMPLETED, body if wrong else {})
            answers += wrong
            if drift.detections():
                break
        yield Row("names", what, f"answer {answers}", "at once", answers == 1)
    for share in (0.008, 0.16):
        waits = np.random.default_rng(6).geometric(share, 2000)
        yield Row(
            "names",
            f"{share:.1%} of calls go elsewhere: calls until one tells, median (p95)",
            f"{np.median(waits):.0f} ({np.quantile(waits, 0.95):.0f})",
            {0.008: "canaries need 373 for 95 %", 0.16: "canaries need 18 for 95 %"}[share],
        )


def latencies(*, quick: bool) -> Iterator[Row]:
    """Lognormal latencies against the lock's 95th percentile, as the lock and its streams are made."""
    references = {1.0: "", 1.5: "51 by exceedance of p90", 2.0: "21 by exceedance of p90"}
    for factor, told in references.items():
        chance, waits = np.random.default_rng(7), []
        for _ in range(20 if quick else 100):
            entry = baseline_of(chance.lognormal(0, 0.6, CLEAN) * 1e6)
            stream = next(one for name, one in streams_of(entry).items() if name == "latency")
            limit = latency_limit_us(entry.latency_p95_ms or 0)
            waits.append(wait(stream, chance.lognormal(0, 0.6, CLEAN) * 1e6 * factor > limit))
        if factor == 1.0:
            share = sum(one < CLEAN for one in waits) / len(waits)
            yield Row(
                "latency", f"as usual: false alarm within {CLEAN}", f"{share:.1%}", "≤ 5 %", share <= 0.05
            )
        else:
            value = f"{np.median(waits):.0f} ({np.quantile(waits, 0.9):.0f})"
            yield Row(
                "latency", f"times {factor}: calls, median (p90)", value, told, bool(np.median(waits) < 200)
            )


def baseline_of(latencies_us: Floats) -> Baseline:
    """The lock's baseline of these answers."""
    sketch = QuantileSketch()
    for one in latencies_us:
        sketch.add(int(one))
    return Baseline(calls=len(latencies_us), latency_p95_ms=round((sketch.quantile(0.95) or 0) / 1000))


def wait(stream: Stream, hits: NDArray[np.bool_]) -> int:
    """Observations until the stream that ships alarms; all of them where it does not."""
    for number, hit in enumerate(hits, 1):
        stream.take(hit=bool(hit))
        if stream.state.evidence >= ALARM:
            return number
    return len(hits)


def canaries(*, quick: bool) -> Iterator[Row]:
    """Twenty gold cases a round; a sound model fails 1.7 per cent of them."""
    references = {0.017: "", 0.087: "5 rounds", 0.13: "3 rounds", 0.27: "1 round"}
    for rate, told in references.items():
        chance, waits = np.random.default_rng(8), []
        for _ in range(50 if quick else 200):
            state, rounds = detector(float(RULES.canary_fail_pct) / 100), 0
            while rounds < 1000:
                failed, rounds = int(chance.binomial(20, rate)), rounds + 1
                state = state.after_round(failed, 20)
                alone = at_least(failed, 20, state.p0) <= float(RULES.canary_alpha)
                if alone or state.evidence >= ALARM:
                    break
            waits.append(rounds)
        if told:
            value = f"{np.median(waits):.0f} ({np.quantile(waits, 0.9):.0f})"
            holds = float(np.median(waits)) <= 3 * int(told[0])
            yield Row("gold cases", f"fails {rate:.1%}: rounds of 20, median (p90)", value, told, holds)
        else:
            alarms = sum(one < 1000 for one in waits)
            mean = sum(waits) / max(alarms, 1)
            yield Row(
                "gold cases", "sound: one false alarm in so many rounds", f"{mean:,.0f}", "", mean >= 5000
            )


def costs() -> Iterator[Row]:
    """What it costs the node."""
    state, begun = detector(USUAL), time.perf_counter()
    for number in range(20_000):
        state = state.after(hit=number % 20 == 0)
    yield Row("cost", "an observation", f"{(time.perf_counter() - begun) / 20_000 * 1e6:.1f} µs", "3.7 µs")
    drift, held, begun = Drift(), known(), time.perf_counter()
    for seq in range(1, 5001):
        take(drift, held, seq, EventKind.CALL_COMPLETED, {})
    each = (time.perf_counter() - begun) / 5000 * 1e6
    yield Row("cost", "an answer, all its streams", f"{each:.0f} µs", "", each < 1000)


def known() -> Known:
    """A lock with a baseline and a set of fingerprints, from shadow on."""
    baseline = Baseline(calls=2000, refused=100, latency_p95_ms=1000, cost_p95_nano_eur=1_000_000)
    entry = LockEntry.model_validate(
        {
            "layer": Layer.L2,
            "role": Role.PRIMARY,
            "provider": "openai",
            "model_id": "gpt-5",
            "registry_sha256": "0" * 64,
            "fingerprints": ("fp_a", "fp_b"),
            "fingerprint_answers": 2000,
            "registry": {
                "family": "gpt-5",
                "endpoint": "chat",
                "context_tokens": 1000,
                "max_output_tokens": 100,
            },
            "price": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2, "source": "simulated"},
            "baseline": baseline,
            "evidence": LockEvidence(
                kind=EvidenceKind.ATTESTED, by="anna", at=datetime(2026, 11, 1, tzinfo=UTC)
            ),
        }
    )
    return Known(RULES, "simulated", {SLOT: entry}, strict=True)


def take(drift: Drift, held: Known, seq: int, kind: EventKind, body: dict[str, str]) -> None:
    """The end of a call."""
    header = Header(
        seq, f"e{seq}", "2026-11-22T12:00:00.000000Z", 0, kind.value, "w", "r", f"c{seq}", *SLOT, "", "", ""
    )
    usual = {"served_model": "gpt-5", "fingerprint": "fp_a", "latency_us": 1000, "cost_eur": "0.000000100"}
    drift.take(header, {**usual, **body}, seq * 1_000_000, held)


def rows(*, quick: bool) -> Iterator[Row]:
    """Every figure."""
    yield same()
    yield from false_alarms(quick=quick)
    yield from delays(quick=quick)
    yield from baselines(quick=quick)
    yield from identity()
    yield from latencies(quick=quick)
    yield from canaries(quick=quick)
    yield from costs()


def shown(row: Row) -> str:
    """A row for people."""
    mark = {True: "holds", False: "FAILS", None: ""}[row.holds]
    return f"{row.part:<20} {row.what:<76} {row.value:<34} {row.reference:<28} {mark}"


def main(words: Sequence[str] | None = None) -> int:
    """Print the table; 1 where a promise does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer runs")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args(words)
    found = []
    for row in rows(quick=asked.quick):
        found.append(row)
        if not asked.json:
            print(shown(row), flush=True)
    if asked.json:
        print(json.dumps([asdict(one) for one in found], ensure_ascii=False, indent=1))
    return int(any(one.holds is False for one in found))


if __name__ == "__main__":
    sys.exit(main())
