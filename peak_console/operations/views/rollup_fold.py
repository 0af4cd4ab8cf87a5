"""Rollups as the Live screen's figures. Closed windows are folded once and kept; the open one each time."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from peak_console.operations.views.live import Points, Slot
from peak_console.stats.sketch import QuantileSketch

QUANTILES: Final = (0.5, 0.95, 0.99)


class Rollup(Protocol):
    """What is read of a row of the ledger's rollups; latencies in microseconds."""

    @property
    def start(self) -> int: ...  # noqa: D102 - Unix seconds
    @property
    def layer(self) -> str: ...  # noqa: D102
    @property
    def role(self) -> str: ...  # noqa: D102
    @property
    def provider(self) -> str: ...  # noqa: D102
    @property
    def model_id(self) -> str: ...  # noqa: D102
    @property
    def calls(self) -> int: ...  # noqa: D102
    @property
    def errors(self) -> int: ...  # noqa: D102
    @property
    def fallbacks(self) -> int: ...  # noqa: D102
    @property
    def refused(self) -> int: ...  # noqa: D102
    @property
    def tokens_in(self) -> int: ...  # noqa: D102
    @property
    def tokens_out(self) -> int: ...  # noqa: D102
    @property
    def cost_nano_eur(self) -> int: ...  # noqa: D102
    @property
    def latency(self) -> QuantileSketch: ...  # noqa: D102


class Sums:
    """Figures added up."""

    __slots__ = ("calls", "cost", "errors", "fallbacks", "latency", "refused", "tokens_in", "tokens_out")

    def __init__(self) -> None:
        self.calls = self.errors = self.fallbacks = self.refused = 0
        self.tokens_in = self.tokens_out = self.cost = 0
        self.latency = QuantileSketch()

    def add(self, row: Rollup) -> None:
        """Add a row."""
        self.calls += row.calls
        self.errors += row.errors
        self.fallbacks += row.fallbacks
        self.refused += row.refused
        self.tokens_in += row.tokens_in
        self.tokens_out += row.tokens_out
        self.cost += row.cost_nano_eur
        self.latency.merge(row.latency)

    def merge(self, other: "Sums") -> None:
        """Add other sums."""
        self.calls += other.calls
        self.errors += other.errors
        self.fallbacks += other.fallbacks
        self.refused += other.refused
        self.tokens_in += other.tokens_in
        self.tokens_out += other.tokens_out
        self.cost += other.cost
        self.latency.merge(other.latency)

    @property
    def ended(self) -> int:
        """Hops that were answered or failed, sent or not."""
        return self.latency.count + self.errors

    def quantiles_ms(self) -> tuple[float | None, float | None, float | None]:
        """Median, 95th and 99th percentile in milliseconds; ``None`` without an answer."""
        if not self.latency.count:
            return None, None, None
        p50, p95, p99 = (value / 1000 for value in self.latency.quantiles(QUANTILES))
        return p50, p95, p99


@dataclass(frozen=True, slots=True)
class Point:
    """One window of a series: hops by layer, cost in nano-EUR, p95 in milliseconds."""

    sent: Mapping[str, int]
    cost: int
    p95_ms: float | None


