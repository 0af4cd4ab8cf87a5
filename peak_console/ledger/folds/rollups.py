"""Figures by minute and wider windows, so that no screen has to scan events.

The open minute is written with every commit. When it closes it is folded into the windows of 10 minutes,
an hour, a day, and the totals (width 0); a reader adds the open minute to those. A clock that was set back
reopens an old minute as a further ``part`` of it, so that nothing is folded twice.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

import orjson

from peak_console.domain.calls import CallReason
from peak_console.domain.errors import ControlRefused
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ledgering import Refusal
from peak_console.domain.money import nano_from_text
from peak_console.ledger.folds.bound_spend import LOST, WORST_CASE
from peak_console.ledger.folds.figures import (
    CRITIC,
    DENIALS,
    ERRORS,
    MINUTE,
    TALLIES,
    WIDER,
    CellKey,
    Figures,
    Place,
    minute_of,
    read_window,
    window_start,
    write_cells,
    write_counts,
)
from peak_console.ledger.headers import Header
from peak_console.ledger.projections import Body

_NEVER: Final = -1


class Fold:
    """The pure rule by which an event changes a window's figures."""

    def __init__(self, lost: dict[tuple[str, int], int] | None = None) -> None:
        self.lost: dict[tuple[str, int], int] = lost or {}
        """Cost booked for lost callers' calls, by call id and hop, until a late answer corrects it."""

    def take(self, figures: Figures, event: Header, body: Body) -> bool:
        """Take one event in; whether it changed anything."""
        rule = self._rules.get(event.kind)
        if rule is None:
            return False
        key = (event.layer or "", event.role or "", event.provider or "", event.model_id or "")
        rule(self, figures, key, event, body)
        return True

    def _completed(self, figures: Figures, key: CellKey, event: Header, body: Body) -> None:
        cell, usage = figures.cell(key), body["usage"]
        cell.calls += (event.call_id or "", body["hop"]) not in self.lost  # a lost one was counted as lost
        cell.tokens_in += usage.get("input", 0)
        cell.tokens_out += usage.get("output", 0)
        cell.tokens_cached += usage.get("cached", 0)
        cell.tokens_reasoning += usage.get("reasoning", 0)
        cell.cost_nano_eur += nano_from_text(body["cost_eur"]) - self._corrected(event, body)
        cell.latency_us += body["latency_us"]
        cell.latency.add(body["latency_us"])

    def _failed(self, figures: Figures, key: CellKey, event: Header, body: Body) -> None:
        cell, cost = figures.cell(key), nano_from_text(body["cost_eur"])
        cell.errors += 1
        cell.calls += was_sent(body)
        cell.cost_nano_eur += cost - self._corrected(event, body)
        figures.count(ERRORS, (*key, "failed", str(body["reason"])))
        if body["reason"] in LOST:
            self.lost[(event.call_id or "", body["hop"])] = cost

    def _settled(self, figures: Figures, key: CellKey, event: Header, body: Body) -> None:
        cost = nano_from_text(body["cost_eur"])
        figures.cell(key).cost_nano_eur += cost - nano_from_text(body["was_eur"])
        hop = (event.call_id or "", body["hop"])
        if hop in self.lost:
            self.lost[hop] = cost

    def _refused(self, figures: Figures, key: CellKey, _: Header, body: Body) -> None:
        figures.cell(key).refused += 1
        figures.count(ERRORS, (*key, "refused", str(body["reason"])))

    def _fallback(self, figures: Figures, key: CellKey, _: Header, body: Body) -> None:
        taken = body.get("to")
        if isinstance(taken, Mapping):
            key = (*key[:2], str(taken.get("provider", key[2])), str(taken.get("model_id", key[3])))
        figures.cell(key).fallbacks += 1

    def _judged(self, figures: Figures, key: CellKey, _: Header, body: Body) -> None:
        figures.count(CRITIC, (key[0], str(body["verdict"])))

    def _denied(self, figures: Figures, _: CellKey, __: Header, body: Body) -> None:
        figures.count(DENIALS, (str(body["rule"]), str(body["where"])))

    def _corrected(self, event: Header, body: Body) -> int:
        """What was booked at its bound when this call's caller was lost; an answer takes its place."""
        return self.lost.pop((event.call_id or "", body["hop"]), 0) if self.lost else 0

    _rules: ClassVar = {
        EventKind.CALL_COMPLETED.value: _completed,
        EventKind.CALL_FAILED.value: _failed,
        EventKind.CALL_REFUSED.value: _refused,
        EventKind.BUDGET_SETTLED.value: _settled,
        EventKind.FALLBACK_TAKEN.value: _fallback,
        EventKind.CRITIC_JUDGED.value: _judged,
        EventKind.POLICY_DENIED.value: _denied,
    }
    kinds = frozenset(_rules)
    """The kinds of events that figures are made of."""


def was_sent(body: Mapping[str, Any]) -> bool:
    """Whether a hop that failed had left: an attempt did, or its bill may come, which nobody could tell.

    A hop whose caller was cancelled or lost in mid-call has no attempt that ended; it stands at its bound.
    """
    attempts = body.get("attempts")
    ended = attempts if isinstance(attempts, Sequence) else ()
    return body.get("cost_basis") == WORST_CASE or body.get("reason") in LOST or any(map(_left, ended))


