"""Where the events can be cut so that figures of each part are counted by themselves: where a minute begins.

A part has whole minutes of its own. What crosses a border is known from a few events: what calls of lost
callers were booked at.
"""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import orjson

from peak_console.domain.clock import iso
from peak_console.domain.events import EventKind
from peak_console.ledger.filters import RARE_SQL
from peak_console.ledger.folds.bound_spend import LOST
from peak_console.ledger.folds.figures import MINUTE, Figures, minute_of
from peak_console.ledger.folds.rollups import Fold
from peak_console.ledger.headers import Header
from peak_console.ledger.verifying.pruned import read_rules

NO_END: Final = 1 << 62
"""The bound of a part that goes on to the ledger's end."""

_LOST_SQL = (
    "SELECT l.call_id FROM ledger l INDEXED BY ledger_kind JOIN body b USING (seq) "  # noqa: S608 - constant
    f"WHERE l.kind = '{EventKind.CALL_FAILED.value}' AND l.{RARE_SQL} AND l.seq <= ? AND ("
    + " OR ".join("instr(b.bytes, ?)" for _ in LOST)
    + ")"
)
"""Calls that may have been lost: the words of the reasons stand in the body as they are."""

_OF_CALL_SQL = (
    "SELECT l.*, b.bytes FROM ledger l INDEXED BY ledger_call JOIN body b USING (seq) "
    "WHERE l.call_id = ? AND l.seq <= ? ORDER BY l.seq"
)


@dataclass(frozen=True, slots=True)
class Part:
    """Events after ``after`` up to ``upto``, whose minutes begin in ``[since, until)`` (Unix seconds)."""

    after: int = 0
    upto: int = NO_END
    since: int = 0
    until: int = NO_END
    is_first: bool = True

    @property
    def is_last(self) -> bool:
        """Whether it goes on to the ledger's end."""
        return self.upto == NO_END


def whole(db: sqlite3.Connection) -> Part:
    """All events whose figures can be counted again: those after the last that retention may have dropped."""
    pruned = max((one.upto_seq for one in read_rules(db)), default=0)
    row = db.execute("SELECT ts FROM ledger WHERE seq = ?", (pruned,)).fetchone()
    return Part(after=pruned, since=minute_of(row[0]) + MINUTE if row else 0)


def cut(db: sqlite3.Connection, last: int, step: int) -> list[Part]:
    """Parts of about ``step`` events; one alone where no minute begins in between.

    It is assumed that times only grow; a part in which they do not says so when it is counted.
    """
    rest, found = whole(db), []
    while last - rest.after > step + step // 2:
        border = _border(db, rest.after + step, last)
        if border is None or border[1] <= rest.since:
            break
        seq, start = border
        found.append(Part(rest.after, seq, rest.since, start, rest.is_first))
        rest = Part(seq, NO_END, start, NO_END, is_first=False)
    return [*found, rest]


def _border(db: sqlite3.Connection, seq: int, last: int) -> tuple[int, int] | None:
    """The last event of the minute of the one at ``seq``, and the minute that follows it; found by halves."""
    try:
        end = iso(datetime.fromtimestamp(minute_of(_ts(db, seq)) + MINUTE, UTC))
        low, high = seq, last + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _ts(db, middle) < end else (low, middle)
        return None if high > last else (low, minute_of(_ts(db, high)))
    except (LookupError, ValueError, TypeError):
        return None  # what is wrong with these events the chain tells


def _ts(db: sqlite3.Connection, seq: int) -> str:
    row = db.execute("SELECT ts FROM ledger WHERE seq = ?", (seq,)).fetchone()
    if row is None:
        raise LookupError(seq)
    return str(row[0])


def lost_before(db: sqlite3.Connection, seq: int) -> dict[tuple[str, int], int]:
    """What calls of lost callers stand booked at after event ``seq``, by call id and hop."""
    fold, nothing = Fold(), Figures()
    words = [reason.encode() for reason in LOST]
    for (call_id,) in set(db.execute(_LOST_SQL, (seq, *words))) if seq else ():
        for row in db.execute(_OF_CALL_SQL, (call_id, seq)):
            fold.take(nothing, Header(*row[:-1]), orjson.loads(row[-1]))
    return fold.lost
