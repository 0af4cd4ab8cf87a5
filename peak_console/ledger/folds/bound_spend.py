"""Spend that stands booked at its bound because nobody told the bill: what an operator may settle.

A table on disk, read by call: nothing of it is kept in memory.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from peak_console.domain.calls import CallReason
from peak_console.domain.errors import ControlRefused, PeakError, UsageWrong
from peak_console.domain.events import EventDraft
from peak_console.domain.money import nano_from_text, text_from_nano

WORST_CASE: Final = "worst_case"
"""The ``cost_basis`` of a hop that is booked at its bound."""

LOST: Final[Mapping[str, str]] = {
    CallReason.CALLER_LOST.value: "the caller's connection ended and did not come back in time",
    CallReason.BACKGROUND_LOST.value: "the provider worked on it unattended, and nobody told its end in time",
}
"""Reasons with which the ledger ends a hop, and their details; a late answer corrects each."""

Hop = tuple[str, int]
"""A call's id, and the number of the hop."""

_SAME: Final = ("run_id", "layer", "role", "provider", "model_id")


@dataclass(frozen=True, slots=True)
class Booked:
    """A hop that stands booked at its bound, or settled below it. Money in nano-EUR."""

    call_id: str
    hop: int
    seq: int
    """Place of the event that booked it."""
    bound: int
    cost: int
    """What is booked now."""
    keys: tuple[str, ...] | None
    """The counters that hold it; ``None`` for one of before they were noted."""


class BookedAtBound:
    """The table ``booked_at_bound``, written once a transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._moved: dict[Hop, Booked | None] = {}

    def note(self, booked: Booked) -> None:
        """A hop ended at its bound."""
        self._moved[booked.call_id, booked.hop] = booked

    def forget(self, call_id: str, hop: int) -> None:
        """Its bill came after all."""
        self._moved[call_id, hop] = None

    def find(self, call_id: str, hop: int) -> Booked | None:
        """What stands booked for a hop at its bound; ``None`` when its bill is known."""
        if (call_id, hop) in self._moved:
            return self._moved[call_id, hop]
        row = self._db.execute(
            "SELECT * FROM booked_at_bound WHERE call_id = ? AND hop = ?", (call_id, hop)
        ).fetchone()
        return None if row is None else booked_from_row(row)

    def settle(self, booked: Booked, cost: int) -> None:
        """Book ``cost`` in its place."""
        self.note(replace(booked, cost=cost))

    def flush(self, db: sqlite3.Connection) -> None:
        """Write what changed."""
        if not self._moved:
            return
        gone = [hop for hop, one in self._moved.items() if one is None]
        kept = [_row(one) for one in self._moved.values() if one is not None]
        db.executemany("DELETE FROM booked_at_bound WHERE call_id = ? AND hop = ?", gone)
        db.executemany("INSERT OR REPLACE INTO booked_at_bound VALUES (?, ?, ?, ?, ?, ?)", kept)
        self._moved.clear()

    # -- the rule of budget.settled

    def refuse(self, draft: EventDraft) -> PeakError | None:
        """Why ``budget.settled`` may not be written, ``None`` when it may.

        Only what stands at its bound can be settled, never above what is booked, and by who saw what is.
        """
        body = draft.body
        booked = self.find(draft.call_id or "", body["hop"])
        ended = self._ended(booked) if booked else None
        if booked is None or ended is None:
            return ControlRefused(
                f"hop {body['hop']} of {draft.call_id} is not booked at its bound",
                code="not_at_bound",
                remedy="list what may be settled: peak budget show",
            )
        if any(getattr(draft, name) != ended[name] for name in _SAME):
            return UsageWrong(
                "a settlement names run, layer, role, provider and model of its call", code="event_malformed"
            )
        was, cost = nano_from_text(body["was_eur"]), nano_from_text(body["cost_eur"])
        if was != booked.cost:
            return ControlRefused(
                f"{text_from_nano(booked.cost)} EUR are booked now, not {body['was_eur']}",
                code="changed_meanwhile",
                remedy="look at: peak budget show, then settle it if it is still right",
                booked_eur=text_from_nano(booked.cost),
            )
        if not 0 <= cost <= was:
            return ControlRefused(
                f"{body['cost_eur']} EUR is not between zero and the {body['was_eur']} EUR booked",
                code="settled_above_bound",
                remedy="a settlement can only lower what is booked; a bill above its bound is an incident",
                booked_eur=text_from_nano(booked.cost),
            )
        return None

    def _ended(self, booked: Booked) -> dict[str, Any] | None:
        """The header of the event that booked it, if it says so itself."""
        row = self._db.execute(
            "SELECT l.run_id, l.layer, l.role, l.provider, l.model_id, l.call_id, b.bytes "
            "FROM ledger l JOIN body b USING (seq) WHERE l.seq = ?",
            (booked.seq,),
        ).fetchone()
        if row is None:
            return None
        *header, call_id, data = row
        body = orjson.loads(data)
        told = (call_id, body.get("hop"), body.get("cost_basis"))
        if told != (booked.call_id, booked.hop, WORST_CASE):
            return None
        if nano_from_text(body["cost_eur"]) != booked.bound:
            return None
        return dict(zip(_SAME, header, strict=True))


def booked_from_row(row: tuple[Any, ...]) -> Booked:
    """What a row of ``booked_at_bound`` holds."""
    call_id, hop, seq, bound, cost, keys = row
    return Booked(call_id, hop, seq, bound, cost, None if keys is None else tuple(orjson.loads(keys)))


def _row(one: Booked) -> tuple[Any, ...]:
    keys = None if one.keys is None else orjson.dumps(one.keys).decode()
    return (one.call_id, one.hop, one.seq, one.bound, one.cost, keys)
