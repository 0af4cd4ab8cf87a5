"""Inputs of the gate as tests vary them, and the named cases of ``golden_gate.json``.

``python tests/risk/gate_cases.py`` adds the cases that the file lacks. It changes none that it holds: what
was decided once is decided so for ever, and another answer needs another form of the gate.
"""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from peak_console.domain.canonical import canonical
from peak_console.domain.trading import (
    GateLimits,
    GatePosture,
    GateReason,
    Market,
    OrderIntent,
    OrderType,
    Portfolio,
    Position,
    Quote,
    RecentOrder,
    Side,
    WorkingOrder,
)
from peak_console.risk.document import Inputs, inputs_document
from peak_console.risk.gate import decide
from peak_console.risk.recorded import decided_body

GOLDEN = Path(__file__).with_name("golden_gate.json")
NOW = 1_764_000_000_000_000
SECOND = 1_000_000
D = Decimal
EUR_USD, GOLD = "EUR/USD", "XAU/USD"

BASE = Inputs(
    intent=OrderIntent("idea-1", "20261123_060000_abcdef", EUR_USD, Side.BUY, D(1000)),
    portfolio=Portfolio((), D(100_000), D(100_000), D(0)),
    working_orders=(),
    recent_orders=(),
    limits=GateLimits(
        max_order_size=D(10_000),
        max_notional_eur=D(10_000),
        max_position_eur=D(20_000),
        max_exposure_eur=D(30_000),
        max_open_orders=5,
        max_order_rate_per_min=3,
        max_orders_per_session=20,
        price_collar_pct=D(1),
        max_price_age_s=60,
        max_rate_age_s=3600,
        max_daily_loss_eur=D(500),
        max_drawdown_pct=D(5),
    ),
    market=Market(
        NOW,
        {
            EUR_USD: Quote(EUR_USD, D("1.25"), NOW - SECOND, D("0.8"), NOW - SECOND),
            GOLD: Quote(GOLD, D(4000), NOW - SECOND, D("0.8"), NOW - SECOND),
        },
    ),
    posture=GatePosture(calls=True, reduce=False, armed=False, critic_passed=True, sod_ok=True),
)
"""Everything in bounds: 1,000 EUR/USD at 1.25, which one EUR a unit is worth (1.25 x 0.8)."""


def document(inputs: Inputs) -> dict[str, Any]:
    """The gate's document of inputs."""
    return inputs_document(
        inputs.intent,
        inputs.portfolio,
        inputs.working_orders,
        inputs.recent_orders,
        inputs.limits,
        inputs.market,
        inputs.posture,
    )


def varied(**parts: Any) -> Inputs:
    """The base with parts changed: ``intent={"quantity": …}`` changes fields, a value replaces a part."""
    changed = {
        name: replace(getattr(BASE, name), **value) if isinstance(value, dict) else value
        for name, value in parts.items()
    }
    return replace(BASE, **changed)


def priced(instrument: str = EUR_USD, **changes: Any) -> Market:
    """The base's market with one quote changed."""
    quotes = dict(BASE.market.quotes)
    quotes[instrument] = replace(quotes[instrument], **changes)
    return replace(BASE.market, quotes=quotes)


def holding(*quantities: tuple[str, int | str]) -> dict[str, Any]:
    """A portfolio's positions."""
    return {"positions": tuple(Position(name, D(quantity), D(1)) for name, quantity in quantities)}


def working(*orders: tuple[str, Side, int | str]) -> tuple[WorkingOrder, ...]:
    """Orders that stand at a venue."""
    return tuple(
        WorkingOrder(f"working-{place}", name, side, D(quantity))
        for place, (name, side, quantity) in enumerate(orders)
    )


def recent(*ages_s: int) -> tuple[RecentOrder, ...]:
    """Orders of so many seconds ago."""
    return tuple(RecentOrder(f"recent-{place}", NOW - age * SECOND) for place, age in enumerate(ages_s))


LIMIT = OrderType.LIMIT
BUY, SELL = Side.BUY, Side.SELL
R = GateReason

