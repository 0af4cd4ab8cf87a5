from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peak_console.domain.outlook import Degree, Hypothesis, View
from peak_console.domain.trading import OrderIntent, OrderType, Quote, Side
from peak_console.risk.book import Fill, PaperBook, begun, filled
from peak_console.risk.intent import SHARE, IntentSizing, NoIntent, NoIntentReason, intent_from
from peak_console.risk.validity import is_valid_intent

D = Decimal
NOW = 1_764_000_000_000_000
QUOTE = Quote("EUR/USD", D("1.25"), NOW, D("0.8"), NOW)
SIZING = IntentSizing(risk_eur=D(100), max_notional_eur=D(50_000))


def hypothesis(view: View = View.UP, level: str | None = "1.24", **changes: Any) -> Hypothesis:
    """An idea on EUR/USD at 1.25 that is wrong at ``level``."""
    fields: dict[str, Any] = {
        "view": view,
        "conviction": Degree.HIGH,
        "thesis": "It trends.",
        "evidence_refs": ("bar 47",),
        "reference_level": "1.25",
        "invalidation_level": level,
        "horizon_h": 8,
        "no_trade_reason": "" if view is not View.NONE else "nothing to see",
    }
    return Hypothesis(**(fields | changes))


def made(idea: Hypothesis, book: PaperBook | None = None, **changes: Any) -> OrderIntent | NoIntent:
    """What comes of an idea."""
    given = {"quote": QUOTE, "intent_id": "idea-1", "run_id": "run-1"} | changes
    sizing = given.pop("sizing", SIZING)
    return intent_from(idea, book or begun(D(100_000), NOW), sizing, **given)


def holding(quantity: int) -> PaperBook:
    """A book that holds so many EUR/USD."""
    side = Side.BUY if quantity > 0 else Side.SELL
    order = OrderIntent("before", "run-0", "EUR/USD", side, abs(D(quantity)))
    return filled(begun(D(100_000), NOW), order, Fill(D("1.25"), D(0), D("0.8"), NOW), NOW)


def test_an_idea_loses_its_risk_at_its_invalidation_level() -> None:
    """100 EUR over 0.01 USD at 0.8 EUR a USD are 12,500 units, as a market order of the idea's direction."""
    assert made(hypothesis()) == OrderIntent("idea-1", "run-1", "EUR/USD", Side.BUY, D("12500.000000"))
    down = made(hypothesis(View.DOWN, "1.26"))
    assert isinstance(down, OrderIntent)
    assert (down.side, down.quantity, down.order_type, down.limit_price) == (
        Side.SELL,
        12_500,
        OrderType.MARKET,
        None,
    )


@pytest.mark.parametrize(
    ("conviction", "quantity"), [(Degree.LOW, 6250), (Degree.MEDIUM, 9375), (Degree.HIGH, 12_500)]
)
def test_whoever_is_less_sure_risks_less(conviction: Degree, quantity: int) -> None:
    """Conviction lowers what may be lost; it never raises it above the setting."""
    intent = made(hypothesis(conviction=conviction))
    assert isinstance(intent, OrderIntent)
    assert intent.quantity == quantity
    assert max(SHARE.values()) == 1


def test_a_close_level_makes_no_huge_order() -> None:
    """An intent is cut to its largest worth: 50,000 EUR are 50,000 units at one EUR each."""
    intent = made(hypothesis(level="1.2499"))
    assert isinstance(intent, OrderIntent)
    assert intent.quantity == 50_000


def test_what_is_held_counts() -> None:
    """The rest is ordered; who holds as much or more orders nothing."""
    rest = made(hypothesis(), holding(12_000))
    assert isinstance(rest, OrderIntent)
    assert (rest.quantity, rest.reduce_only) == (500, False)
    for quantity in (12_500, 20_000):
        assert made(hypothesis(), holding(quantity)) == NoIntent(NoIntentReason.ALREADY_HELD)
    assert made(hypothesis(View.DOWN, "1.26"), holding(-12_500)) == NoIntent(NoIntentReason.ALREADY_HELD)


@pytest.mark.parametrize(("view", "level", "quantity"), [(View.UP, "1.24", -300), (View.DOWN, "1.26", 300)])
def test_what_is_held_against_the_idea_is_closed_first(view: View, level: str, quantity: int) -> None:
    """All of it, by an intent that says that it only reduces."""
    intent = made(hypothesis(view, level), holding(quantity))
    assert isinstance(intent, OrderIntent)
    assert (intent.quantity, intent.reduce_only) == (300, True)


@pytest.mark.parametrize(
    ("idea", "changes", "reason"),
    [
        (hypothesis(View.NONE, None), {}, NoIntentReason.NO_VIEW),
        (hypothesis(level="1.24"), {"quote": Quote("EUR/USD", D("1.24"), NOW, D(1), NOW)}, "invalidated"),
        (
            hypothesis(View.DOWN, "1.255"),
            {"quote": Quote("EUR/USD", D("1.26"), NOW, D(1), NOW)},
            "invalidated",
        ),
        (hypothesis(reference_level="1.263"), {}, "reference_off"),
        (hypothesis(reference_level="1.245"), {}, None),
        (hypothesis(), {"quote": Quote("EUR/USD", D("NaN"), NOW, D(1), NOW)}, "no_price"),
        (hypothesis(), {"quote": Quote("EUR/USD", D("1.25"), NOW, D(0), NOW)}, "no_price"),
        (hypothesis(), {"sizing": IntentSizing(D(0), D(100))}, "too_small"),
        (hypothesis(), {"sizing": IntentSizing(D(100), D("0.0000001"))}, "too_small"),
    ],
)
def test_there_is_no_intent_and_why(idea: Hypothesis, changes: dict[str, Any], reason: str | None) -> None:
    """Each way in which nothing is to be judged has its reason; a reference a little off is no obstacle."""
    found = made(idea, **changes)
    assert (found.reason if isinstance(found, NoIntent) else None) == reason


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([View.UP, View.DOWN]),
    st.sampled_from(Degree),
    st.integers(1, 5000),
    st.integers(-50_000, 50_000).filter(bool),
    st.integers(1, 10**6),
)
def test_an_intent_is_valid_and_bounded(
    view: View, conviction: Degree, distance: int, quantity: int, risk: int
) -> None:
    """Whatever the idea: an order makes sense; what is held after it risks and is worth no more than set."""
    level = D("1.25") + (distance if view is View.DOWN else -distance) * D("0.0001")
    book, sizing = holding(quantity), IntentSizing(D(risk) / 100, D(30_000))
    intent = made(hypothesis(view, str(level), conviction=conviction), book, sizing=sizing)
    if isinstance(intent, NoIntent):
        return
    assert is_valid_intent(intent)
    signed = intent.quantity if intent.side is Side.BUY else -intent.quantity
    after = quantity + signed
    if intent.reduce_only:
        assert after == 0
        return
    assert (after > 0) == (view is View.UP)
    assert abs(Fraction(after)) * Fraction(distance, 10_000) * Fraction(8, 10) <= Fraction(risk, 100)
    assert abs(after) <= 30_000
