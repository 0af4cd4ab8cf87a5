"""Figures as they stood after an event: stored windows that nothing later counts into, and the rest folded.

A stored window holds when it ended before the first minute that a later event lies in. What lies from that
minute on is folded again from its events, by the rule of :class:`~peak_console.ledger.folds.rollups.Fold`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from peak_console.domain.clock import from_unix_us, iso
from peak_console.domain.events import EventKind
from peak_console.ledger.as_of.timeline import Rows, Timeline
from peak_console.ledger.folds.bound_spend import LOST
from peak_console.ledger.folds.figures import Figures, minute_of, window_start
from peak_console.ledger.folds.rollups import Fold
from peak_console.ledger.headers import Header

_CHUNK: Final = 2000
_IDS: Final = 400
"""Calls named in one query."""
_STORED_WIDTHS: Final = (86400, 3600, 600, 60)
_ENDS: Final = (EventKind.CALL_COMPLETED.value, EventKind.CALL_FAILED.value, EventKind.BUDGET_SETTLED.value)
_KINDS: Final = tuple(sorted(Fold.kinds))
_EVENTS: Final = (
    "SELECT l.*, b.bytes FROM ledger l LEFT JOIN body b USING (seq) "  # noqa: S608 - marks only
    f"WHERE l.seq BETWEEN ? AND ? AND +l.kind IN ({','.join('?' * len(_KINDS))}) ORDER BY l.seq"
)


class Remainder:
    """What stored windows do not tell of the first ``seq`` events: figures by minute from :attr:`edge` on."""

    def __init__(self, edge: int, minutes: "Minutes") -> None:
        self.edge = edge
        """The first minute that may hold later events, in Unix seconds."""
        self.minutes: Mapping[int, Figures] = minutes.figures
        self.pruned = minutes.pruned
        """Whether an event that was folded has no body any more: its figures are missing."""


@dataclass(slots=True)
class Minutes:
    """Figures by minute, and whether any of their events had no body any more."""

    figures: dict[int, Figures] = field(default_factory=dict)
    pruned: bool = False


class Remainders:
    """Folds remainders; the last one is kept, so that a step forward folds the step alone."""

    def __init__(self, rows: Rows, timeline: Timeline) -> None:
        self._rows, self._timeline = rows, timeline
        self._kept: tuple[int, int, int, Fold, Minutes] | None = None
        self._last: tuple[int, int, Remainder | None] = (-1, -1, None)

    def of(self, seq: int) -> Remainder | None:
        """The remainder of the first ``seq`` events; ``None`` when every stored figure holds."""
        head = self._timeline.head()
        if self._last[:2] != (seq, head):
            self._last = (seq, head, self._made(seq))
        return self._last[2]

    def _made(self, seq: int) -> Remainder | None:
        runs = self._timeline.runs(seq)
        later = [self._timeline.ts(max(first, seq + 1)) for first, last in runs if last > seq]
        if not later:
            return None
        edge = minute_of(min(later))
        since = iso(from_unix_us(edge * 1_000_000))
        ranges = []
        for first, last in runs:
            upper = min(last, seq)
            begin = self._timeline.first_from(since, first, upper) if first <= upper else upper + 1
            if begin <= upper:
                ranges.append((begin, upper))
        return Remainder(edge, self._folded(edge, ranges))

    def _folded(self, edge: int, ranges: list[tuple[int, int]]) -> Minutes:
        kept = self._kept
        if (
            len(ranges) == 1
            and kept is not None
            and kept[:2] == (edge, ranges[0][0])
            and kept[2] <= ranges[0][1]
        ):
            _, _, done, fold, minutes = kept
            fold.lost |= self._lost_before(done + 1, ranges[0][1])
            self._take(fold, minutes, done + 1, ranges[0][1])
        else:
            minutes, fold = Minutes(), Fold()
            for begin, upper in ranges:
                fold.lost = self._lost_before(begin, upper)
                self._take(fold, minutes, begin, upper)
        if len(ranges) == 1:
            self._kept = (edge, ranges[0][0], ranges[0][1], fold, minutes)
        return minutes

    def _take(self, fold: Fold, minutes: Minutes, first: int, last: int) -> None:
        ts, minute = "", -1
        for event, body in self._events(first, last):
            if event.ts != ts:
                ts, minute = event.ts, minute_of(event.ts)
            if body is None:
                minutes.pruned = True
            else:
                fold.take(minutes.figures.setdefault(minute, Figures()), event, body)

    def _events(self, first: int, last: int) -> Iterator[tuple[Header, Mapping[str, Any] | None]]:
        while first <= last:
            upper = min(last, first + _CHUNK - 1)
            for *header, data in self._rows(_EVENTS, (first, upper, *_KINDS)):
                yield Header(*header), None if data is None else orjson.loads(data)
            first = upper + 1

    def _lost_before(self, first: int, last: int) -> dict[tuple[str, int], int]:
        """What stood booked for lost hops before ``first``, of calls that go on up to ``last``."""
        marks = ",".join("?" * len(_ENDS))
        calls = {
            call_id
            for (call_id,) in self._rows(
                f"SELECT call_id FROM ledger WHERE seq BETWEEN ? AND ? AND +kind IN ({marks}) "  # noqa: S608 - marks
                "AND call_id IS NOT NULL",
                (first, last, *_ENDS),
            )
        }
        failed = {
            call_id
            for some in _parts(sorted(calls))
            for (call_id,) in self._rows(
                "SELECT call_id FROM ledger INDEXED BY ledger_call WHERE call_id IN "  # noqa: S608 - marks only
                f"({','.join('?' * len(some))}) AND seq < ? AND kind = ?",
                (*some, first, EventKind.CALL_FAILED.value),
            )
        }
        lost: dict[tuple[str, int], int] = {}
        for call_id in failed:
            fold, figures = Fold(), Figures()
            rows = self._rows(
                "SELECT l.*, b.bytes FROM ledger l JOIN body b USING (seq) "  # noqa: S608 - marks only
                f"WHERE l.call_id = ? AND l.seq < ? AND l.kind IN ({marks}) ORDER BY l.seq",
                (call_id, first, *_ENDS),
            )
            for *header, data in rows:
                fold.take(figures, Header(*header), orjson.loads(data))
            lost |= fold.lost
        return lost


def _parts(calls: list[str]) -> Iterator[list[str]]:
    return (calls[at : at + _IDS] for at in range(0, len(calls), _IDS))


def stored_pieces(width: int, edge: int) -> list[tuple[int, int, int]]:
    """Width, from and until of the stored windows that make up a window of ``width`` until ``edge``.

    The widest first; together they reach from the start of the window that holds ``edge`` up to it.
    """
    place, found = window_start(edge, width) if width else 0, []
    for one in _STORED_WIDTHS:
        until = window_start(edge, one)
        if (one < width or not width) and place < until:
            found.append((one, place, until))
            place = until
    return found


LOST_REASONS: Final = tuple(sorted(LOST))
"""Reasons with which the ledger ended a hop itself; a late answer may correct each."""
