"""The one road of a governed call, in nine numbered steps, top to bottom (docs/calls.md)."""

import os
import secrets
from collections.abc import Mapping
from functools import partial
from types import TracebackType
from typing import Any, Self, Unpack, overload

from pydantic import BaseModel

from peak_console.config.load import ConfigCache
from peak_console.config.workspace import Workspace
from peak_console.control.gate import CallGate, InFlight
from peak_console.domain.calls import Answer, CallRequest, CallResult
from peak_console.domain.clock import Clock, SystemClock
from peak_console.domain.errors import PeakError, UsageWrong
from peak_console.domain.events import EventDraft
from peak_console.domain.ids import EventId, RandomBytes, RunId, is_run_id, new_event_id, new_run_id
from peak_console.domain.ledgering import Ack, LedgerClient
from peak_console.domain.vocabulary import Layer
from peak_console.ledger.service.client import SocketLedgerClient
from peak_console.llm import drafting, structured
from peak_console.llm.answering import judged
from peak_console.llm.asking import CallWords, Euro, asked, layer_named
from peak_console.llm.attempting import RetryRule
from peak_console.llm.cooling import Cooling
from peak_console.llm.credentials import Credentials
from peak_console.llm.drafting import Passage
from peak_console.llm.entropy import Entropy
from peak_console.llm.exchange import Sender
from peak_console.llm.handing import CallStream, Handing
from peak_console.llm.heeding import Heeding
from peak_console.llm.recording import PATIENCE_S, Recorder
from peak_console.llm.refusing import Ended, failure_error, refused_midway
from peak_console.llm.runs import Run, run_limits
from peak_console.llm.spool import Spool
from peak_console.llm.steps import Detached, Steps
from peak_console.llm.surveys import Surveys
from peak_console.llm.texts import TextStore
from peak_console.llm.unattended.background import PollRule
from peak_console.llm.unattended.claims import PendingCall
from peak_console.llm.unattended.resuming import Ending, Resuming
from peak_console.llm.waits import Told, Waits
from peak_console.net.http import HttpTransport


