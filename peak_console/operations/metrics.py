"""What monitors scrape: a fold of the ledger's totals and the posture, as plain figures.

No figure carries a run id: the number of series grows with the matrix, never with the work.
"""

import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from peak_console.config.workspace import Workspace
from peak_console.control.gate import CallGate
from peak_console.domain.clock import Clock, SystemClock, unix_us
from peak_console.domain.errors import LedgerUnavailable
from peak_console.domain.posture import Posture
from peak_console.domain.text import one_line
from peak_console.ledger.folds.windows import CountRow, RollupRow
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.schema import SQLITE_VERSION
from peak_console.operations.missing_ledger import missing_ledger
from peak_console.operations.shadow.counting import ShadowCounts, ShadowMeter

BOUNDS_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Upper bounds of the latency buckets, in seconds."""

LABEL_LIMIT: Final = 120
"""Characters of a label's value."""

_SINCE_GENESIS: Final = 0
_US: Final = 1_000_000
_FAILED, _REFUSED = "failed", "refused"


@dataclass(frozen=True, slots=True)
class Slot:
    """Whom figures are about: a layer's role and the model that stood in it."""

    layer: str
    role: str
    provider: str
    model_id: str


@dataclass(frozen=True, slots=True)
class Latency:
    """Latencies of answered calls: for each of :data:`BOUNDS_S` how many were at most that long."""

    at_most: tuple[int, ...]
    count: int
    total_us: int


@dataclass(frozen=True, slots=True)
class SlotFigures:
    """The totals of one slot. ``calls`` are hops that were sent; ``tokens`` by type."""

    calls: int
    fallbacks: int
    tokens: Mapping[str, int]
    cost_nano_eur: int
    """What is settled: it never falls."""
    unsettled_nano_eur: int
    """What is booked at its bound beside it, because nobody told the bill; it may still be lowered."""
    latency: Latency


@dataclass(frozen=True, slots=True)
class BreakerFigures:
    """Where a model's breaker stands now, and how often it has opened."""

    state: str
    trips: int


@dataclass(frozen=True, slots=True)
class LedgerFigures:
    """Everything that is counted from the ledger, since its genesis."""

    events: int
    in_flight: int
    slots: Mapping[Slot, SlotFigures]
    errors: Mapping[tuple[Slot, str], int]
    refusals: Mapping[tuple[Slot, str], int]
    verdicts: Mapping[tuple[str, ...], int]
    """By layer and verdict."""
    denials: Mapping[tuple[str, ...], int]
    """By rule."""
    breakers: Mapping[tuple[str, str], BreakerFigures]
    """By provider and model."""
    size: int
    wal_size: int
    shadow: ShadowCounts = field(default_factory=ShadowCounts)


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at everything: the posture always, the ledger's figures or why there are none."""

    posture: Posture
    ledger: LedgerFigures | LedgerUnavailable


