"""Following the chain over a piece of the ledger: every body, header and link, from the stored bytes."""

import hashlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from peak_console.domain.events import GENESIS_PREV_HASH, EventKind
from peak_console.ledger.verifying.diagnosis import Break, Row, diagnose, is_linked, is_sound
from peak_console.ledger.verifying.pruned import Excuses
from peak_console.ledger.verifying.tree import PieceTree

_PRIMARY: Final = 0xFF
"""The low byte of an extended result code is its primary code (sqlite.org/rescode.html)."""

CHUNK: Final = 512
"""Rows read in one transaction: few enough to stay in the processor's cache."""

END: Final = (1 << 63) - 1
"""For a piece that goes on to the ledger's end, wherever that is when it comes there."""

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
_JOIN = (
    "FROM ledger l LEFT JOIN body b ON b.seq = l.seq WHERE l.seq > ? AND l.seq <= ? ORDER BY l.seq LIMIT ?"
)
_FAST = (
    f"SELECT l.seq, CAST({HEADER_SQL} AS BLOB), prev_hash, body_sha256, hash, bytes, {_OPTIONAL_SQL} {_JOIN}"
)
_SLOW = f"SELECT l.*, b.bytes {_JOIN}"

_QUOTES, _QUOTES_OPTIONAL = 28, 4
"""Quotation marks in a header of required fields, and those that each optional field adds."""

_PLAIN = bytes(set(range(0x20, 0x7F)) - {0x5C})
"""Printable ASCII without the backslash."""


@dataclass(slots=True)
class Walk:
    """One walk along the chain. ``seq`` and ``head`` are the last event that holds."""

    db: sqlite3.Connection
    seq: int
    head: str
    upto: int
    excuses: Excuses
    tree: PieceTree | None = None
    found: Break | None = None

    def run(self, tell: Callable[[int], None], chunk: int) -> None:
        """Go on to ``upto``, the ledger's end, or the first break; ``tell`` gets the place now and then."""
        more = True
        while more and self.found is None and self.seq < self.upto:
            rows = self._read(chunk)
            if rows and self._is_followed_by(rows):
                self._take([row[4] for row in rows])
                more = len(rows) == chunk
            else:
                more = self._walk_slowly(chunk)
            tell(self.seq)
        if self.found is None and self.upto != END and self.seq < self.upto:
            self.found = diagnose(self.db, self.seq, self.head)

    def _take(self, hashes: list[str]) -> None:
        self.seq, self.head = self.seq + len(hashes), hashes[-1]
        if self.tree is not None:
            self.tree.extend(hashes)

    def _read(self, chunk: int) -> list[Any]:
        """A chunk of rows with their joined headers; nothing where one is no text or cannot be read."""
        try:
            return self.db.execute(_FAST, (self.seq, self.upto, chunk)).fetchall()
        except sqlite3.DatabaseError as error:
            if "decode" in str(error) or damage(error, self.seq):
                return []
            raise

    def _is_followed_by(self, rows: list[Any]) -> bool:
        """:meth:`_follows`; a value of another type than was written, as a damaged page has it, is none."""
        try:
            return self._follows(rows)
        except TypeError:
            return False

    def _follows(self, rows: list[Any]) -> bool:
        """Whether every row is the event that belongs at its place: all at once, since most are."""
        seqs, headers, prev_hashes, body_hashes, hashes, bodies, optional = zip(*rows, strict=True)
        sha256 = hashlib.sha256
        return (
            seqs == tuple(range(self.seq + 1, self.seq + 1 + len(rows)))
            and prev_hashes == (self.head, *hashes[:-1])
            and _all_plain(b"".join(headers), len(rows), sum(optional))
            and [sha256(header).hexdigest() for header in headers] == list(hashes)
            and (
                self._fit_or_pruned(seqs, bodies, body_hashes)
                if None in bodies
                else [sha256(body).hexdigest() for body in bodies] == list(body_hashes)
            )
        )

    def _fit_or_pruned(self, seqs: Any, bodies: Any, body_hashes: Any) -> bool:
        there = [(body, digest) for body, digest in zip(bodies, body_hashes, strict=True) if body is not None]
        return all(hashlib.sha256(body).hexdigest() == digest for body, digest in there) and (
            self.excuses.cover_all(seqs[0] - 1, seqs[-1])
        )

    def _walk_slowly(self, chunk: int) -> bool:
        """One chunk event by event: where a text is not plain, or something is wrong. Whether there is more.

        Each event is asked for by itself: a damaged page after it must not take it along.
        """
        before, self.db.text_factory = self.db.text_factory, _any_text
        try:
            for _ in range(min(chunk, self.upto - self.seq)):
                found = self.db.execute(_SLOW, (self.seq, self.upto, 1)).fetchone()
                if found is None:
                    return False
                row = Row(*found)
                if not self._is_sound(row):
                    self.found = diagnose(self.db, self.seq, self.head)
                    return False
                self._take([row.hash])
        except sqlite3.DatabaseError as error:
            self.found = damage(error, self.seq + 1)
            if self.found is None:
                raise
            return False
        finally:
            self.db.text_factory = before
        return True

    def _is_sound(self, row: Row) -> bool:
        if row.body is not None:
            return is_sound(row, self.seq + 1, self.head)
        return is_linked(row, self.seq + 1, self.head) and self.excuses.covers(row.seq, row.ts, row.kind)


def wrong_genesis(db: sqlite3.Connection) -> Break | None:
    """What is wrong with how the ledger begins; nothing where it is empty."""
    row = db.execute("SELECT kind FROM ledger WHERE seq = 1").fetchone()
    if row is not None and row[0] == EventKind.WORKSPACE_INITIALISED:
        return None
    empty = db.execute("SELECT NOT EXISTS (SELECT 1 FROM ledger)").fetchone()[0]
    return None if empty else diagnose(db, 0, GENESIS_PREV_HASH)


def judged(work: Callable[[], Break | None], seq: int | None) -> Break | None:
    """What ``work`` finds; a page or a table that is not there for it is a find as well."""
    try:
        return work()
    except sqlite3.DatabaseError as error:
        found = damage(error, seq)
        if found is None:
            raise
        return found


def damage(error: sqlite3.DatabaseError, seq: int | None) -> Break | None:
    """``error`` as a break at ``seq``, ``None`` when it is not the file's own."""
    _, missing, table = str(error).partition("no such table: ")
    if missing:
        return Break(None, "missing_table", f"the table {table} is gone; restore a backup")
    _, missing, index = str(error).partition("no such index: ")
    if missing:
        return Break(
            None, "wrong_schema", f"the index {index} is gone: somebody opened the file to change it"
        )
    if getattr(error, "sqlite_errorcode", 0) & _PRIMARY != sqlite3.SQLITE_CORRUPT:
        return None
    what = "what is kept beside the events" if seq is None else f"event {seq}"
    return Break(seq, "unreadable", f"{what} cannot be read ({error}); restore a backup")


def _all_plain(headers: bytes, rows: int, optional: int) -> bool:
    """Whether the joined headers are their canonical form.

    A quotation mark or backslash inside a text could make one header look like another. A text can only add
    quotation marks, so their sum over all rows tells of each.
    """
    expected = _QUOTES * rows + _QUOTES_OPTIONAL * optional
    return not headers.translate(None, _PLAIN) and headers.count(b'"') == expected


def _any_text(data: bytes) -> str:
    """Text as stored, also where somebody wrote bytes that are no UTF-8."""
    return data.decode("utf-8", "surrogateescape")
