"""Jobs and their runs in words, for the command line. Pure; foreign text is made harmless."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from peak_console.cli.output import table
from peak_console.domain.jobs import RunState
from peak_console.domain.text import one_line
from peak_console.operations.jobs.listing import JobsNow
from peak_console.operations.views.shadow import JobLine, JobRunLine, JobState

_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400
_DETAIL: Final = 160
_NAMED: Final = 3

STATE_WORDS: Final = {
    JobState.WAITING: "waiting",
    JobState.RUNNING: "RUNNING",
    JobState.PAUSED: "PAUSED",
    JobState.HELD: "HELD",
    JobState.DISABLED: "disabled",
    JobState.ON_DEMAND: "when asked",
    JobState.GONE: "GONE",
    JobState.UNKNOWN: "not known",
}


def listed(now: JobsNow, jobs: Sequence[JobLine]) -> list[str]:
    """The jobs as a table, what is to be known of each below it, and what the scheduler says."""
    if not jobs:
        wrong = now.told_by_node and now.problem
        rows = ["no job is known: peak lint" if wrong else "no job is configured: peak config edit jobs"]
    else:
        headers = ["job", "state", "schedule", "next", "last run", "runs"]
        rows = table(headers, [_job(one, now.taken_at) for one in jobs])
        told = (one for one in jobs if one.note and one.state is not JobState.HELD)  # the scheduler tells why
        rows += [f"{one.name}: {one_line(one.note, _DETAIL)}" for one in told]
    return [*rows, *_below(now)]


def brief(now: JobsNow) -> str:
    """All jobs in a line, as ``peak status`` has it; empty where there are none, and nothing is wrong."""
    if not now.jobs:
        return f"PROBLEM: {one_line(now.problem, _DETAIL)}" if now.told_by_node and now.problem else ""
    states = Counter(one.state for one in now.jobs)
    parts = [f"{count} {STATE_WORDS[state]}" for state, count in states.items()]
    due = min(((one.next_at, one.name) for one in now.jobs if one.next_at is not None), default=None)
    if due is not None:
        parts.append(f"next {due[1]} {ago(due[0], now.taken_at)}")
    bad = [one.name for one in now.jobs if one.last is not None and one.last.state not in _CALM]
    if bad:
        parts.append(f"last run not done: {', '.join(bad[:_NAMED])}{' …' if len(bad) > _NAMED else ''}")
    if not now.told_by_node:
        parts.append("no node runs them")
    elif now.problem:
        parts.append(f"PROBLEM: {one_line(now.problem, _DETAIL)}")
    return ", ".join(parts)


def runs_listed(now: JobsNow, runs: Sequence[JobRunLine]) -> list[str]:
    """The runs as a table, the newest first."""
    if not runs:
        return ["no run is on record", *_below(now)]
    headers = ["run", "state", "outcome", "began", "took", "why", "detail"]
    rows = [
        [
            one.key,
            state_word(one),
            one_line(one.outcome, 40) or "-",
            "-" if one.started_at is None else ago(one.started_at, now.taken_at),
            took(one, now.taken_at),
            _why(one),
            detail(one),
        ]
        for one in runs
    ]
    return [*table(headers, rows), *_below(now)]


def _why(run: JobRunLine) -> str:
    """Why it ran; of one that was asked for by whom, and what for."""
    if not run.asked_by:
        return run.cause.value
    reason = f": {one_line(run.reason, 60)}" if run.reason else ""
    return f"asked by {one_line(run.asked_by, 40)}{reason}"


def state_word(run: JobRunLine) -> str:
    """Where a run stands; what needs a look is in capitals."""
    return run.state.value if run.state in _CALM else run.state.value.upper()


_CALM: Final = {RunState.CLAIMED, RunState.RUNNING, RunState.DONE}


def progress(run: JobRunLine) -> str:
    """One line of a run that is waited for."""
    return f"{run.key} · {one_line(run.step, _DETAIL) or state_word(run)}"


def ended(run: JobRunLine, now: datetime) -> str:
    """How a run ended, in one line."""
    told = [run.key, state_word(run), one_line(run.outcome, 60), took(run, now)]
    told += [f"run {run.run_id}" if run.run_id else "", one_line(run.detail, 400)]
    return " · ".join(filter(lambda one: one not in {"", "-"}, told))


def detail(run: JobRunLine) -> str:
    """What a run does, or what is to be known of its end."""
    words = run.detail if run.state.is_over else run.step
    ledger = f"run {one_line(run.run_id, _DETAIL)}" if run.run_id else ""
    said = one_line(words, max(1, _DETAIL - len(ledger)))  # the id stands whole, to be copied
    return " · ".join(filter(None, (said, ledger))) or "-"


def took(run: JobRunLine, now: datetime) -> str:
    """How long a run took, or takes."""
    seconds = run.duration_s(now)
    return "-" if seconds is None else length(seconds)


def length(seconds: float) -> str:
    """A length of time: ``0.4 s``, ``12 s``, ``3 min``, ``2 h``, ``5 d``."""
    if seconds < _MINUTE_S:
        return f"{max(0.0, seconds):.1f} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004 - digits
    if seconds < 2 * _HOUR_S:
        return f"{seconds / _MINUTE_S:.0f} min"
    return f"{seconds / _HOUR_S:.0f} h" if seconds < 2 * _DAY_S else f"{seconds / _DAY_S:.0f} d"


def ago(moment: datetime, now: datetime) -> str:
    """How long ago, or in how long."""
    seconds = (now - moment).total_seconds()
    return f"{length(seconds)} ago" if seconds >= 0 else f"in {length(-seconds)}"


def _job(job: JobLine, now: datetime) -> list[str]:
    zone = f" {job.timezone}" if job.schedule and not job.schedule.startswith("every") else ""
    last = job.last
    ended_at = (last.ended_at or last.started_at) if last else None
    when = "" if ended_at is None else f" {ago(ended_at, now)}"
    outcome = "-" if last is None else f"{_outcome(last)}{when}"
    return [
        job.name,
        STATE_WORDS[job.state],
        f"{job.schedule}{zone}" if job.schedule else "when asked" if job.state is JobState.ON_DEMAND else "-",
        "-" if job.next_at is None else ago(job.next_at, now),
        outcome,
        _counts(job),
    ]


def _outcome(run: JobRunLine) -> str:
    """How a run came out: its own word, after its state where that needs a look."""
    word = one_line(run.outcome, 40)
    if run.state in _CALM:
        return word or run.state.value
    return f"{state_word(run)} {word}" if word and word != run.state.value else state_word(run)


def _counts(job: JobLine) -> str:
    bad = (
        (job.failed, "failed"),
        (job.missed, "missed"),
        (job.interrupted, "interrupted"),
    )
    told = [f"{count:,} {word}" for count, word in bad if count]
    told += [f"p95 {length(job.p95_s)}"] if job.p95_s is not None else []
    return f"{job.runs:,}" + (f" ({', '.join(told)})" if told else "")


def _below(now: JobsNow) -> list[str]:
    told = [f"scheduler: {now.scheduler}"] if now.scheduler else []
    if any(one.state is JobState.HELD for one in now.jobs):
        told.append("HELD: nothing begins before that is over: peak status")
    return told + ([f"NOTE: {one_line(now.problem, 500)}"] if now.problem else [])
