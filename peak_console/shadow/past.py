"""The past of a book, from the ledger: its last state, and what its earlier cycles said."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from peak_console.domain.errors import LedgerUnavailable
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.shadow.book import Book, book_digest, book_from, new_book
from peak_console.shadow.scoring import Said, said_in

_PAGE: Final = 50
LOOKED_BACK: Final = 300
"""Cycles of a book that are looked through for outlooks whose horizon ended."""
_FINISHED: Final = EventKind.SHADOW_CYCLE_FINISHED.value


class Past:
    """Reads the ledger in short transactions. Used by one thread; raises ``LedgerUnavailable``."""

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger

    def book(self, name: str, equity_eur: Decimal, now_us: int) -> tuple[Book, str]:
        """The book's last state and its digest; a new book, and no digest, where no cycle wrote it.

        Raises ``LedgerUnavailable`` where the last state cannot be read: it is never begun anew in silence.
        """
        with LedgerReader(self._ledger) as reader:
            last = next(_cycles(reader, name), None)
        if last is None:
            return new_book(name, equity_eur, now_us), ""
        told = _told(last)
        try:
            return book_from(told), book_digest(told)
        except ValueError as error:
            raise LedgerUnavailable(
                f"the book {name} as cycle {last.run_id} wrote it cannot be read: {error}",
                code="book_unreadable",
                remedy="name another book in the job",
            ) from error

    def due(self, name: str, instrument: str, since: datetime, until: datetime) -> list[Said]:
        """What earlier cycles said whose horizon ended after ``since`` and by ``until``, the oldest first.

        In replayed history only of this round: a cycle of a later moment stands in the one before.
        """
        found: list[Said] = []
        with LedgerReader(self._ledger) as reader:
            for looked, event in enumerate(_cycles(reader, name)):
                if looked >= LOOKED_BACK:
                    break
                body = event.body
                if body is None or body.get("instrument") != instrument:
                    continue
                said = said_in(event.run_id or "", body)
                if said is not None and said.as_of > until:
                    break
                if said is not None and since < said.due_at <= until:
                    found.append(said)
        return found[::-1]


def _cycles(reader: LedgerReader, name: str) -> Iterator[LedgerEvent]:
    """The cycles that wrote a book, newest first."""
    before: int | None = None
    while True:
        page = reader.find(EventFilter(kinds=(_FINISHED,)), before, _PAGE)
        yield from (event for event in page.events if _named(event) == name)
        if page.next_before is None or not page.events:
            return
        before = page.next_before


def _told(event: LedgerEvent) -> Any:
    return event.body.get("book") if event.body is not None else None


def _named(event: LedgerEvent) -> Any:
    told = _told(event)
    return told.get("name") if isinstance(told, dict) else None
