"""What the ledger says of enable and stop, folded; and what the files say against it. Pure but for reads.

Only *global* enables and stops count here. An enable is in force from its event until a stop ends it; the
node renews the lease only while ``ENABLED`` names the enable in force.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from peak_console.control.files import ENABLED, ENABLING, STOP, Action, Read, decode, identity
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ledgering import Refusal

GLOBAL: Final = "global"
REMOVED: Final = "enabled_removed"


@dataclass(frozen=True, slots=True)
class ControlHistory:
    """The fold of global ``control.enabled`` and ``control.stopped`` events, in the ledger's order."""

    last: str | None = None
    """The last such event, whatever it changed."""
    in_force: str | None = None
    """The enable event in force, ``None`` when stopped."""
    since: str | None = None
    """When what holds now began (the event's ``ts``)."""
    reason: str = ""
    stops: frozenset[str] = frozenset()
    """Ids of the stops on record."""
    lifted: frozenset[str] = frozenset()
    """Ids of the stops that an operator's enable has lifted."""

    @property
    def untouched(self) -> bool:
        """Whether nobody ever enabled or stopped."""
        return self.last is None

    def after(self, kind: str, event_id: str, body: Mapping[str, Any], ts: str) -> "ControlHistory":
        """The history after one more event; other kinds and other scopes change nothing."""
        if body.get("scope") != GLOBAL:
            return self
        if kind == EventKind.CONTROL_ENABLED:
            lifted = {body["after_stop"]} if body.get("after_stop") else set()
            reason = str(body.get("reason", ""))
            return ControlHistory(event_id, event_id, ts, reason, self.stops, self.lifted | lifted)
        if kind == EventKind.CONTROL_STOPPED:
            return self._stopped(event_id, body, ts)
        return self

    def _stopped(self, event_id: str, body: Mapping[str, Any], ts: str) -> "ControlHistory":
        stop_id, ended = str(body.get("stop_id", "")), body.get("ended")
        stops = self.stops | {stop_id}
        # recorded late: an enable has lifted it since, or it ended an enable that is not the one in force
        late = stop_id in self.lifted or (ended and ended != self.in_force)
        if late and self.in_force is not None:
            return ControlHistory(event_id, self.in_force, self.since, self.reason, stops, self.lifted)
        return ControlHistory(event_id, None, ts, str(body.get("reason", "")), stops, self.lifted)


@dataclass(frozen=True, slots=True)
class Observed:
    """What stands in the control folder, as the node saw it in one look."""

    enabling: str | None
    enabled: str | None
    stop: str | None
    stop_fields: Mapping[str, Any] | None = None


def observe_steps() -> Generator[Action, Any, Observed]:
    """Look at the folder: ``ENABLING`` before ``ENABLED``, so that an enable on its way is never missed."""
    enabling = yield Read(ENABLING)
    enabled = yield Read(ENABLED)
    stop = yield Read(STOP)
    return Observed(
        enabling=identity(enabling, "event_id"),
        enabled=identity(enabled, "event_id"),
        stop=identity(stop, "stop_id"),
        stop_fields=decode(stop),
    )


def permitted(history: ControlHistory, seen: Observed) -> str | None:
    """The enable event under which a lease may permit calls; ``None``: it may not."""
    if seen.stop is not None or history.in_force is None or seen.enabled != history.in_force:
        return None
    return history.in_force


def unrecorded_stop(history: ControlHistory, seen: Observed) -> EventDraft | None:
    """The stop that stands in the files and not in the ledger, as the event to record.

    The event's id is made from the stop's, so that whoever records it, it is recorded once. ``history`` must
    have been read before ``seen`` was.
    """
    if seen.stop is not None:
        if seen.stop in history.stops:
            return None
        fields = dict(seen.stop_fields or {})
        reason = str(fields.get("reason", ""))[:500]
        return stop_draft(
            seen.stop,
            reason=reason,
            operator=str(fields.get("operator", ""))[:100],
            asked_scope=str(fields.get("asked_scope", ""))[:100],
            at=str(fields.get("at", ""))[:40],
        )
    in_force = history.in_force
    if in_force is None or in_force in {seen.enabled, seen.enabling}:
        return None
    return stop_draft(f"removed_{in_force}", reason=REMOVED, operator="", ended=in_force)


def stop_draft(
    stop_id: str,
    *,
    reason: str,
    operator: str,
    scope: str = GLOBAL,
    asked_scope: str = "",
    at: str = "",
    ended: str | None = None,
    steps: tuple[Mapping[str, Any], ...] = (),
) -> EventDraft:
    """The ``control.stopped`` event of a stop; its id follows from the stop's.

    ``asked_scope`` stands beside ``scope`` where somebody asked to stop less than was stopped; ``at`` is when
    it was made, where that is known, and may be long before it is recorded.
    """
    body: dict[str, Any] = {
        "scope": scope,
        "reason": reason,
        "stop_id": stop_id,
        "operator": operator,
        "ended": ended,
        "steps": [dict(one) for one in steps],
    }
    if asked_scope and asked_scope != scope:
        body["asked_scope"] = asked_scope
    if at:
        body["at"] = at
    return EventDraft(event_id=f"ev_{stop_id}", kind=EventKind.CONTROL_STOPPED.value, body=body)


def enable_draft(
    event_id: str,
    *,
    reason: str,
    operator: str,
    after_stop: str | None,
    after_event: str | None,
    scope: str = GLOBAL,
) -> EventDraft:
    """The ``control.enabled`` event: under which stop and after which event the operator decided."""
    body: dict[str, Any] = {
        "scope": scope,
        "reason": reason,
        "operator": operator,
        "after_stop": after_stop,
        "after_event": after_event,
    }
    return EventDraft(event_id=event_id, kind=EventKind.CONTROL_ENABLED.value, body=body)


def admit_enable(history: ControlHistory, body: Mapping[str, Any]) -> Refusal | None:
    """Why an enable may not be recorded: somebody enabled or stopped since the operator looked."""
    if body.get("after_event") == history.last:
        return None
    return Refusal(
        code="changed_meanwhile",
        message="somebody enabled or stopped since this enable began",
        remedy="look at peak status, then enable again if it is still right",
    )
