"""How a connection to the ledger is opened, and how the file is known to be one."""

import sqlite3
from pathlib import Path
from typing import Final

from peak_console.domain.errors import LedgerUnavailable
from peak_console.ledger.faults import sqlite_faults

APPLICATION_ID: Final = 0x5045_414B
"""``PEAK``: written into the file's header, so that no other database is taken for a ledger."""

SCHEMA_VERSION: Final = 5
"""Raised with every migration; a ledger of a higher version is refused, never guessed at."""

GUARDS: Final = frozenset(
    {
        "body_follows",
        "body_no_delete",
        "body_no_update",
        "ledger_links_to_head",
        "ledger_no_delete",
        "ledger_no_update",
        "pruned_range_goes_on",
        "pruned_range_is_an_event",
        "pruned_range_stays",
    }
)
"""The triggers that keep what is written: a file without one was opened by somebody to change it."""

SQLITE_VERSION: Final = sqlite3.sqlite_version
"""The SQLite library in use; 3.7.0 to 3.51.2 can corrupt a WAL database that several connections write."""

_PAGES_PER_CHECKPOINT = 4000


def has_wal_reset_bug(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> bool:
    """Whether this SQLite can corrupt a WAL database that several connections write (sqlite.org/wal.html).

    Present from 3.7.0, fixed in 3.51.3 and in the later patch releases 3.44.6 and 3.50.7. One writing
    connection, as the node keeps, does not meet it.
    """
    if version >= (3, 51, 3) or version < (3, 7, 0):
        return False
    return not ((3, 44, 6) <= version < (3, 45) or (3, 50, 7) <= version < (3, 51))


def open_for_writing(path: Path) -> sqlite3.Connection:
    """The one writing connection: WAL, ``synchronous=FULL``, migrated to :data:`SCHEMA_VERSION`.

    Raises ``LedgerUnavailable``: locked, full, read-only, corrupt, of a newer schema, or not a ledger.
    """
    with sqlite_faults(path):
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
        try:
            check_identity(db, path, fresh_allowed=True)
            db.execute("PRAGMA busy_timeout = 1000")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA recursive_triggers = ON")
            db.execute("PRAGMA trusted_schema = OFF")
            db.execute(f"PRAGMA wal_autocheckpoint = {_PAGES_PER_CHECKPOINT}")
            db.execute("PRAGMA cache_size = -16384")
            migrate(db)
        except BaseException:
            db.close()
            raise
    return db


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A connection that can only read; raises ``LedgerUnavailable``."""
    with sqlite_faults(path):
        uri = f"{path.absolute().as_uri()}?mode=ro"
        db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA busy_timeout = 1000")
            db.execute("PRAGMA query_only = ON")
            check_identity(db, path, fresh_allowed=False)
        except BaseException:
            db.close()
            raise
    return db


def check_identity(db: sqlite3.Connection, path: Path, *, fresh_allowed: bool) -> None:
    """Refuse a database that is no ledger, or one of a schema this version does not know.

    ``fresh_allowed`` lets an empty file and an older schema through: the writer makes and migrates them.
    """
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables or application:
            raise LedgerUnavailable(
                f"{path.name} is a database, but not a ledger of Peak Console",
                code="ledger_foreign",
                remedy="move it away, or name the right workspace with --root",
            )
    if version > SCHEMA_VERSION:
        raise LedgerUnavailable(
            f"{path.name} has schema {version}, of a newer Peak Console; this one knows {SCHEMA_VERSION}",
            code="ledger_schema_newer",
            remedy="upgrade this installation",
            schema=version,
        )
    if version < SCHEMA_VERSION and not fresh_allowed:
        raise LedgerUnavailable(
            f"{path.name} holds no ledger of schema {SCHEMA_VERSION} yet",
            code="ledger_empty" if version == 0 else "ledger_schema_older",
            remedy="start the node: peak node start",
        )


def migrate(db: sqlite3.Connection) -> None:
    """Bring the file to :data:`SCHEMA_VERSION`; a death on the way leaves a file that goes on from there."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version == SCHEMA_VERSION:
        return
    import sqlite_utils  # noqa: PLC0415 - readers start faster without it

    from peak_console.ledger.migrations import MIGRATIONS  # noqa: PLC0415 - the same

    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    MIGRATIONS.apply(sqlite_utils.Database(db))
    if version:
        db.execute("INSERT OR IGNORE INTO schema_change VALUES (?, ?)", (SCHEMA_VERSION, version))
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def missing_guard(path: Path) -> str:
    """The first trigger that the file has lost, empty with all; raises ``LedgerUnavailable``."""
    db = open_for_reading(path)
    try:
        with sqlite_faults(path):
            there = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")}
    finally:
        db.close()
    return min(GUARDS - there, default="")
