"""Budgets in the writer's transaction: reserve with ``requested``, settle with ``completed`` or ``failed``.

All scopes of a call are looked at together and booked together, so whatever the concurrency, over processes
too, no call is admitted whose bound would exceed a limit.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from peak_console.budget.limits import (
    BudgetLimits,
    Limit,
    Spend,
    Unit,
    account,
    admit,
    admit_rate,
    missing,
    overspent,
    scope_keys,
    warned,
)
from peak_console.domain.calls import CallReason, OutcomeClass
from peak_console.domain.clock import Clock, from_iso
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ledgering import Refusal
from peak_console.domain.money import nano_from_text, text_from_nano
from peak_console.ledger.counters import CounterBook, Reservation, difference, negative, spend_of
from peak_console.ledger.filters import RARE_SQL
from peak_console.ledger.headers import Header
from peak_console.ledger.projections import Body
from peak_console.ledger.rates import Rates, calls_of_last_minute

_REPEATED = ("hop", "asked_role", "request_hash", "simulated")

Bound = list[tuple[Limit, str]]


class Reservations:
    """The projection of budgets. ``limits`` is asked at every call, so that new limits bind at once."""

    def __init__(self, limits: Callable[[], BudgetLimits], *, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._admitted: tuple[str, BudgetLimits, Bound, Spend] | None = None
        self._refused: tuple[str, BudgetLimits, Refusal] | None = None

    def open(self, db: sqlite3.Connection) -> None:
        """Go on with what is reserved; the last minute's calls are counted again."""
        self._db = db
        self._book = CounterBook(db)
        row = db.execute(
            f"SELECT ts FROM ledger WHERE kind = ? AND {RARE_SQL} ORDER BY seq DESC LIMIT 1",  # noqa: S608 - constant
            (EventKind.PHASE_CHANGED,),
        ).fetchone()
        self._phase_since = row[0] if row else ""
        self._rates = Rates()
        self._earlier: list[Header] = calls_of_last_minute(db, self._clock.boot_us())

    def reset(self) -> None:
        """Forget what was decided; :meth:`open` reads again what is committed."""
        self._admitted = self._refused = None

    def clients(self) -> set[str]:
        """Ids of clients with open calls."""
        return {one.client for one in self._book.reservations.values() if not one.lost}

    def abandon(self, client: str) -> list[EventDraft]:
        """The ``llm.call.failed`` events, at their bound, that end a lost caller's open calls."""
        mine = [one for one in self._book.reservations.values() if one.client == client and not one.lost]
        return [_lost(self._db, one) for one in mine]

    # -- the projection

    def admit(self, draft: EventDraft, now: datetime) -> Refusal | None:
        """``None`` when the call's bound fits every limit that binds it."""
        self._admitted = self._refused = None
        try:
            limits = self._limits()
        except PeakError as error:
            return Refusal(error.code, error.message, error.remedy, {})
        if self._earlier:
            self._count_again(limits, self._earlier)
        bound = self._bound(limits, draft, now)
        asked = asked_by(draft.body)
        refusal = missing(limit for limit, _ in bound) or self._decide(bound, asked)
        if refusal is None:
            self._admitted = (draft.event_id, limits, bound, asked)
        else:
            self._refused = (draft.event_id, limits, refusal)
        return refusal

    def apply(self, event: Header, body: Body) -> Sequence[EventDraft]:
        """Book one event; gives the warnings that it causes."""
        if event.kind == EventKind.CALL_REQUESTED:
            return self._reserve(event, body)
        if event.kind in {EventKind.CALL_COMPLETED, EventKind.CALL_FAILED}:
            return self._settle(event, body)
        if event.kind == EventKind.CALL_REFUSED:
            return self._note_refusal(event)
        if event.kind == EventKind.PHASE_CHANGED:
            self._phase_since = event.ts
        return ()

    def flush(self, db: sqlite3.Connection) -> None:
        """Write counters and reservations that changed."""
        self._book.flush(db)

    # -- rules

    def _bound(self, limits: BudgetLimits, call: EventDraft | Header, at: datetime) -> Bound:
        return scope_keys(
            limits,
            call_id=call.call_id,
            run_id=call.run_id,
            layer=call.layer,
            at=at,
            phase_since=self._phase_since,
        )

    def _count_again(self, limits: BudgetLimits, earlier: list[Header]) -> None:
        """After a start: the last minute's calls count against the limits on calls per minute."""
        self._earlier = []
        for event in earlier:
            self._count_rates(self._bound(limits, event, from_iso(event.ts)), event.boot_us)

    def _count_rates(self, bound: Bound, at_us: int) -> None:
        for key in {key for limit, key in bound if limit.max_calls_per_min is not None}:
            self._rates.count(key, at_us)

    def _decide(self, bound: Bound, asked: Spend) -> Refusal | None:
        for limit, key in bound:
            counter = self._book.counter(key)
            refusal = admit(limit, counter.spent, counter.reserved, asked, key=key)
            if refusal is None and limit.max_calls_per_min is not None:
                refusal = admit_rate(limit, self._rates.recent(key, self._clock.boot_us()), key=key)
            if refusal is not None:
                return refusal
        return None

    def _reserve(self, event: Header, body: Body) -> list[EventDraft]:
        if self._admitted is not None and self._admitted[0] == event.event_id:
            _, limits, bound, asked = self._admitted
        else:
            limits, bound = self._limits_now(event)
            asked = asked_by(body)
        keys = tuple(dict.fromkeys(key for _, key in bound))
        self._book.change(keys, reserved=asked)
        self._count_rates(bound, event.boot_us)
        reservation = Reservation(
            call_id=event.call_id or "",
            hop=body["hop"],
            client=event.client,
            lost=False,
            amount=asked,
            keys=keys,
        )
        self._book.hold(reservation)
        return self._warnings(event, limits, bound)

    def _settle(self, event: Header, body: Body) -> Sequence[EventDraft]:
        held = self._book.release(event.call_id or "", body["hop"])
        spent = spend_of(body, held.amount.tokens if held else 0)
        if held is None:
            # Never requested here: it is spent all the same, on the day it was told.
            limits, bound = self._limits_now(event)
            self._book.change({key for _, key in bound}, spent=spent)
            return self._overspent(event, limits, bound)
        if held.lost:
            self._book.change(held.keys, spent=difference(spent, held.amount))
        else:
            self._book.change(held.keys, spent=spent, reserved=negative(held.amount))
        if body.get("reason") == CallReason.CALLER_LOST and not held.lost:
            self._book.hold(replace(held, lost=True, amount=spent))
        if spent.cost <= held.amount.cost and spent.tokens <= held.amount.tokens:
            return ()  # what fitted as a bound fits as a bill
        limits, bound = self._limits_now(event)
        return self._overspent(event, limits, [(limit, key) for limit, key in bound if key in held.keys])

    def _note_refusal(self, event: Header) -> list[EventDraft]:
        if self._refused is None or self._refused[0] != event.event_id:
            return []
        _, limits, refusal = self._refused
        key, unit = refusal.details.get("key"), refusal.details.get("unit")
        if key is None or unit == Unit.CALLS_PER_MIN:
            return []
        counter = self._book.counter(key)
        if not counter.first_time(f"exceeded:{unit}", limits.digest):
            return []
        self._book.mark(counter)
        return [_budget_event(event, EventKind.BUDGET_EXCEEDED, refusal.details)]

    def _warnings(self, event: Header, limits: BudgetLimits, bound: Bound) -> list[EventDraft]:
        drafts = []
        for limit, key in bound:
            counter = self._book.counter(key)
            for unit in warned(limit, counter.spent, counter.reserved, limits.warn_pct):
                if counter.first_time(f"warned:{unit}", limits.digest):
                    figures = account(
                        limit, unit, key, spent=counter.spent, reserved=counter.reserved, asked=Spend()
                    )
                    drafts.append(_budget_event(event, EventKind.BUDGET_WARNED, figures))
        return drafts

    def _overspent(self, event: Header, limits: BudgetLimits, bound: Bound) -> list[EventDraft]:
        """A bill came in above its bound and beyond a limit."""
        drafts = []
        for limit, key in bound:
            counter = self._book.counter(key)
            for unit in overspent(limit, counter.spent):
                if counter.first_time(f"exceeded:{unit}", limits.digest):
                    figures = account(
                        limit, unit, key, spent=counter.spent, reserved=counter.reserved, asked=Spend()
                    )
                    drafts.append(_budget_event(event, EventKind.BUDGET_EXCEEDED, figures))
        return drafts

    def _limits_now(self, event: Header) -> tuple[BudgetLimits, Bound]:
        """The limits that bind a call now."""
        try:
            limits = self._limits()
        except PeakError:
            # What is spent stands in the ledger; without limits no counter is known to hold it.
            return _NO_LIMITS, []
        return limits, self._bound(limits, event, from_iso(event.ts))


