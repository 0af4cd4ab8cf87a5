"""The one road of a governed call, in nine numbered steps, top to bottom (docs/calls.md)."""

import asyncio
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

from peak_console.config.configs import Configs
from peak_console.config.load import ConfigCache
from peak_console.config.workspace import Workspace
from peak_console.control.gate import CallGate, InFlight
from peak_console.control.posture import Sources, effective
from peak_console.domain.calls import Answer, CallReason, CallRequest, CallResult, Failure, OutcomeClass
from peak_console.domain.clock import Clock, SystemClock
from peak_console.domain.errors import ConfigInvalid, PeakError, UsageWrong
from peak_console.domain.events import EventDraft
from peak_console.domain.ids import EventId, RandomBytes, is_run_id, new_call_id, new_event_id, new_run_id
from peak_console.domain.ledgering import Ack, LedgerClient
from peak_console.domain.vocabulary import Layer, Phase, PhaseLevel
from peak_console.llm import drafting
from peak_console.llm.answering import echo_checked, kept_text, result
from peak_console.llm.bodies import Settled
from peak_console.llm.credentials import Credentials
from peak_console.llm.drafting import Call, Passage
from peak_console.llm.entropy import Entropy
from peak_console.llm.exchange import Exchange, RetryRule, Sender
from peak_console.llm.recording import PATIENCE_S, Recorder
from peak_console.llm.refusing import (
    Ended,
    failure_error,
    refusal_error,
    refused_by_ledger,
    refused_by_posture,
)
from peak_console.llm.router import Hop, Route, plan
from peak_console.llm.runs import Run
from peak_console.llm.spool import Spool
from peak_console.llm.surveys import Surveys
from peak_console.llm.texts import TextStore
from peak_console.net.http import HttpTransport

_PHASES: Final = {phase.value: phase for phase in Phase}
_DOWN_US: Final = 300_000_000
"""How long a provider that refused our key is not asked again by this process."""


