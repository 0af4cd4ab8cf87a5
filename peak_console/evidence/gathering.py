"""What the ledger holds of a run: its events, and those outside it that governed what it could do."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader

_PAGE: Final = 1000
_ENROLMENTS: Final = (EventKind.OPERATOR_ENROLLED, EventKind.OPERATOR_REMOVED)
_IN_FORCE: Final = (
    EventKind.CONTROL_ENABLED,
    EventKind.CONTROL_STOPPED,
    EventKind.PHASE_CHANGED,
    EventKind.NODE_STARTED,
)
"""Kinds whose last event before the run says how things stood when it began."""

_CHANGES: Final = (
    EventKind.CONFIG_CHANGED,
    EventKind.MATRIX_CHANGED,
    EventKind.MATRIX_ROLLED_BACK,
    EventKind.MATRIX_APPROVED,
    EventKind.PRICES_CHANGED,
    EventKind.LOCK_WRITTEN,
    EventKind.LOCK_ROLLED_BACK,
)
"""Kinds that say which configs came in force, and who put them there and why."""

_ENDS: Final = frozenset({EventKind.CALL_COMPLETED, EventKind.CALL_FAILED, EventKind.CALL_REFUSED})


class RunUnknown(PeakError):
    """The ledger has no event of the run."""

    default_code = "run_unknown"
    why = "only what the ledger knows can be sealed"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run on the ledger. Both lists are in the ledger's order, and have no event in common."""

    run_id: str
    events: tuple[LedgerEvent, ...]
    governing: tuple[LedgerEvent, ...]

    @property
    def last(self) -> int:
        """The place of the last event of both."""
        return max(one.seq for one in (*self.events, *self.governing))

    @property
    def finished(self) -> bool:
        """Whether the run ended after it last began; one that never began ends with its last call."""
        began = [one.seq for one in self.events if one.kind == EventKind.RUN_STARTED]
        ended = [one.seq for one in self.events if one.kind == EventKind.RUN_FINISHED]
        if began or ended:
            return bool(ended) and (not began or ended[-1] > began[-1])
        return not _open_hops(self.events)


def gather(reader: LedgerReader, run_id: str) -> RunRecord:
    """Everything the ledger holds of a run, without the seals of its packs; raises :class:`RunUnknown`."""
    events = tuple(one for one in _all_of(reader, run_id) if one.kind != EventKind.EVIDENCE_SEALED)
    if not events:
        raise RunUnknown(
            f"the ledger has no event of run {run_id}", remedy="see which runs there are: peak ledger tail"
        )
    governing = {one.seq: one for one in _governing(reader, events)}
    for one in events:
        governing.pop(one.seq, None)
    return RunRecord(run_id, events, tuple(governing[seq] for seq in sorted(governing)))


def _all_of(reader: LedgerReader, run_id: str) -> Iterator[LedgerEvent]:
    after = 0
    while page := reader.by_run(run_id, after, _PAGE):
        yield from page
        after = page[-1].seq


def _governing(reader: LedgerReader, events: tuple[LedgerEvent, ...]) -> Iterator[LedgerEvent]:
    first, last = events[0].seq, events[-1].seq
    yield from reader.read(0, 1)  # the genesis
    for kind in _ENROLMENTS:
        yield from _newest_first(reader, kind, last)
    node = 0
    for kind in _IN_FORCE:
        within, before = _around(_newest_first(reader, kind, last), first)
        yield from (*within, *before)
        if kind == EventKind.NODE_STARTED and before:
            node = before[0].seq
    for kind in _CHANGES:
        yield from _changes(reader, kind, node, first, last)
    yield from _prunings(reader, [one.seq for one in events if one.body is None])


def _changes(
    reader: LedgerReader, kind: EventKind, node: int, first: int, last: int
) -> Iterator[LedgerEvent]:
    """Changes of configs: of each file the last one before the run, and all within.

    What the node saw in force counts from its start on; what operators recorded, from any time.
    """
    seen: set[str] = set()
    for event in _newest_first(reader, kind, last):
        body = event.body or {}
        file = str(body.get("file") or body.get("path") or kind)
        if event.seq < node and (kind == EventKind.CONFIG_CHANGED or seen):
            return
        if event.seq > first or file not in seen:
            yield event
        if event.seq < first:
            seen.add(file)


def _prunings(reader: LedgerReader, pruned: list[int]) -> Iterator[LedgerEvent]:
    """The records of why bodies are gone: of each, the first pruning that reached it."""
    if not pruned:
        return
    records = list(_newest_first(reader, EventKind.LEDGER_PRUNED, reader.head()[0] + 1))[::-1]
    for seq in pruned:
        reached = (one for one in records if _upto(one) >= seq)
        if (found := next(reached, None)) is not None:
            yield found


def _upto(event: LedgerEvent) -> int:
    upto = (event.body or {}).get("upto_seq")
    return upto if type(upto) is int else 0


def _around(events: Iterable[LedgerEvent], first: int) -> tuple[list[LedgerEvent], list[LedgerEvent]]:
    """Events after ``first``, and the last one before it, of events that come newest first."""
    within: list[LedgerEvent] = []
    for event in events:
        if event.seq < first:
            return within, [event]
        within.append(event)
    return within, []


def _newest_first(reader: LedgerReader, kind: EventKind, before: int) -> Iterator[LedgerEvent]:
    wanted, place = EventFilter(kinds=(kind.value,)), before
    while True:
        page = reader.find(wanted, place, _PAGE)
        yield from page.events
        if page.next_before is None:
            return
        place = page.next_before


def _open_hops(events: Iterable[LedgerEvent]) -> set[tuple[str | None, object]]:
    waiting: set[tuple[str | None, object]] = set()
    for event in events:
        hop = (event.call_id, (event.body or {}).get("hop"))
        if event.kind == EventKind.CALL_REQUESTED:
            waiting.add(hop)
        elif event.kind in _ENDS:
            waiting.discard(hop)
    return waiting
