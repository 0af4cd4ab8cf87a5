"""Promises of the gate over inputs that nobody thought of."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from risk.gate_cases import BASE, NOW, SECOND, document

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
from peak_console.risk.document import Inputs, inputs_from, number_text
from peak_console.risk.gate import decide, missing_limits
from peak_console.risk.recorded import decided_body, disagreement

AMOUNTS = ("max_order_size", "max_notional_eur", "max_position_eur", "max_exposure_eur")
PARTS = (*AMOUNTS, "price_collar_pct", "max_daily_loss_eur", "max_drawdown_pct")
COUNTS = ("max_open_orders", "max_order_rate_per_min", "max_orders_per_session")
AGES = ("max_price_age_s", "max_rate_age_s")
NAMES = ("EUR/USD", "XAU/USD", "BTC/EUR")


def decimals(least: str, most: str, places: int = 6) -> st.SearchStrategy[Decimal]:
    """Decimals in bounds, the bounds themselves among them."""
    low, high = (int(Decimal(one).scaleb(places)) for one in (least, most))
    return st.integers(low, high).map(lambda number: Decimal(number).scaleb(-places))


far_apart = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(1, 10**12),
    st.integers(-18, 2),
)
above_zero = st.one_of(decimals("0.01", "20000", 2), far_apart)
sides = st.sampled_from(Side)


@st.composite
def orders(draw: st.DrawFn) -> OrderIntent:
    """Order intents that make sense."""
    kind = draw(st.sampled_from(OrderType))
    price = draw(decimals("0.5", "2", 3)) if kind is OrderType.LIMIT else None
    name, venue = draw(st.sampled_from(NAMES)), draw(st.sampled_from(["none", "paper", "live"]))
    ids = draw(st.sampled_from(["idea-1", "idea-2"]))
    return OrderIntent(
        ids, "run-1", name, draw(sides), draw(above_zero), kind, price, "v", venue, draw(st.booleans())
    )


@st.composite
def sensible(draw: st.DrawFn) -> Inputs:
    """Inputs that make sense; many of them in bounds."""
    held = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=3))
    ages = st.integers(-2, 100).map(lambda age: NOW - age * SECOND)
    fresh = st.integers(0, 50).map(lambda age: NOW - age * SECOND)
    at = draw(st.sampled_from([ages, fresh, fresh]))
    quotes = {
        name: Quote(name, draw(decimals("0.5", "2", 3)), draw(at), draw(decimals("0.5", "1.5", 2)), draw(at))
        for name in NAMES
    }
    ids = st.sampled_from(["other-1", "other-2", "other-3", "idea-2"])
    dear = st.one_of(st.none(), decimals("0.5", "3", 2))
    working = st.builds(WorkingOrder, ids, st.sampled_from(NAMES), sides, decimals("0.01", "5000", 2), dear)
    signed = decimals("-9000", "9000", 2)
    count, amount = st.integers(1, 8), st.one_of(decimals("1", "30000", 2), st.just(Decimal(30_000)))
    return Inputs(
        draw(orders()),
        Portfolio(
            tuple(Position(name, draw(signed), Decimal(1)) for name in held),
            draw(decimals("90000", "100000", 2)),
            Decimal(100_000),
            draw(decimals("-900", "900", 2)),
        ),
        tuple(draw(st.lists(working, max_size=4))),
        tuple(draw(st.lists(st.builds(RecentOrder, ids, ages), max_size=5))),
        GateLimits(
            **{name: draw(amount) for name in AMOUNTS},
            **{name: draw(count) for name in COUNTS},
            price_collar_pct=draw(decimals("1", "60", 1)),
            **{name: draw(st.sampled_from([10, 50, 60])) for name in AGES},
            max_daily_loss_eur=draw(decimals("1", "1000", 2)),
            max_drawdown_pct=draw(decimals("1", "12", 2)),
        ),
        Market(NOW, quotes),
        draw(
            st.builds(
                GatePosture,
                *[st.sampled_from([True, True, True, False])] * 1,
                st.sampled_from([False, False, True]),
                st.booleans(),
                *[st.sampled_from([True, True, True, False])] * 2,
            )
        ),
    )


def oracle(inputs: Inputs) -> set[GateReason]:  # noqa: C901, PLR0915 - a line or two a reason
    """The reasons of sensible inputs, by another hand: in fractions, side by side."""
    intent, limits, posture = inputs.intent, inputs.limits, inputs.posture
    quotes, held = inputs.market.quotes, {one.instrument: one.quantity for one in inputs.portfolio.positions}
    found: set[GateReason] = set()

    def block(reason: GateReason, *conditions: bool) -> None:
        if any(conditions):
            found.add(reason)

    def sign(order: Any) -> Fraction:
        return Fraction(order.quantity) * (1 if order.side is Side.BUY else -1)

    def base(name: str) -> Fraction:
        price = Fraction(quotes[name].price)
        if name == intent.instrument and intent.limit_price is not None:
            price = max(price, Fraction(intent.limit_price))
        return price

    def worst(name: str) -> Fraction:
        """In EUR, with all of one side filled: what a limit is above the market costs that much more."""
        found = []
        for side in Side:
            size, more = Fraction(held.get(name, 0)), Fraction(0)
            for order in (*inputs.working_orders, intent):
                if order.instrument == name and order.side is side:
                    size += sign(order)
                    more += max(Fraction(0), Fraction(order.limit_price or 0) - base(name)) * abs(sign(order))
            found.append(abs(size) * base(name) + more)
        return max(found) * Fraction(quotes[name].eur_per_quote)

    def euros(name: str) -> Fraction:
        return base(name) * Fraction(quotes[name].eur_per_quote)

    before = Fraction(held.get(intent.instrument, 0))
    same = [
        one
        for one in inputs.working_orders
        if one.instrument == intent.instrument and one.side is intent.side
    ]
    after = before + sign(intent) + sum(map(sign, same))
    reduces = before != 0 and abs(after) < abs(before) and after * before >= 0 and before * sign(intent) < 0
    names = {intent.instrument, *held, *(one.instrument for one in inputs.working_orders)}
    worth = euros(intent.instrument)
    block(GateReason.MAX_ORDER_SIZE, Fraction(intent.quantity) > limits.max_order_size)
    block(GateReason.MAX_NOTIONAL, Fraction(intent.quantity) * worth > limits.max_notional_eur)
    if not reduces:
        block(GateReason.MAX_POSITION, worst(intent.instrument) > limits.max_position_eur)
        exposure = sum(map(worst, names))
        block(GateReason.MAX_EXPOSURE, exposure > limits.max_exposure_eur)
    block(GateReason.MAX_OPEN_ORDERS, len(inputs.working_orders) >= limits.max_open_orders)
    lately = [one for one in inputs.recent_orders if NOW - one.submitted_us < 60 * SECOND]
    block(
        GateReason.ORDER_RATE,
        len(lately) >= limits.max_order_rate_per_min,
        len(inputs.recent_orders) >= limits.max_orders_per_session,
    )
    ages = [(NOW - quotes[name].at_us, limits.max_price_age_s) for name in names]
    ages += [(NOW - quotes[name].eur_at_us, limits.max_rate_age_s) for name in names]
    block(GateReason.STALE_DATA, *(not 0 <= age <= most * SECOND for age, most in ages))
    if intent.limit_price is not None:
        price = Fraction(quotes[intent.instrument].price)
        off = abs(Fraction(intent.limit_price) / price - 1) * 100
        block(GateReason.PRICE_COLLAR, off > limits.price_collar_pct)
    portfolio = inputs.portfolio
    block(GateReason.DAILY_LOSS, -portfolio.day_pnl_eur >= limits.max_daily_loss_eur)
    fell = 100 - Fraction(portfolio.equity_eur) / Fraction(portfolio.peak_equity_eur) * 100
    block(GateReason.DRAWDOWN, fell >= limits.max_drawdown_pct)
    block(GateReason.KILL_SWITCH, not posture.calls)
    block(GateReason.NOT_ARMED, intent.venue_kind == "live" and not posture.armed)
    block(GateReason.REDUCE_ONLY, (posture.reduce or intent.reduce_only) and not reduces)
    ids = {one.intent_id for one in (*inputs.working_orders, *inputs.recent_orders)}
    block(GateReason.DUPLICATE, intent.intent_id in ids)
    block(GateReason.CRITIC_NOT_PASSED, not posture.critic_passed)
    block(GateReason.SOD_FAILED, not posture.sod_ok)
    return found


@settings(max_examples=50, deadline=None)
@given(sensible())
def test_the_gate_says_what_arithmetic_by_another_hand_says(inputs: Inputs) -> None:
    """Every reason that holds is told, and no other; so an ALLOW satisfies every limit."""
    assert set(decide(document(inputs)).reasons) == oracle(inputs)


garbage = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=5),
    st.decimals(),
    st.lists(st.none(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.none(), max_size=1),
    st.sampled_from([object(), float, b"", "\ud800", "x" * 300, Decimal("1E+999999"), Decimal("sNaN")]),
    st.sampled_from([Decimal("-0"), Decimal("1E-300"), Decimal("9" * 100)]),
)


@st.composite
def spoiled(draw: st.DrawFn) -> Inputs:
    """Inputs with garbage at some place."""
    inputs: Any = draw(sensible())
    for _ in range(draw(st.integers(1, 2))):
        part = draw(st.sampled_from(list(Inputs.__dataclass_fields__)))
        held = getattr(inputs, part)
        if isinstance(held, tuple):
            changed = (*held, draw(garbage))
        elif part == "market" and draw(st.booleans()) and isinstance(held, Market):
            quote = BASE.market.quotes["EUR/USD"]
            name = draw(st.sampled_from(list(Quote.__dataclass_fields__)))
            key = draw(garbage.filter(_hashes)) if draw(st.booleans()) else "EUR/USD"
            changed = replace(held, quotes={key: replace(quote, **{name: draw(garbage)})})
        elif draw(st.booleans()) or not hasattr(held, "__dataclass_fields__"):
            changed = draw(garbage)
        else:
            name = draw(st.sampled_from(list(held.__dataclass_fields__)))
            changed = replace(held, **{name: draw(garbage)})
        inputs = replace(inputs, **{part: changed})
    return inputs


def _hashes(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


@settings(max_examples=50, deadline=None)
@given(spoiled())
def test_whatever_is_handed_in_is_decided_and_stands_in_the_record(inputs: Inputs) -> None:
    """Garbage never raises: it has a document, a decision that replays byte for byte, and no ALLOW."""
    written = document(inputs)
    decision = decide(written)
    body = decided_body(written, decision)
    assert disagreement(body) is None
    again = inputs_from(written)
    assert document(again) == written or GateReason.INVALID_INPUT in decision.reasons
    assert decide(written) == decision
    if list(missing_limits(inputs.limits)):
        assert not decision.allows
    assert len(canonical(written)) < 20_000


@settings(max_examples=25, deadline=None)
@given(sensible(), st.data())
def test_a_tighter_limit_never_allows_more(inputs: Inputs, data: st.DataObject) -> None:
    """Lowering one limit keeps every reason that held."""
    name = data.draw(st.sampled_from((*PARTS, *COUNTS, *AGES)))
    held = getattr(inputs.limits, name)
    lower: Any = data.draw(
        st.integers(0, held)
        if isinstance(held, int)
        else decimals("0", str(held), 2).map(lambda one: min(one, held))
    )
    tighter = replace(inputs, limits=replace(inputs.limits, **{name: lower}))
    before, after = decide(document(inputs)), decide(document(tighter))
    assert before.allows or not after.allows
    if lower > 0:
        assert set(before.reasons) <= set(after.reasons)


@settings(max_examples=25, deadline=None)
@given(sensible(), st.data())
def test_an_older_price_never_allows_more(inputs: Inputs, data: st.DataObject) -> None:
    """A price that is not from the future only loses by age."""
    name = data.draw(st.sampled_from(NAMES))
    quote = inputs.market.quotes[name]
    if quote.at_us > NOW:
        return
    older = replace(quote, at_us=quote.at_us - data.draw(st.integers(0, 10**9)))
    quotes = {**inputs.market.quotes, name: older}
    after = decide(document(replace(inputs, market=Market(NOW, quotes))))
    assert set(decide(document(inputs)).reasons) <= set(after.reasons)


@settings(max_examples=25, deadline=None)
@given(sensible())
def test_a_document_holds_all_of_its_inputs(inputs: Inputs) -> None:
    """What is read back equals what was written, and is written as the same bytes."""
    written = document(inputs)
    again = inputs_from(written)
    assert again == inputs
    assert canonical(document(again)) == canonical(written)


@settings(max_examples=80, deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_equal_decimals_have_one_text(number: Decimal) -> None:
    """A text is exact, and does not tell how many zeros somebody wrote."""
    try:
        text = number_text(number)
    except ValueError:
        return
    assert Decimal(text) == number
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    assert number_text(Decimal((sign, (*digits, 0), exponent - 1))) == text
