"""Breakers that latch: what trips them, what nobody knows, and that only a reset opens them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.control.breakers import (
    ORDER,
    BreakerKind,
    BreakerSays,
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
