"""The config's jobs, taken into the book: new ones, changed ones, renamed ones, those that left."""

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from peak_console.config.jobs import Job
from peak_console.domain.clock import from_unix_us, iso
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventKind
from peak_console.domain.jobs import RunCause, RunState
from peak_console.jobs.definition import definition_of, job_from
from peak_console.jobs.due import dues_between, parse_schedule
from peak_console.jobs.keys import definition_digest
from peak_console.jobs.policy import Missed, MissedWhy
from peak_console.node.scheduling import tables
from peak_console.node.scheduling.tables import ScheduleRow

RENAMED: Final = "renamed from "
"""How the note of a job begins that had another name."""

RENAMED_TO: Final = "renamed to "
_REASON: Final = 300
_WHY: Final = MissedWhy.DISABLED_SINCE


def sync_jobs(
    db: sqlite3.Connection, jobs: Sequence[Job], now_us: int, paused: Mapping[str, str]
) -> dict[str, ScheduleRow]:
    """Write what changed; gives every job that is known. No row is dropped.

    ``paused`` has the jobs that stand paused, and why: a new name does not lift a pause.
    """
    known, named = tables.schedules(db), {job.name for job in jobs}
    for job in jobs:
        before = known.get(job.name)
        found = _heir(job, known, named, paused, now_us) if before is None or before.gone else None
        after = found or (_changed(db, job, before, now_us) if before else _fresh(job, now_us))
        if after != before:
            tables.put_schedule(db, after)
        old = after.note.removeprefix(RENAMED)
        if found is not None and old in paused and job.name not in paused:
            _inherit_pause(db, job.name, old, paused[old], now_us)
    heirs = {one.note: one.job for one in tables.schedules(db).values() if one.note}
    for name, row in known.items():
        if name not in named and not row.gone:
            heir = heirs.get(RENAMED + name)
            _give_up_waiting(db, row, now_us, spared=())
            if heir is None:
                _settle(db, row, now_us)
            note = (
                f"{RENAMED_TO}{heir}"
                if heir
                else f"not in the config since {iso(from_unix_us(now_us))[:16]}Z"
            )
            tables.put_schedule(db, replace(_read(db, name, row), gone=1, note=note))
    return tables.schedules(db)


def job_of(row: ScheduleRow) -> Job | None:
    """The job as it was last read; ``None`` where that is of another version of this program."""
    return job_from(row.definition)


def _fresh(job: Job, now_us: int) -> ScheduleRow:
    """A job that nobody knew: it is due from now on."""
    return ScheduleRow(job.name, definition_of(job), definition_digest(job), now_us, enabled=int(job.enabled))


def _heir(
    job: Job, known: Mapping[str, ScheduleRow], named: set[str], paused: Mapping[str, str], now_us: int
) -> ScheduleRow | None:
    """A job of a new name that is the same as one that left: it goes on where that stood, with its figures.

    Of several that it may have been, one that is paused goes before the others.
    """
    fresh, inherited = _fresh(job, now_us), {one.note for one in known.values()}
    left = [one for one in known.values() if one.job not in named and one.digest == fresh.digest]
    if job.name in known:  # put back under its own name it is itself, unless another goes as it comes
        left = [one for one in left if not one.gone]
    for row in sorted(left, key=lambda one: one.job not in paused):
        if RENAMED + row.job not in inherited:
            cursor_us = now_us if row.gone else row.cursor_us
            note = RENAMED + row.job
            return replace(
                row, job=job.name, definition=fresh.definition, gone=0, note=note, cursor_us=cursor_us
            )
    return None


def _inherit_pause(db: sqlite3.Connection, heir: str, old: str, why: str, now_us: int) -> None:
    """Have the pause of a job told for the one that it is called now."""
    body = {
        "job": heir,
        "reason": f"inherited from {old}, {why}"[:_REASON],
        "operator": "node",
        "by": "node",
        "at": iso(from_unix_us(now_us)),
    }
    tables.to_tell(db, EventKind.JOB_PAUSED.value, body)


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