_NO_LIMITS = BudgetLimits((), warn_pct=Decimal(100), timezone="UTC", digest="")


def asked_by(body: Body) -> Spend:
    """What a ``requested`` event asks for: its bound, one call."""
    return Spend(nano_from_text(body["bound_eur"]), body["bound_tokens"], 1)


def _derived_id(*parts: object) -> str:
    """An event id that follows from its cause, so that a repetition finds the first."""
    return "ev_" + hashlib.sha256("|".join(str(part) for part in parts).encode()).hexdigest()[:32]


def _budget_event(cause: Header, kind: EventKind, figures: dict[str, Any]) -> EventDraft:
    return EventDraft(
        _derived_id(cause.event_id, kind, figures["key"], figures["unit"]),
        kind.value,
        figures,
        run_id=cause.run_id,
        call_id=cause.call_id,
        layer=cause.layer,
    )


def _lost(db: sqlite3.Connection, one: Reservation) -> EventDraft:
    """The end of a lost caller's call: it repeats what its request said of itself."""
    rows = db.execute(
        "SELECT l.*, b.bytes FROM ledger l JOIN body b USING (seq) WHERE l.call_id = ? AND l.kind = ?",
        (one.call_id, EventKind.CALL_REQUESTED),
    )
    request, asked = next(
        (Header(*header), body) for *header, data in rows if (body := orjson.loads(data))["hop"] == one.hop
    )
    body = {
        **{name: asked[name] for name in _REPEATED if name in asked},
        "reason": CallReason.CALLER_LOST.value,
        "outcome": OutcomeClass.AMBIGUOUS.value,
        "detail": "the caller's connection ended and did not come back in time",
        "cost_eur": text_from_nano(one.amount.cost),
        "cost_basis": "worst_case",
        "latency_us": 0,
        "attempts": [],
    }
    return EventDraft(
        _derived_id("caller_lost", request.event_id),
        EventKind.CALL_FAILED.value,
        body,
        request.run_id,
        request.call_id,
        request.layer,
        request.role,
        request.provider,
        request.model_id,
    )
