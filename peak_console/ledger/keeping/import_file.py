"""An export made a ledger of its own again: a file that verifies like the one it came from."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import orjson

from peak_console.domain.errors import UsageWrong
from peak_console.ledger.bodies import check_body
from peak_console.ledger.faults import sqlite_faults
from peak_console.ledger.folds.breaker_rows import rebuild_breakers
from peak_console.ledger.folds.budget_breaker import CHANGES, BudgetBreakers
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.keeping.export_form import ExportedEvent, ExportWrong, SaidPruned
from peak_console.ledger.keeping.pruning import PrunedRange, write_ranges
from peak_console.ledger.schema import open_for_writing

_CHUNK: Final = 500
_COLUMNS: Final = 15
_UNFOLDABLE: Final = (LookupError, TypeError, ValueError, ArithmeticError)
"""What a fold says of a body that its hash holds and that is none of its kind."""


def write_ledger(
    path: Path, events: Iterable[ExportedEvent], ranges: Callable[[], Iterable[SaidPruned]]
) -> None:
    """Write a complete export's events to ``path``, which must not exist; figures are made anew.

    ``ranges`` is asked after the last event. Raises :class:`ExportWrong` for events that no ledger takes,
    ``LedgerUnavailable`` where the file cannot be written, and whatever ``events`` raises.
    """
    with sqlite_faults(path), closing(open_for_writing(path)) as db:
        figures = _Figures(db)
        for chunk in _chunks(events):
            db.execute("BEGIN IMMEDIATE")
            _insert(db, chunk)
            figures.take(chunk)
            db.execute("COMMIT")
        db.execute("BEGIN IMMEDIATE")
        try:
            rebuild_breakers(db)
        except _UNFOLDABLE as error:
            raise ExportWrong(f"its breakers cannot be told from its events: {error}") from None
        done = [PrunedRange(one.seq, one.before, one.upto_seq, one.kinds, one.upto_seq) for one in ranges()]
        write_ranges(db, done)
        db.execute("COMMIT")
        db.execute("PRAGMA journal_mode = DELETE")  # one file, readable on a read-only disk


class _Figures:
    """What is kept beside the events, folded from them."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._rollups, self._latches = Rollups(), BudgetBreakers(db)
        self._rollups.open(db)

    def take(self, chunk: Sequence[ExportedEvent]) -> None:
        for one in chunk:
            if one.body is not None:
                self._fold(one, one.body)
        self._rollups.flush(self._db)
        self._latches.flush(self._db)

    def _fold(self, one: ExportedEvent, data: bytes) -> None:
        header, body = one.header, orjson.loads(data)
        try:
            check_body(header.kind, body, header.call_id, header.run_id)
            self._rollups.apply(header, body)
            if header.kind in CHANGES:
                self._latches.apply(header, body)
        except UsageWrong as error:
            raise ExportWrong(f"event {header.seq}: {error.message}") from None
        except _UNFOLDABLE as error:
            raise ExportWrong(f"event {header.seq} is none of its kind: {error}") from None


def _insert(db: sqlite3.Connection, chunk: Sequence[ExportedEvent]) -> None:
    marks = ",".join("?" * _COLUMNS)
    held = [(one.header.seq, one.body) for one in chunk if one.body is not None]
    try:
        db.executemany(
            f"INSERT INTO ledger VALUES ({marks})",  # noqa: S608 - marks only
            [one.header[:_COLUMNS] for one in chunk],
        )
        db.executemany("INSERT INTO body VALUES (?, ?)", held)
    except sqlite3.IntegrityError as error:
        raise ExportWrong(f"from event {chunk[0].header.seq} on no ledger takes it: {error}") from None


def _chunks(events: Iterable[ExportedEvent]) -> Iterator[list[ExportedEvent]]:
    chunk: list[ExportedEvent] = []
    for event in events:
        chunk.append(event)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
