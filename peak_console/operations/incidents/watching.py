"""Incidents read again and again for a screen, with what was known kept where the ledger is away."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import LedgerUnavailable
from peak_console.operations.incidents.facts import detail_of, detail_without, facts_of, facts_without
from peak_console.operations.incidents.reading import IncidentBook
from peak_console.operations.views.incidents import IncidentDetail, IncidentsFacts
from peak_console.operations.views.ledger_door import LedgerDoor


class IncidentsReader:
    """Reads them through a source's door. Used by one thread; never raises."""

    def __init__(self, ws: Workspace, door: LedgerDoor) -> None:
        self._ws = ws
        self._door = door
        self._book = IncidentBook()
        self._facts: IncidentsFacts | None = None
        self._details: dict[str, IncidentDetail] = {}

    def facts(self, now: datetime) -> IncidentsFacts:
        """Every incident; where the ledger cannot be read those last known, and why."""
        try:
            reader = self._door.reader()
            self._facts = facts_of(self._ws, self._book.read(reader, self._door.generation), now)
        except LedgerUnavailable as error:
            self._door.close()
            return self._facts_without(error, now)
        return self._facts

    def detail(self, incident_id: str, now: datetime, stopped: Sequence[str]) -> IncidentDetail:
        """One incident; where the ledger cannot be read as it was last known, and why."""
        try:
            reader = self._door.reader()
            known = self._book.read(reader, self._door.generation)
            found = detail_of(reader, known, incident_id, now, stopped=stopped)
        except LedgerUnavailable as error:
            self._door.close()
            return self._detail_without(incident_id, error, now)
        self._details = {incident_id: found}
        return found

    def _facts_without(self, error: LedgerUnavailable, now: datetime) -> IncidentsFacts:
        told = facts_without(self._ws, error, now)
        good = self._facts
        if good is None or not told.freshness.why:
            return told
        fresh = replace(good.freshness, why=error.message, remedy=error.remedy)
        return replace(good, taken_at=now, freshness=fresh)

    def _detail_without(self, incident_id: str, error: LedgerUnavailable, now: datetime) -> IncidentDetail:
        good = self._details.get(incident_id)
        if good is None:
            return detail_without(error, now)
        fresh = replace(good.freshness, why=error.message, remedy=error.remedy)
        return replace(good, taken_at=now, freshness=fresh)
