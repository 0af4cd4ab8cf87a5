"""Bars of market data, checked: what is wrong is refused with its place, never mended in silence. Pure.

A row comes from a file or an address that anybody may have written. It is a bar only when every figure is a
finite decimal above zero, high and low enclose open and close, and times rise. Gaps are no error, for markets
close; they are counted and told.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import count, pairwise
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

from peak_console.domain.clock import iso
from peak_console.domain.errors import PeakError
from peak_console.domain.text import one_line

MOST_ROWS: Final = 500_000
"""Bars that are read of one source."""

TIMES: Final = ("time", "timestamp", "datetime", "date", "open_time")
"""Names under which a column of times is known."""
PRICES: Final = ("open", "high", "low", "close")
_MOST_DIGITS: Final = 24
_LARGEST: Final = Decimal(10) ** 12
_MS_FROM: Final = 10**11
"""A whole number this large is a time in milliseconds, else in seconds."""
_LATEST_S: Final = 4_102_444_800
"""The year 2100."""


class DataUnusable(PeakError):
    """Market data cannot be used; the code says why, ``details["line"]`` where, counted from 1."""

    default_code: ClassVar[str] = "data_unusable"
    why = "market data cannot be used as it stands"
    exit_code = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its start in UTC, prices in the quote currency, volume as the source counts it."""

    start: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal = Decimal(0)

    def end(self, bar_s: int) -> datetime:
        """When it is complete."""
        return self.start + timedelta(seconds=bar_s)

    def row(self) -> list[str]:
        """Its figures as text, in the order of a CSV file; the time in UTC, to the second."""
        figures = (self.open, self.high, self.low, self.close, self.volume)
        return [f"{self.start:%Y-%m-%d %H:%M:%S}", *(format(one, "f") for one in figures)]


@dataclass(frozen=True, slots=True)
class Gap:
    """Bars that are not there: the last one before, and how many would have stood between."""

    after: datetime
    missing: int


def read_bars(
    rows: Iterable[Mapping[str, Any]], *, zone: str, bar_s: int, first_line: int = 1, step: int = 1
) -> tuple[Bar, ...]:
    """The bars of ``rows``, oldest first; raises :class:`DataUnusable` for the first row that is none.

    ``zone`` is that of times that name none; ``first_line`` where the first row stands in its source, and
    ``step`` how far on the next one stands.
    """
    zone_info = ZoneInfo(zone)
    bars: list[Bar] = []
    names: dict[str, str] = {}
    keys: tuple[str, ...] = ()
    for line, row in zip(count(first_line, step), rows, strict=False):
        if len(bars) >= MOST_ROWS:
            raise DataUnusable(
                f"more than {MOST_ROWS} bars",
                code="data_too_large",
                remedy="cut the source to its newest bars",
            )
        if tuple(row) != keys:
            keys, names = tuple(row), _columns(row, line)
        bar = _bar(row, names, zone_info, line)
        if bars:
            _follows(bars[-1], bar, bar_s, line)
        bars.append(bar)
    if not bars:
        raise DataUnusable("the source holds no bar", code="data_empty", remedy="give it at least one bar")
    return tuple(bars)


