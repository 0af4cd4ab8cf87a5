"""The test between two rates."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.stats.sprt import Side, Sprt


@given(st.lists(st.booleans(), max_size=200))
def test_it_is_walds_ratio(stream: list[bool]) -> None:
    """The sum of the ratios, until it leaves the two bounds, and nothing after that."""
    state, ratio = Sprt(0.05, 0.20).after_all(stream), 0.0
    low, high = math.log(0.05 / 0.95), math.log(0.95 / 0.05)
    for hit in stream:
        if not low < ratio < high:
            break
        ratio += math.log(0.20 / 0.05) if hit else math.log(0.80 / 0.95)
    assert state.ratio == pytest.approx(ratio)
    assert state.side is (Side.BAD if ratio >= high else Side.GOOD if ratio <= low else Side.OPEN)


def test_it_errs_no_more_than_it_says() -> None:
    """400 streams at each rate: about 5 % or fewer are judged wrongly."""
    chance = Random(11)  # noqa: S311 - a simulation
    for rate, wrong in ((0.05, Side.BAD), (0.20, Side.GOOD)):
        errors = 0
        for _ in range(400):
            state = Sprt(0.05, 0.20)
            while state.side is Side.OPEN:
                state = state.after(hit=chance.random() < rate)
            errors += state.side is wrong
        assert errors <= 400 * 0.08


def test_it_says_how_much_is_needed_at_least() -> None:
    """So many observations without a hit say good, and one fewer does not."""
    test = Sprt(0.02, 0.10)
    assert test.after_all([False] * test.least_clean).side is Side.GOOD
    assert test.after_all([False] * (test.least_clean - 1)).side is Side.OPEN


@pytest.mark.parametrize(("good", "bad", "alpha"), [(0.2, 0.1, 0.05), (0.0, 0.1, 0.05), (0.1, 0.2, 0.99)])
def test_rates_that_are_none_are_refused(good: float, bad: float, alpha: float) -> None:
    """Two rates in order, and chances to err that leave room for an answer."""
    with pytest.raises(ValueError, match=r"rates|chances"):
        Sprt(good, bad, alpha)
