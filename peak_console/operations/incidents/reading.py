"""Incidents read from the ledger: a fold that goes on from where it ended, and the lines that are shown."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from peak_console.domain.errors import UsageWrong
from peak_console.domain.events import LedgerEvent
from peak_console.incidents.fold import KINDS, Incident, find_incident, fold_incidents
from peak_console.incidents.guidance import GUIDANCE
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.views.incidents import IncidentLine

_PAGE: Final = 500
_WANTED: Final = EventFilter(kinds=KINDS)


class IncidentBook:
    """Every incident of one ledger, as of its head; what was folded is kept. Used by one thread."""

    def __init__(self) -> None:
        self._generation = -1
        self._upto = 0
        self._known: dict[str, Incident] = {}

    def read(self, reader: LedgerReader, generation: int = 0) -> Mapping[str, Incident]:
        """Incidents by id, the first opened first. Raises ``LedgerUnavailable``.

        ``generation`` is the opened file's: with another one the fold begins anew.
        """
        head, _ = reader.head()
        if generation != self._generation or head < self._upto:
            self._generation, self._upto, self._known = generation, 0, {}
        if head > self._upto:
            self._known = fold_incidents(events_between(reader, self._upto, head), self._known)
            self._upto = head
        return MappingProxyType(self._known)


def read_incidents(reader: LedgerReader) -> Mapping[str, Incident]:
    """Every incident of the ledger, by id, the first opened first. Raises ``LedgerUnavailable``."""
    return IncidentBook().read(reader)


def one_incident(known: Mapping[str, Incident], text: str) -> Incident:
    """The incident that ``text`` means: its id, or so much of its beginning or end that only one fits.

    Raises ``UsageWrong`` (``no_incident``, ``incident_unknown``, ``incident_ambiguous``).
    """
    found = find_incident(known, text.strip())
    if len(found) == 1:
        return found[0]
    if found:
        named = ", ".join(one.incident_id for one in found[-5:])
        raise UsageWrong(
            f"{text!r:.80} may mean {len(found)} incidents",
            code="incident_ambiguous",
            remedy=f"write more of its id: {named}",
        )
    if not known:
        raise UsageWrong(
            "no incident was ever opened here",
            code="no_incident",
            remedy="open one and contain it with: peak incident now",
        )
    raise UsageWrong(
        f"{text!r:.80} names no incident", code="incident_unknown", remedy="see: peak incident list"
    )


def only_open(known: Mapping[str, Incident]) -> Incident:
    """The incident that is meant where none is named: the one that is open; tests and drills are none.

    Raises ``UsageWrong`` (``incident_missing``) where none or several are open.
    """
    found = [one for one in known.values() if one.is_open and one.counts]
    if len(found) == 1:
        return found[0]
    named = ", ".join(one.incident_id for one in found[-5:])
    raise UsageWrong(
        f"{len(found)} incidents are open: none is meant without its id",
        code="incident_missing",
        remedy=f"name one: {named}" if found else "see: peak incident list --all",
    )


def newest_open(known: Mapping[str, Incident]) -> Incident | None:
    """The incident that was opened last and stands, tests and drills left out."""
    return next((one for one in reversed(tuple(known.values())) if one.is_open and one.counts), None)


def line_of(one: Incident) -> IncidentLine:
    """One incident as it is shown."""
    guide = GUIDANCE[one.trigger]
    over = not one.is_open
    return IncidentLine(
        incident_id=one.incident_id,
        trigger=one.trigger,
        state=one.state,
        opened_at=one.opened_at,
        summary=one.summary or guide.title,
        cause=one.cause,
        next_action="" if over else one.next_action or guide.next,
        next_key="" if over else guide.key,
        cli=guide.cli.format(id=one.incident_id),
        scope=one.scope,
        auto=one.acted or one.auto,
        acknowledged_by=one.acknowledged_by,
        assignee=one.assignee,
        handing_to=one.handing_to,
        times=one.times,
        last_at=one.last_at,
        silenced_until=one.silenced_until,
        captured=one.captured,
        closed_at=one.closed_at,
        seq=one.seq,
        test=one.test,
        drill=one.drill,
    )


def lines_of(known: Iterable[Incident]) -> tuple[IncidentLine, ...]:
    """Open ones first, the newest first."""
    return tuple(line_of(one) for one in sorted(known, key=lambda one: (not one.is_open, -one.seq)))


def open_lines(known: Mapping[str, Incident], now: datetime) -> tuple[IncidentLine, ...]:
    """Those that stand, for the posture bar: the ones that are not silent first, the newest first."""
    standing = [one for one in known.values() if one.is_open]
    standing.sort(key=lambda one: (one.silent(now), not one.counts, -one.seq))
    return tuple(line_of(one) for one in standing)


def events_between(reader: LedgerReader, upto: int, head: int) -> list[LedgerEvent]:
    """Events of incidents after ``upto`` up to ``head``, ascending; where there is none, one look says so.

    Raises ``LedgerUnavailable``.
    """
    found: list[LedgerEvent] = []
    before = head + 1
    size = _PAGE if not upto else 1
    while True:
        page = reader.find(_WANTED, before, size)
        found += [event for event in page.events if event.seq > upto]
        if page.next_before is None or page.next_before <= upto or not page.events:
            return found[::-1]
        if page.events[-1].seq <= upto:
            return found[::-1]
        before, size = page.next_before, _PAGE
