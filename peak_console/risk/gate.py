"""The L5 risk gate: whether one order may go on. Pure, exact, and the same for the same inputs for ever.

No clock, no I/O, no randomness: ages and times are inputs. The decision is made on the document of the inputs
(:mod:`peak_console.risk.document`), so that the recorded document replays it byte for byte. Whatever is
missing, unreadable, stale or not known blocks. docs/gate.md has the table of reasons and conditions.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal, localcontext
from typing import Any, Final

from peak_console.domain.canonical import NotCanonical, digest
from peak_console.domain.trading import (
    GateDecision,
    GateLimits,
    GatePosture,
    GateReason,
    GateVerdict,
    Market,
    OrderIntent,
    Portfolio,
    RecentOrder,
    WorkingOrder,
)
from peak_console.risk.book_sums import Sums, sums_of
from peak_console.risk.document import Inputs, inputs_document, inputs_from, is_written_by_the_gate
from peak_console.risk.validity import is_valid, needed_instruments
from peak_console.risk.values import EXACT, MINUTE_US, above_zero, count_of, figure, is_moment

_SECOND_US: Final = 1_000_000
_ALL_PCT: Final = 100

_AMOUNTS: Final = (
    *("max_order_size", "max_notional_eur", "max_position_eur", "max_exposure_eur"),
    *("price_collar_pct", "max_daily_loss_eur", "max_drawdown_pct"),
)
_COUNTS: Final = (
    *("max_open_orders", "max_order_rate_per_min", "max_orders_per_session"),
    *("max_price_age_s", "max_rate_age_s"),
)
_AGES: Final = (("at_us", "max_price_age_s"), ("eur_at_us", "max_rate_age_s"))
"""Moments of a quote, and the limit of each."""


def evaluate(  # noqa: PLR0917 - one argument an input
    order_intent: OrderIntent,
    portfolio: Portfolio,
    working_orders: Iterable[WorkingOrder],
    recent_orders: Iterable[RecentOrder],
    limits: GateLimits,
    market: Market,
    posture: GatePosture,
) -> GateDecision:
    """ALLOW, or BLOCK with every reason. Never raises: what cannot be read blocks as ``invalid_input``.

    ``working_orders`` stand at a venue and count as if they were filled, ``recent_orders`` are all of this
    session; both are tuples or lists.
    """
    given = (order_intent, portfolio, working_orders, recent_orders, limits, market, posture)
    return decide(inputs_document(*given))


def decide(document: Any) -> GateDecision:
    """The decision on a document of inputs, as :func:`peak_console.risk.document.inputs_document` writes it.

    One that the gate would not write so is ``invalid_input``; its digest is its own all the same. Raises
    ``ValueError`` where it is no document of the gate's.
    """
    inputs = inputs_from(document)
    with localcontext(EXACT):
        found = set(_reasons(inputs))
    if not is_written_by_the_gate(document, inputs):
        found.add(GateReason.INVALID_INPUT)
    reasons = tuple(one for one in GateReason if one in found)
    verdict = GateVerdict.BLOCK if reasons else GateVerdict.ALLOW
    return GateDecision(verdict, reasons, _digest(document))


def _digest(document: Any) -> str:
    try:
        return digest(document)
    except NotCanonical:
        return ""


def _reasons(inputs: Inputs) -> Iterator[GateReason]:
    """Every reason that holds, in no order; one that cannot be judged for want of a figure is not told."""
    limits = inputs.limits
    valid = is_valid(inputs)
    sums = sums_of(inputs) if valid else None
    if not valid:
        yield GateReason.INVALID_INPUT
    if any(True for _ in missing_limits(limits)):
        yield GateReason.LIMIT_MISSING
    yield from _of_posture(inputs, reduces=sums is not None and sums.reduces)
    yield from _of_orders(inputs)
    yield from _of_losses(inputs)
    if _is_stale(inputs):
        yield GateReason.STALE_DATA
    if sums is not None:
        yield from _of_sizes(sums, limits)


def missing_limits(limits: Any) -> Iterator[str]:
    """The names of the limits that are absent, zero, negative or no number; every one blocks."""
    for name in _AMOUNTS:
        if above_zero(getattr(limits, name, None)) is None:
            yield name
    for name in _COUNTS:
        if count_of(getattr(limits, name, None)) is None:
            yield name


def _of_posture(inputs: Inputs, *, reduces: bool) -> Iterator[GateReason]:
    """What is not said permits nothing; only a plain yes is one."""
    posture, intent = inputs.posture, inputs.intent
    if getattr(posture, "calls", None) is not True:
        yield GateReason.KILL_SWITCH
    kind = getattr(intent, "venue_kind", None)
    if kind not in {"none", "paper", "testnet"} and getattr(posture, "armed", None) is not True:
        yield GateReason.NOT_ARMED
    only = (getattr(posture, "reduce", None), getattr(intent, "reduce_only", None))
    if not reduces and any(one is not False for one in only):
        yield GateReason.REDUCE_ONLY
    if getattr(posture, "critic_passed", None) is not True:
        yield GateReason.CRITIC_NOT_PASSED
    if getattr(posture, "sod_ok", None) is not True:
        yield GateReason.SOD_FAILED


def _of_orders(inputs: Inputs) -> Iterator[GateReason]:
    """Counts of orders, at submission: this one counts too."""
    limits = inputs.limits
    working, recent = _tuple(inputs.working_orders), _tuple(inputs.recent_orders)
    if _exceeds(len(working) + 1, getattr(limits, "max_open_orders", None)):
        yield GateReason.MAX_OPEN_ORDERS
    rate = _exceeds(_in_last_minute(inputs, recent) + 1, getattr(limits, "max_order_rate_per_min", None))
    if rate or _exceeds(len(recent) + 1, getattr(limits, "max_orders_per_session", None)):
        yield GateReason.ORDER_RATE
    name = getattr(inputs.intent, "intent_id", None)
    if any(getattr(one, "intent_id", None) == name for one in (*working, *recent)):
        yield GateReason.DUPLICATE


def _tuple(value: Any) -> tuple[Any, ...]:
    """A list of the inputs; an unreadable one has no entries that could be counted, and is invalid."""
    return value if isinstance(value, tuple) else ()


def _in_last_minute(inputs: Inputs, recent: tuple[Any, ...]) -> int:
    """Orders younger than a minute; one without a readable time, or from the future, is."""
    now_us = getattr(inputs.market, "now_us", None)
    ages = [
        now_us - one.submitted_us
        if is_moment(now_us) and is_moment(getattr(one, "submitted_us", None))
        else 0
        for one in recent
    ]
    return sum(age < MINUTE_US for age in ages)


def _exceeds(count: int, limit: Any) -> bool:
    most = count_of(limit)
    return most is not None and count > most


def _of_losses(inputs: Inputs) -> Iterator[GateReason]:
    """A loss that reaches its limit blocks, and so does one that nobody knows."""
    portfolio, limits = inputs.portfolio, inputs.limits
    pnl = figure(getattr(portfolio, "day_pnl_eur", None))
    most = above_zero(getattr(limits, "max_daily_loss_eur", None))
    if pnl is None or (most is not None and -pnl >= most):
        yield GateReason.DAILY_LOSS
    equity = figure(getattr(portfolio, "equity_eur", None))
    peak = above_zero(getattr(portfolio, "peak_equity_eur", None))
    pct = above_zero(getattr(limits, "max_drawdown_pct", None))
    if equity is None or peak is None or equity > peak or _fell(equity, peak, pct):
        yield GateReason.DRAWDOWN


def _fell(equity: Decimal, peak: Decimal, most_pct: Decimal | None) -> bool:
    return most_pct is not None and (peak - equity) * _ALL_PCT >= most_pct * peak


def _is_stale(inputs: Inputs) -> bool:
    """Whether a price or EUR rate that the decision needs is too old, or from the future."""
    market = inputs.market
    now_us, quotes = getattr(market, "now_us", None), getattr(market, "quotes", None)
    if not is_moment(now_us) or not isinstance(quotes, dict):
        return False
    for instrument in needed_instruments(inputs):
        quote = quotes.get(instrument)
        for moment, limit in _AGES:
            at_us, most = getattr(quote, moment, None), count_of(getattr(inputs.limits, limit, None))
            if is_moment(at_us) and (
                at_us > now_us or (most is not None and now_us - at_us > most * _SECOND_US)
            ):
                return True
    return False


def _of_sizes(sums: Sums, limits: GateLimits) -> Iterator[GateReason]:
    """Sizes, worths and prices; an order that only reduces does not raise position or exposure."""
    checks: tuple[tuple[GateReason, Decimal, Any], ...] = (
        (GateReason.MAX_ORDER_SIZE, sums.quantity, limits.max_order_size),
        (GateReason.MAX_NOTIONAL, sums.notional_eur, limits.max_notional_eur),
    )
    if not sums.reduces:
        checks += (
            (GateReason.MAX_POSITION, sums.position_eur, limits.max_position_eur),
            (GateReason.MAX_EXPOSURE, sums.exposure_eur, limits.max_exposure_eur),
        )
    for reason, amount, limit in checks:
        most = above_zero(limit)
        if most is not None and amount > most:
            yield reason
    collar = above_zero(limits.price_collar_pct)
    asked = sums.intent.limit_price
    off = None if asked is None else abs(asked - sums.price)
    if collar is not None and off is not None and off * _ALL_PCT > collar * sums.price:
        yield GateReason.PRICE_COLLAR
