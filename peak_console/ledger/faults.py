"""What SQLite says when it cannot, as the errors an operator gets."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peak_console.domain.errors import LedgerUnavailable

_PRIMARY = 0xFF
"""The low byte of an extended result code is its primary code (sqlite.org/rescode.html)."""

_GO_ON = (
    'put a backup back: peak ledger recover --from BACKUP --reason "..."; '
    'without one: peak ledger recover --reason "..."'
)

_FAULTS = {
    sqlite3.SQLITE_BUSY: ("ledger_locked", "is locked by another process", "end what else writes it"),
    sqlite3.SQLITE_LOCKED: ("ledger_locked", "is locked by another process", "end what else writes it"),
    sqlite3.SQLITE_FULL: ("ledger_full", "cannot grow: the disk is full", "free space on its disk"),
    sqlite3.SQLITE_READONLY: ("ledger_read_only", "cannot be written", "make its folder writable"),
    sqlite3.SQLITE_PERM: ("ledger_read_only", "cannot be written", "make its folder writable"),
    sqlite3.SQLITE_CANTOPEN: (
        "ledger_unopenable",
        "cannot be opened",
        "check its permissions; where it is gone: peak ledger verify says what is known of it",
    ),
    sqlite3.SQLITE_AUTH: ("ledger_unopenable", "cannot be opened", "check its permissions"),
    sqlite3.SQLITE_CORRUPT: (
        "ledger_corrupt",
        "is corrupt",
        f"look: peak ledger verify; {_GO_ON}",
    ),
    sqlite3.SQLITE_NOTADB: ("ledger_not_a_database", "is not a database", _GO_ON),
    sqlite3.SQLITE_IOERR: ("ledger_io_error", "cannot be read or written", "check its disk"),
}


def unavailable(error: sqlite3.Error, path: Path) -> LedgerUnavailable:
    """``error`` as a :class:`LedgerUnavailable` that names the file, the cause and the remedy."""
    number = getattr(error, "sqlite_errorcode", None)
    code, what, remedy = _FAULTS.get(
        (number or 0) & _PRIMARY, ("ledger_unavailable", "cannot be used", "run: peak ledger verify")
    )
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return LedgerUnavailable(f"the ledger {path.name} {what} ({name}: {error})", code=code, remedy=remedy)


@contextmanager
def sqlite_faults(path: Path) -> Iterator[None]:
    """Turn every ``sqlite3.Error`` inside into :class:`LedgerUnavailable`.

    So too where SQLite's message quotes bytes of a damaged schema that are no text.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise unavailable(error, path) from error
    except UnicodeDecodeError as error:
        code, what, remedy = _FAULTS[sqlite3.SQLITE_CORRUPT]
        raise LedgerUnavailable(f"the ledger {path.name} {what}", code=code, remedy=remedy) from error
