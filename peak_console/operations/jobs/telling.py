"""Jobs and their runs as JSON, and back: what the node tells, and what ``--json`` prints. Pure.

Times are ISO 8601 in UTC, lengths whole milliseconds. What a reply holds otherwise is read as far as it goes.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

from peak_console.domain.clock import iso
from peak_console.domain.jobs import JobKind, RunCause, RunState
from peak_console.domain.text import one_line
from peak_console.operations.views.body_fields import EPOCH, listed, mapping, moment, whole
from peak_console.operations.views.shadow import JobLine, JobRunLine, JobState

_Words = TypeVar("_Words", bound=StrEnum)

_NAME: Final = 120
_WORDS: Final = 400


def run_json(run: JobRunLine) -> dict[str, Any]:
    """A run."""
    return {
        "key": run.key,
        "job": run.job,
        "state": run.state.value,
        "due_at": iso(run.due_at),
        "cause": run.cause.value,
        "run_id": run.run_id,
        "started_at": _time(run.started_at),
        "ended_at": _time(run.ended_at),
        "outcome": run.outcome,
        "detail": run.detail,
        "step": run.step,
        "asked_by": run.asked_by,
        "reason": run.reason,
    }


def job_json(job: JobLine) -> dict[str, Any]:
    """A job."""
    return {
        "name": job.name,
        "kind": job.kind.value if job.kind else None,
        "state": job.state.value,
        "schedule": job.schedule,
        "timezone": job.timezone,
        "next_at": _time(job.next_at),
        "last": run_json(job.last) if job.last else None,
        "running": [run_json(one) for one in job.running],
        "runs": job.runs,
        "failed": job.failed,
        "missed": job.missed,
        "interrupted": job.interrupted,
        "p95_ms": None if job.p95_s is None else round(job.p95_s * 1000),
        "tags": list(job.tags),
        "description": job.description,
        "note": job.note,
    }


def run_from(told: Any) -> JobRunLine | None:
    """The run that a reply tells; ``None`` where it names none."""
    fields = mapping(told)
    key, state = _word(fields.get("key"), _NAME), _one_of(RunState, fields.get("state"))
    if not key or state is None:
        return None
    return JobRunLine(
        key=key,
        job=_word(fields.get("job"), _NAME) or key.partition("@")[0],
        state=state,
        due_at=moment(fields.get("due_at")) or EPOCH,
        cause=_one_of(RunCause, fields.get("cause")) or RunCause.DUE,
        run_id=_word(fields.get("run_id"), _NAME),
        started_at=moment(fields.get("started_at")),
        ended_at=moment(fields.get("ended_at")),
        outcome=_word(fields.get("outcome"), _NAME),
        detail=_word(fields.get("detail")),
        step=_word(fields.get("step")),
        asked_by=_word(fields.get("asked_by"), _NAME),
        reason=_word(fields.get("reason")),
    )


def job_from(told: Any) -> JobLine | None:
    """The job that a reply tells; ``None`` where it names none."""
    fields = mapping(told)
    name = _word(fields.get("name"), _NAME)
    if not name:
        return None
    p95 = whole(fields.get("p95_ms"))
    return JobLine(
        name=name,
        kind=_one_of(JobKind, fields.get("kind")),
        state=_one_of(JobState, fields.get("state")) or JobState.UNKNOWN,
        schedule=_word(fields.get("schedule"), _NAME),
        timezone=_word(fields.get("timezone"), _NAME) or "UTC",
        next_at=moment(fields.get("next_at")),
        last=run_from(fields.get("last")),
        running=runs_from(fields.get("running")),
        runs=_count(fields.get("runs")),
        failed=_count(fields.get("failed")),
        missed=_count(fields.get("missed")),
        interrupted=_count(fields.get("interrupted")),
        p95_s=None if p95 is None else p95 / 1000,
        tags=tuple(filter(None, (_word(one, 40) for one in listed(fields.get("tags"))))),
        description=_word(fields.get("description")),
        note=_word(fields.get("note")),
    )


def runs_from(told: Any) -> tuple[JobRunLine, ...]:
    """The runs of a list."""
    return tuple(run for one in listed(told) if (run := run_from(one)) is not None)


def jobs_from(told: Any) -> tuple[JobLine, ...]:
    """The jobs of a list."""
    return tuple(job for one in listed(told) if (job := job_from(one)) is not None)


def scheduler_words(told: Mapping[str, Any]) -> str:
    """What the scheduler says of itself, in a line; empty where it says nothing."""
    return "; ".join(filter(None, (_word(told.get(name)) for name in ("state", "held", "note"))))


def _one_of(words: type[_Words], value: Any) -> _Words | None:
    return words(value) if isinstance(value, str) and value in set(words) else None


def _word(value: Any, limit: int = _WORDS) -> str:
    return one_line(value, limit) if isinstance(value, str) else ""


def _count(value: Any) -> int:
    return max(0, whole(value) or 0)


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)