class Windows:
    """The windows of one width from ``since`` on, by what was read of them.

    A window that lies two widths behind the newest is closed: the ledger does not change it any more.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._rows: dict[int, list[Rollup]] = {}
        self._points: dict[int, Point] = {}
        self._closed: dict[Slot, Sums] = {}
        self._closed_for: tuple[int, int] = (-1, -1)
        self._since = -1

    def refresh(self, read: Callable[[int], Iterable[Rollup]], since: int, now_s: int) -> None:
        """Read what may have changed; ``read(start)`` gives the rows from ``start`` on."""
        since -= since % self.width
        edge = now_s - now_s % self.width - self.width  # this window and the one before may still change
        start = since if since < self._since or self._since < 0 else max(since, self._read_from)
        fresh: dict[int, list[Rollup]] = {}
        for row in read(start):
            fresh.setdefault(row.start, []).append(row)
        for place in [place for place in self._rows if place >= start or place < since]:
            del self._rows[place]
            self._points.pop(place, None)
        self._rows.update(fresh)
        self._since, self._read_from = since, edge

    _read_from: int = -1

    def sums(self) -> dict[Slot, Sums]:
        """Figures by slot over all windows held."""
        edge = self._read_from
        oldest = min(self._rows, default=0)
        if self._closed_for != (oldest, edge):
            self._closed = _summed(rows for place, rows in self._rows.items() if place < edge)
            self._closed_for = (oldest, edge)
        total = _summed(rows for place, rows in self._rows.items() if place >= edge)
        for slot, closed in self._closed.items():
            total.setdefault(slot, Sums()).merge(closed)
        return total

    def point(self, start: int) -> Point | None:
        """The window that begins at ``start``; ``None`` when nothing was recorded in it."""
        rows = self._rows.get(start)
        if rows is None:
            return None
        found = self._points.get(start)
        if found is None:
            found = _point(rows)
            if start < self._read_from:
                self._points[start] = found
        return found

    def cost_by_slot(self, since: int) -> dict[Slot, int]:
        """Cost in nano-EUR of the windows from ``since`` on."""
        found: dict[Slot, int] = {}
        for place, rows in self._rows.items():
            if place >= since:
                for row in rows:
                    slot = _slot(row)
                    found[slot] = found.get(slot, 0) + row.cost_nano_eur
        return found


def _slot(row: Rollup) -> Slot:
    return Slot(row.layer, row.role, row.provider, row.model_id)


def _summed(groups: Iterable[Sequence[Rollup]]) -> dict[Slot, Sums]:
    found: dict[Slot, Sums] = {}
    for rows in groups:
        for row in rows:
            found.setdefault(_slot(row), Sums()).add(row)
    return found


def _point(rows: Sequence[Rollup]) -> Point:
    sent: dict[str, int] = {}
    latency, cost = QuantileSketch(), 0
    for row in rows:
        sent[row.layer] = sent.get(row.layer, 0) + row.calls
        cost += row.cost_nano_eur
        latency.merge(row.latency)
    p95 = latency.quantile(0.95)
    return Point(sent, cost, None if p95 is None else p95 / 1000)


def all_sums(sums: Mapping[Slot, Sums]) -> Sums:
    """The sums of all slots together."""
    total = Sums()
    for one in sums.values():
        total.merge(one)
    return total


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without a node: nothing could be recorded. Unix seconds."""

    start: float
    end: float


def series_of(
    windows: Windows, starts: Sequence[int], *, now_s: float, known_from: float, gaps: Sequence[Gap]
) -> tuple[tuple[tuple[str, Points], ...], Points, Points]:
    """Volume by layer (hops a minute), cost (EUR an hour) and p95 (ms) at ``starts``.

    ``None`` before ``known_from`` and within gaps, where there is no data; else at least zero. The rate of
    the window that is still open is that of the part gone by.
    """
    width = windows.width
    points = [windows.point(start) for start in starts]
    dark = [
        point is None and _unknown(start, start + width, known_from, gaps)
        for start, point in zip(starts, points, strict=True)
    ]
    gone = [
        min(width, max(width / 6, min(now_s, start + width) - max(start, known_from))) for start in starts
    ]

    def values(read: Callable[[Point], float]) -> Points:
        return tuple(
            None if off else (read(point) / seconds if point else 0.0)
            for point, off, seconds in zip(points, dark, gone, strict=True)
        )

    layers = sorted({layer for point in points if point for layer in point.sent if layer})

    def sent(layer: str) -> Points:
        return values(lambda point: 60 * point.sent.get(layer, 0))

    volume = tuple((layer, sent(layer)) for layer in layers)
    cost = values(lambda point: 3600 * point.cost / 1e9)
    return volume, cost, tuple(point.p95_ms if point else None for point in points)


def _unknown(start: float, end: float, known_from: float, gaps: Sequence[Gap]) -> bool:
    return end <= known_from or any(gap.start <= start and end <= gap.end for gap in gaps)
