"""Marked events of a replay: what somebody pressed, what was denied, what failed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from peak_console.domain.clock import from_iso, iso
from peak_console.domain.events import EventKind
from peak_console.ledger.as_of.reader import AsOfReader
from peak_console.operations.views.replay_clock import ReplaySpan

STOPPED, ENABLED, DENIED, TRIPPED, NODE, CHANGED, FAILED = (
    "stopped",
    "enabled",
    "denied",
    "tripped",
    "node",
    "changed",
    "failed",
)
MARKS: Final[dict[str, str]] = {
    EventKind.CONTROL_STOPPED.value: STOPPED,
    EventKind.CONTROL_ENABLED.value: ENABLED,
    EventKind.POLICY_DENIED.value: DENIED,
    EventKind.BREAKER_TRIPPED.value: TRIPPED,
    EventKind.BUDGET_EXCEEDED.value: TRIPPED,
    EventKind.NODE_STARTED.value: NODE,
    EventKind.NODE_STOPPED.value: NODE,
    EventKind.LEDGER_RECOVERED.value: NODE,
    EventKind.CONFIG_CHANGED.value: CHANGED,
    EventKind.MATRIX_CHANGED.value: CHANGED,
    EventKind.MATRIX_ROLLED_BACK.value: CHANGED,
    EventKind.PRICES_CHANGED.value: CHANGED,
    EventKind.LOCK_WRITTEN.value: CHANGED,
    EventKind.LOCK_ROLLED_BACK.value: CHANGED,
    EventKind.PHASE_CHANGED.value: CHANGED,
    EventKind.CALL_FAILED.value: FAILED,
}
"""What each kind of event is marked as, the gravest first."""

GRAVITY: Final = (STOPPED, ENABLED, DENIED, TRIPPED, NODE, CHANGED, FAILED)


@dataclass(frozen=True, slots=True)
class MarkFound:
    """A marked event: where, when, and which."""

    seq: int
    at: datetime
    mark: str
    kind: str


def marks_along(reader: AsOfReader, span: ReplaySpan, cells: int) -> tuple[str, ...]:
    """The gravest mark in each of ``cells`` equal parts of the span; empty where there is none."""
    here = reader.seq
    width = span.seconds / max(1, cells)
    edges = [iso(span.start + timedelta(seconds=width * at)) for at in range(1, cells)]
    timeline = reader.timeline
    places = [timeline.place_at(iso(span.start - timedelta(microseconds=1)))]
    places += [timeline.place_at(edge) for edge in edges]
    places.append(timeline.place_at(iso(span.end)))
    found: list[str] = []
    try:
        for before, last in pairwise(places):
            found.append(_gravest(reader, before, last) if last > before else "")
    finally:
        reader.move(here)
    return tuple(found)


def _gravest(reader: AsOfReader, before: int, last: int) -> str:
    reader.move(last)
    kinds = [kind for kind in MARKS if reader.any_between(kind, before)]
    return min((MARKS[kind] for kind in kinds), key=GRAVITY.index, default="")


def mark_beside(reader: AsOfReader, span: ReplaySpan, at: datetime, *, forward: bool) -> MarkFound | None:
    """The first marked event after ``at``, or the last one before it; ``None`` where there is none."""
    kinds = tuple(MARKS)
    if forward:
        seq = reader.first_of(kinds, reader.timeline.place_at(iso(at)))
        event = None if seq is None else reader.anywhere(seq)
    else:
        event = reader.last_of(kinds, reader.timeline.place_at(iso(at - timedelta(microseconds=1))))
    if event is None or not span.start <= from_iso(event.ts) <= span.end:
        return None
    return MarkFound(event.seq, from_iso(event.ts), MARKS[event.kind], event.kind)
