"""Background calls that another process began, or this one before it died: found, fetched, cancelled.

Nothing here begins work at a provider, so nothing is paid twice: an accepted call is asked after, a call that
was sent and never accepted is left to the node, which books it at its bound. What is recorded has an id that
follows from call and hop, so that two who resume one call record its end once.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any, Final, TypeVar

from peak_console.config.configs import Configs
from peak_console.control.gate import CallGate
from peak_console.domain.addresses import is_loopback
from peak_console.domain.calls import (
    Answer,
    CallReason,
    CallRequest,
    CallResult,
    Failure,
    Message,
    OutcomeClass,
    Pending,
    ToolDefinition,
    Usage,
)
from peak_console.domain.clock import Clock, from_iso, iso
from peak_console.domain.errors import CallFailed, CallRefused, EnvironmentUnfit, PeakError, UsageWrong
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.ids import CallId
from peak_console.domain.money import text_from_nano
from peak_console.domain.vocabulary import Layer, Phase, Role
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.llm import drafting
from peak_console.llm.answering import judged
from peak_console.llm.attempting import Exchange, Unattended
from peak_console.llm.bodies import Settled
from peak_console.llm.credentials import Credentials
from peak_console.llm.drafting import Call, Passage
from peak_console.llm.exchange import Sender
from peak_console.llm.recording import Recorder
from peak_console.llm.refusing import Ended, failure_error, refused_by_halt, refused_by_posture
from peak_console.llm.router import Hop, Route
from peak_console.llm.steps import Steps
from peak_console.llm.unattended.claims import Claim, PendingCall, claim, pending_call
from peak_console.llm.unattended.recorded import recorded_result
from peak_console.net.addresses import unfit
from peak_console.net.messages import bare_url

_ENDS: Final = frozenset({EventKind.CALL_COMPLETED.value, EventKind.CALL_FAILED.value})
_GIVEN_UP: Final = frozenset({CallReason.BACKGROUND_LOST.value, CallReason.CALLER_LOST.value})
"""Ends that the node wrote for want of anybody who knew more; a late answer corrects them."""

_LOOKED_BACK: Final = timedelta(days=30)
_PAGE: Final = 200
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ended that was to be cancelled: ``cancelled``; ``completed`` where it had its answer."""

    call_id: str
    run_id: str
    hop: int
    outcome: str
    cost_eur: str
    cost_basis: str
    usage: Usage | None
    recorded: bool
    result: CallResult | None = None
    """The answer, where there was one by then."""


