"""How fast a budget burns."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.stats.burn import DAY_S, Least, Pair, SpendWindow, Spent, burn_rate, burning

PAIRS = (
    Pair(Fraction(12), 900, 180),
    Pair(Fraction(6), 3600, 300),
    Pair(Fraction(3), 14_400, 1200),
)
LEAST = Least(calls=10, cost=50_000_000)
DAY = 14_400_000_000
"""A budget of 14.40 EUR, in nano-EUR: a cent a minute."""


@given(
    budget=st.integers(1, 10**15),
    period=st.integers(1, 31 * DAY_S),
    window=st.integers(1, 7 * DAY_S),
)
def test_a_steady_spend_burns_at_one(budget: int, period: int, window: int) -> None:
    """Whoever spends a budget evenly over its period burns at exactly 1.0, in any window and unit."""
    spent, whole = budget * window, budget * period  # an even spend, scaled to be a whole number
    assert burn_rate(spent, whole, period, window) == 1
    assert burn_rate(7 * spent, whole, period, window) == 7


@pytest.mark.parametrize("window", [180, 300, 900, 1200, 3600, 14_400, DAY_S])
def test_an_even_day_burns_at_one_in_every_window(window: int) -> None:
    """A day's budget over 86,400 s, by hand: the unit bug of dividing by seconds would show here."""
    budget = 86_400_000
    assert burn_rate(1000 * window, budget, DAY_S, window) == 1
    assert burn_rate(12 * 1000 * window, budget, DAY_S, window) == 12


@pytest.mark.parametrize("wrong", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (-1, 1, 1)])
def test_a_rate_of_nothing_is_refused(wrong: tuple[int, int, int]) -> None:
    """No budget, period or window of zero yields a number that looks like a rate."""
    with pytest.raises(ValueError, match="above zero"):
        burn_rate(5, *wrong)


def test_even_spend_never_fires_and_a_runaway_does() -> None:
    """An even spend of a whole budget stays silent; fifteen times as much is seen within 12 minutes."""
    even, fast = SpendWindow(14_400), SpendWindow(14_400)
    per_minute = DAY // 1440
    seen = None
    for minute in range(300):
        now = minute * 60
        even.add(now, Spent(per_minute, 5))
        assert burning(even, DAY, PAIRS, LEAST, now + 59) is None
        fast.add(now, Spent(15 * per_minute, 75))
        if seen is None and burning(fast, DAY, PAIRS, LEAST, now + 59):
            seen = minute + 1
    assert seen is not None
    assert seen <= 12


def test_too_few_calls_or_too_little_money_is_no_runaway() -> None:
    """One dear call, or pennies of a tiny budget, do not stop a layer."""
    one = SpendWindow(14_400)
    one.add(0, Spent(DAY // 2, 1))
    assert burning(one, DAY, PAIRS, LEAST, 10) is None
    pennies = SpendWindow(14_400)
    pennies.add(0, Spent(1_000_000, 100))
    assert burning(pennies, 2_000_000, PAIRS, LEAST, 10) is None
    assert burning(pennies, 2_000_000, PAIRS, Least(10, 0), 10) is not None


def test_it_must_still_burn() -> None:
    """A burst that is over does not fire: the short window is empty."""
    window = SpendWindow(14_400)
    window.add(0, Spent(DAY, 100))
    assert burning(window, DAY, PAIRS, LEAST, 30) is not None
    assert burning(window, DAY, PAIRS, LEAST, 60 + 1200) is None


@given(st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 1000)), max_size=60), st.integers(0, 20_000))
def test_a_window_holds_what_lies_within_and_forgets_the_rest(
    spends: list[tuple[int, int]], now: int
) -> None:
    """To the minute; forgetting what no window reaches changes no window."""
    window = SpendWindow(1200)
    for at, cost in spends:
        window.add(at, Spent(cost, 1))
    held = window.within(now, 1200)
    surely = sum(cost for at, cost in spends if now - 1200 <= at - at % 60 <= now)
    perhaps = sum(cost for at, cost in spends if now - 1260 < at - at % 60 <= now)
    assert surely <= held.cost <= perhaps
    window.forget(now)
    assert window.within(now, 1200) == held
    assert len(window.minutes) <= 1200 // 60 + 3
