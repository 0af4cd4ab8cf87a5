"""Hops folded again from their events, and what they spent, summed by who asked and when."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from peak_console.budget.limits import Spend
from peak_console.domain.clock import from_iso
from peak_console.domain.events import EventKind
from peak_console.ledger.folds.hop_money import KINDS, NOTHING, HopMoney, added, hops_of
from peak_console.ledger.headers import Header

_CHUNK: Final = 5000
_MARKS: Final = ",".join("?" * len(KINDS))
_EVENTS: Final = (
    "SELECT l.seq, '', l.ts, 0, l.kind, '', l.run_id, l.call_id, l.layer, '', l.provider, l.model_id, "
    "'', '', '', b.bytes FROM ledger l "
)
_IN_WINDOW: Final = (
    f"{_EVENTS} JOIN body b USING (seq) "
    f"WHERE l.seq > ? AND l.seq <= ? AND +l.kind IN ({_MARKS}) ORDER BY l.seq"
)
_OF_CALL: Final = (
    f"{_EVENTS} LEFT JOIN body b ON b.seq = l.seq "
    f"WHERE l.call_id = ? AND l.seq <= ? AND l.kind IN ({_MARKS}) ORDER BY l.seq"
)
_MINUTE: Final = len("YYYY-MM-DDTHH:MM")

Place = tuple[str, int]
"""A call's id, and the number of the hop."""


class Bucket(NamedTuple):
    """Calls whose counters are the same: of one run and layer, in one minute of one phase."""

    run_id: str | None
    layer: str | None
    minute: str
    phase: str
    sure: bool
    """Whether the limits that stood at the request are known."""
    own: bool
    """Whether the run had set itself limits."""


@dataclass(slots=True)
class Hops:
    """The hops of a window of events, and those that were settled in it."""

    after: int
    """The window begins after this event."""
    held: dict[Place, HopMoney] = field(default_factory=dict)
    """Open, lost, and booked at their bound."""
    spent: dict[Bucket, Spend] = field(default_factory=dict)
    vague: dict[Bucket, Spend] = field(default_factory=dict)
    """Spend of which only the most is known: bills that came while nothing was held, hops asked for twice."""
    leaked: bool = False
    """Whether a hop was asked for again while it was open."""
    strange: set[Place] = field(default_factory=set)
    """Hops that were asked for twice, and those whose story is not whole any more."""


class HopFold:
    """Folds the events of a window; ``bucket_of`` says to which bucket a request belongs."""

    def __init__(self, db: sqlite3.Connection, after: int, bucket_of: Callable[[Header], Bucket]) -> None:
        self._db, self._bucket_of = db, bucket_of
        self.hops = Hops(after)
        self._old: set[Place] = set()

    def run(self, last: int, tell: Callable[[int, int], None]) -> Hops:
        """Fold all events up to ``last``."""
        done, hops = self.hops.after, self.hops
        while done < last:
            upto = min(done + _CHUNK, last)
            for row in self._db.execute(_IN_WINDOW, (done, upto, *KINDS)):
                self._take(Header._make((*row[:-1], "")), orjson.loads(row[-1]))
            done = upto
            tell(0, 0)
        for place, hop in hops.held.items():
            self._book(hop, place)
        return hops

    def story(self, call_id: str, upto: int) -> dict[Place, HopMoney] | None:
        """The hops of a call by its events up to a place; ``None`` where some were pruned."""
        rows = self._db.execute(_OF_CALL, (call_id, upto, *KINDS)).fetchall()
        if any(row[-1] is None for row in rows):
            return None
        return hops_of((Header._make((*row[:-1], "")), orjson.loads(row[-1])) for row in rows)

    def _take(self, event: Header, body: dict[str, Any]) -> None:
        place = (event.call_id or "", body["hop"])
        held = self.hops.held
        hop = held.get(place)
        if hop is None:
            hop = held[place] = self._new(place, event)
        elif event.kind == EventKind.CALL_REQUESTED:
            self.hops.leaked |= hop.is_open
            self.hops.strange.add(place)
        hop.take(event, body)
        if not (hop.is_open or hop.lost or hop.booked) and place not in self.hops.strange:
            self._book(hop, place)
            del held[place]

    def _new(self, place: Place, event: Header) -> HopMoney:
        """A hop that is not held: new, ended before, or of before the window."""
        after = self.hops.after
        if after and event.kind != EventKind.CALL_REQUESTED and place not in self._old:
            self._old.add(place)
            story = self.story(place[0], after)
            if story is None:
                self.hops.strange.add(place)
            elif place in story:
                return story[place]
        return HopMoney(*place)

    def _book(self, hop: HopMoney, place: Place) -> None:
        into = self.hops.vague if place in self.hops.strange else self.hops.spent
        if hop.request is not None and hop.spent != NOTHING:
            _add(into, self._bucket_of(hop.request), hop.spent)
        for event, spent in hop.unheld:
            _add(self.hops.vague, self._bucket_of(event), spent)


def minute_start(minute: str) -> Any:
    """The moment at which a bucket's minute begins."""
    return from_iso(minute + ":00.000000Z")


def minute_text(ts: str) -> str:
    """The minute of a ledger time, as buckets name it."""
    return ts[:_MINUTE]


def _add(into: dict[Bucket, Spend], bucket: Bucket, spent: Spend) -> None:
    into[bucket] = added(into.get(bucket, NOTHING), spent)


def stories(fold: HopFold, places: set[Place], last: int) -> Iterator[tuple[Place, HopMoney | None]]:
    """Hops of before the window by their whole story; those that cannot be told any more are left out."""
    for call_id in {call_id for call_id, _ in places}:
        told = fold.story(call_id, last)
        if told is not None:
            yield from ((place, told.get(place)) for place in places if place[0] == call_id)
