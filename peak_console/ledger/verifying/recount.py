"""The figures folded again from the events, and compared with what is stored."""

import sqlite3
from collections.abc import Callable
from typing import Any, Final

import orjson

from peak_console.domain.events import EventKind
from peak_console.ledger.filters import RARE_SQL
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
from peak_console.ledger.verifying.pruned import read_rules

_CHUNK: Final = 5000
_DAY: Final = 86400

Tell = Callable[[int, int], None]


def find_wrong_figures(db: sqlite3.Connection, tell: Tell) -> str | None:
    """What is wrong with the stored figures first; ``None`` when they are the fold of the events.

    Closed minutes never change, so they are compared while the ledger may grow; the open one and the windows
    that take minutes in are compared in short transactions of their own. Where retention dropped bodies,
    minutes are counted again from the first one wholly after them.
    """
    done = pruned_upto(db)
    recount = _Recount(db, done)
    (head,) = db.execute("SELECT ifnull(max(seq), 0) FROM ledger").fetchone()
    while done < head:
        done = min(done + _CHUNK, head)
        wrong = recount.take_up_to(done)
        tell(done, head)
        if wrong:
            return wrong
    db.execute("BEGIN")
    try:
        (head,) = db.execute("SELECT ifnull(max(seq), 0) FROM ledger").fetchone()
        wrong = recount.take_up_to(head) or recount.finish()
    finally:
        db.execute("ROLLBACK")
    return wrong or _wrong_wider(db)


def pruned_upto(db: sqlite3.Connection) -> int:
    """The last place at which a body may have been dropped; 0 where none may."""
    return max((one.upto_seq for one in read_rules(db)), default=0)


class _Recount:
    def __init__(self, db: sqlite3.Connection, after: int) -> None:
        self._db = db
        self._fold = _fold_of_open_bills(db, after) if after else Fold()
        self._figures = Figures()
        self._start, self._seq = -1, after
        self._first = _minute_after(db, after) if after else 0
        """The first minute that is compared."""
        self._parts: dict[int, int] = {}
        self._minutes = 0

    def take_up_to(self, seq: int) -> str | None:
        """Fold the events up to ``seq``; compare each minute that closes."""
        marks = ",".join("?" * len(Fold.kinds))
        query = (
            "SELECT l.*, b.bytes FROM ledger l JOIN body b USING (seq) "  # noqa: S608 - marks only
            f"WHERE l.seq > ? AND l.seq <= ? AND +l.kind IN ({marks}) ORDER BY l.seq"
        )
        rows = self._db.execute(query, (self._seq, seq, *Fold.kinds))
        ts, minute = "", -1
        for row in rows:
            event = Header(*row[:-1])
            if event.ts != ts:
                ts, minute = event.ts, minute_of(event.ts)
            if minute != self._start:
                wrong = self._turn_to(minute)
                if wrong:
                    return wrong
            self._fold.take(self._figures, event, orjson.loads(row[-1]))
        self._seq = seq
        return None

    def finish(self) -> str | None:
        """Compare the open minute, and that no minute is stored which no event made."""
        stored = self._db.execute("SELECT start, part FROM rollup_open").fetchone()
        mine = (self._start, self._parts[self._start]) if self._start >= self._first else None
        if stored != mine and (mine or stored is None or stored[0] >= self._first):
            return f"the open minute is {stored}, the events say {mine}"
        wrong = self._compare() if mine else None
        if wrong:
            return wrong
        minutes = len(_union(self._db, "start, part", "width_s = ? AND start >= ?", MINUTE, self._first))
        return (
            None
            if minutes == self._minutes
            else f"{minutes} minutes are stored, the events made {self._minutes}"
        )

    def _turn_to(self, start: int) -> str | None:
        wrong = self._compare() if self._start >= self._first else None
        self._start, self._figures = start, Figures()
        self._parts[start] = self._parts.get(start, -1) + 1
        self._minutes += start >= self._first
        return wrong

    def _compare(self) -> str | None:
        place = (MINUTE, self._start, self._parts[self._start])
        return _difference(place, read_window(self._db, place), self._figures)


def _fold_of_open_bills(db: sqlite3.Connection, upto: int) -> Fold:
    """The fold as it stands after ``upto``: what calls of lost callers were booked at; those bodies stay."""
    fold, nothing = Fold(), Figures()
    rows = db.execute(
        "SELECT l.*, b.bytes FROM ledger l JOIN body b USING (seq) "  # noqa: S608 - constant text
        f"WHERE l.seq <= ? AND l.kind IN (?, ?) AND l.{RARE_SQL} ORDER BY l.seq",
        (upto, EventKind.CALL_FAILED.value, EventKind.BUDGET_SETTLED.value),
    )
    for row in rows:
        fold.take(nothing, Header(*row[:-1]), orjson.loads(row[-1]))
    return fold


def _minute_after(db: sqlite3.Connection, seq: int) -> int:
    """The minute after the one of the event at this place."""
    row = db.execute("SELECT ts FROM ledger WHERE seq = ?", (seq,)).fetchone()
    return minute_of(row[0]) + MINUTE if row else 0


def _wrong_wider(db: sqlite3.Connection) -> str | None:
    """Compare the wider windows with the closed minutes they were folded from, a day at a time."""
    totals = Figures()
    for day in _days(db):
        db.execute("BEGIN")
        try:
            expected = _expected_of_day(db, day, totals)
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
    return _difference((0, 0, 0), read_window(db, (0, 0, 0)), totals)


def _expected_of_day(db: sqlite3.Connection, day: int, totals: Figures) -> dict[Place, Figures]:
    expected: dict[Place, Figures] = {}
    for start, part in _closed_minutes(db, day):
        minute = read_window(db, (MINUTE, start, part))
        totals.merge(minute)
        for width in WIDER[:-1]:
            place = (width, window_start(start, width), 0)
            expected.setdefault(place, Figures()).merge(minute)
    return expected


def _days(db: sqlite3.Connection) -> list[int]:
    return sorted({start - start % _DAY for (start,) in _union(db, "start", "width_s > 0")})


def _closed_minutes(db: sqlite3.Connection, day: int) -> list[tuple[int, int]]:
    opened = set(db.execute("SELECT start, part FROM rollup_open"))
    found = _union(db, "start, part", "width_s = ? AND start >= ? AND start < ?", MINUTE, day, day + _DAY)
    return sorted(found - opened)


def _count_windows(db: sqlite3.Connection, width: int, day: int) -> int:
    return len(_union(db, "start", "width_s = ? AND start >= ? AND start < ?", width, day, day + _DAY))


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
