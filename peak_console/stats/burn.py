"""How fast a budget burns: its spend within a window, in multiples of the even rate. Pure.

A burn of 1.0 spends exactly the budget in its period, whatever the window (Google, *The Site Reliability
Workbook*, chapter 5, "Alerting on SLOs"; there for errors, here for money). Both windows of a pair must burn:
the long one says that it matters, the short one that it still goes on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NamedTuple

DAY_S: Final = 86_400

BUCKET_S: Final = 60
"""Spend is counted by the minute."""


class Spent(NamedTuple):
    """What a window holds: settled cost in nano-EUR, hops sent, and those of them without a known price."""

    cost: int = 0
    calls: int = 0
    unpriced: int = 0

    def plus(self, other: "Spent") -> "Spent":
        """Both together."""
        return Spent(self.cost + other.cost, self.calls + other.calls, self.unpriced + other.unpriced)

    def share(self, seconds: int) -> "Spent":
        """So many seconds' share of a minute."""
        return Spent(*(one * seconds // BUCKET_S for one in self))


@dataclass(frozen=True, slots=True)
class Pair:
    """Two windows, in seconds, that must both burn at ``factor`` times the even rate."""

    factor: Fraction
    long_s: int
    short_s: int


@dataclass(frozen=True, slots=True)
class Least:
    """What the short window must hold before a burn is told: few calls or little money is no runaway."""

    calls: int
    cost: int
    """In nano-EUR."""


class Burning(NamedTuple):
    """A pair that burns: by how much in each window, and what they hold."""

    pair: Pair
    long: Fraction
    short: Fraction
    long_spent: Spent
    short_spent: Spent


def burn_rate(spent: int, budget: int, period_s: int, window_s: int) -> Fraction:
    """``spent`` in a window, in multiples of what an even spend of ``budget`` over its period puts there.

    Raises ``ValueError`` for a budget, period or window that is not above zero.
    """
    if budget <= 0 or period_s <= 0 or window_s <= 0:
        raise ValueError("a burn rate needs a budget, a period and a window above zero")
    return Fraction(spent * period_s, budget * window_s)


class SpendWindow:
    """Spend by the minute, as far back as the longest window; at most one bucket for each minute."""

    def __init__(self, reach_s: int) -> None:
        self._reach_s = reach_s
        self._buckets: dict[int, Spent] = {}

    def add(self, at_s: int, spent: Spent) -> None:
        """Count what was settled at ``at_s`` (Unix seconds)."""
        start = at_s - at_s % BUCKET_S
        self._buckets[start] = self._buckets.get(start, Spent()).plus(spent)

    def reach(self, reach_s: int) -> None:
        """Look back so far from now on."""
        self._reach_s = reach_s

    def forget(self, now_s: int) -> None:
        """Drop what no window reaches, and what a clock set back has left in the future."""
        kept_from, kept_to = now_s - self._reach_s - BUCKET_S, now_s + BUCKET_S
        self._buckets = {at: one for at, one in self._buckets.items() if kept_from < at <= kept_to}

    def within(self, now_s: int, window_s: int) -> Spent:
        """What the last ``window_s`` hold; of the minute at the edge its share that lies within."""
        edge, total = now_s - window_s, Spent()
        for start in range(edge - edge % BUCKET_S, now_s + 1, BUCKET_S):
            spent = self._buckets.get(start)
            if spent is not None:
                inside = start + BUCKET_S - edge
                total = total.plus(spent if inside >= BUCKET_S else spent.share(inside))
        return total

    def __bool__(self) -> bool:
        return bool(self._buckets)

    @property
    def minutes(self) -> Mapping[int, Spent]:
        """The buckets by their start."""
        return self._buckets


def burning(
    window: SpendWindow, budget: int, pairs: Iterable[Pair], least: Least, now_s: int
) -> Burning | None:
    """The first pair of which both windows burn a day's ``budget``; ``None`` where too little was spent."""
    if budget <= 0:
        return None  # nothing may be spent at all: the reservation refuses every call
    for pair in pairs:
        short = window.within(now_s, pair.short_s)
        if short.calls < least.calls or short.cost < least.cost:
            continue
        fast = burn_rate(short.cost, budget, DAY_S, pair.short_s)
        if fast < pair.factor:
            continue
        long = window.within(now_s, pair.long_s)
        slow = burn_rate(long.cost, budget, DAY_S, pair.long_s)
        if slow >= pair.factor:
            return Burning(pair, slow, fast, long, short)
    return None
