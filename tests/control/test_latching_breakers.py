"""Breakers that latch: what trips them, what nobody knows, and that only a reset opens them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.control.breakers import (
    KINDS,
    MINUTE_US,
    ORDER,
    BreakerKind,
    BreakerSays,
    Evaluation,
    Latches,
    OrderBucket,
    TradingFigures,
    TradingLimits,
    breached,
    evaluate,
    is_latching,
    refilled,
    taken,
)
from peak_console.domain.vocabulary import PhaseLevel

LIMITS = TradingLimits(Decimal(100), Decimal(5), 60, 10)
FULL = OrderBucket(60 * ORDER, 0)
WELL = TradingFigures(Decimal(-99), Decimal(951), Decimal(1000), 10, FULL)
LIVE = PhaseLevel.LIVE


def says(
    figures: TradingFigures | None, limits: TradingLimits = LIMITS, level: PhaseLevel = LIVE
) -> list[str]:
    """What each breaker says, in its order."""
    return [one.says.value for one in evaluate(figures, limits, level, 0)]


def test_within_every_limit_all_are_clear() -> None:
    """Just inside each of them."""
    assert says(WELL) == ["clear"] * 4
    assert not breached(evaluate(WELL, LIMITS, LIVE, 0))


@pytest.mark.parametrize(
    ("place", "figures"),
    [
        (0, TradingFigures(Decimal(-100), Decimal(951), Decimal(1000), 10, FULL)),
        (1, TradingFigures(Decimal(0), Decimal(950), Decimal(1000), 10, FULL)),
        (2, TradingFigures(Decimal(0), Decimal(1000), Decimal(1000), 10, OrderBucket(ORDER - 1, 0))),
        (3, TradingFigures(Decimal(0), Decimal(1000), Decimal(1000), 11, FULL)),
    ],
)
def test_each_trips_alone_at_its_limit(place: int, figures: TradingFigures) -> None:
    """From the limit on; the others stay clear; it names figure and limit."""
    expected = ["clear"] * 4
    expected[place] = "tripped"
    assert says(figures) == expected
    (one,) = breached(evaluate(figures, LIMITS, LIVE, 0))
    assert one.why
    assert one.limit in one.why


@pytest.mark.parametrize(
    "figures",
    [None, TradingFigures(), TradingFigures(Decimal("NaN"), Decimal("NaN"), Decimal("sNaN"))],
)
def test_what_is_not_known_trips_in_live_and_is_unknown_elsewhere(figures: TradingFigures | None) -> None:
    """No data is never clear; and no trip is recorded of what nobody knows."""
    assert says(figures) == ["tripped"] * 4
    assert not breached(evaluate(figures, LIMITS, LIVE, 0))
    for level in (PhaseLevel.RESEARCH, PhaseLevel.SHADOW, PhaseLevel.TESTNET):
        assert says(figures, level=level) == ["unknown"] * 4


def test_a_limit_of_zero_or_none_blocks_in_every_phase() -> None:
    """Nothing means unlimited."""
    for level in PhaseLevel:
        assert says(WELL, TradingLimits(), level) == ["tripped"] * 4
        assert says(WELL, TradingLimits(Decimal("NaN"), Decimal("Infinity")), level)[:2] == ["tripped"] * 2


@given(st.lists(st.integers(0, 10**8), max_size=60), st.integers(1, 600))
def test_no_more_orders_pass_than_a_bucket_holds_and_gains(gaps: list[int], rate: int) -> None:
    """Over any time at most a minute's orders and what the minutes since have given."""
    bucket, now, passed = refilled(None, rate, 0), 0, 0
    for gap in gaps:
        now += gap
        bucket = refilled(bucket, rate, now)
        if bucket.millionths >= ORDER:
            bucket, passed = taken(bucket), passed + 1
    assert passed <= rate + now * rate // 60_000_000 + 1
    assert refilled(bucket, rate, now - 5).millionths <= bucket.millionths, "a clock set back adds nothing"


def trip(kind: str = "burn", scope: str = "layer:L2") -> dict[str, object]:
    """The body of a trip."""
    return {"breaker": kind, "scope": scope, "figures": {"x": 1}, "limit": "12", "reason": "r"}


