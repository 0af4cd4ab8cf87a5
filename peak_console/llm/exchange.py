"""Steps 5 to 7 of the road for one candidate: check the lease, send, parse; again while that can help."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, TypeVar

from peak_console.control.gate import CallGate, InFlight
from peak_console.control.scopes import Halt, Subject
from peak_console.domain.calls import Answer, Attempt, CallReason, Failure, OutcomeClass, Pending
from peak_console.domain.clock import Clock
from peak_console.domain.ids import RandomBytes
from peak_console.domain.text import one_line
from peak_console.llm.attempting import Exchange, Resend, RetryRule, Unattended
from peak_console.llm.credentials import Credentials
from peak_console.llm.interrupting import Interrupted, interruptible
from peak_console.llm.losses import may_have_begun, net_failure
from peak_console.llm.router import Hop
from peak_console.llm.streamed import received
from peak_console.llm.striking import Secrets
from peak_console.llm.unattended.background import Background, PollRule, denied_now
from peak_console.llm.waits import Waits
from peak_console.net.http import HttpTransport
from peak_console.net.messages import Deadlines, HttpRequest, NetError

_Outcome = TypeVar("_Outcome", Answer, Failure, Answer | Failure)

_RETRY: Final = OutcomeClass.RETRY_HERE
_RESPONSE_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")
"""What may stand in an address: a response's id comes from the provider."""

Accepted = Callable[[Pending], Awaitable[Failure | None]]
"""Makes an accepted background call durable; gives why it must not go on, if it must not."""


