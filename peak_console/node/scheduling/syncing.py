"""The config's jobs, taken into the book: new ones, changed ones, renamed ones, those that left."""

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from peak_console.config.jobs import Job
from peak_console.domain.clock import from_unix_us, iso
from peak_console.domain.errors import PeakError
from peak_console.domain.jobs import RunCause, RunState
from peak_console.jobs.due import dues_between, parse_schedule
from peak_console.jobs.keys import definition_digest
from peak_console.jobs.policy import Missed, MissedWhy
from peak_console.node.scheduling import tables
from peak_console.node.scheduling.tables import ScheduleRow

_RENAMED: Final = "renamed from "
_WHY: Final = MissedWhy.DISABLED_SINCE
_DECIMAL: Final = "decimal"


def sync_jobs(db: sqlite3.Connection, jobs: Sequence[Job], now_us: int) -> dict[str, ScheduleRow]:
    """Write what changed; gives every job that is known. No row is dropped."""
    known, named = tables.schedules(db), {job.name for job in jobs}
    for job in jobs:
        before = known.get(job.name)
        after = _new(job, known, named, now_us) if before is None else _changed(db, job, before, now_us)
        if after != before:
            tables.put_schedule(db, after)
    heirs = {one.note: one.job for one in tables.schedules(db).values() if one.note}
    for name, row in known.items():
        if name not in named and not row.gone:
            heir = heirs.get(_RENAMED + name)
            _give_up_waiting(db, row, now_us, spared=())
            if heir is None:
                _settle(db, row, now_us)
            note = (
                f"renamed to {heir}" if heir else f"not in the config since {iso(from_unix_us(now_us))[:16]}Z"
            )
            tables.put_schedule(db, replace(_read(db, name, row), gone=1, note=note))
    return tables.schedules(db)


def definition_of(job: Job) -> str:
    """A job as its row keeps it: JSON, with decimals that are told from texts."""
    return json.dumps(job.model_dump(), sort_keys=True, default=lambda value: {_DECIMAL: str(value)})


def job_of(row: ScheduleRow) -> Job | None:
    """The job as it was last read; ``None`` where that is of another version of this program."""
    try:
        return Job.model_validate(json.loads(row.definition, object_hook=_with_decimals))
    except (ValueError, ArithmeticError):
        return None


def _with_decimals(fields: dict[str, Any]) -> Any:
    return Decimal(fields[_DECIMAL]) if fields.keys() == {_DECIMAL} else fields


def _new(job: Job, known: dict[str, ScheduleRow], named: set[str], now_us: int) -> ScheduleRow:
    """A job of a new name; one that is the same but for its name goes on where the other stood."""
    digest = definition_digest(job)
    fresh = ScheduleRow(job.name, definition_of(job), digest, now_us, enabled=int(job.enabled))
    inherited = {one.note for one in known.values()}
    for row in known.values():
        if row.job not in named and row.digest == digest and _RENAMED + row.job not in inherited:
            return replace(fresh, cursor_us=row.cursor_us, held=row.held, note=_RENAMED + row.job)
    return fresh


def _changed(db: sqlite3.Connection, job: Job, before: ScheduleRow, now_us: int) -> ScheduleRow:
    """A job that is known. By another schedule, or enabled anew, it is due from now on."""
    text, digest, enabled = definition_of(job), definition_digest(job), int(job.enabled)
    now = replace(before, definition=text, digest=digest, enabled=enabled)
    if before.gone:
        return replace(now, gone=0, note="", cursor_us=now_us)
    if not before.digest:
        return now  # it was read again from the ledger, which has no definitions
    if before.enabled and not job.enabled:
        _give_up_waiting(db, before, now_us, spared=(RunCause.ASKED.value, RunCause.SUSPICION.value))
    if before.enabled and (not job.enabled or _schedule_text(before) != (job.schedule, job.timezone)):
        _settle(db, before, now_us)
        return replace(now, cursor_us=now_us, missed=_read(db, job.name, before).missed)
    if job.enabled and not before.enabled:
        return replace(now, cursor_us=now_us)
    return now


def _give_up_waiting(db: sqlite3.Connection, row: ScheduleRow, now_us: int, spared: Collection[str]) -> None:
    """Runs of a job that left, or was disabled, do not begin any more; those of ``spared`` causes do."""
    for waiting in tables.waiting_runs(db, row.job):
        if waiting.cause not in spared:
            missed = replace(waiting, state=RunState.MISSED.value, outcome=_WHY.value, ended_us=now_us)
            tables.put_run(db, missed)
            tables.tell_missed(db, row.job, Missed(1, waiting.due_us, waiting.due_us, _WHY))


def _settle(db: sqlite3.Connection, row: ScheduleRow, until_us: int) -> None:
    """What was due by a schedule that holds no longer, and was not dealt with, is told as missed."""
    text, timezone = _schedule_text(row)
    if text is None or not row.enabled:
        return
    try:
        dues = dues_between(parse_schedule(text, timezone), row.cursor_us, until_us, 1)
    except PeakError:
        return
    if dues.first is not None and dues.times:
        missed = Missed(dues.count, dues.first, dues.times[-1], _WHY, dues.at_least)
        tables.tell_missed(db, row.job, missed)


def _schedule_text(row: ScheduleRow) -> tuple[str | None, str]:
    try:
        told = json.loads(row.definition)
    except ValueError:
        return None, "UTC"
    return told.get("schedule"), told.get("timezone", "UTC")


def _read(db: sqlite3.Connection, name: str, otherwise: ScheduleRow) -> ScheduleRow:
    return tables.schedules(db).get(name, otherwise)
