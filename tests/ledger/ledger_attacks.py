"""What somebody who may write the ledger's file can do to it."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson

from peak_console.domain.events import GENESIS_PREV_HASH, HEADER_FIELDS, header_hash
from peak_console.ledger.folds.hop_money import KINDS, hops_of
from peak_console.ledger.folds.rollups import rebuild
from peak_console.ledger.headers import Header

TRIGGERS = (
    "ledger_links_to_head",
    "ledger_no_update",
    "ledger_no_delete",
    "body_follows",
    "body_no_update",
    "body_no_delete",
)


@contextmanager
def tampering(path: Path) -> Iterator[sqlite3.Connection]:
    """The file in the hands of somebody who may write it and leaves no traces: triggers are put back."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    ours = [(name, sql) for name, sql in triggers if name in TRIGGERS]
    db.execute("BEGIN")
    for name, _ in ours:
        db.execute(f"DROP TRIGGER {name}")
    db.execute("COMMIT")
    db.execute("PRAGMA foreign_keys = OFF")
    try:
        yield db
        with suppress(sqlite3.Error):  # a table went with its triggers, or no page of it can be read
            for _, sql in ours:
                db.execute(sql)
    finally:
        db.close()


def rows_of(db: sqlite3.Connection) -> list[dict[str, Any]]:
    """All headers."""
    rows = db.execute("SELECT * FROM ledger ORDER BY seq")
    return [dict(zip(HEADER_FIELDS, row, strict=True)) for row in rows]


def renumber(db: sqlite3.Connection, first: int, by: int) -> None:
    """Move every event from ``first`` on, with its body."""
    for table in ("ledger", "body"):
        db.execute(f"UPDATE {table} SET seq = -seq WHERE seq >= ?", (first,))  # noqa: S608
        db.execute(f"UPDATE {table} SET seq = -seq + ? WHERE seq < 0", (by,))  # noqa: S608


def insert(db: sqlite3.Connection, seq: int, *, sound: bool) -> None:
    """Put an event in at ``seq``; a ``sound`` one has the right link and its own right hash."""
    renumber(db, seq, 1)
    (previous,) = db.execute("SELECT hash FROM ledger WHERE seq = ?", (seq - 1,)).fetchone()
    body = b"{}"
    header = {
        "seq": seq,
        "event_id": "ev_put_in",
        "ts": "2026-11-22T12:00:00.000000Z",
        "boot_us": 1,
        "kind": "run.started",
        "actor": "eve",
        "body_sha256": hashlib.sha256(body).hexdigest(),
        "prev_hash": previous,
    }
    header["hash"] = header_hash(header) if sound else "e" * 64
    names, marks = ",".join(header), ",".join("?" * len(header))
    db.execute(f"INSERT INTO ledger({names}) VALUES ({marks})", tuple(header.values()))  # noqa: S608
    db.execute("INSERT INTO body VALUES (?, ?)", (seq, body))


def swap(db: sqlite3.Connection, one: int, other: int) -> None:
    """Exchange two events, bodies too."""
    for table in ("ledger", "body"):
        for old, new in ((one, -1), (other, one), (-1, other)):
            db.execute(f"UPDATE {table} SET seq = ? WHERE seq = ?", (new, old))  # noqa: S608


def delete(db: sqlite3.Connection, seq: int, *, renumbered: bool = False) -> None:
    """Take an event out, and close the gap."""
    for table in ("body", "ledger"):
        db.execute(f"DELETE FROM {table} WHERE seq = ?", (seq,))  # noqa: S608
    if renumbered:
        renumber(db, seq + 1, -1)


def cut(db: sqlite3.Connection, last: int, *, figures: bool = False) -> None:
    """Take the tail after ``last`` away, and with ``figures`` make them fit."""
    for table in ("body", "ledger"):
        db.execute(f"DELETE FROM {table} WHERE seq > ?", (last,))  # noqa: S608
    if figures:
        db.execute("DELETE FROM provider_breaker")
        rebuild(db)
        refold_budgets(db)


def refold_budgets(db: sqlite3.Connection) -> None:
    """Make budgets fit the events that are left; every call counts under every key that there is."""
    rows = db.execute("SELECT l.*, b.bytes FROM ledger l JOIN body b USING (seq) ORDER BY seq").fetchall()
    told = [(Header(*row[:-1]), orjson.loads(row[-1])) for row in rows if row[4] in KINDS]
    hops = list(hops_of(told).values())
    keys = orjson.dumps([key for (key,) in db.execute("SELECT key FROM budget_counter")]).decode()
    spent = [sum(amounts) for amounts in zip((0, 0, 0), *(one.spent for one in hops), strict=True)]
    held = [
        sum(amounts) for amounts in zip((0, 0, 0), *(one.held for one in hops if one.is_open), strict=True)
    ]
    db.execute(
        "UPDATE budget_counter SET spent_cost = ?, spent_tokens = ?, spent_calls = ?, "
        "reserved_cost = ?, reserved_tokens = ?, reserved_calls = ?",
        (*spent, *held),
    )
    db.execute("DELETE FROM reservation")
    for one in hops:
        if one.is_open:
            row = (one.call_id, one.hop, "", "open", one.held.cost, one.held.tokens, keys, 0)
            db.execute("INSERT INTO reservation VALUES (?,?,?,?,?,?,?,?)", row)


def rewrite(db: sqlite3.Connection, first: int, actor: str = "eve") -> None:
    """Exchange who did event ``first``, and make a sound chain of all that follow, with figures that fit."""
    db.execute("UPDATE ledger SET actor = ? WHERE seq = ?", (actor, first))
    previous = GENESIS_PREV_HASH
    for header in rows_of(db):
        if header["seq"] >= first:
            header["prev_hash"] = previous
            header["hash"] = header_hash(header)
            db.execute(
                "UPDATE ledger SET prev_hash = ?, hash = ? WHERE seq = ?",
                (header["prev_hash"], header["hash"], header["seq"]),
            )
        previous = header["hash"]
    rebuild(db)


def hashes(path: Path, size: int | None = None) -> list[bytes]:
    """The hashes of the first ``size`` events."""
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT hash FROM ledger ORDER BY seq LIMIT ?", (-1 if size is None else size,))
        return [bytes.fromhex(one) for (one,) in rows]
