"""What an order would come to: its worth, the position and the exposure after it, at their worst. Pure.

Working orders count as if they were filled wherever that is worse, and none of them where that is worse.
"""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from peak_console.domain.trading import OrderIntent, Quote, Side
from peak_console.risk.document import Inputs

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Sums:
    """The figures of one order, in units and EUR."""

    intent: OrderIntent
    quantity: Decimal
    price: Decimal
    """The market's, in the quote currency."""
    notional_eur: Decimal
    position_eur: Decimal
    """Largest worth of the instrument's position, long or short, with this order and any of those working."""
    exposure_eur: Decimal
    """The same over all instruments, added up."""
    reduces: bool
    """Whether it can only lower the open position, whatever else of its side is filled before."""


@dataclass(slots=True)
class _Range:
    """Between which quantities a position may end up."""

    held: Decimal = _NOTHING
    buys: Decimal = _NOTHING
    sells: Decimal = _NOTHING

    def add(self, side: Side, quantity: Decimal) -> None:
        if side is Side.BUY:
            self.buys += quantity
        else:
            self.sells += quantity

    @property
    def worst(self) -> Decimal:
        """The largest size that it may come to."""
        return max(abs(self.held + self.buys), abs(self.held - self.sells))


def sums_of(inputs: Inputs) -> Sums:
    """The figures of inputs that are valid. In the caller's decimal context."""
    intent, quotes = inputs.intent, inputs.market.quotes
    ranges: defaultdict[str, _Range] = defaultdict(_Range)
    for position in inputs.portfolio.positions:
        ranges[position.instrument].held = position.quantity
    for order in inputs.working_orders:
        ranges[order.instrument].add(order.side, order.quantity)
    reduces = _reduces(intent, ranges[intent.instrument])
    ranges[intent.instrument].add(intent.side, intent.quantity)
    paid = worst_price(intent, quotes[intent.instrument])
    worths = {
        name: one.worst
        * quotes[name].eur_per_quote
        * (paid if name == intent.instrument else quotes[name].price)
        for name, one in ranges.items()
    }
    quote = quotes[intent.instrument]
    return Sums(
        intent=intent,
        quantity=intent.quantity,
        price=quote.price,
        notional_eur=intent.quantity * paid * quote.eur_per_quote,
        position_eur=worths[intent.instrument],
        exposure_eur=sum(worths.values(), _NOTHING),
        reduces=reduces,
    )


def worst_price(intent: OrderIntent, quote: Quote) -> Decimal:
    """The higher of market price and limit price."""
    return quote.price if intent.limit_price is None else max(quote.price, intent.limit_price)


def _reduces(intent: OrderIntent, before: _Range) -> bool:
    """Against the open position, and no larger than what is left of it after working orders of its side.

    A quantity is above zero, so what is flat, or held the other way, is never large enough.
    """
    if intent.side is Side.SELL:
        return intent.quantity + before.sells <= before.held
    return intent.quantity + before.buys <= -before.held
