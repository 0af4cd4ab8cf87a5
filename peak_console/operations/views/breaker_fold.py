"""The ledger's breakers and rate limits as lines, of every model that was ever asked."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Final

from peak_console.domain.clock import from_unix_us, unix_us
from peak_console.operations.views.breakers import BreakerLine, BreakerState, RateLine

if TYPE_CHECKING:
    from peak_console.ledger.folds.breaker_rows import BreakerRow
    from peak_console.ledger.folds.breakers import RateSeen
    from peak_console.ledger.reader import LedgerReader

PROVIDER: Final = "provider"
"""The kind of a breaker that opens for failures."""


def breaker_lines(reader: "LedgerReader", now: datetime) -> tuple[BreakerLine, ...]:
    """The breaker of every provider's model that was ever asked. Raises ``LedgerUnavailable``."""
    asked = ((row.provider, row.model_id) for row in reader.totals() if row.calls)
    return fold_breakers(reader.breakers(), asked, now)


def fold_breakers(
    rows: "Iterable[BreakerRow]", asked: Iterable[tuple[str, str]], now: datetime
) -> tuple[BreakerLine, ...]:
    """``rows`` as lines; a model of ``asked`` without a row never failed, so its breaker is closed.

    A budget breaker is a line of its own while it is latched: most models never had one.
    """
    rows = list(rows)
    found = {(row.provider, row.model_id): _line(row, now) for row in rows if row.kind == PROVIDER}
    for name in asked:
        if all(name) and name not in found:
            found[name] = BreakerLine(*name, BreakerState.CLOSED)
    latched = [_line(row, now) for row in rows if row.kind != PROVIDER and row.latched]
    return tuple(
        sorted([*found.values(), *latched], key=lambda one: (one.provider, one.model_id, one.latched))
    )


def _line(row: "BreakerRow", now: datetime) -> BreakerLine:
    one = row.breaker
    return BreakerLine(
        provider=row.provider,
        model_id=row.model_id,
        state=BreakerState(row.state_at(unix_us(now)).value),
        failures=len(one.failures),
        reason=one.reason,
        opened=_moment(one.opened_us),
        until=None if row.latched else _moment(one.until_us),
        trips=one.trips,
        probing=bool(one.probe),
        rate=None if row.rate is None else _rate(row.rate),
        kind=row.kind,
        latched=row.latched,
    )


def _rate(seen: "RateSeen") -> RateLine:
    told = seen.fields
    reset = told.get("reset_ms")
    return RateLine(
        as_of=from_unix_us(seen.at_us),
        remaining_requests=told.get("remaining_requests"),
        limit_requests=told.get("limit_requests"),
        remaining_tokens=told.get("remaining_tokens"),
        limit_tokens=told.get("limit_tokens"),
        reset_s=None if reset is None else reset / 1000,
    )


def _moment(wall_us: int) -> datetime | None:
    return from_unix_us(wall_us) if wall_us else None
