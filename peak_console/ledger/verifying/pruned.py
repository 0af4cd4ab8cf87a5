"""Bodies that retention dropped: missing is legitimate exactly where a ``ledger.pruned`` covers it."""

import sqlite3
from collections.abc import Callable

import orjson

from peak_console.domain.errors import UsageWrong
from peak_console.domain.events import EventKind
from peak_console.ledger.filters import RARE_SQL
from peak_console.ledger.keeping.pruning import PrunedRange, RangeDigest, events_in, range_of
from peak_console.ledger.verifying.diagnosis import Break

_RULES = (
    "SELECT l.seq, b.bytes FROM ledger l INDEXED BY ledger_kind JOIN body b USING (seq) "  # noqa: S608 - constant
    f"WHERE l.kind = '{EventKind.LEDGER_PRUNED.value}' AND l.{RARE_SQL} ORDER BY l.seq"
)
_MISSING = (
    "SELECT l.seq, l.ts, l.kind FROM ledger l LEFT JOIN body b ON b.seq = l.seq "
    "WHERE l.seq > ? AND l.seq <= ? AND b.seq IS NULL"
)


class Excuses:
    """The ranges that a ledger says were pruned, and how much was excused by them."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._ranges: list[PrunedRange] | None = None
        self.events = 0
        self.before = ""
        self.last_seq = 0
        """Place of the latest event that excused something."""

    def covers(self, seq: int, ts: str, kind: str) -> bool:
        """Whether the body of this event may be missing; counts it when so."""
        one = self._covering(seq, ts, kind)
        if one is None:
            self._ranges = read_rules(self._db)  # it may have been pruned since
            one = self._covering(seq, ts, kind)
        if one is None:
            return False
        self.events += 1
        self.before = max(self.before, one.before)
        self.last_seq = max(self.last_seq, one.seq)
        return True

    def cover_all(self, after: int, upto: int) -> bool:
        """Whether every body that is missing in a range of events may be."""
        rows = self._db.execute(_MISSING, (after, upto)).fetchall()
        return all(self.covers(*row) for row in rows)

    def _covering(self, seq: int, ts: str, kind: str) -> PrunedRange | None:
        found = (one for one in self._ranges or () if one.seq > seq and one.covers(seq, ts, kind))
        return next(found, None)


def find_wrong_prune(db: sqlite3.Connection, tell: Callable[[int, int], None]) -> Break | None:
    """The first ``ledger.pruned`` whose count or digest is not that of the headers in its range."""
    for seq, data in db.execute(_RULES).fetchall():
        try:
            body = orjson.loads(data)
            one = range_of(seq, body)
        except (UsageWrong, ValueError, TypeError, AttributeError):
            return Break(seq, "wrong_prune", f"event {seq} names no range that could be pruned")
        digest = RangeDigest()
        for rows in events_in(db, one.before, one.upto_seq):
            for place, kind, body_sha256, _, _ in rows:
                if kind in one.kinds:
                    digest.add(place, body_sha256)
            tell(0, 0)
        if one.upto_seq >= seq or (body["events"], body["digest"]) != (digest.events, digest.hexdigest()):
            told = f"{digest.events:,} events, {digest.hexdigest()[:16]}"
            return Break(seq, "wrong_prune", f"event {seq} tells of another range than it names: {told}")
    return None


def read_rules(db: sqlite3.Connection) -> list[PrunedRange]:
    """The ranges of all ``ledger.pruned``, from the events themselves; malformed ones cover nothing."""
    found = []
    for seq, data in db.execute(_RULES):
        try:
            one = range_of(seq, orjson.loads(data))
        except (UsageWrong, ValueError, TypeError, AttributeError):
            continue
        if one.upto_seq < seq:
            found.append(one)
    return found
