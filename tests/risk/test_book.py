import json
from dataclasses import replace
from decimal import ROUND_UP, Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from risk.gate_cases import BASE

from peak_console.domain.canonical import canonical
from peak_console.domain.trading import GateReason, Market, OrderIntent, Quote, RecentOrder, Side
from peak_console.risk.book import (
    DAY_US,
    Fill,
    PaperBook,
    begun,
    filled,
    from_json,
    held,
    marked,
    paper_fill,
    portfolio,
    to_json,
)
from peak_console.risk.gate import evaluate

D = Decimal
DAY = 20_000
NOON = DAY * DAY_US + DAY_US // 2
EUR_USD = "EUR/USD"


def market(price: str = "1.25", now_us: int = NOON, rate: str = "0.8") -> Market:
    """EUR/USD at a price."""
    return Market(now_us, {EUR_USD: Quote(EUR_USD, D(price), now_us, D(rate), now_us)})


def order(quantity: int | str, number: int = 1) -> OrderIntent:
    """A buy above zero, a sell below."""
    size = D(quantity)
    return OrderIntent(f"idea-{number}", "run-1", EUR_USD, Side.BUY if size > 0 else Side.SELL, abs(size))


def traded(book: PaperBook, quantity: int | str, price: str, fee: str = "0") -> PaperBook:
    """The book after a fill at a price."""
    fill = Fill(D(price), D(fee), D("0.8"), NOON)
    return filled(book, order(quantity, len(book.recent) + 1), fill, NOON)


def test_a_book_begins_with_its_equity() -> None:
    """Nothing is held, nothing was made, the day begins now."""
    book = begun(D(100_000), NOON)
    told = portfolio(book, market())
    assert (told.positions, told.equity_eur, told.peak_equity_eur, told.day_pnl_eur) == (
        (),
        100_000,
        100_000,
        0,
    )
    assert (book.cash_eur, book.day, held(book, EUR_USD)) == (100_000, DAY, 0)


def test_a_position_has_its_average_price_and_its_open_profit() -> None:
    """1,000 at 1.20 and 1,000 at 1.30 are 2,000 at 1.25; at 1.26 they made 20 USD, which are 16 EUR."""
    book = traded(traded(begun(D(100_000), NOON), 1000, "1.2", "0.5"), 1000, "1.3", "0.5")
    assert (held(book, EUR_USD), book.positions[0].average_price, book.fees_eur) == (2000, D("1.25"), 1)
    now = marked(book, market("1.26"))
    assert (now.equity_eur, now.cash_eur, now.day_pnl_eur, now.realised_eur) == (100_015, 99_999, 15, 0)


@pytest.mark.parametrize(
    ("sold", "left", "average", "realised"),
    [(-400, 600, "1.2", 16), (-1000, 0, None, 40), (-1500, -500, "1.25", 40)],
)
def test_what_is_closed_is_realised(sold: int, left: int, average: str | None, realised: int) -> None:
    """Against the average price; what goes beyond the position opens a new one at the price of the fill."""
    book = traded(traded(begun(D(100_000), NOON), 1000, "1.2"), sold, "1.25")
    assert (held(book, EUR_USD), book.realised_eur) == (left, realised)
    assert [str(one.average_price) for one in book.positions] == ([average] if average else [])


def test_a_new_day_begins_with_the_equity_of_the_last_mark_and_no_orders() -> None:
    """The day's profit and the session's orders begin anew; the highest equity stays."""
    book = marked(traded(begun(D(100_000), NOON), 1000, "1.2"), market("1.3"))
    assert (book.day_pnl_eur, len(book.recent), book.peak_equity_eur) == (80, 1, 100_080)
    later = marked(book, market("1.25", NOON + DAY_US))
    assert (later.day_pnl_eur, later.recent, later.day) == (-40, (), DAY + 1)
    assert later.peak_equity_eur == 100_080


def test_the_last_minutes_orders_are_still_counted_after_midnight() -> None:
    """No day's end lets through more orders a minute; history that begins again has none."""
    midnight = (DAY + 1) * DAY_US
    book = replace(
        begun(D(1000), NOON),
        recent=tuple(RecentOrder(f"idea-{us}", midnight + us) for us in (-60_000_000, -59_999_999, -1)),
    )
    assert [one.intent_id for one in marked(book, market(now_us=midnight)).recent] == [
        "idea--59999999",
        "idea--1",
    ]
    assert marked(book, market(now_us=NOON - DAY_US)).recent == ()


