"""The index beside the ledger: one row a run, and the words of events. Filled behind; filled anew at will.

Nothing is proved by it and nothing decides by it: lists are found here, and what they show is the ledger's.
The words stand in a contentless FTS5 table (sqlite.org/fts5.html), a row for each run of each batch. A row's
number is the run's place in its upper half and how far the batch reached beyond it in its lower half, so that
matches come newest run first without a sort, and a run's matches stand together.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from peak_console.domain.errors import PeakError
from peak_console.domain.events import GENESIS_PREV_HASH

INDEX_SCHEMA: Final = 2
"""Raised with every change of the tables or of what is put in: an index of another one is filled anew."""

APPLICATION_ID: Final = 0x5045_4153
"""``PEAS``: written into the file's header."""

RUN_COLUMNS: Final[Mapping[str, str]] = {
    "seq": "INTEGER PRIMARY KEY",
    "run_id": "TEXT NOT NULL UNIQUE",
    "last_seq": "INTEGER NOT NULL",
    "started": "TEXT NOT NULL",
    "finished": "TEXT",
    "last": "TEXT NOT NULL",
    "phase": "TEXT NOT NULL",
    "layers": "TEXT NOT NULL",
    "layer": "TEXT NOT NULL",
    "purpose": "TEXT NOT NULL",
    "actor": "TEXT NOT NULL",
    "outcome": "TEXT NOT NULL",
    "calls": "INTEGER NOT NULL",
    "hops": "INTEGER NOT NULL",
    "in_flight": "INTEGER NOT NULL",
    "failed": "INTEGER NOT NULL",
    "refused": "INTEGER NOT NULL",
    "fallbacks": "INTEGER NOT NULL",
    "verdict": "TEXT NOT NULL",
    "gate": "TEXT NOT NULL",
    "orders": "INTEGER NOT NULL",
    "cost": "INTEGER NOT NULL",
    "at_bound": "INTEGER NOT NULL",
    "tokens_in": "INTEGER NOT NULL",
    "tokens_out": "INTEGER NOT NULL",
    "artefacts": "INTEGER NOT NULL",
    "simulated": "INTEGER NOT NULL",
    "evidence": "TEXT NOT NULL",
    "pruned": "INTEGER NOT NULL",
}
"""The columns of ``run``: money in nano-EUR, times as the ledger writes them, layers with a blank between."""

INDEXED: Final = ("outcome", "verdict", "phase", "gate", "cost")
"""Columns with an index: what is rare among their values is found without a look at the rest."""

_PLACE_BITS: Final = 32
_LOW: Final = (1 << _PLACE_BITS) - 1

_TABLES: Final = (
    f"CREATE TABLE run({', '.join(f'{name} {kind}' for name, kind in RUN_COLUMNS.items())}) STRICT",
    *(f"CREATE INDEX run_{name} ON run({name})" for name in INDEXED),
    "CREATE TABLE run_layer(layer TEXT, seq INTEGER, PRIMARY KEY(layer, seq)) WITHOUT ROWID, STRICT",
    "CREATE VIRTUAL TABLE word USING fts5(text, content='', columnsize=0, tokenize='unicode61')",
    "CREATE TABLE position(id INTEGER PRIMARY KEY, seq INTEGER, hash TEXT, genesis TEXT) STRICT",
)
_PUT_RUN: Final = (
    f"INSERT OR REPLACE INTO run({', '.join(RUN_COLUMNS)}) VALUES({','.join('?' * len(RUN_COLUMNS))})"
)
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_FULL: Final = frozenset({sqlite3.SQLITE_FULL})


class IndexUnavailable(PeakError):
    """The index cannot be used; the ledger can."""

    default_code = "index_unavailable"
    why = "runs are then read from the ledger itself, without the search for words"


class IndexDamaged(IndexUnavailable):
    """The file is none, or not whole: it is to be filled anew."""

    default_code = "index_damaged"


