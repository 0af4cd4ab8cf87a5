"""The figures folded again from the events, and compared with what is stored; in parts that stand alone."""

import sqlite3
from collections.abc import Callable
from typing import Any, Final

import orjson

from peak_console.ledger.folds.figures import (
    MINUTE,
    TALLIES,
    WIDER,
    Figures,
    Place,
    minute_of,
    read_window,
    window_start,
)
from peak_console.ledger.folds.rollups import Fold
from peak_console.ledger.headers import Header
from peak_console.ledger.verifying.parts import Part, lost_before

_CHUNK: Final = 5000
_DAY: Final = 86400
_WITHIN: Final = "width_s = ? AND start >= ? AND start < ?"
_WIDTHS: Final = (MINUTE, *WIDER[:-1])
_FIGURED_SQL: Final = (
    "SELECT b.bytes, l.seq, '', l.ts, 0, l.kind, '', NULL, l.call_id, l.layer, l.role, l.provider, "
    "l.model_id, '', '', '', '' FROM ledger l JOIN body b USING (seq) "
)
"""What figures are made of, as a body and a header; columns that no figure needs are left empty."""

Tell = Callable[[int, int], None]


class TimeTurnedBack(Exception):
    """An event belongs to a minute of another part: a clock was set back over a border."""


def find_wrong_figures(db: sqlite3.Connection, part: Part, tell: Tell) -> str | None:
    """What is wrong with the stored figures of a part; ``None`` when they are the fold of the events.

    Closed minutes never change, so they are compared while the ledger may grow; the open one and the windows
    that take minutes in are compared in short transactions of their own. Where retention dropped bodies,
    minutes are counted again from the first one wholly after them. Raises :class:`TimeTurnedBack`.
    """
    done, recount = part.after, _Recount(db, part)
    (head,) = db.execute("SELECT ifnull(max(seq), 0) FROM ledger").fetchone()
    head = min(head, part.upto)
    while done < head:
        done = min(done + _CHUNK, head)
        wrong = recount.take_up_to(done)
        tell(done - part.after, head - part.after)
        if wrong:
            return wrong
    db.execute("BEGIN")
    try:
        (head,) = db.execute("SELECT ifnull(max(seq), 0) FROM ledger").fetchone()
        wrong = recount.take_up_to(min(head, part.upto)) or recount.finish()
    finally:
        db.execute("ROLLBACK")
    return wrong or _wrong_wider(db, part) or (_wrong_totals(db) if part.is_last else None)


class _Recount:
    def __init__(self, db: sqlite3.Connection, part: Part) -> None:
        self._db, self._part = db, part
        self._fold = Fold(lost_before(db, part.after))
        self._figures = Figures()
        self._start, self._seq = -1, part.after
        self._first = part.since
        """The first minute that is compared."""
        self._parts: dict[int, int] = {}
        self._minutes = 0

    def take_up_to(self, seq: int) -> str | None:
        """Fold the events up to ``seq``; compare each minute that closes."""
        marks = ",".join("?" * len(Fold.kinds))
        query = f"{_FIGURED_SQL} WHERE l.seq > ? AND l.seq <= ? AND +l.kind IN ({marks}) ORDER BY l.seq"
        rows = self._db.execute(query, (self._seq, seq, *Fold.kinds))
        ts, minute = "", -1
        for row in rows:
            event = Header._make(row[1:])
            if event.ts != ts:
                ts, minute = event.ts, minute_of(event.ts)
            if minute != self._start:
                wrong = self._turn_to(minute)
                if wrong:
                    return wrong
            self._fold.take(self._figures, event, orjson.loads(row[0]))
        self._seq = seq
        return None

    def finish(self) -> str | None:
        """Compare the last minute, and that no minute is stored which no event made."""
        stored = self._db.execute("SELECT start, part FROM rollup_open").fetchone()
        mine = (self._start, self._parts[self._start]) if self._start >= self._first else None
        if self._part.is_last and stored != mine and (mine or stored is None or stored[0] >= self._first):
            return f"the open minute is {stored}, the events say {mine}"
        wrong = self._compare() if mine else None
        if wrong:
            return wrong
        part = self._part
        minutes = len(_union(self._db, "start, part", _WITHIN, MINUTE, part.since, part.until))
        return (
            None
            if minutes == self._minutes
            else f"{minutes} minutes are stored, the events made {self._minutes}"
        )

    def _turn_to(self, start: int) -> str | None:
        if start >= self._part.until or (start < self._first and not self._part.is_first):
            raise TimeTurnedBack
        wrong = self._compare() if self._start >= self._first else None
        self._start, self._figures = start, Figures()
        self._parts[start] = self._parts.get(start, -1) + 1
        self._minutes += start >= self._first
        return wrong

    def _compare(self) -> str | None:
        place = (MINUTE, self._start, self._parts[self._start])
        return _difference(place, read_window(self._db, place), self._figures)


