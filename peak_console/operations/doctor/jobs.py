"""What runs by itself: whether the node's scheduler is well, and each job's runs."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from peak_console.config.load import load_configs
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import ConfigInvalid
from peak_console.domain.jobs import RunState
from peak_console.domain.text import one_line
from peak_console.operations.doctor.running import node_told
from peak_console.operations.doctor.shapes import Diagnosis, Health
from peak_console.operations.jobs.listing import JobsNow, list_jobs
from peak_console.operations.locking.entries import slots_of
from peak_console.operations.views.shadow import JobLine, JobState

_LATE: Final = timedelta(seconds=60)
_NAMED: Final = 5
_FAILED: Final = frozenset({RunState.FAILED, RunState.TIMED_OUT, RunState.INTERRUPTED})


def jobs(ws: Workspace, now: datetime, *, simulated: bool) -> Iterator[Diagnosis]:
    """The jobs of a workspace; nothing where it has none."""
    listed = list_jobs(ws, runs=1)
    if listed.jobs or (listed.told_by_node and listed.problem):
        wanted = frozenset[str]() if simulated else _wanted(ws, now)
        yield from judged(listed, now, key_names=_key_names(node_told(ws)), wanted=wanted)


def judged(
    listed: JobsNow, now: datetime, *, key_names: frozenset[str] | None, wanted: frozenset[str]
) -> Iterator[Diagnosis]:
    """The pure rule.

    ``key_names`` are the variables that workers get, ``None`` where no file is kept; ``wanted`` those of the
    providers that jobs may ask, empty where they need none.
    """
    running = [one for one in listed.jobs if one.state not in {JobState.GONE, JobState.DISABLED}]
    yield from _scheduler(listed, running, now)
    yield from _gone(listed)
    failing = [one.name for one in running if one.last is not None and one.last.state in _FAILED]
    if failing:
        remedy = f"peak jobs runs {failing[0]} --failed"
        yield Diagnosis(
            "jobs", "last runs", Health.WARN, f"the last one was not done: {_names(failing)}", remedy
        )
    missed = [f"{one.name} ({one.missed:,})" for one in running if one.missed]
    if missed:
        found = f"some were missed so far: {_names(missed)}"
        yield Diagnosis("jobs", "missed runs", Health.NOTE, found, "see when and why: peak jobs list")
    paused = [one.name for one in running if one.state is JobState.PAUSED]
    if paused:
        remedy = f'peak jobs resume {paused[0]} --reason "..."'
        yield Diagnosis("jobs", "paused", Health.NOTE, _names(paused), remedy)
    if wanted and running and not (key_names or frozenset()) & wanted:
        found = "their workers get no provider's key: the node's environment file holds none"
        variables = ", ".join(sorted(wanted)[:_NAMED])
        remedy = f"write {variables} into the node's environment file; its place: peak node install --print"
        yield Diagnosis("jobs", "keys of jobs", Health.WARN, found, remedy)


def _scheduler(listed: JobsNow, running: list[JobLine], now: datetime) -> Iterator[Diagnosis]:
    if not listed.told_by_node:
        scheduled = [one.name for one in running if one.schedule]
        if scheduled:
            found = f"no node runs what is scheduled: {_names(scheduled)}"
            yield Diagnosis("jobs", "scheduler", Health.WARN, found, "peak node start")
        return
    late = [one.name for one in running if one.next_at is not None and now - one.next_at > _LATE]
    if listed.problem:
        yield Diagnosis(
            "jobs", "scheduler", Health.BAD, one_line(listed.problem, 300), "peak lint; then: peak logs"
        )
    elif late:
        found = f"it should have looked a while ago at {_names(late)}"
        remedy = "see why: peak logs; a node that hangs: peak node stop --force, then peak node start"
        yield Diagnosis("jobs", "scheduler", Health.BAD, found, remedy)
    else:
        yield Diagnosis("jobs", "scheduler", Health.OK, listed.scheduler or "it answers")


def _gone(listed: JobsNow) -> Iterator[Diagnosis]:
    gone = [one.name for one in listed.jobs if one.state is JobState.GONE]
    if gone:
        found = f"the config names them no more, what is known of them is kept: {_names(gone)}"
        yield Diagnosis("jobs", "gone", Health.NOTE, found, "peak config history jobs")
    renamed = [f"{one.name}: {one_line(one.note, 120)}" for one in listed.jobs if "renamed" in one.note]
    if renamed:
        yield Diagnosis("jobs", "renamed", Health.NOTE, "; ".join(renamed[:_NAMED]))


def _key_names(told: Mapping[str, Any] | None) -> frozenset[str] | None:
    """The variables of the environment file that the node has found; ``None`` where it tells of none."""
    found = (told or {}).get("environment_file")
    if not isinstance(found, Mapping) or not found.get("path"):
        return None
    names = found.get("names")
    return frozenset(one for one in names if isinstance(one, str)) if isinstance(names, list) else frozenset()


def _wanted(ws: Workspace, now: datetime) -> frozenset[str]:
    """The key variables of the providers in the matrix, where a job is enabled at all."""
    from peak_console.llm.providers.adapters import ADAPTERS  # noqa: PLC0415 - loads what speaks to providers

    try:
        configs = load_configs(ws, today=now.date())
    except ConfigInvalid:
        return frozenset()
    if configs.jobs is None or not any(one.enabled for one in configs.jobs.job):
        return frozenset()
    providers = {slot.provider for slot in slots_of(configs)}
    return frozenset(one.key_variable for (name, _), one in ADAPTERS.items() if name in providers)


def _names(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
