"""Arming in the node: holds the machine, feeds it moments, records what it says, and shows what is armed.

Nothing is armed but by :func:`peak_console.control.arming.step`; tokens are in the reply of a request and
nowhere else. All of it runs on the node's loop.
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from peak_console.config.control import ArmRules
from peak_console.control.arm_rules import WORDS, ArmRefusal, Moment, Wanted, general, phrase_of
from peak_console.control.arm_state import (
    Alarm,
    Approve,
    Arming,
    Ask,
    Confirm,
    Deny,
    Effect,
    Event,
    Grant,
    Lower,
    Note,
    Recorded,
    Tick,
    Withdraw,
)
from peak_console.control.arming import bound_to, step
from peak_console.control.posture import truth
from peak_console.control.tokens import new_token, token_digest
from peak_console.domain.arming import TOKEN_VALID_S, ArmEnd, ArmLease, ArmState
from peak_console.domain.canonical import digest
from peak_console.domain.clock import from_unix_us, iso
from peak_console.domain.errors import ControlRefused, PeakError, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import RandomBytes, crockford, new_event_id
from peak_console.domain.incidents import Trigger
from peak_console.domain.stopping import parse_scope
from peak_console.domain.text import one_line
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.privileges import Authorise
from peak_console.ledger.service.session import Session
from peak_console.ledger.service.wire import Message
from peak_console.node.arm_clocks import reader_of
from peak_console.node.arm_record import ArmRecord, locked_until
from peak_console.node.proving import Proved, proved
from peak_console.node.state import NodeState

if TYPE_CHECKING:
    from peak_console.ledger.service.server import Handler
    from peak_console.node.arm_clocks import Reading
    from peak_console.node.folding import Folded
    from peak_console.operations.views.checklists import Checklist

NOTES_LIMIT: Final = 512
"""Events that may wait for a ledger that cannot be written."""

_DIGESTS: Final = ("matrix", "lock", "limits")
_TEXT_LIMIT: Final = 500

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
        self._random = random
        self._clocks = clocks or reader_of(state.clock)
        self._epoch = 0
        self._mark: object = None
        self._shown: ArmLease | None = None
        self._notes: deque[EventDraft] = deque(maxlen=NOTES_LIMIT)
        self._writing: asyncio.Task[None] | None = None
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
        self._flush()

    def tick(self) -> None:
        """End what is over. Called before each look at the lease: what ended is not shown again."""
        self._take(Tick())
        self._flush()

    def lower(self, why: ArmEnd, who: str = "") -> None:
        """End whatever waits or holds, at once in memory; it is recorded behind."""
        self._take(Lower(why, one_line(who)))
        self._flush()

    def stir(self) -> None:
        """Something changed under which nothing of before stands, though it may change back at once."""
        self._epoch += 1

    def last_words(self) -> list[EventDraft]:
        """At the node's end: nothing is armed any more; gives what is to be recorded of it."""
        self._take(Lower(ArmEnd.NODE_RESTART, "node"))
        words = list(self._notes)
        self._notes.clear()
        return words

    def handlers(self) -> "dict[str, Handler]":
        """The operations of arming."""
        return {
            "arm.request": self._request,
            "arm.approve": self._approve,
            "arm.confirm": self._confirm,
            "arm.withdraw": self._withdraw,
            "arm.status": self._status,
        }

    # -- the moment

    def moment(self) -> Moment:
        """Everything the machine looks at, now."""
        state, folded, rules = self._state, self._around.folded(), self._rules()
        boot_us, awake_us, wall_us = self._clocks()
        told = {**state.digests, "lock_of_record": state.facts.lock_digest, "error": state.config_error}
        binding = digest(told)
        breakers = state.open_breakers()
        latched = frozenset(_named(one) for one in breakers if one.latched)
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
            ended_runs=frozenset(self._record.ended_runs),
            stopped=frozenset(state.stopped_scopes),
            lowered=truth(self._around.environ.get("AI_ARMED")) is False,
            two_person=rules.two_person,
            operators=len(set(state.facts.operators.values())),
            default_ttl_s=rules.default_ttl_s,
            max_ttl_s=rules.max_ttl_s,
        )

    def _rules(self) -> ArmRules:
        try:
            return self._state.configs.current(self._state.facts.phase.level).control.arm
        except PeakError:
            return ArmRules()  # broken configs permit no calls, and so nothing to arm

    # -- the operations

    async def _request(self, message: Message, session: Session) -> Message:
        asked = self._proved(message, session, EventKind.ARM_REQUESTED)
        body = asked.draft.body
        wanted = await self._looked_up(_wanted(body, self._rules()))
        await self._written(asked)
        self._around.look()
        now, token, request_id = self.moment(), new_token(self._random), asked.draft.event_id
        event = Ask(
            request_id,
            wanted,
            one_line(str(body.get("purpose", "")), _TEXT_LIMIT),
            asked.operator,
            self._state.facts.operators.get(asked.operator, ""),
            token_digest(token, bound_to(request_id, now)),
        )
        self._answered(self._take(event, now))
        return {
            "request_id": request_id,
            "token": token,
            "token_valid_s": TOKEN_VALID_S,
            "phrase": phrase_of(wanted),
            "needs_approval": now.two_person,
        }

    async def _approve(self, message: Message, session: Session) -> Message:
        signed = self._proved(message, session, EventKind.ARM_APPROVED)
        key = self._state.facts.operators.get(signed.operator, "")
        event = Approve(str(signed.draft.body.get("request_id")), signed.operator, key)
        self._around.look()
        _raise_denied(step(self.machine, event, self.moment())[1])  # what would be refused is not recorded
        await self._written(signed)
        self._around.look()
        self._answered(self._take(event))
        return {"request": self._asked_now(self.moment())}

    async def _confirm(self, message: Message, session: Session) -> Message:
        signed = self._proved(message, session, EventKind.ARM_GRANTED)
        token, phrase = message.get("token"), message.get("phrase")
        if not isinstance(token, str) or not isinstance(phrase, str):
            raise UsageWrong("a confirmation is a token and a phrase", code="event_malformed")
        self._around.look()
        lease_id = "arm_" + crockford(self._random(10))
        request_id = str(signed.draft.body.get("request_id"))
        effects = self._take(Confirm(request_id, signed.operator, token, phrase, lease_id))
        self._answered(effects)
        grant = next((one for one in effects if isinstance(one, Grant)), None)
        if grant is None:
            raise _refused(ArmRefusal.NO_REQUEST)
        effects = await self._recorded(grant, signed)
        self._answered(effects)
        self._around.show()
        armed = self._armed_now(self.moment())
        if armed is None:
            raise _refused(ArmRefusal.CHANGED)
        return {"armed": armed}

    async def _withdraw(self, message: Message, session: Session) -> Message:
        before = self.machine.asked
        self._take(Withdraw(str(message.get("request_id")), session.actor))
        self._flush()
        return {"withdrawn": before is not None and self.machine.asked is None}

    async def _status(self, _: Message, __: Session) -> Message:
        return self.report()

    def report(self) -> dict[str, Any]:
        """What stands, for the socket and for ``peak node status``; without floats."""
        self.tick()
        now = self.moment()
        locked = self.machine.locked_until_us
        until_us = None if locked is None else now.wall_us + locked - now.boot_us
        return {
            "state": self.machine.state.value,
            "request": self._asked_now(now),
            "armed": self._armed_now(now),
            "locked_until": None if until_us is None else iso(from_unix_us(until_us)),
            "default_ttl_s": now.default_ttl_s,
            "max_ttl_s": now.max_ttl_s,
            "two_person": now.two_person,
            "refusals": self._why_not(now, drill=False),
            "drill_refusals": self._why_not(now, drill=True),
        }

    # -- within

    def _proved(self, message: Message, session: Session, kind: EventKind) -> Proved:
        now_us = self._state.clock.boot_us()
        return proved(message, session, kind, authorise=self._around.authorise, now_us=now_us)

    async def _looked_up(self, wanted: Wanted) -> Wanted:
        """``wanted`` with what is found of its run and, for live, of the checklist."""
        if wanted.run_id:
            self._record.watch(wanted.run_id)  # before the look: an end in between is seen
            run = await asyncio.to_thread(self._run_found, wanted.run_id)
            wanted = replace(wanted, run=run)
        if wanted.drill:
            return wanted
        return replace(wanted, checklist=await self._checklist_found())

    def _run_found(self, run_id: str) -> ArmRefusal | None:
        kinds = (EventKind.RUN_STARTED.value, EventKind.RUN_FINISHED.value)
        try:
            with LedgerReader(self._state.ws.ledger) as reader:
                found = reader.find(EventFilter(kinds=kinds, run_id=run_id), limit=1).events
        except PeakError:
            return ArmRefusal.RUN_UNKNOWN
        if not found:
            return ArmRefusal.RUN_UNKNOWN
        return None if found[0].kind == EventKind.RUN_STARTED else ArmRefusal.RUN_ENDED

    async def _checklist_found(self) -> ArmRefusal | None:
        try:
            judged = await asyncio.to_thread(self._around.checklist)
        except Exception:
            logger.exception("the pre-live checklist could not be judged")
            return ArmRefusal.CHECKLIST_UNKNOWN
        return None if judged.green else ArmRefusal.CHECKLIST

    async def _written(self, signed: Proved) -> None:
        """Record what an operator signed, under their name, before anything comes of it."""
        self._record.expected.add(signed.draft.event_id)
        try:
            await self._around.append([signed.draft], signed.actor)
        finally:
            self._record.expected.discard(signed.draft.event_id)

    async def _recorded(self, grant: Grant, signed: Proved) -> tuple[Effect, ...]:
        """Record the grant, then tell the machine; whatever keeps it from the ledger keeps it from arming."""
        lock = self._state.facts.lock_digest
        digests = {f"{name}_digest": self._state.digests.get(name) for name in _DIGESTS} | {
            "lock_digest": lock
        }
        proof = {
            "event_id": signed.draft.event_id,
            "nonce": signed.proof.nonce,
            "signature": signed.proof.signature,
        }
        body = {**grant.body, **digests, "proof": proof}
        draft = _draft(self._random, Note(EventKind.ARM_GRANTED, body, grant.lease.run_id))
        lease_id = grant.lease.lease_id
        try:
            await self._around.append([draft], "node")
        except PeakError as error:
            logger.warning("a grant could not be recorded: %s", error.message)
            return self._take(Recorded(lease_id, ok=False))
        except BaseException:
            self._take(Recorded(lease_id, ok=False))
            raise
        self._around.look()
        return self._take(Recorded(lease_id, ok=True))

    def _take(self, event: Event, now: Moment | None = None) -> tuple[Effect, ...]:
        """Let the machine take an event; what it says is shown and recorded behind."""
        now = now or self.moment()
        if self._shown is not None and self._state.arm is None and not isinstance(event, Lower):
            self._step(Lower(ArmEnd.POSTURE_FELL), now)  # who took it out of the node's memory meant it
        return self._step(event, now)

    def _step(self, event: Event, now: Moment) -> tuple[Effect, ...]:
        self.machine, effects = step(self.machine, event, now)
        self._shown = self._state.arm = self.machine.lease
        for effect in effects:
            if isinstance(effect, Note):
                self._note(effect)
            elif isinstance(effect, Alarm):
                self._alarm(effect)
        self._watch_runs()
        return effects

    def _watch_runs(self) -> None:
        asked, held = self.machine.asked, self.machine.held
        if asked is None and held is None:
            return  # one may be looked up just now
        named = {asked.wanted.run_id if asked else "", held.lease.run_id if held else ""}
        if not named <= self._record.watched | {""}:
            self._record.watched |= named

    def _answered(self, effects: Sequence[Effect]) -> None:
        self._flush()
        _raise_denied(effects, tries_left=self.machine.tries_left)

    def _alarm(self, alarm: Alarm) -> None:
        summary = f"five wrong tokens of {alarm.operator}: arming is locked"
        figures = {
            "operator": alarm.operator,
            "request_id": alarm.request_id,
            "locked_until": iso(from_unix_us(alarm.until_wall_us)),
        }
        with suppress(PeakError):
            self._around.open_incident(Trigger.ARM_LOCKOUT, alarm.operator, "global", summary, figures)

    def _note(self, note: Note) -> None:
        self._notes.append(_draft(self._random, note))

    def _flush(self) -> None:
        """Record what waits, behind; what the ledger does not take is tried again at the next tick."""
        if not self._notes or (self._writing is not None and not self._writing.done()):
            return
        self._writing = asyncio.ensure_future(self._write_notes())

    async def _write_notes(self) -> None:
        while self._notes:
            draft = self._notes[0]
            try:
                await self._around.append([draft], "node")
            except PeakError as error:
                logger.warning("%s could not be recorded yet: %s", draft.kind, error.message)
                return
            if self._notes and self._notes[0] is draft:
                self._notes.popleft()

    def _asked_now(self, now: Moment) -> dict[str, Any] | None:
        asked = self.machine.asked
        if asked is None:
            return None
        waits = self.machine.state is ArmState.REQUESTED
        until = iso(from_unix_us(now.wall_us + asked.until_us - now.boot_us))
        return {
            "request_id": asked.request_id,
            "scope": asked.wanted.scope,
            "run_id": asked.wanted.run_id,
            "purpose": asked.purpose,
            "requester": asked.operator,
            "ttl_s": asked.wanted.ttl_s,
            "drill": asked.wanted.drill,
            "requested_at": iso(from_unix_us(asked.asked_wall_us)),
            "token_until": None if waits else until,
            "approval_until": until if waits else None,
            "tries_left": self.machine.tries_left,
            "phrase": phrase_of(asked.wanted),
            "needs_approval": asked.needs_approval,
            "approved_by": asked.approved_by,
        }

    def _armed_now(self, now: Moment) -> dict[str, Any] | None:
        lease = self.machine.lease
        if lease is None:
            return None
        left_us = min(lease.expires_us - now.boot_us, lease.expires_wall_us - now.wall_us)
        return {
            "lease_id": lease.lease_id,
            "scope": lease.scope,
            "run_id": lease.run_id,
            "actor": lease.actor,
            "drill": lease.drill,
            "granted_at": iso(from_unix_us(lease.granted_wall_us)),
            "expires_at": iso(from_unix_us(lease.expires_wall_us)),
            "left_ms": max(0, left_us) // 1000,
        }

    def _why_not(self, now: Moment, *, drill: bool) -> list[str]:
        found = [*general(now, drill=drill)]
        by_state = {ArmState.LOCKED: ArmRefusal.LOCKED, ArmState.ARMED: ArmRefusal.ARMED}
        if (state := by_state.get(self.machine.state)) is not None:
            found.insert(0, state)
        return [f"{WORDS[one][0]}; {WORDS[one][1]}" for one in found]