def test_a_trip_latches_until_its_reset() -> None:
    """No time, no second trip and no reset of another one changes it."""
    one = Latches().after("breaker.tripped", trip(), "t1", 1)
    assert one.stopped_scopes() == {"layer:L2"}
    assert one.after("breaker.tripped", trip(), "t2", 2) == one
    for other in (trip("critic"), trip(scope="layer:L3"), {"breaker": "budget"}, {"breaker": ["burn"]}):
        assert one.after("breaker.reset", other, "t3", 3).latched() == one.latched()
    reset = one.after("breaker.reset", trip(), "t3", 3)
    assert not reset.latched()
    assert reset.stopped_scopes() == frozenset()
    again = reset.after("breaker.tripped", trip(), "t4", 4)
    assert [(item.trips, item.since) for item in again.latched()] == [(2, "t4")]


def test_one_held_in_memory_first_is_dated_by_its_event() -> None:
    """The node latches before it records."""
    held = Latches().after("breaker.tripped", trip(), "", 0)
    assert held.holds(BreakerKind.BURN, "layer:L2")
    assert held.after("breaker.tripped", trip(), "t1", 7).latched()[0].seq == 7


def test_breakers_of_orders_stop_no_calls() -> None:
    """They end arming and block orders; a layer goes on."""
    one = Latches().after("breaker.tripped", trip("daily_loss", "global"), "t", 1)
    assert one.latched()
    assert one.stopped_scopes() == frozenset()
    assert is_latching({"breaker": "daily_loss"})
    assert not is_latching({"breaker": "provider"})
    assert BreakerSays.TRIPPED.value == "tripped"


def figure_of(kind: BreakerKind, figures: TradingFigures, limits: TradingLimits, now_us: int = 0) -> str:
    """Word and figure of one breaker."""
    (one,) = [one for one in evaluate(figures, limits, LIVE, now_us) if one.kind is kind]
    return f"{one.says.value} {one.figure}"


@given(st.integers(-3, 3), st.integers(-3, 300))
def test_a_loss_trips_from_its_limit_on(limit: int, lost: int) -> None:
    """At it and far beyond it; a limit that is none always does."""
    limits, figures = TradingLimits(max_daily_loss_eur=Decimal(limit)), TradingFigures(Decimal(-lost))
    word = "tripped" if limit <= 0 or lost >= limit else "clear"
    assert figure_of(BreakerKind.DAILY_LOSS, figures, limits) == f"{word} {-lost}"


@given(st.integers(1, 5), st.integers(1, 300), st.integers(-50, 400))
def test_a_drawdown_is_a_share_of_the_peak(limit: int, peak: int, equity: int) -> None:
    """In percent, from its limit on; above the peak nothing fell."""
    limits, figures = (
        TradingLimits(max_drawdown_pct=Decimal(limit)),
        TradingFigures(None, Decimal(equity), Decimal(peak)),
    )
    fell = Decimal(max(peak - equity, 0)) * 100 / peak
    word = "tripped" if fell >= limit else "clear"
    assert figure_of(BreakerKind.DRAWDOWN, figures, limits) == f"{word} {fell}"


@pytest.mark.parametrize(
    ("equity", "peak"),
    [(None, Decimal(10)), (Decimal(1), None), (Decimal(-1), Decimal(0)), (Decimal(-9), Decimal(-1))],
)
def test_a_drawdown_of_half_the_figures_is_not_known(equity: Decimal | None, peak: Decimal | None) -> None:
    """Nor is one from a peak that is none."""
    figures = TradingFigures(Decimal(0), equity, peak, 1, FULL)
    assert figure_of(BreakerKind.DRAWDOWN, figures, LIMITS) == "tripped unknown"


@given(st.integers(-2, 3), st.integers(-2, 5))
def test_a_session_has_so_many_orders(most: int, orders: int) -> None:
    """The last one counts; fewer than none is no count."""
    word = "clear" if most > 0 and 0 <= orders <= most else "tripped"
    figures, limits = TradingFigures(session_orders=orders), TradingLimits(max_orders_per_session=most)
    assert figure_of(BreakerKind.ORDERS_PER_SESSION, figures, limits) == f"{word} {orders}"


