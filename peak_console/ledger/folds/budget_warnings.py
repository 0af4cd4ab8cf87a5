"""What a budget says of itself: ``budget.warned`` and ``budget.exceeded``, once each time it comes so far."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from peak_console.budget.limits import BudgetLimits, Limit, Spend, Unit, account, overspent, warned
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ledgering import Refusal
from peak_console.ledger.folds.counters import CounterBook
from peak_console.ledger.folds.lost_hops import derived_id
from peak_console.ledger.headers import Header

Bound = list[tuple[Limit, str]]
"""The limits that bind a call, each with the key of its counter."""

WELL_BELOW: Final = Decimal("0.9")
"""Calls come and go about a warning level: only what falls well below it when one ends is a new approach."""

_SAID: Final = ("warned", "exceeded")


def reserved(book: CounterBook, event: Header, limits: BudgetLimits, bound: Bound) -> list[EventDraft]:
    """What is reserved or spent has reached a warning level for the first time."""
    return [
        _event(event, EventKind.BUDGET_WARNED, book, limit, unit, key)
        for limit, key in bound
        for unit in _warned(book, limit, key, limits.warn_pct)
        if book.counter(key).first_time(f"warned:{unit}", limits.digest)
    ]


def billed(book: CounterBook, event: Header, limits: BudgetLimits, bound: Bound) -> list[EventDraft]:
    """A bill came in above its bound and beyond a limit."""
    return [
        _event(event, EventKind.BUDGET_EXCEEDED, book, limit, unit, key)
        for limit, key in bound
        for unit in overspent(limit, book.counter(key).spent)
        if book.counter(key).first_time(f"exceeded:{unit}", limits.digest)
    ]


def refused(book: CounterBook, event: Header, limits: BudgetLimits, refusal: Refusal) -> list[EventDraft]:
    """A limit refused a call for the first time."""
    key, unit = refusal.details.get("key"), refusal.details.get("unit")
    if key is None or unit == Unit.CALLS_PER_MIN:
        return []
    counter = book.counter(key)
    if not counter.first_time(f"exceeded:{unit}", limits.digest):
        return []
    book.mark(counter)
    return [_draft(event, EventKind.BUDGET_EXCEEDED, refusal.details)]


def may_say_again(
    book: CounterBook, limits: BudgetLimits, bound: Bound, *, below: Decimal = Decimal(1)
) -> None:
    """What fell below this share of its warning level says so again when it comes there again."""
    for limit, key in bound:
        counter = book.counter(key)
        if counter.flags:
            still = _warned(book, limit, key, limits.warn_pct * below)
            if counter.forget({f"{word}:{unit}" for word in _SAID for unit in Unit if unit not in still}):
                book.mark(counter)


def _warned(book: CounterBook, limit: Limit, key: str, warn_pct: Decimal) -> Iterable[Unit]:
    counter = book.counter(key)
    return warned(limit, counter.spent, counter.reserved, warn_pct)


def _event(  # noqa: PLR0917 - what an event is made of
    cause: Header, kind: EventKind, book: CounterBook, limit: Limit, unit: Unit, key: str
) -> EventDraft:
    counter = book.counter(key)
    figures = account(limit, unit, key, spent=counter.spent, reserved=counter.reserved, asked=Spend())
    return _draft(cause, kind, figures)


def _draft(cause: Header, kind: EventKind, figures: dict[str, Any]) -> EventDraft:
    return EventDraft(
        derived_id(cause.event_id, kind, figures["key"], figures["unit"]),
        kind.value,
        figures,
        run_id=cause.run_id,
        call_id=cause.call_id,
        layer=cause.layer,
    )
