"""Asking the node's scheduler: run now, cancel, pause, resume; and waiting for a run, with its steps."""

import difflib
import os
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore
from peak_console.control.stop import login
from peak_console.domain.clock import Clock, SystemClock
from peak_console.domain.errors import EnvironmentUnfit, NodeUnreachable, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.domain.jobs import JobKind, RunState
from peak_console.domain.text import one_line
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.enable import append_proved, choose_operator
from peak_console.operations.jobs.listing import START_NODE, JobsNow, jobs_told, node_client
from peak_console.operations.views.shadow import JobLine, JobRunLine

REASON_LIMIT: Final = 500
NO_REASON: Final = "no reason given"
"""What is recorded where a pause or an end was asked for without a word."""

LOOK_S: Final = 0.25
"""How often a run that is waited for is looked at."""

AWAY_S: Final = 20.0
"""How long the node may be away while a run is waited for: it may be started anew."""

_DEADLINE_S: Final = 5.0
_LOOKED_AT: Final = 200
_MISSING_LOOKS: Final = 20


@dataclass(frozen=True, slots=True)
class JobDone:
    """What was asked for, and that the node took it."""

    what: str
    """``run``, ``cancel``, ``pause`` or ``resume``."""
    job: str
    operator: str
    key: str = ""
    """The run's, of ``run`` and ``cancel``."""
    already: bool = False
    """Whether it was paused before, of ``pause``."""
    seq: int = 0
    """Place of the record, of ``resume``."""

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {
            "what": self.what,
            "job": self.job,
            "key": self.key,
            "already": self.already,
            "operator": self.operator,
            "seq": self.seq,
        }


def run_now(
    ws: Workspace,
    job: str,
    *,
    reason: str = "",
    params: Mapping[str, Any] | None = None,
    operator: str | None = None,
) -> JobDone:
    """Ask for a run of ``job`` at once, beside its schedule; gives its key, before it has begun.

    ``params`` name the slot that a two-sample test is about: ``layer`` and ``role``. Raises ``UsageWrong``
    (``job_unknown``, ``slot_not_asked``), ``ControlRefused`` where nothing may begin now, and
    ``NodeUnreachable``.
    """
    who = operator or login()
    with node_client(ws, deadline_s=_DEADLINE_S) as client:
        now = _now(client)
        line = now.find(job) if now.problem else _known(now, job)  # the node says why it cannot read its jobs
        if params and line is not None and line.kind is not JobKind.TWO_SAMPLE:
            raise UsageWrong(
                f"job {job} is no two-sample test: it takes no slot",
                code="slot_not_asked",
                remedy="leave --slot out, or name a job of kind two_sample",
            )
        reply = client.request(
            "jobs.run", job=job, params=dict(params or {}), operator=who, reason=_reason(reason)
        )
    return JobDone("run", job, who, key=str(reply.get("key", "")))


def cancel_run(ws: Workspace, run: str, *, reason: str = "", operator: str | None = None) -> JobDone:
    """End a run: its calls in flight are cancelled, it ends as aborted. Anyone may: it is safer.

    ``run`` is its key, or a job of which exactly one run goes on; it needs no reason. Raises ``UsageWrong``
    (``run_unknown``, ``run_over``, ``run_ambiguous``) and ``NodeUnreachable``.
    """
    who = operator or login()
    with node_client(ws, deadline_s=_DEADLINE_S) as client:
        found = going_on(_now(client), run)
        client.request("jobs.cancel", key=found.key, operator=who, reason=_reason(reason) or NO_REASON)
    return JobDone("cancel", found.job, who, key=found.key)


def pause_job(ws: Workspace, job: str, *, reason: str = "", operator: str | None = None) -> JobDone:
    """Let no run of ``job`` begin until it is resumed; a run that goes on ends by itself. Anyone may.

    It needs no reason: what is safer is never refused for want of words. Raises ``UsageWrong``
    (``job_unknown``) and ``NodeUnreachable``.
    """
    why, who = _reason(reason) or NO_REASON, operator or login()
    with node_client(ws, deadline_s=_DEADLINE_S) as client:
        _known(_now(client), job)
        reply = client.request("jobs.pause", job=job, reason=why, operator=who)
    return JobDone("pause", job, who, already=reply.get("already") is True)


