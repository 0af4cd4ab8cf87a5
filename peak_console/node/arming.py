"""Arming in the node: holds the machine, feeds it moments, records what it says, and shows what is armed.

Nothing is armed but by :func:`peak_console.control.arming.step`. All of it runs on the node's loop.
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from peak_console.config.control import ArmRules
from peak_console.control.arm_rules import Moment
from peak_console.control.arm_state import (
    Alarm,
    Arming,
    Effect,
    Event,
    Lower,
    Note,
    Tick,
)
from peak_console.control.arming import step
from peak_console.control.posture import truth
from peak_console.control.slowing import KIND
from peak_console.domain.arming import ArmEnd, ArmLease, ArmState
from peak_console.domain.canonical import digest
from peak_console.domain.clock import from_unix_us, iso
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import RandomBytes, new_event_id
from peak_console.domain.incidents import Trigger
from peak_console.domain.public_keys import bare_key
from peak_console.domain.text import one_line
from peak_console.ledger.service.privileges import Authorise
from peak_console.node.arm_clocks import reader_of
from peak_console.node.arm_record import ArmRecord, locked_until
from peak_console.node.state import NodeState

if TYPE_CHECKING:
    from peak_console.node.arm_clocks import Reading
    from peak_console.node.folding import Folded
    from peak_console.operations.views.checklists import Checklist

NOTES_LIMIT: Final = 512
"""Events that may wait for a ledger that cannot be written."""

_AGAIN_US: Final = 500_000

STOOD_STILL_US: Final = 5_000_000
"""Between two looks of the node's loop: held for so long, its lease has lapsed and nobody could reach it."""

logger = logging.getLogger(__name__)

Append = Callable[[Sequence[EventDraft], str], Awaitable[object]]
"""Appends events as an actor, durably; raises what kept them out."""

OpenIncident = Callable[[Trigger, str, str, str, Mapping[str, Any]], object]
"""Opens an incident: trigger, cause, scope, summary, figures."""


@dataclass(frozen=True, slots=True)
class Around:
    """What arming needs of the node. ``look`` makes posture and configs those of this moment."""

    append: Append
    authorise: Authorise
    look: Callable[[], object]
    show: Callable[[], object]
    """Writes the lease where it says something new."""
    folded: "Callable[[], Folded]"
    order_breakers: Callable[[], frozenset[str]]
    """Those that are tripped now."""
    checklist: "Callable[[], Checklist]"
    """Judges the pre-live checklist; called in a thread."""
    open_incident: OpenIncident
    environ: Mapping[str, str]