def test_a_position_without_a_price_makes_equity_unknown_and_the_gate_block() -> None:
    """What nobody knows is not guessed; with a price it is known again."""
    book = marked(traded(begun(D(100_000), NOON), 1000, "1.2"), Market(NOON))
    assert (book.equity_eur, book.day_pnl_eur, book.peak_equity_eur) == (None, None, 100_000)
    told = portfolio(book, Market(NOON))
    decision = evaluate(BASE.intent, told, (), (), BASE.limits, market(), BASE.posture)
    assert {GateReason.DAILY_LOSS, GateReason.DRAWDOWN} <= set(decision.reasons)
    assert marked(book, market("1.2")).equity_eur == 100_000
    overnight = marked(marked(book, Market(NOON + DAY_US)), market("1.3", NOON + DAY_US + 1))
    assert (overnight.day_pnl_eur, overnight.equity_eur) == (0, 100_080)


@pytest.mark.parametrize("price", [D("NaN"), D(0), D(-1)])
def test_a_price_that_is_none_marks_nothing(price: Decimal) -> None:
    """Equity is unknown then, and not a number."""
    book = traded(begun(D(100_000), NOON), 1000, "1.2")
    quote = replace(market().quotes[EUR_USD], price=price)
    assert marked(book, Market(NOON, {EUR_USD: quote})).equity_eur is None


def test_a_paper_fill_is_worse_than_the_market_and_costs_a_fee() -> None:
    """Slippage goes against the order, the fee is a share of what was traded, in EUR."""
    quote = market().quotes[EUR_USD]
    bought = paper_fill(order(1000), quote, fee_bps=D(2), slippage_bps=D(4))
    sold = paper_fill(order(-1000), quote, fee_bps=D(0), slippage_bps=D(4))
    assert (bought.price, bought.fee_eur) == (D("1.2505"), D("0.20008"))
    assert (sold.price, sold.fee_eur, sold.eur_per_quote) == (D("1.2495"), 0, D("0.8"))


def test_the_order_of_a_fill_is_a_recent_one() -> None:
    """So that the gate counts it, and knows it again."""
    book = traded(traded(begun(D(1000), NOON), 1, "1.2"), 1, "1.2")
    assert book.recent == (RecentOrder("idea-1", NOON), RecentOrder("idea-2", NOON))


trades = st.lists(
    st.tuples(
        st.integers(-(10**9), 10**9).filter(bool).map(lambda size: str(D(size).scaleb(-3))),
        st.integers(1000, 2000).map(lambda price: str(D(price).scaleb(-3))),
        st.integers(0, 10**6).map(lambda fee: str(D(fee).scaleb(-6))),
    ),
    max_size=8,
)


@settings(max_examples=100, deadline=None)
@given(trades, st.integers(1000, 2000))
def test_equity_is_what_was_paid_and_what_it_is_worth(made: list[Any], last: int) -> None:
    """By another hand: start, less all that was paid, plus all that is held at the last price, less fees."""
    book = begun(D(100_000), NOON)
    for one in made:
        book = traded(book, *one)
    now = marked(book, market(str(D(last).scaleb(-3))))
    paid = sum((Fraction(size) * Fraction(price) for size, price, _ in made), Fraction(0))
    total = sum((Fraction(size) for size, _, _ in made), Fraction(0))
    fees = sum((Fraction(fee) for *_, fee in made), Fraction(0))
    expected = 100_000 + Fraction(8, 10) * (total * Fraction(last, 1000) - paid) - fees
    assert now.equity_eur is not None
    assert abs(Fraction(now.equity_eur) - expected) < Fraction(1, 10_000)
    assert Fraction(held(now, EUR_USD)) == total
    assert now.peak_equity_eur is not None
    assert now.peak_equity_eur >= now.equity_eur
    assert from_json(json.loads(canonical(to_json(now)))) == now


def test_a_book_does_not_depend_on_the_callers_decimal_context() -> None:
    """The same trades make the same bytes."""
    book = traded(traded(begun(D(100_000), NOON), 3, "1.111"), 4, "1.2")
    with localcontext() as context:
        context.prec, context.rounding = 3, ROUND_UP
        again = traded(traded(begun(D(100_000), NOON), 3, "1.111"), 4, "1.2")
        assert again.cash_eur == 100_000
        assert marked(again, market()).day_pnl_eur == marked(book, market()).day_pnl_eur
    assert to_json(again) == to_json(book)


@pytest.mark.parametrize(
    "change",
    [
        {"book": 2},
        {"begun_eur": 1},
        {"begun_eur": "NaN"},
        {"begun_eur": "1e5"},
        {"begun_eur": "x"},
        {"fees_eur": None},
        {"positions": [["EUR/USD", "1"]]},
        {"positions": [["no such name!", "1", "1"]]},
        {"positions": 7},
        {"recent": [["idea-1", "x"]]},
        {"recent": [["", 1]]},
        {"day": "x"},
        {"marked_us": None},
    ],
)
def test_what_is_no_book_is_refused(change: dict[str, Any]) -> None:
    """A book is read whole or not at all."""
    book = to_json(traded(begun(D(100_000), NOON), 1, "1.2"))
    with pytest.raises(ValueError, match="book"):
        from_json(book | change)
    with pytest.raises(ValueError, match="book"):
        from_json({key: value for key, value in book.items() if key not in change})
