"""What may be asked of the index of runs, and its pages: newest first, by key, in bounded time."""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from operator import eq, ge, gt, le, lt, ne
from pathlib import Path
from time import monotonic
from typing import Any, Final, Self

from peak_console.ledger.search.index import (
    INDEX_SCHEMA,
    INDEXED,
    RUN_COLUMNS,
    IndexUnavailable,
    Position,
    first_word_row,
    index_faults,
    run_of_word_row,
)

PATIENCE_S: Final = 0.2
"""How long a page looks for what fits before it says how far it got."""

_SELECT: Final = f"SELECT {', '.join(RUN_COLUMNS)} FROM run"  # noqa: S608 - constant text
_FIRST_SPAN: Final = 20_000
_GROWTH: Final = 4
_QUICK_S: Final = 0.015
_RARE: Final = 4000
"""Rows up to which a value's index is walked rather than the runs in order."""
_BATCH: Final = 100
_EVERY: Final = 1 << 62
_HIGHEST: Final = (1 << 31) - 1
"""Above every place that a row of words can name."""
_WORDS: Final = re.compile(r"\w+", re.UNICODE)
_PREFIX_LEAST: Final = 3
_ORDERS: Final = {"=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


@dataclass(frozen=True, slots=True)
class Condition:
    """A column compared with values: ``among`` them, ``like`` one of them (``*`` and ``?``), or by an order.

    The column ``layers`` holds a set: ``among`` asks whether one of the values is in it. Texts are compared
    in any case where they are ``like``.
    """

    column: str
    op: str
    values: tuple[Any, ...]
    negated: bool = False

    def sql(self) -> tuple[str, tuple[Any, ...]]:
        """As a term of SQL with its values."""
        text, values = self._positive()
        return (f"NOT ({text})" if self.negated else text), values

    def holds(self, value: Any) -> bool:
        """Whether it holds for the column's ``value``; a set for ``layers``."""
        return self._compared(value) is not self.negated

    def _compared(self, value: Any) -> bool:
        if self.column == "layers":
            return not set(self.values).isdisjoint(value)
        if self.op == "among":
            return value in self.values
        if self.op == "like":
            return any(fnmatchcase(str(value).lower(), one.lower()) for one in self.values)
        return bool(_ORDERS[self.op](value, self.values[0]))

    def _positive(self) -> tuple[str, tuple[Any, ...]]:
        if self.column == "layers":
            held = "EXISTS (SELECT 1 FROM run_layer w WHERE w.seq = run.seq AND w.layer = ?)"
            return " OR ".join([held] * len(self.values)), self.values
        if self.column not in RUN_COLUMNS:
            raise ValueError(self.column)
        if self.op == "among":
            return f"{self.column} IN ({','.join('?' * len(self.values))})", self.values
        if self.op == "like":
            asked = f"lower({self.column}) GLOB ?"
            return " OR ".join([asked] * len(self.values)), tuple(one.lower() for one in self.values)
        if self.op not in _ORDERS:
            raise ValueError(self.op)
        return f"{self.column} {self.op} ?", self.values[:1]


@dataclass(frozen=True, slots=True)
class RunQuery:
    """Conditions that must all hold, words that must all be found, and words that must not be."""

    conditions: tuple[Condition, ...] = ()
    words: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunRows:
    """Rows as in ``RUN_COLUMNS``, newest first. ``next_before`` is the key of the page after it.

    ``scanned_to`` is the place down to which was looked; a page that ran out of time has fewer rows than
    asked for, and a ``next_before`` to go on from.
    """

    rows: tuple[tuple[Any, ...], ...] = ()
    next_before: int | None = None
    scanned_to: int = 0


class IndexReader:
    """Reads of the index at ``path``, by one thread at a time; raises ``IndexUnavailable``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            raise IndexUnavailable(
                "there is no index yet", code="index_missing", remedy="start the node: peak node start"
            )
        with index_faults(path):
            uri = f"{path.absolute().as_uri()}?mode=ro"
            self._db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
            try:
                self._db.execute("PRAGMA busy_timeout = 100")
                (version,) = self._db.execute("PRAGMA user_version").fetchone()
            except BaseException:
                self._db.close()
                raise
        if version != INDEX_SCHEMA:
            self._db.close()
            raise IndexUnavailable(
                f"the index is of schema {version}, not {INDEX_SCHEMA}",
                code="index_schema",
                remedy="start the node: peak node start",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def position(self) -> Position:
        """How far the index reaches."""
        row = self._rows("SELECT seq, hash, genesis FROM position", ())
        return Position(*row[0]) if row else Position()

    def run(self, run_id: str) -> tuple[Any, ...] | None:
        """The row of a run."""
        found = self._rows(f"{_SELECT} WHERE run_id = ?", (run_id,))
        return found[0] if found else None

    def find(
        self, wanted: RunQuery, before: int | None, limit: int, *, patience_s: float = PATIENCE_S
    ) -> RunRows:
        """The newest runs below ``before`` that fit ``wanted``."""
        ends = monotonic() + patience_s
        with index_faults(self.path):
            if wanted.words:
                return self._by_words(wanted, before, limit, ends)
            return self._by_place(wanted, before, limit, ends)

    # -- runs in order, or along an index where its value is rare

    def _by_place(self, wanted: RunQuery, before: int | None, limit: int, ends: float) -> RunRows:
        terms = [one.sql() for one in wanted.conditions]
        condition = " AND ".join(f"({text})" for text, _ in terms) or "1"
        values = tuple(value for _, some in terms for value in some)
        rows: list[tuple[Any, ...]] = []
        source, whole = self._source(wanted)
        top = self._top() if before is None else before
        span = _EVERY if whole or not terms else _FIRST_SPAN
        query = f"{_SELECT} {source} WHERE seq < ? AND seq >= ? AND {condition} ORDER BY seq DESC LIMIT ?"
        while top > 1:
            floor, began = max(1, top - span), monotonic()
            missing = limit - len(rows)
            found = self._rows(query, (top, floor, *values, missing))
            rows += [row for row in found if self._lacks(row[0], wanted.without)]
            if len(found) == missing:
                top = found[-1][0]
            else:
                top, span = floor, _next_span(span, monotonic() - began)
            if len(rows) >= limit or (monotonic() > ends and top > 1):
                return RunRows(tuple(rows), top, top)
        return RunRows(tuple(rows), None, 1)

    def _top(self) -> int:
        ((last,),) = self._rows("SELECT max(seq) FROM run", ())
        return (last or 0) + 1

    def _source(self, wanted: RunQuery) -> tuple[str, bool]:
        """Which index to walk, and whether it holds so little that all of it may be looked at."""
        for one in wanted.conditions:
            if one.negated or one.op == "like" or one.column not in INDEXED or len(one.values) != 1:
                continue
            term, values = one.sql()
            indexed = f"SELECT 1 FROM run INDEXED BY run_{one.column} WHERE {term} LIMIT {_RARE}"  # noqa: S608 - ours
            ((count,),) = self._rows(f"SELECT count(*) FROM ({indexed})", values)  # noqa: S608 - ours
            if count < _RARE:
                return f"INDEXED BY run_{one.column}", True
        return "NOT INDEXED", False

    # -- runs that hold words

    def _by_words(self, wanted: RunQuery, before: int | None, limit: int, ends: float) -> RunRows:
        rows: list[tuple[Any, ...]] = []
        matches = _Matches(self._db, wanted.words, before, ends)
        while True:
            batch = list(zip(range(_BATCH), matches, strict=False))
            rows += self._fitting(wanted, [place for _, place in batch])
            if len(rows) >= limit:
                last = rows[limit - 1][0]
                return RunRows(tuple(rows[:limit]), last, last)
            if matches.late:
                return RunRows(tuple(rows), matches.below, matches.below)
            if len(batch) < _BATCH:
                return RunRows(tuple(rows), None, 1)

    def _fitting(self, wanted: RunQuery, places: Sequence[int]) -> list[tuple[Any, ...]]:
        if not places:
            return []
        terms = [one.sql() for one in wanted.conditions]
        condition = " AND ".join(f"({text})" for text, _ in terms) or "1"
        values = tuple(value for _, some in terms for value in some)
        among = ",".join("?" * len(places))
        query = f"{_SELECT} WHERE seq IN ({among}) AND {condition} ORDER BY seq DESC"
        found = self._rows(query, (*places, *values))
        return [row for row in found if self._lacks(row[0], wanted.without)]

    def _lacks(self, place: int, words: Sequence[str]) -> bool:
        """Whether a run holds none of ``words``."""
        query = "SELECT 1 FROM word WHERE word MATCH ? AND rowid >= ? AND rowid < ? LIMIT 1"
        ends = (first_word_row(place), first_word_row(place + 1))
        return not any(self._rows(query, (_asked(word), *ends)) for word in words)

    def _rows(self, query: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        with index_faults(self.path):
            return self._db.execute(query, tuple(values)).fetchall()


class _Matches:
    """Places of runs that hold every one of some words, newest first; ends in time, and is then ``late``."""

    def __init__(self, db: sqlite3.Connection, words: Sequence[str], before: int | None, ends: float) -> None:
        self._walks = [_Walk(db, _asked(word)) for word in words]
        self._ends = ends
        self.below = _HIGHEST if before is None else before
        """Everything from here on was looked at."""
        self.late = self._moved = False

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        target = self.below
        while True:
            if self._moved and monotonic() > self._ends:
                self.late = True
                raise StopIteration
            self._moved = True  # one step is always made, so that whoever goes on gets somewhere
            found = [walk.below(target) for walk in self._walks]
            places = [place for place in found if place is not None]
            if len(places) < len(found):
                raise StopIteration
            lowest = min(places)
            if lowest == max(places):
                self.below = lowest
                return lowest
            target = lowest + 1
            self.below = target


class _Walk:
    """The runs that hold one word; it is asked for the newest one below a place that only falls."""

    _QUERY: Final = "SELECT rowid FROM word WHERE word MATCH ? AND rowid < ? ORDER BY rowid DESC"
    _STEPS: Final = 64
    """Rows stepped over before the next one is looked up instead."""

    def __init__(self, db: sqlite3.Connection, asked: str) -> None:
        self._db, self._asked = db, asked
        self._rows: Iterator[tuple[int]] = iter(())
        self._at: int | None = _HIGHEST

    def below(self, place: int) -> int | None:
        """The newest run below ``place``; ``None`` where there is none."""
        if self._at is None or self._at < place:
            return self._at
        for _, (row,) in zip(range(self._STEPS), self._rows, strict=False):
            self._at = run_of_word_row(row)
            if self._at < place:
                return self._at
        self._rows = iter(self._db.execute(self._QUERY, (self._asked, first_word_row(place))))
        found = next(self._rows, None)
        self._at = None if found is None else run_of_word_row(found[0])
        return self._at


def _next_span(span: int, took_s: float) -> int:
    """How many places to look at next, so that none of the steps takes much of the patience."""
    if took_s < _QUICK_S:
        return span * _GROWTH
    return max(_FIRST_SPAN, span // _GROWTH) if took_s > _GROWTH * _QUICK_S else span


def _asked(word: str) -> str:
    """A word as FTS5 is asked for it: its parts as a phrase; ``lever*`` asks for a beginning."""
    parts = _WORDS.findall(word.replace("_", " "))
    ending = " *" if word.endswith("*") and parts and len(parts[-1]) >= _PREFIX_LEAST else ""
    return '"' + " ".join(parts) + '"' + ending
