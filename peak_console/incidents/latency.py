"""Latency spikes: how often calls of a model take longer than their 95th percentile used to be.

The usual is learnt from the model's own calls in its layer, from the ledger's sketches at a start. Then each
call is 0 or 1, longer or not, and the e-detector holds the stream against the share that is longer by right.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from peak_console.config.incidents import LatencySpike
from peak_console.domain.events import EventKind
from peak_console.domain.incidents import Trigger
from peak_console.domain.text import one_line
from peak_console.incidents.alarm import Alarm
from peak_console.incidents.evidence import Stream, gauge, reached
from peak_console.ledger.headers import Header
from peak_console.stats.binomial import upper_bound
from peak_console.stats.e_detector import detector
from peak_console.stats.sketch import QuantileSketch

KINDS: Final = (EventKind.CALL_COMPLETED.value,)

QUANTILE: Final = 0.95

MODELS_LIMIT: Final = 512
"""Models by layer that are watched; matrix and registry know far fewer."""

ModelKey = tuple[str, str, str]
"""Layer, provider, model id."""


@dataclass
class Usual:
    """What one model's calls usually take: learning, or learnt; microseconds."""

    sketch: QuantileSketch = field(default_factory=QuantileSketch)
    p95_us: int = 0
    """0 while it is still learning."""
    stream: Stream = field(default_factory=lambda: Stream(detector(1 - QUANTILE)))
    newest_us: int = 0


class Latencies:
    """One stream for each model of a layer."""

    def __init__(self) -> None:
        self._usual: dict[ModelKey, Usual] = {}
        self._told: list[Alarm] = []

    def restore(self, sketches: Iterable[tuple[ModelKey, QuantileSketch]]) -> None:
        """What the ledger's rollups tell of the last day; more of one model is merged."""
        for key, sketch in sketches:
            if key in self._usual or len(self._usual) < MODELS_LIMIT:
                self._usual.setdefault(key, Usual()).sketch.merge(sketch)

    def take(self, event: Header, body: Mapping[str, Any], rules: LatencySpike) -> None:
        """Take the answer of a hop in."""
        if event.kind not in KINDS or not event.provider or not event.model_id:
            return
        key = (event.layer or "", event.provider, event.model_id)
        usual = self._usual.get(key)
        if usual is None:
            if len(self._usual) >= MODELS_LIMIT:
                return
            usual = self._usual[key] = Usual()
        latency_us = int(body["latency_us"])
        usual.newest_us = latency_us
        if not usual.p95_us:
            self._learn(usual, latency_us, rules.baseline_calls)
            return
        usual.stream.take(hit=latency_us > usual.p95_us)
        if reached(usual.stream.state, rules.alarm_log):
            self._told.append(_alarm(key, usual, rules))
            self._usual[key] = Usual()  # what is usual from here on is learnt anew

    def known(self) -> None:
        """What was found so far is of before."""
        self._told.clear()

    def alarms(self) -> list[Alarm]:
        """Those since the last look."""
        told, self._told = self._told, []
        return told

    def _learn(self, usual: Usual, latency_us: int, enough: int) -> None:
        usual.sketch.add(latency_us)
        seen = usual.sketch.count
        if seen < enough:
            return
        usual.p95_us = max(round(usual.sketch.quantile(QUANTILE) or 0), 1)
        longer = seen - usual.sketch.count_at_most([usual.p95_us])[0]
        usual.stream = Stream(detector(max(upper_bound(min(longer, seen), seen), 1 - QUANTILE)))
        usual.sketch = QuantileSketch()


def _alarm(key: ModelKey, usual: Usual, rules: LatencySpike) -> Alarm:
    layer, provider, model_id = key
    name = one_line(f"{provider}:{model_id}", 120)
    stream = usual.stream
    figures = {
        "layer": layer,
        "model": name,
        "usual_p95_us": usual.p95_us,
        "longer": sum(stream.recent),
        "calls": len(stream.recent),
        "newest_us": usual.newest_us,
        **gauge(stream.state, rules.alarm_log),
    }
    summary = (
        f"{name} in {layer or 'no layer'}: {stream.told} calls took longer than "
        f"{usual.p95_us / 1e6:.2f} s, its usual 95th percentile"
    )
    return Alarm(Trigger.LATENCY_SPIKE, f"{layer} {name}", f"model:{provider}:{model_id}", summary, figures)
