"""What the gate measured against which limit, from the document it decided on. Pure; it decides nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from peak_console.domain.trading import GateReason
from peak_console.risk.book_sums import Sums, sums_of
from peak_console.risk.document import Inputs, inputs_from
from peak_console.risk.validity import is_valid
from peak_console.risk.values import EXACT

_PCT, _MINUTE_US, _SECOND_US = Decimal(100), 60_000_000, 1_000_000


@dataclass(frozen=True, slots=True)
class GateFigure:
    """One figure and its limit; both as words, with the reason that stands for exceeding it."""

    reason: GateReason
    name: str
    found: str
    limit: str


def gate_figures(inputs: Any) -> tuple[GateFigure, ...]:
    """Every figure with its limit, in the order of the gate's reasons; none where they cannot be read."""
    try:
        read = inputs_from(inputs)
        if not is_valid(read):
            return ()
        with localcontext(EXACT):
            sums = sums_of(read)
        found = tuple(_figures(read, sums))
    except (ValueError, ArithmeticError):
        return ()
    order = list(GateReason)
    return tuple(sorted(found, key=lambda one: order.index(one.reason)))


def _figures(read: Inputs, sums: Sums) -> Iterator[GateFigure]:
    limits, portfolio = read.limits, read.portfolio
    yield _figure(GateReason.MAX_ORDER_SIZE, "order size", sums.quantity, limits.max_order_size)
    yield _figure(GateReason.MAX_NOTIONAL, "order worth €", sums.notional_eur, limits.max_notional_eur)
    yield _figure(GateReason.MAX_POSITION, "position €", sums.position_eur, limits.max_position_eur)
    yield _figure(GateReason.MAX_EXPOSURE, "exposure €", sums.exposure_eur, limits.max_exposure_eur)
    yield _count(
        GateReason.MAX_OPEN_ORDERS, "open orders", len(read.working_orders) + 1, limits.max_open_orders
    )
    young = sum(read.market.now_us - one.submitted_us < _MINUTE_US for one in read.recent_orders) + 1
    yield _count(GateReason.ORDER_RATE, "orders a minute", young, limits.max_order_rate_per_min)
    yield from _ages(read)
    loss = None if portfolio.day_pnl_eur is None else max(Decimal(0), -portfolio.day_pnl_eur)
    yield _figure(GateReason.DAILY_LOSS, "loss of the day €", loss, limits.max_daily_loss_eur)
    yield _figure(GateReason.DRAWDOWN, "drawdown %", _drawdown(read), limits.max_drawdown_pct)


def _drawdown(read: Inputs) -> Decimal | None:
    equity, peak = read.portfolio.equity_eur, read.portfolio.peak_equity_eur
    return None if equity is None or not peak else (peak - equity) * _PCT / peak


def _ages(read: Inputs) -> Iterator[GateFigure]:
    quotes: Mapping[str, Any] = read.market.quotes
    quote = quotes.get(read.intent.instrument)
    if quote is not None:
        price, rate = ((read.market.now_us - at) // _SECOND_US for at in (quote.at_us, quote.eur_at_us))
        yield _count(GateReason.STALE_DATA, "age of price s", price, read.limits.max_price_age_s)
        yield _count(GateReason.STALE_DATA, "age of EUR rate s", rate, read.limits.max_rate_age_s)


def _count(reason: GateReason, name: str, found: int | None, limit: int | None) -> GateFigure:
    return GateFigure(
        reason, name, "—" if found is None else f"{found:,}", "none set" if limit is None else f"{limit:,}"
    )


def _figure(reason: GateReason, name: str, found: Decimal | None, limit: Decimal | None) -> GateFigure:
    return GateFigure(reason, name, _words(found) or "—", _words(limit) or "none set")


def _words(amount: Decimal | None) -> str:
    """To the cent; a number beyond all measure as it is."""
    if amount is None:
        return ""
    if amount.is_finite() and abs(amount) < Decimal(10) ** 15:
        return f"{amount.quantize(Decimal('0.01'), ROUND_HALF_UP):,}"
    return f"{amount:.6E}" if amount.is_finite() else str(amount)
