"""Whether the ledger is what was written: every body, header, link and figure, from the stored bytes.

A chain alone cannot see that its tail was cut; the figures kept beside it can, unless they were cut as well.
"""

import hashlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from peak_console.domain.events import GENESIS_PREV_HASH, EventKind
from peak_console.ledger.breaker_rows import find_wrong_breaker
from peak_console.ledger.diagnosis import Break, Row, diagnose, find_stray_body, is_sound
from peak_console.ledger.faults import sqlite_faults
from peak_console.ledger.recount import find_wrong_figures
from peak_console.ledger.schema import open_for_reading

_PRIMARY: Final = 0xFF
"""The low byte of an extended result code is its primary code (sqlite.org/rescode.html)."""

CHUNK: Final = 512
"""Rows read in one transaction: few enough to stay in the processor's cache."""

HEADER_SQL: Final = (
    """'{"actor":"' || actor || '","body_sha256":"' || body_sha256 || '","boot_us":' || boot_us"""
    """ || ifnull(',"call_id":"' || call_id || '"', '') || ',"event_id":"' || event_id"""
    """ || '","kind":"' || kind || ifnull('","layer":"' || layer, '')"""
    """ || ifnull('","model_id":"' || model_id, '') || '","prev_hash":"' || prev_hash"""
    """ || ifnull('","provider":"' || provider, '') || ifnull('","role":"' || role, '')"""
    """ || ifnull('","run_id":"' || run_id, '') || '","seq":' || l.seq || ',"ts":"' || ts || '"}'"""
)
"""The canonical header of a row, joined in SQL; equal to the canonical form where every text is plain."""

_OPTIONAL_SQL = (
    "(call_id IS NOT NULL) + (layer IS NOT NULL) + (model_id IS NOT NULL) + (provider IS NOT NULL)"
    " + (role IS NOT NULL) + (run_id IS NOT NULL)"
)
_JOIN = "FROM ledger l LEFT JOIN body b ON b.seq = l.seq WHERE l.seq > ? ORDER BY l.seq LIMIT ?"
_FAST = (
    f"SELECT l.seq, CAST({HEADER_SQL} AS BLOB), prev_hash, body_sha256, hash, "
    f"ifnull(bytes, x''), {_OPTIONAL_SQL} {_JOIN}"
)
_SLOW = f"SELECT l.*, b.bytes {_JOIN}"

_QUOTES, _QUOTES_OPTIONAL = 28, 4
"""Quotation marks in a header of required fields, and those that each optional field adds."""

_PLAIN = bytes(set(range(0x20, 0x7F)) - {0x5C})
"""Printable ASCII without the backslash."""


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What a verification found. ``head`` is the hash of the last event that holds."""

    ok: bool
    events: int
    head: str
    broken_seq: int | None = None
    broken_how: str | None = None
    detail: str = ""


class VerifyStage(StrEnum):
    """What a progress report counts."""

    CHAIN = "chain"
    FIGURES = "figures"


Progress = Callable[[VerifyStage, int, int], None]
"""Told now and then: the stage, events done, events in all."""


def verify(path: Path, progress: Progress | None = None, *, figures: bool = True) -> VerifyResult:
    """Verify the ledger at ``path``, while it may be written; names the first broken event and how.

    With ``figures`` the rollups are folded again from the events and compared, and breakers are held against
    the events that changed them. Raises ``LedgerUnavailable``
    when the file cannot be read at all.
    """
    tell = progress or _silent
    db = open_for_reading(path)
    try:
        with sqlite_faults(path):
            seq, head, found = _chain(db, tell)
            if found is None:
                found = _judged(lambda: find_stray_body(db), None)
            if found is None and figures:
                found = _judged(lambda: _wrong_figures(db, tell), None)
    finally:
        db.close()
    if found is None:
        return VerifyResult(ok=True, events=seq, head=head)
    return VerifyResult(False, seq, head, found.seq, found.how, found.detail)  # noqa: FBT003 - ``ok``


def _chain(db: sqlite3.Connection, tell: Progress) -> tuple[int, str, Break | None]:
    """Follow the chain to its end, or to the first break: last good place, its hash, the break."""
    seq, head = 0, GENESIS_PREV_HASH
    found = _judged(lambda: _wrong_genesis(db), 1)
    total = 0 if found else _total(db)
    more = True
    while more and found is None:
        rows = _read(db, seq)
        if rows and _follows(rows, seq, head):
            seq, head, more = rows[-1][0], rows[-1][4], len(rows) == CHUNK
        else:
            seq, head, found, more = _walk_slowly(db, seq, head)
        tell(VerifyStage.CHAIN, seq, max(total, seq))
    return seq, head, found


def _judged(work: Callable[[], Break | None], seq: int | None) -> Break | None:
    """What ``work`` finds; a page or a table that is not there for it is a find as well."""
    try:
        return work()
    except sqlite3.DatabaseError as error:
        found = _damage(error, seq)
        if found is None:
            raise
        return found


def _damage(error: sqlite3.DatabaseError, seq: int | None) -> Break | None:
    """``error`` as a break at ``seq``, ``None`` when it is not the file's own."""
    _, missing, table = str(error).partition("no such table: ")
    if missing:
        return Break(None, "missing_table", f"the table {table} is gone; restore a backup")
    if getattr(error, "sqlite_errorcode", 0) & _PRIMARY != sqlite3.SQLITE_CORRUPT:
        return None
    what = "what is kept beside the events" if seq is None else f"event {seq}"
    return Break(seq, "unreadable", f"{what} cannot be read ({error}); restore a backup")