class ArmKeeper:
    """Arming of one node session. It begins empty: a restart disarms."""

    def __init__(
        self,
        state: NodeState,
        record: ArmRecord,
        around: Around,
        *,
        random: RandomBytes = secrets.token_bytes,
        clocks: "Callable[[], Reading] | None" = None,
    ) -> None:
        self.machine = Arming()
        self._state = state
        self._record = record
        self._around = around
        self.random = random
        self._clocks = clocks or reader_of(state.clock)
        self._epoch = 0
        self._mark: object = None
        self._rules_of: object = None
        self._rules = ArmRules()
        self._shown: ArmLease | None = None
        self._notes: deque[EventDraft] = deque(maxlen=NOTES_LIMIT)
        self._writing: asyncio.Task[None] | None = None
        self._again_us = 0
        self._looked_us: int | None = None
        """When the loop last looked, on the boot clock; ``None`` before its first look."""
        record.on_stir = self.stir

    # -- what the node calls

    def begin(self) -> None:
        """At the node's start: end what an earlier node had armed, and take over its lockout."""
        for granted in self._record.unended.values():
            body = {
                "lease_id": granted.lease_id,
                "why": ArmEnd.NODE_RESTART.value,
                "operator": granted.operator,
                "drill": granted.drill,
            }
            self._note(Note(EventKind.ARM_ENDED, body, granted.run_id))
        until_us = locked_until(self._record.lockout, self.moment())
        self.machine = Arming(locked_until_us=until_us)
        self.flush()

    def tick(self) -> None:
        """End what is over. Called before each look at the lease: what ended is not shown again."""
        self._feel_a_gap(self._state.clock.boot_us())
        if self.machine.state is not ArmState.IDLE or self._shown is not None:
            self.take(Tick())
        self.flush()

    def lower(self, why: ArmEnd, who: str = "") -> None:
        """End whatever waits or holds, at once in memory; it is recorded behind."""
        self.take(Lower(why, one_line(who)))
        self.flush()

    def stir(self) -> None:
        """Something changed under which nothing of before stands, though it may change back at once."""
        self._epoch += 1

    def last_words(self) -> list[EventDraft]:
        """At the node's end: nothing is armed any more; gives what is to be recorded of it."""
        self.take(Lower(ArmEnd.NODE_RESTART, "node"))
        words = list(self._notes)
        self._notes.clear()
        return words

    def moment(self) -> Moment:
        """Everything the machine looks at, now."""
        state, folded, rules = self._state, self._around.folded(), self.rules()
        boot_us, awake_us, wall_us = self._clocks()
        told = {**state.digests, "lock_of_record": state.facts.lock_digest, "error": state.config_error}
        binding = digest(told)
        breakers = state.open_breakers()
        latched = frozenset(_named(one) for one in breakers if one.latched)
        latched |= {f"{one.kind}:{one.scope}" for one in state.latches.latched()}
        mark = (folded.calls, folded.enabled, state.facts.phase, binding, latched)
        if mark != self._mark:
            self._mark = mark
            self._epoch += 1
        return Moment(
            boot_us=boot_us,
            awake_us=awake_us,
            wall_us=wall_us,
            boot_id=state.boot_id,
            session=state.session,
            binding=binding,
            phase=state.facts.phase.value,
            calls=folded.calls and state.leasing,
            epoch=self._epoch,
            latched=latched,
            open_breakers=frozenset(_named(one) for one in breakers if not one.latched),
            order_breakers=self._around.order_breakers(),
            ended_runs=frozenset(self._record.ended_runs),
            stopped=frozenset(state.stopped_scopes),
            lowered=truth(self._around.environ.get("AI_ARMED")) is False,
            two_person=self._two_person(rules),
            operators=len({bare_key(one) for one in state.facts.operators.values()}),
            default_ttl_s=rules.default_ttl_s,
            max_ttl_s=rules.max_ttl_s,
        )

    def rules(self) -> ArmRules:
        """The bounds in force, read again when a config was seen to change."""
        state = self._state
        seen = (state.digests.get("control"), state.facts.phase, state.config_error)
        if seen != self._rules_of:
            self._rules_of = seen
            try:
                self._rules = state.configs.current(state.facts.phase.level).control.arm
            except PeakError:
                self._rules = ArmRules()  # broken configs permit no calls, and so nothing to arm
        return self._rules

    # -- within

    def _two_person(self, rules: ArmRules) -> bool:
        """Asked for now, or before and taken back by an edit of the file alone."""
        digest = self._state.digests.get(KIND)
        return self._state.facts.slowed.two_person(digest, asked=rules.two_person)

    def take(self, event: Event, now: Moment | None = None) -> tuple[Effect, ...]:
        """Let the machine take an event; what it says is shown and recorded behind."""
        now = now or self.moment()
        if self._looked_us is not None:
            self._feel_a_gap(now.boot_us, now)
        if self._shown is not None and self._state.arm is None and not isinstance(event, Lower):
            self._step(Lower(ArmEnd.POSTURE_FELL), now)  # who took it out of the node's memory meant it
        return self._step(event, now)

    def _feel_a_gap(self, boot_us: int, now: Moment | None = None) -> None:
        """A loop that stood still ends arming and requests for it: who disarmed meanwhile was not heard."""
        before = self._looked_us
        self._looked_us = boot_us if before is None else max(before, boot_us)
        stood_still = before is not None and boot_us - before > STOOD_STILL_US
        if stood_still and self.machine.state is not ArmState.IDLE:
            self._step(Lower(ArmEnd.POSTURE_FELL, "node"), now or self.moment())

    def _step(self, event: Event, now: Moment) -> tuple[Effect, ...]:
        self.machine, effects = step(self.machine, event, now)
        self._shown = self._state.arm = self.machine.lease
        for effect in effects:
            if isinstance(effect, Note):
                self._note(effect)
            elif isinstance(effect, Alarm):
                self._alarm(effect)
        return effects

    def _alarm(self, alarm: Alarm) -> None:
        summary = f"five wrong tokens or phrases of {alarm.operator}: arming is locked"
        figures = {
            "operator": alarm.operator,
            "request_id": alarm.request_id,
            "locked_until": iso(from_unix_us(alarm.until_wall_us)),
        }
        with suppress(PeakError):
            self._around.open_incident(Trigger.ARM_LOCKOUT, alarm.operator, "global", summary, figures)

    def _note(self, note: Note) -> None:
        self._notes.append(draft_of(self.random, note))

    def flush(self) -> None:
        """Record what waits, behind; what the ledger does not take is tried again after a moment."""
        if not self._notes or (self._writing is not None and not self._writing.done()):
            return
        if self._state.clock.boot_us() < self._again_us:
            return
        self._writing = asyncio.ensure_future(self._write_notes())

    async def _write_notes(self) -> None:
        while self._notes:
            draft = self._notes[0]
            try:
                await self._around.append([draft], "node")
            except PeakError as error:
                logger.warning("%s could not be recorded yet: %s", draft.kind, error.message)
                self._again_us = self._state.clock.boot_us() + _AGAIN_US
                return
            if self._notes and self._notes[0] is draft:
                self._notes.popleft()


def _named(breaker: Any) -> str:
    return f"{breaker.provider}:{breaker.model_id}"


def draft_of(random: RandomBytes, note: Note) -> EventDraft:
    """The event that a note asks for."""
    return EventDraft(new_event_id(random), note.kind.value, note.body, run_id=note.run_id or None)
