"""What an operator does about jobs and quarantined models, as screens need it. Calls come from threads.

What a workspace can come to is raised as a ``PeakError``. Pausing and cancelling make things safer: anybody
may, and nothing is asked; resuming and releasing carry an operator's proof.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from peak_console.config.workspace import Workspace
from peak_console.operations.views.work import Cancelled, Progress, WorkCancelled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peak_console.operations.views.shadow import JobRunLine


_DUE: Final = 5
_PATIENCE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class JobAbout:
    """What the config says of a job now, and when it is due next."""

    settings: tuple[tuple[str, str], ...]
    """Names and values, as the config has them."""
    due: tuple[datetime, ...] = ()
    """The next times, UTC; none where it runs when it is asked for, or not at all."""


class ShadowDesk(Protocol):
    """The jobs and the quarantines of one workspace."""

    def about(self, job: str, now: datetime) -> JobAbout:
        """The settings of a job and its next due times after ``now``."""
        ...

    def run_now(self, job: str, reason: str, operator: str) -> str:
        """Ask for a run of a job; gives the run's key, before it has begun."""
        ...

    def watch(self, key: str, progress: Progress, cancelled: Cancelled) -> "JobRunLine":
        """Wait for the end of a run, telling its steps; ``cancelled`` ends the waiting, not the run."""
        ...

    def cancel(self, key: str, reason: str, operator: str) -> str:
        """End a run; a line that says so."""
        ...

    def pause(self, job: str, reason: str, operator: str) -> str:
        """Let a job begin no run until it is resumed; a line that says so."""
        ...

    def resume(self, job: str, reason: str, operator: str) -> str:
        """Let a paused job run again; a line that says so."""
        ...

    def release(self, model: str, reason: str, operator: str) -> str:
        """Let a quarantined model, ``PROVIDER:MODEL``, be asked again; a line that says so."""
        ...


class WorkspaceShadowDesk:
    """The jobs of a real workspace, through its node."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws

    def about(self, job: str, now: datetime) -> JobAbout:
        """What configs/shadow/jobs.toml says of it; raises ``ConfigInvalid`` and ``UsageWrong``."""
        from peak_console.config.load import load_configs  # noqa: PLC0415 - loads the config room
        from peak_console.domain.clock import from_unix_us, unix_us  # noqa: PLC0415 - beside what needs it
        from peak_console.jobs.due import schedule_of  # noqa: PLC0415 - loads the calendar
        from peak_console.operations.jobs.asking import unknown_job  # noqa: PLC0415 - loads ledger and keys

        jobs = load_configs(self._ws, today=now.date()).whole_jobs()
        found = jobs.find(job)
        if found is None:
            raise unknown_job(job, (one.name for one in jobs.job))
        schedule = schedule_of(found) if found.enabled else None
        due: list[datetime] = []
        moment_us: int | None = unix_us(now)
        while schedule is not None and moment_us is not None and len(due) < _DUE:
            moment_us = schedule.after(moment_us)
            due += [] if moment_us is None else [from_unix_us(moment_us)]
        return JobAbout(tuple(_settings(found.model_dump(mode="json", exclude_none=True))), tuple(due))

    def run_now(self, job: str, reason: str, operator: str) -> str:
        """Ask for a run."""
        from peak_console.operations.jobs import asking  # noqa: PLC0415 - loads ledger and keys

        return asking.run_now(self._ws, job, reason=reason, operator=operator or None).key

    def watch(self, key: str, progress: Progress, cancelled: Cancelled) -> "JobRunLine":
        """Wait for its end, through a node that is started anew too."""
        from peak_console.operations.jobs import asking  # noqa: PLC0415 - loads ledger and keys

        def told(run: "JobRunLine") -> None:
            progress(run.step or run.state.value, 0, 0)

        def sleep(seconds: float) -> None:
            if cancelled():
                raise WorkCancelled("it goes on; it is not waited for any more")
            time.sleep(seconds)

        return asking.follow(self._ws, (key,), told=told, sleep=sleep)[0]

    def cancel(self, key: str, reason: str, operator: str) -> str:
        """End a run."""
        from peak_console.operations.jobs import asking  # noqa: PLC0415 - loads ledger and keys

        done = asking.cancel_run(self._ws, key, reason=reason, operator=operator or None)
        return f"{done.job}: its run is being ended"

    def pause(self, job: str, reason: str, operator: str) -> str:
        """Pause a job."""
        from peak_console.operations.jobs import asking  # noqa: PLC0415 - loads ledger and keys

        done = asking.pause_job(self._ws, job, reason=reason, operator=operator or None)
        return f"{job} is paused{_place(done.seq)}; u resumes it"

    def resume(self, job: str, reason: str, operator: str) -> str:
        """Resume it, signed with this user's key."""
        from peak_console.operations.jobs import asking  # noqa: PLC0415 - loads ledger and keys

        done = asking.resume_job(self._ws, job, reason=reason, by=operator or None)
        return f"{job} runs again by its schedule{_place(done.seq)}"

    def release(self, model: str, reason: str, operator: str) -> str:
        """Release it, signed with this user's key."""
        from peak_console.operations.jobs.listing import node_client  # noqa: PLC0415 - loads ledger and keys
        from peak_console.operations.shadow.releasing import release_model  # noqa: PLC0415 - likewise

        with node_client(self._ws, deadline_s=_PATIENCE_S) as client:
            released = release_model(self._ws, client, model, reason=reason, by=operator or None)
        evidence = released.support.gold.words or "no evidence since its quarantine"
        return f"{model} may be asked again{_place(released.seq)}; {evidence}; its tests begin anew"


_SHOWN_ELSEWHERE: Final = frozenset({"name", "kind", "schedule", "timezone", "description", "tags"})


def _settings(document: dict[str, Any], under: str = "") -> "Iterator[tuple[str, str]]":
    """Every setting by its path in the job's table."""
    for name, value in document.items():
        if under or name not in _SHOWN_ELSEWHERE:
            yield from _setting(f"{under}{name}", value)


def _setting(path: str, value: Any) -> "Iterator[tuple[str, str]]":
    if isinstance(value, dict):
        yield from _settings(value, f"{path}.")
    elif isinstance(value, list):
        yield path, ", ".join(_value(one) for one in value) or "none"
    elif path == "shadow_cycle.http.url":
        yield path, _address(str(value))
    else:
        yield path, _value(value)


def _address(url: str) -> str:
    """An address of bars; without a query that may hold a key, which lint and each run refuse."""
    from peak_console.domain.queries import query_fault  # noqa: PLC0415 - seldom
    from peak_console.net.messages import bare_url  # noqa: PLC0415 - seldom

    return url if query_fault(url) is None else f"{bare_url(url)}?…"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ".".join(str(one) for one in value.values())
    return str(value).lower() if isinstance(value, bool) else str(value)


def _place(seq: int | None) -> str:
    return f", on record as #{seq:,}" if seq else ""
