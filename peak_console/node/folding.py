"""The node's posture: a pure fold of ledger, files and health into what the lease says."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from peak_console.control.history import REMOVED, ControlHistory, Observed, permitted
from peak_console.domain.arming import ArmLease
from peak_console.domain.clock import from_iso
from peak_console.domain.posture import Orders, PostureReason, PostureState
from peak_console.domain.vocabulary import Phase


@dataclass(frozen=True, slots=True)
class Within:
    """What holds within a posture that permits calls, as ledger and memory say."""

    stopped_scopes: tuple[str, ...] = ()
    quarantined: tuple[str, ...] = ()
    reduce: bool = False
    reduced_at: str | None = None
    """When *reduce* was recorded; ``None`` while it is not on record."""
    arm: ArmLease | None = None
    phase: Phase = Phase.BOOTSTRAP
    ramp_pct: int = 100


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
    stopped_scopes: tuple[str, ...] = ()
    quarantined: tuple[str, ...] = ()
    reduce: bool = False
    arm: ArmLease | None = None
    """What is armed; none where no call is permitted."""
    ramp_pct: int = 100


_NOTHING_WITHIN = Within()

NOT_YET: Final = Folded(
    calls=False, state=PostureState.STOPPED, reasons=(), conflicts=(), enabled=None, since=None
)
"""Before the first look: nothing is permitted."""


def fold(
    history: ControlHistory, seen: Observed, problems: tuple[str, ...], within: Within = _NOTHING_WITHIN
) -> Folded:
    """What holds: calls only with an enable in force, no stop, and no problem of health.

    What is stopped, quarantined or reduced is told of a stopped workspace too; nothing is armed in one.
    """
    enabled = permitted(history, seen)
    since = from_iso(history.since) if history.since else None
    if enabled is not None and not problems:
        state, orders = _orders(within)
        return Folded(
            calls=True,
            state=state,
            reasons=_reasons(within),
            conflicts=(),
            enabled=enabled,
            since=_since_reduced(within) if within.reduce else since,
            orders=orders,
            stopped_scopes=within.stopped_scopes,
            quarantined=within.quarantined,
            reduce=within.reduce,
            arm=within.arm,
            ramp_pct=within.ramp_pct,
        )
    return Folded(
        calls=False,
        state=PostureState.STOPPED,
        reasons=tuple(dict.fromkeys([*problems, *_why_not(history, seen, enabled)])),
        conflicts=_conflicts(history, seen),
        enabled=enabled,
        since=since,
        stopped_scopes=within.stopped_scopes,
        quarantined=within.quarantined,
        reduce=within.reduce,
        ramp_pct=within.ramp_pct,
    )


def _since_reduced(within: Within) -> datetime | None:
    return from_iso(within.reduced_at) if within.reduced_at else None


def _orders(within: Within) -> tuple[PostureState, Orders]:
    """The word, and which orders: *reduce* wins over armed, and a drill arms nothing."""
    if within.reduce:
        return PostureState.REDUCE, Orders.REDUCE
    if within.arm is not None and not within.arm.drill and within.phase is Phase.LIVE:
        return PostureState.ARMED, Orders.ALL
    return PostureState.DISARMED, Orders.NONE


def _reasons(within: Within) -> tuple[str, ...]:
    reasons = [PostureReason.ENABLED]
    if within.reduce:
        reasons.append(PostureReason.REDUCE_ONLY)
    elif _orders(within)[1] is Orders.ALL:
        reasons.append(PostureReason.ARMED)
    if within.stopped_scopes:
        reasons.append(PostureReason.SCOPE_STOPPED)
    return tuple(one.value for one in reasons)


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
