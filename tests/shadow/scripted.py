"""A cycle's tools whose models answer from a script, and whose ledger is a writer of its own: no sockets."""

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel
from shadow.cycle_world import permit

from peak_console.config.jobs import Job
from peak_console.config.load import ConfigCache
from peak_console.config.workspace import Workspace
from peak_console.control.gate import CallGate
from peak_console.domain.calls import CallRequest, CallResult, Finish, Usage
from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import CallFailed, PeakError
from peak_console.domain.events import EventDraft, EventKind, LedgerEvent
from peak_console.domain.ids import RunId
from peak_console.domain.jobs import RunCause
from peak_console.domain.ledgering import Ack
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.writer import LedgerWriter
from peak_console.llm.runs import Run
from peak_console.node.cycle_gates import CycleGates
from peak_console.node.paper_books import PaperBooks
from peak_console.shadow.working import Working

MODELS = {
    "L2.primary": ("openai", "gpt-5-mini"),
    "L2.critic": ("openai", "gpt-5.2"),
    "L3.primary": ("openai", "gpt-5.2"),
    "L4.primary": ("openai", "gpt-5.1"),
    "L4.critic": ("google", "gemini-3.8-flash"),
}
OUTLOOK = {
    "summary": "A range.",
    "reference_level": "1.17900",
    "horizon_h": 8,
    "scenarios": [
        {"name": "up", "probability_pct": 60, "closes_from": "1.18", "closes_below": None, "story": "s"},
        {"name": "down", "probability_pct": 40, "closes_from": None, "closes_below": "1.18", "story": "s"},
    ],
    "uncertainty": "Much.",
    "no_trade_triggers": [],
    "data_issues": [],
    "confidence": "medium",
}
PASS = {"verdict": "PASS", "findings": []}
FAIL = {
    "verdict": "FAIL",
    "findings": [
        {"id": "F1", "category": "risk", "severity": "high", "rationale": "no", "evidence_refs": ["x"]}
    ],
}

Said = Mapping[str, Any] | str | PeakError | None
"""An answer: an object, a text of another shape, an error; ``None`` waits for ever."""


def idea(close: str, **changes: Any) -> dict[str, Any]:
    """A view of up from this close, wrong two hundredths below."""
    return {
        "view": "up",
        "conviction": "high",
        "thesis": "It rises.",
        "evidence_refs": ["up"],
        "reference_level": close,
        "invalidation_level": f"{float(close) - 0.02:.5f}",
        "horizon_h": 8,
        "no_trade_reason": "",
    } | changes


@dataclass
class Script:
    """What each slot answers, the first first; the last goes on. It is the road and the ledger at once."""

    writer: LedgerWriter
    runs: Path
    said: dict[str, list[Said]]
    asked: list[str] = field(default_factory=list)
    prompts: dict[str, str] = field(default_factory=dict)
    """The prompt that each slot was last asked under."""
    limits: dict[str, Any] = field(default_factory=dict)
    numbers: "Iterator[int]" = field(default_factory=itertools.count)
    before_append: Callable[[Sequence[EventDraft]], None] = lambda _: None

    def run(self, **told: Any) -> Run:
        """A run of this road."""
        self.limits = told
        run_id = RunId(f"20261120_120000_{next(self.numbers):06d}")
        return Run(
            self,
            self.runs / run_id,
            run_id,
            started=lambda: {"purpose": told["purpose"], "phase": "matrix", "simulated": True},
            new_event_id=lambda: cast("Any", f"ev_{next(self.numbers)}"),
            layer=None,
        )

    async def call(self, request: CallRequest, *, answer: type[BaseModel] | None = None) -> CallResult:
        """The slot's next answer."""
        slot = f"{request.layer}.{request.role}"
        self.asked.append(slot)
        self.prompts[slot] = f"{request.prompt_name}@{request.prompt_version}"
        rest = self.said[slot]
        said = rest.pop(0) if len(rest) > 1 else rest[0]
        if said is None:
            await asyncio.Event().wait()
        if isinstance(said, PeakError):
            raise said
        text = said if isinstance(said, str) else json.dumps(said)
        parsed = None
        if answer is not None and not isinstance(said, str):
            parsed = answer.model_validate_json(text)
        provider, model = MODELS[slot]
        return CallResult(
            call_id=f"call_{next(self.numbers)}",
            run_id=request.run_id or "",
            layer=request.layer.value,
            role=request.role.value,
            provider=provider,
            model_id=model,
            served_model=model,
            text=text,
            finish=Finish.STOP,
            usage=Usage(),
            cost_eur="0.001000000",
            latency_ms=1.0,
            hop=1,
            fallback=False,
            degraded=False,
            seq=1,
            parsed=parsed,
        )

    def stream(self, request: CallRequest, *, answer: type[BaseModel] | None = None) -> Any:
        """Nobody streams here."""
        raise NotImplementedError

    async def append(self, drafts: Sequence[EventDraft]) -> list[Ack]:
        """As a client of the ledger: the first that is refused is raised."""
        self.before_append(drafts)
        acks = self.writer.append([(one, "job:eurusd") for one in drafts])
        for one in acks:
            if isinstance(one, PeakError):
                raise one
        return cast("list[Ack]", acks)

    async def record(self, draft: EventDraft) -> Ack:
        """One event."""
        return (await self.append([draft]))[0]

    record_end = record