class Meter:
    """Takes readings of a workspace. One thread at a time."""

    def __init__(self, ws: Workspace, clock: Clock | None = None) -> None:
        self._ws = ws
        # the workspace's posture, not this process's: its own environment has no say here
        self._clock = clock or SystemClock()
        self._gate = CallGate(ws.control, self._clock, {})
        self._shadow = ShadowMeter(ws)

    def posture(self) -> Posture:
        """The posture now."""
        return self._gate.posture()

    @staticmethod
    def build() -> dict[str, str]:
        """Versions of the program and of what it stands on."""
        try:
            own = version("peak-console")
        except PackageNotFoundError:
            own = "unknown"
        return {"version": own, "python_version": platform.python_version(), "sqlite_version": SQLITE_VERSION}

    def read(self) -> Reading:
        """A reading now; every query is a transaction of its own, so that the ledger is never held."""
        try:
            return Reading(self.posture(), self._ledger())
        except LedgerUnavailable as why:
            return Reading(self.posture(), why.with_traceback(None))

    def _ledger(self) -> LedgerFigures:
        path = self._ws.ledger
        if not path.exists():
            raise missing_ledger(self._ws)
        try:
            with LedgerReader(path) as reader:
                return self._figures(reader)
        except ValueError as error:  # a stored sketch that is none
            raise LedgerUnavailable(
                f"the ledger's stored figures cannot be read: {error}",
                code="ledger_corrupt",
                remedy='run: peak ledger verify; go on after it: peak ledger recover --reason "..."',
            ) from error

    def _figures(self, reader: LedgerReader) -> LedgerFigures:
        reasons = reader.errors(_SINCE_GENESIS)
        return LedgerFigures(
            events=reader.head()[0],
            in_flight=reader.in_flight(),
            slots=_slots(reader),
            errors=_reasons(reasons, _FAILED),
            refusals=_reasons(reasons, _REFUSED),
            verdicts=_counts((row.names, row.count) for row in reader.critic(_SINCE_GENESIS)),
            denials=_counts((row.names[:1], row.count) for row in reader.denials(_SINCE_GENESIS)),
            breakers=self._breakers(reader),
            size=_size(self._ws, ""),
            wal_size=_size(self._ws, "-wal"),
            shadow=self._shadow.read(reader, self._clock.now()),
        )

    def _breakers(self, reader: LedgerReader) -> dict[tuple[str, str], BreakerFigures]:
        now_us = unix_us(self._clock.now())
        return {
            (_label(row.provider), _label(row.model_id)): BreakerFigures(
                row.state_at(now_us).value, row.breaker.trips
            )
            for row in reader.breakers()
            if row.kind == "provider"
        }


def _slots(reader: LedgerReader) -> dict[Slot, SlotFigures]:
    """The slots' totals. Rows of refusals that named no model are left out: they are refusals only."""
    rows, bounds = reader.totals_and_bounds()
    found: dict[Slot, SlotFigures] = {}
    for row in rows:
        if row.model_id or row.calls:
            names = (row.layer, row.role, row.provider, row.model_id)
            unsettled = bounds.get(names, 0)
            found[_slot(*names)] = _slot_figures(row, row.cost_nano_eur - unsettled, unsettled)
    return found


def _slot_figures(row: RollupRow, settled: int, unsettled: int) -> SlotFigures:
    return SlotFigures(
        calls=row.calls,
        fallbacks=row.fallbacks,
        tokens={
            "input": row.tokens_in,
            "output": row.tokens_out,
            "cached": row.tokens_cached,
            "reasoning": row.tokens_reasoning,
        },
        cost_nano_eur=settled,
        unsettled_nano_eur=unsettled,
        latency=Latency(
            at_most=tuple(row.latency.count_at_most([bound * _US for bound in BOUNDS_S])),
            count=row.latency.count,
            total_us=row.latency_us,
        ),
    )


def _reasons(rows: Iterable[CountRow], outcome: str) -> dict[tuple[Slot, str], int]:
    counted: dict[tuple[Slot, str], int] = {}
    for row in rows:
        *place, was, reason = row.names
        if was == outcome:
            key = (_slot(*place), _label(reason))
            counted[key] = counted.get(key, 0) + row.count
    return counted


def _counts(rows: Iterable[tuple[tuple[str, ...], int]]) -> dict[tuple[str, ...], int]:
    counted: dict[tuple[str, ...], int] = {}
    for names, count in rows:
        key = tuple(_label(name) for name in names)
        counted[key] = counted.get(key, 0) + count
    return counted


def _slot(*names: str) -> Slot:
    return Slot(*(_label(name) for name in names))


def _label(text: str) -> str:
    """Names come from configs and events: no control characters reach a monitor."""
    return one_line(text, LABEL_LIMIT)


def _size(ws: Workspace, suffix: str) -> int:
    try:
        return ws.ledger.with_name(ws.ledger.name + suffix).stat().st_size
    except OSError:
        return 0
