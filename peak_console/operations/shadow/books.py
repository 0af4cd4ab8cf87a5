"""Paper books as of their last cycle, read from cycles' events. Pure."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from peak_console.domain.events import LedgerEvent
from peak_console.operations.shadow.words import word
from peak_console.operations.views.body_fields import mapping, time_of
from peak_console.operations.views.shadow import BookLine
from peak_console.risk.book import PaperBook, from_json


def book_lines(events: Sequence[LedgerEvent]) -> tuple[BookLine, ...]:
    """A line for each book, of cycles that come the newest first, by name. One that cannot be read is none.

    Fills are counted in these cycles.
    """
    newest: dict[str, LedgerEvent] = {}
    fills: dict[str, int] = {}
    for event in events:
        body = mapping(event.body)
        name = word(mapping(body.get("book")).get("name"))
        if name:
            newest.setdefault(name, event)
            fills[name] = fills.get(name, 0) + bool(mapping(body.get("fill")))
    return tuple(_lines(newest, fills))


def state_of(event: LedgerEvent) -> PaperBook | None:
    """The book after the cycle; ``None`` where it cannot be read."""
    try:
        return from_json(mapping(mapping(event.body).get("book")).get("state"))
    except ValueError:
        return None


def drawdown_pct(book: PaperBook) -> Decimal | None:
    """How far it stands below its highest, in percent of that."""
    if book.equity_eur is None or book.peak_equity_eur is None or book.peak_equity_eur <= 0:
        return None
    return max(Decimal(0), 100 * (book.peak_equity_eur - book.equity_eur) / book.peak_equity_eur)


def _lines(newest: dict[str, LedgerEvent], fills: dict[str, int]) -> Iterable[BookLine]:
    for name, event in sorted(newest.items()):
        book = state_of(event)
        if book is not None:
            yield BookLine(
                name,
                book.equity_eur,
                book.day_pnl_eur,
                drawdown_pct(book),
                positions=tuple((one.instrument, one.quantity) for one in book.positions),
                fees_eur=book.fees_eur,
                fills=fills[name],
                at=time_of(event),
            )
