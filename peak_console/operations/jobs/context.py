"""What a worker is told to do, and the tools it is given for it."""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson

from peak_console.config.jobs import Job
from peak_console.config.load import ConfigCache
from peak_console.config.workspace import Workspace
from peak_console.control.gate import CallGate
from peak_console.control.sockets import find_socket
from peak_console.domain.clock import Clock, SystemClock, from_iso
from peak_console.domain.errors import ConfigInvalid, ControlRefused, UsageWrong
from peak_console.domain.jobs import JobKind, RunCause
from peak_console.domain.vocabulary import PhaseLevel
from peak_console.jobs.definition import job_from
from peak_console.ledger.service.client import SocketLedgerClient
from peak_console.llm.client import Client
from peak_console.shadow.working import Work, WorkEnd, Working

JobContext = Working
JobEnd = WorkEnd

Tell = Callable[[Mapping[str, Any]], None]
"""Takes a line for the node."""

PATIENCE_S: Final = 2.0
"""How long what was paid for waits for the ledger before it is spooled: a worker has little time to end."""

_LINE_LIMIT: Final = 65_536


@dataclass(frozen=True, slots=True)
class Order:
    """One line of the node on a worker's standard input: which run it is."""

    job: str
    key: str
    claim: str
    kind: JobKind
    due_at: datetime
    cause: RunCause
    attempt: int = 1
    timeout_s: int = 0
    params: Mapping[str, Any] = field(default_factory=dict)
    definition: str = ""
    """The job as the node has it: what holds while the config's jobs cannot be read."""


def order_from(line: bytes) -> Order:
    """The order in a line of JSON; raises ``UsageWrong`` (``order_malformed``)."""
    try:
        told = orjson.loads(line)
        params = told.get("params") or {}
        order = Order(
            job=_text(told["job"]),
            key=_text(told["key"]),
            claim=_text(told["claim"]),
            kind=JobKind(told["kind"]),
            due_at=from_iso(told["due_at"]),
            cause=RunCause(told["cause"]),
            attempt=int(told.get("attempt", 1)),
            timeout_s=int(told.get("timeout_s", 0)),
            params=params,
            definition=_definition(told),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise malformed(f"{type(error).__name__}: {error}") from error
    if not isinstance(params, dict) or len(line) > _LINE_LIMIT or order.due_at.tzinfo is None:
        raise malformed("its params are no table, its time has no zone, or it is too long")
    return order


def _definition(told: Mapping[str, Any]) -> str:
    return _text(told["definition"]) if "definition" in told else ""


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r:.40} is no text")
    return value


def malformed(why: str) -> UsageWrong:
    """The refusal of an order that is none."""
    return UsageWrong(
        f"what a worker is to do cannot be read: {why[:200]}",
        code="order_malformed",
        remedy="a worker is started by the node: peak jobs list",
    )


@asynccontextmanager
async def working(
    ws: Workspace,
    order: Order,
    tell: Tell,
    *,
    clock: Clock | None = None,
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[Working]:
    """The tools of one run, closed at the end.

    Raises ``ConfigInvalid`` where the config cannot be read or does not name the job any more (``job_gone``,
    ``job_changed``), ``NodeUnreachable`` without a node, ``ControlRefused`` for a claim that is none.
    """
    clock, environ = clock or SystemClock(), os.environ if environ is None else environ
    gate = CallGate(ws.control, clock, environ)
    configs = ConfigCache(ws, clock=clock)
    actor = f"job:{order.job}"
    ledger = await SocketLedgerClient.connect(
        find_socket(ws.control), name=f"job {order.job}", actor=actor, worker=True, claim=order.claim
    )
    async with (
        ledger,
        Client(
            ws,
            ledger,
            clock=clock,
            environ=environ,
            actor=actor,
            patience_s=PATIENCE_S,
            told=lambda line: tell({"step": line}),
            gold_cases=order.kind is JobKind.CANARY,
        ) as client,
    ):
        job = _job(configs, order)
        made = Working(
            ws=ws,
            configs=configs,
            client=client,
            ledger=ledger,
            gate=gate,
            clock=clock,
            job=job,
            key=order.key,
            cause=order.cause,
            due_at=order.due_at,
            attempt=order.attempt,
            params=order.params,
            step=lambda words: tell({"step": words}),
            began=lambda run_id: tell({"run_id": run_id}),
        )
        _refuse_history(made)
        yield made


def _refuse_history(working: Working) -> None:
    """Old bars are no evidence of what would be done now: from shadow on only a simulation replays them."""
    cycle = working.job.shadow_cycle
    if cycle is None or cycle.replay is None or working.simulated:
        return
    level = working.level()
    if level.at_least(PhaseLevel.SHADOW):
        raise ControlRefused(
            f"job {working.job.name} replays history, and the phase is {level}",
            code="replay_refused",
            remedy="take [job.shadow_cycle.replay] out: peak config edit jobs",
        )


def _job(configs: ConfigCache, order: Order) -> Job:
    """The job as the config has it now; while its jobs cannot be read, as the node had it when it began."""
    found = configs.current()
    told = job_from(order.definition) if found.jobs is None and order.definition else None
    job = told if told is not None and told.name == order.job else found.whole_jobs().find(order.job)
    if job is None:
        raise ConfigInvalid(
            f"the config names no job {order.job} any more",
            code="job_gone",
            remedy="put it back (peak config history jobs), or leave it",
        )
    if job.kind is not order.kind:
        raise ConfigInvalid(
            f"job {order.job} is of kind {job.kind} now, it was due as {order.kind}",
            code="job_changed",
            remedy="a job of another kind needs another name",
        )
    return job


__all__ = ["JobContext", "JobEnd", "Order", "Tell", "Work", "malformed", "order_from", "working"]