class Sender:
    """Sends hops. ``random`` jitters waits; ``gate`` is asked before each send, ``in_flight`` during it."""

    def __init__(
        self,
        transport: HttpTransport,
        gate: CallGate,
        in_flight: InFlight,
        credentials: Credentials,
        *,
        clock: Clock,
        random: RandomBytes,
        retry: RetryRule,
        polls: PollRule | None = None,
        waits: Waits | None = None,
    ) -> None:
        self._transport = transport
        self._gate = gate
        self._in_flight = in_flight
        self._credentials = credentials
        self._clock = clock
        self._random = random
        self._retry = retry
        self._waits = waits or Waits()
        self._background = Background(
            transport, credentials, clock=clock, random=random, rule=polls, waits=self._waits
        )

    async def send(
        self,
        hop: Hop,
        exchange: Exchange,
        *,
        subject: Subject,
        deadline: float,
        simulated: bool,
        accepted: Accepted | None = None,
    ) -> Answer | Failure:
        """The hop's outcome, by ``deadline`` on the loop's clock. ``exchange`` keeps what happened.

        ``subject`` is what stops of parts are held against. ``accepted`` is given for background work and
        awaited before it is first asked after. By the deadline or under a stop such work is cancelled at its
        provider, and its bill read.
        """
        try:
            with interruptible(self._in_flight, subject):
                sent = await self._attempts(
                    hop,
                    exchange,
                    subject,
                    deadline=deadline,
                    simulated=simulated,
                    background=accepted is not None,
                )
                if not isinstance(sent, Pending) or accepted is None:
                    return _told(sent)
                refused = await accepted(sent)
                if refused is not None:
                    return await self.ended(hop, exchange, refused, simulated=simulated)
                return await self._awaited(hop, exchange, deadline=deadline, simulated=simulated)
        except Interrupted as stop:
            return await self.ended(hop, exchange, _cut(stop.halt), simulated=simulated)

    async def resumed(
        self,
        hop: Hop,
        exchange: Exchange,
        *,
        subject: Subject,
        deadline: float,
        simulated: bool,
        stopped: bool = False,
    ) -> Answer | Failure | Pending:
        """The outcome of background work that another process began; nothing is begun anew.

        It is asked after at once. With ``stopped`` it is asked after this once, and left alone, ``Pending``,
        where it has not ended.
        """
        if stopped:
            return await self._looked_at(hop, exchange, simulated=simulated)
        try:
            with interruptible(self._in_flight, subject):
                return await self._awaited(
                    hop, exchange, deadline=deadline, simulated=simulated, at_once=True
                )
        except Interrupted as stop:
            return await self.ended(hop, exchange, _cut(stop.halt), simulated=simulated)

    async def ended(self, hop: Hop, exchange: Exchange, failed: Failure, *, simulated: bool) -> Failure:
        """``failed``, with the bill of accepted background work, which is cancelled at its provider first."""
        work = exchange.unattended
        if work is None or not exchange.underway:
            return failed
        closed = await self._background.closed(
            hop, work.pending.response_id, exchange.secrets, simulated=simulated
        )
        return self._over(exchange, work, _with_bill(failed, closed))

    async def closed(self, hop: Hop, exchange: Exchange, *, simulated: bool) -> Answer | Failure | None:
        """Cancel accepted work; the answer, where there was one by then. ``None``: the provider did not say.

        Goes on under a stop.
        """
        work = _accepted(exchange)
        closed = await self._background.closed(
            hop, work.pending.response_id, exchange.secrets, simulated=simulated
        )
        if closed is None:
            return None
        if isinstance(closed, Answer) or closed.reason is CallReason.BACKGROUND_LOST:
            return self._over(exchange, work, closed)
        failed = Failure(CallReason.CANCELLED, OutcomeClass.STOP, "cancelled by its owner")
        return self._over(exchange, work, _with_bill(failed, closed))

    async def _attempts(
        self,
        hop: Hop,
        exchange: Exchange,
        subject: Subject,
        *,
        deadline: float,
        simulated: bool,
        background: bool,
    ) -> Answer | Failure | Pending:
        """One request after the other, while that can help and none of them may have reached a model."""
        loop = asyncio.get_running_loop()
        earlier = exchange.before.attempts if exchange.before else 0
        left = 1 if exchange.probe else self._retry.attempts - earlier
        waited_ms = await self._waited_ms(hop, exchange.before.wait_s) if exchange.before else 0
        for number in range(1, left + 1):
            refused = self._refused_now(hop, subject)
            if refused is not None:
                return refused
            request = self._credentials.authorised(
                hop.usable.adapter, hop.request, simulated=simulated, now=self._clock.now()
            )
            if request is None:
                return Failure(
                    CallReason.KEY_MISSING, OutcomeClass.NEXT_CANDIDATE, "the key was unset meanwhile"
                )
            exchange.secrets.add(self._credentials.secrets(request, hop.usable.adapter))
            result = await self._one(
                hop,
                request,
                exchange,
                number=number,
                seconds=deadline - loop.time(),
                waited_ms=waited_ms,
                background=background,
            )
            if not isinstance(result, Failure) or result.outcome is not OutcomeClass.RETRY_HERE:
                return result
            wait = self._wait_s(earlier + number, result.retry_after_s)
            if number == left or wait is None or loop.time() + wait >= deadline:
                return _given_up(result)
            if exchange.unanswered:
                exchange.resend = Resend(earlier + number, wait, deadline)
                return result
            waited_ms = await self._waited_ms(hop, wait, result)
        raise AssertionError("a hop has at least one attempt")

    def _refused_now(self, hop: Hop, subject: Subject) -> Failure | None:
        """The last questions before a send: does the posture permit it, a stop of a part, the hard deny."""
        posture, halts = self._gate.standing()
        if not posture.calls:
            detail = f"{posture.state}: {', '.join(posture.reasons)}"
            return Failure(CallReason.POSTURE, OutcomeClass.STOP, detail)
        halt = halts.of(subject)
        if halt is not None:
            outcome = OutcomeClass.STOP if halt.whole else OutcomeClass.NEXT_CANDIDATE
            return Failure(halt.reason, outcome, halt.words)
        return denied_now(hop)

    async def _one(
        self,
        hop: Hop,
        request: HttpRequest,
        exchange: Exchange,
        *,
        number: int,
        seconds: float,
        waited_ms: int,
        background: bool,
    ) -> Answer | Failure | Pending:
        if seconds <= 0:
            return Failure(CallReason.DEADLINE, OutcomeClass.NEXT_CANDIDATE, "no time was left to send")
        started = self._clock.boot_us()
        exchange.underway = True
        status: int | None = None
        result: Answer | Failure | Pending
        if background:
            seconds = min(seconds, self._background.rule.request_s)
        left = True
        try:
            status, result = await self._answered(hop, request, exchange, Deadlines(total_s=seconds))
        except NetError as error:
            result = net_failure(error)
            status, left = error.status, error.sent
            exchange.unanswered |= error.sent and (status is None or status < 300)  # noqa: PLR2004 - a whole error answer bills nothing
            exchange.location = error.location
        if background and isinstance(result, Pending) and _leads_on(result.response_id, exchange.secrets):
            exchange.unattended = Unattended(result, number, started, waited_ms)
            return result
        result = _told(result)
        exchange.underway = False
        if background and isinstance(result, Failure) and may_have_begun(result, sent=left):
            exchange.unanswered = True
            result = _never_again(result)
        if isinstance(result, Failure) and result.usage is None and 200 <= (status or 0) < 300:  # noqa: PLR2004 - the success class of RFC 9110
            exchange.unanswered = True
        reason = "ok" if isinstance(result, Answer) else result.reason.value
        latency_us = self._clock.boot_us() - started
        exchange.attempts.append(Attempt(number, reason, status, latency_us, waited_ms))
        return result

    async def _answered(
        self, hop: Hop, request: HttpRequest, exchange: Exchange, deadlines: Deadlines
    ) -> tuple[int, Answer | Failure | Pending]:
        if exchange.streaming is not None:
            return await received(
                self._transport, hop, request, exchange.streaming, exchange.secrets, deadlines=deadlines
            )
        response = await self._transport.send(request, deadlines=deadlines)
        return response.status, hop.usable.adapter.parse(response.status, response.headers, response.body)

    async def _awaited(
        self, hop: Hop, exchange: Exchange, *, deadline: float, simulated: bool, at_once: bool = False
    ) -> Answer | Failure:
        """The outcome of accepted work; by the deadline it is cancelled, and a timeout with its bill."""
        work = _accepted(exchange)
        outcome = await self._background.outcome(
            hop,
            work.pending.response_id,
            exchange.secrets,
            deadline=deadline,
            simulated=simulated,
            at_once=at_once,
        )
        if isinstance(outcome, Pending):
            outcome = await self._timed_out(hop, outcome, exchange.secrets, simulated=simulated)
        return self._over(exchange, work, outcome)

    async def _looked_at(
        self, hop: Hop, exchange: Exchange, *, simulated: bool
    ) -> Answer | Failure | Pending:
        work, now = _accepted(exchange), asyncio.get_running_loop().time()
        outcome = await self._background.outcome(
            hop,
            work.pending.response_id,
            exchange.secrets,
            deadline=now,
            simulated=simulated,
            at_once=True,
        )
        return outcome if isinstance(outcome, Pending) else self._over(exchange, work, outcome)

    async def _timed_out(
        self, hop: Hop, work: Pending, secrets: Secrets, *, simulated: bool
    ) -> Answer | Failure:
        """An answer that was there in the last moment counts: it is paid for."""
        closed = await self._background.closed(hop, work.response_id, secrets, simulated=simulated)
        if isinstance(closed, Answer):
            return closed
        detail = f"still {one_line(work.status, 40)} at the deadline, so cancelled"
        return _with_bill(Failure(CallReason.TIMEOUT, OutcomeClass.AMBIGUOUS, detail), closed)

    def _over(self, exchange: Exchange, work: Unattended, outcome: _Outcome) -> _Outcome:
        """The one attempt of background work ends with its outcome, however often it was asked after."""
        exchange.underway = False
        reason = "ok"
        status: int | None = 200
        if isinstance(outcome, Failure):
            exchange.unanswered |= outcome.usage is None
            reason, status = outcome.reason.value, outcome.status
            outcome = _given_up(outcome) if outcome.outcome is _RETRY else outcome
        latency_us = self._clock.boot_us() - work.started_us
        exchange.attempts.append(Attempt(work.attempt, reason, status, latency_us, work.waited_ms))
        return outcome

    async def _waited_ms(self, hop: Hop, seconds: float, failed: Failure | None = None) -> int:
        entry, loop = hop.candidate.entry, asyncio.get_running_loop()
        why = f"answered {failed.reason.value}" if failed else "gave no answer"
        self._waits.tell(seconds, entry.provider, entry.model_id, f"{why} and is asked again")
        before = loop.time()
        await asyncio.sleep(seconds)
        return round((loop.time() - before) * 1000)

    def _wait_s(self, number: int, told_s: float | None) -> float | None:
        """Seconds before the next attempt; ``None`` when a provider asks for more than we ever wait."""
        chance = int.from_bytes(self._random(4), "big") / 2**32
        if told_s is not None:
            return (
                None
                if told_s > self._retry.longest_told_s
                else told_s + chance * min(1.0, 0.05 + told_s / 10)
            )
        wait = min(self._retry.first_wait_s * (1 << (number - 1)), self._retry.longest_wait_s)
        return wait * (0.75 + chance / 4)


