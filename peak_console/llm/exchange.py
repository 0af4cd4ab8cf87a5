"""Steps 5 to 7 of the road for one candidate: check the lease, send, parse; again while that can help."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Final

from peak_console.control.gate import CallGate, InFlight
from peak_console.domain.calls import Answer, Attempt, CallReason, Failure, OutcomeClass, Pending
from peak_console.domain.clock import Clock
from peak_console.domain.ids import RandomBytes
from peak_console.domain.text import one_line
from peak_console.llm.credentials import Credentials
from peak_console.llm.interrupting import Interrupted, interruptible
from peak_console.llm.providers.failing import failure
from peak_console.llm.router import Hop
from peak_console.net.http import HttpTransport
from peak_console.net.messages import Deadlines, HttpRequest, NetError, NetErrorKind
from peak_console.policy.deny import hard_deny


@dataclass(frozen=True, slots=True)
class RetryRule:
    """How often and how long apart one candidate is tried. A wait the provider names is never shortened."""

    attempts: int = 3
    first_wait_s: float = 0.5
    longest_wait_s: float = 8.0
    longest_told_s: float = 120.0


@dataclass(slots=True)
class Exchange:
    """What became of one hop so far; readable at any moment, also after it was cancelled."""

    attempts: list[Attempt] = field(default_factory=list)
    unanswered: bool = False
    """Whether a request left that got no whole answer with a bill: no provider tells the price of that."""
    underway: bool = False
    location: str | None = None
    """A redirect's target, recorded and never followed."""

    @property
    def reached(self) -> bool:
        """Whether any attempt reached a provider; one that ended in ``connect_error`` left nowhere."""
        return any(one.reason != CallReason.CONNECT_ERROR for one in self.attempts)

    @property
    def may_be_billed(self) -> bool:
        """Whether something left whose price nobody told."""
        return self.unanswered or self.underway


