"""Tails and intervals of counts, against SciPy and statsmodels."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest  # type: ignore[import-untyped]  # it has no types
from statsmodels.stats.proportion import proportion_confint  # type: ignore[import-untyped]  # nor has this

from peak_console.stats import binomial

Interval = Callable[[int, int, float], tuple[float, float]]
counts = st.integers(1, 400).flatmap(lambda seen: st.tuples(st.integers(0, seen), st.just(seen)))


@given(counts, st.integers(0, 100))
def test_tails_are_scipys(count: tuple[int, int], percent: int) -> None:
    """Both tails agree with SciPy's, at rates of 0 and 1 too."""
    hits, seen = count
    rate = percent / 100
    assert binomial.at_most(hits, seen, rate) == pytest.approx(binom.cdf(hits, seen, rate), abs=1e-10)
    assert binomial.at_least(hits, seen, rate) == pytest.approx(binom.sf(hits - 1, seen, rate), abs=1e-10)


def test_small_chances_keep_their_digits() -> None:
    """Ten failures of fifteen gold cases at 1 %: 1 minus the other tail would have none left."""
    told = binomial.at_least(10, 15, 0.01)
    assert told == pytest.approx(binom.sf(9, 15, 0.01), rel=1e-6)
    assert told < 1e-16


def test_outside_the_counts_tails_are_sure() -> None:
    """Nothing is fewer than none, nothing more than all."""
    assert (binomial.at_most(-1, 5, 0.5), binomial.at_most(5, 5, 0.5)) == (0.0, 1.0)
    assert (binomial.at_least(0, 5, 0.5), binomial.at_least(6, 5, 0.5)) == (1.0, 0.0)


@given(counts, st.sampled_from([0.90, 0.95, 0.99]))
def test_clopper_pearson_is_scipys(count: tuple[int, int], confidence: float) -> None:
    """The exact interval agrees with SciPy's, side by side."""
    oracle = binomtest(*count).proportion_ci(confidence, method="exact")
    assert binomial.clopper_pearson(*count, confidence) == pytest.approx((oracle.low, oracle.high), abs=1e-8)


@given(counts, st.sampled_from([0.90, 0.95, 0.99]))
def test_wilson_is_statsmodels(count: tuple[int, int], confidence: float) -> None:
    """Wilson's interval agrees with statsmodels'."""
    oracle = proportion_confint(*count, alpha=1 - confidence, method="wilson")
    assert binomial.wilson(*count, confidence) == pytest.approx(oracle, abs=1e-9)


@pytest.mark.parametrize("interval", [binomial.clopper_pearson, binomial.wilson])
def test_of_nothing_everything_is_possible(interval: Interval) -> None:
    """Without observations the interval is all there is; more hits than observations are refused."""
    assert interval(0, 0, 0.95) == (0.0, 1.0)
    with pytest.raises(ValueError, match="no more hits"):
        interval(2, 1, 0.95)


@given(counts)
def test_a_gates_bound_never_covers_too_little(count: tuple[int, int]) -> None:
    """At the upper bound so few hits have at most the chance that the confidence leaves."""
    hits, seen = count
    bound = binomial.upper_bound(hits, seen, 0.90)
    assert binomial.at_most(hits, seen, bound) <= 0.10 + 1e-9 or hits == seen
    assert binomial.lower_bound(hits, seen, 0.90) <= hits / seen <= bound
