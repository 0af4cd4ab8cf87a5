"""The ledger as its notary reads it: one file, followed event by event, each held against the one before."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from peak_console.domain.errors import LedgerUnavailable
from peak_console.domain.events import GENESIS_PREV_HASH, EventKind
from peak_console.ledger.faults import sqlite_faults
from peak_console.ledger.heads.first_events import read_beginning
from peak_console.ledger.heads.succession import Beginning
from peak_console.ledger.schema import open_for_reading
from peak_console.ledger.verifying.diagnosis import Row, diagnose, is_sound, link_of

HASHES_LIMIT: Final = 20_000
"""Hashes read at a time."""

ROWS_LIMIT: Final = 2_000
_BYTES_LIMIT: Final = 8 * 1024 * 1024
"""Events, and bytes of their bodies, that are read at a time."""

_ROWS: Final = "SELECT l.*, b.bytes FROM ledger l LEFT JOIN body b ON b.seq = l.seq"


class Inconsistent(Exception):
    """The ledger is not what was signed, or does not follow from it; the text says how."""


class NotarySource:
    """Reads of the ledger at ``path``; raises ``LedgerUnavailable`` where it cannot be read.

    The file must stay the same one: whatever is put in its place is not what the node writes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._version = -1

    def close(self) -> None:
        """Let go of the file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def look(self) -> bool:
        """Whether anything was committed since the last look.

        Raises :class:`Inconsistent` where another file stands in this one's place.
        """
        db = self._open()
        with sqlite_faults(self.path):
            (version,) = db.execute("PRAGMA data_version").fetchone()
        changed = bool(version != self._version)
        self._version = version
        return changed

    def genesis(self) -> str:
        """The first event's hash; raises ``LedgerUnavailable`` before there is one.

        Raises :class:`Inconsistent` where its bytes are not those that the hash is of.
        """
        found = self._rows(f"{_ROWS} WHERE l.seq = 1")
        if not found:
            raise LedgerUnavailable(
                "the ledger has no genesis yet",
                code="genesis_missing",
                remedy="start the node: peak node start",
            )
        row = Row(*found[0])
        if not is_sound(row, 1, GENESIS_PREV_HASH):
            raise Inconsistent(self._diagnosed(0, GENESIS_PREV_HASH))
        return row.hash

    def beginning(self, origin: str) -> Beginning:
        """How the log begins: its genesis, and what it tells of a recovery."""
        db = self._open()
        with sqlite_faults(self.path):
            return read_beginning(db, origin)

    def head(self) -> int:
        """The last event's number."""
        return int(self._rows("SELECT ifnull(max(seq), 0) FROM ledger")[0][0])

    def hash_at(self, seq: int) -> str | None:
        """The stored hash of an event."""
        found = self._rows("SELECT hash FROM ledger WHERE seq = ?", seq)
        return str(found[0][0]) if found else None

    def last_recorded(self) -> tuple[int, bytes] | None:
        """Size and root of the last checkpoint that the ledger has on record."""
        found = self._rows(
            f"{_ROWS} WHERE l.kind = ? ORDER BY l.seq DESC LIMIT 1", EventKind.LEDGER_CHECKPOINTED.value
        )
        body = _object(Row(*found[0]).body) if found else {}
        try:
            return int(body["size"]), bytes.fromhex(body["root"])
        except (KeyError, TypeError, ValueError):
            return None

    def hashes(self, after: int, upto: int) -> list[bytes]:
        """Entries of events above ``after`` up to ``upto``, at most :data:`HASHES_LIMIT` of them.

        Raises :class:`Inconsistent` where one is missing.
        """
        rows = self._rows(
            "SELECT seq, hash FROM ledger WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
            after,
            upto,
            HASHES_LIMIT,
        )
        if upto > after and (not rows or rows[-1][0] != after + len(rows)):
            raise Inconsistent(f"event {after + 1} or one after it is gone")
        return [_entry(text, seq) for seq, text in rows]

    def take(self, after: int, head: str) -> list[Row]:
        """The next events, in order and whole; ``head`` is the hash of event ``after``.

        Raises :class:`Inconsistent` where ``after`` is not there any more, or one does not follow.
        """
        rows = self._next(after)
        if after:
            if not rows or rows[0].seq != after or rows[0].hash != head:
                raise Inconsistent(self._gone(after))
            rows = rows[1:]
        pruned: tuple[int, frozenset[str]] | None = None
        for row in rows:
            sound = is_sound(row, after + 1, head)
            if not sound and row.body is None and _header_follows(row, after + 1, head):
                pruned = pruned or self._pruned()
                sound = row.seq <= pruned[0] and row.kind in pruned[1]
            if not sound:
                raise Inconsistent(self._diagnosed(after, head))
            after, head = row.seq, row.hash
        return rows

    def _gone(self, seq: int) -> str:
        if self.hash_at(seq) is None:
            return f"truncated_tail: the ledger ended with event {seq}, and that is gone"
        return f"edited_row: event {seq} is not the one it was"

    def _next(self, after: int) -> list[Row]:
        db = self._open()
        rows: list[Row] = []
        size = 0
        with sqlite_faults(self.path):
            cursor = db.execute(f"{_ROWS} WHERE l.seq >= ? ORDER BY l.seq LIMIT ?", (after, ROWS_LIMIT + 1))
            for found in cursor:
                rows.append(Row(*found))
                size += len(rows[-1].body or b"")
                if size > _BYTES_LIMIT and len(rows) > 1:
                    break
            cursor.close()
        return rows

    def _pruned(self) -> tuple[int, frozenset[str]]:
        """Up to which event bodies of which kinds were dropped on record."""
        upto, kinds = 0, frozenset[str]()
        for found in self._rows(f"{_ROWS} WHERE l.kind = ?", EventKind.LEDGER_PRUNED.value):
            body = _object(Row(*found).body)
            names = body.get("kinds")
            if isinstance(body.get("upto_seq"), int) and isinstance(names, list):
                upto, kinds = max(upto, body["upto_seq"]), kinds | frozenset(map(str, names))
        return upto, kinds

    def _diagnosed(self, after: int, head: str) -> str:
        with sqlite_faults(self.path):
            found = diagnose(self._open(), after, head)
        return f"{found.how}: {found.detail}"

    def _rows(self, query: str, *values: Any) -> Sequence[tuple[Any, ...]]:
        db = self._open()
        with sqlite_faults(self.path):
            return db.execute(query, values).fetchall()

    def _open(self) -> sqlite3.Connection:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            if self._file is not None:
                raise Inconsistent("the ledger's file is gone") from None
            raise LedgerUnavailable(
                "there is no ledger yet", code="ledger_missing", remedy="start the node: peak node start"
            ) from None
        except OSError as error:
            raise LedgerUnavailable(
                f"the ledger cannot be opened: {error.strerror}", remedy="check audits/ and its disk"
            ) from error
        file = (found.st_dev, found.st_ino)
        if self._file not in {None, file}:
            raise Inconsistent("another file stands in the ledger's place")
        if self._db is None:
            db = open_for_reading(self.path)
            db.text_factory = _any_text
            self._db, self._version = db, -1
        self._file = file
        return self._db


def _header_follows(row: Row, seq: int, head: str) -> bool:
    return row.seq == seq and row.prev_hash == head and link_of(row) == row.hash


def _entry(text: object, seq: int) -> bytes:
    try:
        return bytes.fromhex(str(text))
    except ValueError:
        raise Inconsistent(f"the hash of event {seq} is none") from None


def _object(data: bytes | None) -> dict[str, Any]:
    try:
        found = orjson.loads(data or b"{}")
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _any_text(data: bytes) -> str:
    """Text as stored, also where somebody wrote bytes that are no UTF-8."""
    return data.decode("utf-8", "surrogateescape")


def body_of(row: Row) -> dict[str, Any]:
    """The body of a row that was read; empty where it was pruned."""
    return _object(row.body)
