"""The node's posture: a pure fold of ledger, files and health into what the lease says."""

from dataclasses import dataclass
from datetime import datetime

from peak_console.control.history import REMOVED, ControlHistory, Observed, permitted
from peak_console.domain.clock import from_iso
from peak_console.domain.posture import Orders, PostureReason, PostureState


@dataclass(frozen=True, slots=True)
class Folded:
    """The part of the lease that is decided; the rest of it is when and by whom."""

    calls: bool
    state: PostureState
    reasons: tuple[str, ...]
    conflicts: tuple[str, ...]
    enabled: str | None
    since: datetime | None
    orders: Orders = Orders.NONE


def fold(history: ControlHistory, seen: Observed, problems: tuple[str, ...]) -> Folded:
    """What holds: calls only with an enable in force, no stop, and no problem of health."""
    enabled = permitted(history, seen)
    since = from_iso(history.since) if history.since else None
    if enabled is not None and not problems:
        reasons = (PostureReason.ENABLED.value,)
        return Folded(
            calls=True,
            state=PostureState.DISARMED,
            reasons=reasons,
            conflicts=(),
            enabled=enabled,
            since=since,
        )
    return Folded(
        calls=False,
        state=PostureState.STOPPED,
        reasons=tuple(dict.fromkeys([*problems, *_why_not(history, seen, enabled)])),
        conflicts=_conflicts(history, seen),
        enabled=enabled,
        since=since,
    )


def _why_not(history: ControlHistory, seen: Observed, enabled: str | None) -> list[str]:
    if enabled is not None:
        return []
    if history.untouched and seen.stop is None:
        return [PostureReason.NEW_WORKSPACE.value]
    reasons = [PostureReason.STOP_PRESENT.value] if seen.stop is not None else []
    by_hand = history.in_force is None and not history.untouched and history.reason == REMOVED
    if history.in_force is None and not history.untouched:
        reasons.append(PostureReason.STOPPED_BY_OPERATOR.value)
    if seen.enabled is None and (by_hand or not reasons):
        reasons.append(PostureReason.NOT_ENABLED.value)
    return reasons or [PostureReason.NODE_SAYS_STOPPED.value]


def _conflicts(history: ControlHistory, seen: Observed) -> tuple[str, ...]:
    found = []
    if seen.enabled is not None and seen.enabled != history.in_force:
        found.append(
            "ENABLED names an enable that is not the ledger's last: a restored or forged file holds nothing"
        )
    if seen.enabled is not None and seen.stop is not None:
        found.append("ENABLED and STOP both stand; STOP holds")
    return tuple(found)
