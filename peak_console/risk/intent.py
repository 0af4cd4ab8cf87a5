"""From a hypothesis to the order intent that the gate judges: arithmetic, no model has a say in it. Pure.

An idea is sized so that it loses ``risk_eur`` at its invalidation level, less where its author is less sure,
and cut to ``max_notional_eur``. What is held in its direction already counts; what is held against it is
closed first, by an intent of its own that only reduces.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow, localcontext
from enum import StrEnum
from typing import Final

from peak_console.domain.outlook import Degree, Hypothesis, View
from peak_console.domain.trading import OrderIntent, Quote, Side
from peak_console.risk.book import PaperBook, held
from peak_console.risk.values import above_zero

STEP: Final = Decimal("0.000001")
"""Quantities are cut to whole steps of it."""
REFERENCE_OFF_PCT: Final = Decimal(1)
"""A hypothesis whose last close stands further off the price was not made from these data."""
SHARE: Final[Mapping[Degree, Decimal]] = {
    Degree.LOW: Decimal("0.5"),
    Degree.MEDIUM: Decimal("0.75"),
    Degree.HIGH: Decimal(1),
}
"""By conviction: the share of ``risk_eur`` that an idea may lose."""

_DOWN: Final = Context(prec=60, rounding=ROUND_DOWN, traps=[InvalidOperation, DivisionByZero, Overflow])
_ALL_PCT: Final = 100


@dataclass(frozen=True, slots=True)
class IntentSizing:
    """How large an idea becomes, and what it costs on paper."""

    risk_eur: Decimal
    """EUR that it may lose at its invalidation level."""
    max_notional_eur: Decimal
    fee_bps: Decimal = Decimal(0)
    slippage_bps: Decimal = Decimal(0)


class NoIntentReason(StrEnum):
    """Why a hypothesis makes no order intent."""

    NO_VIEW = "no_view"
    """It has no idea worth a trade."""
    ALREADY_HELD = "already_held"
    """The book holds as much in its direction."""
    INVALIDATED = "invalidated"
    """The price is at or beyond its invalidation level."""
    REFERENCE_OFF = "reference_off"
    """The last close it names is not the market's."""
    TOO_SMALL = "too_small"
    """Sizing leaves nothing to order."""
    NO_PRICE = "no_price"
    """There is no readable price or EUR rate."""


@dataclass(frozen=True, slots=True)
class NoIntent:
    """There is nothing to judge; ``reason`` says why."""

    reason: NoIntentReason


def intent_from(
    hypothesis: Hypothesis,
    book: PaperBook,
    sizing: IntentSizing,
    *,
    quote: Quote,
    intent_id: str,
    run_id: str,
) -> OrderIntent | NoIntent:
    """The market order that a hypothesis on ``quote``'s instrument comes to; or why there is none."""
    side = {View.UP: Side.BUY, View.DOWN: Side.SELL}.get(hypothesis.view)
    if side is None:
        return NoIntent(NoIntentReason.NO_VIEW)
    with localcontext(_DOWN):
        sized = _sized(hypothesis, side, sizing, quote)
        if isinstance(sized, NoIntent):
            return sized
        before = held(book, quote.instrument)
        in_its_way = before if side is Side.BUY else -before
        quantity = -in_its_way if in_its_way < 0 else sized - in_its_way
    if quantity <= 0:
        return NoIntent(NoIntentReason.ALREADY_HELD)
    return OrderIntent(
        intent_id=intent_id,
        run_id=run_id,
        instrument=quote.instrument,
        side=side,
        quantity=quantity,
        reduce_only=in_its_way < 0,
    )


def _sized(hypothesis: Hypothesis, side: Side, sizing: IntentSizing, quote: Quote) -> Decimal | NoIntent:
    """Units that the idea is worth, before what is held."""
    price, eur = above_zero(quote.price), above_zero(quote.eur_per_quote)
    wrong_at = hypothesis.invalidation
    if price is None or eur is None:
        return NoIntent(NoIntentReason.NO_PRICE)
    if abs(hypothesis.reference - price) * _ALL_PCT > REFERENCE_OFF_PCT * price:
        return NoIntent(NoIntentReason.REFERENCE_OFF)
    distance = Decimal(0) if wrong_at is None else price - wrong_at
    if side is Side.SELL:
        distance = -distance
    if distance <= 0:
        return NoIntent(NoIntentReason.INVALIDATED)
    at_risk = sizing.risk_eur * SHARE[hypothesis.conviction] / (distance * eur)
    quantity = min(at_risk, sizing.max_notional_eur / (price * eur)).quantize(STEP)
    return quantity if quantity > 0 else NoIntent(NoIntentReason.TOO_SMALL)