def _leads_on(response_id: str, secrets: Secrets) -> bool:
    """Whether an id that a provider gave may stand in an address and in the ledger."""
    return _RESPONSE_ID.fullmatch(response_id) is not None and secrets.struck(response_id) == response_id


def _with_bill(failed: Failure, closed: Answer | Failure | None) -> Failure:
    """``failed``, with what the provider told of work that was cancelled for it."""
    if closed is None:
        return replace(failed, detail=f"{failed.detail}; the provider did not confirm the end")
    return replace(
        failed,
        usage=closed.usage,
        model_echo=closed.model_echo or failed.model_echo,
        request_id=closed.request_id or failed.request_id,
    )


def _cut(halt: Halt) -> Failure:
    """The failure of what a stop cancelled in flight; another candidate may be asked under a model's."""
    outcome = OutcomeClass.STOP if halt.whole else OutcomeClass.AMBIGUOUS
    return Failure(CallReason.STOPPED, outcome, f"cancelled in flight: {halt.words}")


def _accepted(exchange: Exchange) -> Unattended:
    if exchange.unattended is None:
        raise RuntimeError("no background work was accepted")
    return exchange.unattended


def _told(outcome: Answer | Failure | Pending) -> Answer | Failure:
    """An outcome that nobody can ask after: no background work was asked for, or it has no usable id."""
    if isinstance(outcome, Pending):
        detail = f"the answer is {outcome.status}, and there is no way to ask after it"
        return Failure(CallReason.MALFORMED, OutcomeClass.NEXT_CANDIDATE, detail)
    return outcome


def _never_again(failed: Failure) -> Failure:
    """Background work that may have begun is not begun again, whatever kept its acceptance from us."""
    return replace(failed, outcome=OutcomeClass.AMBIGUOUS) if failed.outcome is _RETRY else failed


def _given_up(failed: Failure) -> Failure:
    """A failure of this candidate that nobody tries again there."""
    return replace(failed, outcome=OutcomeClass.NEXT_CANDIDATE)
