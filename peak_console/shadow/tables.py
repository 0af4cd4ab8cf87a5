"""Files of bars to rows: CSV, JSON, JSON Lines, Parquet. Bounded over hostile bytes.

Nothing of a file is shown but a short value of a column that was found: whoever names a file of secrets as
market data reads none of them in an error.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any, Final, NoReturn

from peak_console.shadow.bars import MOST_ROWS, PRICES, TIMES, Bar, DataUnusable, read_bars

MOST_BYTES: Final = 32 * 1024 * 1024
"""The largest source that is read."""
_MOST_COLUMNS: Final = 64
_LONGEST_LINE: Final = 8192
_PARQUET_BYTES: Final = 256 * 1024 * 1024
"""What a Parquet file may come to when its columns are unpacked."""
_WANTED: Final = frozenset({*TIMES, *PRICES, "volume"})

FORMATS: Final = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
"""Formats by a file's suffix."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How bars stand in a source that is not laid out as a file of bars; by default it is."""

    rows: tuple[str, ...] = ()
    """Of JSON: keys of objects, or positions in lists, from the outside to the list of bars."""
    columns: Mapping[str, str | int] = field(default_factory=dict)
    """Of each of our columns the source's: its name, or its position in a row that is a list."""
    newest_first: bool = False


_OWN: Final = Layout()
_ORDER: Final = ("time", "open", "high", "low", "close", "volume")
"""The columns of a row that is a list."""


def bars_of(data: bytes, form: str, *, zone: str, bar_s: int, layout: Layout = _OWN) -> tuple[Bar, ...]:
    """The bars in ``data``, which is in the format ``form``; raises :class:`DataUnusable`."""
    if len(data) > MOST_BYTES:
        raise too_large(len(data))
    if form == "parquet":
        return read_bars(_parquet(data), zone=zone, bar_s=bar_s)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _unreadable("it is not UTF-8") from None
    first = 2 if form == "csv" else 1
    rows: Iterable[Any] = _json(text, layout) if form == "json" else (_csv if form == "csv" else _lines)(text)
    if layout.columns:
        rows = (_renamed(row, layout.columns, line) for line, row in enumerate(rows, first))
    if not layout.newest_first:
        return read_bars(rows, zone=zone, bar_s=bar_s, first_line=first)
    turned = list(islice(rows, MOST_ROWS + 1))[::-1]
    return read_bars(turned, zone=zone, bar_s=bar_s, first_line=first + len(turned) - 1, step=-1)


def too_large(size: int) -> DataUnusable:
    """The error of a source of ``size`` bytes, or more."""
    return DataUnusable(
        f"the source has {size / 1_048_576:.0f} MiB or more; {MOST_BYTES // 1_048_576} are read",
        code="data_too_large",
        remedy="cut it to its newest bars",
    )


def _csv(text: str) -> Iterator[Mapping[str, Any]]:
    head = text[: _LONGEST_LINE * 2].splitlines()[:1]
    sign = max(",;\t", key=head[0].count) if head else ","
    reader = csv.reader(_bounded(text), delimiter=sign, strict=True)
    try:
        names = next(reader, [])
        if len(names) > _MOST_COLUMNS:
            raise _unreadable(f"more than {_MOST_COLUMNS} columns")
        if len({one.strip().casefold() for one in names}) != len(names):
            raise _unreadable("two columns have one name")
        for row in reader:
            if row:
                if len(row) != len(names):
                    raise _unreadable(f"line {reader.line_num} has {len(row)} values, the first {len(names)}")
                yield dict(zip(names, row, strict=True))
    except csv.Error as error:
        raise _unreadable(f"line {reader.line_num}: {error}") from None


def _bounded(text: str) -> Iterator[str]:
    """The lines of a text, none longer than is taken."""
    for number, line in enumerate(io.StringIO(text), 1):
        if len(line) > _LONGEST_LINE:
            raise _unreadable(f"line {number} has more than {_LONGEST_LINE} characters")
        yield line


