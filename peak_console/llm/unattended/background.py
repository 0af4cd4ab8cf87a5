"""A background call once its provider accepted it: asked after until it ends, cancelled, its bill read.

Asking after it and cancelling it begin nothing and cost nothing. So neither is ever an attempt of its own,
both may be repeated as often as needed, and both go on while the workspace is stopped; the hard deny and the
address are judged before each all the same.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from peak_console.domain.calls import Answer, CallReason, Failure, OutcomeClass, Pending
from peak_console.domain.clock import Clock
from peak_console.domain.ids import RandomBytes
from peak_console.llm.credentials import Credentials
from peak_console.llm.losses import net_failure
from peak_console.llm.providers.adapters import BackgroundWire
from peak_console.llm.router import Hop
from peak_console.llm.striking import Secrets
from peak_console.llm.waits import Waits
from peak_console.net.http import HttpTransport
from peak_console.net.messages import Deadlines, HttpRequest, NetError
from peak_console.policy.deny import hard_deny

_REFUSED: Final = frozenset(
    {
        CallReason.REDIRECT,
        CallReason.FORBIDDEN_BASE_URL,
        CallReason.FORBIDDEN_MODEL,
        CallReason.FORBIDDEN_PROVIDER,
        CallReason.BASE_URL_REFUSED,
        CallReason.KEY_MISSING,
        CallReason.AUTHENTICATION,
        CallReason.PERMISSION,
    }
)
"""Why asking again would get the same answer."""


_SHAPELESS: Final = frozenset({CallReason.MALFORMED, CallReason.RESPONSE_TOO_LARGE})
_PASSING: Final = frozenset({408, 429})
"""Statuses of the client error class that pass by themselves."""


@dataclass(frozen=True, slots=True)
class PollRule:
    """How often accepted work is asked after, in seconds. A wait the provider names is never shortened."""

    first_wait_s: float = 1.0
    longest_wait_s: float = 10.0
    request_s: float = 30.0
    """Longest that one question, or the sending of the work itself, may take."""
    settle_s: float = 10.0
    """How long a cancelled call's bill is waited for."""
    settle_wait_s: float = 0.5
    unreadable: int = 3
    """So many answers in a row that nobody can read are the last word."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one question brought; ``told`` says whether it is the provider's word on the work itself."""

    outcome: Answer | Failure | Pending
    told: bool


