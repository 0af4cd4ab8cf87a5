"""The node's operations of arming: what an operator signed is looked up, recorded, and put to the machine."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from peak_console.config.control import ArmRules
from peak_console.control.arm_rules import WORDS, ArmRefusal, Wanted, phrase_of
from peak_console.control.arm_state import (
    Approve,
    Ask,
    Confirm,
    Deny,
    Effect,
    Grant,
    Note,
    Recorded,
    Withdraw,
)
from peak_console.control.arming import bound_to, step
from peak_console.control.tokens import new_token, token_digest
from peak_console.domain.arming import TOKEN_VALID_S
from peak_console.domain.errors import ControlRefused, PeakError, UsageWrong
from peak_console.domain.events import EventKind
from peak_console.domain.ids import crockford
from peak_console.domain.stopping import parse_scope
from peak_console.domain.text import one_line
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.session import Session
from peak_console.ledger.service.wire import Message
from peak_console.node.arm_record import ArmRecord
from peak_console.node.arm_telling import armed_as_told, asked_as_told, report
from peak_console.node.arming import ArmKeeper, Around, draft_of
from peak_console.node.proving import Proved, proved
from peak_console.node.state import NodeState
from peak_console.operations.views.checklists import ItemState

if TYPE_CHECKING:
    from peak_console.ledger.service.server import Handler

_DIGESTS: Final = ("matrix", "lock", "limits")
_TEXT_LIMIT: Final = 500

CHECKLIST_S: Final = 20.0
"""A checklist that takes longer is not known."""

logger = logging.getLogger(__name__)


class ArmOperations:
    """Answers clients; on the node's loop. A token is in the reply of a request and nowhere else."""

    def __init__(self, keeper: ArmKeeper, state: NodeState, record: ArmRecord, around: Around) -> None:
        self._keeper = keeper
        self._state = state
        self._record = record
        self._around = around

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

    async def _request(self, message: Message, session: Session) -> Message:
        asked = self._proved(message, session, EventKind.ARM_REQUESTED)
        body = asked.draft.body
        wanted, red = await self._looked_up(_wanted(body, self._keeper.rules()))
        await self._written(asked)
        self._around.look()
        now, token, request_id = self._keeper.moment(), new_token(self._keeper.random), asked.draft.event_id
        event = Ask(
            request_id,
            wanted,
            one_line(str(body.get("purpose", "")), _TEXT_LIMIT),
            asked.operator,
            self._state.facts.operators.get(asked.operator, ""),
            token_digest(token, bound_to(request_id, now)),
        )
        self._answered(self._keeper.take(event, now), red=red)
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
        request_id = str(signed.draft.body.get("request_id"))
        found, red = await self._judged_again(request_id)
        event = Approve(request_id, signed.operator, key, found)
        self._around.look()
        _raise_denied(
            step(self._keeper.machine, event, self._keeper.moment())[1], red
        )  # what would be refused is not recorded
        await self._written(signed)
        self._around.look()
        self._answered(self._keeper.take(event))
        return {"request": asked_as_told(self._keeper.machine, self._keeper.moment())}

    async def _confirm(self, message: Message, session: Session) -> Message:
        signed = self._proved(message, session, EventKind.ARM_GRANTED)
        token, phrase = message.get("token"), message.get("phrase")
        if not isinstance(token, str) or not isinstance(phrase, str):
            raise UsageWrong("a confirmation is a token and a phrase", code="event_malformed")
        lease_id = "arm_" + crockford(self._keeper.random(10))
        request_id = str(signed.draft.body.get("request_id"))
        found, red = await self._judged_again(request_id)
        self._around.look()
        effects = self._keeper.take(Confirm(request_id, signed.operator, token, phrase, lease_id, found))
        self._answered(effects, red=red)
        grant = next((one for one in effects if isinstance(one, Grant)), None)
        if grant is None:
            raise _refused(ArmRefusal.NO_REQUEST)
        effects = await self._recorded(grant, signed)
        self._answered(effects)
        self._around.show()
        armed = armed_as_told(self._keeper.machine, self._keeper.moment())
        if armed is None:
            raise _refused(ArmRefusal.CHANGED)
        return {"armed": armed}

    async def _withdraw(self, message: Message, session: Session) -> Message:
        before, request_id = self._keeper.machine.asked, str(message.get("request_id"))
        self._keeper.take(Withdraw(request_id, session.actor))
        self._keeper.flush()
        return {"withdrawn": before is not None and before.request_id == request_id}

    async def _status(self, _: Message, __: Session) -> Message:
        self._keeper.tick()
        return report(self._keeper.machine, self._keeper.moment())

    # -- within

    def _proved(self, message: Message, session: Session, kind: EventKind) -> Proved:
        now_us = self._state.clock.boot_us()
        return proved(message, session, kind, authorise=self._around.authorise, now_us=now_us)

    async def _looked_up(self, wanted: Wanted) -> tuple[Wanted, tuple[str, ...]]:
        """``wanted`` with what is found of its run and, for live, of the checklist: what is not green."""
        if wanted.run_id:
            self._record.watch(wanted.run_id)  # before the look: an end in between is seen
            run = await asyncio.to_thread(self._run_found, wanted.run_id)
            wanted = replace(wanted, run=run)
        if wanted.drill:
            return wanted, ()
        found, red = await self._checklist_found()
        return replace(wanted, checklist=found), red

    async def _judged_again(self, request_id: str) -> tuple[ArmRefusal | None, tuple[str, ...]]:
        """The checklist as it is by now, for the request that waits; a drill and an unknown one need none."""
        asked = self._keeper.machine.asked
        if asked is None or asked.request_id != request_id or asked.wanted.drill:
            return None, ()
        return await self._checklist_found()

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

    async def _checklist_found(self) -> tuple[ArmRefusal | None, tuple[str, ...]]:
        """What is wrong with the checklist, and the items that are not green."""
        try:
            async with asyncio.timeout(CHECKLIST_S):
                judged = await asyncio.to_thread(self._around.checklist)
        except Exception:
            logger.exception("the pre-live checklist could not be judged")
            return ArmRefusal.CHECKLIST_UNKNOWN, ()
        red = tuple(one.id for one in judged.items if one.state is not ItemState.GREEN)
        return (None if judged.green else ArmRefusal.CHECKLIST), red

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
        draft = draft_of(self._keeper.random, Note(EventKind.ARM_GRANTED, body, grant.lease.run_id))
        lease_id = grant.lease.lease_id
        try:
            await self._around.append([draft], "node")
        except PeakError as error:
            logger.warning("a grant could not be recorded: %s", error.message)
            return self._keeper.take(Recorded(lease_id, ok=False))
        except BaseException:
            self._keeper.take(Recorded(lease_id, ok=False))
            raise
        self._around.look()
        return self._keeper.take(Recorded(lease_id, ok=True))

    def _answered(self, effects: Sequence[Effect], red: Sequence[str] = ()) -> None:
        self._keeper.flush()
        _raise_denied(effects, red=red, tries_left=self._keeper.machine.tries_left)


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


def _raise_denied(effects: Sequence[Effect], red: Sequence[str] = (), **details: Any) -> None:
    denied = next((one for one in effects if isinstance(one, Deny)), None)
    if denied is not None:
        raise _refused(denied.why, red, **details)


def _refused(why: ArmRefusal, red: Sequence[str] = (), **details: Any) -> ControlRefused:
    message, remedy = WORDS[why]
    if red and why is ArmRefusal.CHECKLIST:
        message, details = f"{message}: {', '.join(red)}", {**details, "red": list(red)}
    return ControlRefused(message, code=why.value, remedy=remedy, **details)