_BY_KIND: Final = {
    NetErrorKind.CONNECT: (CallReason.CONNECT_ERROR, OutcomeClass.RETRY_HERE),
    NetErrorKind.TIMEOUT_CONNECT: (CallReason.CONNECT_ERROR, OutcomeClass.RETRY_HERE),
    NetErrorKind.TLS: (CallReason.CONNECT_ERROR, OutcomeClass.NEXT_CANDIDATE),
    NetErrorKind.TIMEOUT_FIRST_BYTE: (CallReason.TIMEOUT, OutcomeClass.AMBIGUOUS),
    NetErrorKind.TIMEOUT_TOTAL: (CallReason.TIMEOUT, OutcomeClass.AMBIGUOUS),
    NetErrorKind.LOST: (CallReason.CONNECTION_LOST, OutcomeClass.AMBIGUOUS),
    NetErrorKind.TOO_LARGE: (CallReason.RESPONSE_TOO_LARGE, OutcomeClass.AMBIGUOUS),
    NetErrorKind.ENCODING: (CallReason.MALFORMED, OutcomeClass.AMBIGUOUS),
    NetErrorKind.REDIRECT: (CallReason.REDIRECT, OutcomeClass.STOP),
    NetErrorKind.DENIED: (CallReason.FORBIDDEN_BASE_URL, OutcomeClass.STOP),
    NetErrorKind.ADDRESS: (CallReason.BASE_URL_REFUSED, OutcomeClass.STOP),
}


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
    ) -> None:
        self._transport = transport
        self._gate = gate
        self._in_flight = in_flight
        self._credentials = credentials
        self._clock = clock
        self._random = random
        self._retry = retry

    async def send(
        self, hop: Hop, exchange: Exchange, *, deadline: float, simulated: bool
    ) -> Answer | Failure:
        """The hop's outcome, by ``deadline`` on the loop's clock. ``exchange`` keeps what happened."""
        try:
            with interruptible(self._in_flight):
                return await self._attempts(hop, exchange, deadline=deadline, simulated=simulated)
        except Interrupted as stop:
            return Failure(CallReason.STOPPED, OutcomeClass.STOP, f"cancelled in flight: {stop.reason}")

    async def _attempts(
        self, hop: Hop, exchange: Exchange, *, deadline: float, simulated: bool
    ) -> Answer | Failure:
        loop = asyncio.get_running_loop()
        waited_ms = 0
        for number in range(1, self._retry.attempts + 1):
            refused = self._refused_now(hop)
            if refused is not None:
                return refused
            request = self._credentials.authorised(
                hop.usable.adapter, hop.request, simulated=simulated, now=self._clock.now()
            )
            if request is None:
                return Failure(
                    CallReason.KEY_MISSING, OutcomeClass.NEXT_CANDIDATE, "the key was unset meanwhile"
                )
            result = await self._one(
                hop, request, exchange, number=number, seconds=deadline - loop.time(), waited_ms=waited_ms
            )
            if isinstance(result, Answer) or result.outcome is not OutcomeClass.RETRY_HERE:
                return result
            wait = self._wait_s(number, result.retry_after_s)
            if number == self._retry.attempts or wait is None or loop.time() + wait >= deadline:
                return _given_up(result)
            before = loop.time()
            await asyncio.sleep(wait)
            waited_ms = round((loop.time() - before) * 1000)
        raise AssertionError("a hop has at least one attempt")

    def _refused_now(self, hop: Hop) -> Failure | None:
        """The last questions before a send: does the posture permit it, and does the hard deny."""
        posture = self._gate.posture()
        if not posture.calls:
            detail = f"{posture.state}: {', '.join(posture.reasons)}"
            return Failure(CallReason.POSTURE, OutcomeClass.STOP, detail)
        entry = hop.candidate.entry
        denial = hard_deny(
            provider=entry.provider,
            model_id=entry.model_id,
            family=hop.usable.model.family,
            deployment=entry.deployment or "",
            base_url=hop.usable.base_url,
        )
        return Failure(CallReason(denial.rule), OutcomeClass.STOP, denial.message) if denial else None

    async def _one(
        self,
        hop: Hop,
        request: HttpRequest,
        exchange: Exchange,
        *,
        number: int,
        seconds: float,
        waited_ms: int,
    ) -> Answer | Failure:
        if seconds <= 0:
            return Failure(CallReason.DEADLINE, OutcomeClass.NEXT_CANDIDATE, "no time was left to send")
        started = self._clock.boot_us()
        exchange.underway = True
        status: int | None = None
        result: Answer | Failure
        try:
            response = await self._transport.send(request, deadlines=Deadlines(total_s=seconds))
            status = response.status
            result = _told(hop.usable.adapter.parse(status, response.headers, response.body))
        except NetError as error:
            result = net_failure(error)
            status = error.status
            exchange.unanswered |= error.sent and (status is None or status < 300)  # noqa: PLR2004 - a whole error answer bills nothing
            exchange.location = error.location
        exchange.underway = False
        if isinstance(result, Failure) and result.usage is None and 200 <= (status or 0) < 300:  # noqa: PLR2004 - the success class of RFC 9110
            exchange.unanswered = True
        if isinstance(result, Failure):
            result = self._struck(result, hop, request)
        reason = "ok" if isinstance(result, Answer) else result.reason.value
        latency_us = self._clock.boot_us() - started
        exchange.attempts.append(Attempt(number, reason, status, latency_us, waited_ms))
        return result

    def _struck(self, failed: Failure, hop: Hop, sent: HttpRequest) -> Failure:
        detail = self._credentials.struck(failed.detail, sent, hop.usable.adapter)
        return failed if detail == failed.detail else replace(failed, detail=detail)

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


def net_failure(error: NetError) -> Failure:
    """A network error as an outcome. A connection lost before any answer began is tried again here."""
    if error.status is not None and error.status >= 400:  # noqa: PLR2004 - the error classes of RFC 9110
        return replace(
            failure(error.status, {}), detail=one_line(f"HTTP {error.status}: {error.message}", 300)
        )
    reason, outcome = _BY_KIND[error.kind]
    if error.kind is NetErrorKind.LOST and error.status is None:
        outcome = OutcomeClass.RETRY_HERE
    return Failure(reason, outcome, one_line(error.message, 300), status=error.status)


def _told(outcome: Answer | Failure | Pending) -> Answer | Failure:
    """An outcome of a call that was not sent to be worked on in the background."""
    if isinstance(outcome, Pending):
        detail = f"the answer is {outcome.status}, though no background work was asked for"
        return Failure(CallReason.MALFORMED, OutcomeClass.NEXT_CANDIDATE, detail)
    return outcome


def _given_up(failed: Failure) -> Failure:
    return replace(failed, outcome=OutcomeClass.NEXT_CANDIDATE)
