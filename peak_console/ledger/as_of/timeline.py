"""Where in the ledger a moment lies: events stand in order of time, but for clocks that were set back.

Between two such steps the ledger is a *run* in order of time, so places are found by halves.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final

Rows = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]
"""Carries out a query."""

_WHOLE: Final = 30_000
"""So many events are looked at one by one; of more, samples, and whatever lies around the place asked for."""
_SAMPLES: Final = 1024
_AROUND: Final = 512
_TIMES_KEPT: Final = 20_000
"""Times of places that are kept: halving goes through the same ones again, and no event changes."""
_STEPS: Final = (
    "SELECT seq FROM (SELECT seq, ts, lag(ts) OVER (ORDER BY seq) AS earlier FROM ledger "
    "WHERE seq BETWEEN ? AND ?) WHERE ts < earlier ORDER BY seq"
)


class Timeline:
    """Finds places by time. Of a ledger too long to be looked at whole, small steps far away go unseen.

    What is unseen has no weight: it lies wholly before or wholly after the place asked for.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._known = 0
        self._steps: set[int] = set()
        self._near: dict[int, list[int]] = {}
        self._times: dict[int, str] = {}

    def ts(self, seq: int) -> str:
        """The time of the event at ``seq``; empty where there is none."""
        known = self._times.get(seq)
        if known is not None:
            return known
        found = self._rows("SELECT ts FROM ledger WHERE seq = ?", (seq,))
        if not found:
            return ""
        if len(self._times) >= _TIMES_KEPT:
            self._times.clear()
        self._times[seq] = found[0][0]
        return self._times[seq]

    def head(self) -> int:
        """The last place."""
        found = self._rows("SELECT seq FROM ledger ORDER BY seq DESC LIMIT 1", ())
        return found[0][0] if found else 0

    def runs(self, near: int) -> list[tuple[int, int]]:
        """First and last place of each run, ascending; exact around ``near``."""
        head = self.head()
        if head > self._known:
            self._steps |= set(self._look(max(1, self._known), head))
            self._known = head
        block = near // _AROUND
        if head > _WHOLE and block not in self._near:
            self._near[block] = self._exact(block * _AROUND - _AROUND, (block + 2) * _AROUND)
            self._steps |= set(self._near[block])
        starts = [1, *sorted(self._steps), head + 1]
        return [(first, after - 1) for first, after in pairwise(starts)]

    def place_at(self, ts: str) -> int:
        """The last event before the first one that is later than ``ts``; 0 where all are."""
        for first, last in self.runs(self._known):
            if self.ts(last) > ts:
                return self.first_from(ts, first, last, after=True) - 1
        return self.head()

    def first_from(self, ts: str, first: int, last: int, *, after: bool = False) -> int:
        """The first place of ``first`` to ``last``, a run, at or ``after`` ``ts``; ``last + 1`` for none."""
        low, high = first, last + 1
        while low < high:
            middle = (low + high) // 2
            found = self.ts(middle)
            if found > ts or (found == ts and not after):
                high = middle
            else:
                low = middle + 1
        return low

    def _look(self, first: int, last: int) -> list[int]:
        if last - first < _WHOLE:
            return self._exact(first, last)
        stride = (last - first) // _SAMPLES
        places = [*range(first, last, stride), last]
        marks = [(place, self.ts(place)) for place in places]
        return [
            step
            for (one, earlier), (other, later) in pairwise(marks)
            if later < earlier
            for step in self._exact(one, other)
        ]

    def _exact(self, first: int, last: int) -> list[int]:
        return [seq for (seq,) in self._rows(_STEPS, (first, last))]