@dataclass(frozen=True, slots=True)
class Position:
    """How far the index reaches: the last event in it, by place and hash, and of which ledger."""

    seq: int = 0
    hash: str = GENESIS_PREV_HASH
    genesis: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction adds: rows as in :data:`RUN_COLUMNS`, and words by (run's place, last place)."""

    runs: Sequence[Sequence[Any]]
    layers: Sequence[tuple[str, int]]
    words: Mapping[tuple[int, int], str]
    reached: Position


def word_row(run_seq: int, reached: int) -> int:
    """The number of a row of words: runs in order, a run's rows beside each other."""
    return (run_seq << _PLACE_BITS) | min(reached - run_seq, _LOW)


def first_word_row(run_seq: int) -> int:
    """The lowest number that a row of the run can have."""
    return run_seq << _PLACE_BITS


def run_of_word_row(row: int) -> int:
    """The place of the run that a row of words belongs to."""
    return row >> _PLACE_BITS


@contextmanager
def index_faults(path: Path) -> Iterator[None]:
    """Turn a ``sqlite3.Error`` inside into :class:`IndexUnavailable`, damage into :class:`IndexDamaged`."""
    try:
        yield
    except sqlite3.Error as error:
        primary = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
        if primary in _DAMAGED:
            raise IndexDamaged(
                f"the index {path.name} is damaged ({error})", remedy="the node fills it anew by itself"
            ) from error
        code = "index_full" if primary in _FULL else "index_unavailable"
        remedy = "free space on its disk" if primary in _FULL else "check the rights of audits/"
        raise IndexUnavailable(
            f"the index {path.name} cannot be used ({error})", code=code, remedy=remedy
        ) from error


class IndexWriter:
    """The writing side, for one process. :meth:`put` is one transaction: whole, or not there after a kill."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with index_faults(path):
            self._db = sqlite3.connect(path, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def position(self) -> Position:
        """How far it reaches."""
        with index_faults(self.path):
            row = self._db.execute("SELECT seq, hash, genesis FROM position").fetchone()
        return Position(*row) if row else Position()

    def place_of(self, run_id: str) -> int | None:
        """The place of a run that stands in it."""
        with index_faults(self.path):
            row = self._db.execute("SELECT seq FROM run WHERE run_id = ?", (run_id,)).fetchone()
        return None if row is None else int(row[0])

    def put(self, batch: Batch, after: Position) -> bool:
        """Add a batch that follows ``after``; false when the index reaches elsewhere: another has written."""
        with index_faults(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                if self.position() != after:
                    self._db.execute("ROLLBACK")
                    return False
                self._put(batch)
                self._db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise
        return True

    def clear(self) -> None:
        """Empty it: its ledger is another one."""
        with index_faults(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            self._make()
            self._db.execute("COMMIT")

    def _prepare(self) -> None:
        db = self._db
        db.execute("PRAGMA busy_timeout = 2000")
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and application != APPLICATION_ID:
            raise IndexDamaged(f"{self.path.name} is another database", remedy="move it away")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA trusted_schema = OFF")
        db.execute("PRAGMA cache_size = -8192")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version != INDEX_SCHEMA:
            db.execute("BEGIN IMMEDIATE")
            self._make()
            db.execute("COMMIT")

    def _make(self) -> None:
        """Empty tables of this schema, within the transaction at hand."""
        db = self._db
        for (name,) in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
            "AND name NOT LIKE 'word_%'"
        ).fetchall():
            db.execute(f'DROP TABLE "{name}"')
        for statement in _TABLES:
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {INDEX_SCHEMA}")

    def _put(self, batch: Batch) -> None:
        db = self._db
        db.executemany(_PUT_RUN, batch.runs)
        db.executemany("INSERT OR IGNORE INTO run_layer(layer, seq) VALUES(?, ?)", batch.layers)
        rows = sorted((word_row(*place), text) for place, text in batch.words.items())
        db.executemany("INSERT INTO word(rowid, text) VALUES(?, ?)", rows)
        reached = batch.reached
        db.execute(
            "INSERT OR REPLACE INTO position(id, seq, hash, genesis) VALUES(1, ?, ?, ?)",
            (reached.seq, reached.hash, reached.genesis),
        )


def remove_index(path: Path) -> None:
    """Remove the file and what belongs to it. Raises ``OSError``."""
    for end in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + end).unlink()
