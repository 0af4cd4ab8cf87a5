"""How a chain is broken at its first broken place: what an operator is told, beyond "it does not verify"."""

import hashlib
import sqlite3
from typing import Any, NamedTuple

import orjson

from peak_console.domain.events import GENESIS_PREV_HASH, EventKind

_GENESIS = (1, GENESIS_PREV_HASH, EventKind.WORKSPACE_INITIALISED)
_SELECT = "SELECT l.*, b.bytes FROM ledger l LEFT JOIN body b ON b.seq = l.seq"


class Row(NamedTuple):
    """A row of ``ledger`` with its body's bytes, whatever they hold."""

    seq: int
    event_id: str
    ts: str
    boot_us: int
    kind: str
    actor: str
    run_id: str | None
    call_id: str | None
    layer: str | None
    role: str | None
    provider: str | None
    model_id: str | None
    body_sha256: str
    prev_hash: str
    hash: str
    body: bytes | None


class Break(NamedTuple):
    """The first broken place. ``seq`` is ``None`` where no single event is at fault."""

    seq: int | None
    how: str
    detail: str


def link_of(row: Row, *, seq: int | None = None, prev_hash: str | None = None) -> str:
    """The hash that the row's header has, or would have at another place."""
    fields: dict[str, Any] = {name: value for name, value in row._asdict().items() if value is not None}
    for name in ("hash", "body"):
        fields.pop(name, None)
    fields["seq"] = row.seq if seq is None else seq
    fields["prev_hash"] = row.prev_hash if prev_hash is None else prev_hash
    try:
        data = orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return ""  # a text that is no text: no event has such a header
    return hashlib.sha256(data).hexdigest()


def is_sound(row: Row, seq: int, head: str) -> bool:
    """Whether the row is the event that follows ``head`` at place ``seq``."""
    return is_linked(row, seq, head) and _body_fits(row)


def is_linked(row: Row, seq: int, head: str) -> bool:
    """Whether the row's header is that of the event that follows ``head``, whatever its body is."""
    return row.seq == seq and row.prev_hash == head and link_of(row) == row.hash


def diagnose(db: sqlite3.Connection, last: int, head: str) -> Break:
    """What is wrong right after place ``last``, whose hash is ``head``."""
    before, db.text_factory = db.text_factory, lambda data: data.decode("utf-8", "surrogateescape")
    try:
        return _diagnose(db, last, head)
    finally:
        db.text_factory = before


def find_stray_body(db: sqlite3.Connection) -> Break | None:
    """A body whose event is gone: the tail of a chain that holds was cut, or something put before it."""
    (seq,) = db.execute(
        "SELECT min(seq) FROM body WHERE seq > (SELECT ifnull(max(seq), 0) FROM ledger) OR seq < 1"
    ).fetchone()
    return None if seq is None else Break(seq, "deleted_row", f"event {seq} is gone; its body is still there")


def _diagnose(db: sqlite3.Connection, last: int, head: str) -> Break:
    seq = last + 1
    row = _row(db, "WHERE l.seq >= ? ORDER BY l.seq LIMIT 1", seq)
    if row is None:
        return Break(seq, "deleted_row", f"event {seq} is gone")
    if last == 0 and (
        row.seq != 1 or row.prev_hash != GENESIS_PREV_HASH or row.kind != EventKind.WORKSPACE_INITIALISED
    ):
        return Break(1, "bad_genesis", f"the first event is not the genesis: {row.kind!r} at place {row.seq}")
    if row.seq != seq:
        return Break(seq, "deleted_row", f"event {seq} is gone; the next one there is {row.seq}")
    return _misplaced(db, row, head) or _inserted(db, row, head) or _changed(row, head)


def _misplaced(db: sqlite3.Connection, row: Row, head: str) -> Break | None:
    """The row is a true event of another place: exchanged, or what lay between is gone."""
    if row.prev_hash == head:
        return None
    true_next = _row(db, "WHERE l.prev_hash = ? AND l.seq > ? LIMIT 1", head, row.seq)
    if true_next is not None and link_of(row, seq=true_next.seq) == row.hash:
        return Break(row.seq, "swapped_rows", f"events {row.seq} and {true_next.seq} changed places")
    if true_next is None and link_of(row) != row.hash:
        for moved in range(row.seq + 1, row.seq + 1001):
            if link_of(row, seq=moved) == row.hash:
                gone = f"{moved - row.seq} event(s) before it are gone and the rest was renumbered"
                return Break(row.seq, "deleted_row", f"event {row.seq} was written as event {moved}: {gone}")
    return None


def _inserted(db: sqlite3.Connection, row: Row, head: str) -> Break | None:
    """The row, or the one before it, is none of the chain's: the true order goes on around it."""
    previous = _row(db, "WHERE l.seq = ?", row.seq - 1)
    if (
        previous is not None
        and row.prev_hash == previous.prev_hash
        and link_of(row, seq=row.seq - 1) == row.hash
    ):
        return Break(
            row.seq - 1, "inserted_row", f"event {row.seq - 1} was put in; the chain goes on around it"
        )
    after = _row(db, "WHERE l.seq = ?", row.seq + 1)
    if after is not None and after.prev_hash == head and link_of(after, seq=row.seq) == after.hash:
        return Break(row.seq, "inserted_row", f"event {row.seq} was put in; the chain goes on around it")
    return None


def _changed(row: Row, head: str) -> Break:
    if row.prev_hash == head and link_of(row) == row.hash:
        if row.body is None:
            return Break(row.seq, "deleted_body", f"the body of event {row.seq} is gone")
        return Break(row.seq, "edited_body", f"the body of event {row.seq} is not the one that was written")
    return Break(row.seq, "edited_row", f"the header of event {row.seq} is not the one that was written")


def _body_fits(row: Row) -> bool:
    # a damaged page can make a text or a number of a body
    return isinstance(row.body, bytes) and hashlib.sha256(row.body).hexdigest() == row.body_sha256


def _row(db: sqlite3.Connection, where: str, *values: Any) -> Row | None:
    found = db.execute(f"{_SELECT} {where}", values).fetchone()
    return None if found is None else Row(*found)
