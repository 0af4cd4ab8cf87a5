"""Which hop comes next on the road: the next candidate, a repair, or one that only cooled down."""

import asyncio
from typing import Final

from peak_console.control.gate import CallGate
from peak_console.control.scopes import Subject
from peak_console.domain.calls import CallReason, Failure, OutcomeClass
from peak_console.domain.clock import Clock
from peak_console.domain.errors import PeakError
from peak_console.llm import drafting, structured
from peak_console.llm.attempting import Exchange
from peak_console.llm.cooling import Cooling, refused_while_cooling
from peak_console.llm.drafting import Call, Passage
from peak_console.llm.permitting import Permitting
from peak_console.llm.refusing import refusal_error
from peak_console.llm.router import Hop, Route

_DOWN_US: Final = 300_000_000
"""How long a provider that refused our key is not asked again by this process."""


class Onwards:
    """Chooses what follows for the calls of one process. Belongs to one event loop."""

    def __init__(self, clock: Clock, gate: CallGate, cooling: Cooling, permitting: Permitting) -> None:
        self._clock = clock
        self._gate = gate
        self._cooling = cooling
        self._permitting = permitting
        self._down: dict[str, int] = {}

    def mark_down(self, provider: str) -> None:
        """It refused our key: it is left alone for a while."""
        self._down[provider] = self._clock.boot_us() + _DOWN_US

    def down(self) -> frozenset[str]:
        """Providers that refused our key not long ago."""
        now = self._clock.boot_us()
        if self._down:
            self._down = {provider: until for provider, until in self._down.items() if until > now}
        return frozenset(self._down)

    def following(self, at: Passage, exchange: Exchange, outcome: Failure) -> Hop | None:
        """The next hop that may be taken; what is passed over is noted in the route."""
        call = at.call
        call.resend = None
        if outcome.outcome is OutcomeClass.STOP or asyncio.get_running_loop().time() >= call.deadline:
            return None
        if exchange.resend is not None and drafting.fits_own_limit(call, at.hop):
            call.resend = exchange.resend
            return at.hop
        if call.invalid is not None and not at.hop.repair:
            again = structured.repaired(call.request, call.invalid)
            repair = at.route.repair(at.hop, again, spent=call.spent, down=self.down())
            if repair is not None:
                return repair
        return at.route.after(
            at.hop.candidate.entry.position,
            spent=call.spent,
            down=self.down(),
            cooling=self._cooling.now(),
            halts=self._gate.halts(),
        )

    async def cooled_down(self, call: Call, route: Route) -> Hop | None:
        """Waits for the first candidate that only cools down; ``None`` where the call has no time for that.

        Its posture may have changed meanwhile, so that it is asked anew.
        """
        asked = Subject(call.request.layer.value, call.run_id)

        def halted() -> bool:
            return self._gate.halts().of_call(asked) is not None

        while route.cooled and await self._cooling.passed(
            route.cooling, deadline=call.deadline, halted=halted
        ):
            call.posture, halts = self._gate.standing()
            cooling = self._cooling.now() if call.posture.calls else {}
            hop = route.after(-1, spent=call.spent, down=self.down(), cooling=cooling, halts=halts)
            if hop is not None:
                self._cooling.claim((hop.candidate.entry.provider, hop.candidate.entry.model_id))
                return hop
        return None

    async def still_cooling(self, call: Call, route: Route) -> PeakError:
        """The error of a call that has no time to wait, recorded unless the writer's refusal stands.

        Where nobody cools down, who was left was halted meanwhile: then it says so.
        """
        halted = next((one.refusal for one in route.candidates if one.refusal), None)
        if not route.cooled and halted is not None:
            refused = refusal_error(halted.reason, halted.detail, halted.remedy, call_id=call.call_id)
            if not route.refused_by_writer:
                await self._permitting.refuse(call, halted.reason, refused, route)
            return refused
        refused = refused_while_cooling(route.cooling, self._clock.now(), call_id=call.call_id)
        if not route.refused_by_writer:
            await self._permitting.refuse(call, CallReason.BREAKER_OPEN, refused, route)
        return refused

    async def passed_over(self, at: Passage) -> Hop | None:
        """The next hop after a refusal by the writer, which passes one candidate over."""
        at.call.resend = None
        cooling = self._cooling.now()
        position = at.hop.candidate.entry.position
        hop = at.route.after(
            position,
            spent=at.call.spent,
            down=self.down(),
            cooling=cooling,
            halts=self._gate.halts(),
        )
        return hop or await self.cooled_down(at.call, at.route)

    def may_wait(self, at: Passage, failure: Failure) -> bool:
        """Whether somebody is left who only cools down, for less time than the call has."""
        if failure.outcome is OutcomeClass.STOP or not at.route.cooled:
            return False
        return self._cooling.fits(at.route.cooling, deadline=at.call.deadline)
