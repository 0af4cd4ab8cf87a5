"""A run's line as a row of the index, and back. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from peak_console.domain.clock import from_iso, iso
from peak_console.ledger.search.index import RUN_COLUMNS
from peak_console.operations.runs import RunLine
from peak_console.operations.views.body_fields import EPOCH

_TIMES: Final = frozenset({"started", "finished", "last"})


def row_of(line: RunLine) -> tuple[Any, ...]:
    """The line's row, in the order of ``RUN_COLUMNS``."""
    return tuple(_stored(name, getattr(line, name)) for name in RUN_COLUMNS)


def line_of_row(row: Sequence[Any]) -> RunLine:
    """The line that a row holds."""
    return RunLine(**{name: _read(name, value) for name, value in zip(RUN_COLUMNS, row, strict=True)})


def _stored(name: str, value: Any) -> Any:
    if name == "layers":
        return " ".join(value)
    if isinstance(value, datetime):
        return iso(value)
    return int(value) if isinstance(value, bool) else value


def _read(name: str, value: Any) -> Any:
    if name == "layers":
        return tuple(value.split())
    if name in _TIMES:
        return _time(name, value)
    return bool(value) if name == "simulated" else value


def _time(name: str, value: Any) -> datetime | None:
    try:
        return from_iso(value)
    except (TypeError, ValueError):
        return None if name == "finished" else EPOCH