class Client:
    """Makes governed calls in workspace ``ws``; its events go to ``ledger``, which stays its owner's.

    ``clock``, ``environ`` and ``random`` are taken as arguments for tests and replay. ``told`` is given a
    line of words before each wait of more than a second, and of a call cancelled in mid-send.
    ``gold_cases`` says that every call puts a gold case: the ledger takes that of a canary job's worker only.
    Belongs to one event loop, and is safe for many tasks of it. Close it, or use it as a context manager.
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
        polls: PollRule | None = None,
        patience_s: float = PATIENCE_S,
        told: Told | None = None,
        gold_cases: bool = False,
    ) -> None:
        environ = os.environ if environ is None else environ
        self._ws = ws
        self._clock = clock or SystemClock()
        self._random = random = Entropy(random).take
        self._actor = actor
        self._gate = CallGate(ws.control, self._clock, environ)
        self._in_flight = InFlight(self._gate)
        self._heeding = (
            Heeding(ledger, self._gate, self._in_flight) if isinstance(ledger, SocketLedgerClient) else None
        )
        credentials = Credentials(environ)
        waits = Waits(told)
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
            polls=polls,
            waits=waits,
        )
        configs = ConfigCache(ws, clock=self._clock)
        self._steps = Steps(
            clock=self._clock,
            random=random,
            configs=configs,
            gate=self._gate,
            surveys=Surveys(credentials),
            sender=sender,
            recorder=self._recorder,
            texts=self._texts,
            waits=waits,
            cooling=Cooling(self._gate, clock=self._clock, random=random, waits=waits, ledger=ws.ledger),
            ledger=ws.ledger,
            gold_cases=gold_cases,
        )
        self._resuming = self._resumes(credentials, configs, sender)

    def _resumes(self, credentials: Credentials, configs: ConfigCache, sender: Sender) -> Resuming:
        return Resuming(
            ledger=self._ws.ledger,
            runs=self._ws.runs,
            clock=self._clock,
            gate=self._gate,
            credentials=credentials,
            configs=configs.current,
            sender=sender,
            steps=self._steps,
            recorder=self._recorder,
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
        if self._heeding is not None:
            await self._heeding.close()
        self._in_flight.close()
        self._texts.close()
        await self._transport.aclose()

    @overload
    async def call(self, request: CallRequest, *, answer: type[BaseModel] | None = None) -> CallResult: ...

    @overload
    async def call(
        self, *, answer: type[BaseModel] | None = None, **words: Unpack[CallWords]
    ) -> CallResult: ...

    async def call(
        self, request: CallRequest | None = None, *, answer: type[BaseModel] | None = None, **words: Any
    ) -> CallResult:
        """One governed call, asked for with a request or with the words of one (docs/api.md).

        ``answer`` is a pydantic model: ``parsed`` of the result is then an instance of it. An answer of
        another shape is asked for once more, with what is wrong with it.

        Raises ``CallRefused``, ``PolicyDenied``, ``BudgetExceeded``, ``ControlRefused``, ``ConfigInvalid`` or
        ``EnvironmentUnfit`` (no node, ledger, disk) when nothing was sent, ``CallFailed`` (``PolicyDenied``
        for a forbidden echo, ``ControlRefused`` under a stop) when no candidate answered usably, and
        ``UsageWrong`` for words that make no call. Where a later candidate is what was refused,
        ``details["hops"]`` says what was sent before, and what is booked for it.
        """
        return await self._road(structured.shaped(asked(request, words), answer), answer)

    @overload
    def stream(self, request: CallRequest, *, answer: type[BaseModel] | None = None) -> CallStream: ...

    @overload
    def stream(self, *, answer: type[BaseModel] | None = None, **words: Unpack[CallWords]) -> CallStream: ...

    def stream(
        self, request: CallRequest | None = None, *, answer: type[BaseModel] | None = None, **words: Any
    ) -> CallStream:
        """The same call, its answer read as it comes: ``async with client.stream(…) as stream``.

        Nobody else answers, and nothing is repaired, once a part of an answer was handed on.
        """
        wanted = structured.shaped(asked(request, words), answer)
        if wanted.background:
            raise UsageWrong("background work cannot be streamed", remedy="leave out background, or use call")
        return CallStream(Handing(self._clock), partial(self._road, wanted, answer))

    @overload
    async def submit(self, request: CallRequest) -> str: ...

    @overload
    async def submit(self, **words: Unpack[CallWords]) -> str: ...

    async def submit(self, request: CallRequest | None = None, **words: Any) -> str:
        """Begin a background call and leave it to its provider; gives its id, for :meth:`resume`.

        Returns once its acceptance is durable; raises as :meth:`call` does.
        """
        wanted = asked(request, words).model_copy(update={"background": True})
        try:
            return (await self._road(wanted, None, detached=True)).call_id
        except Detached as accepted:
            return accepted.call_id

    async def resume(self, call_id: str) -> CallResult:
        """The answer of an accepted background call, whoever began it: fetched, recorded, and given.

        One that is recorded already is given from the ledger. Nothing is ever sent again, so nothing is
        paid twice; a caller that still waits elsewhere is not disturbed, and one that cancels its ``resume``
        leaves the work to its provider. Under a stop an answer that is there is fetched, and what is still
        worked on is left alone (``ControlRefused``). Raises as :meth:`call` does, and ``UsageWrong`` for a
        call that was never accepted.
        """
        return await self._resuming.resume(call_id)

    async def cancel(self, call_id: str) -> Ending:
        """Cancel an accepted background call at its provider and record what it cost; also under a stop.

        Raises ``CallFailed`` when the provider could not be told: the call stays pending then.
        """
        return await self._resuming.cancel(call_id)

    async def pending(self, run_id: str | None = None) -> list[PendingCall]:
        """The background calls, of one run or of all, that were accepted and whose end is not recorded."""
        return await self._resuming.pending(run_id)

    async def _road(
        self,
        request: CallRequest,
        shape: type[BaseModel] | None,
        handing: Handing | None = None,
        *,
        detached: bool = False,
    ) -> CallResult:
        """The road. Each step is durable before the next that could cost money."""
        # (1) the call gets its ids, and what posture, phase and configs are now
        call = self._steps.begun(request, shape, handing)
        call.detached = detached
        # (2) plan: policy, lifecycle, price and bound of each candidate
        route = await self._steps.planned(call)
        ends: list[Ended] = []
        owed: list[EventDraft] = []
        hop, number = route.first, 0
        while hop is not None:
            number += 1
            at = Passage(call, route, hop, number, before=call.resend)
            try:
                # (3) posture
                await self._steps.permitted(at, owed)
                # (4) on the ledger, with its reservation, before anything leaves
                admitted = await self._steps.reserved(at, owed, ends)
            except PeakError as error:
                raise refused_midway(error, ends, call_id=call.call_id) from error.__cause__
            if not admitted:
                hop, owed, number = await self._steps.onwards.passed_over(at), [], number - 1  # nothing left
                continue
            # (5) lease check, (6) send, (7) parse, the deny on the echo, is it what was asked for
            exchange = self._steps.exchange(at)
            outcome = judged(at, await self._steps.sent(at, exchange), exchange)
            if isinstance(outcome, Answer):
                # (9) on the ledger, settled
                return await self._steps.completed(at, exchange, outcome)
            # (8) the next hop (this one again, a repair of its answer, or the next candidate), from (3) on
            entry = hop.candidate.entry
            bill = drafting.billed(hop, outcome, exchange)
            ends.append(Ended(entry.provider, entry.model_id, outcome, exchange.reached, bill))
            call.spent += bill.cost
            hop, owed = await self._steps.onward(at, exchange, outcome, bill)
        recorded = await self._recorder.after(owed) if owed else []
        if not ends:
            raise await self._steps.onwards.still_cooling(call, route)
        raise failure_error(
            ends,
            call_id=call.call_id,
            on_exhausted=call.on_exhausted,
            own_time=(request.limits.timeout_s or entry.timeout_s) < entry.timeout_s,
            run_id=call.run_id,
            recorded=recorded is not None,
            **({"handed_on": call.handed_on} if call.handed_on else {}),
        )

    def run(
        self,
        *,
        purpose: str = "",
        layer: Layer | str | None = None,
        experiment: str | None = None,
        input_fingerprint: str | None = None,
        max_cost_eur: Euro | None = None,
        max_calls: int | None = None,
        max_tokens: int | None = None,
        resume: str | None = None,
    ) -> Run:
        """A run to make calls and write artefacts in; use it as an asynchronous context manager.

        Its limits hold over all its calls, beside the budgets of the workspace: the ledger refuses the call
        that could exceed one. They can only lower what the budgets allow.

        ``resume`` is the id of a run that another process began and did not end: it goes on under its own
        limits and purpose, and of it only its end is recorded.
        """
        if resume is not None and not is_run_id(resume):
            raise UsageWrong(f"{resume!r:.60} is no run id", remedy="take the one of the run that was begun")
        run_id = RunId(resume) if resume else new_run_id(self._clock.now(), self._random)
        layer = None if layer is None else layer_named(layer)
        optional = {
            "limits": run_limits(max_cost_eur, max_calls=max_calls, max_tokens=max_tokens),
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
            resumed=resume is not None,
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