@dataclass(slots=True)
class _Seen:
    """What calls that begin in one turn of the event loop share."""

    sources: Sources
    configs: Configs | None = None
    level: PhaseLevel | None = None


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
        self._configs = ConfigCache(ws, clock=self._clock)
        self._gate = CallGate(ws.control, self._clock, environ)
        self._in_flight = InFlight(self._gate)
        self._credentials = Credentials(environ)
        self._transport = transport or HttpTransport()
        spool = Spool(ws.runs, f"{os.getpid()}-{random(4).hex()}")
        self._recorder = Recorder(ledger, spool, patience_s=patience_s)
        self._texts = TextStore(ws.runs)
        self._sender = Sender(
            self._transport,
            self._gate,
            self._in_flight,
            self._credentials,
            clock=self._clock,
            random=random,
            retry=retry or RetryRule(),
        )
        self._surveys = Surveys(self._credentials)
        self._down: dict[str, int] = {}
        self._this_turn: _Seen | None = None

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
        call = self._begun(request)
        # (2) plan: policy, lifecycle, price and bound of each candidate
        route = await self._planned(call)
        ends: list[Ended] = []
        owed: list[EventDraft] = []
        hop = route.first
        while hop is not None:
            at = Passage(call, route, hop, number=len(ends) + 1)
            # (3) posture
            await self._permitted(at, owed)
            # (4) on the ledger, with its reservation, before anything leaves
            await self._reserved(at, owed, ends)
            # (5) lease check, (6) send, (7) parse and the deny on the echo
            exchange = Exchange()
            outcome = echo_checked(hop, await self._sent(at, exchange), exchange)
            if isinstance(outcome, Answer):
                # (9) on the ledger, settled
                return await self._completed(at, exchange, outcome)
            # (8) the next hop, from (3) on, with its own record
            entry = hop.candidate.entry
            ends.append(Ended(entry.provider, entry.model_id, outcome, exchange.reached))
            bill = drafting.billed(hop, outcome, exchange)
            call.spent += bill.cost
            hop = self._following(at, outcome)
            owed = self._failed(at, exchange, outcome, bill, hop)
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

    def _seen(self) -> "_Seen":
        """The control files as they are in this turn of the event loop; each send reads them anew."""
        if self._this_turn is None:
            self._this_turn = _Seen(self._gate.sources())
            asyncio.get_running_loop().call_soon(self._turn_over)
        return self._this_turn

    def _configs_for(self, level: PhaseLevel) -> Configs:
        """The configs as they are in this turn of the event loop; raises ``ConfigInvalid``."""
        seen = self._seen()
        if seen.configs is None or seen.level is not level:
            seen.configs, seen.level = self._configs.current(level), level
        return seen.configs

    def _turn_over(self) -> None:
        self._this_turn = None

    # -- the steps

    def _begun(self, request: CallRequest) -> Call:
        if request.run_id is not None and not is_run_id(request.run_id):
            raise UsageWrong(
                f"{request.run_id!r:.60} is no run id", remedy="take the one of `async with client.run()`"
            )
        sources = self._seen().sources
        now_us = self._clock.boot_us()  # after the lease was read, or a renewal between looks like the future
        lease = sources.lease.lease
        return Call(
            request=request,
            call_id=new_call_id(self._random, self._clock.now()),
            run_id=request.run_id or new_run_id(self._clock.now(), self._random),
            posture=effective(sources, now_us),
            phase=_PHASES.get(lease.phase) if lease else None,
            simulated=lease.simulated if lease else False,
            started_us=now_us,
        )

    async def _planned(self, call: Call) -> Route:
        request = call.request
        try:
            survey = self._surveys.of(
                self._configs_for(call.level),
                request.layer,
                request.role,
                today=self._clock.now().date(),
                phase=call.level,
                simulated=call.simulated,
                down=self._down_now(),
            )
        except ConfigInvalid as error:
            await self._refuse(call, CallReason.MATRIX_INVALID, error)
            raise
        except PeakError as error:
            await self._refuse(call, error.code, error)
            raise
        call.matrix_digest, call.on_exhausted = survey.matrix_digest, survey.on_exhausted.value
        route = plan(survey.candidates, request)
        refusal = route.refusal
        if refusal is not None:
            refused = refusal_error(refusal.reason, refusal.detail, refusal.remedy, call_id=call.call_id)
            await self._refuse(call, refusal.reason, refused, route)
            raise refused
        whole_s = sum(one.entry.timeout_s for one in route.candidates if one.usable)
        total_s = min(request.limits.timeout_s or whole_s, whole_s)
        call.deadline = asyncio.get_running_loop().time() + total_s
        return route

    async def _permitted(self, at: Passage, owed: Sequence[EventDraft]) -> None:
        posture = at.call.posture if at.number == 1 else self._gate.posture()
        if posture.calls:
            return
        refused = refused_by_posture(posture)
        if owed:
            await self._recorder.after(owed)
        else:
            await self._refuse(at.call, CallReason.POSTURE, refused, at.route)
        raise refused

    async def _reserved(self, at: Passage, owed: list[EventDraft], ends: list[Ended]) -> None:
        hop, run_id = at.hop, at.call.run_id
        text = hop.request.body.decode()
        self._texts.keep(run_id, at.call.call_id, "request", text, hop.body_sha256)
        drafts = drafting.before_send(at, ends[-1].failure if ends else None)
        undo = partial(drafting.never_sent, at, CallReason.LEDGER_UNAVAILABLE)
        acks = await self._recorder.before(drafts, owed=owed, undo=undo)
        refusal = acks[-1].refusal
        if refusal is not None:
            raise refused_by_ledger(refusal)
        try:
            if at.call.level.at_least(PhaseLevel.TESTNET):
                self._texts.flush()
                await asyncio.to_thread(self._texts.sync, run_id)
            self._texts.check(run_id)
        except BaseException as error:
            kept_out = isinstance(error, PeakError)
            reason = CallReason.TEXTS_UNWRITABLE if kept_out else CallReason.CANCELLED
            self._recorder.later([drafting.never_sent(at, reason)])
            raise

    async def _sent(self, at: Passage, exchange: Exchange) -> Answer | Failure:
        entry = at.hop.candidate.entry
        at.started_us = self._clock.boot_us()
        now = asyncio.get_running_loop().time()
        deadline = min(now + entry.timeout_s, at.call.deadline)
        try:
            outcome = await self._sender.send(
                at.hop, exchange, deadline=deadline, simulated=at.call.simulated
            )
        except BaseException as error:
            cancelled = isinstance(error, asyncio.CancelledError)
            why = "cancelled by its caller" if cancelled else f"broke off: {type(error).__name__}"
            failure = Failure(CallReason.CANCELLED, OutcomeClass.STOP, why)
            bill = drafting.billed(at.hop, failure, exchange)
            self._recorder.later(self._failed(at, exchange, failure, bill, None))
            raise
        if isinstance(outcome, Failure) and outcome.reason in {
            CallReason.AUTHENTICATION,
            CallReason.PERMISSION,
        }:
            self._down[entry.provider] = self._clock.boot_us() + _DOWN_US
        return outcome

    async def _completed(self, at: Passage, exchange: Exchange, answer: Answer) -> CallResult:
        text, sha256 = kept_text(answer)
        self._texts.keep(at.call.run_id, at.call.call_id, "answer", text, sha256)
        bill = drafting.billed(at.hop, answer, exchange)
        latency_us = self._clock.boot_us() - at.started_us
        draft = drafting.completed(
            at, answer, bill=bill, exchange=exchange, latency_us=latency_us, answer_sha256=sha256
        )
        acks = await self._recorder.after([draft])
        return result(
            at,
            answer,
            bill=bill,
            exchange=exchange,
            latency_us=self._clock.boot_us() - at.call.started_us,
            seq=acks[-1].seq if acks else None,
            text_kept=self._text_kept(at.call.run_id),
        )

    def _text_kept(self, run_id: str) -> bool:
        try:
            self._texts.check(run_id)
        except PeakError:
            return False
        return True

    def _following(self, at: Passage, outcome: Failure) -> Hop | None:
        """The next hop that may be taken; what is passed over is noted in the route."""
        call = at.call
        if outcome.outcome is OutcomeClass.STOP or asyncio.get_running_loop().time() >= call.deadline:
            return None
        return at.route.after(at.hop.candidate.entry.position, spent=call.spent, down=self._down_now())

    def _failed(
        self, at: Passage, exchange: Exchange, failure: Failure, bill: Settled, following: Hop | None
    ) -> list[EventDraft]:
        latency_us = self._clock.boot_us() - at.started_us
        return drafting.failed(
            at, failure, bill=bill, exchange=exchange, latency_us=latency_us, following=following
        )

    async def _refuse(self, call: Call, reason: str, error: PeakError, route: Route | None = None) -> None:
        """Record a refusal as far as the ledger takes it: what refuses a call must not hold it up."""
        drafts = drafting.refused(call, reason, error.message, error.remedy, route)
        error.details["call_id"] = call.call_id
        error.details["recorded"] = await self._recorder.briefly(drafts)

    def _down_now(self) -> frozenset[str]:
        now = self._clock.boot_us()
        if self._down:
            self._down = {provider: until for provider, until in self._down.items() if until > now}
        return frozenset(self._down)
