"""Paper books as of their last cycle, read from cycles' events. Pure."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from peak_console.domain.events import LedgerEvent
from peak_console.operations.shadow.words import amount, word
from peak_console.operations.views.body_fields import listed, mapping, time_of
from peak_console.operations.views.shadow import BookLine


def newest_books(events: Iterable[LedgerEvent]) -> dict[str, LedgerEvent]:
    """The event that holds each book's last state, of cycles that come the newest first."""
    found: dict[str, LedgerEvent] = {}
    for event in events:
        name = word(mapping(mapping(event.body).get("book")).get("name"))
        if name:
            found.setdefault(name, event)
    return found


def book_lines(events: Iterable[LedgerEvent]) -> tuple[BookLine, ...]:
    """A line for each book, of cycles that come the newest first, by name."""
    return tuple(
        line
        for name, event in sorted(newest_books(events).items())
        if (line := book_line(name, event)) is not None
    )


def book_line(name: str, event: LedgerEvent) -> BookLine | None:
    """The book as its event has it; ``None`` where that cannot be read."""
    state = state_of(event)
    equity = amount(state.get("equity_eur"))
    if equity is None:
        return None
    peak, start = amount(state.get("peak_equity_eur")), amount(state.get("day_start_equity_eur"))
    return BookLine(
        name,
        equity,
        None if start is None else equity - start,
        _drawdown(equity, peak),
        positions=tuple(_positions(state.get("positions"))),
        fees_eur=amount(state.get("fees_eur")) or Decimal(0),
        at=time_of(event),
    )


def state_of(event: LedgerEvent) -> Mapping[str, Any]:
    """The state after the cycle, as it was recorded."""
    book = mapping(mapping(event.body).get("book"))
    return mapping(book.get("state"))


def _drawdown(equity: Decimal, peak: Decimal | None) -> Decimal | None:
    """How far it stands below its highest, in percent of that."""
    if peak is None or peak <= 0:
        return None
    return max(Decimal(0), 100 * (peak - equity) / peak)


def _positions(value: Any) -> Iterable[tuple[str, Decimal]]:
    for one in listed(value)[:200]:
        told = mapping(one)
        name, quantity = word(told.get("instrument")), amount(told.get("quantity"))
        if name and quantity:
            yield name, quantity
