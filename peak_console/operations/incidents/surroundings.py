"""What surrounds an incident in the ledger: its timeline, what it touches, the runs that were alive."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from peak_console.domain.clock import iso
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.stopping import GLOBAL
from peak_console.domain.text import one_line
from peak_console.incidents.fold import Incident
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.incidents.telling import KINDS, entry_of
from peak_console.operations.views.incidents import MOST_RUNS, TimelineEntry

BEFORE: Final = timedelta(minutes=15)
"""Runs that were alive so long before the trigger belong to it."""

JUST_BEFORE: Final = timedelta(seconds=60)
"""What happened so shortly before the trigger may be why, and is told too."""

MOST_BEFORE: Final = 20
"""How many events of that time are told."""

MOST_ENTRIES: Final = 400
"""How many events a timeline tells, the newest; its incident's opening is always among them."""

_PAGE: Final = 50
_INCIDENT: Final = "incident."
_AFTERMATH: Final = timedelta(minutes=5)
"""What happens so soon after a close belongs to it still."""


def events_around(reader: LedgerReader, one: Incident) -> list[LedgerEvent]:
    """What a timeline tells of, ascending: from just before the trigger until just after the close.

    Raises ``LedgerUnavailable``.
    """
    until = None if one.closed_at is None else iso(one.closed_at + _AFTERMATH)
    before = None if one.closed_at is None else _place_after(reader, one.closed_seq, until or "")
    found: list[LedgerEvent] = []
    while len(found) < MOST_ENTRIES:
        page = reader.find(EventFilter(kinds=KINDS), before, _PAGE)
        found += [event for event in page.events if event.seq >= one.seq and _belongs(event, one)]
        if page.next_before is None or page.next_before <= one.seq:
            break
        before = page.next_before
    found = found[:MOST_ENTRIES]
    if found and found[-1].seq != one.seq:
        opening = reader.by_seq(one.seq)
        found += [] if opening is None else [opening]
    return [*_just_before(reader, one), *found[::-1]]


def _just_before(reader: LedgerReader, one: Incident) -> list[LedgerEvent]:
    since = iso(one.opened_at - JUST_BEFORE)
    page = reader.find(EventFilter(kinds=KINDS), one.seq, MOST_BEFORE)
    return [event for event in reversed(page.events) if event.ts >= since and _belongs(event, one)]


def timeline(events: Iterable[LedgerEvent]) -> tuple[TimelineEntry, ...]:
    """Their lines by when each happened, the oldest first, whenever it was recorded."""
    return tuple(sorted(map(entry_of, events), key=lambda entry: entry.at))


def affected(events: Sequence[LedgerEvent], one: Incident, stopped: Iterable[str] = ()) -> tuple[str, ...]:
    """Scopes that the incident names, that were stopped since, and that are ``stopped`` now. Pure."""
    found = dict.fromkeys([one.scope] if one.scope else [])
    for event in events:
        body = event.body or {}
        if event.kind == EventKind.CONTROL_STOPPED:
            found[one_line(str(body.get("scope") or GLOBAL), 160)] = None
        elif event.kind == EventKind.MODEL_QUARANTINED and event.provider and event.model_id:
            found[f"model:{event.provider}:{event.model_id}"] = None
    found |= dict.fromkeys(stopped)
    return tuple(found)


def runs_alive(reader: LedgerReader, since: datetime, until: datetime | None = None) -> tuple[str, ...]:
    """Runs that were alive between ``since`` and ``until`` (now, where it is not said), the newest first.

    A run that never ended counts while it has events of that time. At most :data:`MOST_RUNS` are named.
    Raises ``LedgerUnavailable``.
    """
    end = None if until is None else iso(until)
    before = None if end is None else reader.last_before(end) + 1
    begun, ended = EventKind.RUN_STARTED.value, EventKind.RUN_FINISHED.value
    over = {one.run_id: one.ts for one in _newest(reader, ended, None)}
    if before is not None:
        over = {one.run_id: one.ts for one in _newest(reader, ended, before)} | over
    found: list[str] = []
    for event in _newest(reader, begun, before):
        run_id = event.run_id
        if run_id is None or run_id in found:
            continue
        if event.ts >= iso(since) or _alive(reader, run_id, over.get(run_id), iso(since)):
            found.append(run_id)
    return tuple(found)


def _alive(reader: LedgerReader, run_id: str, over: str | None, since: str) -> bool:
    """Whether a run that began before ``since`` was at work after it."""
    if over is not None:
        return over >= since
    last = reader.last_of_run(run_id)
    return last is not None and last.ts >= since


def _newest(reader: LedgerReader, kind: str, before: int | None) -> tuple[LedgerEvent, ...]:
    return reader.find(EventFilter(kinds=(kind,)), before, MOST_RUNS).events


def _belongs(event: LedgerEvent, one: Incident) -> bool:
    """Of other incidents only their openings and closes are told."""
    if not event.kind.startswith(_INCIDENT):
        return True
    body: Any = event.body or {}
    if event.seq == one.seq or body.get("incident_id") == one.incident_id:
        return True
    return event.kind in {EventKind.INCIDENT_OPENED, EventKind.INCIDENT_CLOSED}


def _place_after(reader: LedgerReader, seq: int, until: str) -> int:
    """The place below which everything up to ``until`` stands, for what happened after ``seq``."""
    place = reader.last_before(until)
    return max(place, seq) + 1
