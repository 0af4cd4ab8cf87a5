"""Rows of the tables ``schedule``, ``run`` and ``job_event`` of ``audits/state.db``."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace
from typing import Any, Final

from peak_console.domain.clock import from_unix_us, iso
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.jobs import RunCause, RunState
from peak_console.jobs.keys import event_id_of, run_key
from peak_console.jobs.policy import Missed
from peak_console.node.state_db import rows_of

WAITING: Final = "waiting"
"""State of a row whose turn has not come; told as claimed, for it is nobody else's."""

KEPT: Final = 2_000
"""Runs of a job that are kept; older ones are told by the ledger alone."""

_LIVE: Final = (RunState.CLAIMED.value, RunState.RUNNING.value)


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """What is known of a job beside its config. ``definition`` is the config as it was last read, JSON."""

    job: str
    definition: str
    digest: str
    cursor_us: int
    """The last due time that was dealt with."""
    enabled: int = 1
    gone: int = 0
    held: str = ""
    """Why nothing begins: ``stopped``, ``paused`` or ``jobs_unreadable``; empty while it does."""
    note: str = ""
    runs: int = 0
    failed: int = 0
    missed: int = 0
    interrupted: int = 0


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run. ``fence`` counts its claims, ``attempt`` those that began a worker; times in microseconds."""

    job: str
    due_us: int
    key: str
    state: str
    cause: str
    fence: int = 0
    attempt: int = 0
    session: str = ""
    pid: int = 0
    run_id: str = ""
    started_us: int | None = None
    ended_us: int | None = None
    outcome: str = ""
    detail: str = ""
    asked_by: str = ""
    reason: str = ""
    params: str = "{}"
    born: str = ""
    """When its worker's process was born, by the kernel: with ``pid`` it is no other's."""

    @property
    def is_live(self) -> bool:
        """Whether a worker of it may run."""
        return self.state in _LIVE


_SCHEDULE: Final = ", ".join(one.name for one in fields(ScheduleRow))
_RUN: Final = ", ".join(one.name for one in fields(RunRow))


def waiting_row(job: str, due_us: int, cause: RunCause, **more: Any) -> RunRow:
    """A run whose turn is to come."""
    return RunRow(job, due_us, run_key(job, due_us), WAITING, cause.value, **more)


# -- schedules


def schedules(db: sqlite3.Connection) -> dict[str, ScheduleRow]:
    """Every job that is known."""
    found = rows_of(db, f"SELECT {_SCHEDULE} FROM schedule ORDER BY job")  # noqa: S608 - our columns
    return {row[0]: ScheduleRow(*row) for row in found}


def put_schedule(db: sqlite3.Connection, row: ScheduleRow) -> None:
    """Write a job's row, new or not."""
    marks = ",".join("?" * len(fields(row)))
    query = f"INSERT OR REPLACE INTO schedule ({_SCHEDULE}) VALUES ({marks})"  # noqa: S608 - our columns
    rows_of(db, query, *astuple(row))


def count(db: sqlite3.Connection, job: str, **more: int) -> None:
    """Add to the figures of a job."""
    row = schedules(db).get(job)
    if row is not None:
        put_schedule(db, replace(row, **{name: getattr(row, name) + by for name, by in more.items()}))


# -- runs


def add_run(db: sqlite3.Connection, row: RunRow) -> bool:
    """Write a new run; false where its key is taken: it ran already, or waits, or is over."""
    marks = ",".join("?" * len(fields(row)))
    before = db.total_changes
    query = f"INSERT OR IGNORE INTO run ({_RUN}) VALUES ({marks})"  # noqa: S608 - our columns
    rows_of(db, query, *astuple(row))
    return db.total_changes > before


def run_of(db: sqlite3.Connection, key: str) -> RunRow | None:
    """The run of a key."""
    return next(_runs(db, "WHERE key = ?", key), None)


def put_run(db: sqlite3.Connection, row: RunRow) -> None:
    """Write a run that is known."""
    marks = ",".join("?" * len(fields(row)))
    query = f"INSERT OR REPLACE INTO run ({_RUN}) VALUES ({marks})"  # noqa: S608 - our columns
    rows_of(db, query, *astuple(row))