@dataclass
class Desk:
    """A workspace, the script and what came of it."""

    ws: Workspace
    script: Script
    attempts: "Iterator[int]" = field(default_factory=lambda: itertools.count(1))

    def working(self, of: Job, key: str = "eurusd@1") -> Working:
        """The tools of a run of a job."""
        clock = SystemClock()
        return Working(
            ws=self.ws,
            configs=ConfigCache(self.ws, clock=clock),
            client=cast("Any", self.script),
            ledger=cast("Any", self.script),
            gate=CallGate(self.ws.control, clock, {}),
            clock=clock,
            job=of,
            key=key,
            attempt=next(self.attempts),
            cause=RunCause.DUE,
            due_at=clock.now(),
        )

    def events(self, kind: str) -> list[LedgerEvent]:
        """The ledger's events of a kind."""
        with LedgerReader(self.ws.ledger) as reader:
            return [event for event in reader.read(0, 10_000) if event.kind == kind]

    def ends(self) -> list[Mapping[str, Any]]:
        """The bodies of the cycles that ended."""
        return [event.body or {} for event in self.events("shadow.cycle.finished")]

    def page(self, run_id: str, agent: str) -> str:
        """An agent's result."""
        return (self.ws.runs / run_id / agent / "result.md").read_text()


@contextmanager
def desk(ws: Workspace, **said: Said | list[Said]) -> Iterator[Desk]:
    """A desk whose slots pass everything, but for what ``said`` changes (``L3_primary=…``)."""
    permit(ws)
    ws.ledger.unlink(missing_ok=True)
    books, gates = PaperBooks(), CycleGates()
    writer = LedgerWriter(
        ws.ledger,
        clock=SystemClock(),
        projections=[books, gates],
        conditions=[gates.out_of_place, books.out_of_place],
    )
    writer.append([(EventDraft("ev_genesis", EventKind.WORKSPACE_INITIALISED, {"simulated": True}), "test")])
    answers: dict[str, list[Said]] = {
        "L2.primary": [OUTLOOK],
        "L2.critic": [PASS],
        "L3.primary": [idea("1.17900")],
        "L4.primary": [PASS],
        "L4.critic": [PASS],
    }
    for slot, one in said.items():
        answers[slot.replace("_", ".")] = one if isinstance(one, list) else [one]
    try:
        yield Desk(ws, Script(writer, ws.runs, answers))
    finally:
        writer.close()


def exhausted(*reasons: str) -> CallFailed:
    """A call that no candidate answered."""
    hops = [{"reason": one, "cost_eur": "0.002000000"} for one in reasons]
    return CallFailed("no candidate answered", code="exhausted", reasons=list(reasons), hops=hops)
