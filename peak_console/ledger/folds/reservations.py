"""Budgets in the writer's transaction: reserve with ``requested``, settle with ``completed`` or ``failed``.

All scopes of a call are looked at together and booked together, so whatever the concurrency, over processes
too, no call is admitted whose bound would exceed a limit.
"""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from peak_console.budget.limits import (
    BudgetLimits,
    Spend,
    admit,
    admit_rate,
    blame_own,
    missing,
    run_key,
    scope_keys,
    with_own,
)
from peak_console.domain.calls import CallReason
from peak_console.domain.clock import Clock, from_iso, unix_us
from peak_console.domain.errors import PeakError, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ledgering import Refusal
from peak_console.domain.money import nano_from_text
from peak_console.ledger.filters import RARE_SQL
from peak_console.ledger.folds import budget_warnings
from peak_console.ledger.folds.bound_spend import LOST, WORST_CASE, Booked, BookedAtBound
from peak_console.ledger.folds.breakers import OpenBreaker
from peak_console.ledger.folds.budget_breaker import CHANGES, BudgetBreakers
from peak_console.ledger.folds.budget_warnings import Bound
from peak_console.ledger.folds.counters import (
    CounterBook,
    Reservation,
    difference,
    negative,
    settled_by,
    spend_of,
)
from peak_console.ledger.folds.lost_hops import lost_hop, request_of
from peak_console.ledger.folds.rates import Rates, calls_of_last_minute
from peak_console.ledger.folds.run_limits import RunLimits
from peak_console.ledger.headers import Header
from peak_console.ledger.keeping.carried import carried_limits, carried_spend
from peak_console.ledger.projections import Body

