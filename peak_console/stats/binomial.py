"""Counts out of so many: tails of the binomial distribution, and intervals of a rate. Pure.

Tails are sums of the distribution itself, in the log domain; nothing is approximated. The Clopper-Pearson
bounds (1934) never cover less than they say and are for gates; Wilson's interval (1927) covers about as much
as it says and is for display.
"""

import math
from collections.abc import Iterable
from statistics import NormalDist
from typing import Final

_CLOSE: Final = 1e-10
_TURNS: Final = 200


def at_most(hits: int, seen: int, rate: float) -> float:
    """P(X ≤ ``hits``) of ``seen`` draws at ``rate``."""
    if hits >= seen:
        return 1.0
    if hits < 0:
        return 0.0
    return _tail(range(hits + 1), seen, rate)


def at_least(hits: int, seen: int, rate: float) -> float:
    """P(X ≥ ``hits``) of ``seen`` draws at ``rate``; exact for small chances, too."""
    if hits <= 0:
        return 1.0
    if hits > seen:
        return 0.0
    return _tail(range(hits, seen + 1), seen, rate)


def upper_bound(hits: int, seen: int, confidence: float = 0.90) -> float:
    """The one-sided Clopper-Pearson upper bound: the rate at which P(X ≤ hits) falls to 1 - ``confidence``.

    1 where nothing was seen. Raises ``ValueError`` for more hits than observations.
    """
    _check(hits, seen)
    if hits == seen:
        return 1.0
    low, high = hits / seen, 1.0
    for _ in range(_TURNS):
        if high - low <= _CLOSE:
            break
        middle = (low + high) / 2
        if at_most(hits, seen, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def lower_bound(hits: int, seen: int, confidence: float = 0.90) -> float:
    """The one-sided Clopper-Pearson lower bound; 0 where nothing was seen.

    Raises ``ValueError`` for more hits than observations.
    """
    _check(hits, seen)
    return 1.0 - upper_bound(seen - hits, seen, confidence) if seen else 0.0


def clopper_pearson(hits: int, seen: int, confidence: float = 0.95) -> tuple[float, float]:
    """The two-sided interval: each side may err by half of 1 - ``confidence``."""
    side = 1 - (1 - confidence) / 2
    return lower_bound(hits, seen, side), upper_bound(hits, seen, side)


def wilson(hits: int, seen: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval, two-sided; all of 0 to 1 where nothing was seen."""
    _check(hits, seen)
    if not seen:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(1 - (1 - confidence) / 2)
    rate, square = hits / seen, z * z / seen
    centre = (rate + square / 2) / (1 + square)
    reach = z * math.sqrt(rate * (1 - rate) / seen + square / (4 * seen)) / (1 + square)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def _check(hits: int, seen: int) -> None:
    if not 0 <= hits <= seen:
        raise ValueError("a rate has no more hits than observations")


def _tail(counts: Iterable[int], seen: int, rate: float) -> float:
    if not 0 < rate < 1:
        sure = 0 if rate <= 0 else seen
        return float(sure in counts)
    log_hit, log_miss, all_of_them = math.log(rate), math.log1p(-rate), math.lgamma(seen + 1)
    logs = [
        all_of_them - math.lgamma(k + 1) - math.lgamma(seen - k + 1) + k * log_hit + (seen - k) * log_miss
        for k in counts
    ]
    top = max(logs)
    return min(1.0, math.exp(top) * math.fsum(math.exp(one - top) for one in logs))
