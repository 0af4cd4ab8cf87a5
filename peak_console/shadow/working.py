"""What a job's work is given, and what it gives back: one run of one job, in a process of its own."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from peak_console.config.jobs import Job
from peak_console.config.load import ConfigCache
from peak_console.config.workspace import Workspace
from peak_console.control.gate import CallGate
from peak_console.domain.clock import Clock
from peak_console.domain.ids import RandomBytes
from peak_console.domain.jobs import RunCause, RunState
from peak_console.domain.vocabulary import Layer, Phase, PhaseLevel
from peak_console.ledger.service.client import SocketLedgerClient
from peak_console.llm.client import Client
from peak_console.llm.runs import Run


@dataclass(frozen=True, slots=True)
class WorkEnd:
    """How a run of a job ended. ``state`` is done, failed or aborted; ``outcome`` says it in a word."""

    state: RunState
    outcome: str
    detail: str = ""
    """For people, in one line."""
    run_id: str = ""
    """The ledger's run, where it began one."""


def _silent(_: str) -> None:
    """Nobody is told."""


@dataclass(frozen=True, slots=True)
class Working:
    """One run of a job: who it is, and the tools it works with. All of them are closed by who made it.

    A stop, a timeout and a cancel arrive as ``asyncio.CancelledError`` in the work; what the work does about
    it must be over within two seconds. What the work raises ends the run as failed (a ``PeakError`` with its
    code), a ``ControlRefused`` as aborted.
    """

    ws: Workspace
    configs: ConfigCache
    client: Client
    """Makes governed calls as ``job:<name>``."""
    ledger: SocketLedgerClient
    """Carries the claim: what only a job's worker may append goes here, or through ``client``."""
    gate: CallGate
    clock: Clock
    job: Job
    key: str
    """The claim of this run: the job and when it was due."""
    cause: RunCause
    due_at: datetime
    attempt: int = 1
    params: Mapping[str, Any] = field(default_factory=dict)
    """What the one who asked adds, such as the slot of a suspicion. Foreign."""
    step: Callable[[str], None] = _silent
    """Says what it does now, in a few words."""
    began: Callable[[str], None] = _silent
    """Says the id of the ledger's run that it began. :meth:`run` does."""
    random: RandomBytes = secrets.token_bytes

    def level(self) -> PhaseLevel:
        """The rules that hold now: those of the lease's phase; without a lease the strictest."""
        lease = self.gate.lease()
        known = lease is not None and lease.phase in set(Phase)
        return Phase(lease.phase).level if lease is not None and known else PhaseLevel.LIVE

    @property
    def simulated(self) -> bool:
        """Whether the lease says that this is a simulated workspace."""
        lease = self.gate.lease()
        return lease is not None and lease.simulated

    def run(
        self, *, purpose: str = "", layer: Layer | None = None, input_fingerprint: str | None = None
    ) -> Run:
        """A run of the ledger under the job's budget; its id is told. Use it as a context manager."""
        budget = self.job.budget
        run = self.client.run(
            purpose=purpose or f"{self.job.kind} {self.job.name}",
            layer=layer,
            experiment=f"job:{self.job.name}",
            input_fingerprint=input_fingerprint,
            max_cost_eur=budget.max_cost_eur,
            max_calls=budget.max_calls,
            max_tokens=budget.max_tokens,
        )
        self.began(run.run_id)
        return run


Work = Callable[[Working], Awaitable[WorkEnd]]
"""What a kind of job does."""