def _left(attempt: Any) -> bool:
    """Whether an attempt left: one without a connection did not."""
    return not (isinstance(attempt, Mapping) and attempt.get("reason") == CallReason.CONNECT_ERROR)


def rebuild(db: sqlite3.Connection) -> None:
    """Make all figures anew from the events, in the transaction of the caller.

    Raises ``ControlRefused`` where bodies were pruned: figures of those events can be made of nothing else.
    """
    if _are_bodies_pruned(db):
        raise ControlRefused(
            "figures cannot be made anew: retention dropped bodies that they were made of",
            code="figures_pruned",
            remedy="keep the figures as they stand; they were checked before the bodies were dropped",
        )
    for table in ("rollup", *(tally.table for tally in TALLIES), "rollup_open", "lost_call"):
        db.execute(f"DELETE FROM {table}")  # noqa: S608 - our own tables' names
    rollups = Rollups()
    rollups.open(db)
    marks = ",".join("?" * len(Fold.kinds))
    query = (
        f"SELECT l.*, b.bytes FROM ledger l JOIN body b USING (seq) WHERE +l.kind IN ({marks}) ORDER BY l.seq"  # noqa: S608 - marks only
    )
    for *header, data in db.execute(query, tuple(Fold.kinds)):
        rollups.apply(Header(*header), orjson.loads(data))
    rollups.flush(db)


def _are_bodies_pruned(db: sqlite3.Connection) -> bool:
    """Whether a range was pruned; a ledger of before that table holds every body."""
    table = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'pruned_range'").fetchone()
    return bool(table and db.execute("SELECT 1 FROM pruned_range LIMIT 1").fetchone())


class Rollups:
    """The projection that keeps the figures in the writer's transaction."""

    def __init__(self) -> None:
        self._lost: dict[tuple[str, int], int] = {}
        self.reset()

    def open(self, db: sqlite3.Connection) -> None:
        """Go on with the minute that was open."""
        self._db = db
        rows = db.execute("SELECT call_id, hop, cost_nano_eur FROM lost_call").fetchall()
        self._fold = Fold({(call_id, hop): cost for call_id, hop, cost in rows})
        self._lost = dict(self._fold.lost)
        row = db.execute("SELECT start, part FROM rollup_open").fetchone()
        if row is not None:
            self._start, self._part = row
            self._minute = read_window(db, (MINUTE, *row))

    def reset(self) -> None:
        """Forget; :meth:`open` reads again what is committed."""
        self._fold = Fold()
        self._lost = {}
        self._minute = Figures()
        self._added = Figures()
        self._start, self._part = _NEVER, 0
        self._ts, self._ts_start = "", _NEVER

    def admit(self, draft: EventDraft, now: datetime) -> Refusal | None:  # noqa: ARG002 - figures refuse nothing
        """Never a refusal."""
        return None

    def apply(self, event: Header, body: Body) -> Sequence[EventDraft]:
        """Count one event in its minute."""
        if event.kind in Fold.kinds:
            if event.ts != self._ts:
                self._ts, self._ts_start = event.ts, minute_of(event.ts)
            if self._ts_start != self._start:
                self._turn_to(self._ts_start)
            self._fold.take(self._added, event, body)
        return ()

    def flush(self, db: sqlite3.Connection) -> None:
        """Write the rows of the open minute that changed."""
        added, minute = self._added, self._minute
        if not added:
            return
        minute.merge(added)
        place = (MINUTE, self._start, self._part)
        write_cells(db, place, [(key, minute.cells[key]) for key in added.cells])
        for tally, names in added.counts.items():
            if names:
                write_counts(db, tally, place, [(name, minute.counts[tally][name]) for name in names])
        self._added = Figures()
        if self._lost != self._fold.lost:
            db.execute("DELETE FROM lost_call")
            rows = [(*call, cost) for call, cost in self._fold.lost.items()]
            db.executemany("INSERT INTO lost_call VALUES (?, ?, ?)", rows)
            self._lost = dict(self._fold.lost)

    def _turn_to(self, start: int) -> None:
        """Close the open minute, fold it into the wider windows, and open the one at ``start``."""
        self.flush(self._db)
        if self._start != _NEVER:
            for width in WIDER:
                _fold_into(self._db, (width, window_start(self._start, width), 0), self._minute)
        self._start, self._part, self._minute = start, _next_part(self._db, start), Figures()
        self._db.execute("INSERT OR REPLACE INTO rollup_open VALUES (1, ?, ?)", (start, self._part))


def _next_part(db: sqlite3.Connection, start: int) -> int:
    """The part as which a minute is opened: one that no table has, also where only counts were stored."""
    last = -1
    for table in ("rollup", *(tally.table for tally in TALLIES)):
        query = f"SELECT max(part) FROM {table} WHERE width_s = ? AND start = ?"  # noqa: S608 - our own table
        (part,) = db.execute(query, (MINUTE, start)).fetchone()
        last = last if part is None else max(last, part)
    return last + 1


def _fold_into(db: sqlite3.Connection, place: Place, minute: Figures) -> None:
    stored = read_window(db, place)
    stored.merge(minute)
    write_cells(db, place, [(key, stored.cells[key]) for key in minute.cells])
    for tally, names in minute.counts.items():
        write_counts(db, tally, place, [(name, stored.counts[tally][name]) for name in names])
