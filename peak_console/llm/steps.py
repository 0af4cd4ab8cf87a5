"""What the nine steps of the road do; :mod:`peak_console.llm.client` says in which order."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from peak_console.config.load import ConfigCache
from peak_console.control.gate import CallGate
from peak_console.control.posture import effective
from peak_console.control.scopes import halts_of
from peak_console.domain.calls import (
    Answer,
    CallReason,
    CallRequest,
    CallResult,
    Failure,
    OutcomeClass,
    Pending,
)
from peak_console.domain.clock import Clock, unix_us
from peak_console.domain.errors import ConfigInvalid, PeakError, UsageWrong
from peak_console.domain.events import EventDraft
from peak_console.domain.ids import RandomBytes, is_run_id, new_call_id, new_run_id
from peak_console.domain.vocabulary import Phase, PhaseLevel
from peak_console.llm import drafting
from peak_console.llm.answering import kept_text, result
from peak_console.llm.attempting import Exchange
from peak_console.llm.bodies import Settled
from peak_console.llm.candidates import CandidateRefusal
from peak_console.llm.cooling import Cooling, Model
from peak_console.llm.drafting import Call, Passage
from peak_console.llm.exchange import Sender
from peak_console.llm.handing import Handing
from peak_console.llm.identity import misanswered
from peak_console.llm.onwards import Onwards
from peak_console.llm.permitting import Permitting
from peak_console.llm.recording import Recorder
from peak_console.llm.refusing import (
    Ended,
    refused_by_ledger,
)
from peak_console.llm.router import Hop, Route, plan
from peak_console.llm.scope_gate import ScopeGate
from peak_console.llm.streamed import Streaming
from peak_console.llm.striking import struck
from peak_console.llm.surveys import Surveys
from peak_console.llm.texts import TextStore
from peak_console.llm.tooling import offered
from peak_console.llm.turn import Turn
from peak_console.llm.unattended import claims
from peak_console.llm.unattended.recorded import place_of
from peak_console.llm.waits import Waits

_PHASES: Final = {phase.value: phase for phase in Phase}


class Detached(Exception):
    """Background work was accepted, and its caller leaves it to be resumed."""

    def __init__(self, call_id: str) -> None:
        super().__init__(call_id)
        self.call_id = call_id


class Steps:
    """The steps of calls in one workspace. Belongs to one event loop."""

    def __init__(
        self,
        *,
        clock: Clock,
        random: RandomBytes,
        configs: ConfigCache,
        gate: CallGate,
        surveys: Surveys,
        sender: Sender,
        recorder: Recorder,
        texts: TextStore,
        waits: Waits,
        cooling: Cooling,
        ledger: Path,
        gold_cases: bool = False,
    ) -> None:
        self._clock = clock
        self._random = random
        self._turn = Turn(gate, configs)
        self._permitting = Permitting(gate, self._turn, recorder)
        self._gate = gate
        self._surveys = surveys
        self._sender = sender
        self._recorder = recorder
        self._texts = texts
        self._waits = waits
        self._cooling = cooling
        self._ledger = ledger
        self._gold_cases = gold_cases
        self._scopes = ScopeGate(ledger, clock)
        self.onwards = Onwards(clock, gate, cooling, self._permitting)

    def begun(
        self, request: CallRequest, shape: type[BaseModel] | None = None, handing: Handing | None = None
    ) -> Call:
        """Step 1: the call with its ids, and what holds at its beginning."""
        if request.run_id is not None and not is_run_id(request.run_id):
            raise UsageWrong(
                f"{request.run_id!r:.60} is no run id", remedy="take the one of `async with client.run()`"
            )
        sources = self._turn.sources()
        now_us = self._clock.boot_us()  # after the lease was read, or a renewal between looks like the future
        lease = sources.lease.lease
        return Call(
            request=request,
            call_id=new_call_id(self._random, self._clock.now()),
            run_id=request.run_id or new_run_id(self._clock.now(), self._random),
            posture=effective(sources, now_us, unix_us(self._clock.now())),
            phase=_PHASES.get(lease.phase) if lease else None,
            simulated=lease.simulated if lease else False,
            started_us=now_us,
            shape=shape,
            streaming=Streaming(handing, offered(request)) if handing else None,
        )

    async def planned(self, call: Call) -> Route:
        """Step 2: its route; raises what refuses the call, once that is recorded."""
        request = call.request
        await self._permitting.not_halted(call)
        try:
            survey = self._surveys.of(
                self._turn.configs(call.level),
                request.layer,
                request.role,
                now=self._clock.now(),
                phase=call.level,
                simulated=call.simulated,
                down=self.onwards.down(),
            )
        except ConfigInvalid as error:
            await self._permitting.refuse(call, CallReason.MATRIX_INVALID, error)
            raise
        except PeakError as error:
            await self._permitting.refuse(call, error.code, error)
            raise
        call.matrix_digest, call.lock_digest = survey.matrix_digest, survey.lock_digest
        call.scope, call.scoped = survey.scope, survey.scope.told
        call.on_exhausted = survey.on_exhausted.value
        if request.tools or request.hosted_tools or not survey.scope.silent:
            scoped = await self._scopes.kept_within(survey.scope, request, survey.candidates, call.call_id)
            if isinstance(scoped, CandidateRefusal):
                raise await self._permitting.refused(call, scoped)
            request = call.keep_to(scoped)
        whole_s = sum(one.entry.timeout_s for one in survey.candidates if one.usable)
        total_s = min(request.limits.timeout_s or whole_s, whole_s)
        call.deadline = asyncio.get_running_loop().time() + total_s
        lease = self._turn.sources().lease.lease
        cooling, halts = self._cooling.now(lease), halts_of(lease)
        route = plan(
            survey.candidates,
            request,
            cooling=cooling,
            halts=halts,
            streamed=call.streaming is not None,
            gold_case=self._gold_cases,
        )
        if route.first is None and route.cooled:
            route.first = await self.onwards.cooled_down(call, route)
            if route.first is None:
                raise await self.onwards.still_cooling(call, route)
        refusal = route.refusal
        if refusal is not None:
            raise await self._permitting.refused(call, refusal, route)
        return route

    async def permitted(self, at: Passage, owed: Sequence[EventDraft]) -> None:
        """Step 3: raises ``ControlRefused`` where the posture, or a stop of a part, forbids the call."""
        await self._permitting.permitted(at, owed)

    async def reserved(self, at: Passage, owed: list[EventDraft], ends: list[Ended]) -> bool:
        """Step 4: true once ``requested`` is durable; raises what keeps it from being so.

        False where the writer would not have it for an open breaker, or a stop of its provider or model: then
        the candidate is passed over.
        """
        hop, run_id = at.hop, at.call.run_id
        text = hop.request.body.decode()
        self._texts.keep(run_id, at.call.call_id, "request", text, hop.body_sha256)
        drafts, requested = drafting.before_send(at, ends[-1].failure if ends else None)
        undo = partial(drafting.never_sent, at, CallReason.LEDGER_UNAVAILABLE)
        acks = await self._recorder.before(drafts, owed=owed, undo=undo)
        refusal = next((one.refusal for one in acks if one.event_id == requested.event_id), None)
        if refusal is not None and refusal.code == CallReason.BREAKER_OPEN:
            until_us = self._cooling.note(_model(at), refusal)
            at.route.refused_by_writer = True
            if at.before is None:  # what was asked once by this call is not asked again later
                at.route.cool(hop.candidate.entry.position, until_us)
            return False
        if refusal is not None and refusal.details.get("passes_over") is True:
            at.route.refused_by_writer = True
            halted = CandidateRefusal(CallReason(refusal.code), refusal.message, refusal.remedy)
            at.route.refuse(hop.candidate.entry.position, halted)
            return False
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
        return True

    def exchange(self, at: Passage) -> Exchange:
        """What becomes of the hop that was just admitted; its breaker says whether it is a probe."""
        return Exchange(
            streaming=at.call.streaming, before=at.before, probe=self._cooling.is_probe(_model(at))
        )

    async def sent(self, at: Passage, exchange: Exchange) -> Answer | Failure:
        """Steps 5 to 7: the hop's outcome; one that breaks off is recorded all the same."""
        entry = at.hop.candidate.entry
        at.started_us = self._clock.boot_us()
        now = asyncio.get_running_loop().time()
        deadline = min(at.before.deadline if at.before else now + entry.timeout_s, at.call.deadline)
        try:
            outcome = await self._sender.send(
                at.hop,
                exchange,
                subject=at.subject,
                deadline=deadline,
                simulated=at.call.simulated,
                accepted=partial(self._accepted, at, exchange) if at.call.request.background else None,
            )
        except Detached:
            raise
        except BaseException as error:
            cancelled = isinstance(error, asyncio.CancelledError)
            why = "cancelled by its caller" if cancelled else f"broke off: {type(error).__name__}"
            failure = Failure(CallReason.CANCELLED, OutcomeClass.STOP, why)
            if exchange.unattended is not None:
                self._recorder.behind(self._ended_behind(at, exchange, failure))
                self._waits.cancelled(at.call.call_id, "its provider is told to end its work")
                raise
            bill = drafting.billed(at.hop, failure, exchange)
            if cancelled:
                self._waits.cancelled(at.call.call_id, bill.words())
            self._recorder.later(self.failed(at, exchange, failure, bill))
            raise
        if isinstance(outcome, Failure) and outcome.reason in {
            CallReason.AUTHENTICATION,
            CallReason.PERMISSION,
        }:
            self.onwards.mark_down(entry.provider)
        return outcome

    async def completed(self, at: Passage, exchange: Exchange, answer: Answer) -> CallResult:
        """Step 9: the answer settled and kept."""
        text, sha256 = kept_text(answer)
        self._texts.keep(at.call.run_id, at.call.call_id, "answer", text, sha256)
        self._cooling.ended(_model(at), answered=True)
        bill = drafting.billed(at.hop, answer, exchange)
        latency_us = self._clock.boot_us() - at.started_us
        draft = drafting.completed(
            at, answer, bill=bill, exchange=exchange, latency_us=latency_us, answer_sha256=sha256
        )
        (draft,) = _named([draft], at, exchange)
        acks = await self._recorder.after([draft])
        seq = acks[-1].seq if acks else None
        if acks is not None and seq is None:
            seq = await asyncio.to_thread(place_of, self._ledger, draft)
        return result(
            at,
            answer,
            bill=bill,
            exchange=exchange,
            latency_us=self._clock.boot_us() - at.call.started_us,
            seq=seq,
            text_kept=self._text_kept(at.call.run_id),
        )

    def _text_kept(self, run_id: str) -> bool:
        try:
            self._texts.check(run_id)
        except PeakError:
            return False
        return True

    async def onward(
        self, at: Passage, exchange: Exchange, failure: Failure, bill: Settled
    ) -> tuple[Hop | None, list[EventDraft]]:
        """Step 8: the next hop, and how this one ended, to be recorded with what comes next.

        That of background work is recorded at once: it may stand there already, by whoever resumed it, and
        must not keep out what follows. So it is before a wait for a model that cools down.
        """
        self._cooling.ended(_model(at), answered=False)
        hop = self.onwards.following(at, exchange, failure)
        if failure.outcome is OutcomeClass.RETRY_HERE and at.call.resend is None:
            failure = replace(failure, outcome=OutcomeClass.NEXT_CANDIDATE)
        waits = hop is None and self.onwards.may_wait(at, failure)
        drafts = self.failed(at, exchange, failure, bill, goes_on=hop is not None or waits)
        if not waits and (hop is None or exchange.unattended is None):
            return hop, drafts
        await self._recorder.after(drafts)
        return (await self.onwards.cooled_down(at.call, at.route) if waits else hop), []

    def failed(
        self, at: Passage, exchange: Exchange, failure: Failure, bill: Settled, *, goes_on: bool = False
    ) -> list[EventDraft]:
        """How a hop ended, for the ledger; ``goes_on`` says whether the call does."""
        latency_us = self._clock.boot_us() - at.started_us
        drafts = drafting.failed(
            at, failure, bill=bill, exchange=exchange, latency_us=latency_us, goes_on=goes_on
        )
        return _named(drafts, at, exchange)

    async def _accepted(self, at: Passage, exchange: Exchange, pending: Pending) -> Failure | None:
        """Background work is on the ledger before it is first asked after; why it must not go on, if so."""
        echo, secrets = pending.model_echo, exchange.secrets
        pending = struck(pending, secrets)
        await self._recorder.after([claims.accepted(at, pending, now=self._clock.now())])
        misnamed = misanswered(at.hop, echo, secrets, request_id=pending.request_id) if echo else None
        if misnamed is None and at.call.detached:
            raise Detached(at.call.call_id)
        return misnamed

    async def _ended_behind(self, at: Passage, exchange: Exchange, failure: Failure) -> None:
        """End a cancelled caller's background work, and record what it cost."""
        failure = await self._sender.ended(at.hop, exchange, failure, simulated=at.call.simulated)
        failure = struck(failure, exchange.secrets)
        bill = drafting.billed(at.hop, failure, exchange)
        await self._recorder.after(self.failed(at, exchange, failure, bill))


def _model(at: Passage) -> Model:
    return at.hop.candidate.entry.provider, at.hop.candidate.entry.model_id


def _named(drafts: list[EventDraft], at: Passage, exchange: Exchange) -> list[EventDraft]:
    """The end of background work under the ids that everybody gives it."""
    return drafts if exchange.unattended is None else claims.once(drafts, at.number)
