"""What becomes of due times: which are run, which are missed and why; of runs that were cut off. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from peak_console.config.jobs import Job
from peak_console.domain.jobs import CatchUp, RunCause
from peak_console.jobs.due import Schedule, dues_between
from peak_console.jobs.keys import jitter_us

GRACE_US: Final = 60_000_000
"""A run that begins so long after its time is on time: a node restarts, a machine is busy."""

CATCH_UP_MOST: Final = 24
"""``catch_up = "all"`` runs so many of the newest missed runs; those before them stay missed."""

AGAIN_MOST: Final = 2
"""So often a run that was cut off is begun again."""


class MissedWhy(StrEnum):
    """Why a run that was due never began."""

    NODE_DOWN = "node_down"
    STOPPED = "stopped"
    """The posture permitted no calls."""
    PAUSED = "paused"
    TOO_MANY = "too_many"
    """Another was running, or was due at the same moment, or there were more than are caught up with."""
    DISABLED_SINCE = "disabled_since"
    JOBS_UNREADABLE = "jobs_unreadable"
    """The node began while the jobs' file had an error: it scheduled nothing."""
    LATE = "late"
    """The node ran and did not see its time: the machine slept, or its clock was stepped."""


@dataclass(frozen=True, slots=True)
class Begin:
    """A run that is to begin."""

    due_us: int
    cause: RunCause


@dataclass(frozen=True, slots=True)
class Missed:
    """Due times that pass without a run, told in one event."""

    count: int
    first_us: int
    last_us: int
    why: MissedWhy
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class Around:
    """What held around the due times that are looked at. Moments in microseconds since 1970."""

    now_us: int
    served_since_us: int
    """Since when this node looks."""
    free_since_us: int = 0
    """What was due before was held by a stop or a pause, up to this moment."""
    held_by: MissedWhy | None = None
    """What held it: ``stopped``, ``paused`` or ``jobs_unreadable``."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of the due times after a cursor. ``cursor_us`` is the last that is dealt with."""

    begin: tuple[Begin, ...]
    missed: tuple[Missed, ...]
    cursor_us: int
    wake_us: int | None
    """When to look again; ``None`` where nothing comes any more."""


def plan(job: Job, schedule: Schedule, cursor_us: int, around: Around) -> Plan:
    """What becomes of what was due after ``cursor_us`` and has come by now."""
    until = _arrived(job, schedule, cursor_us, around.now_us)
    keep = CATCH_UP_MOST + 2  # those caught up with, the newest, and one missed: the end of what is uncounted
    dues = dues_between(schedule, cursor_us, until, keep)
    if not dues.times:
        return Plan((), (), cursor_us, _wake(job, schedule, cursor_us))
    newest = dues.times[-1]
    on_time = _is_on_time(job, newest, around)
    before = dues.times[:-1] if on_time else dues.times
    caught = _caught(job.catch_up, before, newest_runs=on_time)
    begin = [Begin(due, RunCause.CATCH_UP) for due in caught]
    if on_time:
        begin.append(Begin(newest, RunCause.DUE))
    left = before[: len(before) - len(caught)]
    uncounted = dues.count - len(dues.times)
    missed = _missed(left, uncounted, dues.first or newest, around, at_least=dues.at_least)
    return Plan(tuple(begin), tuple(missed), newest, _wake(job, schedule, newest))


def runs_again(catch_up: CatchUp, attempt: int) -> bool:
    """Whether a run that was cut off in its ``attempt`` (from 1) is begun again."""
    return catch_up is not CatchUp.NONE and attempt <= AGAIN_MOST


def rewound(cursor_us: int, now_us: int) -> int:
    """The cursor after the wall clock went back: due times from now on count again.

    What already ran has its claim and runs no second time; what only seemed missed gets its chance.
    """
    return min(cursor_us, now_us)


def _arrived(job: Job, schedule: Schedule, cursor_us: int, now_us: int) -> int:
    """Up to which due time runs may begin: all whose jitter is over; they begin in their order."""
    longest = job.jitter_s * 1_000_000
    until = now_us - longest
    due = schedule.after(max(until, cursor_us)) if longest else None
    while due is not None and due <= now_us and due + jitter_us(job.name, due, job.jitter_s) <= now_us:
        until = due
        due = schedule.after(due)
    return until if longest else now_us


def _wake(job: Job, schedule: Schedule, cursor_us: int) -> int | None:
    due = schedule.after(cursor_us)
    return None if due is None else due + jitter_us(job.name, due, job.jitter_s)


def _is_on_time(job: Job, due_us: int, around: Around) -> bool:
    begins = due_us + jitter_us(job.name, due_us, job.jitter_s)
    return due_us > around.free_since_us and around.now_us - begins <= GRACE_US


def _caught(catch_up: CatchUp, before: Sequence[int], *, newest_runs: bool) -> Sequence[int]:
    """Which of the missed ones are run after all: none, the last if nothing newer runs, or the newest few."""
    if catch_up is CatchUp.ALL:
        return before[-CATCH_UP_MOST:]
    if catch_up is CatchUp.LAST and not newest_runs:
        return before[-1:]
    return ()


def _missed(
    left: Sequence[int], uncounted: int, first_us: int, around: Around, *, at_least: bool
) -> list[Missed]:
    """What is left, in one batch for each reason, oldest first. What nobody counted one by one joins it."""
    batches: list[Missed] = []
    for due in left:
        why = _why(due, around)
        last = batches[-1] if batches else None
        if last is not None and last.why is why:
            batches[-1] = Missed(last.count + 1, last.first_us, due, why)
        else:
            batches.append(Missed(1, due, due, why))
    if uncounted:
        rest = batches[0]
        batches[:1] = [Missed(rest.count + uncounted, first_us, rest.last_us, rest.why, at_least)]
    return batches


def _why(due_us: int, around: Around) -> MissedWhy:
    if around.held_by is not None and due_us <= around.free_since_us:
        return around.held_by
    if due_us <= around.served_since_us:
        return MissedWhy.NODE_DOWN
    return MissedWhy.TOO_MANY if around.now_us - due_us <= GRACE_US else MissedWhy.LATE