def resume_job(
    ws: Workspace,
    job: str,
    *,
    reason: str,
    by: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> JobDone:
    """Let a paused ``job`` run by its schedule again, with an operator's proof.

    Raises ``UsageWrong`` (``reason_missing``, ``job_unknown``), ``ControlRefused`` without a key or where it
    is not paused (``job_not_paused``), and ``NodeUnreachable``.
    """
    why = _needed(reason, "a resumption")
    store = KeyStore(ws.keys, os.environ if environ is None else environ)
    with node_client(ws, deadline_s=_DEADLINE_S) as client:
        _known(_now(client), job)
        operator = choose_operator(store, by)
        body = {"job": job, "reason": why, "operator": operator}
        draft = EventDraft(new_event_id(secrets.token_bytes), EventKind.JOB_RESUMED.value, body)
        return JobDone("resume", job, operator, seq=append_proved(client, store, operator, draft))


def follow(
    ws: Workspace,
    keys: Sequence[str],
    *,
    told: Callable[[JobRunLine], None] | None = None,
    clock: Clock | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[JobRunLine, ...]:
    """Wait until the runs of ``keys`` are over; ``told`` is given one each time its state or step changed.

    A node that goes away is waited for a while: the next one says what became of the runs. To wait no longer
    changes nothing for them. Raises ``NodeUnreachable`` where none comes back, and ``EnvironmentUnfit``
    (``run_lost``) where the node does not know of one.
    """
    clock = clock or SystemClock()
    waiting = _Waiting(tuple(keys), told or (lambda _: None))
    away_since_us: int | None = None
    while True:
        try:
            with node_client(ws, deadline_s=_DEADLINE_S) as client:
                while waiting.goes_on(_now(client)):
                    away_since_us = None
                    sleep(LOOK_S)
                return tuple(waiting.seen[key] for key in waiting.keys)
        except NodeUnreachable as error:
            away_since_us = clock.boot_us() if away_since_us is None else away_since_us
            if clock.boot_us() - away_since_us > AWAY_S * 1_000_000:
                raise NodeUnreachable(
                    f"the node is away, and with it the word on {', '.join(keys)}: {error.message}",
                    remedy=f"{START_NODE}; then: peak jobs runs",
                ) from error
            sleep(LOOK_S)


@dataclass(slots=True)
class _Waiting:
    """The runs that are waited for, as they were last seen."""

    keys: tuple[str, ...]
    told: Callable[[JobRunLine], None]
    seen: dict[str, JobRunLine] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)

    def goes_on(self, now: JobsNow) -> bool:
        """Take in what the node says now; whether one of them is not over."""
        for key in self.keys:
            run = now.run(key)
            if run is None:
                self.missing[key] = self.missing.get(key, 0) + now.whole
                if self.missing[key] > _MISSING_LOOKS:
                    raise _lost(key)
                continue
            self.missing.pop(key, None)
            if _differs(run, self.seen.get(key)):
                self.told(run)
            self.seen[key] = run
        return any(key not in self.seen or not self.seen[key].state.is_over for key in self.keys)


def going_on(now: JobsNow, run: str) -> JobRunLine:
    """The run that ``run`` names: its key, or its job where one run of it goes on. Pure; raises as above."""
    found = now.run(run)
    if found is not None and found.state.is_over:
        raise UsageWrong(
            f"run {run} is over: {found.state} {found.outcome}".rstrip(),
            code="run_over",
            remedy="see: peak jobs runs",
        )
    if found is not None:
        return found
    job = now.find(run)
    if job is None:
        raise UsageWrong(
            f"there is no run and no job {one_line(run, 120)}",
            code="run_unknown",
            remedy="name a run's key, or a job: peak jobs list",
        )
    under_way = {
        one.key: one for one in (*job.running, *now.runs) if one.job == run and not one.state.is_over
    }
    if len(under_way) != 1:
        keys = ", ".join(under_way)
        raise UsageWrong(
            f"several runs of job {run} go on: {keys}" if keys else f"no run of job {run} goes on",
            code="run_ambiguous" if keys else "run_over",
            remedy="name one by its key" if keys else "see: peak jobs runs",
        )
    return next(iter(under_way.values()))


def unknown_job(name: str, known: Iterable[str]) -> UsageWrong:
    """The refusal of a name that no job has."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3)
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    listed = "the config names none: peak config edit jobs" if not names else "see: peak jobs list"
    return UsageWrong(f"there is no job {one_line(name, 60)}", code="job_unknown", remedy=f"{meant}{listed}")


def _now(client: BlockingLedgerClient) -> JobsNow:
    return jobs_told(client.request("jobs.list", runs=_LOOKED_AT), SystemClock().now())


def _known(now: JobsNow, name: str) -> JobLine:
    line = now.find(name)
    if line is None:
        raise unknown_job(name, (one.name for one in now.jobs))
    return line


def _differs(run: JobRunLine, before: JobRunLine | None) -> bool:
    return before is None or (run.state, run.step, run.run_id) != (before.state, before.step, before.run_id)


def _lost(key: str) -> EnvironmentUnfit:
    return EnvironmentUnfit(
        f"the node knows of no run {key}",
        code="run_lost",
        remedy="see: peak jobs runs; the log: peak logs",
    )


def _reason(text: str) -> str:
    return one_line(text, REASON_LIMIT).strip()


def _needed(text: str, what: str) -> str:
    why = _reason(text)
    if not why:
        raise UsageWrong(f"{what} needs a reason", code="reason_missing", remedy='add: --reason "..."')
    return why


FAILED_STATES: Final = frozenset(
    {RunState.FAILED, RunState.TIMED_OUT, RunState.ABORTED, RunState.INTERRUPTED, RunState.MISSED}
)
"""Ends of a run that are none that it was asked for."""