def _lines(text: str) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(_bounded(text), 1):
        if line.strip():
            yield _object(_loaded(line, f"line {number}"), f"line {number}")


def _json(text: str, layout: Layout) -> Iterator[Any]:
    """The rows of a JSON list, or of an object's ``bars``, or of where the layout says.

    A row that is a list has the order of a CSV file's columns, unless the layout names them.
    """
    value = _loaded(text, "it")
    if layout.rows:
        value = _within(value, layout.rows)
    elif isinstance(value, dict):
        value = value.get("bars")
    if not isinstance(value, list) or len(value) > MOST_ROWS:
        raise _unreadable(f"it is no list of at most {MOST_ROWS} bars")
    for number, row in enumerate(value, 1):
        if not isinstance(row, list):
            yield _object(row, f"bar {number}")
        else:
            yield row if layout.columns else dict(zip(_ORDER, row, strict=False))


def _within(value: Any, steps: Sequence[str]) -> Any:
    """What stands at the end of a path of keys and positions."""
    for step in steps:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            raise DataUnusable(
                f"there is no {'.'.join(steps)} in it",
                code="data_rows",
                remedy="open the address yourself, and set rows to where its list of bars stands",
            )
    return value


def _renamed(row: Any, columns: Mapping[str, str | int], line: int) -> Mapping[str, Any]:
    """The row under our names; a volume that is not there is not known."""
    found = {}
    for ours, theirs in columns.items():
        if (theirs in range(len(row))) if isinstance(row, list) else (theirs in row):
            found[ours] = row[theirs]
        elif ours != "volume":
            raise DataUnusable(
                f"line {line}: there is no column {theirs}",
                code="data_columns",
                remedy="set columns to the names or positions that the source has",
                line=line,
            )
    return found


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if isinstance(value, dict) and len(value) <= _MOST_COLUMNS:
        return value
    raise _unreadable(f"{where} is no object of at most {_MOST_COLUMNS} keys")


def _loaded(text: str, where: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_number)
    except DataUnusable:
        raise
    except (ValueError, RecursionError):
        raise _unreadable(f"{where} is no JSON") from None


def _no_number(word: str) -> NoReturn:
    raise DataUnusable(
        f"{word} is no number", code="data_not_a_number", remedy="mend the source, or take the bar out"
    )


def _parquet(data: bytes) -> Iterator[Mapping[str, Any]]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - slow, and an extra
        import pyarrow.parquet as pq  # noqa: PLC0415 - as above
    except ImportError:
        raise DataUnusable(
            "Parquet cannot be read here",
            code="data_no_parquet",
            remedy='install the extra: pip install "peak-console[parquet]"; or write CSV',
        ) from None
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        told = file.metadata
        unpacked = sum(told.row_group(index).total_byte_size for index in range(told.num_row_groups))
        if told.num_rows > MOST_ROWS or unpacked > _PARQUET_BYTES or told.num_columns > _MOST_COLUMNS:
            raise too_large(unpacked)
        names = [one for one in file.schema_arrow.names if one.strip().casefold() in _WANTED]
        for batch in file.iter_batches(batch_size=10_000, columns=names):
            columns = [_column(batch.column(index)) for index in range(len(names))]
            for row in zip(*columns, strict=True):
                yield dict(zip(names, row, strict=True))
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise _unreadable(f"it is no Parquet file that can be read ({type(error).__name__})") from None


def _column(column: Any) -> list[Any]:
    """The values of a column; times to the microsecond."""
    import pyarrow as pa  # noqa: PLC0415 - slow, and an extra

    kind = column.type
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("us", tz=kind.tz), safe=False)
    values: list[Any] = column.to_pylist()
    return values


def _unreadable(what: str) -> DataUnusable:
    return DataUnusable(
        f"the source cannot be read: {what}",
        code="data_unreadable",
        remedy="give a CSV, JSON, JSON Lines or Parquet file of bars; see docs/shadow.md",
    )
