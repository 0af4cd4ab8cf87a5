"""The one road of a governed call, in nine numbered steps, top to bottom (docs/calls.md)."""

import os
import secrets
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from peak_console.config.load import ConfigCache
from peak_console.config.workspace import Workspace
from peak_console.control.gate import CallGate, InFlight
from peak_console.domain.calls import Answer, CallRequest, CallResult
from peak_console.domain.clock import Clock, SystemClock
from peak_console.domain.events import EventDraft
from peak_console.domain.ids import EventId, RandomBytes, new_event_id, new_run_id
from peak_console.domain.ledgering import Ack, LedgerClient
from peak_console.domain.vocabulary import Layer
from peak_console.llm import drafting
from peak_console.llm.answering import echo_checked
from peak_console.llm.credentials import Credentials
from peak_console.llm.drafting import Passage
from peak_console.llm.entropy import Entropy
from peak_console.llm.exchange import Exchange, RetryRule, Sender
from peak_console.llm.recording import PATIENCE_S, Recorder
from peak_console.llm.refusing import (
    Ended,
    failure_error,
)
from peak_console.llm.runs import Run
from peak_console.llm.spool import Spool
from peak_console.llm.steps import Steps
from peak_console.llm.surveys import Surveys
from peak_console.llm.texts import TextStore
from peak_console.net.http import HttpTransport


class Client:
    """Makes governed calls in workspace ``ws``; its events go to ``ledger``, which stays its owner's.

    ``clock``, ``environ`` and ``random`` are taken as arguments for tests and replay. Belongs to one event
    loop, and is safe for many tasks of it. Close it, or use it as a context manager.
    """

    def __init__(
        self,
        ws: Workspace,
        ledger: LedgerClient,
        *,
        clock: Clock | None = None,
        environ: Mapping[str, str] | None = None,
        random: RandomBytes = secrets.token_bytes,
        transport: HttpTransport | None = None,
        actor: str | None = None,
        retry: RetryRule | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        environ = os.environ if environ is None else environ
        self._ws = ws
        self._clock = clock or SystemClock()
        self._random = random = Entropy(random).take
        self._actor = actor
        self._gate = CallGate(ws.control, self._clock, environ)
        self._in_flight = InFlight(self._gate)
        credentials = Credentials(environ)
        self._transport = transport or HttpTransport()
        spool = Spool(ws.runs, f"{os.getpid()}-{random(4).hex()}")
        self._recorder = Recorder(ledger, spool, patience_s=patience_s)
        self._texts = TextStore(ws.runs)
        sender = Sender(
            self._transport,
            self._gate,
            self._in_flight,
            credentials,
            clock=self._clock,
            random=random,
            retry=retry or RetryRule(),
        )
        self._steps = Steps(
            clock=self._clock,
            random=random,
            configs=ConfigCache(ws, clock=self._clock),
            gate=self._gate,
            surveys=Surveys(credentials),
            sender=sender,
            recorder=self._recorder,
            texts=self._texts,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Record what is still being recorded, then close connections and files."""
        await self._recorder.close()
        self._in_flight.close()
        self._texts.close()
        await self._transport.aclose()

    async def call(self, request: CallRequest) -> CallResult:
        """One governed call. Each step is durable before the next that could cost money.

        Raises ``CallRefused``, ``PolicyDenied``, ``BudgetExceeded``, ``ControlRefused``, ``ConfigInvalid`` or
        ``EnvironmentUnfit`` (no node, ledger, disk) when nothing was sent, ``CallFailed`` (``PolicyDenied``
        for a forbidden echo, ``ControlRefused`` under a stop) when no candidate answered usably.
        """
        # (1) the call gets its ids, and what posture, phase and configs are now
        call = self._steps.begun(request)
        # (2) plan: policy, lifecycle, price and bound of each candidate
        route = await self._steps.planned(call)
        ends: list[Ended] = []
        owed: list[EventDraft] = []
        hop = route.first
        while hop is not None:
            at = Passage(call, route, hop, number=len(ends) + 1)
            # (3) posture
            await self._steps.permitted(at, owed)
            # (4) on the ledger, with its reservation, before anything leaves
            await self._steps.reserved(at, owed, ends)
            # (5) lease check, (6) send, (7) parse and the deny on the echo
            exchange = Exchange()
            outcome = echo_checked(hop, await self._steps.sent(at, exchange), exchange)
            if isinstance(outcome, Answer):
                # (9) on the ledger, settled
                return await self._steps.completed(at, exchange, outcome)
            # (8) the next hop, from (3) on, with its own record
            entry = hop.candidate.entry
            ends.append(Ended(entry.provider, entry.model_id, outcome, exchange.reached))
            bill = drafting.billed(hop, outcome, exchange)
            call.spent += bill.cost
            hop = self._steps.following(at, outcome)
            owed = self._steps.failed(at, exchange, outcome, bill, hop)
        recorded = await self._recorder.after(owed)
        raise failure_error(
            ends,
            call_id=call.call_id,
            on_exhausted=call.on_exhausted,
            run_id=call.run_id,
            recorded=recorded is not None,
        )

    def run(
        self,
        *,
        purpose: str = "",
        layer: Layer | None = None,
        experiment: str | None = None,
        input_fingerprint: str | None = None,
    ) -> Run:
        """A run to make calls and write artefacts in; use it as an asynchronous context manager."""
        run_id = new_run_id(self._clock.now(), self._random)
        optional = {
            "layer": layer.value if layer else None,
            "experiment": experiment,
            "input_fingerprint": input_fingerprint,
            "by": self._actor,
        }

        def started() -> dict[str, Any]:
            lease = self._gate.lease()
            return {
                "purpose": purpose,
                "phase": lease.phase if lease else "unknown",
                "simulated": lease.simulated if lease else False,
                **{name: value for name, value in optional.items() if value is not None},
            }

        return Run(
            self,
            self._ws.runs / run_id,
            run_id,
            started=started,
            new_event_id=self._event_id,
            layer=layer,
        )

    async def record(self, draft: EventDraft) -> Ack:
        """Append one event of a run or of who judges one."""
        return (await self._recorder.before([draft]))[0]

    async def record_end(self, draft: EventDraft) -> Ack | None:
        """Append one event that must not be lost; ``None`` when it was spooled."""
        acks = await self._recorder.after([draft])
        return acks[0] if acks else None

    def _event_id(self) -> EventId:
        return new_event_id(self._random, self._clock.now())