class Resuming:
    """Ends background calls of one workspace. Belongs to one event loop."""

    def __init__(
        self,
        *,
        ledger: Path,
        runs: Path,
        clock: Clock,
        gate: CallGate,
        credentials: Credentials,
        configs: Callable[[], Configs],
        sender: Sender,
        steps: Steps,
        recorder: Recorder,
    ) -> None:
        self._ledger = ledger
        self._runs = runs
        self._clock = clock
        self._gate = gate
        self._credentials = credentials
        self._configs = configs
        self._sender = sender
        self._steps = steps
        self._recorder = recorder

    async def pending(self, run_id: str | None = None) -> list[PendingCall]:
        """The accepted background calls whose end is not recorded, the newest first."""
        since = iso(self._clock.now() - _LOOKED_BACK)
        return await self._read(lambda reader: _pending(reader, run_id, since))

    async def resume(self, call_id: str) -> CallResult:
        """The answer of background call ``call_id``: fetched and recorded, or as it stands in the ledger."""
        at, exchange, found = await self._found(call_id)
        if isinstance(found, CallResult):
            return found
        halted = self._gate.halts().cutting(at.subject)
        stopped = self._gate.stopped() is not None or halted is not None
        left_s = (found.until - self._clock.now()).total_seconds()
        outcome = await self._sender.resumed(
            at.hop,
            exchange,
            subject=at.subject,
            deadline=asyncio.get_running_loop().time() + left_s,
            simulated=found.simulated,
            stopped=stopped,
        )
        if isinstance(outcome, Pending):
            posture = self._gate.posture()
            refused = refused_by_halt(halted) if halted and posture.calls else refused_by_posture(posture)
            refused.details |= {"call_id": call_id, "response_id": found.response_id}
            refused.remedy = (
                f"it is still worked on; end it: peak call --cancel {call_id}; or {refused.remedy}"
            )
            raise refused
        return await self._ended(at, exchange, judged(at, outcome, exchange))

    async def cancel(self, call_id: str) -> Ending:
        """Cancel background call ``call_id`` at its provider and record what it cost; also under a stop."""
        at, exchange, found = await self._found(call_id)
        if isinstance(found, CallResult):
            raise UsageWrong(
                f"call {call_id} has ended already", code="call_ended", remedy=f"see: peak why {call_id}"
            )
        outcome = await self._sender.closed(at.hop, exchange, simulated=found.simulated)
        if outcome is None:
            raise CallFailed(
                f"whether {at.hop.candidate.entry.provider} cancelled call {call_id} is not known",
                code=CallReason.PROVIDER_UNREACHABLE,
                remedy="try again; it stays among the pending calls",
            )
        checked = judged(at, outcome, exchange)
        bill = drafting.billed(at.hop, checked, exchange)
        if isinstance(checked, Answer):
            result = await self._steps.completed(at, exchange, checked)
            return self._ending(at, "completed", bill, recorded=result.recorded, result=result)
        acks = await self._recorder.after(self._steps.failed(at, exchange, checked, bill))
        return self._ending(at, "cancelled", bill, recorded=acks is not None)

    # -- within

    async def _ended(self, at: Passage, exchange: Exchange, outcome: Answer | Failure) -> CallResult:
        """An answer is settled and kept; a failure ends the call: a resumed one begins nothing anew."""
        if isinstance(outcome, Answer):
            return await self._steps.completed(at, exchange, outcome)
        entry = at.hop.candidate.entry
        bill = drafting.billed(at.hop, outcome, exchange)
        acks = await self._recorder.after(self._steps.failed(at, exchange, outcome, bill))
        raise failure_error(
            [Ended(entry.provider, entry.model_id, outcome, exchange.reached, bill)],
            call_id=at.call.call_id,
            on_exhausted=at.call.on_exhausted,
            run_id=at.call.run_id,
            recorded=acks is not None,
        )

    async def _found(self, call_id: str) -> tuple[Passage, Exchange, Claim | CallResult]:
        """The hop that was accepted last, and its claim; or the answer that is recorded already."""
        if self._recorder.spooled:
            with suppress(EnvironmentUnfit):  # without a node a provider can still be asked, and told to end
                await self._recorder.hand_in_left_over()
        events = await self._read(lambda reader: reader.by_call(call_id))
        accepted = _last_accepted(events, call_id)
        held = self._simulated(claim(accepted))
        asked = next(
            (one for one in events if one.kind == EventKind.CALL_REQUESTED and _hop(one) == held.number), None
        )
        at = self._passage(accepted, asked, held)
        exchange = Exchange(underway=True)
        exchange.unattended = Unattended(Pending(held.response_id, held.status), started_us=at.started_us)
        ended = next((one for one in reversed(events) if one.kind in _ENDS), None)
        if ended is not None and not _is_given_up(ended, held.number):
            return at, exchange, await self._as_recorded(ended, at)
        self._permitted(held, at.hop)
        return at, exchange, held

    def _passage(self, accepted: LedgerEvent, asked: LedgerEvent | None, held: Claim) -> Passage:
        """The hop as its first caller had it, for what is recorded of it now."""
        now, first = self._clock.now(), asked or accepted
        body = (asked.body if asked else None) or {}
        before_us = round(max((now - from_iso(first.ts)).total_seconds(), 0.0) * 1_000_000)
        layer = Layer(body.get("asked_layer") or accepted.layer or "")
        call = Call(
            request=CallRequest(
                layer=layer,
                role=Role(held.asked_role),
                messages=(Message(role="user", content=""),),  # what was asked stands in the run's texts
                run_id=accepted.run_id,
                tools=tuple(ToolDefinition(name=name) for name in body.get("tools", ())),
                background=True,
            ),
            call_id=CallId(accepted.call_id or ""),
            run_id=accepted.run_id or "",
            posture=self._gate.posture(),
            phase=_phase(body.get("phase")),
            simulated=held.simulated,
            started_us=self._clock.boot_us() - before_us,
            on_exhausted=str((accepted.body or {}).get("on_exhausted", "abort")),
        )
        rows = [dict(row) for row in body.get("route", ())]
        route = Route(call.request, [held.hop.candidate], rows)
        return Passage(call, route, held.hop, held.number, started_us=call.started_us)

    def _simulated(self, held: Claim) -> Claim:
        """A simulated workspace takes no real key, whatever an event in its ledger says."""
        lease = self._gate.lease()
        return replace(held, simulated=True) if lease is not None and lease.simulated else held

    def _permitted(self, held: Claim, hop: Hop) -> None:
        """The address must be one that this workspace uses: a key never follows what an event says."""
        url, entry, adapter = hop.usable.base_url, hop.candidate.entry, hop.usable.adapter
        why = unfit(url)
        if why is None and held.simulated and not is_loopback(url):
            why = "a simulated workspace calls this machine only"
        if why is None and url not in self._addresses(hop):
            why = f"{entry.provider} is not at this address any more"
        if why is not None:
            raise CallRefused(
                f"{bare_url(url)} is refused: {why}",
                code=CallReason.BASE_URL_REFUSED,
                remedy=f"set the address that stands in the call's events again ({adapter.base_url})",
            )

    def _addresses(self, hop: Hop) -> set[str]:
        """Where this workspace reaches the provider now: as its environment and its matrix say."""
        provider, adapter = hop.candidate.entry.provider, hop.usable.adapter
        found = {self._credentials.base_urls().get(provider), self._credentials.address(adapter)}
        for layer, role in product(Layer, Role):
            with suppress(PeakError):  # an empty slot, or a matrix that cannot be read, names no address
                chain = self._configs().matrix.chain(layer, role)
                found |= {one.base_url for one in chain if one.provider == provider}
        return {url for url in found if url}

    async def _as_recorded(self, ended: LedgerEvent, at: Passage) -> CallResult:
        if ended.kind == EventKind.CALL_COMPLETED:
            return await asyncio.to_thread(recorded_result, ended, self._runs)
        body = ended.body or {}
        failed = Failure(
            CallReason(body.get("reason", CallReason.BACKGROUND_LOST)),
            OutcomeClass(body.get("outcome", OutcomeClass.STOP)),
            str(body.get("detail", "")),
        )
        raise failure_error(
            [Ended(ended.provider or "", ended.model_id or "", failed)],
            call_id=at.call.call_id,
            on_exhausted=at.call.on_exhausted,
            run_id=at.call.run_id,
            recorded=True,
        )

    def _ending(
        self, at: Passage, outcome: str, bill: Settled, *, recorded: bool, result: CallResult | None = None
    ) -> Ending:
        return Ending(
            call_id=at.call.call_id,
            run_id=at.call.run_id,
            hop=at.number,
            outcome=outcome,
            cost_eur=text_from_nano(bill.cost),
            cost_basis=bill.basis,
            usage=bill.usage,
            recorded=recorded,
            result=result,
        )

    async def _read(self, question: Callable[[LedgerReader], _Read]) -> _Read:
        def read() -> _Read:
            with LedgerReader(self._ledger) as reader:
                return question(reader)

        return await asyncio.to_thread(read)


