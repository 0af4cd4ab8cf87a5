"""The facts of shadow, gathered from configs, node and ledger. Every read is of the newest, by an index."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from peak_console.config.jobs import Job
from peak_console.config.load import load_configs
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import ConfigInvalid, LedgerUnavailable
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.shadow.books import book_lines
from peak_console.operations.shadow.cycles import cycle_lines, figures_of
from peak_console.operations.shadow.job_lines import RecordedJobs, lines_of_record
from peak_console.operations.shadow.judging import ReadinessKept
from peak_console.operations.shadow.newest import NewestEvents
from peak_console.operations.views.freshness import Freshness
from peak_console.operations.views.ledger_door import LedgerDoor
from peak_console.operations.views.shadow import CycleLine, JobLine, JobRunLine, ShadowFacts

CYCLES_KEPT: Final = 1000
"""How many cycles figures and books are taken from, the newest."""
CYCLES_SHOWN: Final = 200
RUNS_SHOWN: Final = 200


class ShadowReader:
    """Reads what Shadow shows. Used by one thread; never raises for what a workspace can come to."""

    def __init__(self, ws: Workspace, door: LedgerDoor) -> None:
        self._ws = ws
        self._door = door
        self._cycles = NewestEvents((EventKind.SHADOW_CYCLE_FINISHED,), CYCLES_KEPT)
        self._lines: tuple[tuple[LedgerEvent, ...], tuple[CycleLine, ...]] = ((), ())
        self._record = RecordedJobs()
        self._readiness = ReadinessKept(ws)
        self._good: ShadowFacts | None = None

    def facts(self, now: datetime) -> ShadowFacts:
        """Everything, now; where the ledger cannot be read the last that was known, and why."""
        jobs, problem = self._configured(now)
        try:
            reader = self._door.reader()
            facts = self._of_ledger(reader, now)
        except LedgerUnavailable as error:
            self._door.close()
            return self._without(error, now, jobs, problem)
        lines, runs = self._jobs(jobs)
        judged, why = self._readiness.read(now)
        self._good = replace(
            facts, jobs=lines, runs=runs, problem=problem, readiness=judged, readiness_problem=why
        )
        return self._good

    def _configured(self, now: datetime) -> tuple[tuple[Job, ...], str]:
        try:
            return load_configs(self._ws, today=now.date()).jobs.job, ""
        except ConfigInvalid as error:
            return (), f"{error.message}; {error.remedy}" if error.remedy else error.message

    def _of_ledger(self, reader: LedgerReader, now: datetime) -> ShadowFacts:
        generation = self._door.generation
        events = self._cycles.read(reader, generation)
        if events is not self._lines[0]:
            self._lines = (events, cycle_lines(events))
        lines = self._lines[1]
        self._record.read(reader, generation)
        return ShadowFacts(
            now,
            cycles=lines[:CYCLES_SHOWN],
            figures=figures_of(lines, now, whole_record=self._cycles.whole),
            books=book_lines(events),
            freshness=Freshness(now),
        )

    def _jobs(self, jobs: Sequence[Job]) -> tuple[tuple[JobLine, ...], tuple[JobRunLine, ...]]:
        """As the node tells; without a node as configs and ledger have them."""
        return lines_of_record(jobs, self._record), self._record.newest(RUNS_SHOWN)

    def _without(
        self, error: LedgerUnavailable, now: datetime, jobs: Sequence[Job], problem: str
    ) -> ShadowFacts:
        if self._good is not None:
            fresh = replace(self._good.freshness, why=error.message, remedy=error.remedy)
            return replace(self._good, taken_at=now, freshness=fresh)
        missing = error.code in {"ledger_missing", "ledger_empty"}
        fresh = Freshness(now) if missing else Freshness(None, error.message, error.remedy)
        lines, runs = self._jobs(jobs)
        return ShadowFacts(now, lines, runs, problem=problem, freshness=fresh)
