"""The quantile sketch: within one per cent, mergeable, compact; held against exact values and ddsketch."""

import math
import random

import pytest
from ddsketch import DDSketch
from hypothesis import given
from hypothesis import strategies as st

from peak_console.stats.sketch import RELATIVE_ERROR, QuantileSketch, SketchInvalid

VALUES = st.floats(1e-9, 1e15) | st.integers(0, 10**12)
QUANTILES = (0.0, 0.01, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)


def exact(values: list[float], q: float) -> float:
    """The value at rank floor(q (n - 1))."""
    return sorted(values)[math.floor(q * (len(values) - 1))]


@given(st.lists(VALUES, min_size=1, max_size=200), st.sampled_from(QUANTILES))
def test_every_quantile_is_within_one_per_cent(values: list[float], q: float) -> None:
    """Whatever the values, the quantile is within 1 % of the exact one; zero is exact."""
    estimate = QuantileSketch.of(values).quantile(q)
    truth = exact(values, q)
    assert estimate is not None
    assert abs(estimate - truth) <= truth * RELATIVE_ERROR * (1 + 1e-9)


@given(st.lists(VALUES, max_size=100), st.lists(VALUES, max_size=100))
def test_a_merge_is_the_sketch_of_all(one: list[float], other: list[float]) -> None:
    """Merging loses nothing, in either order."""
    merged, turned = QuantileSketch.of(one), QuantileSketch.of(other)
    merged.merge(QuantileSketch.of(other))
    turned.merge(QuantileSketch.of(one))
    assert merged == turned == QuantileSketch.of(one + other)


@given(st.lists(VALUES, max_size=200), st.integers(1, 10**12))
def test_bytes_read_back(values: list[float], count: int) -> None:
    """The compact form holds everything, counts of any size too."""
    sketch = QuantileSketch.of(values)
    sketch.add(17, count)
    assert QuantileSketch.from_bytes(sketch.to_bytes()) == sketch


@given(st.binary(max_size=60))
def test_foreign_bytes_are_refused_or_read_but_never_crash(data: bytes) -> None:
    """Bytes from a damaged file end in the one error."""
    try:
        sketch = QuantileSketch.from_bytes(data)
    except SketchInvalid:
        return
    assert sketch.count >= 0


def test_it_agrees_with_ddsketch_on_latencies() -> None:
    """On lognormal latencies the estimates lie within both sketches' errors of each other."""
    drawn = random.Random(7)  # noqa: S311 - a test's data
    values = [drawn.lognormvariate(13, 0.6) for _ in range(20_000)]
    ours, theirs = QuantileSketch.of(values), DDSketch(relative_accuracy=RELATIVE_ERROR)
    for value in values:
        theirs.add(value)
    for q in QUANTILES[1:-1]:
        mine, its = ours.quantile(q), theirs.get_quantile_value(q)
        assert mine is not None
        assert its is not None
        assert abs(mine - its) <= 2 * RELATIVE_ERROR * its


def test_it_is_compact() -> None:
    """A minute of two hundred calls takes little more than two bytes a bucket."""
    drawn = random.Random(1)  # noqa: S311 - a test's data
    sketch = QuantileSketch.of(drawn.lognormvariate(13, 0.6) for _ in range(200))
    assert len(sketch.to_bytes()) < 400


def test_an_empty_sketch_has_no_quantile() -> None:
    """Nothing counted is not zero."""
    sketch = QuantileSketch()
    assert sketch.quantile(0.5) is None
    assert sketch.quantiles((0.5, 0.9)) == []
    assert sketch.count == 0
    assert QuantileSketch.from_bytes(sketch.to_bytes()) == sketch


@pytest.mark.parametrize("value", [-1, -1e-9, math.nan, math.inf])
def test_negative_and_unreal_values_are_refused(value: float) -> None:
    """They have no place on a logarithmic scale."""
    with pytest.raises(SketchInvalid):
        QuantileSketch().add(value)


@pytest.mark.parametrize("q", [-0.1, 1.1, math.nan])
def test_a_quantile_lies_between_zero_and_one(q: float) -> None:
    """Anything else is a mistake of the caller."""
    with pytest.raises(SketchInvalid):
        QuantileSketch.of([1]).quantile(q)


def test_quantiles_come_in_the_order_asked() -> None:
    """One pass answers several, whatever their order."""
    sketch = QuantileSketch.of(range(1, 1001))
    high, low = sketch.quantiles((0.9, 0.1))
    assert low == sketch.quantile(0.1)
    assert high == sketch.quantile(0.9)
    assert low < high


@given(st.lists(st.integers(0, 10**9), max_size=200))
def test_counts_below_bounds_are_monotone_and_complete(values: list[int]) -> None:
    """As a histogram wants them: rising, and everything below the highest bound."""
    bounds = [0, 10, 1000, 10**5, 10**7, 2 * 10**9]
    counts = QuantileSketch.of(values).count_at_most(bounds)
    assert counts == sorted(counts)
    assert counts[-1] == len(values)
    for bound, count in zip(bounds, counts, strict=True):
        assert (
            sum(value <= bound * 0.98 for value in values)
            <= count
            <= sum(value <= bound * 1.02 for value in values)
        )


def test_its_text_says_how_much_it_holds() -> None:
    """For a debugger."""
    assert repr(QuantileSketch.of([1, 2])) == "<QuantileSketch of 2 values>"
    assert QuantileSketch() != 3