def _wrong_genesis(db: sqlite3.Connection) -> Break | None:
    row = db.execute("SELECT kind FROM ledger WHERE seq = 1").fetchone()
    if row is not None and row[0] == EventKind.WORKSPACE_INITIALISED:
        return None
    empty = db.execute("SELECT NOT EXISTS (SELECT 1 FROM ledger)").fetchone()[0]
    return None if empty else diagnose(db, 0, GENESIS_PREV_HASH)


def _wrong_figures(db: sqlite3.Connection, tell: Progress) -> Break | None:
    wrong = find_wrong_figures(db, lambda done, total: tell(VerifyStage.FIGURES, done, total))
    if wrong:
        return Break(None, "wrong_rollup", wrong)
    wrong = find_wrong_breaker(db)
    return Break(None, "wrong_breaker", wrong) if wrong else None


def _total(db: sqlite3.Connection) -> int:
    """The number of the last event, for progress only; 0 where it cannot be read."""
    try:
        return int(db.execute("SELECT ifnull(max(seq), 0) FROM ledger").fetchone()[0])
    except sqlite3.DatabaseError:
        return 0


def _read(db: sqlite3.Connection, after: int) -> list[Any]:
    """A chunk of rows with their joined headers; nothing where one is no text or cannot be read."""
    try:
        return db.execute(_FAST, (after, CHUNK)).fetchall()
    except sqlite3.DatabaseError as error:
        if "decode" in str(error) or _damage(error, after):
            return []
        raise


def _follows(rows: list[Any], seq: int, head: str) -> bool:
    """Whether every row is the event that belongs at its place after ``seq``: all at once, since most are."""
    seqs, headers, prev_hashes, body_hashes, hashes, bodies, optional = zip(*rows, strict=True)
    sha256 = hashlib.sha256
    return (
        seqs == tuple(range(seq + 1, seq + 1 + len(rows)))
        and prev_hashes == (head, *hashes[:-1])
        and _all_plain(b"".join(headers), len(rows), sum(optional))
        and [sha256(header).hexdigest() for header in headers] == list(hashes)
        and [sha256(body).hexdigest() for body in bodies] == list(body_hashes)
    )


def _all_plain(headers: bytes, rows: int, optional: int) -> bool:
    """Whether the joined headers are their canonical form.

    A quotation mark or backslash inside a text could make one header look like another. A text can only add
    quotation marks, so their sum over all rows tells of each.
    """
    expected = _QUOTES * rows + _QUOTES_OPTIONAL * optional
    return not headers.translate(None, _PLAIN) and headers.count(b'"') == expected


def _walk_slowly(db: sqlite3.Connection, seq: int, head: str) -> tuple[int, str, Break | None, bool]:
    """One chunk event by event: where a text is not plain, or something is wrong.

    Each event is asked for by itself: a damaged page after it must not take it along.
    """
    before, db.text_factory = db.text_factory, _any_text
    try:
        for _ in range(CHUNK):
            found = db.execute(_SLOW, (seq, 1)).fetchone()
            if found is None:
                return seq, head, None, False
            row = Row(*found)
            if not is_sound(row, seq + 1, head):
                return seq, head, diagnose(db, seq, head), False
            seq, head = seq + 1, row.hash
    except sqlite3.DatabaseError as error:
        damage = _damage(error, seq + 1)
        if damage is None:
            raise
        return seq, head, damage, False
    finally:
        db.text_factory = before
    return seq, head, None, True


def _any_text(data: bytes) -> str:
    """Text as stored, also where somebody wrote bytes that are no UTF-8."""
    return data.decode("utf-8", "surrogateescape")


def _silent(stage: VerifyStage, done: int, total: int) -> None:
    """No progress is wanted."""
