"""A paper book as cycles hand it on: its positions, the ideas behind them, the last prices, its score. Pure.

The book is the fold of its cycles: each writes the whole of it, and the next begins with what the last one
wrote. ``book_before`` of a cycle is the digest of what it began with, so that the ledger's writer can refuse
a second cycle that began with the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from peak_console.domain.canonical import NotCanonical, digest
from peak_console.domain.clock import from_iso, iso
from peak_console.domain.outlook import View
from peak_console.domain.trading import Market, Quote
from peak_console.risk.book import PaperBook, begun, from_json, to_json
from peak_console.risk.document import number_text
from peak_console.shadow.scoring import Score

BOOK_MOVED: Final = "book_moved"
"""The code of a cycle's end that the ledger's writer refuses, for another one wrote its book meanwhile."""
_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Idea:
    """Why a position is held, and when it is over: of an instrument the newest that opened or added to it."""

    instrument: str
    view: View
    invalidation: Decimal
    """The level at which it is wrong."""
    expires_at: datetime
    """When its horizon ends, by the market's clock."""
    seen_to: datetime
    """Bars that begin before this were looked at."""
    intent_id: str
    run_id: str

    def to_json(self) -> dict[str, Any]:
        """As the event carries it."""
        return {
            "instrument": self.instrument,
            "view": self.view.value,
            "invalidation_level": number_text(self.invalidation),
            "expires_at": iso(self.expires_at),
            "seen_to": iso(self.seen_to),
            "intent_id": self.intent_id,
            "run_id": self.run_id,
        }


@dataclass(frozen=True, slots=True)
class Book:
    """A book by its name, after ``cycles`` cycles."""

    name: str
    paper: PaperBook
    cycles: int = 0
    ideas: tuple[Idea, ...] = ()
    quotes: Mapping[str, Quote] = field(default_factory=dict)
    """The last price of each instrument that it saw."""
    score: Score = field(default_factory=Score)

    def idea(self, instrument: str) -> Idea | None:
        """The idea behind the position in an instrument."""
        return next((one for one in self.ideas if one.instrument == instrument), None)

    def with_idea(self, instrument: str, idea: Idea | None) -> "Book":
        """The book with this idea, or none, behind the position in an instrument."""
        others = tuple(one for one in self.ideas if one.instrument != instrument)
        return replace(self, ideas=others if idea is None else (*others, idea))

    def market(self, now_us: int) -> Market:
        """The last prices, at a moment."""
        return Market(now_us, self.quotes)

    def to_json(self) -> dict[str, Any]:
        """As the event carries it: ``state`` is the paper book alone."""
        return {
            "name": self.name,
            "cycles": self.cycles,
            "state": to_json(self.paper),
            "ideas": [one.to_json() for one in sorted(self.ideas, key=lambda one: one.instrument)],
            "quotes": [_quote_json(self.quotes[name]) for name in sorted(self.quotes)],
            "score": self.score.to_json(),
        }


def new_book(name: str, equity_eur: Decimal, now_us: int) -> Book:
    """A book that no cycle has written yet."""
    return Book(name, begun(equity_eur, now_us))


def book_digest(told: Any) -> str:
    """The digest of a book as an event carries it; empty for what is none, and for no book yet."""
    if not isinstance(told, Mapping):
        return ""
    try:
        return digest(dict(told))
    except NotCanonical:
        return ""


def book_from(told: Any) -> Book:
    """The book that an event carries; raises ``ValueError`` for anything else."""
    try:
        return Book(
            name=str(told["name"]),
            paper=from_json(told["state"]),
            cycles=_count(told["cycles"]),
            ideas=tuple(_idea(one) for one in told["ideas"][:_MOST]),
            quotes={one["instrument"]: _quote(one) for one in told["quotes"][:_MOST]},
            score=Score.from_json(told["score"]),
        )
    except (KeyError, TypeError, AttributeError, InvalidOperation) as error:
        raise ValueError(f"a book that cannot be read: {type(error).__name__}") from error


def _idea(told: Mapping[str, Any]) -> Idea:
    return Idea(
        instrument=str(told["instrument"]),
        view=View(told["view"]),
        invalidation=Decimal(told["invalidation_level"]),
        expires_at=from_iso(told["expires_at"]),
        seen_to=from_iso(told["seen_to"]),
        intent_id=str(told["intent_id"]),
        run_id=str(told["run_id"]),
    )


def _quote_json(quote: Quote) -> dict[str, Any]:
    return {
        "instrument": quote.instrument,
        "price": number_text(quote.price),
        "at_us": quote.at_us,
        "eur_per_quote": number_text(quote.eur_per_quote),
        "eur_at_us": quote.eur_at_us,
    }


def _quote(told: Mapping[str, Any]) -> Quote:
    return Quote(
        str(told["instrument"]),
        Decimal(told["price"]),
        _count(told["at_us"]),
        Decimal(told["eur_per_quote"]),
        _count(told["eur_at_us"]),
    )


def _count(told: Any) -> int:
    if type(told) is not int or told < 0:
        raise ValueError("a book with a count that is none")
    return told
