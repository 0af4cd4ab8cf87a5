"""Fields of event bodies, read whatever they hold: what is not as it should be is not there. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import InvalidOperation
from typing import Any, Final

from peak_console.domain.clock import from_iso
from peak_console.domain.events import LedgerEvent
from peak_console.domain.money import nano_from_text

Body = Mapping[str, Any]
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def time_of(event: LedgerEvent) -> datetime:
    """When the event was written; the epoch where that cannot be read."""
    try:
        return from_iso(event.ts)
    except ValueError:
        return EPOCH


def moment(value: Any) -> datetime | None:
    """``value`` where it is a time as the ledger writes them."""
    try:
        return from_iso(value) if isinstance(value, str) else None
    except ValueError:
        return None


def whole(value: Any) -> int | None:
    """``value`` where it is an integer and no truth value."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def ms(value: Any) -> float | None:
    """Whole microseconds as milliseconds."""
    number = whole(value)
    return None if number is None else number / 1000


def nano(value: Any) -> int | None:
    """An amount in EUR, written as text, in nano-EUR."""
    if not isinstance(value, str):
        return None
    try:
        return nano_from_text(value)
    except (ArithmeticError, InvalidOperation, ValueError):
        return None


def text_of(value: Any) -> str | None:
    """``value`` where it is a text that says something."""
    return value if isinstance(value, str) and value else None


def listed(value: Any) -> Sequence[Any]:
    """``value`` where it is a list, else nothing."""
    return value if isinstance(value, list) else ()


def mapping(value: Any) -> Mapping[str, Any]:
    """``value`` where it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}
