"""When a paper position is closed: at its invalidation level, or at its horizon, on the bars that came. Pure.

Bar by bar, oldest first. A bar that reaches the level closes there, or at its open where it opened beyond it;
within one bar the level comes before the horizon, for nobody knows which was first. The first bar that ends
at or after the horizon closes at its close, or at its open where it began after it. Where replayed history
begins again, what is open is closed at the last price that the book saw. An exit on paper is bookkeeping, not
an order: the gate is not asked, fees and slippage are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from peak_console.config.jobs import Sizing
from peak_console.domain.clock import iso, unix_us
from peak_console.domain.outlook import View
from peak_console.domain.trading import OrderIntent, Quote, Side
from peak_console.risk.book import filled, held, paper_fill
from peak_console.risk.document import number_text
from peak_console.shadow.bars import Bar, between
from peak_console.shadow.book import Book, Idea


class ExitReason(StrEnum):
    """Why a position was closed."""

    INVALIDATED = "invalidated"
    HORIZON = "horizon"
    HISTORY_AGAIN = "history_again"
    """Replayed history began again."""


@dataclass(frozen=True, slots=True)
class Exit:
    """A position that was closed on paper."""

    instrument: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee_eur: Decimal
    reason: ExitReason
    at: datetime
    intent_id: str

    def to_json(self) -> dict[str, Any]:
        """As the event carries it."""
        return {
            "instrument": self.instrument,
            "side": self.side.value,
            "quantity": number_text(self.quantity),
            "price": number_text(self.price),
            "fee_eur": number_text(self.fee_eur),
            "reason": self.reason.value,
            "at": iso(self.at),
            "intent_id": self.intent_id,
        }

    def words(self) -> str:
        """It in words."""
        quantity, price = number_text(self.quantity), number_text(self.price)
        return f"{self.side} {quantity} {self.instrument} at {price}: {self.reason}"


@dataclass(frozen=True, slots=True)
class _Found:
    """Where and when an idea ended."""

    price: Decimal
    at: datetime
    reason: ExitReason


def exited(
    book: Book, instrument: str, bars: Sequence[Bar], bar_s: int, sizing: Sizing
) -> tuple[Book, Exit | None]:
    """The book after the bars that its idea has not seen, and the exit that they made.

    ``bars`` are all that are known at the moment, oldest first.
    """
    idea = book.idea(instrument)
    if idea is None or not bars:
        return book, None
    unseen = between(bars, idea.seen_to, bars[-1].end(bar_s), bar_s)
    found = next((one for bar in unseen if (one := _ended(idea, bar, bar_s)) is not None), None)
    if found is None:
        seen_to = max(idea.seen_to, bars[-1].end(bar_s))
        return book.with_idea(instrument, replace(idea, seen_to=seen_to)), None
    return _closed(book, idea, found, sizing)


def begun_again(book: Book, instrument: str, sizing: Sizing) -> tuple[Book, Exit | None]:
    """The book when replayed history begins again: what is open is closed at the last price it saw."""
    idea, quote = book.idea(instrument), book.quotes.get(instrument)
    if idea is None or quote is None:
        return book, None
    found = _Found(quote.price, idea.seen_to, ExitReason.HISTORY_AGAIN)
    return _closed(book, idea, found, sizing)


def _ended(idea: Idea, bar: Bar, bar_s: int) -> _Found | None:
    level, up = idea.invalidation, idea.view is View.UP
    if bar.start >= idea.expires_at:
        return _Found(bar.open, bar.start, ExitReason.HORIZON)
    if bar.low <= level if up else bar.high >= level:
        price = min(level, bar.open) if up else max(level, bar.open)
        return _Found(price, bar.end(bar_s), ExitReason.INVALIDATED)
    if bar.end(bar_s) >= idea.expires_at:
        return _Found(bar.close, bar.end(bar_s), ExitReason.HORIZON)
    return None


def _closed(book: Book, idea: Idea, found: _Found, sizing: Sizing) -> tuple[Book, Exit | None]:
    quantity = held(book.paper, idea.instrument)
    rate = book.quotes.get(idea.instrument)
    done = book.with_idea(idea.instrument, None)
    if quantity == 0 or rate is None:
        return done, None
    at_us = unix_us(found.at)
    intent = OrderIntent(
        intent_id=f"{idea.intent_id}.exit",
        run_id=idea.run_id,
        instrument=idea.instrument,
        side=Side.SELL if quantity > 0 else Side.BUY,
        quantity=abs(quantity),
        reduce_only=True,
    )
    quote = Quote(idea.instrument, found.price, at_us, rate.eur_per_quote, rate.eur_at_us)
    fill = paper_fill(intent, quote, fee_bps=sizing.fee_bps, slippage_bps=sizing.slippage_bps)
    told = Exit(
        *(idea.instrument, intent.side, intent.quantity, fill.price, fill.fee_eur),
        *(found.reason, found.at, intent.intent_id),
    )
    return replace(done, paper=filled(done.paper, intent, fill, at_us)), told
