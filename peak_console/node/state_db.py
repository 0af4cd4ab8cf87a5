"""``audits/state.db``: working state that is no record: drafts, schedules, runs. Opened by the node alone.

SQLite in WAL mode with one connection, used by one thread. A file that is corrupt is set aside and a new one
is begun: working state is worth keeping, never worth a node that does not start.
"""

import logging
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from peak_console.domain.errors import EnvironmentUnfit

SCHEMA_VERSION: Final = 4

BUSY_S: Final = 0.5
"""How long another process that holds the file is waited for: the node's one thread waits with it."""

APPLICATION_ID: Final = 0x5045_5354
"""``PEST``: what SQLite's header says of the file."""

_SCHEMA: Final = """
CREATE TABLE draft (
    login TEXT NOT NULL, target TEXT NOT NULL, editor TEXT NOT NULL, at TEXT NOT NULL, fields TEXT NOT NULL,
    PRIMARY KEY (login, target, editor)
) WITHOUT ROWID
"""

_FROM_1: Final = (
    "ALTER TABLE draft RENAME TO draft_before",
    _SCHEMA,
    "INSERT INTO draft SELECT login, target, '', at, fields FROM draft_before",
    "DROP TABLE draft_before",
)
"""Schema 1 kept one draft of a config for each login."""

_FROM_2: Final = (
    """
CREATE TABLE schedule (
    job TEXT PRIMARY KEY, definition TEXT NOT NULL, digest TEXT NOT NULL, cursor_us INTEGER NOT NULL,
    enabled INTEGER NOT NULL, gone INTEGER NOT NULL DEFAULT 0, held TEXT NOT NULL DEFAULT '',
    note TEXT NOT NULL DEFAULT '', runs INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,
    missed INTEGER NOT NULL DEFAULT 0, interrupted INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID
""",
    """
CREATE TABLE run (
    job TEXT NOT NULL, due_us INTEGER NOT NULL, key TEXT NOT NULL UNIQUE, state TEXT NOT NULL,
    cause TEXT NOT NULL, fence INTEGER NOT NULL DEFAULT 0, attempt INTEGER NOT NULL DEFAULT 0,
    session TEXT NOT NULL DEFAULT '', pid INTEGER NOT NULL DEFAULT 0, run_id TEXT NOT NULL DEFAULT '',
    started_us INTEGER, ended_us INTEGER, outcome TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT '',
    asked_by TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '', params TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (job, due_us)
) WITHOUT ROWID
""",
    "CREATE INDEX run_state ON run (state)",
    """
CREATE TABLE job_event (
    place INTEGER PRIMARY KEY, event_id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, body TEXT NOT NULL
)
""",
    "CREATE TABLE drift (key TEXT PRIMARY KEY, seq INTEGER NOT NULL, state TEXT NOT NULL) WITHOUT ROWID",
)
"""Schema 2 knew drafts only. ``job_event`` holds what is to be told on the ledger and is not yet."""

_FROM_3: Final = ("ALTER TABLE run ADD COLUMN born TEXT NOT NULL DEFAULT ''",)
"""Schema 3 knew a worker by its number alone, which may be another process's by now."""

_STEPS: Final = {
    0: (_SCHEMA, *_FROM_2, *_FROM_3),
    1: (*_FROM_1, *_FROM_2, *_FROM_3),
    2: (*_FROM_2, *_FROM_3),
    3: _FROM_3,
}

_REMEDIES: Final = {
    sqlite3.SQLITE_BUSY: "another process holds it: find and end it (fuser audits/{name})",
    sqlite3.SQLITE_FULL: "make room on its disk: df -h audits",
    sqlite3.SQLITE_READONLY: "let the node's user write audits/ again: ls -l audits/{name}; mount",
}
_OTHERWISE: Final = "check the disk and who owns audits/"
_MEANWHILE: Final = "; drafts are kept in your own folder meanwhile, and no job begins"

_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_Answer = TypeVar("_Answer")

logger = logging.getLogger(__name__)


class StateDb:
    """The file at ``path``, opened when it is first used. Use it from one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None
        self.note = ""
        """What happened to the file, for people; empty when nothing did."""

    def run(self, work: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """Do ``work`` in a transaction that is durable when this returns; a corrupt file is begun anew.

        Raises ``EnvironmentUnfit`` (``state_unavailable``, ``state_schema_newer``).
        """
        try:
            try:
                return self._within(work)
            except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
                if not _is_damage(error):
                    raise
                self._set_aside(str(error))
                return self._within(work)
        except (sqlite3.Error, OSError) as error:
            raise EnvironmentUnfit(
                f"{self._path.name} cannot be used: {error}",
                code="state_unavailable",
                remedy=_remedy(error, self._path.name),
            ) from error

    def close(self) -> None:
        """Close the file, if it was opened."""
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
            self._db = None

    def _within(self, work: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        db = self._db or self._open()
        db.execute("BEGIN IMMEDIATE")
        try:
            found = work(db)
            db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            raise
        return found

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(db)
        except BaseException:
            db.close()
            raise
        self._db = db
        return db

    def _prepare(self, db: sqlite3.Connection) -> None:
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if version > SCHEMA_VERSION:
            raise EnvironmentUnfit(
                f"{self._path.name} has schema {version}, of a newer Peak Console",
                code="state_schema_newer",
                remedy="upgrade this installation, or move the file away",
            )
        if application != APPLICATION_ID and (application or tables):
            raise _Damaged("it is a database of something else")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA trusted_schema = OFF")
        if (found := db.execute("PRAGMA quick_check").fetchone()[0]) != "ok":
            raise _Damaged(str(found))
        if version < SCHEMA_VERSION:
            db.execute("BEGIN IMMEDIATE")
            for step in _STEPS[version]:
                db.execute(step)
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            db.execute("COMMIT")

    def _set_aside(self, why: str) -> None:
        """Move the file and its log away; raises ``OSError``."""
        self.close()
        name = f"{self._path.name}.broken-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        for suffix in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                self._path.with_name(self._path.name + suffix).rename(self._path.with_name(name + suffix))
        self.note = f"{self._path.name} was corrupt ({why}) and lies beside as {name}; a new one was begun"
        logger.warning("%s", self.note)


class _Damaged(sqlite3.DatabaseError):
    """The file is none of ours, or not whole."""


def _is_damage(error: Exception) -> bool:
    """Whether the file is at fault, not the disk or another process. See sqlite.org/rescode.html."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, (_Damaged, UnicodeDecodeError)) or (code is not None and code & 0xFF in _DAMAGED)


def _remedy(error: Exception, name: str) -> str:
    """What to do about a file that cannot be used now."""
    code = getattr(error, "sqlite_errorcode", None)
    found = _OTHERWISE if code is None else _REMEDIES.get(code & 0xFF, _OTHERWISE)
    return found.format(name=name) + _MEANWHILE


def rows_of(db: sqlite3.Connection, query: str, *values: Any) -> list[Any]:
    """Every row of a query."""
    return db.execute(query, values).fetchall()
