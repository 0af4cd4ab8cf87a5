"""What an order would come to: its worth, the position and the exposure after it, at their worst. Pure.

Working orders count as if they were filled wherever that is worse, and none of them where that is worse; one
with a limit price at the higher of that and the market's.
"""

from collections import defaultdict
from dataclasses import dataclass, field
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
    limits: list[tuple[Side, Decimal, Decimal]] = field(default_factory=list)
    """Of working orders with a limit price: side, quantity, price."""

    def add(self, side: Side, quantity: Decimal, limit: Decimal | None = None) -> None:
        if side is Side.BUY:
            self.buys += quantity
        else:
            self.sells += quantity
        if limit is not None:
            self.limits.append((side, quantity, limit))

    def worst(self, price: Decimal) -> Decimal:
        """The most that it may be worth at ``price``: its largest size, and what limit prices are above."""
        return max(
            abs(self.held + self.buys) * price + self._above(Side.BUY, price),
            abs(self.held - self.sells) * price + self._above(Side.SELL, price),
        )

    def _above(self, side: Side, price: Decimal) -> Decimal:
        return sum(
            (amount * max(limit - price, _NOTHING) for way, amount, limit in self.limits if way is side),
            _NOTHING,
        )


def sums_of(inputs: Inputs) -> Sums:
    """The figures of inputs that are valid. In the caller's decimal context."""
    intent, quotes = inputs.intent, inputs.market.quotes
    ranges: defaultdict[str, _Range] = defaultdict(_Range)
    for position in inputs.portfolio.positions:
        ranges[position.instrument].held = position.quantity
    for order in inputs.working_orders:
        ranges[order.instrument].add(order.side, order.quantity, order.limit_price)
    reduces = _reduces(intent, ranges[intent.instrument])
    ranges[intent.instrument].add(intent.side, intent.quantity)
    paid = worst_price(intent, quotes[intent.instrument])
    worths = {
        name: one.worst(paid if name == intent.instrument else quotes[name].price)
        * quotes[name].eur_per_quote
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