@pytest.mark.parametrize("rate", [-1, 0, 1, 2])
def test_an_order_takes_one_from_the_bucket(rate: int) -> None:
    """One that is left suffices; a rate of none blocks, whatever is left."""
    limits = TradingLimits(max_order_rate_per_min=rate)
    figures = TradingFigures(bucket=OrderBucket(ORDER, 0))
    assert figure_of(BreakerKind.ORDER_RATE, figures, limits) == (
        "clear 1" if rate > 0 else "tripped unknown"
    )
    assert (ORDER, MINUTE_US) == (1_000_000, 60_000_000)


@given(st.integers(1, 600), st.integers(0, 10**9), st.integers(-(10**7), 2 * 10**8))
def test_a_bucket_fills_evenly(rate: int, millionths: int, passed_us: int) -> None:
    """A minute gives a minute's orders and no more is held; a clock set back gives nothing."""
    bucket = refilled(OrderBucket(millionths, 10**8), rate, 10**8 + passed_us)
    gained = max(passed_us, 0) * rate // 60
    assert bucket == OrderBucket(min(millionths + gained, rate * 1_000_000), 10**8 + passed_us)
    assert refilled(None, rate, 5) == OrderBucket(rate * 1_000_000, 5)


def test_limits_that_nobody_set_are_none() -> None:
    """Zero, which blocks."""
    assert TradingLimits() == TradingLimits(Decimal(0), Decimal(0), 0, 0)
    assert [kind.value for kind in BreakerKind if kind.value in {"burn", "critic"}] == ["burn", "critic"]


def test_a_figure_of_a_breach_may_begin_with_any_sign() -> None:
    """Whether it is known is not a matter of the alphabet."""
    (one,) = breached([Evaluation(BreakerKind.DRAWDOWN, BreakerSays.TRIPPED, "zero", "5")])
    assert one.figure == "zero"


def test_a_latch_is_shown_as_it_is() -> None:
    """What JSON shows of one that is latched, and of one that was reset; what is missing is null."""
    key = (BreakerKind.BURN, "layer:L2")
    held = Latches().after("breaker.tripped", {**trip(), "incident_id": "inc_1"}, "t1", 1)
    shown = {
        "breaker": "burn",
        "scope": "layer:L2",
        "trips": 1,
        "reason": "r",
        "figures": {"x": 1},
        "limit": "12",
    }
    (one,) = held.latched()
    assert one.key == key
    assert one.as_dict() == {
        **shown, "state": "latched", "latched": True, "since": "t1", "seq": 1, "incident_id": "inc_1",
    }  # fmt: skip
    (one,) = held.after("breaker.reset", trip(), "t2", 2).all()
    assert one.as_dict() == {
        **shown, "state": "closed", "latched": False, "since": "t2", "seq": 2, "incident_id": "inc_1",
    }  # fmt: skip
    (bare,) = Latches().after("breaker.tripped", {"breaker": "burn", "figures": [1]}, "t", 3).all()
    assert bare.as_dict() | {"figures": {}, "limit": None, "incident_id": None, "scope": ""} == bare.as_dict()
    assert not Latches().holds(*key)


def test_a_reset_of_nothing_is_nothing() -> None:
    """Nor does an event of another kind change anything."""
    assert KINDS == ("breaker.tripped", "breaker.reset")
    assert Latches().after("breaker.reset", trip(), "t", 1) == Latches()
    assert Latches().after("call.started", trip(), "t", 1) == Latches()


@pytest.mark.parametrize("limit", [0, -1, -5])
def test_a_limit_of_none_blocks_whoever_gains_or_knows_nothing(limit: int) -> None:
    """A profit is above any such limit, and in no phase is it merely unknown."""
    limits = TradingLimits(Decimal(limit), Decimal(limit), limit, limit)
    gained = TradingFigures(Decimal(9), Decimal(1), Decimal(1), 0, FULL)
    for figures in (gained, None):
        assert says(figures, limits, PhaseLevel.RESEARCH) == ["tripped"] * 4