def _pending(reader: LedgerReader, run_id: str | None, since: str) -> list[PendingCall]:
    found: list[PendingCall] = []
    before: int | None = None
    wanted = EventFilter(kinds=(EventKind.CALL_ACCEPTED.value,), run_id=run_id, since=since)
    while True:
        page = reader.find(wanted, before, _PAGE)
        for event in page.events:
            if event.body is None:
                continue  # an open hop's details are never pruned
            ends = (one for one in reader.by_call(event.call_id or "") if one.kind in _ENDS)
            if not any(_hop(one) == _hop(event) for one in ends):
                found.append(pending_call(event))
        if page.next_before is None:
            return found
        before = page.next_before


def _last_accepted(events: list[LedgerEvent], call_id: str) -> LedgerEvent:
    if not events:
        raise UsageWrong(
            f"there is no call {call_id!r:.60} in this ledger",
            code="call_unknown",
            remedy="see the calls that wait: peak call --pending",
        )
    found = [one for one in events if one.kind == EventKind.CALL_ACCEPTED]
    if not found:
        raise UsageWrong(
            f"call {call_id} has no accepted background work: whether its provider took it is not known",
            code="call_not_accepted",
            remedy=f"it is booked at its bound and never sent again by itself; see: peak why {call_id}",
        )
    return found[-1]


def _is_given_up(ended: LedgerEvent, hop: int) -> bool:
    body: Mapping[str, Any] = ended.body or {}
    return _hop(ended) == hop and ended.kind == EventKind.CALL_FAILED and body.get("reason") in _GIVEN_UP


def _hop(event: LedgerEvent) -> int:
    return int((event.body or {}).get("hop", 0))


def _phase(name: object) -> Phase | None:
    return next((one for one in Phase if one.value == name), None)
