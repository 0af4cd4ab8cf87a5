"""How long the ledger's disk lasts: a forecast from what was written lately. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

RESERVE_BYTES: Final = 16 * 1024**2
"""With less than this free the node lets no call begin."""

NEAR_RESERVE_BYTES: Final = 4 * RESERVE_BYTES
AMBER_DAYS: Final = 14.0
RED_DAYS: Final = 2.0
WAL_ALARM_BYTES: Final = 64 * 1024**2
LEAST_HISTORY_S: Final = 3600.0
"""With less history than this nothing is forecast."""

_DAY_S: Final = 86_400.0


class DiskState(StrEnum):
    """How urgent it is."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Written:
    """Events of the last ``span_s`` seconds."""

    events: int
    span_s: float


@dataclass(frozen=True, slots=True)
class DiskForecast:
    """The disk of the ledger now, and how long it lasts at the rate of late. Sizes in bytes."""

    free: int | None = None
    """``None`` where the disk does not say."""
    ledger: int = 0
    wal: int = 0
    growth_per_day: int | None = None
    """``None`` with too little history."""
    days_left: float | None = None
    """Until only the reserve is left; ``None`` where the ledger does not grow, or nobody knows."""
    state: DiskState = DiskState.UNKNOWN
    why: str = "not read yet"

    @property
    def wal_alarm(self) -> bool:
        """Whether the write-ahead log is larger than it should ever be."""
        return self.wal > WAL_ALARM_BYTES

    def as_json(self) -> dict[str, Any]:
        """As ``peak status --json`` shows it."""
        return {
            "free_bytes": self.free,
            "ledger_bytes": self.ledger,
            "wal_bytes": self.wal,
            "growth_bytes_per_day": self.growth_per_day,
            "days_left": None if self.days_left is None else round(self.days_left, 1),
            "state": self.state.value,
            "why": self.why,
        }


def forecast(
    *, free: int | None, ledger: int, wal: int, events: int, history_s: float, written: tuple[Written, ...]
) -> DiskForecast:
    """The forecast: the fastest of the rates in ``written``, times what an event takes on the average.

    ``events`` is how many the ledger holds, ``history_s`` how long it has been written.
    """
    growth = _growth(ledger, events, history_s, written)
    days = None
    if growth and free is not None:
        days = max(free - RESERVE_BYTES, 0) / growth
    state, why = _judged(free, growth, days)
    return DiskForecast(free, ledger, wal, growth, days, state, why)


def _growth(ledger: int, events: int, history_s: float, written: tuple[Written, ...]) -> int | None:
    """Bytes a day."""
    if events <= 0 or history_s < LEAST_HISTORY_S:
        return None
    rates = [one.events / one.span_s for one in written if one.span_s >= LEAST_HISTORY_S]
    if not rates:
        return None
    return round(max(rates) * _DAY_S * ledger / events)


def _judged(free: int | None, growth: int | None, days: float | None) -> tuple[DiskState, str]:
    if free is None:
        return DiskState.UNKNOWN, "the disk does not say how much is free"
    if free < NEAR_RESERVE_BYTES:
        return DiskState.BAD, "nearly nothing is left: without room no call may begin"
    if growth is None:
        return DiskState.UNKNOWN, "not enough history"
    if days is None:
        return DiskState.OK, "it does not grow"
    if days < RED_DAYS:
        return DiskState.BAD, "full within two days at the rate of late"
    if days < AMBER_DAYS:
        return DiskState.WARN, "full within two weeks at the rate of late"
    return DiskState.OK, ""
