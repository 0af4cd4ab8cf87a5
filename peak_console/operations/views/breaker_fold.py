"""The ledger's breakers as lines; a row that is not as it should be gives what can be read. Pure."""

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from peak_console.operations.views.breakers import BreakerLine, BreakerState, RateLine

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def breaker_lines(reader: object) -> tuple[BreakerLine, ...]:
    """Every breaker that the ledger keeps, by provider and model. Raises ``LedgerUnavailable``."""
    read = getattr(reader, "breakers", None)
    lines = (_line(row) for row in (read() if read else ()))
    return tuple(sorted(lines, key=lambda one: (one.provider, one.model_id)))


def _line(row: Any) -> BreakerLine:
    state = BreakerState.UNKNOWN
    with contextlib.suppress(ValueError):
        state = BreakerState(str(row.state))
    return BreakerLine(
        provider=str(row.provider),
        model_id=str(row.model_id),
        state=state,
        failures=row.failures,
        reason=str(row.reason or ""),
        opened=_moment(row.opened_us),
        until=_moment(row.until_us),
        trips=row.trips,
        rate=rate_line(row.rate, _moment(row.rate_at_us)),
    )


def rate_line(told: Any, at: datetime | None) -> RateLine | None:
    """A rate limit from an event's ``rate`` and when that was; ``None`` where nothing was told."""
    if not isinstance(told, Mapping) or at is None:
        return None
    reset = _whole(told.get("reset_ms"))
    line = RateLine(
        as_of=at,
        remaining_requests=_whole(told.get("remaining_requests")),
        limit_requests=_whole(told.get("limit_requests")),
        remaining_tokens=_whole(told.get("remaining_tokens")),
        limit_tokens=_whole(told.get("limit_tokens")),
        reset_s=None if reset is None else reset / 1000,
    )
    return None if line == RateLine(at) else line


def _moment(wall_us: int | None) -> datetime | None:
    return _EPOCH + timedelta(microseconds=wall_us) if wall_us else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
