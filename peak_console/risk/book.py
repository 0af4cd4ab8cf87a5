"""The paper book: positions that nobody holds, marked to market, with fees; the gate's portfolio. Pure.

A book is a value: what happens gives another book. Positions are kept at their average price in the quote
currency; their profit counts in EUR at the rate of the moment. A session is a UTC day of the market's own
clock: with it begin the day's profit and the count of its orders. Money is kept to a billionth of a EUR.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    localcontext,
)
from typing import Any, Final

from peak_console.domain.trading import (
    Market,
    OrderIntent,
    Portfolio,
    Position,
    Quote,
    RecentOrder,
    Side,
)
from peak_console.risk.document import number_text
from peak_console.risk.values import MINUTE_US, above_zero, figure, is_instrument, is_moment, is_name

FORM: Final = 1
DAY_US: Final = 86_400_000_000
_BPS: Final = 10_000
_MONEY: Final = Decimal("1e-9")
_PRICE: Final = Decimal("1e-12")
_NOTHING: Final = Decimal(0)
_MONEY_CONTEXT: Final = Context(
    prec=80, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow]
)


@dataclass(frozen=True, slots=True)
class PaperBook:
    """A book as of its last mark. Money in EUR; ``None`` is what nobody knows."""

    begun_eur: Decimal
    realised_eur: Decimal = _NOTHING
    """Profit of what was closed, before fees."""
    fees_eur: Decimal = _NOTHING
    positions: tuple[Position, ...] = ()
    equity_eur: Decimal | None = None
    """At the last mark: what it began with, realised and open profit, less fees."""
    peak_equity_eur: Decimal | None = None
    day: int = 0
    """Days since 1970, UTC, by the market's clock."""
    day_begun_eur: Decimal | None = None
    """Equity that the day began with."""
    marked_us: int = 0
    recent: tuple[RecentOrder, ...] = ()
    """Orders of the day, and of the minute before it."""

    @property
    def cash_eur(self) -> Decimal:
        """What it began with and what was realised, less fees."""
        with localcontext(_MONEY_CONTEXT):
            return self.begun_eur + self.realised_eur - self.fees_eur

    @property
    def day_pnl_eur(self) -> Decimal | None:
        """Profit of the day, realised and not."""
        if self.equity_eur is None or self.day_begun_eur is None:
            return None
        with localcontext(_MONEY_CONTEXT):
            return self.equity_eur - self.day_begun_eur


@dataclass(frozen=True, slots=True)
class Fill:
    """At what an intent is filled on paper."""

    price: Decimal
    """In the quote currency, slippage counted in."""
    fee_eur: Decimal
    eur_per_quote: Decimal
    at_us: int


def begun(equity_eur: Decimal, now_us: int) -> PaperBook:
    """A book that holds nothing yet."""
    return PaperBook(
        begun_eur=equity_eur,
        equity_eur=equity_eur,
        peak_equity_eur=equity_eur,
        day=now_us // DAY_US,
        day_begun_eur=equity_eur,
        marked_us=now_us,
    )


def held(book: PaperBook, instrument: str) -> Decimal:
    """Units of an instrument: above zero long, below short."""
    return next((one.quantity for one in book.positions if one.instrument == instrument), _NOTHING)


def marked(book: PaperBook, market: Market) -> PaperBook:
    """The book at these prices; a new day begins with the equity of the last mark.

    Of its orders only those of the last minute count from then on. A position without a price makes equity
    and profit unknown until it has one again.
    """
    day = market.now_us // DAY_US
    if day != book.day:
        lately = tuple(one for one in book.recent if 0 <= market.now_us - one.submitted_us < MINUTE_US)
        book = replace(book, day=day, day_begun_eur=book.equity_eur, recent=lately)
    with localcontext(_MONEY_CONTEXT):
        open_eur = _open_profit(book, market)
        equity = None if open_eur is None else book.cash_eur + open_eur
        peaks = [one for one in (book.peak_equity_eur, equity) if one is not None]
        return replace(
            book,
            equity_eur=equity,
            peak_equity_eur=max(peaks, default=None),
            day_begun_eur=equity if book.day_begun_eur is None else book.day_begun_eur,
            marked_us=market.now_us,
        )


def _open_profit(book: PaperBook, market: Market) -> Decimal | None:
    total = _NOTHING
    for one in book.positions:
        quote = market.quotes.get(one.instrument)
        if quote is None or above_zero(quote.price) is None or above_zero(quote.eur_per_quote) is None:
            return None
        total += one.quantity * (quote.price - one.average_price) * quote.eur_per_quote
    return total.quantize(_MONEY)


def paper_fill(intent: OrderIntent, quote: Quote, *, fee_bps: Decimal, slippage_bps: Decimal) -> Fill:
    """A fill of all of it at the market's price, worse by the slippage; the fee is a share of its worth."""
    with localcontext(_MONEY_CONTEXT):
        slip = slippage_bps if intent.side is Side.BUY else -slippage_bps
        price = (quote.price * (_BPS + slip) / _BPS).quantize(_PRICE)
        fee = (intent.quantity * price * quote.eur_per_quote * fee_bps / _BPS).quantize(_MONEY)
        return Fill(price, fee, quote.eur_per_quote, quote.at_us)


