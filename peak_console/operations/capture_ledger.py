"""The part of the ledger that a capture takes: around the trigger, bounded, proved where a head covers it.

A ledger that cannot be read, wholly or in part, leaves a gap with its reason and nothing else.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from peak_console.config.workspace import Workspace
from peak_console.domain.clock import iso
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.evidence.capturing import Slice
from peak_console.evidence.event_lines import EventLine
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.heads.checkpoint_files import CheckpointFiles
from peak_console.ledger.heads.proving import log_key, newest_signed, prove_inclusion
from peak_console.ledger.reader import LedgerReader

BEFORE: Final = timedelta(minutes=15)
"""How far before the trigger a capture begins."""

UP_TO_TRIGGER: Final = 2000
AFTER_TRIGGER: Final = 1000
NEWEST: Final = 1000
"""How many events of each part are taken, where the time between holds more."""

HISTORY: Final = 500
"""How many events of the posture's history are taken, the newest."""

_PAGE: Final = 1000
_HISTORY: Final = tuple(
    kind.value
    for kind in EventKind
    if kind.startswith(("control.", "phase.", "breaker.", "incident.", "node.", "model.", "operator."))
)

LeaveOut = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Around:
    """The places that a slice begins from: just before it, at the trigger, and the ledger's last."""

    start: int
    trigger: int
    head: int

    def ranges(self) -> tuple[tuple[int, int], ...]:
        """The places to take, as first (excluded) and last, ascending, without overlaps. Pure."""
        if self.head - self.start <= UP_TO_TRIGGER + AFTER_TRIGGER + NEWEST:
            return ((self.start, self.head),)
        wanted = (
            (max(self.start, self.trigger - UP_TO_TRIGGER), self.trigger),
            (self.trigger, min(self.trigger + AFTER_TRIGGER, self.head)),
            (max(self.head - NEWEST, self.start), self.head),
        )
        found: list[tuple[int, int]] = []
        for after, last in wanted:
            if found and after <= found[-1][1]:
                found[-1] = (found[-1][0], max(last, found[-1][1]))
            elif last > after:
                found.append((after, last))
        return tuple(found)

    def gaps(self) -> tuple[tuple[int, int], ...]:
        """The places between that are left out, first and last. Pure."""
        edges = [(self.start, self.start), *self.ranges(), (self.head, self.head)]
        return tuple((one[1] + 1, other[0]) for one, other in pairwise(edges) if other[0] > one[1])


def slice_of(
    ws: Workspace, triggered_at: datetime, left_s: Callable[[], float], leave_out: LeaveOut
) -> Slice:
    """The ledger around ``triggered_at``. Never raises: ``leave_out`` is told what is missing, and why.

    ``left_s`` says how many seconds there are: proofs that would take longer are left out.
    """
    try:
        with LedgerReader(ws.ledger) as reader:
            return _proved(ws, reader, _taken(reader, triggered_at, leave_out), left_s, leave_out)
    except (PeakError, OSError) as error:
        leave_out("ledger", getattr(error, "message", "") or str(error))
        return Slice()


def _taken(reader: LedgerReader, triggered_at: datetime, leave_out: LeaveOut) -> Slice:
    """Events and history, none of them proved yet."""
    head = reader.head()[0]
    start = reader.last_before(iso(triggered_at - BEFORE))
    around = Around(start, max(start, reader.last_before(iso(triggered_at))), head)
    events = tuple(_sound(_between(reader, around.ranges()), leave_out))
    for first, last in around.gaps():
        leave_out(f"ledger events {first} to {last}", "bounded_slice")
    within = {one.seq for one in events}
    history = reader.find(EventFilter(kinds=_HISTORY), head + 1, HISTORY).events
    before = {one.seq: one for one in (*history, *reader.read(0, 1)) if one.seq not in within}
    if 1 in within:  # the genesis leads the governing ones, wherever it came from
        before[1] = next(one for one in events if one.seq == 1)
        events = tuple(one for one in events if one.seq != 1)
    return Slice(events, tuple(_sound((before[seq] for seq in sorted(before)), leave_out)))


def _between(reader: LedgerReader, ranges: Iterable[tuple[int, int]]) -> Iterator[LedgerEvent]:
    for after, last in ranges:
        place = after
        while place < last and (page := reader.read(place, min(_PAGE, last - place))):
            yield from (one for one in page if one.seq <= last)
            place = page[-1].seq


def _sound(events: Iterable[LedgerEvent], leave_out: LeaveOut) -> Iterator[LedgerEvent]:
    """The events that give their own hashes; the others are named."""
    for event in events:
        fault = next(EventLine(event, pruned=event.body is None).faults(), "")
        if fault:
            leave_out(f"ledger event {event.seq}", fault)
        else:
            yield event


# -- proofs


def _proved(
    ws: Workspace, reader: LedgerReader, found: Slice, left_s: Callable[[], float], leave_out: LeaveOut
) -> Slice:
    """The slice with proofs of all that the newest signed head covers; the rest is unproved."""
    try:
        return _with_proofs(ws, reader, found, left_s)
    except (PeakError, OSError) as error:
        leave_out("proofs", getattr(error, "message", "") or str(error))
        return Slice(unproved=_merged(found.governing, found.events))


def _with_proofs(ws: Workspace, reader: LedgerReader, found: Slice, left_s: Callable[[], float]) -> Slice:
    public = _public(ws)
    files, key = CheckpointFiles(ws.checkpoints), log_key(reader, public)
    newest = newest_signed(files, key)
    size = newest.checkpoint.size if newest is not None and newest.checkpoint is not None else 0
    if not size or not found.governing or found.governing[0].seq != 1:
        raise PeakError("no signed head covers any of it", code="not_checkpointed")
    covered = replace(
        found,
        events=tuple(one for one in found.events if one.seq <= size),
        governing=tuple(one for one in found.governing if one.seq <= size),
        unproved=tuple(one for one in _merged(found.governing, found.events) if one.seq > size),
    )
    seqs = [one.seq for one in _merged(covered.governing, covered.events)]
    proofs = prove_inclusion(reader, seqs, files, key, late=lambda: left_s() <= 0)
    return replace(covered, proofs=dict(zip(seqs, proofs, strict=True)))


def _public(ws: Workspace) -> bytes:
    from peak_console.operations.evidence import workspace_public  # noqa: PLC0415 - loads cryptography

    return workspace_public(ws)


def _merged(*parts: tuple[LedgerEvent, ...]) -> tuple[LedgerEvent, ...]:
    """Events of both, by place, each once."""
    found = {one.seq: one for part in parts for one in part}
    return tuple(found[seq] for seq in sorted(found))
