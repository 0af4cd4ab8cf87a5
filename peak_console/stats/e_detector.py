"""A sequential test of a rate that has risen: the e-detector, in the log domain. Pure.

For a stream of 0 and 1 with a usual rate of at most p0, each bet λ keeps M ← (M + 1) · (1 + λ (x - p0)); the
evidence is the mean over five bets λ = {0.1, 0.2, 0.35, 0.5, 0.7} / p0. An alarm at evidence ≥ c comes, while
the rate is at most p0, on average no sooner than after c observations (ARL ≥ c), whatever the stream looks
like otherwise (Shin, Ramdas, Rinaldo: "E-detectors: a nonparametric framework for sequential change
detection", 2022, arXiv 2203.03532). Why: each factor is at most 1 in the mean, so M_n - n never rises in the
mean; at the alarm M ≥ c, and the mean number of observations is no less than the mean of M. The state is five
logarithms: plain floats overflow.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from peak_console.stats.binomial import upper_bound

BETS: Final = (0.1, 0.2, 0.35, 0.5, 0.7)
"""Each times 1/p0: for rises from slight to steep."""

BASELINE_ENOUGH: Final = 500
"""Observations from which a measured baseline counts as it is; below, its upper confidence bound does."""

HITS_ENOUGH: Final = 25
"""And of them hits: five per cent of the above. A rate of which fewer were seen is known too little, however
many observations there were: with none of 500 the next one alone would be an alarm."""

CONFIDENCE: Final = 0.90
"""One-sided, of the upper bound."""

_EMPTY: Final = -math.inf
_P0_LEAST: Final = 1e-6
_P0_MOST: Final = 0.99


@dataclass(frozen=True, slots=True)
class EDetector:
    """The state: a usual rate, each bet's log M, and how many were ``seen`` and ``hits`` since it began."""

    p0: float
    logs: tuple[float, ...] = (_EMPTY,) * len(BETS)
    seen: int = 0
    hits: int = 0

    @property
    def evidence(self) -> float:
        """The natural logarithm of the mean M: to be held against the logarithm of the threshold."""
        return _log_sum(self.logs) - math.log(len(BETS)) if self.seen else _EMPTY

    @property
    def shown(self) -> float:
        """:attr:`evidence` as a gauge from 0 on."""
        return max(self.evidence, 0.0)

    def after(self, *, hit: bool) -> "EDetector":
        """The state after one more observation."""
        steps = _steps(self.p0)[hit]
        logs = tuple([_log_one_more(log) + step for log, step in zip(self.logs, steps, strict=True)])
        return EDetector(self.p0, logs, self.seen + 1, self.hits + hit)

    def after_round(self, hits: int, seen: int) -> "EDetector":
        """The state after a round of observations whose order says nothing, as one step.

        The factors of a round multiply, in whatever order; so the promise counts in rounds.
        """
        if not 0 <= hits <= seen:
            raise ValueError("a round has no more hits than observations")
        if not seen:
            return self
        missed, hit = _steps(self.p0)
        logs = tuple(
            _log_one_more(log) + hits * up + (seen - hits) * down
            for log, up, down in zip(self.logs, hit, missed, strict=True)
        )
        return EDetector(self.p0, logs, self.seen + seen, self.hits + hits)

    def restarted(self) -> "EDetector":
        """From no evidence on, against the same rate: after an alarm."""
        return EDetector(self.p0)


def detector(p0: float) -> EDetector:
    """A new one against a usual rate; a rate of 0 or 1 is taken as nearly that."""
    return EDetector(min(max(p0, _P0_LEAST), _P0_MOST))


def restored(p0: float, logs: Sequence[float], seen: int, hits: int) -> EDetector:
    """A state as it was kept; raises ``ValueError`` for what is none."""
    if len(logs) != len(BETS) or any(math.isnan(one) or one == math.inf for one in logs):
        raise ValueError(f"the state of a detector is {len(BETS)} logarithms")
    if not 0 < p0 < 1 or not 0 <= hits <= seen:
        raise ValueError("the state of a detector has a rate between 0 and 1, and counts")
    return EDetector(p0, tuple(logs), seen, hits)


def usual_rate(hits: int, seen: int) -> float:
    """The rate to test against, from a baseline: as measured, or its upper bound where it is little known.

    Raises ``ValueError`` for more hits than observations.
    """
    if seen >= BASELINE_ENOUGH and HITS_ENOUGH <= hits <= seen:
        return hits / seen
    return upper_bound(hits, seen, CONFIDENCE)


@lru_cache(maxsize=4096)
def _steps(p0: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The logarithm of each bet's factor for a 0 and for a 1."""
    missed, hit = (tuple(math.log1p(bet / p0 * (x - p0)) for bet in BETS) for x in (0.0, 1.0))
    return missed, hit


def _log_one_more(log: float) -> float:
    """log(M + 1) of log M."""
    return log + math.log1p(math.exp(-log)) if log > 0 else math.log1p(math.exp(log))


def _log_sum(logs: Sequence[float]) -> float:
    top = max(logs)
    if top == _EMPTY:
        return _EMPTY
    return top + math.log(sum(math.exp(one - top) for one in logs))
