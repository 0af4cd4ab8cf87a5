"""What the ledger says is lowered besides the global stop: stopped scopes, and the mark *reduce*. Pure.

A scope stays stopped until an operator's enable names it and the stop that stands on it. Nothing else lifts
it: not time, not a restart, not a global enable.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from peak_console.domain.errors import UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.stopping import REDUCE, ScopeKind, StopScope, parse_scope

REASON_LIMIT: Final = 500
OPERATOR_LIMIT: Final = 100


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing that is lowered: the stop's id, when (wall clock as text, boot clock), why and by whom."""

    stop_id: str
    since: str
    boot_us: int
    reason: str = ""
    operator: str = ""
    actor: str = ""
    """Who recorded it, as the ledger says; empty where that is not known."""


@dataclass(frozen=True, slots=True)
class Lowered:
    """The fold of ``control.stopped`` and ``control.enabled`` of a scope, and of ``control.reduced``."""

    scopes: Mapping[str, Mark] = field(default_factory=dict)
    """Stopped scopes, by their text."""
    reduce: Mark | None = None
    lifted: frozenset[str] = frozenset()
    """Ids that an operator has lifted: recorded late, such a stop stops nothing again."""

    def mark(self, scope: str) -> Mark | None:
        """What stands on ``scope``, ``reduce`` among them; ``None`` where nothing does."""
        return self.reduce if scope == REDUCE else self.scopes.get(scope)

    def after(
        self, kind: str, event_id: str, body: Mapping[str, Any], ts: str, boot_us: int, *, actor: str = ""
    ) -> "Lowered":
        """The fold after one more event; global ones and other kinds change nothing."""
        if kind == EventKind.CONTROL_STOPPED:
            return self._stopped(event_id, body, ts, boot_us, actor)
        if kind == EventKind.CONTROL_REDUCED:
            return self._reduced(event_id, body, ts, boot_us)
        if kind == EventKind.CONTROL_ENABLED:
            return self._enabled(str(body.get("scope", "")))
        return self

    def _stopped(
        self, event_id: str, body: Mapping[str, Any], ts: str, boot_us: int, actor: str
    ) -> "Lowered":
        scope = marked_scope(body.get("scope"))
        mark = replace(_mark(event_id, body, ts, boot_us), actor=actor)
        if scope is None or mark.stop_id in self.lifted:
            return self
        return Lowered({**self.scopes, scope.text: mark}, self.reduce, self.lifted)

    def _reduced(self, event_id: str, body: Mapping[str, Any], ts: str, boot_us: int) -> "Lowered":
        mark = _mark(event_id, body, ts, boot_us)
        if mark.stop_id in self.lifted:
            return self
        return Lowered(self.scopes, mark, self.lifted)

    def _enabled(self, scope: str) -> "Lowered":
        standing = self.mark(scope)
        if standing is None:
            return self
        lifted = self.lifted | {standing.stop_id}
        if scope == REDUCE:
            return Lowered(self.scopes, None, lifted)
        rest = {name: mark for name, mark in self.scopes.items() if name != scope}
        return Lowered(rest, self.reduce, lifted)


def marked_scope(text: object) -> StopScope | None:
    """The scope under which a stop is kept and shown: a narrow one, or a drill's, which stops nothing."""
    if isinstance(text, str) and is_drill(text):
        with suppress(UsageWrong):
            return parse_scope(text)
    return narrow_scope(text)


def is_drill(scope: str) -> bool:
    """Whether a scope is a drill's."""
    return scope.strip().startswith(f"{ScopeKind.DRILL.value}:")


def narrow_scope(text: object) -> StopScope | None:
    """The scope of a stop that is less than everything and stops something; ``None`` of any other text."""
    try:
        scope = parse_scope(text) if isinstance(text, str) else None
    except UsageWrong:
        return None
    return None if scope is None or scope.kind in {ScopeKind.GLOBAL, ScopeKind.DRILL} else scope


def reduce_draft(stop_id: str, *, reason: str, operator: str) -> EventDraft:
    """The ``control.reduced`` event; its id follows from the mark's, so that it is recorded once."""
    body = {
        "on": True,
        "stop_id": stop_id,
        "reason": reason[:REASON_LIMIT],
        "operator": operator[:OPERATOR_LIMIT],
    }
    return EventDraft(event_id=f"ev_{stop_id}", kind=EventKind.CONTROL_REDUCED.value, body=body)


def disarm_draft(stop_id: str, *, lease_id: str | None, reason: str, operator: str) -> EventDraft:
    """The ``control.disarmed`` event; ``lease_id`` is the arm lease that it ended, ``None`` without one."""
    body = {
        "lease_id": lease_id,
        "reason": reason[:REASON_LIMIT],
        "operator": operator[:OPERATOR_LIMIT],
    }
    return EventDraft(event_id=f"ev_{stop_id}", kind=EventKind.CONTROL_DISARMED.value, body=body)


def _mark(event_id: str, body: Mapping[str, Any], ts: str, boot_us: int) -> Mark:
    return Mark(
        stop_id=str(body.get("stop_id") or event_id),
        since=ts,
        boot_us=boot_us,
        reason=str(body.get("reason") or ""),
        operator=str(body.get("operator") or ""),
    )
