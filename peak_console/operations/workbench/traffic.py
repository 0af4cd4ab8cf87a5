"""What was asked of whom in the last day: the traffic that a change is weighed by."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, Protocol

from peak_console.config.workspace import Workspace
from peak_console.domain.clock import from_iso
from peak_console.domain.errors import LedgerUnavailable
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.views import rollup_fold
from peak_console.stats.sketch import QuantileSketch

SPAN: Final = timedelta(hours=24)
_WIDTH: Final = 600
_HOUR: Final = 3600
_MINUTE: Final = 60

SlotKey = tuple[str, str, str, str]
"""Layer, role, provider, model_id."""


class Rollup(rollup_fold.Rollup, Protocol):
    """A row of the ledger's rollups, with what was read from caches."""

    @property
    def tokens_cached(self) -> int: ...  # noqa: D102


@dataclass(slots=True)
class Seen:
    """Hops sent to one model in one slot, with their tokens, their cost (nano-EUR) and latencies (µs)."""

    calls: int = 0
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    cost: int = 0
    latency: QuantileSketch = field(default_factory=QuantileSketch)

    def add(self, row: Rollup) -> None:
        """Add a row."""
        self.calls += row.calls
        self.tokens_in += row.tokens_in
        self.tokens_cached += row.tokens_cached
        self.tokens_out += row.tokens_out
        self.cost += row.cost_nano_eur
        self.latency.merge(row.latency)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Hops of the last 24 hours by slot and model, and what was ever seen of each model."""

    slots: Mapping[SlotKey, Seen]
    ever: Mapping[tuple[str, str], Seen]
    """By provider and model, since the ledger began."""
    covered_s: float
    """Of the last 24 hours, how much the ledger knows, in seconds."""
    readable: bool = True

    @property
    def calls(self) -> int:
        """Hops sent."""
        return sum(one.calls for one in self.slots.values())

    @property
    def shorter(self) -> str:
        """`` (since 13 min)`` where the ledger is younger than 24 hours; else nothing."""
        young = self.covered_s < SPAN.total_seconds()
        return f" (since {span_text(self.covered_s)})" if young else ""

    @property
    def basis(self) -> str:
        """What figures rest on: ``last 24 h, 1,204 calls``, or ``since 13 min, 122 calls``."""
        if not self.readable:
            return "the ledger cannot be read: worst case per call"
        if not self.calls:
            return "no traffic: worst case per call"
        span = f"since {span_text(self.covered_s)}" if self.shorter else "last 24 h"
        return f"{span}, {self.calls:,} {'call' if self.calls == 1 else 'calls'}"

    def p95_ms(self, layer: str, role: str, provider: str, model_id: str) -> float | None:
        """p95 of a model's answers in ms: in this slot today, in any, or ever; ``None``: never seen."""
        slot = self.slots.get((layer, role, provider, model_id))
        if slot is not None and slot.latency.count:
            return quantile_ms(slot.latency, 0.95)
        anywhere = QuantileSketch()
        for (_, _, its_provider, its_model), seen in self.slots.items():
            if (its_provider, its_model) == (provider, model_id):
                anywhere.merge(seen.latency)
        if anywhere.count:
            return quantile_ms(anywhere, 0.95)
        known = self.ever.get((provider, model_id))
        return None if known is None else quantile_ms(known.latency, 0.95)


NO_TRAFFIC: Final = Traffic(MappingProxyType({}), MappingProxyType({}), 0.0)


def quantile_ms(sketch: QuantileSketch, q: float) -> float | None:
    """A quantile of latencies in ms; ``None`` without an answer."""
    value = sketch.quantile(q)
    return None if value is None else value / 1000


def span_text(seconds: float) -> str:
    """A span for people: ``24 h``, ``6.5 h``, ``12 min``."""
    if seconds < _HOUR:
        return f"{max(1, round(seconds / _MINUTE))} min"
    return f"{round(seconds / _HOUR, 1):g} h"


def traffic_of(day: Iterable[Rollup], ever: Iterable[Rollup], covered_s: float) -> Traffic:
    """The traffic that rows of rollups tell. Pure."""
    slots: dict[SlotKey, Seen] = {}
    for row in day:
        slots.setdefault((row.layer, row.role, row.provider, row.model_id), Seen()).add(row)
    models: dict[tuple[str, str], Seen] = {}
    for row in ever:
        models.setdefault((row.provider, row.model_id), Seen()).add(row)
    asked = {key: seen for key, seen in slots.items() if seen.calls or seen.latency.count}
    return Traffic(MappingProxyType(asked), MappingProxyType(models), covered_s)


def read_traffic(ws: Workspace, now: datetime) -> Traffic:
    """The traffic of a workspace's last 24 hours; none where there is no ledger, or a broken one."""
    if not ws.ledger.exists():
        return NO_TRAFFIC
    try:
        with LedgerReader(ws.ledger) as reader:
            first = reader.read(0, 1, bodies=False)
            since = int((now - SPAN).timestamp())
            day = reader.rollups(_WIDTH, since - since % _WIDTH + _WIDTH, int(now.timestamp()) + _WIDTH)
            began = from_iso(first[0].ts) if first else now
            covered = min(SPAN, max(timedelta(0), now - began)).total_seconds()
            return traffic_of(day, reader.totals(), covered)
    except LedgerUnavailable:
        return Traffic(MappingProxyType({}), MappingProxyType({}), 0.0, readable=False)