def waiting_runs(db: sqlite3.Connection, job: str | None = None) -> list[RunRow]:
    """Runs whose turn has not come, the earliest due first."""
    return list(_runs(db, "WHERE state = ? AND (? IS NULL OR job = ?) ORDER BY due_us", WAITING, job, job))


def live_runs(db: sqlite3.Connection, job: str | None = None) -> list[RunRow]:
    """Runs that are claimed or running, of whatever node."""
    return list(
        _runs(db, "WHERE state IN (?, ?) AND (? IS NULL OR job = ?) ORDER BY due_us", *_LIVE, job, job)
    )


def newest_runs(db: sqlite3.Connection, limit: int) -> list[RunRow]:
    """The newest runs of all jobs, the newest first."""
    return list(_runs(db, "ORDER BY coalesce(ended_us, started_us, due_us) DESC, due_us DESC LIMIT ?", limit))


def last_run(db: sqlite3.Connection, job: str) -> RunRow | None:
    """The newest run of a job that began and is over; one that was missed is none."""
    where = "WHERE job = ? AND ended_us IS NOT NULL AND started_us IS NOT NULL AND state != ?"
    return next(_runs(db, f"{where} ORDER BY ended_us DESC LIMIT 1", job, RunState.MISSED.value), None)


def durations_us(db: sqlite3.Connection, job: str, limit: int = 100) -> list[int]:
    """How long the last runs that were done took."""
    query = (
        "SELECT ended_us - started_us FROM run WHERE job = ? AND state = ? AND started_us IS NOT NULL"
        " ORDER BY due_us DESC LIMIT ?"
    )
    return [took for (took,) in rows_of(db, query, job, RunState.DONE.value, limit)]


def prune_runs(db: sqlite3.Connection, job: str) -> None:
    """Forget runs that are over, beyond the newest :data:`KEPT` of a job."""
    over = "job = ? AND state NOT IN ('waiting', 'claimed', 'running')"
    oldest = f"SELECT due_us FROM run WHERE {over} ORDER BY due_us DESC LIMIT 1 OFFSET ?"  # noqa: S608 - ours
    for (due_us,) in rows_of(db, oldest, job, KEPT):
        rows_of(db, f"DELETE FROM run WHERE {over} AND due_us <= ?", job, due_us)  # noqa: S608 - ours


def _runs(db: sqlite3.Connection, where: str, *values: Any) -> Iterator[RunRow]:
    found = rows_of(db, f"SELECT {_RUN} FROM run {where}", *values)  # noqa: S608 - our columns and conditions
    return (RunRow(*row) for row in found)


# -- what is to be told on the ledger


def to_tell(db: sqlite3.Connection, kind: str, body: Mapping[str, Any]) -> None:
    """Have an event told: in the transaction that makes it true, once however often it is tried."""
    text = json.dumps(body, sort_keys=True)
    rows_of(
        db,
        "INSERT OR IGNORE INTO job_event (event_id, kind, body) VALUES (?, ?, ?)",
        event_id_of(kind, text),
        kind,
        text,
    )


def tell_missed(db: sqlite3.Connection, job: str, missed: Missed) -> None:
    """Count what passed without a run, and have it told."""
    count(db, job, missed=missed.count)
    body: dict[str, Any] = {
        "job": job,
        "count": missed.count,
        "first_due": iso(from_unix_us(missed.first_us)),
        "last_due": iso(from_unix_us(missed.last_us)),
        "why": missed.why.value,
    }
    if missed.at_least:
        body["at_least"] = True
    to_tell(db, EventKind.JOB_MISSED.value, body)


def untold(db: sqlite3.Connection, limit: int = 50) -> list[EventDraft]:
    """Events that the ledger may not have yet, in their order."""
    found = rows_of(db, "SELECT event_id, kind, body FROM job_event ORDER BY place LIMIT ?", limit)
    return [EventDraft(event_id, kind, json.loads(body)) for event_id, kind, body in found]


def told(db: sqlite3.Connection, drafts: Sequence[EventDraft]) -> None:
    """The ledger has them."""
    for one in drafts:
        rows_of(db, "DELETE FROM job_event WHERE event_id = ?", one.event_id)
