"""Runs of shadow cycles that ended badly and left no cycle: they count among what did not go well."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from peak_console.domain.clock import iso
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.jobs import JobKind, RunState
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.shadow.words import word
from peak_console.operations.views.body_fields import mapping, time_of

LOST_KINDS: Final = (
    EventKind.JOB_STARTED,
    EventKind.JOB_FINISHED,
    EventKind.JOB_INTERRUPTED,
    EventKind.SHADOW_CYCLE_FINISHED,
)
"""The kinds of events that tell of lost cycles."""

_LOST: Final = {RunState.FAILED.value, RunState.TIMED_OUT.value}
_BEFORE: Final = timedelta(days=2)
"""A run that ends in a window began no longer before it: no timeout is longer than a day."""

_PAGE: Final = 500
_PAGES: Final = 400


@dataclass(frozen=True, slots=True)
class LostCycle:
    """A run of a shadow cycle that timed out, failed or was cut off, and that left no cycle."""

    seq: int
    """Place of the event that ended it."""
    at: datetime
    job: str
    key: str
    state: RunState


def lost_cycles(reader: LedgerReader, since: datetime) -> tuple[LostCycle, ...]:
    """Those that ended since then, ascending. Raises ``LedgerUnavailable``."""
    return lost_of(reversed([*_events(reader, since - _BEFORE)]), since)


def lost_of(events: Iterable[LedgerEvent], since: datetime) -> tuple[LostCycle, ...]:
    """Those that ended since then, of events in ascending order. Pure.

    A run that was cut off and begun again counts by its last end, and not while it runs.
    """
    kinds: dict[str, str] = {}
    lost: dict[str, LostCycle] = {}
    left: set[str] = set()
    for event in events:
        body = mapping(event.body)
        job, key = word(body.get("job"), 48), word(body.get("key"), 120)
        if event.kind == EventKind.SHADOW_CYCLE_FINISHED:
            left.add(key)
            continue
        lost.pop(key, None)
        if event.kind == EventKind.JOB_STARTED:
            kinds[key] = word(body.get("kind"))
        elif (state := _lost(event.kind, body.get("state"))) and kinds.get(key) == JobKind.SHADOW_CYCLE:
            lost[key] = LostCycle(event.seq, time_of(event), job, key, state)
    return tuple(one for one in lost.values() if one.at >= since and one.key not in left)


def _lost(kind: str, state: object) -> RunState | None:
    if kind == EventKind.JOB_INTERRUPTED:
        return RunState.INTERRUPTED
    return RunState(state) if isinstance(state, str) and state in _LOST else None


def _events(reader: LedgerReader, since: datetime) -> Iterator[LedgerEvent]:
    """The newest first."""
    wanted = EventFilter(kinds=tuple(one.value for one in LOST_KINDS), since=iso(since))
    before: int | None = None
    for _ in range(_PAGES):
        page = reader.find(wanted, before, _PAGE)
        yield from page.events
        before = page.next_before
        if before is None:
            return
