"""What the scheduler tells of jobs and runs, as JSON without floats: ``jobs.list`` and ``peak status``."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from peak_console.config.jobs import Job
from peak_console.domain.clock import from_unix_us, iso
from peak_console.domain.jobs import RunState
from peak_console.node.scheduling import tables
from peak_console.node.scheduling.running import Running
from peak_console.node.scheduling.standing import Standing
from peak_console.node.scheduling.syncing import RENAMED, RENAMED_TO, job_of
from peak_console.node.scheduling.tables import WAITING, RunRow, ScheduleRow

RUNS_MOST: Final = 500


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of the book at one moment."""

    schedules: Mapping[str, ScheduleRow]
    waiting: Sequence[RunRow]
    newest: Sequence[RunRow]
    last: Mapping[str, RunRow | None]
    p95_us: Mapping[str, int | None]


def read(db: sqlite3.Connection, runs: int) -> Read:
    """Read what a list shows."""
    schedules = tables.schedules(db)
    return Read(
        schedules,
        tables.waiting_runs(db),
        tables.newest_runs(db, max(1, min(runs, RUNS_MOST))),
        {name: _last_run(db, row) for name, row in schedules.items()},
        {name: _p95(tables.durations_us(db, name)) for name in schedules},
    )


def _last_run(db: sqlite3.Connection, row: ScheduleRow) -> RunRow | None:
    """The last run of a job; before it had one, that of the job that it was called before."""
    found = tables.last_run(db, row.job)
    if found is None and row.note.startswith(RENAMED):
        return tables.last_run(db, row.note.removeprefix(RENAMED))
    return found


def without_book(standing: Standing) -> Read:
    """What is known at once, while the book cannot be read."""
    return Read(standing.schedules, (), (), {}, {})


def listing(found: Read, standing: Standing, stopped: str, paused: Mapping[str, str]) -> dict[str, Any]:
    """The reply to ``jobs.list``: jobs of the config in its order, then those that left it."""
    names = [*standing.jobs, *(name for name in found.schedules if name not in standing.jobs)]
    return {
        "jobs": [_job(name, found, standing, stopped, paused) for name in names],
        "runs": [run_told(row, standing.running.get(row.key)) for row in found.newest],
    }


def scheduler_told(standing: Standing, stopped: str, note: str) -> dict[str, Any]:
    """How the scheduler is."""
    scheduled = [job for job in standing.jobs.values() if job.enabled and job.schedule is not None]
    running = len(standing.running)
    words = "nothing scheduled" if not scheduled else f"{len(scheduled)} scheduled, {running} running"
    wakes = sorted(standing.wakes.values())
    return {
        "state": words,
        "held": f"held: {stopped}" if stopped and standing.jobs else "",
        "problem": standing.problem or standing.trouble,
        "note": note,
        "scheduled": len(scheduled),
        "running": running,
        "next_at": _time(wakes[0]) if wakes else None,
    }


def report(standing: Standing, stopped: str, paused: Mapping[str, str], note: str) -> dict[str, Any]:
    """The part ``jobs`` of the node's status: without asking the book."""
    rows = standing.schedules
    counted = [
        row for row in rows.values() if not row.note.startswith(RENAMED_TO)
    ]  # its heir has its figures
    return {
        **scheduler_told(standing, stopped, note),
        "paused": sorted(name for name in paused if name in rows),
        "notes": {name: row.note for name, row in sorted(rows.items()) if row.note},
        "missed": sum(row.missed for row in counted),
        "interrupted": sum(row.interrupted for row in counted),
        "failed": sum(row.failed for row in counted),
        "runs": sum(row.runs for row in counted),
    }


def run_told(row: RunRow, running: Running | None = None) -> dict[str, Any]:
    """A run."""
    waits = row.state == WAITING
    took = None if row.started_us is None or row.ended_us is None else (row.ended_us - row.started_us) // 1000
    return {
        "key": row.key,
        "job": row.job,
        "state": _run_state(row, running),
        "due_at": iso(from_unix_us(row.due_us)),
        "cause": row.cause,
        "run_id": (running.run_id if running else "") or row.run_id,
        "started_at": None if waits else _time(row.started_us),
        "ended_at": _time(row.ended_us),
        "outcome": "" if waits else row.outcome,
        "detail": "" if waits else row.detail,
        "step": "waits for its turn" if waits else running.step if running else "",
        "asked_by": row.asked_by,
        "reason": row.reason,
        "attempt": row.attempt,
        "duration_ms": took,
    }


def _run_state(row: RunRow, running: Running | None) -> str:
    """Claimed until its worker goes, then running, whether or not that is written down yet."""
    if row.state == WAITING:
        return RunState.CLAIMED.value
    goes = running is not None and running.worker.pid and row.is_live
    return RunState.RUNNING.value if goes else row.state


def _job(
    name: str, found: Read, standing: Standing, stopped: str, paused: Mapping[str, str]
) -> dict[str, Any]:
    row = found.schedules.get(name)
    known = standing.jobs.get(name)
    job = known or (job_of(row) if row else None)
    running = [one for one in standing.running.values() if one.row.job == name]
    last, p95 = found.last.get(name), found.p95_us.get(name)
    wake = standing.wakes.get(name)
    gone = known is None and (row is None or bool(row.gone) or not standing.problem)
    state, why = _state(job, running, stopped, paused.get(name, ""), gone=gone)
    if known is None and not gone and not running:
        state, why = "unknown", "the jobs' file has an error: it is not scheduled"
    return {
        "name": name,
        "kind": job.kind.value if job else None,
        "state": state,
        "schedule": (job.schedule or "") if job else "",
        "timezone": job.timezone if job else "UTC",
        "next_at": _time(wake) if known else None,
        "last": run_told(last) if last else None,
        "running": [run_told(one.row, one) for one in running],
        "waiting": sum(one.job == name for one in found.waiting),
        "runs": row.runs if row else 0,
        "failed": row.failed if row else 0,
        "missed": row.missed if row else 0,
        "interrupted": row.interrupted if row else 0,
        "p95_ms": None if p95 is None else p95 // 1000,
        "tags": list(job.tags) if job else [],
        "description": job.description if job else "",
        "note": "; ".join(filter(None, (standing.unreadable.get(name), why, _note(row)))),
    }


def _note(row: ScheduleRow | None) -> str:
    """What is to be known of a job; of one that had another name, whose figures these are."""
    if row is None:
        return ""
    old = row.note.removeprefix(RENAMED)
    return f"{row.note}, counts and last run inherited" if row.note.startswith(RENAMED) and old else row.note


def _state(
    job: Job | None,
    running: Sequence[Running],
    stopped: str,
    paused: str,
    *,
    gone: bool,
) -> tuple[str, str]:
    """Where a job stands, in a word and why; the words are those of ``operations.views.shadow.JobState``."""
    if gone or job is None:
        return ("running" if running else "gone"), ""
    if running:
        return "running", ""
    if paused:
        return "paused", paused
    if not job.enabled:
        return "disabled", ""
    if stopped:
        return "held", stopped
    return ("waiting" if job.schedule else "on_demand"), ""


def _p95(durations: Sequence[int]) -> int | None:
    if not durations:
        return None
    ranked = sorted(durations)
    return ranked[max(0, -(-len(ranked) * 95 // 100) - 1)]


def _time(moment_us: int | None) -> str | None:
    return None if moment_us is None else iso(from_unix_us(moment_us))