class Background:
    """Asks after accepted work and cancels it. ``random`` jitters waits."""

    def __init__(
        self,
        transport: HttpTransport,
        credentials: Credentials,
        *,
        clock: Clock,
        random: RandomBytes,
        rule: PollRule | None = None,
        waits: Waits | None = None,
    ) -> None:
        self._transport = transport
        self._credentials = credentials
        self._clock = clock
        self._random = random
        self.rule = rule or PollRule()
        self._waits = waits or Waits()

    async def outcome(
        self,
        hop: Hop,
        response_id: str,
        secrets: Secrets,
        *,
        deadline: float,
        simulated: bool,
        at_once: bool = False,
    ) -> Answer | Failure | Pending:
        """How the work ended; ``Pending`` when it had not by ``deadline`` on the loop's clock.

        What the network or an overloaded provider does to one question is no outcome: it is asked again.
        ``at_once`` asks before the first wait, and asks once even where the deadline has passed. What each
        question carries that must not be kept of its answer is added to ``secrets``.
        """
        loop = asyncio.get_running_loop()
        wire = _wire(hop)
        wait_s, unreadable = (0.0 if at_once else self.rule.first_wait_s), 0
        outcome: Answer | Failure | Pending = Pending(response_id, "queued")
        asked = not at_once
        working = self._waits.working(hop.candidate.entry.provider, hop.candidate.entry.model_id)
        while not asked or loop.time() + wait_s < deadline:
            working.tell(wait_s, outcome.status if isinstance(outcome, Pending) else "")
            await asyncio.sleep(self._jittered(wait_s))
            seconds = self.rule.request_s
            if asked:
                seconds = min(seconds, max(deadline - loop.time(), 0.001))
            seen = await self._asked(
                hop, wire.poll, response_id, secrets, simulated=simulated, seconds=seconds
            )
            asked = True
            if seen.told and not isinstance(seen.outcome, Pending):
                unreadable = unreadable + 1 if _unreadable(seen.outcome) else 0
                if not 0 < unreadable < self.rule.unreadable:
                    return seen.outcome
            elif isinstance(seen.outcome, Pending):
                outcome, unreadable = seen.outcome, 0
            wait_s = max(_told_wait(seen), self._next_wait(wait_s))
        await asyncio.sleep(max(deadline - loop.time(), 0.0))
        return outcome

    async def closed(
        self, hop: Hop, response_id: str, secrets: Secrets, *, simulated: bool
    ) -> Answer | Failure | None:
        """Cancel the work at its provider and read the bill; ``None`` where nobody told how it ended.

        A provider that had answered by then tells its answer.
        """
        loop = asyncio.get_running_loop()
        wire, ends = _wire(hop), loop.time() + self.rule.settle_s
        question: Callable[[str, str], HttpRequest] = wire.cancel
        last: Answer | Failure | None = None
        while (seconds := ends - loop.time()) > 0:
            seen = await self._asked(
                hop, question, response_id, secrets, simulated=simulated, seconds=seconds
            )
            if seen.told and isinstance(seen.outcome, Answer | Failure) and not _unreadable(seen.outcome):
                if seen.outcome.usage is not None or question is wire.poll:
                    return seen.outcome if _on_the_work(seen.outcome) else last
                last = seen.outcome if _on_the_work(seen.outcome) else None
            if question is wire.cancel and (seen.told or _refused(seen.outcome)):
                question = wire.poll  # the provider has heard it: what is left to learn is the bill
                continue
            if _refused(seen.outcome):
                return last
            await asyncio.sleep(min(self.rule.settle_wait_s, max(ends - loop.time(), 0.0)))
        return last

    async def _asked(
        self,
        hop: Hop,
        question: Callable[[str, str], HttpRequest],
        response_id: str,
        secrets: Secrets,
        *,
        simulated: bool,
        seconds: float,
    ) -> _Seen:
        """One question. Nothing here looks at the posture: what is asked costs nothing."""
        usable = hop.usable
        denied = denied_now(hop)
        if denied is not None:
            return _Seen(denied, told=True)
        asked = question(usable.base_url, response_id)
        request = self._credentials.authorised(
            usable.adapter, asked, simulated=simulated, now=self._clock.now()
        )
        if request is None:
            unset = "the key was unset meanwhile"
            return _Seen(Failure(CallReason.KEY_MISSING, OutcomeClass.NEXT_CANDIDATE, unset), told=True)
        secrets.add(self._credentials.secrets(request, usable.adapter))
        deadlines = Deadlines(total_s=min(seconds, self.rule.request_s))
        try:
            response = await self._transport.send(request, deadlines=deadlines)
        except NetError as error:
            failed = net_failure(error)
            return _Seen(failed, told=failed.reason in _REFUSED or _unreadable(failed))
        outcome = usable.adapter.parse(response.status, response.headers, response.body)
        if isinstance(outcome, Failure):
            if response.status == 404:  # noqa: PLR2004 - RFC 9110: the response's id is no longer known
                lost = f"the provider no longer knows the response: {outcome.detail}"
                return _Seen(replace(outcome, reason=CallReason.BACKGROUND_LOST, detail=lost), told=True)
            ended = 200 <= response.status < 300  # noqa: PLR2004 - the success class of RFC 9110
            return _Seen(outcome, told=ended or outcome.reason in _REFUSED)
        return _Seen(outcome, told=True)

    def _next_wait(self, wait_s: float) -> float:
        longer = wait_s * 1.5 if wait_s else self.rule.first_wait_s
        return min(longer, self.rule.longest_wait_s)

    def _jittered(self, wait_s: float) -> float:
        chance = int.from_bytes(self._random(4), "big") / 2**32
        return wait_s * (1 + chance / 10)


def denied_now(hop: Hop) -> Failure | None:
    """What the hard deny says of a hop, asked again before whatever leaves for it."""
    entry = hop.candidate.entry
    denial = hard_deny(
        provider=entry.provider,
        model_id=entry.model_id,
        family=hop.usable.model.family,
        deployment=entry.deployment or "",
        base_url=hop.usable.base_url,
    )
    return Failure(CallReason(denial.rule), OutcomeClass.STOP, denial.message) if denial else None


def _wire(hop: Hop) -> BackgroundWire:
    wire = hop.usable.adapter.background
    if wire is None:
        raise RuntimeError(f"{hop.usable.adapter.endpoint} has no background mode")
    return wire


def _unreadable(outcome: Answer | Failure) -> bool:
    """Whether an answer is of no known shape: a page of a proxy between, most of the time."""
    return isinstance(outcome, Failure) and outcome.usage is None and outcome.reason in _SHAPELESS


def _refused(outcome: Answer | Failure | Pending) -> bool:
    """Whether asking the same again would get the same answer."""
    if not isinstance(outcome, Failure):
        return False
    status = outcome.status or 0
    turned_away = 400 <= status < 500 and status not in _PASSING  # noqa: PLR2004 - the client errors of RFC 9110
    return turned_away or outcome.reason in _REFUSED


def _on_the_work(outcome: Answer | Failure) -> bool:
    """Whether an outcome says what became of the work, not that a question was turned away."""
    if isinstance(outcome, Answer) or outcome.reason is CallReason.BACKGROUND_LOST:
        return True
    return 200 <= (outcome.status or 0) < 300  # noqa: PLR2004 - the success class of RFC 9110


def _told_wait(seen: _Seen) -> float:
    return (seen.outcome.retry_after_s or 0.0) if isinstance(seen.outcome, Failure) else 0.0