CASES: dict[str, tuple[Inputs, tuple[GateReason, ...]]] = {
    "allows": (BASE, ()),
    "allows the longest names": (
        varied(
            intent={"intent_id": "i" * 100, "run_id": "r" * 100, "instrument": "X" * 40},
            market=Market(NOW, {"X" * 40: Quote("X" * 40, D(1), NOW, D(1), NOW)}),
        ),
        (),
    ),
    "allows a limit order at the collar": (
        varied(intent={"order_type": LIMIT, "limit_price": D("1.2625")}),
        (),
    ),
    "stale price": (varied(market=priced(at_us=NOW - 60 * SECOND - 1)), (R.STALE_DATA,)),
    "a price as old as it may be": (varied(market=priced(at_us=NOW - 60 * SECOND)), ()),
    "a price of this very moment": (varied(market=priced(at_us=NOW)), ()),
    "no moment": (varied(market={"now_us": 0}), (R.INVALID_INPUT,)),
    "a moment of another type": (varied(market={"now_us": "now"}), (R.INVALID_INPUT,)),
    "no prices": (varied(market={"quotes": None}), (R.INVALID_INPUT,)),
    "price from the future": (varied(market=priced(at_us=NOW + 1)), (R.STALE_DATA,)),
    "stale rate": (varied(market=priced(eur_at_us=NOW - 3600 * SECOND - 1)), (R.STALE_DATA,)),
    "a rate as old as it may be": (varied(market=priced(eur_at_us=NOW - 3600 * SECOND)), ()),
    "limit of rates absent": (varied(limits={"max_rate_age_s": None}), (R.LIMIT_MISSING,)),
    "rate from the future": (varied(market=priced(eur_at_us=NOW + 1)), (R.STALE_DATA,)),
    "stale price of what is held": (
        varied(portfolio=holding((GOLD, 1)), market=priced(GOLD, at_us=NOW - 61 * SECOND)),
        (R.STALE_DATA,),
    ),
    "stale price of what may be filled": (
        varied(working_orders=working((GOLD, BUY, 1)), market=priced(GOLD, at_us=NOW - 61 * SECOND)),
        (R.STALE_DATA,),
    ),
    "stale price of what is not needed": (varied(market=priced(GOLD, at_us=1)), ()),
    "order of the largest size": (
        varied(intent={"quantity": D(10_000)}, limits={"max_order_size": D(10_000)}),
        (),
    ),
    "order too large": (
        varied(intent={"quantity": D("1000.000000000000000001")}, limits={"max_order_size": D(1000)}),
        (R.MAX_ORDER_SIZE,),
    ),
    "order worth too much": (varied(limits={"max_notional_eur": D("999.99")}), (R.MAX_NOTIONAL,)),
    "a limit above the market is what it is worth": (
        varied(
            intent={"order_type": LIMIT, "limit_price": D("1.26")}, limits={"max_notional_eur": D("1007.99")}
        ),
        (R.MAX_NOTIONAL,),
    ),
    "a limit below the market is worth the market": (
        varied(
            intent={"order_type": LIMIT, "limit_price": D("1.24")}, limits={"max_notional_eur": D("999.99")}
        ),
        (R.MAX_NOTIONAL,),
    ),
    "position too large": (
        varied(portfolio=holding((EUR_USD, 19_001))),
        (R.MAX_POSITION,),
    ),
    "position as large as it may be": (varied(portfolio=holding((EUR_USD, 19_000))), ()),
    "position with working orders too large": (
        varied(portfolio=holding((EUR_USD, 10_000)), working_orders=working((EUR_USD, BUY, 9001))),
        (R.MAX_POSITION,),
    ),
    "working orders of the other side take nothing off": (
        varied(portfolio=holding((EUR_USD, 19_001)), working_orders=working((EUR_USD, SELL, 5000))),
        (R.MAX_POSITION,),
    ),
    "short position too large": (
        varied(intent={"side": SELL}, portfolio=holding((EUR_USD, -19_001))),
        (R.MAX_POSITION,),
    ),
    "exposure too large": (varied(portfolio=holding((GOLD, 10))), (R.MAX_EXPOSURE,)),
    "exposure as large as it may be": (varied(portfolio=holding((GOLD, "9.0625"))), ()),
    "long and short add up": (varied(portfolio=holding((GOLD, -10))), (R.MAX_EXPOSURE,)),
    "a working limit order at its price": (
        varied(working_orders=(WorkingOrder("working-0", EUR_USD, BUY, D(9000), D("2.65")),)),
        (R.MAX_POSITION,),
    ),
    "a working limit order as dear as it may be": (
        varied(working_orders=(WorkingOrder("working-0", EUR_USD, BUY, D(8000), D("2.96875")),)),
        (),
    ),
    "a working limit order below the market": (
        varied(working_orders=(WorkingOrder("working-0", EUR_USD, SELL, D(20_001), D("0.5")),)),
        (R.MAX_POSITION,),
    ),
    "working limit orders are exposure": (
        varied(working_orders=(WorkingOrder("working-0", GOLD, SELL, D(1), D(36_250) + 1),)),
        (R.MAX_EXPOSURE,),
    ),
    "working orders are exposure": (varied(working_orders=working((GOLD, SELL, 10))), (R.MAX_EXPOSURE,)),
    "each instrument has its own price": (
        varied(
            intent={"order_type": LIMIT, "limit_price": D("1.26")},
            portfolio=holding(("BTC/EUR", "0.5")),
            market=replace(
                BASE.market,
                quotes={**BASE.market.quotes, "BTC/EUR": Quote("BTC/EUR", D(60_000), NOW, D(1), NOW)},
            ),
        ),
        (R.MAX_EXPOSURE,),
    ),
    "a reducing order passes what is over position and exposure": (
        varied(intent={"side": SELL}, portfolio=holding((EUR_USD, 50_000))),
        (),
    ),
    "a reducing order that would turn the position": (
        varied(intent={"side": SELL, "quantity": D(9000)}, portfolio=holding((EUR_USD, 1000), (GOLD, 8))),
        (R.MAX_EXPOSURE,),
    ),
    "a reducing order may not be too large": (
        varied(
            intent={"side": SELL}, portfolio=holding((EUR_USD, 50_000)), limits={"max_order_size": D(999)}
        ),
        (R.MAX_ORDER_SIZE,),
    ),
    "too many open orders": (
        varied(working_orders=working(*[(EUR_USD, BUY, 1)] * 5)),
        (R.MAX_OPEN_ORDERS,),
    ),
    "as many open orders as may be": (varied(working_orders=working(*[(EUR_USD, BUY, 1)] * 4)), ()),
    "limit above the collar": (
        varied(intent={"order_type": LIMIT, "limit_price": D("1.262501")}),
        (R.PRICE_COLLAR,),
    ),
    "limit below the collar": (
        varied(intent={"order_type": LIMIT, "limit_price": D("1.237499")}),
        (R.PRICE_COLLAR,),
    ),
    "a reducing order beyond the collar": (
        varied(
            intent={"side": SELL, "order_type": LIMIT, "limit_price": D("1.2")},
            portfolio=holding((EUR_USD, 5000)),
        ),
        (R.PRICE_COLLAR,),
    ),
    "too many orders in a minute": (varied(recent_orders=recent(59, 30, 0)), (R.ORDER_RATE,)),
    "an order of a minute ago is not of this minute": (varied(recent_orders=recent(60, 30, 0)), ()),
    "an order of just under a minute ago is of this minute": (
        varied(recent_orders=(*recent(30, 0), RecentOrder("recent-9", NOW - 60 * SECOND + 1))),
        (R.ORDER_RATE,),
    ),
    "an order from the future is of this minute": (
        varied(recent_orders=recent(59, 30, -900)),
        (R.ORDER_RATE,),
    ),
    "too many orders in a session": (varied(recent_orders=recent(*range(100, 120))), (R.ORDER_RATE,)),
    "as many orders in a session as may be": (varied(recent_orders=recent(*range(100, 119))), ()),
    "loss of a day reached": (varied(portfolio={"day_pnl_eur": D(-500)}), (R.DAILY_LOSS,)),
    "loss of a day just below": (varied(portfolio={"day_pnl_eur": D("-499.99")}), ()),
    "loss of a day not known": (varied(portfolio={"day_pnl_eur": None}), (R.DAILY_LOSS,)),
    "drawdown reached": (varied(portfolio={"equity_eur": D(95_000)}), (R.DRAWDOWN,)),
    "drawdown just below": (varied(portfolio={"equity_eur": D("95000.01")}), ()),
    "equity not known": (varied(portfolio={"equity_eur": None}), (R.DRAWDOWN,)),
    "highest equity not known": (varied(portfolio={"peak_equity_eur": None}), (R.DRAWDOWN,)),
    "highest equity below equity": (varied(portfolio={"peak_equity_eur": D(99_999)}), (R.DRAWDOWN,)),
    "highest equity of nothing": (
        varied(portfolio={"equity_eur": D(0), "peak_equity_eur": D(0)}),
        (R.DRAWDOWN,),
    ),
    "no calls permitted": (varied(posture={"calls": False}), (R.KILL_SWITCH,)),
    "live and not armed": (varied(intent={"venue": "kraken", "venue_kind": "live"}), (R.NOT_ARMED,)),
    "live and armed": (
        varied(intent={"venue": "kraken", "venue_kind": "live"}, posture={"armed": True}),
        (),
    ),
    "testnet needs no arming": (varied(intent={"venue": "kraken", "venue_kind": "testnet"}), ()),
    "reduce, and flat": (varied(posture={"reduce": True}), (R.REDUCE_ONLY,)),
    "reduce, and it adds": (
        varied(posture={"reduce": True}, portfolio=holding((EUR_USD, 1000))),
        (R.REDUCE_ONLY,),
    ),
    "reduce, and it takes all": (
        varied(posture={"reduce": True}, intent={"side": SELL}, portfolio=holding((EUR_USD, 1000))),
        (),
    ),
    "reduce, and it takes more": (
        varied(
            posture={"reduce": True},
            intent={"side": SELL, "quantity": D("1000.1")},
            portfolio=holding((EUR_USD, 1000)),
        ),
        (R.REDUCE_ONLY,),
    ),
    "reduce, and another order takes some": (
        varied(
            posture={"reduce": True},
            intent={"side": SELL},
            portfolio=holding((EUR_USD, 1500)),
            working_orders=working((EUR_USD, SELL, 501)),
        ),
        (R.REDUCE_ONLY,),
    ),
    "reduce a short position": (
        varied(posture={"reduce": True}, portfolio=holding((EUR_USD, -1000))),
        (),
    ),
    "reduce a part of a short position": (
        varied(posture={"reduce": True}, portfolio=holding((EUR_USD, -5000))),
        (),
    ),
    "reduce a short position by more": (
        varied(posture={"reduce": True}, portfolio=holding((EUR_USD, -999))),
        (R.REDUCE_ONLY,),
    ),
    "reduce a short position, and another order takes some": (
        varied(
            posture={"reduce": True},
            portfolio=holding((EUR_USD, -1500)),
            working_orders=working((EUR_USD, BUY, 501)),
        ),
        (R.REDUCE_ONLY,),
    ),
    "reduce a short position, and another order leaves enough": (
        varied(
            posture={"reduce": True},
            portfolio=holding((EUR_USD, -1500)),
            working_orders=working((EUR_USD, BUY, 500), (EUR_USD, SELL, 9)),
        ),
        (),
    ),
    "its author says that it reduces": (varied(intent={"reduce_only": True}), (R.REDUCE_ONLY,)),
    "already working": (
        varied(intent={"intent_id": "working-0"}, working_orders=working((EUR_USD, BUY, 1))),
        (R.DUPLICATE,),
    ),
    "already ordered": (
        varied(intent={"intent_id": "recent-0"}, recent_orders=recent(1000)),
        (R.DUPLICATE,),
    ),
    "critic not passed": (varied(posture={"critic_passed": False}), (R.CRITIC_NOT_PASSED,)),
    "separation of duties failed": (varied(posture={"sod_ok": False}), (R.SOD_FAILED,)),
    "quantity of zero": (varied(intent={"quantity": D(0)}), (R.INVALID_INPUT,)),
    "negative quantity": (varied(intent={"quantity": D(-1)}), (R.INVALID_INPUT,)),
    "quantity that is no number": (varied(intent={"quantity": D("NaN")}), (R.INVALID_INPUT,)),
    "infinite quantity": (varied(intent={"quantity": D("Infinity")}), (R.INVALID_INPUT,)),
    "absurdly large quantity": (varied(intent={"quantity": D("1E+15")}), (R.INVALID_INPUT,)),
    "absurdly fine quantity": (varied(intent={"quantity": D("1.0000000000000000001")}), (R.INVALID_INPUT,)),
    "quantity as a float": (varied(intent={"quantity": 1.5}), (R.INVALID_INPUT,)),
    "unknown side": (varied(intent={"side": "hold"}), (R.INVALID_INPUT,)),
    "unknown type": (varied(intent={"order_type": "stop"}), (R.INVALID_INPUT,)),
    "market order with a price": (varied(intent={"limit_price": D("1.25")}), (R.INVALID_INPUT,)),
    "limit order without a price": (varied(intent={"order_type": LIMIT}), (R.INVALID_INPUT,)),
    "unknown instrument": (varied(intent={"instrument": "EUR/JPY"}), (R.INVALID_INPUT,)),
    "unknown kind of venue": (
        varied(intent={"venue": "kraken", "venue_kind": "dark"}, posture={"armed": True}),
        (R.INVALID_INPUT,),
    ),
    "a venue without a name": (varied(intent={"venue_kind": "paper"}), (R.INVALID_INPUT,)),
    "no run": (varied(intent={"run_id": ""}), (R.INVALID_INPUT,)),
    "price of zero": (varied(market=priced(price=D(0))), (R.INVALID_INPUT,)),
    "rate of zero": (varied(market=priced(eur_per_quote=D(0))), (R.INVALID_INPUT,)),
    "price under another name": (
        varied(market=replace(BASE.market, quotes={EUR_USD: BASE.market.quotes[GOLD]})),
        (R.INVALID_INPUT,),
    ),
    "no price of what is held": (varied(portfolio=holding(("EUR/JPY", 1))), (R.INVALID_INPUT,)),
    "one instrument held twice": (
        varied(portfolio=holding((EUR_USD, 1), (EUR_USD, 2))),
        (R.INVALID_INPUT,),
    ),
    "limit absent": (varied(limits={"max_notional_eur": None}), (R.LIMIT_MISSING,)),
    "limit of zero": (varied(limits={"max_open_orders": 0}), (R.LIMIT_MISSING,)),
    "negative limit": (varied(limits={"max_drawdown_pct": D(-1)}), (R.LIMIT_MISSING,)),
    "limit that is no number": (varied(limits={"max_order_size": D("NaN")}), (R.LIMIT_MISSING,)),
    "infinite limit": (varied(limits={"max_exposure_eur": D("Infinity")}), (R.LIMIT_MISSING,)),
    "limit of another type": (varied(limits={"max_price_age_s": D(60)}), (R.LIMIT_MISSING,)),
    "everything at once": (
        varied(
            intent={
                "intent_id": "working-0",
                "quantity": D(60_000),
                "order_type": LIMIT,
                "limit_price": D(2),
                "venue": "kraken",
                "venue_kind": "live",
            },
            portfolio={**holding((EUR_USD, 1)), "equity_eur": D(1), "day_pnl_eur": D(-1000)},
            working_orders=working(*[(EUR_USD, BUY, 1)] * 5),
            recent_orders=recent(*range(20)),
            limits={"max_price_age_s": None},
            market=priced(at_us=NOW + 1),
            posture=GatePosture(reduce=True),
        ),
        tuple(one for one in GateReason if one is not R.INVALID_INPUT),
    ),
}
"""By name: inputs, and every reason that they are blocked for."""


def golden_of(inputs: Inputs) -> dict[str, Any]:
    """A case as the file holds it: the document, and the bytes of what is recorded of it, without it."""
    written = document(inputs)
    body = decided_body(written, decide(written))
    return {"document": written, "decided": canonical(body | {"inputs": None}).decode()}


def _add() -> None:
    known = json.loads(GOLDEN.read_text("utf-8")) if GOLDEN.exists() else {}
    cases = {name: golden_of(inputs) for name, (inputs, _) in CASES.items()}
    lines = [f"{json.dumps(name)}: {json.dumps(case)}" for name, case in (cases | known).items()]
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


if __name__ == "__main__":
    _add()