def gaps(bars: Sequence[Bar], bar_s: int) -> tuple[Gap, ...]:
    """Where bars are missing, oldest first."""
    step = timedelta(seconds=bar_s)
    return tuple(
        Gap(one.start, (after.start - one.start) // step - 1)
        for one, after in pairwise(bars)
        if after.start - one.start > step
    )


def between(bars: Sequence[Bar], since: datetime, until: datetime, bar_s: int) -> Sequence[Bar]:
    """The bars that begin at ``since`` or later and end by ``until``; ``bars`` are oldest first."""
    length = timedelta(seconds=bar_s)
    first = bisect_left(bars, since, key=lambda bar: bar.start)
    return bars[first : bisect_right(bars, until - length, key=lambda bar: bar.start)]


def _columns(row: Mapping[str, Any], line: int) -> dict[str, str]:
    """The row's own name of each column that a bar needs."""
    own = {name.strip().casefold(): name for name in row}
    found = {"time": next((own[one] for one in TIMES if one in own), None)}
    found |= {name: own.get(name) for name in (*PRICES, "volume")}
    missing = [name for name in ("time", *PRICES) if found[name] is None]
    if missing:
        raise DataUnusable(
            f"there is no column {', '.join(missing)}",
            code="data_columns",
            remedy="name the columns time, open, high, low, close and, if known, volume",
            line=line,
        )
    return {name: one for name, one in found.items() if one is not None}


def _bar(row: Mapping[str, Any], names: Mapping[str, str], zone: ZoneInfo, line: int) -> Bar:
    start = _time(row.get(names["time"]), zone, line)
    opened, high, low, close = (_price(row.get(names[name]), name, line) for name in PRICES)
    told = row.get(names["volume"]) if "volume" in names else None
    volume = Decimal(0) if told in {None, ""} else _figure(told, "volume", line)
    if volume < 0:
        raise _wrong("data_negative", f"volume {_shown(told)} is below zero", line)
    if high < max(opened, close) or low > min(opened, close):
        raise _wrong("data_inconsistent", "high and low do not enclose open and close", line)
    return Bar(start, opened, high, low, close, volume)


def _follows(before: Bar, bar: Bar, bar_s: int, line: int) -> None:
    apart = bar.start - before.start
    if not apart:
        raise _wrong("data_duplicate", f"a second bar at {iso(bar.start)}", line)
    if apart < timedelta(0):
        raise _wrong("data_out_of_order", f"{iso(bar.start)} stands after {iso(before.start)}", line)
    if apart < timedelta(seconds=bar_s):
        raise _wrong(
            "data_bar_length", f"bars {apart.total_seconds():.0f} s apart, where bar_s is {bar_s}", line
        )


def _price(told: Any, name: str, line: int) -> Decimal:
    price = _figure(told, name, line)
    if price <= 0:
        raise _wrong("data_negative", f"{name} {_shown(told)} is not above zero", line)
    return price


def _figure(told: Any, name: str, line: int) -> Decimal:
    """A finite decimal of bounded length in ASCII digits; a float counts as it is written."""
    text = repr(told) if isinstance(told, float) else str(told).strip()
    readable = not isinstance(told, bool) and text.isascii() and "_" not in text
    readable = readable and len(text) <= _MOST_DIGITS + 8
    try:
        figure = Decimal(text if readable else "")
    except InvalidOperation:
        raise _wrong("data_not_a_number", f"{name} {_shown(told)} is no number", line) from None
    if not figure.is_finite():
        raise _wrong("data_not_a_number", f"{name} {_shown(told)} is no finite number", line)
    if abs(figure) >= _LARGEST or (figure and figure.adjusted() < -_MOST_DIGITS):
        raise _wrong("data_not_a_number", f"{name} {_shown(told)} is no price of this world", line)
    return figure


def _time(told: Any, zone: ZoneInfo, line: int) -> datetime:
    """A moment in UTC: ISO 8601, seconds or milliseconds since 1970, or a time that was read as one."""
    try:
        if isinstance(told, datetime):
            moment = told
        elif isinstance(told, int) and not isinstance(told, bool):
            moment = _since_1970(told)
        else:
            text = str(told).strip()[:40]
            if not text.isascii():
                raise _wrong("data_time", f"{_shown(told)} is no time", line)
            moment = _since_1970(int(text)) if text.isdigit() else datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise _wrong("data_time", f"{_shown(told)} is no time", line) from None
    if not 0 <= moment.timestamp() < _LATEST_S:
        raise _wrong("data_time", f"{_shown(told)} is before 1970 or after 2100", line)
    return moment


def _since_1970(number: int) -> datetime:
    if number >= _MS_FROM:
        return datetime.fromtimestamp(number // 1000, UTC) + timedelta(milliseconds=number % 1000)
    return datetime.fromtimestamp(number, UTC)


_REMEDIES: Final = {
    "data_duplicate": "keep one bar a time; where clocks go back, give times with their offset",
    "data_out_of_order": "sort the bars by time, oldest first",
    "data_bar_length": "set bar_s of the job to the length of the bars",
    "data_time": "write times as 2026-11-20T14:00:00Z, or as seconds since 1970",
}


def _wrong(code: str, message: str, line: int) -> DataUnusable:
    remedy = _REMEDIES.get(code, "mend the source, or take the bar out")
    return DataUnusable(f"line {line}: {message}", code=code, remedy=remedy, line=line)


def _shown(told: Any) -> str:
    return repr(one_line(str(told), 40))
