"""Reservations, run limits and spend at its bound as a reader gets them."""

import sqlite3
from dataclasses import dataclass
from typing import Final

import orjson

from peak_console.budget.limits import Limit
from peak_console.domain.clock import from_unix_us, iso
from peak_console.domain.events import EventKind
from peak_console.ledger.folds.bound_spend import Booked, booked_from_row
from peak_console.ledger.folds.lost_hops import request_of
from peak_console.ledger.folds.run_limits import from_row

OPEN: Final = "open"
BACKGROUND: Final = "background"
PRUNED: Final = "pruned"
"""The reason of what was settled so long ago that retention dropped it."""


@dataclass(frozen=True, slots=True)
class CallPlace:
    """Of which call a row of money is: who asked for it and whom it went to."""

    call_id: str
    hop: int
    run_id: str
    layer: str
    role: str
    provider: str
    model_id: str


@dataclass(frozen=True, slots=True)
class ReservationRow:
    """A hop under way and what it holds; ``since`` is the time of its request."""

    place: CallPlace
    state: str
    """``open``, or ``background`` when its provider works on it unattended."""
    cost: int
    """Nano-EUR."""
    tokens: int
    since: str
    expires: str | None
    """When a background hop is given up."""


@dataclass(frozen=True, slots=True)
class BookedRow:
    """A hop that stands booked at its bound, or settled below it, when and why."""

    place: CallPlace
    booked: Booked
    ts: str
    reason: str
    """Why nobody knows the bill; ``ok`` for an answer that told no usage."""


def read_run_limits(db: sqlite3.Connection) -> dict[str, Limit]:
    """Limits by run."""
    return {row[0]: from_row(row) for row in db.execute("SELECT * FROM run_limit ORDER BY run_id")}


def read_reservations(db: sqlite3.Connection, limit: int) -> list[ReservationRow]:
    """Open reservations with what their requests say, the oldest first."""
    found = []
    rows = db.execute(
        "SELECT call_id, hop, cost, tokens, expires_us FROM reservation WHERE state <> 'lost' LIMIT ?",
        (limit,),
    ).fetchall()
    for call_id, hop, cost, tokens, expires_us in rows:
        asked = request_of(db, call_id, hop)
        if asked is None:
            continue
        place = _place(call_id, hop, asked.run_id, asked.layer, asked.role, asked.provider, asked.model_id)
        expires = iso(from_unix_us(expires_us)) if expires_us else None
        state = BACKGROUND if expires_us else OPEN
        found.append(ReservationRow(place, state, cost, tokens, asked.ts, expires))
    return sorted(found, key=lambda row: (row.since, row.place.call_id, row.place.hop))


def read_booked(db: sqlite3.Connection, limit: int, call_id: str | None) -> list[BookedRow]:
    """What stands at its bound, the newest first."""
    rows = db.execute(
        "SELECT k.*, l.ts, l.run_id, l.layer, l.role, l.provider, l.model_id, b.bytes "
        "FROM booked_at_bound k JOIN ledger l USING (seq) LEFT JOIN body b USING (seq) "
        "WHERE ? IS NULL OR k.call_id = ? ORDER BY seq DESC LIMIT ?",
        (call_id, call_id, limit),
    )
    found = []
    for *stored, ts, run_id, layer, role, provider, model_id, data in rows:
        booked = booked_from_row(tuple(stored))
        place = _place(booked.call_id, booked.hop, run_id, layer, role, provider, model_id)
        body = orjson.loads(data) if data is not None else {"reason": PRUNED}
        found.append(BookedRow(place, booked, ts, str(body.get("reason") or body.get("outcome") or "")))
    return found


def sum_booked(db: sqlite3.Connection) -> dict[tuple[str, ...], int]:
    """What stands booked at bounds, in nano-EUR, by layer, role, provider and model id."""
    rows = db.execute(
        "SELECT ifnull(layer, ''), ifnull(role, ''), ifnull(provider, ''), ifnull(model_id, ''), sum(cost) "
        "FROM booked_at_bound JOIN ledger USING (seq) GROUP BY 1, 2, 3, 4"
    )
    return {tuple(names): cost for *names, cost in rows}


COUNTED: Final = 300_000
"""More events than a minute of the busiest ledger has."""


def count_calls(db: sqlite3.Connection, since: str) -> dict[str, int]:
    """Requests dated from ``since`` on, by layer; found by halves, for the ledger is in order of time.

    At most the last :data:`COUNTED` events are looked at: with a clock that was set far back, all would be.
    """
    (low,), (high,) = (
        db.execute(f"SELECT ifnull({edge}(seq), 0) FROM ledger").fetchone()  # noqa: S608 - constant
        for edge in ("min", "max")
    )
    low = max(low, high - COUNTED)
    while low < high:
        middle = (low + high) // 2
        (ts,) = db.execute("SELECT ts FROM ledger WHERE seq = ?", (middle,)).fetchone() or ("",)
        low, high = (low, middle) if ts >= since else (middle + 1, high)
    rows = db.execute(
        "SELECT ifnull(layer, ''), count(*) FROM ledger "
        "WHERE seq >= ? AND ts >= ? AND +kind = ? GROUP BY layer",
        (low, since, EventKind.CALL_REQUESTED.value),
    )
    return dict(rows.fetchall())


def _place(call_id: str, hop: int, *names: str | None) -> CallPlace:
    run_id, layer, role, provider, model_id = (name or "" for name in names)
    return CallPlace(call_id, hop, run_id, layer, role, provider, model_id)
