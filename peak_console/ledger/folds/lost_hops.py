"""How the ledger itself ends a hop that nobody will end: at its bound, as ``llm.call.failed``."""

import hashlib
import sqlite3
from typing import Any, Final

import orjson

from peak_console.domain.calls import CallReason, OutcomeClass
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.money import text_from_nano
from peak_console.ledger.folds.bound_spend import LOST, WORST_CASE
from peak_console.ledger.folds.counters import Reservation
from peak_console.ledger.headers import Header

_REPEATED: Final = ("hop", "asked_role", "request_hash", "simulated")


def lost_hop(db: sqlite3.Connection, one: Reservation, reason: CallReason) -> EventDraft:
    """The end of a lost hop: it repeats what its request said of itself."""
    found = _request(db, one.call_id, one.hop)
    if found is None:
        raise LookupError(f"hop {one.hop} of {one.call_id} is reserved and was never requested")
    request, asked = found
    body: dict[str, Any] = {
        **{name: asked[name] for name in _REPEATED if name in asked},
        "reason": reason.value,
        "outcome": OutcomeClass.AMBIGUOUS.value,
        "detail": LOST[reason.value],
        "cost_eur": text_from_nano(one.amount.cost),
        "cost_basis": WORST_CASE,
        "latency_us": 0,
        "attempts": [],
    }
    return EventDraft(
        derived_id(reason.value, request.event_id),
        EventKind.CALL_FAILED.value,
        body,
        request.run_id,
        request.call_id,
        request.layer,
        request.role,
        request.provider,
        request.model_id,
    )


def request_of(db: sqlite3.Connection, call_id: str, hop: int) -> Header | None:
    """The header of a hop's ``llm.call.requested``."""
    found = _request(db, call_id, hop)
    return found[0] if found else None


def _request(db: sqlite3.Connection, call_id: str, hop: int) -> tuple[Header, dict[str, Any]] | None:
    rows = db.execute(
        "SELECT l.*, b.bytes FROM ledger l JOIN body b USING (seq) WHERE l.call_id = ? AND l.kind = ?",
        (call_id, EventKind.CALL_REQUESTED),
    )
    told = ((Header(*header), orjson.loads(data)) for *header, data in rows)
    return next(((header, body) for header, body in told if body["hop"] == hop), None)


def derived_id(*parts: object) -> str:
    """An event id that follows from its cause, so that a repetition finds the first."""
    return "ev_" + hashlib.sha256("|".join(str(part) for part in parts).encode()).hexdigest()[:32]
