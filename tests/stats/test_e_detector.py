"""The sequential test of a risen rate."""

import math
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.stats.binomial import upper_bound
from peak_console.stats.e_detector import BETS, detector, restored, usual_rate


def exact(stream: list[bool], p0: Fraction) -> Fraction:
    """The mean over the bets by the formula itself, in exact fractions."""
    total = Fraction(0)
    for bet in BETS:
        factor, m = Fraction(str(bet)) / p0, Fraction(0)
        for x in stream:
            m = (m + 1) * (1 + factor * (int(x) - p0))
        total += m
    return total / len(BETS)


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(1, 60))
def test_it_is_the_formula(stream: list[bool], percent: int) -> None:
    """The log domain agrees with exact fractions."""
    p0 = Fraction(percent, 100)
    state = detector(float(p0))
    for x in stream:
        state = state.after(hit=x)
    assert state.evidence == pytest.approx(math.log(exact(stream, p0)), abs=1e-9)
    assert (state.seen, state.hits) == (len(stream), sum(stream))


def test_ten_thousand_hits_do_not_overflow() -> None:
    """Plain floats would."""
    state = detector(0.05)
    for _ in range(10_000):
        state = state.after(hit=True)
    assert math.isfinite(state.evidence)
    assert state.evidence > 10_000


def test_under_the_usual_rate_the_evidence_stays_low_and_a_rise_is_seen() -> None:
    """2,000 calls at 5 % stay under ln 40,000; 30 % after them is seen within 60 calls."""
    chance = Random(7)  # noqa: S311 - a simulation
    state = detector(0.05)
    highest = 0.0
    for _ in range(2000):
        state = state.after(hit=chance.random() < 0.05)
        highest = max(highest, state.evidence)
    assert highest < 10.6
    calls = 0
    while state.evidence < 10.6:
        state, calls = state.after(hit=chance.random() < 0.30), calls + 1
    assert calls <= 60


def test_no_sooner_than_promised_on_average() -> None:
    """ARL ≥ c, by simulation with a low c: the mean time to a false alarm is at least c."""
    chance = Random(3)  # noqa: S311 - a simulation
    threshold, times = math.log(40), []
    for _ in range(60):
        state, at = detector(0.1), 0
        while state.evidence < threshold and at < 2000:
            state, at = state.after(hit=chance.random() < 0.1), at + 1
        times.append(at)
    assert sum(times) / len(times) >= 40


def test_a_state_is_kept_and_restored() -> None:
    """Five logarithms and two counts go on as if nothing had been."""
    state = detector(0.1)
    for x in (True, False, True):
        state = state.after(hit=x)
    assert restored(state.p0, list(state.logs), state.seen, state.hits) == state
    assert state.restarted() == detector(0.1)


@pytest.mark.parametrize(
    "wrong",
    [
        (0.1, [0.0] * 4, 1, 0),
        (0.1, [math.nan] * 5, 1, 0),
        (0.0, [0.0] * 5, 1, 0),
        (0.1, [0.0] * 5, 1, 2),
        (0.1, [math.inf] * 5, 1, 1),
    ],
)
def test_what_is_no_state_is_refused(wrong: tuple[float, list[float], int, int]) -> None:
    """A state of another form is not gone on with."""
    with pytest.raises(ValueError, match="the state of a detector"):
        restored(*wrong)


def test_the_upper_bound_is_clopper_pearsons() -> None:
    """Against exact binomial sums: P(X ≤ k) at the bound is 10 %; and its closed form without hits."""
    for hits, seen in ((0, 30), (2, 100), (5, 100), (20, 200), (29, 30)):
        bound = Fraction(upper_bound(hits, seen)).limit_denominator(10**9)
        tail = sum(
            (Fraction(math.comb(seen, k)) * bound**k * (1 - bound) ** (seen - k) for k in range(hits + 1)),
            Fraction(0),
        )
        assert float(tail) == pytest.approx(0.1, abs=1e-6)
    assert upper_bound(0, 30) == pytest.approx(1 - 0.1 ** (1 / 30), abs=1e-8)
    assert upper_bound(30, 30) == 1.0
    assert upper_bound(0, 0) == 1.0


def test_a_short_baseline_counts_by_its_bound() -> None:
    """With 100 observations the bound, from 500 on the measured rate: too low an estimate cries wolf."""
    assert usual_rate(5, 100) > 0.09
    assert usual_rate(25, 500) == 0.05
    with pytest.raises(ValueError, match="no more hits"):
        upper_bound(3, 2)


@given(st.integers(0, 15), st.integers(1, 15), st.permutations([True, False, True, False]))
def test_a_round_is_one_step_in_any_order(hits: int, misses: int, order: list[bool]) -> None:
    """The factors multiply: one round equals the formula, and says nothing of an order within it."""
    state = detector(0.02)
    for x in order:
        state = state.after(hit=x)
    told, factor = state.after_round(hits, hits + misses), 0.0
    for log, bet in zip(state.logs, BETS, strict=True):
        m = math.exp(log) + 1
        factor += m * (1 + bet / 0.02 * 0.98) ** hits * (1 - bet) ** misses
    assert told.evidence == pytest.approx(math.log(factor / len(BETS)), abs=1e-9)
    assert (told.seen, told.hits) == (4 + hits + misses, 2 + hits)
    assert detector(0.02).after_round(1, 1) == detector(0.02).after(hit=True)
    assert told.after_round(0, 0) == told
