"""One model in one slot: under which names it answered, and its streams, each against the lock's baseline."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from peak_console.config.incidents import ModelDrift
from peak_console.config.lock import Baseline, LockEntry
from peak_console.domain.calls import CallReason
from peak_console.domain.drift import Signal
from peak_console.domain.events import EventKind
from peak_console.domain.money import nano_from_text
from peak_console.stats.e_detector import EDetector, detector, usual_rate

SlotKey = tuple[str, str, str, str]
"""Layer, role, provider, model id: as the lock names an entry."""

NAMES_LIMIT: Final = 64
"""Different names, and fingerprints, that are counted of one model; a provider chooses them."""

ABOVE_P95: Final = 0.05
"""The share that is above a 95th percentile by right."""

_ERROR_PPM: Final = 10_000
"""The error of the sketch that the lock's percentiles come from: one per cent. Costs repeat to the last
digit, so that without it every call could lie above its own percentile."""


@dataclass
class Stream:
    """A stream of 0 and 1 under test. After an alarm it rests until a release or a new lock."""

    state: EDetector
    rests: bool = False

    def take(self, *, hit: bool) -> None:
        """One more observation."""
        if not self.rests:
            self.state = self.state.after(hit=hit)


@dataclass
class Slot:
    """What was seen of one model in one slot."""

    streams: dict[Signal, Stream] = field(default_factory=dict)
    served: Counter[str] = field(default_factory=Counter)
    """Names that it answered under."""
    fingerprints: Counter[str] = field(default_factory=Counter)
    unexpected: Counter[str] = field(default_factory=Counter)
    """Names and fingerprints that the lock does not know."""
    canary: Stream | None = None
    told: dict[tuple[Signal, str], bool] = field(default_factory=dict)
    """What was detected since a release or a new lock, by signal and what was seen; whether it acts."""
    last_us: int = 0
    """When it answered last, microseconds since 1970."""

    def begin(self, entry: LockEntry | None) -> None:
        """Begin every test anew, against what the lock says; without an entry none."""
        self.streams = {} if entry is None else streams_of(entry.baseline)
        self.canary = None
        self.told.clear()
        self.unexpected.clear()

    def released(self) -> None:
        """An operator has let the model back: the same tests, from no evidence on."""
        for stream in self.streams.values():
            stream.state, stream.rests = stream.state.restarted(), False
        self.canary = None
        self.told.clear()
        self.unexpected.clear()

    def rounds(self, rules: ModelDrift) -> Stream:
        """The canaries' stream; a new usual rate begins it anew."""
        usual = detector(float(rules.canary_fail_pct) / 100)
        if self.canary is None or self.canary.state.p0 != usual.p0:
            self.canary = Stream(usual)
        return self.canary


def streams_of(baseline: Baseline) -> dict[Signal, Stream]:
    """A stream for each signal that the lock has a baseline of."""
    calls, answered = baseline.calls, max(baseline.calls - baseline.failed, 0)
    counts = {
        Signal.CRITIC_FAIL: (baseline.critic_failed, baseline.judged),
        Signal.FORMAT_FAIL: (baseline.format_failed, calls),
        Signal.REFUSAL: (baseline.refused, calls),
        Signal.FALLBACK: (baseline.fallback_used, calls),
        Signal.LATENCY: (_above(answered), answered if baseline.latency_p95_ms is not None else 0),
        Signal.COST: (_above(answered), answered if baseline.cost_p95_nano_eur is not None else 0),
    }
    return {
        signal: Stream(detector(usual_rate(min(hits, seen), seen)))
        for signal, (hits, seen) in counts.items()
        if seen
    }


def observations(kind: str, body: Mapping[str, Any], baseline: Baseline) -> dict[Signal, bool]:
    """What the end of a hop says in each stream that it belongs to."""
    if kind == EventKind.CALL_FAILED:
        return {
            Signal.FORMAT_FAIL: body.get("reason") == CallReason.MALFORMED,
            Signal.REFUSAL: False,
            Signal.FALLBACK: body.get("then") == "next",
        }
    found = {
        Signal.FORMAT_FAIL: False,
        Signal.REFUSAL: body.get("refusal") is True,
        Signal.FALLBACK: False,
    }
    if baseline.latency_p95_ms is not None:
        found[Signal.LATENCY] = int(body["latency_us"]) > latency_limit_us(baseline.latency_p95_ms)
    if baseline.cost_p95_nano_eur is not None:
        found[Signal.COST] = nano_from_text(str(body["cost_eur"])) > _with_error(baseline.cost_p95_nano_eur)
    return found


def latency_limit_us(p95_ms: int) -> int:
    """What counts as above a percentile that was rounded to milliseconds."""
    return _with_error(p95_ms * 1000 + 500)


def _with_error(value: int) -> int:
    return value + value * _ERROR_PPM // 1_000_000


def _above(answered: int) -> int:
    """How many of the locked sample lay above its 95th percentile, at least one."""
    return max(round(answered * ABOVE_P95), 1)
