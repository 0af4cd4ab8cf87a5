"""Schedules and runs as the ledger tells them: what is begun from where ``audits/state.db`` was lost."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from peak_console.domain.clock import from_iso, unix_us
from peak_console.domain.errors import LedgerUnavailable
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.jobs import RunCause, RunState
from peak_console.jobs.keys import parse_key
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.node.scheduling.tables import KEPT, WAITING, RunRow, ScheduleRow

_KINDS: Final = tuple(
    kind.value
    for kind in (
        EventKind.JOB_STARTED,
        EventKind.JOB_FINISHED,
        EventKind.JOB_INTERRUPTED,
        EventKind.JOB_MISSED,
    )
)


@dataclass(slots=True)
class Recorded:
    """What the ledger tells. A job's definition is not in it: the config gives that."""

    by_job: dict[str, ScheduleRow] = field(default_factory=dict)
    by_key: dict[str, RunRow] = field(default_factory=dict)

    @property
    def schedules(self) -> tuple[ScheduleRow, ...]:
        """Every job that ever ran or was missed."""
        return tuple(self.by_job.values())

    @property
    def runs(self) -> tuple[RunRow, ...]:
        """Every run that began, as it stands."""
        return tuple(self.by_key.values())


def recorded(ledger: Path) -> Recorded:
    """What the newest events of jobs tell; nothing where there is no ledger, or it cannot be read."""
    try:
        with LedgerReader(ledger) as reader:
            page = reader.find(EventFilter(kinds=_KINDS), limit=4 * KEPT)
    except LedgerUnavailable:
        return Recorded()
    return fold(reversed(page.events))


def fold(events: Iterable[LedgerEvent]) -> Recorded:
    """Fold events of jobs, oldest first. Pure; a body that cannot be read is passed over."""
    found = Recorded()
    for event in events:
        body = event.body if isinstance(event.body, Mapping) else {}
        try:
            _take(found, event, body)
        except (KeyError, TypeError, ValueError):
            continue
    return found


def _take(found: Recorded, event: LedgerEvent, body: Mapping[str, Any]) -> None:
    at_us = unix_us(from_iso(event.ts))
    if event.kind == EventKind.JOB_MISSED:
        row = _job(found, str(body["job"]), unix_us(from_iso(body["last_due"])))
        found.by_job[row.job] = replace(row, missed=row.missed + int(body["count"]))
        return
    key = str(body["key"])
    parsed = parse_key(key)
    if parsed is None:
        return
    job, due_us = parsed
    if event.kind == EventKind.JOB_STARTED:
        cause = RunCause(body["cause"])
        row = _job(found, job, due_us if cause in {RunCause.DUE, RunCause.CATCH_UP} else None, at_us)
        found.by_job[job] = replace(row, runs=row.runs + 1)
        found.by_key[key] = RunRow(
            job,
            due_us,
            key,
            RunState.RUNNING.value,
            cause.value,
            fence=int(body["fence"]),
            attempt=int(body["attempt"]),
            started_us=at_us,
            asked_by=str(body.get("asked_by", "")),
            reason=str(body.get("reason", "")),
            params=json.dumps(body.get("params", {}), sort_keys=True),
        )
    elif (run := found.by_key.get(key)) is not None and run.fence == int(body["fence"]):
        _end(found, event, body, run, at_us)


def _end(found: Recorded, event: LedgerEvent, body: Mapping[str, Any], run: RunRow, at_us: int) -> None:
    row = _job(found, run.job, None, at_us)
    said = replace(run, outcome=str(body.get("outcome", "")), detail=str(body.get("detail", "")))
    if event.kind == EventKind.JOB_INTERRUPTED:
        found.by_job[run.job] = replace(row, interrupted=row.interrupted + 1)
        state, ended = (WAITING, None) if body.get("again") is True else (RunState.INTERRUPTED.value, at_us)
        cause = RunCause.AGAIN.value if state == WAITING else run.cause
        found.by_key[run.key] = replace(said, state=state, cause=cause, ended_us=ended)
        return
    state = RunState(body["state"]).value
    failed = int(state in {RunState.FAILED.value, RunState.TIMED_OUT.value})
    found.by_job[run.job] = replace(row, failed=row.failed + failed)
    run_id = str(body.get("run_id", ""))
    found.by_key[run.key] = replace(said, state=state, ended_us=at_us, run_id=run_id)


def _job(found: Recorded, job: str, cursor_us: int | None, otherwise_us: int = 0) -> ScheduleRow:
    """The row of a job, whose cursor stands at the last due time that was dealt with."""
    row = found.by_job.setdefault(job, ScheduleRow(job, "{}", "", cursor_us or otherwise_us))
    if cursor_us is not None and cursor_us > row.cursor_us:
        row = found.by_job[job] = replace(row, cursor_us=cursor_us)
    return row
