"""A mergeable quantile sketch with one per cent relative error.

The mathematics is DDSketch's (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with
relative-error guarantees", VLDB 2019): a value v > 0 falls into bucket ceil(log_gamma v) with
gamma = (1 + a) / (1 - a), and the bucket's middle 2 gamma^i / (gamma + 1) is within a of every value in it.
Values below 1e-12 count as zero. Nothing is collapsed: 64-bit values need at most 2,200 buckets.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from struct import Struct
from typing import Final, Self

RELATIVE_ERROR: Final = 0.01

_GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_PER_LOG = 1 / math.log(_GAMMA)
_MIDDLE = 2 / (_GAMMA + 1)
_SMALLEST = 1e-12
_LARGEST = 1e300
_FORM = 1
_HEAD = Struct("<BBBQhH")
"""Form, bytes per gap, bytes per count, zeros, first bucket, number of buckets."""
_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}


class SketchInvalid(ValueError):
    """Bytes that are no sketch, or a value that has no place in one."""


class QuantileSketch:
    """Counts of values in logarithmic buckets; quantiles within 1 % of the exact ones."""

    __slots__ = ("_buckets", "_zeros")

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self._zeros = 0

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """A sketch of ``values``."""
        sketch = cls()
        for value in values:
            sketch.add(value)
        return sketch

    def add(self, value: float, count: int = 1) -> None:
        """Count ``value`` (not negative, finite) ``count`` times; raises :class:`SketchInvalid` otherwise."""
        if not 0 <= value <= _LARGEST:
            raise SketchInvalid(f"{value!r} has no place in a sketch of values from 0 to {_LARGEST}")
        if value < _SMALLEST:
            self._zeros += count
            return
        bucket = math.ceil(math.log(value) * _PER_LOG)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + count

    def merge(self, other: "QuantileSketch") -> None:
        """Take ``other``'s values in; the result is what one sketch of all of them would be."""
        self._zeros += other._zeros  # noqa: SLF001 - one of our own kind
        mine = self._buckets
        for bucket, count in other._buckets.items():  # noqa: SLF001 - one of our own kind
            mine[bucket] = mine.get(bucket, 0) + count

    @property
    def count(self) -> int:
        """How many values were counted."""
        return self._zeros + sum(self._buckets.values())

    def quantile(self, q: float) -> float | None:
        """The value at rank floor(q (n - 1)) of the sorted values, within 1 %; ``None`` for none at all."""
        found = self.quantiles((q,))
        return found[0] if found else None

    def quantiles(self, qs: Sequence[float]) -> list[float]:
        """Several quantiles in one pass, in the order asked; empty for an empty sketch."""
        total = self.count
        if total == 0:
            return []
        wanted = sorted((_rank(q, total), place) for place, q in enumerate(qs))
        result = [0.0] * len(wanted)
        seen, value, ascending = self._zeros, 0.0, iter(sorted(self._buckets))
        for rank, place in wanted:
            while seen <= rank:
                bucket = next(ascending)
                seen += self._buckets[bucket]
                value = _MIDDLE * math.exp(bucket / _PER_LOG)
            result[place] = value
        return result

    def count_at_most(self, bounds: Sequence[float]) -> list[int]:
        """For each ascending bound, how many values are at most it (a bucket counts by its middle)."""
        ascending = sorted(self._buckets)
        result, seen, place = [], self._zeros, 0
        for bound in bounds:
            while place < len(ascending) and _MIDDLE * math.exp(ascending[place] / _PER_LOG) <= bound:
                seen += self._buckets[ascending[place]]
                place += 1
            result.append(seen)
        return result

    def to_bytes(self) -> bytes:
        """A compact form: about two bytes a bucket."""
        order = sorted(self._buckets)
        if not order:
            return _HEAD.pack(_FORM, 1, 1, self._zeros, 0, 0)
        gaps = [after - before for before, after in pairwise(order)]
        counts = [self._buckets[bucket] for bucket in order]
        gap_width, count_width = _width(max(gaps, default=0)), _width(max(counts))
        head = _HEAD.pack(_FORM, gap_width, count_width, self._zeros, order[0], len(order))
        return head + _pack(gaps, gap_width) + _pack(counts, count_width)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The inverse of :meth:`to_bytes`; raises :class:`SketchInvalid`."""
        sketch = cls()
        if len(data) < _HEAD.size:
            raise SketchInvalid("too short for a sketch")
        form, gap_width, count_width, sketch._zeros, bucket, size = _HEAD.unpack_from(data)
        if form != _FORM or gap_width not in _CODES or count_width not in _CODES:
            raise SketchInvalid("not a sketch of a known form")
        start = _HEAD.size + gap_width * max(size - 1, 0)
        if len(data) != start + count_width * size:
            raise SketchInvalid("a sketch of the wrong length")
        if size == 0:
            return sketch
        gaps = _unpack(data[_HEAD.size : start], gap_width)
        counts = _unpack(data[start:], count_width)
        sketch._buckets[bucket] = counts[0]
        for gap, count in zip(gaps, counts[1:], strict=True):
            bucket += gap
            sketch._buckets[bucket] = count
        return sketch

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, QuantileSketch):
            return NotImplemented
        return self._zeros == other._zeros and self._buckets == other._buckets

    __hash__ = None  # type: ignore[assignment]  # a sketch changes

    def __repr__(self) -> str:
        return f"<QuantileSketch of {self.count} values>"


def _rank(q: float, total: int) -> int:
    if not 0 <= q <= 1:
        raise SketchInvalid(f"{q!r} is no quantile")
    return math.floor(q * (total - 1))


def _width(largest: int) -> int:
    return next(width for width in _CODES if largest < 256**width)


def _pack(numbers: list[int], width: int) -> bytes:
    if width == 1:
        return bytes(numbers)
    return Struct(f"<{len(numbers)}{_CODES[width]}").pack(*numbers)


def _unpack(data: bytes, width: int) -> Sequence[int]:
    if width == 1:
        return data
    return Struct(f"<{len(data) // width}{_CODES[width]}").unpack(data)