def _wrong_wider(db: sqlite3.Connection, part: Part) -> str | None:
    """Compare the wider windows of a part's days with the closed minutes they were folded from."""
    for day in _days(db, 0 if part.is_first else part.since, part.until):
        db.execute("BEGIN")
        try:
            expected = _expected_of_day(db, day)
            for place, figures in expected.items():
                wrong = _difference(place, read_window(db, place), figures)
                if wrong:
                    return wrong
            for width in WIDER[:-1]:
                stored = _count_windows(db, width, day)
                made = sum(place[0] == width for place in expected)
                if stored != made:
                    return f"{stored} windows of {width} s are stored from {day} on, the minutes made {made}"
        finally:
            db.execute("ROLLBACK")
    return None


def _wrong_totals(db: sqlite3.Connection) -> str | None:
    """Compare the totals with the days, which are compared with their minutes; all at one moment."""
    totals = Figures()
    db.execute("BEGIN")
    try:
        for (start,) in _union(db, "start", "width_s = ?", _DAY):
            totals.merge(read_window(db, (_DAY, start, 0)))
        return _difference((0, 0, 0), read_window(db, (0, 0, 0)), totals)
    finally:
        db.execute("ROLLBACK")


def _expected_of_day(db: sqlite3.Connection, day: int) -> dict[Place, Figures]:
    """The windows of a day: minutes make the narrowest ones, and each of those its wider one."""
    expected: dict[Place, Figures] = {}
    narrower = [(start, read_window(db, (MINUTE, start, part))) for start, part in _closed_minutes(db, day)]
    for width in WIDER[:-1]:
        windows: dict[int, Figures] = {}
        for start, figures in narrower:
            windows.setdefault(window_start(start, width), Figures()).merge(figures)
        expected |= {(width, start, 0): figures for start, figures in windows.items()}
        narrower = list(windows.items())
    return expected


def _days(db: sqlite3.Connection, since: int, until: int) -> list[int]:
    """The days that begin in ``[since, until)`` and of which anything is stored."""
    first, last = since + -since % _DAY, until + -until % _DAY
    starts = (one for width in _WIDTHS for (one,) in _union(db, "start", _WITHIN, width, first, last))
    return sorted({start - start % _DAY for start in starts})


def _closed_minutes(db: sqlite3.Connection, day: int) -> list[tuple[int, int]]:
    opened = set(db.execute("SELECT start, part FROM rollup_open"))
    found = _union(db, "start, part", _WITHIN, MINUTE, day, day + _DAY)
    return sorted(found - opened)


def _count_windows(db: sqlite3.Connection, width: int, day: int) -> int:
    return len(_union(db, "start", _WITHIN, width, day, day + _DAY))


def _union(db: sqlite3.Connection, columns: str, condition: str, *values: int) -> set[Any]:
    """Distinct ``columns`` over every table of figures."""
    found: set[Any] = set()
    for table in ("rollup", *(tally.table for tally in TALLIES)):
        query = f"SELECT DISTINCT {columns} FROM {table} WHERE {condition}"  # noqa: S608 - our own names
        found |= set(db.execute(query, values))
    return found


def _difference(place: Place, stored: Figures, expected: Figures) -> str | None:
    where = f"the window of {place[0]} s at {place[1]}"
    for key in stored.cells.keys() | expected.cells.keys():
        if stored.cells.get(key) != expected.cells.get(key):
            return f"{where} has other figures for {'/'.join(key)} than its events"
    for tally in TALLIES:
        if stored.counts[tally] != expected.counts[tally]:
            return f"{where} has other counts in {tally.table} than its events"
    return None
