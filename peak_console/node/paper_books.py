"""The last state of each paper book, folded in the writer's own transactions: no state is left twice."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import orjson

from peak_console.domain.errors import ControlRefused, PeakError, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ledgering import Refusal
from peak_console.domain.text import one_line
from peak_console.ledger.filters import RARE_SQL
from peak_console.ledger.headers import Header
from peak_console.ledger.projections import Body
from peak_console.shadow.book import BOOK_MOVED, book_digest

_FINISHED: Final = EventKind.SHADOW_CYCLE_FINISHED.value
_NEWEST: Final = (
    "SELECT b.bytes FROM ledger l INDEXED BY ledger_kind JOIN body b ON b.seq = l.seq "  # noqa: S608 - constant text
    f"WHERE {RARE_SQL} AND l.kind = ? AND json_extract(CAST(b.bytes AS TEXT), '$.book.name') = ? "
    "ORDER BY l.seq DESC LIMIT 1"
)


class PaperBooks:
    """A projection that writes nothing. Read it in the writer's thread only."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}
        """By book: the digest of its last state; each is looked up when it is first asked for."""
        self._db: sqlite3.Connection | None = None

    def out_of_place(self, draft: EventDraft) -> PeakError | None:
        """Why a cycle's end may not be recorded; ``None`` when it may.

        A cycle says from which state of its book it began. Two that began from one cannot both stand.
        """
        if draft.kind != _FINISHED:
            return None
        name, digest = _book(draft.body)
        if name is None or not digest:
            return UsageWrong("a cycle's end carries the book that it leaves", code="event_malformed")
        if draft.body.get("book_before") == self._standing(name):
            return None
        return ControlRefused(
            f"the book {one_line(name, 60)} was written since this cycle began",
            code=BOOK_MOVED,
            remedy="nothing of the cycle counts; the next one begins with the book as it is",
        )

    def open(self, db: sqlite3.Connection) -> None:
        """Take the writer's connection."""
        self._db = db

    def admit(self, draft: EventDraft, now: datetime) -> Refusal | None:  # noqa: ARG002 - the protocol's
        """Nothing to say about calls."""
        return None

    def apply(self, event: Header, body: Body) -> Sequence[EventDraft]:
        """Take one event in."""
        name, digest = _book(body) if event.kind == _FINISHED else (None, "")
        if name is not None and digest:
            self._last[name] = digest
        return ()

    def flush(self, db: sqlite3.Connection) -> None:
        """Nothing is stored."""

    def reset(self) -> None:
        """Begin again; :meth:`open` follows."""
        self._last = {}

    def _standing(self, name: str) -> str:
        """The digest of a book's last state; empty where none was left, or its body was pruned."""
        if name not in self._last:
            self._last[name] = self._looked_up(name)
        return self._last[name]

    def _looked_up(self, name: str) -> str:
        if self._db is None:
            return ""
        row = self._db.execute(_NEWEST, (_FINISHED, name)).fetchone()
        return _book(orjson.loads(row[0]))[1] if row is not None else ""


def _book(body: Body) -> tuple[str | None, str]:
    told: Any = body.get("book")
    name = told.get("name") if isinstance(told, dict) else None
    return (name, book_digest(told)) if isinstance(name, str) and name else (None, "")
