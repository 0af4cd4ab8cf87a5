"""The ledger's tables, triggers and indexes, by migrations; and how a connection to it is opened."""

import sqlite3
from pathlib import Path
from typing import Final

import sqlite_utils
from sqlite_utils.migrations import Migrations

from peak_console.domain.errors import LedgerUnavailable
from peak_console.ledger.faults import sqlite_faults

APPLICATION_ID: Final = 0x5045_414B
"""``PEAK``: written into the file's header, so that no other database is taken for a ledger."""

SCHEMA_VERSION: Final = 1
"""Raised with every migration; a ledger of a higher version is refused, never guessed at."""

SQLITE_VERSION: Final = sqlite3.sqlite_version
"""The SQLite library in use; 3.7.0 to 3.51.2 can corrupt a WAL database that several connections write."""

_PAGES_PER_CHECKPOINT = 4000
_MIGRATIONS = Migrations("peak_console.ledger")

_LEDGER = """
CREATE TABLE ledger(
    seq INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL UNIQUE,
    ts TEXT NOT NULL,
    boot_us INTEGER NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    run_id TEXT,
    call_id TEXT,
    layer TEXT,
    role TEXT,
    provider TEXT,
    model_id TEXT,
    body_sha256 TEXT NOT NULL CHECK(length(body_sha256) = 64),
    prev_hash TEXT NOT NULL CHECK(length(prev_hash) = 64),
    hash TEXT NOT NULL CHECK(length(hash) = 64)
) STRICT;
CREATE TABLE body(seq INTEGER PRIMARY KEY REFERENCES ledger, bytes BLOB NOT NULL) STRICT;

CREATE INDEX ledger_call ON ledger(call_id) WHERE call_id IS NOT NULL;
CREATE INDEX ledger_run ON ledger(run_id) WHERE run_id IS NOT NULL;
CREATE INDEX ledger_kind ON ledger(kind) WHERE kind NOT IN ('llm.call.requested', 'llm.call.completed');
CREATE INDEX ledger_layer ON ledger(layer)
    WHERE kind IN ('llm.call.completed', 'llm.call.failed', 'llm.call.refused');
CREATE INDEX ledger_model ON ledger(model_id)
    WHERE kind IN ('llm.call.completed', 'llm.call.failed', 'llm.call.refused');

CREATE TRIGGER ledger_links_to_head BEFORE INSERT ON ledger
WHEN NEW.prev_hash IS NOT
    CASE NEW.seq WHEN 1 THEN printf('%064d', 0) ELSE (SELECT hash FROM ledger WHERE seq = NEW.seq - 1) END
  OR EXISTS (SELECT 1 FROM ledger WHERE seq >= NEW.seq)
BEGIN SELECT raise(ABORT, 'an event must follow the head'); END;
CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER body_follows BEFORE INSERT ON body
WHEN NEW.seq <= (SELECT max(seq) FROM body)
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER body_no_update BEFORE UPDATE ON body
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER body_no_delete BEFORE DELETE ON body
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
"""

_PROJECTIONS = """
CREATE TABLE rollup(
    width_s INTEGER NOT NULL, start INTEGER NOT NULL, part INTEGER NOT NULL,
    layer TEXT NOT NULL, role TEXT NOT NULL, provider TEXT NOT NULL, model_id TEXT NOT NULL,
    calls INTEGER NOT NULL, errors INTEGER NOT NULL, fallbacks INTEGER NOT NULL, refused INTEGER NOT NULL,
    tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, tokens_cached INTEGER NOT NULL,
    tokens_reasoning INTEGER NOT NULL, cost_nano_eur INTEGER NOT NULL, latency_us INTEGER NOT NULL,
    latency_sketch BLOB NOT NULL,
    PRIMARY KEY (width_s, start, part, layer, role, provider, model_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE critic_rollup(
    width_s INTEGER NOT NULL, start INTEGER NOT NULL, part INTEGER NOT NULL,
    layer TEXT NOT NULL, verdict TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (width_s, start, part, layer, verdict)
) STRICT, WITHOUT ROWID;
CREATE TABLE error_rollup(
    width_s INTEGER NOT NULL, start INTEGER NOT NULL, part INTEGER NOT NULL,
    layer TEXT NOT NULL, role TEXT NOT NULL, provider TEXT NOT NULL, model_id TEXT NOT NULL,
    outcome TEXT NOT NULL, reason TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (width_s, start, part, layer, role, provider, model_id, outcome, reason)
) STRICT, WITHOUT ROWID;
CREATE TABLE denial_rollup(
    width_s INTEGER NOT NULL, start INTEGER NOT NULL, part INTEGER NOT NULL,
    rule TEXT NOT NULL, place TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (width_s, start, part, rule, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE rollup_open(
    id INTEGER PRIMARY KEY CHECK(id = 1), start INTEGER NOT NULL, part INTEGER NOT NULL
) STRICT;
CREATE TABLE lost_call(
    call_id TEXT NOT NULL, hop INTEGER NOT NULL, cost_nano_eur INTEGER NOT NULL, PRIMARY KEY (call_id, hop)
) STRICT, WITHOUT ROWID;

CREATE TABLE budget_counter(
    key TEXT PRIMARY KEY, digest TEXT NOT NULL,
    spent_cost INTEGER NOT NULL, spent_tokens INTEGER NOT NULL, spent_calls INTEGER NOT NULL,
    reserved_cost INTEGER NOT NULL, reserved_tokens INTEGER NOT NULL, reserved_calls INTEGER NOT NULL,
    flags TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE reservation(
    call_id TEXT NOT NULL, hop INTEGER NOT NULL, client TEXT NOT NULL, state TEXT NOT NULL,
    cost INTEGER NOT NULL, tokens INTEGER NOT NULL, keys TEXT NOT NULL, header TEXT NOT NULL,
    PRIMARY KEY (call_id, hop)
) STRICT, WITHOUT ROWID;
"""


@_MIGRATIONS(name="001_ledger_and_projections")
def _ledger_and_projections(db: sqlite_utils.Database) -> None:
    for script in (_LEDGER, _PROJECTIONS):
        for statement in _statements(script):
            db.execute(statement)


def _statements(script: str) -> list[str]:
    """The script's statements, so that each runs inside the migration's transaction."""
    found, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            found.append(current)
            current = ""
    return found


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
            db.execute("PRAGMA cache_size = -65536")
            _migrate(db)
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
    """Refuse a database that is no ledger, or one of a schema this version does not know."""
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
        if not fresh_allowed:
            raise LedgerUnavailable(
                f"{path.name} holds no ledger yet",
                code="ledger_empty",
                remedy="start the node: peak node start",
            )
    if version > SCHEMA_VERSION:
        raise LedgerUnavailable(
            f"{path.name} has schema {version}, of a newer Peak Console; this one knows {SCHEMA_VERSION}",
            code="ledger_schema_newer",
            remedy="upgrade this installation",
            schema=version,
        )


def _migrate(db: sqlite3.Connection) -> None:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version == SCHEMA_VERSION:
        return
    _MIGRATIONS.apply(sqlite_utils.Database(db))
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
