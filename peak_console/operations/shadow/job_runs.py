"""Runs of jobs, folded from the ledger's job events: what is known where no node tells. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import ceil
from typing import Any, Final

from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.jobs import JobKind, RunCause, RunState
from peak_console.operations.shadow.words import instant, word
from peak_console.operations.views.body_fields import mapping, text_of, time_of, whole
from peak_console.operations.views.shadow import JobRunLine

JOB_RUN_KINDS: Final = (
    EventKind.JOB_STARTED,
    EventKind.JOB_FINISHED,
    EventKind.JOB_INTERRUPTED,
    EventKind.JOB_MISSED,
)
PAUSE_KINDS: Final = (EventKind.JOB_PAUSED, EventKind.JOB_RESUMED)
_P95: Final = 0.95


@dataclass(slots=True)
class JobRecord:
    """What the ledger has of one job."""

    name: str
    kind: JobKind | None = None
    runs: dict[str, JobRunLine] = field(default_factory=dict)
    """By key, in the order in which they began."""
    missed: int = 0
    missed_since: int = 0
    """Of them, those since it last succeeded."""
    last_missed: str = ""
    """Why runs were missed last."""
    failed_in_row: int = 0
    """Runs that failed or hung one after the other, up to the last one that ended."""

    @property
    def newest(self) -> JobRunLine | None:
        """The run that began last and is over."""
        return next((one for one in reversed(self.runs.values()) if one.state.is_over), None)

    @property
    def running(self) -> tuple[JobRunLine, ...]:
        """Runs that have no end."""
        return tuple(one for one in self.runs.values() if not one.state.is_over)

    def count(self, *states: RunState) -> int:
        """How many runs ended so."""
        return sum(one.state in states for one in self.runs.values())

    def p95_s(self) -> float | None:
        """The 95th percentile (nearest rank) of how long finished runs took, in seconds."""
        took = sorted(
            (one.ended_at - one.started_at).total_seconds()
            for one in self.runs.values()
            if one.state is RunState.DONE and one.ended_at and one.started_at
        )
        return took[ceil(_P95 * len(took)) - 1] if took else None


def fold_runs(events: Iterable[LedgerEvent]) -> dict[str, JobRecord]:
    """Records by job, of job events in ascending order. What cannot be read is passed over."""
    found: dict[str, JobRecord] = {}
    for event in events:
        body = mapping(event.body)
        name = word(body.get("job"), 48)
        if not name:
            continue
        record = found.setdefault(name, JobRecord(name))
        if event.kind == EventKind.JOB_MISSED.value:
            count = max(0, whole(body.get("count")) or 0)
            record.missed, record.missed_since = record.missed + count, record.missed_since + count
            record.last_missed = word(body.get("why"))
        else:
            _take(record, event, body)
    return found


def pauses(events: Iterable[LedgerEvent]) -> dict[str, str]:
    """Jobs that stand paused after events in ascending order, and by whom and why."""
    held: dict[str, str] = {}
    for event in events:
        body = mapping(event.body)
        name = word(body.get("job"), 48)
        held.pop(name, None)
        if name and event.kind == EventKind.JOB_PAUSED.value:
            who = word(body.get("operator")) or event.actor
            why = word(body.get("reason"), 120)
            held[name] = f"paused by {who}{f': {why}' if why else ''}"
    return held


def _take(record: JobRecord, event: LedgerEvent, body: Mapping[str, Any]) -> None:
    key = word(body.get("key"), 120)
    if not key:
        return
    at = time_of(event)
    known = record.runs.get(key)
    if event.kind == EventKind.JOB_STARTED.value:
        record.kind = _kind(body.get("kind")) or record.kind
        record.runs.pop(key, None)  # begun again it is the newest
        record.runs[key] = JobRunLine(
            key,
            record.name,
            RunState.RUNNING,
            instant(body.get("due_at")) or at,
            _cause(body.get("cause")),
            started_at=at,
            asked_by=word(body.get("asked_by")),
            reason=word(body.get("reason"), 200),
        )
        return
    run = known or JobRunLine(key, record.name, RunState.RUNNING, _due(key) or at)
    if event.kind == EventKind.JOB_INTERRUPTED.value:
        detail = word(body.get("why"), 120) or word(body.get("detail"), 120)
        record.runs[key] = replace(run, state=RunState.INTERRUPTED, ended_at=at, detail=detail)
        return
    state = _over(body.get("state"))
    if state is RunState.DONE:
        record.failed_in_row = record.missed_since = 0
    elif state in {RunState.FAILED, RunState.TIMED_OUT}:
        record.failed_in_row += 1
    record.runs[key] = replace(
        run,
        state=state,
        ended_at=at,
        outcome=word(body.get("outcome")),
        detail=word(body.get("detail"), 200),
        run_id=text_of(body.get("run_id")) or run.run_id,
    )


def _due(key: str) -> datetime | None:
    """When the run of a key was due."""
    return instant(key.rpartition("@")[2])


def _kind(value: Any) -> JobKind | None:
    return next((one for one in JobKind if one == value), None)


def _cause(value: Any) -> RunCause:
    return next((one for one in RunCause if one == value), RunCause.DUE)


def _over(value: Any) -> RunState:
    """A run that ended in a way that nobody knows has failed."""
    return next((one for one in RunState if one == value and one.is_over), RunState.FAILED)
