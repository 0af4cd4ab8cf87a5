"""How a ledger begins, read from its file: what a succession is judged by."""

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

import orjson

from peak_console.domain.events import EventDraft, EventKind
from peak_console.ledger.filters import RARE_SQL
from peak_console.ledger.heads.succession import Beginning

_GENESIS: Final = (
    "SELECT l.event_id, l.kind, b.bytes FROM ledger l LEFT JOIN body b ON b.seq = l.seq WHERE l.seq = 1"
)
_RECOVERED: Final = (
    "SELECT (SELECT bytes FROM body b WHERE b.seq = l.seq) FROM ledger l INDEXED BY ledger_kind "  # noqa: S608 - constant text
    f"WHERE l.kind = ? AND l.{RARE_SQL} ORDER BY l.seq LIMIT 1"
)


def read_beginning(db: sqlite3.Connection, origin: str) -> Beginning:
    """The genesis and the first ``ledger.recovered``; empty ones where they cannot be read.

    Whether these are the bytes that the chain holds is not asked here.
    """
    event_id, kind, data = db.execute(_GENESIS).fetchone() or ("", "", b"")
    row = db.execute(_RECOVERED, (EventKind.LEDGER_RECOVERED.value,)).fetchone()
    genesis = EventDraft(str(event_id), str(kind), dict(_object(data)))
    return Beginning(origin, genesis, None if row is None else _object(row[0]))


def _object(data: Any) -> Mapping[str, Any]:
    try:
        found = orjson.loads(data or b"{}")
    except (orjson.JSONDecodeError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}