LONGEST_UNATTENDED_US = 7 * 24 * 3600 * 1_000_000
"""However late a background call says it expires, after so long it is given up."""


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
        self._at_bound = BookedAtBound(db)
        self._runs = RunLimits(db)
        self._latches = BudgetBreakers(db)
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
        """Ids of clients with open calls, those that providers work on unattended aside."""
        return {one.client for one in self._book.reservations.values() if _attended(one)}

    def abandon(self, client: str) -> list[EventDraft]:
        """The ``llm.call.failed`` events, at their bound, that end a lost caller's open calls."""
        mine = [one for one in self._book.reservations.values() if one.client == client and _attended(one)]
        return [lost_hop(self._db, one, CallReason.CALLER_LOST) for one in mine]

    def overdue(self) -> list[EventDraft]:
        """The ``llm.call.failed`` events, at their bound, of background hops whose time is over."""
        now_us = unix_us(self._clock.now())
        late = [
            one for one in self._book.reservations.values() if not one.lost and 0 < one.expires_us <= now_us
        ]
        return [lost_hop(self._db, one, CallReason.BACKGROUND_LOST) for one in late]

    def latched(self) -> tuple[OpenBreaker, ...]:
        """The budget breakers that are latched."""
        return self._latches.open_now()

    def out_of_place(self, draft: EventDraft) -> PeakError | Refusal | None:
        """A condition of the writer: why an event may not be written, ``None`` when it may."""
        if draft.kind == EventKind.BUDGET_SETTLED:
            return self._at_bound.refuse(draft)
        if draft.kind in CHANGES:
            return self._latches.out_of_place(draft)
        if draft.kind not in _OF_OPEN_HOPS:
            return None
        hop = draft.body.get("hop")
        held = self._book.held(draft.call_id or "", hop) if type(hop) is int else None
        if draft.kind == EventKind.FALLBACK_TAKEN:
            return None if held and not held.lost else _not_taken(draft, hop)
        return None if held else _not_open(draft, hop)

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
        latched = self._latches.refusal(draft)
        if latched is not None:
            return latched
        configured = self._configured(limits, draft, now)
        bound = self._with_own(configured, draft.run_id)
        asked = asked_by(draft.body)
        refusal = missing(limit for limit, _ in configured) or self._decide(bound, asked, draft.run_id)
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
        if event.kind == EventKind.CALL_ACCEPTED:
            self._detach(event, body)
        elif event.kind == EventKind.BUDGET_SETTLED:
            self._lower(event, body)
        elif event.kind == EventKind.RUN_STARTED and event.run_id and body.get("limits"):
            self._runs.begin(event.run_id, body["limits"])
        elif event.kind in CHANGES:
            self._latches.apply(event, body)
        elif event.kind == EventKind.PHASE_CHANGED:
            self._phase_since = event.ts
        elif event.kind == EventKind.LEDGER_RECOVERED:
            self._carry(body)
        return ()

    def flush(self, db: sqlite3.Connection) -> None:
        """Write what changed."""
        self._book.flush(db)
        self._at_bound.flush(db)
        self._runs.flush(db)
        self._latches.flush(db)

    # -- rules

    def _bound(self, limits: BudgetLimits, call: EventDraft | Header, at: datetime) -> Bound:
        return self._with_own(self._configured(limits, call, at), call.run_id)

    def _with_own(self, bound: Bound, run_id: str | None) -> Bound:
        own = self._runs.of(run_id)
        return bound if own is None or run_id is None else with_own(bound, own, run_id)

    def _configured(self, limits: BudgetLimits, call: EventDraft | Header, at: datetime) -> Bound:
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

    def _decide(self, bound: Bound, asked: Spend, run_id: str | None) -> Refusal | None:
        for limit, key in bound:
            counter = self._book.counter(key)
            refusal = admit(limit, counter.spent, counter.reserved, asked, key=key)
            if refusal is None and limit.max_calls_per_min is not None:
                refusal = admit_rate(limit, self._rates.recent(key, self._clock.boot_us()), key=key)
            if refusal is not None:
                own = self._runs.of(run_id) if run_id and key == run_key(run_id) else None
                return refusal if own is None else blame_own(refusal, own)
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
        return budget_warnings.reserved(self._book, event, limits, bound)

    def _settle(self, event: Header, body: Body) -> Sequence[EventDraft]:
        held = self._book.release(event.call_id or "", body["hop"])
        spent = spend_of(body, held.amount.tokens if held else 0)
        if held is None:
            # Never requested here: it is spent all the same, on the day it was told.
            limits, bound = self._limits_now(event)
            keys = tuple(dict.fromkeys(key for _, key in bound))
            self._book.change(keys, spent=spent)
            self._note_bound(event, body, keys, again=True)
            return budget_warnings.billed(self._book, event, limits, bound)
        bound_spend = self._bound_of(held)
        self._note_bound(event, body, held.keys, again=held.lost)
        if held.lost:
            self._book.change(held.keys, spent=difference(spent, held.amount))
        else:
            self._book.change(held.keys, spent=spent, reserved=negative(held.amount))
        if body.get("reason") in LOST and not held.lost:
            self._book.hold(replace(held, lost=True, amount=spent))
        if self._book.flagged(held.keys):
            limits, bound = self._binding(event, held.keys)
            budget_warnings.may_say_again(self._book, limits, bound, below=budget_warnings.WELL_BELOW)
        if spent.cost <= held.amount.cost and spent.tokens <= held.amount.tokens:
            return ()  # what fitted as a bound fits as a bill
        tripped = self._latches.tripped_by(event, body["hop"], spent, bound_spend)
        limits, bound = self._binding(event, held.keys)
        return [*tripped, *budget_warnings.billed(self._book, event, limits, bound)]

    def _bound_of(self, held: Reservation) -> Spend:
        """What a hop could cost at most, also where an operator settled it for less meanwhile."""
        booked = self._at_bound.find(held.call_id, held.hop) if held.lost else None
        return held.amount if booked is None else held.amount._replace(cost=booked.bound)

    def _note_bound(self, event: Header, body: Body, keys: tuple[str, ...], *, again: bool) -> None:
        """Keep for an operator what is booked at its bound; ``again`` when the hop had ended before."""
        call_id, hop, cost = event.call_id or "", body["hop"], nano_from_text(body["cost_eur"])
        if body.get("cost_basis") == WORST_CASE and cost > 0:
            self._at_bound.note(Booked(call_id, hop, event.seq, cost, cost, keys))
        elif again:
            self._at_bound.forget(call_id, hop)

    def _detach(self, event: Header, body: Body) -> None:
        """The provider took a hop to work on unattended: its caller may go."""
        held = self._book.held(event.call_id or "", body["hop"])
        if held is None or held.lost:
            return
        at_us, asked_us = unix_us(from_iso(event.ts)), unix_us(from_iso(body["expires_at"]))
        expires_us = max(1, min(asked_us, at_us + LONGEST_UNATTENDED_US))
        self._book.hold(replace(held, client="", expires_us=expires_us))

    def _carry(self, body: Body) -> None:
        """A recovery: what was spent in periods that run on stays spent, and runs keep their own limits."""
        for one in carried_spend(body, self._phase_since):
            self._book.change((one.key,), spent=one.spend)
        for run_id, limits in carried_limits(body):
            self._runs.begin(run_id, limits)

    def _lower(self, event: Header, body: Body) -> None:
        """An operator told a bill: less is spent, in every counter that held the hop."""
        call_id, hop = event.call_id or "", body["hop"]
        booked = self._at_bound.find(call_id, hop)
        if booked is None:
            return
        keys = self._keys_of(call_id, hop) if booked.keys is None else booked.keys
        self._book.change(keys, spent=settled_by(body))
        cost = nano_from_text(body["cost_eur"])
        self._at_bound.settle(booked, cost)
        held = self._book.held(call_id, hop)
        if held is not None and held.lost:
            self._book.hold(replace(held, amount=held.amount._replace(cost=cost)))
        budget_warnings.may_say_again(self._book, *self._binding(event, keys))

    def _keys_of(self, call_id: str, hop: int) -> tuple[str, ...]:
        """The counters that hold a hop of before keys were kept with it: by its request, those that exist."""
        request = request_of(self._db, call_id, hop)
        if request is None:
            return ()
        _, bound = self._limits_now(request)
        keys = dict.fromkeys(key for _, key in bound)
        return tuple(key for key in keys if self._book.counter(key).spent.calls)

    def _note_refusal(self, event: Header) -> list[EventDraft]:
        if self._refused is None or self._refused[0] != event.event_id:
            return []
        _, limits, refusal = self._refused
        return budget_warnings.refused(self._book, event, limits, refusal)

    def _binding(self, event: Header, keys: tuple[str, ...]) -> tuple[BudgetLimits, Bound]:
        """The limits that bind a call now, of the counters that hold it."""
        limits, bound = self._limits_now(event)
        return limits, [(limit, key) for limit, key in bound if key in keys]

    def _limits_now(self, event: Header) -> tuple[BudgetLimits, Bound]:
        """The limits that bind a call now."""
        try:
            limits = self._limits()
        except PeakError:
            # What is spent stands in the ledger; without limits no counter is known to hold it.
            return _NO_LIMITS, []
        return limits, self._bound(limits, event, from_iso(event.ts))


_NO_LIMITS = BudgetLimits((), warn_pct=Decimal(100), timezone="UTC", digest="")


_OF_OPEN_HOPS = frozenset({EventKind.CALL_ACCEPTED.value, EventKind.FALLBACK_TAKEN.value})


def _not_open(draft: EventDraft, hop: object) -> UsageWrong:
    return UsageWrong(
        f"hop {hop} of {draft.call_id} is not open, so nothing can be accepted for it",
        code="hop_not_open",
        remedy="look at the call: peak why",
    )


def _not_taken(draft: EventDraft, hop: object) -> Refusal:
    return Refusal("hop_not_open", f"hop {hop} of {draft.call_id} was not let through: no fallback was taken")


def asked_by(body: Body) -> Spend:
    """What a ``requested`` event asks for: its bound, one call."""
    return Spend(nano_from_text(body["bound_eur"]), body["bound_tokens"], 1)


def _attended(one: Reservation) -> bool:
    """Whether a hop ends with its caller's connection."""
    return not one.lost and not one.expires_us