def _wanted(body: Mapping[str, Any], rules: ArmRules) -> Wanted:
    """What a signed request asks for; raises ``UsageWrong``."""
    scope, run_id, ttl_s, drill = (body.get(name) for name in ("scope", "run_id", "ttl_s", "drill"))
    texts = isinstance(scope, str) and (run_id is None or isinstance(run_id, str))
    if not texts or type(drill) is not bool or not (ttl_s is None or type(ttl_s) is int):
        raise UsageWrong(
            "a request names scope, run, seconds and whether it is a drill", code="event_malformed"
        )
    if run_id is not None and not (run_id.isascii() and run_id.isprintable() and 0 < len(run_id) <= 80):  # noqa: PLR2004 - a line
        raise UsageWrong("that is no run's id", code="run_unknown", remedy="list them with: peak runs list")
    named = parse_scope(str(scope)).text
    return Wanted(named, run_id or "", rules.default_ttl_s if ttl_s is None else ttl_s, drill)


def _named(breaker: Any) -> str:
    return f"{breaker.provider}:{breaker.model_id}"


def _draft(random: RandomBytes, note: Note) -> EventDraft:
    return EventDraft(new_event_id(random), note.kind.value, note.body, run_id=note.run_id or None)


def _raise_denied(effects: Sequence[Effect], **details: Any) -> None:
    denied = next((one for one in effects if isinstance(one, Deny)), None)
    if denied is not None:
        raise _refused(denied.why, **details)


def _refused(why: ArmRefusal, **details: Any) -> ControlRefused:
    message, remedy = WORDS[why]
    return ControlRefused(message, code=why.value, remedy=remedy, **details)
