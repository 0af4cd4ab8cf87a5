"""Open breakers as a call sees them: whom to pass over now, and how long the first of them still cools.

The ledger's writer decides; the lease tells what it decided, about a second later. What it refused this
process meanwhile is remembered here, so that nobody is asked in vain. While another caller's probe is
out, the ledger is read, not asked: each request that its writer refuses is a record.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from peak_console.control.gate import CallGate
from peak_console.control.lease import Lease
from peak_console.domain.calls import CallReason
from peak_console.domain.clock import Clock
from peak_console.domain.errors import CallRefused, PeakError
from peak_console.domain.ids import RandomBytes
from peak_console.domain.ledgering import Refusal
from peak_console.ledger.reader import LedgerReader
from peak_console.llm.router import moment_us
from peak_console.llm.waits import Waits
from peak_console.policy.breaker import LATCHED_UNTIL_US, BreakerState, Wait, admit

Model = tuple[str, str]
"""A provider and one of its models."""

_LOOK_S: Final = 0.25
"""How often whoever waits looks whether a breaker closed before its time, or a stop came."""

_LONGEST_TOLD_US: Final = 24 * 3600 * 1_000_000
_CLAIM_US: Final = 1_000_000
_TRUSTED_US: Final = 5_000_000
_REMEMBERED_US: Final = 60_000_000
"""How long after its time an opening is remembered, unless the model answers before."""

_AGAIN_US: Final = 3_000_000
_LONGEST_AGAIN_US: Final = 30_000_000
"""How long the writer is not asked again after its second refusal in a row, and at most; it doubles."""

_SHORTEST_S: Final = 0.05
_SPREAD_S: Final = 0.25
"""Callers that wait for one model come back spread over so much time: one of them is the probe."""


class Cooling:
    """The open breakers that this process knows of; moments are microseconds since 1970."""

    def __init__(
        self,
        gate: CallGate,
        *,
        clock: Clock,
        random: RandomBytes,
        waits: Waits | None = None,
        ledger: Path | None = None,
    ) -> None:
        self._gate = gate
        self._waits = waits or Waits()
        self._clock = clock
        self._random = random
        self._refused: dict[Model, int] = {}
        self._latched: dict[Model, int] = {}
        self._answered: dict[Model, int] = {}
        self._opened: dict[Model, int] = {}
        self._ledger = ledger
        self._probed: dict[Model, int] = {}
        """How often in a row the writer refused each model for a probe of somebody else's."""

    def now(self, lease: Lease | None = None) -> Mapping[Model, int]:
        """Until when each model that must not be asked now cools down; ``lease`` spares reading it anew."""
        now_us = self._now_us()
        lease = lease or self._gate.lease()
        told = {(one.provider, one.model_id): one.until_us for one in lease.breakers} if lease else {}
        latched = {model: LATCHED_UNTIL_US for model, until in self._latched.items() if until > now_us}
        if told or self._opened:
            self._opened = {
                model: until
                for model, until in {**self._opened, **told}.items()
                if now_us - until < _REMEMBERED_US and self._answered.get(model, 0) < until < LATCHED_UNTIL_US
            }
        if self._refused:
            self._refused = {model: until for model, until in self._refused.items() if until > now_us}
        open_now = {**told, **self._refused, **latched}
        return {model: until for model, until in open_now.items() if until > now_us}

    def note(self, model: Model, refusal: Refusal) -> int:
        """The writer refused ``model``, for an open breaker or another caller's probe; until when.

        One that only an operator resets is open to the end of time: nobody waits for it.
        """
        now_us = self._now_us()
        if refusal.details.get("latched") is True:
            self._latched[model] = now_us + _TRUSTED_US
            return LATCHED_UNTIL_US
        wait_ms = refusal.details.get("retry_after_ms")
        wait_us = wait_ms * 1000 if type(wait_ms) is int and wait_ms > 0 else round(_LOOK_S * 1_000_000)
        if refusal.details.get("state") == BreakerState.HALF_OPEN.value:
            times = self._probed[model] = self._probed.get(model, 0) + 1
            again_us = min(_AGAIN_US * 2 ** min(times - 2, 8), _LONGEST_AGAIN_US) if times > 1 else 0
            wait_us = max(wait_us, again_us)
        self._refused[model] = until_us = now_us + min(wait_us, _LONGEST_TOLD_US)
        self._opened[model] = until_us
        return until_us

    def is_probe(self, model: Model) -> bool:
        """Whether a call that is let through to ``model`` now tries it: its breaker was open lately.

        The lease or the writer said so, and nobody here was answered by it since. A breaker that another
        process's call closed is not seen for a while: then one call more goes without its retries.
        """
        return model in self._opened

    def claim(self, model: Model) -> None:
        """This caller asks ``model`` next: the others of this process wait for what comes of it.

        Unless it answered a moment ago: then its breaker is closed, and all may ask.
        """
        now_us = self._now_us()
        if now_us - self._answered.get(model, 0) > _TRUSTED_US:
            self._refused[model] = now_us + _CLAIM_US

    def ended(self, model: Model, *, answered: bool) -> None:
        """What was asked of ``model`` came to an end: nobody waits for it any longer."""
        known = model in self._refused or model in self._opened
        self._refused.pop(model, None)
        self._probed.pop(model, None)
        if answered and known:
            self._opened.pop(model, None)
            self._answered[model] = self._now_us()

    def fits(self, until: Mapping[Model, int], *, deadline: float) -> bool:
        """Whether the first of these models is free before ``deadline`` on the loop's clock."""
        left_us = min(until.values()) - self._now_us()
        wait_s = max(left_us / 1_000_000, 0) + _SHORTEST_S + _SPREAD_S
        return asyncio.get_running_loop().time() + wait_s < deadline

    async def passed(
        self,
        until: Mapping[Model, int],
        *,
        deadline: float,
        halted: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Whether the first of these models may be asked before ``deadline`` on the loop's clock.

        Returns true once it may, early where its breaker closed, the posture forbids calls or the call is
        ``halted``: whoever asks then is told so. Where another caller's probe is out still, :meth:`now`
        names the model again.
        """
        loop = asyncio.get_running_loop()
        model, free_us = min(until.items(), key=lambda item: item[1])
        chance = int.from_bytes(self._random(4), "big") / 2**32
        ends = loop.time() + max((free_us - self._now_us()) / 1_000_000, 0) + _SHORTEST_S + chance * _SPREAD_S
        if ends >= deadline:
            return False
        self._waits.tell(ends - loop.time(), *model, "cools down after failures")
        while (left := ends - loop.time()) > 0:
            await asyncio.sleep(min(left, _LOOK_S))
            if self._gate.stopped() is not None or model not in self.now() or halted():
                break
        if model in self._probed and (wait := await self._probe_out(model)) is not None:
            self._refused[model] = self._now_us() + wait.retry_after_us
        return True

    async def _probe_out(self, model: Model) -> Wait | None:
        """What the ledger says stands between us and ``model``; ``None`` also where it cannot be read."""
        if self._ledger is None:
            return None
        try:
            return await asyncio.to_thread(_held, self._ledger, model, self._now_us())
        except PeakError:
            return None

    def _now_us(self) -> int:
        return round(self._clock.now().timestamp() * 1_000_000)


def _held(ledger: Path, model: Model, now_us: int) -> Wait | None:
    with LedgerReader(ledger) as reader:
        found = (one for one in reader.breakers() if (one.provider, one.model_id) == model)
        provider = next((one for one in found if one.latch is None), None)
    return None if provider is None else admit(provider.breaker, now_us)


def refused_while_cooling(until: Mapping[Model, int], now: datetime, **details: object) -> CallRefused:
    """The error of a call all of whose candidates cool down for longer than it may wait."""
    (provider, model_id), free_us = min(until.items(), key=lambda item: item[1])
    if free_us >= LATCHED_UNTIL_US:
        return CallRefused(
            f"every candidate that may be asked has a latched budget breaker: {provider}:{model_id} first",
            code=CallReason.BREAKER_OPEN,
            remedy="it never closes by itself; see: peak breaker list, then: peak breaker reset budget MODEL",
            latched=True,
            **details,
        )
    wait_s = max(free_us / 1_000_000 - now.timestamp(), 0.0)
    return CallRefused(
        f"every candidate that may be asked is cooling down; {provider}:{model_id} is the first to be free",
        code=CallReason.BREAKER_OPEN,
        remedy=f"ask again in {wait_s:.0f} s, or allow the call more time than that; see which: peak status",
        retry_after_ms=round(wait_s * 1000),
        until=moment_us(free_us),
        **details,
    )
