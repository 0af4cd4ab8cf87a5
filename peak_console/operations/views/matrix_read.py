"""The facts behind the grid, of a real workspace: ledger and files, each with its own age and trouble."""

from collections.abc import Mapping
from datetime import datetime

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import LedgerUnavailable
from peak_console.operations.locking.recorded import LockRecord, lock_record
from peak_console.operations.views.freshness import NEVER, Freshness
from peak_console.operations.views.ledger_door import LedgerDoor
from peak_console.operations.views.live import Slot
from peak_console.operations.views.matrix import MatrixFacts, Served, SlotTraffic
from peak_console.operations.views.matrix_facts import (
    FileFacts,
    TrafficFold,
)


class MatrixReader:
    """Reads the facts again and again. Used by one thread; never raises."""

    def __init__(self, ws: Workspace) -> None:
        self._traffic_fold = TrafficFold()
        self._files = FileFacts(ws)
        self._good: tuple[Mapping[Slot, SlotTraffic], Mapping[Slot, Served]] = ({}, {})
        self._freshness: Freshness = NEVER
        self._record: LockRecord | None = None

    def read(self, door: LedgerDoor, phase: str, now: datetime) -> MatrixFacts:
        """The facts at ``now``; with the ledger away, its last good figures, their age and why."""
        traffic, served = self._ledger(door, now)
        self._files.refresh(now.date())
        lock = self._files.lock(now, self._record)
        return MatrixFacts(
            now,
            self._freshness,
            phase,
            traffic,
            served,
            self._files.prices,
            self._files.lives,
            lock.states,
            lock.rest,
            lock.words,
            lock.scores,
            self._files.problem,
        )

    def _ledger(
        self, door: LedgerDoor, now: datetime
    ) -> tuple[Mapping[Slot, SlotTraffic], Mapping[Slot, Served]]:
        try:
            self._good = self._traffic_fold.read(door.reader(), door.generation, now)
            self._record = lock_record(door.reader())
        except LedgerUnavailable as error:
            door.close()
            as_of = self._freshness.as_of
            self._freshness = Freshness(as_of, error.message, error.remedy)
        else:
            self._freshness = Freshness(now)
        return self._good
