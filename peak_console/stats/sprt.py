"""Wald's sequential test between two rates: whether a model that was out of use behaves as it did. Pure.

For a stream of 0 and 1 the log-likelihood ratio of a bad rate p1 against a good rate p0 is summed until it
leaves (log b/(1 - a), log (1 - b)/a): above, it is as bad as p1; below, as good as p0 (Wald: "Sequential
tests of statistical hypotheses", 1945). a bounds the chance to hold a good one for bad, b the other.
It answers a question with two fixed rates, asked once; to watch a stream for ever is the e-detector's work.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class Side(StrEnum):
    """What the test says so far."""

    GOOD = "good"
    BAD = "bad"
    OPEN = "open"
    """More observations are needed."""


@dataclass(frozen=True, slots=True)
class Sprt:
    """The test's state. ``ratio`` is the log-likelihood ratio of bad against good."""

    good: float
    bad: float
    alpha: float = 0.05
    beta: float = 0.05
    ratio: float = 0.0
    seen: int = 0
    hits: int = 0

    def __post_init__(self) -> None:
        """Two rates in order and two chances to err; raises ``ValueError``."""
        if not 0 < self.good < self.bad < 1:
            raise ValueError("a test between two rates needs 0 < good < bad < 1")
        if not (0 < self.alpha < 1 and 0 < self.beta < 1 and self.alpha + self.beta < 1):
            raise ValueError("the chances to err lie above 0 and add up to less than 1")

    @property
    def side(self) -> Side:
        """What it says so far."""
        if self.ratio >= math.log((1 - self.beta) / self.alpha):
            return Side.BAD
        return Side.GOOD if self.ratio <= math.log(self.beta / (1 - self.alpha)) else Side.OPEN

    def after(self, *, hit: bool) -> "Sprt":
        """The state after one more observation; one that has decided stays as it is."""
        return self.after_round(int(hit), 1)

    def after_round(self, hits: int, seen: int) -> "Sprt":
        """The state after a round whose order says nothing: it decides at the round's end, not within."""
        if self.side is not Side.OPEN:
            return self
        step = hits * math.log(self.bad / self.good)
        step += (seen - hits) * math.log((1 - self.bad) / (1 - self.good))
        return replace(self, ratio=self.ratio + step, seen=self.seen + seen, hits=self.hits + hits)

    def after_all(self, observations: Iterable[bool]) -> "Sprt":
        """The state after several, in their order."""
        state = self
        for hit in observations:
            state = state.after(hit=hit)
        return state

    @property
    def least_clean(self) -> int:
        """Observations without a hit from the beginning on after which it says good."""
        return math.ceil(math.log(self.beta / (1 - self.alpha)) / math.log((1 - self.bad) / (1 - self.good)))
