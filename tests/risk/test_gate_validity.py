"""Each field of each part of the inputs, made senseless alone, blocks as invalid."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from risk.gate_cases import BASE, BUY, EUR_USD, GOLD, LIMIT, NOW, SELL, document, recent, working

from peak_console.domain.trading import GateReason, Position, Quote
from peak_console.risk.document import Inputs
from peak_console.risk.gate import decide

D = Decimal
FULL = replace(
    BASE,
    intent=replace(BASE.intent, venue="kraken", venue_kind="paper"),
    portfolio=replace(
        BASE.portfolio, positions=(Position(GOLD, D("-0.5"), D(4000)), Position(EUR_USD, D(5), D(1)))
    ),
    working_orders=(
        replace(working((EUR_USD, BUY, 2))[0], limit_price=D("1.2")),
        *working((GOLD, SELL, "0.1")),
    ),
    recent_orders=recent(100),
)
"""Every part has something in it."""

NO_AMOUNT: tuple[Any, ...] = (None, "5", 5, D("NaN"), D("-Infinity"), D("1E+15"), D("1E-19"))
NO_SIZE: tuple[Any, ...] = (*NO_AMOUNT, D(0), D(-1))
NO_UNKNOWN = tuple(one for one in NO_AMOUNT if one is not None)
"""What is no amount and not "nobody knows" either."""
NO_NAME: tuple[Any, ...] = (None, "", "a b", "x" * 101, "\u00e9", 7)
NO_INSTRUMENT: tuple[Any, ...] = (*NO_NAME, "/USD", "X" * 41, "EUR USD")
NO_MOMENT: tuple[Any, ...] = (None, 0, -1, True, "now", D(1), 2**53)
NO_FLAG: tuple[Any, ...] = (None, 0, 1, "yes")
NO_WORD: tuple[Any, ...] = (None, "", "BUY", 1)

BAD: dict[str, dict[str, tuple[Any, ...]]] = {
    "intent": {
        "intent_id": NO_NAME,
        "run_id": NO_NAME,
        "instrument": NO_INSTRUMENT,
        "side": NO_WORD,
        "quantity": NO_SIZE,
        "order_type": NO_WORD,
        "limit_price": (D("1.25"), *NO_SIZE[1:]),
        "venue": NO_NAME,
        "venue_kind": NO_WORD,
        "reduce_only": NO_FLAG,
    },
    "portfolio": {
        "positions": (None, 7, ("x",), (None,)),
        "equity_eur": NO_UNKNOWN,
        "peak_equity_eur": NO_UNKNOWN,
        "day_pnl_eur": NO_UNKNOWN,
    },
    "market": {"now_us": NO_MOMENT, "quotes": (None, 7, {EUR_USD: 7, GOLD: BASE.market.quotes[GOLD]})},
    "posture": dict.fromkeys(("calls", "reduce", "armed", "critic_passed", "sod_ok"), NO_FLAG),
}
BAD_ENTRIES: dict[str, dict[str, tuple[Any, ...]]] = {
    "positions": {"instrument": NO_INSTRUMENT, "quantity": NO_AMOUNT, "average_price": NO_SIZE},
    "working_orders": {
        "intent_id": NO_NAME,
        "instrument": NO_INSTRUMENT,
        "side": NO_WORD,
        "quantity": NO_SIZE,
        "limit_price": NO_SIZE[1:],
    },
    "recent_orders": {"intent_id": NO_NAME, "submitted_us": NO_MOMENT},
    "quotes": {
        "instrument": (*NO_INSTRUMENT, EUR_USD, "ZZZ", "A"),
        "price": NO_SIZE,
        "at_us": NO_MOMENT,
        "eur_per_quote": NO_SIZE,
        "eur_at_us": NO_MOMENT,
    },
}


def spoiled() -> Iterator[tuple[str, Inputs]]:
    """The inputs with one field senseless, one at a time."""
    for part, fields in BAD.items():
        for name, values in fields.items():
            for value in values:
                changed = replace(getattr(FULL, part), **{name: value})
                yield f"{part}.{name} {value!r:.40}", replace(FULL, **{part: changed})
    for part, fields in BAD_ENTRIES.items():
        for name, values in fields.items():
            for value in values:
                yield f"{part}.{name} {value!r:.40}", with_entry(part, {name: value})


def with_entry(part: str, change: dict[str, Any]) -> Inputs:
    """The inputs with one field of one entry of a list changed."""
    if part == "quotes":
        quotes = {**FULL.market.quotes, "AAA": Quote("AAA", D(1), NOW, D(1), NOW)}
        quotes["AAA"] = replace(quotes["AAA"], **change)
        return replace(FULL, market=replace(FULL.market, quotes=quotes))
    if part == "positions":
        first, *rest = FULL.portfolio.positions
        return replace(FULL, portfolio=replace(FULL.portfolio, positions=(replace(first, **change), *rest)))
    first, *others = getattr(FULL, part)
    return replace(FULL, **{part: (replace(first, **change), *others)})


def test_the_inputs_are_valid_before_anything_is_changed() -> None:
    """What blocks below is the one change."""
    assert decide(document(FULL)).reasons == ()
    limited = replace(FULL.intent, order_type=LIMIT, limit_price=D("1.25"))
    assert decide(document(replace(FULL, intent=limited))).reasons == ()


@pytest.mark.parametrize(("what", "inputs"), [pytest.param(*one, id=one[0]) for one in spoiled()])
def test_one_senseless_field_blocks(what: str, inputs: Inputs) -> None:
    """It is invalid, and never an ALLOW for want of a figure."""
    assert GateReason.INVALID_INPUT in decide(document(inputs)).reasons, what


@pytest.mark.parametrize("value", NO_SIZE)
def test_a_limit_order_needs_a_price(value: Any) -> None:
    """One that is a price."""
    limited = replace(FULL.intent, order_type=LIMIT, limit_price=value)
    assert GateReason.INVALID_INPUT in decide(document(replace(FULL, intent=limited))).reasons
