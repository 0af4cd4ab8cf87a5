"""Step 3 of the road, and how a call is refused: its posture, the stops of its layer and run, the record."""

from collections.abc import Sequence

from peak_console.control.gate import CallGate
from peak_console.control.scopes import NOTHING, Subject, halts_of
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft
from peak_console.llm import drafting
from peak_console.llm.candidates import CandidateRefusal
from peak_console.llm.drafting import Call, Passage
from peak_console.llm.recording import Recorder
from peak_console.llm.refusing import refusal_error, refused_by_halt, refused_by_posture
from peak_console.llm.router import Route
from peak_console.llm.turn import Turn


class Permitting:
    """Refuses the calls of one client, on record. Belongs to one event loop."""

    def __init__(self, gate: CallGate, turn: Turn, recorder: Recorder) -> None:
        self._gate = gate
        self._turn = turn
        self._recorder = recorder

    async def not_halted(self, call: Call) -> None:
        """Raises ``ControlRefused`` where a stop of its layer or run covers the call."""
        if not call.posture.calls:
            return  # what forbids every call says more, and is told in step 3
        halts = halts_of(self._turn.sources().lease.lease)
        halted = halts.of_call(Subject(call.request.layer.value, call.run_id)) if halts else None
        if halted is not None:
            refused = refused_by_halt(halted)
            await self.refuse(call, halted.reason, refused)
            raise refused

    async def permitted(self, at: Passage, owed: Sequence[EventDraft]) -> None:
        """Raises ``ControlRefused`` where the posture, or a stop of a part, forbids the call."""
        posture, halts = at.call.posture, NOTHING
        if at.number > 1 or at.route.refused_by_writer:
            posture, halts = self._gate.standing()
        halted = halts.of_call(at.subject) if halts else None
        if posture.calls and halted is None:
            return
        refused = refused_by_halt(halted) if halted and posture.calls else refused_by_posture(posture)
        if owed:
            await self._recorder.after(owed)
        elif at.number == 1:
            await self.refuse(at.call, refused.code, refused, at.route)
        raise refused

    async def refuse(self, call: Call, reason: str, error: PeakError, route: Route | None = None) -> None:
        """Record a refusal as far as the ledger takes it: what refuses a call must not hold it up."""
        drafts = drafting.refused(call, reason, error.message, error.remedy, route)
        error.details["call_id"] = call.call_id
        error.details["recorded"] = await self._recorder.briefly(drafts)

    async def refused(self, call: Call, refusal: CandidateRefusal, route: Route | None = None) -> PeakError:
        """The error of a call that is refused, once that is recorded."""
        refused = refusal_error(refusal.reason, refusal.detail, refusal.remedy, call_id=call.call_id)
        await self.refuse(call, refusal.reason, refused, route)
        return refused
