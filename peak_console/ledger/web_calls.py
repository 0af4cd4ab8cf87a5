"""Which calls of a layer could reach the web lately: read from the ledger."""

import sqlite3
from pathlib import Path
from typing import Final

from peak_console.ledger.faults import sqlite_faults
from peak_console.ledger.schema import open_for_reading

_MARK: Final = b'"web":true'
"""As canonical JSON writes it; within a text its quotes would be escaped."""


def web_calls_since(path: Path, layer: str, since: str) -> frozenset[str]:
    """The calls of ``layer`` asked for at or after ``since`` (a time as events write it) that had the web.

    Raises ``LedgerUnavailable``. Reads the headers of all events since then.
    """
    query = (
        "SELECT l.call_id FROM ledger l JOIN body b ON b.seq = l.seq WHERE l.seq >= ? "
        "AND l.kind = 'llm.call.requested' AND l.layer = ? AND l.ts >= ? AND instr(b.bytes, ?)"
    )
    with sqlite_faults(path):
        db = open_for_reading(path)
        try:
            first = _first_since(db, since)
            return frozenset(call for (call,) in db.execute(query, (first, layer, since, _MARK)))
        finally:
            db.close()


def _first_since(db: sqlite3.Connection, since: str) -> int:
    """About the first event at or after a time: sequence numbers have no gaps and times rise with them."""
    low, high = 1, (db.execute("SELECT max(seq) FROM ledger").fetchone()[0] or 0) + 1
    while low < high:
        middle = (low + high) // 2
        row = db.execute("SELECT ts FROM ledger WHERE seq = ?", (middle,)).fetchone()
        if row is not None and row[0] < since:
            low = middle + 1
        else:
            high = middle
    return low