def filled(book: PaperBook, intent: OrderIntent, fill: Fill, now_us: int) -> PaperBook:
    """The book after an intent was filled wholly at ``now_us``; not marked yet.

    What it takes off a position is realised against the average price; what goes beyond opens a new one.
    """
    signed = intent.quantity if intent.side is Side.BUY else -intent.quantity
    with localcontext(_MONEY_CONTEXT):
        before = next((one for one in book.positions if one.instrument == intent.instrument), None)
        after, realised = _traded(before, intent.instrument, signed, fill)
        others = tuple(one for one in book.positions if one.instrument != intent.instrument)
        positions = others if after is None else (*others, after)
        return replace(
            book,
            positions=tuple(sorted(positions, key=lambda one: one.instrument)),
            realised_eur=book.realised_eur + realised,
            fees_eur=book.fees_eur + fill.fee_eur,
            recent=(*book.recent, RecentOrder(intent.intent_id, now_us)),
        )


def _traded(
    before: Position | None, instrument: str, signed: Decimal, fill: Fill
) -> tuple[Position | None, Decimal]:
    """A position after ``signed`` units more, and the profit in EUR that was realised."""
    if before is None or before.quantity == 0:
        return Position(instrument, signed, fill.price), _NOTHING
    quantity = before.quantity + signed
    if (before.quantity > 0) == (signed > 0):
        worth = before.quantity * before.average_price + signed * fill.price
        return Position(instrument, quantity, (worth / quantity).quantize(_PRICE)), _NOTHING
    closed = min(abs(before.quantity), abs(signed)) * (1 if before.quantity > 0 else -1)
    profit = (closed * (fill.price - before.average_price) * fill.eur_per_quote).quantize(_MONEY)
    if quantity == 0:
        return None, profit
    turned = (quantity > 0) != (before.quantity > 0)
    return Position(instrument, quantity, fill.price if turned else before.average_price), profit


def portfolio(book: PaperBook, market: Market) -> Portfolio:
    """The book at these prices as the gate sees it."""
    now = marked(book, market)
    return Portfolio(now.positions, now.equity_eur, now.peak_equity_eur, now.day_pnl_eur)


# --- as JSON -------------------------------------------------------------------------------------------


def to_json(book: PaperBook) -> dict[str, Any]:
    """The book as canonical JSON; :func:`from_json` reads it back."""
    return {
        "book": FORM,
        "begun_eur": number_text(book.begun_eur),
        "realised_eur": number_text(book.realised_eur),
        "fees_eur": number_text(book.fees_eur),
        "positions": [
            [one.instrument, number_text(one.quantity), number_text(one.average_price)]
            for one in book.positions
        ],
        "equity_eur": _text(book.equity_eur),
        "peak_equity_eur": _text(book.peak_equity_eur),
        "day": book.day,
        "day_begun_eur": _text(book.day_begun_eur),
        "marked_us": book.marked_us,
        "recent": [[one.intent_id, one.submitted_us] for one in book.recent],
    }


def from_json(value: Any) -> PaperBook:
    """The book that :func:`to_json` wrote; raises ``ValueError`` for anything else."""
    if not isinstance(value, Mapping) or value.get("book") != FORM:
        raise ValueError(f"no book of form {FORM}")
    try:
        book = PaperBook(
            begun_eur=_amount(value["begun_eur"]),
            realised_eur=_amount(value["realised_eur"]),
            fees_eur=_amount(value["fees_eur"]),
            positions=tuple(
                Position(name, _amount(quantity), _amount(price))
                for name, quantity, price in value["positions"]
            ),
            equity_eur=_known(value["equity_eur"]),
            peak_equity_eur=_known(value["peak_equity_eur"]),
            day=value["day"],
            day_begun_eur=_known(value["day_begun_eur"]),
            marked_us=value["marked_us"],
            recent=tuple(RecentOrder(name, at_us) for name, at_us in value["recent"]),
        )
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise ValueError(f"a book that cannot be read: {error}") from error
    if not _holds(book):
        raise ValueError("a book with a name or a time that is none")
    return book


def _holds(book: PaperBook) -> bool:
    names = all(is_instrument(one.instrument) for one in book.positions)
    orders = all(is_name(one.intent_id) and is_moment(one.submitted_us) for one in book.recent)
    return names and orders and type(book.day) is int and type(book.marked_us) is int


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else number_text(amount)


def _amount(text: Any) -> Decimal:
    found = figure(Decimal(text)) if isinstance(text, str) else None
    if found is None or number_text(found) != text:
        raise ValueError("an amount that is none")
    return found


def _known(text: Any) -> Decimal | None:
    return None if text is None else _amount(text)
