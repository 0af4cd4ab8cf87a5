"""What a trigger does by itself, by the ways of an operator's command: lowering, stop, a latched breaker.

A layer whose money or critic runs away is stopped by its breaker, which only an operator resets; every other
scope by a scope stop. Whatever cannot be done stops everything.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from peak_console.control.breakers import BreakerKind, Latches
from peak_console.control.lowering import Lower
from peak_console.control.stop import stop_now
from peak_console.control.venues import CancelVenue, cancel_all, only, venues_of
from peak_console.domain.arming import ArmState
from peak_console.domain.errors import ControlRefused, PeakError, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.domain.incidents import Auto, Trigger
from peak_console.domain.stopping import GLOBAL, ScopeKind, parse_scope
from peak_console.incidents.alarm import Alarm
from peak_console.node.lowering import Lowering
from peak_console.node.state import NodeState
from peak_console.node.watching import Watch

BREAKER_OF: Final[Mapping[Trigger, BreakerKind]] = {
    Trigger.BUDGET_RUNAWAY: BreakerKind.BURN,
    Trigger.CRITIC_FAIL_RATE: BreakerKind.CRITIC,
}
"""Triggers whose stopped scope is held by a breaker."""

NOTHING_ARMED: Final = frozenset({ArmState.IDLE, ArmState.LOCKED})
"""States of arming in which nothing is armed and nothing waits to be."""

RECORD_S: Final = 1.0

logger = logging.getLogger(__name__)

Append = Callable[[Sequence[EventDraft]], Awaitable[object]]


class NodeActing:
    """:class:`peak_console.node.triggers.Acting` of a node."""

    def __init__(
        self,
        state: NodeState,
        watch: Watch,
        lowering: Lowering,
        append: Append,
        arming: Callable[[], ArmState],
    ) -> None:
        self._state = state
        self._arming = arming
        self._watch = watch
        self._lowering = lowering
        self._append = append
        self._cancelling: set[asyncio.Task[None]] = set()

    def stands(self, auto: Auto, scope: str) -> bool:
        """Whether the effect holds already."""
        if auto is Auto.STOP or (auto is Auto.STOP_SCOPE and scope == GLOBAL):
            return self._state.seen.enabled is None
        if auto is Auto.STOP_SCOPE:
            return scope in self._state.stopped_scopes
        if auto is Auto.QUARANTINE:
            return scope.removeprefix("model:") in self._state.quarantined
        if auto is Auto.DISARM:  # a request that waits could become a lease: it is to end as well
            return self._state.arm is None and self._arming() in NOTHING_ARMED
        return False

    async def act(self, auto: Auto, alarm: Alarm, incident_id: str) -> str:
        """Do it; gives what was done, raises ``PeakError`` where less than that holds now."""
        reason = f"{incident_id}: {alarm.summary}"
        if auto is Auto.DISARM:
            await self._lowering.lower(Lower.DISARM, reason=reason)
            return "disarmed"
        if auto is Auto.QUARANTINE and alarm.scope.startswith("model:"):
            return await self._quarantine(alarm, incident_id)
        if auto is Auto.STOP_SCOPE and alarm.scope != GLOBAL:
            breaker = BREAKER_OF.get(alarm.trigger)
            if breaker is not None:
                return await self._trip(breaker, alarm, incident_id)
            return await self._stop_scope(alarm.scope, reason)
        return self._stop(reason)

    # -- within

    async def _stop_scope(self, scope: str, reason: str) -> str:
        try:
            answer = await self._lowering.lower(Lower.STOP, scope=scope, reason=reason)
        except UsageWrong:
            return self._stop(reason)
        venue = parse_scope(scope)
        if answer.escalated or venue.kind is ScopeKind.VENUE:
            self._cancel_orders("" if answer.escalated else venue.name)
        return "everything was stopped: the scope could not be recorded" if answer.escalated else "stopped"

    async def _trip(self, kind: BreakerKind, alarm: Alarm, incident_id: str) -> str:
        """Latch in memory, show the lease, record; a latch that is not recorded stops everything."""
        body = trip_body(kind, alarm, incident_id)
        if parse_scope(alarm.scope).kind is ScopeKind.DRILL:
            return "a drill stops nothing"
        state = self._state
        before = state.latches
        state.latches = before.after(EventKind.BREAKER_TRIPPED.value, body, "", 0)
        self._watch.renew_now()
        try:
            async with asyncio.timeout(RECORD_S):
                await self._append([own(EventKind.BREAKER_TRIPPED, body)])
        except (PeakError, TimeoutError):
            self._stop(f"the {kind} breaker of {alarm.scope} could not be recorded; {incident_id}")
            return "everything was stopped: the trip could not be recorded"
        return f"the {kind} breaker is latched"

    async def _quarantine(self, alarm: Alarm, incident_id: str) -> str:
        provider, _, model_id = alarm.scope.removeprefix("model:").partition(":")
        body = {
            "provider": provider,
            "model_id": model_id,
            "reason": alarm.summary,
            "incident_id": incident_id,
            "operator": "node",
        }
        draft = EventDraft(
            new_event_id(secrets.token_bytes),
            EventKind.MODEL_QUARANTINED.value,
            body,
            provider=provider,
            model_id=model_id,
        )
        try:
            async with asyncio.timeout(RECORD_S):
                await self._append([draft])
        except (PeakError, TimeoutError):
            return await self._stop_scope(alarm.scope, f"{incident_id}: {alarm.summary}")
        self._watch.renew_now()
        return "out of use"

    def _stop(self, reason: str) -> str:
        outcome = stop_now(self._state.ws.control, reason=reason, operator="node")
        self._cancel_orders()
        self._watch.renew_now()
        if not outcome.effective:
            failed = "; ".join(f"{one.step}: {one.detail}" for one, _ in outcome.failed)
            raise ControlRefused(f"the stop could not be read back: {failed}", code="stop_not_effective")
        return "everything was stopped"

    def _cancel_orders(self, venue: str = "") -> None:
        """Cancel all open orders, or those of one venue, in threads: the loop must not wait for a venue."""
        found = venues_of(self._state.ws.root)
        if found:
            task = asyncio.ensure_future(self._cancelled(only(found, venue) if venue else found))
            self._cancelling.add(task)
            task.add_done_callback(self._cancelling.discard)

    async def _cancelled(self, venues: Sequence[CancelVenue]) -> None:
        step = await asyncio.to_thread(cancel_all, venues)
        level = logging.INFO if step.ok else logging.ERROR
        logger.log(level, "orders after a stop: %s; %s", step.detail, step.remedy)


def trip_body(kind: BreakerKind, alarm: Alarm, incident_id: str) -> dict[str, Any]:
    """The body of ``breaker.tripped`` of a latching breaker."""
    return {
        "breaker": kind.value,
        "scope": alarm.scope,
        "figures": dict(alarm.figures),
        "limit": str(alarm.figures.get("factor") or alarm.figures.get("alarm_log") or ""),
        "reason": alarm.summary,
        "incident_id": incident_id,
    }


def own(kind: EventKind, body: Mapping[str, Any]) -> EventDraft:
    """An event of the node's own."""
    return EventDraft(new_event_id(secrets.token_bytes), kind.value, body)


def refused_reset(draft: EventDraft, latches: Latches) -> PeakError | None:
    """A condition of the writer: an operator resets a latching breaker that is latched, with a reason."""
    kind, scope = draft.body.get("breaker"), draft.body.get("scope")
    if draft.kind != EventKind.BREAKER_RESET or not isinstance(kind, str) or kind not in set(BreakerKind):
        return None
    if not isinstance(scope, str) or not str(draft.body.get("reason") or "").strip():
        return UsageWrong("a reset names a scope and a reason", code="event_malformed")
    if latches.holds(BreakerKind(kind), scope):
        return None
    return ControlRefused(
        f"the {kind} breaker of {scope[:120]} is closed",
        code="breaker_closed",
        remedy="there is nothing to reset; see: peak breaker list",
    )
