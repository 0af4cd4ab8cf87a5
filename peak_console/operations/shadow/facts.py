"""The facts of shadow, gathered from configs, node and ledger. Every read is of the newest, by an index."""

from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import Final

from peak_console.config.jobs import Job
from peak_console.config.load import ConfigCache
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import ConfigInvalid, LedgerUnavailable
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.shadow.books import book_lines
from peak_console.operations.shadow.cycles import cycle_lines, figures_of
from peak_console.operations.shadow.drift import DriftBook, drift_lines
from peak_console.operations.shadow.ending_words import with_endings
from peak_console.operations.shadow.job_lines import RecordedJobs, lines_of_record
from peak_console.operations.shadow.judging import ReadinessKept
from peak_console.operations.shadow.newest import NewestEvents
from peak_console.operations.shadow.node_jobs import NodeJobs
from peak_console.operations.views.freshness import Freshness
from peak_console.operations.views.ledger_door import LedgerDoor
from peak_console.operations.views.shadow import CycleLine, DriftState, ShadowFacts

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
        self._drift = DriftBook()
        self._lines: tuple[tuple[LedgerEvent, ...], tuple[CycleLine, ...]] = ((), ())
        self._good: ShadowFacts | None = None
        self.record = RecordedJobs()
        self._configs = ConfigCache(ws)
        self._node = NodeJobs(ws, runs=RUNS_SHOWN)
        self._readiness = ReadinessKept(ws)

    def facts(self, now: datetime) -> ShadowFacts:
        """Everything, now; where the ledger cannot be read the last that was known of it, and why."""
        told, why = self._node.read(now)
        facts = self.recorded(now)
        if told is not None:
            facts = replace(
                facts, jobs=told.jobs, runs=told.runs, scheduler=told.scheduler, problem=told.problem
            )
        else:
            jobs, problem = self._configured()
            facts = replace(
                facts,
                jobs=lines_of_record(jobs, self.record),
                runs=self.record.newest(RUNS_SHOWN),
                problem="; ".join(one for one in (problem, why) if one),
            )
        judged, unjudged = self._readiness.read(now, self._rests_on(facts))
        return replace(facts, readiness=judged, readiness_problem=unjudged)

    def _rests_on(self, facts: ShadowFacts) -> tuple[object, ...]:
        """What changes a judgement at once: the phase, the configs, and what is out of use."""
        out = frozenset(one.name for one in facts.drift if one.state is DriftState.QUARANTINED)
        try:
            phase: object = self._door.reader().last(EventKind.PHASE_CHANGED)
        except LedgerUnavailable:
            phase = None
        try:
            configs: object = tuple(sorted(self._configs.current().digests.items()))
        except ConfigInvalid as error:
            configs = error.message
        return out, phase.seq if isinstance(phase, LedgerEvent) else 0, configs

    def recorded(self, now: datetime) -> ShadowFacts:
        """Cycles, books, figures and drift, by the ledger alone."""
        try:
            self._good = self._of_ledger(self._door.reader(), now)
        except LedgerUnavailable as error:
            self._door.close()
            return self._without(error, now)
        return self._good

    def _configured(self) -> tuple[tuple[Job, ...], str]:
        try:
            return self._configs.current().whole_jobs().job, ""
        except ConfigInvalid as error:
            return (), f"{error.message}; {error.remedy}" if error.remedy else error.message

    def _of_ledger(self, reader: LedgerReader, now: datetime) -> ShadowFacts:
        generation = self._door.generation
        events = self._cycles.read(reader, generation)
        if events is not self._lines[0]:
            self._lines = (events, self._continued(events))
        lines = self._lines[1]
        self.record.read(reader, generation)
        return ShadowFacts(
            now,
            cycles=with_endings(lines[:CYCLES_SHOWN], self.record.newest(RUNS_SHOWN)),
            figures=figures_of(lines, now, whole_record=self._cycles.whole),
            books=book_lines(events),
            drift=drift_lines(
                self._ws, reader, self._node.drift, now, book=self._drift, generation=generation
            ),
            freshness=Freshness(now),
        )

    def _continued(self, events: tuple[LedgerEvent, ...]) -> tuple[CycleLine, ...]:
        """The lines of ``events``; one that was made of the very event before is not made again."""
        made = {line.seq: line for line in self._lines[1]}
        kept = {id(one): made[one.seq] for one in self._lines[0] if one.seq in made}
        lines = ((kept[id(one)],) if id(one) in kept else cycle_lines((one,)) for one in events)
        return tuple(chain.from_iterable(lines))

    def _without(self, error: LedgerUnavailable, now: datetime) -> ShadowFacts:
        if self._good is not None:
            fresh = replace(self._good.freshness, why=error.message, remedy=error.remedy)
            return replace(self._good, taken_at=now, freshness=fresh)
        missing = error.code in {"ledger_missing", "ledger_empty"}
        fresh = Freshness(now) if missing else Freshness(None, error.message, error.remedy)
        return ShadowFacts(now, freshness=fresh)
