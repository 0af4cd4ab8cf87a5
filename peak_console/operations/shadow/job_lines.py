"""Jobs as configs and ledger have them: what is known of them where no node tells."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import Final

from peak_console.config.jobs import Job
from peak_console.domain.jobs import RunState
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.shadow.job_runs import JOB_RUN_KINDS, PAUSE_KINDS, JobRecord, fold_runs, pauses
from peak_console.operations.shadow.newest import NewestEvents
from peak_console.operations.views.shadow import JobLine, JobRunLine, JobState

_EVENTS_KEPT: Final = 2000
_PAUSES_KEPT: Final = 500
_FAILED: Final = (RunState.FAILED, RunState.TIMED_OUT)


class RecordedJobs:
    """What the ledger has of jobs: of the newest two thousand events of their runs. Used by one thread."""

    def __init__(self) -> None:
        self._runs = NewestEvents(JOB_RUN_KINDS, _EVENTS_KEPT)
        self._pauses = NewestEvents(PAUSE_KINDS, _PAUSES_KEPT)
        self._seen: tuple[object, object] = ((), ())
        self.records: dict[str, JobRecord] = {}
        self.paused: dict[str, str] = {}

    def read(self, reader: LedgerReader, generation: int = 0) -> None:
        """Go on to the ledger's head. Raises ``LedgerUnavailable``."""
        runs, paused = self._runs.read(reader, generation), self._pauses.read(reader, generation)
        if runs is not self._seen[0]:
            self.records = fold_runs(reversed(runs))
        if paused is not self._seen[1]:
            self.paused = pauses(reversed(paused))
        self._seen = (runs, paused)

    def newest(self, most: int) -> tuple[JobRunLine, ...]:
        """The newest runs of all jobs."""
        every = chain.from_iterable(one.runs.values() for one in self.records.values())
        return tuple(sorted(every, key=lambda one: one.started_at or one.due_at, reverse=True)[:most])


def lines_of_record(jobs: Sequence[Job], record: RecordedJobs) -> tuple[JobLine, ...]:
    """A line for each job that the config names, and for each that the ledger alone knows."""
    named = {one.name for one in jobs}
    gone = sorted(set(record.records) - named)
    return (
        *(_line_of(one, record) for one in jobs),
        *(replace(recorded_line(name, record), state=JobState.GONE) for name in gone),
    )


def recorded_line(name: str, record: RecordedJobs) -> JobLine:
    """A line of what the ledger alone has of a job."""
    known = record.records.get(name) or JobRecord(name)
    return JobLine(
        name,
        known.kind,
        JobState.UNKNOWN,
        last=known.newest,
        running=known.running,
        runs=len(known.runs),
        failed=known.count(*_FAILED),
        missed=known.missed,
        interrupted=known.count(RunState.INTERRUPTED),
        p95_s=known.p95_s(),
        note=record.paused.get(name, ""),
    )


def _line_of(job: Job, record: RecordedJobs) -> JobLine:
    return replace(
        recorded_line(job.name, record),
        kind=job.kind,
        state=_state(job, record),
        schedule=job.schedule or "",
        timezone=job.timezone,
        tags=job.tags,
        description=job.description,
    )


def _state(job: Job, record: RecordedJobs) -> JobState:
    """Whether it would run at all; whether it does, only a node can tell."""
    if not job.enabled:
        return JobState.DISABLED
    if job.name in record.paused:
        return JobState.PAUSED
    return JobState.UNKNOWN
