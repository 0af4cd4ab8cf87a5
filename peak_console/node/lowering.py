"""Lowering within the node: one way for all who stop a scope, reduce or disarm, triggers among them."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from typing import Final

from peak_console.control.history import stop_draft
from peak_console.control.lowered import (
    OPERATOR_LIMIT,
    REASON_LIMIT,
    disarm_draft,
    is_drill,
    marked_scope,
    reduce_draft,
)
from peak_console.control.lowering import (
    Lower,
    NodeAnswer,
    Record,
    Remember,
    ShowLease,
    StopAll,
    Wish,
    node_steps,
    stop_all_steps,
)
from peak_console.control.stop import stop_now
from peak_console.domain.arming import ArmEnd, ArmLease
from peak_console.domain.errors import PeakError, UsageWrong
from peak_console.domain.events import EventDraft
from peak_console.domain.ledgering import Ack
from peak_console.domain.posture import PostureReason
from peak_console.domain.stopping import parse_scope
from peak_console.ledger.service.session import Session
from peak_console.ledger.service.wire import Message
from peak_console.node.state import NodeState
from peak_console.node.watching import Watch

RECORD_S: Final = 1.0
"""How long the record may take before everything is stopped instead."""

AGENTS_SCOPES: Final = 8
"""The most scopes that stops of agents and jobs hold, all of them together; one more stops everything."""

logger = logging.getLogger(__name__)

Append = Callable[[Sequence[EventDraft], str], Awaitable[list[Ack]]]
"""Appends events as an actor; raises what kept them out."""


class Lowering:
    """Lowers on the node's loop. ``lower`` never refuses what it understands, and never raises on the way."""

    def __init__(self, state: NodeState, watch: Watch, append: Append) -> None:
        self._state = state
        self._watch = watch
        self._append = append
        self.on_disarm: list[Callable[[ArmEnd, str], object]] = []
        """Called with why and by whom, before the lease is written: whoever holds arming ends it."""
        self._ended: dict[str, ArmLease | None] = {}
        self._by_agents: set[str] = set()
        """Ids of agents' stops that are not on record yet."""
        self._retrying: set[asyncio.Task[None]] = set()
        watch.each_second.append(self.retry)

    async def lower(
        self,
        what: Lower | str,
        *,
        scope: str = "",
        reason: str = "",
        actor: str = "node",
        operator: str = "",
    ) -> NodeAnswer:
        """Lower now: memory, lease, record; a scope stop or *reduce* that is not recorded stops everything.

        Raises ``UsageWrong`` for what names nothing that can be lowered.
        """
        wish = _wish(what, scope, reason, operator)
        steps = node_steps(wish, self._state.clock.boot_us)
        if self.is_one_too_many([wish], actor):
            logger.warning("%s would stop one scope more than agents may: everything is stopped", actor)
            steps = stop_all_steps(wish, self._state.clock.boot_us)
        action = next(steps)
        while True:
            result, error = await self._tried(action, actor)
            try:
                action = steps.send(result) if error is None else steps.throw(error)
            except StopIteration as done:
                return self._told(done.value)

    def is_one_too_many(self, wishes: Sequence[Wish], actor: str) -> bool:
        """Whether ``wishes`` of an agent or a job stop more scopes than such may hold.

        They may stop what they see go wrong; they may not fill the lease, nor hand an operator a thousand
        scopes to lift one by one.
        """
        state = self._state
        asked = {one.scope for one in wishes if one.what is Lower.STOP} - set(state.stopped_scopes)
        if not asked or not is_agent(actor):
            return False
        held = {name for name, mark in state.facts.lowered.scopes.items() if is_agent(mark.actor)}
        held |= {one.scope for stop_id, one in state.lowering.items() if stop_id in self._by_agents}
        return len(held | asked) > AGENTS_SCOPES

    def end_arming(self, wish: Wish, actor: str) -> ArmLease | None:
        """End in memory what ``wish`` ends of arming, if anything; gives what was armed."""
        state, armed = self._state, self._state.arm
        if wish.what is not Lower.DISARM and not _falls_under(armed, wish):
            return None
        state.arm = None
        why = ArmEnd.DISARMED if wish.what is Lower.DISARM else ArmEnd.POSTURE_FELL
        for ended in self.on_disarm:
            ended(why, wish.operator or actor)
        return armed

    async def asked(self, message: Message, session: Session) -> Message:
        """The socket operation ``control.lower``. Its id is made here: a client's might be lifted already."""
        fields = {name: message.get(name, "") for name in ("what", "scope", "reason", "operator")}
        if not all(isinstance(one, str) for one in fields.values()):
            raise UsageWrong("control.lower takes texts", code="event_malformed")
        answer = await self.lower(**fields, actor=session.actor)
        return {**asdict(answer), "steps": [asdict(one) for one in answer.steps]}

    def retry(self) -> None:
        """Have what holds in memory alone recorded, once the ledger takes it."""
        if self._retrying or not self._state.lowering:
            return
        task = asyncio.ensure_future(self._record_late(list(self._state.lowering.values())))
        self._retrying.add(task)
        task.add_done_callback(self._retrying.discard)

    # -- within

    def _told(self, answer: NodeAnswer) -> NodeAnswer:
        """The answer; scopes that the lease cannot name have stopped everything by then."""
        if answer.escalated or PostureReason.TOO_MANY_SCOPES.value not in self._watch.folded.reasons:
            return answer
        return replace(answer, escalated=True, stopped=self._state.seen.enabled is None)

    async def _tried(self, action: object, actor: str) -> tuple[object, Exception | None]:
        try:
            return await self._do(action, actor), None
        except Exception as error:  # noqa: BLE001 - the protocol decides what a failed step means
            return None, error

    async def _do(self, action: object, actor: str) -> object:
        match action:
            case Remember(wish):
                self._remember(wish, actor)
                return None
            case ShowLease():
                return self._show()
            case Record(wish):
                async with asyncio.timeout(RECORD_S):
                    return await self._record(wish, actor)
            case StopAll(wish):
                return self.stop_all(wish)
        raise AssertionError(action)

    def _remember(self, wish: Wish, actor: str) -> None:
        self._state.lowering[wish.stop_id] = wish
        if is_agent(actor):
            self._by_agents.add(wish.stop_id)
        if (ended := self.end_arming(wish, actor)) is not None:
            self._ended[wish.stop_id] = ended

    def _show(self) -> str:
        self._watch.renew_now()
        error = self._watch.lease_error
        if not error:
            return "written"
        if self._watch.lease_stands:
            raise OSError(f"{error}; it could not be removed either, and lapses within 5 s")
        return f"removed, for it could not be written: {error}"

    async def _record(self, wish: Wish, actor: str) -> int:
        (ack,) = await self._append([self._draft(wish)], actor)
        self._forget(wish)
        return ack.seq

    def _forget(self, wish: Wish) -> None:
        self._ended.pop(wish.stop_id, None)
        self._by_agents.discard(wish.stop_id)
        self._state.lowering.pop(wish.stop_id, None)

    def _draft(self, wish: Wish) -> EventDraft:
        if wish.what is Lower.STOP:
            return stop_draft(wish.stop_id, reason=wish.reason, operator=wish.operator, scope=wish.scope)
        if wish.what is Lower.REDUCE:
            return reduce_draft(wish.stop_id, reason=wish.reason, operator=wish.operator)
        ended = self._ended.get(wish.stop_id)
        return disarm_draft(
            wish.stop_id,
            lease_id=ended.lease_id if ended else None,
            reason=wish.reason,
            operator=wish.operator,
        )

    def stop_all(self, wish: Wish) -> bool:
        """Stop everything by the control folder instead; whether it was read back as done.

        For a drill nothing is stopped: it is forgotten.
        """
        if is_drill(wish.scope):
            self._forget(wish)
            return False
        said = wish.scope or wish.what.value
        outcome = stop_now(
            self._state.ws.control,
            reason=wish.reason or f"{said} alone could not be kept",
            operator=wish.operator or "node",
            asked_scope=said,
        )
        return outcome.effective

    async def _record_late(self, wishes: list[Wish]) -> None:
        for wish in wishes:
            try:
                async with asyncio.timeout(RECORD_S):
                    await self._record(wish, "node")
            except UsageWrong as error:  # the ledger will never take it; what was stopped for it stays so
                logger.warning("%s will not be recorded: %s", wish.stop_id, error.message)
                self._forget(wish)
            except (PeakError, TimeoutError):
                return


def _falls_under(armed: ArmLease | None, wish: Wish) -> bool:
    """Whether a scope stop covers what is armed: its run, or the scope itself."""
    if armed is None or wish.what is not Lower.STOP:
        return False
    return parse_scope(wish.scope).covers(run_id=armed.run_id) or wish.scope == armed.scope


def _wish(what: Lower | str, scope: str, reason: str, operator: str) -> Wish:
    try:
        lower = Lower(what)
    except ValueError:
        raise UsageWrong(f"{what!r:.40} lowers nothing", code="event_malformed") from None
    found = marked_scope(scope)
    if lower is Lower.STOP and found is None:
        parse_scope(scope)
        raise UsageWrong(
            f"{scope} is no part of the workspace",
            code="scope_malformed",
            remedy="stop everything with: peak stop",
        )
    return Wish(
        what=lower,
        stop_id=f"{lower.value}_{secrets.token_hex(12)}",
        scope=found.text if found is not None and lower is Lower.STOP else "",
        reason=reason[:REASON_LIMIT],
        operator=operator[:OPERATOR_LIMIT],
    )


def is_agent(actor: str) -> bool:
    """Whether an actor, as the ledger names it, is an agent or a job."""
    return "/agent:" in actor or "/job:" in actor
