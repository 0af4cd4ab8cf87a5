"""Whether inputs of the gate make sense at all: types, signs, bounds, names that fit together. Pure."""

from collections.abc import Iterable
from typing import Any

from peak_console.domain.trading import (
    GateLimits,
    GatePosture,
    Market,
    OrderIntent,
    OrderType,
    Portfolio,
    Position,
    Quote,
    RecentOrder,
    WorkingOrder,
)
from peak_console.risk.document import Inputs
from peak_console.risk.values import (
    VENUE_KINDS,
    above_zero,
    figure,
    is_instrument,
    is_moment,
    is_name,
    is_order_type,
    is_side,
)


def is_valid(inputs: Inputs) -> bool:
    """Whether every value has the type, sign and size it must have, and no price that counts is missing."""
    return (
        is_valid_intent(inputs.intent)
        and _is_portfolio(inputs.portfolio)
        and _all(inputs.working_orders, _is_working)
        and _all(inputs.recent_orders, _is_recent)
        and _is_limits(inputs.limits)
        and _is_market(inputs.market)
        and _is_posture(inputs.posture)
        and _is_priced(inputs)
    )


def is_valid_intent(intent: Any) -> bool:
    """Whether an intent names all that an order needs, and nothing that does not fit."""
    if type(intent) is not OrderIntent:
        return False
    return (
        is_name(intent.intent_id)
        and is_name(intent.run_id)
        and is_instrument(intent.instrument)
        and is_side(intent.side)
        and above_zero(intent.quantity) is not None
        and is_order_type(intent.order_type)
        and _is_priced_as_typed(intent)
        and _is_venue(intent)
        and type(intent.reduce_only) is bool
    )


def _is_priced_as_typed(intent: OrderIntent) -> bool:
    """A limit order has its price, a market order none."""
    if intent.order_type is OrderType.MARKET:
        return intent.limit_price is None
    return above_zero(intent.limit_price) is not None


def _is_venue(intent: OrderIntent) -> bool:
    """Whoever sends an order somewhere says where."""
    if intent.venue_kind == "none":
        return _is_text(intent.venue)
    return intent.venue_kind in VENUE_KINDS and is_name(intent.venue)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _all(values: Any, fits: Any) -> bool:
    return isinstance(values, tuple) and all(map(fits, values))


def _is_portfolio(portfolio: Any) -> bool:
    if type(portfolio) is not Portfolio or not _all(portfolio.positions, _is_position):
        return False
    amounts = (portfolio.equity_eur, portfolio.peak_equity_eur, portfolio.day_pnl_eur)
    known = all(one is None or figure(one) is not None for one in amounts)
    return known and _each_once(one.instrument for one in portfolio.positions)


def _each_once(names: Iterable[str]) -> bool:
    found = list(names)
    return len(found) == len(set(found))


def _is_position(value: Any) -> bool:
    return (
        type(value) is Position
        and is_instrument(value.instrument)
        and figure(value.quantity) is not None
        and above_zero(value.average_price) is not None
    )


def _is_working(value: Any) -> bool:
    return (
        type(value) is WorkingOrder
        and is_name(value.intent_id)
        and is_instrument(value.instrument)
        and is_side(value.side)
        and above_zero(value.quantity) is not None
        and (value.limit_price is None or above_zero(value.limit_price) is not None)
    )


def _is_recent(value: Any) -> bool:
    return type(value) is RecentOrder and is_name(value.intent_id) and is_moment(value.submitted_us)


def _is_limits(limits: Any) -> bool:
    """Of the right kind; what they say is judged apart, as ``limit_missing``."""
    return type(limits) is GateLimits


def _is_market(market: Any) -> bool:
    if type(market) is not Market or not is_moment(market.now_us) or type(market.quotes) is not dict:
        return False
    return all(
        _is_quote(quote) and quote.instrument == instrument for instrument, quote in market.quotes.items()
    )


def _is_quote(value: Any) -> bool:
    return (
        type(value) is Quote
        and is_instrument(value.instrument)
        and above_zero(value.price) is not None
        and is_moment(value.at_us)
        and above_zero(value.eur_per_quote) is not None
        and is_moment(value.eur_at_us)
    )


def _is_posture(posture: Any) -> bool:
    if type(posture) is not GatePosture:
        return False
    said = (posture.calls, posture.reduce, posture.armed, posture.critic_passed, posture.sod_ok)
    return all(type(one) is bool for one in said)


def _is_priced(inputs: Inputs) -> bool:
    """Whether each instrument that is held, may be filled or is asked for has a price."""
    return needed_instruments(inputs) <= inputs.market.quotes.keys()


def needed_instruments(inputs: Inputs) -> frozenset[Any]:
    """Whose prices count: the order's own, and whatever is held or may be filled."""
    lists = (getattr(inputs.portfolio, "positions", ()), inputs.working_orders, (inputs.intent,))
    return frozenset(
        getattr(one, "instrument", None) for many in lists if isinstance(many, tuple) for one in many
    )
