"""The effective posture: a pure fold of the sources, the strictest wins (design: docs/control.md)."""

from dataclasses import dataclass
from datetime import datetime

from peak_console.control.lease import Lease, arm_ended, invalid
from peak_console.domain.clock import from_unix_us
from peak_console.domain.posture import Orders, Posture, PostureReason, PostureState
from peak_console.domain.vocabulary import Phase

_TRUE = frozenset({"true", "1", "yes", "on"})


@dataclass(frozen=True, slots=True)
class EnabledFile:
    """What ``ENABLED`` is: the enable event it names; ``problem`` when it exists and cannot be used."""

    event_id: str | None = None
    problem: PostureReason | None = None


@dataclass(frozen=True, slots=True)
class StopFile:
    """Whether ``STOP`` stands, and since when, as far as it can be read."""

    present: bool = False
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class LeaseFile:
    """The lease as read; without one, ``problem`` says why."""

    lease: Lease | None = None
    problem: PostureReason = PostureReason.LEASE_MISSING


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything the posture is decided from. ``None`` for an environment variable is "no opinion"."""

    enabled: EnabledFile
    stop: StopFile
    lease: LeaseFile
    boot_id: str
    ai_enabled: bool | None = None
    ai_armed: bool | None = None


def truth(text: str | None) -> bool | None:
    """An environment switch (decision 13): unset has no opinion, anything but a true word is false."""
    return None if text is None else text.strip().lower() in _TRUE


def effective(sources: Sources, now_us: int, wall_us: int | None = None) -> Posture:
    """The posture at ``now_us`` on the boot clock. Whatever is missing or wrong permits nothing.

    ``wall_us`` is the wall clock in microseconds since 1970; without it nothing is armed.
    """
    lease, problem = _lease(sources, now_us)
    stopped, unknown, told = _stopped(sources), _unknown(sources, problem), _told(sources, lease)
    if lease is not None and not (stopped or unknown or told):
        return _permitting(sources, lease, now_us, wall_us)
    # the node's word counts as "unknown" where the node itself does not know
    node_knows = bool(told) and lease is not None and lease.state is not PostureState.UNKNOWN
    known = bool(stopped) or (node_knows and not unknown)
    return Posture(
        state=PostureState.STOPPED if known else PostureState.UNKNOWN,
        calls=False,
        orders=Orders.NONE,
        reasons=_specific(dict.fromkeys([*told, *stopped, *unknown])),
        conflicts=_conflicts(sources, lease),
        since=sources.stop.since or (lease.since if lease else None),
        age_ms=_age_ms(lease or sources.lease.lease, sources.boot_id, now_us),
    )


def _unknown(sources: Sources, lease_problem: PostureReason | None) -> list[str]:
    """Reasons that leave it open whether anything was permitted: they forbid all the same."""
    reasons = [sources.enabled.problem.value] if sources.enabled.problem else []
    if lease_problem is not None:
        reasons += [PostureReason.LAPSED.value, lease_problem.value]
    return reasons


def _lease(sources: Sources, now_us: int) -> tuple[Lease | None, PostureReason | None]:
    """The lease when it counts, else why it does not."""
    lease = sources.lease.lease
    if lease is None:
        return None, sources.lease.problem
    problem = invalid(lease, now_us=now_us, boot_id=sources.boot_id)
    return (lease, None) if problem is None else (None, problem)


def _stopped(sources: Sources) -> list[str]:
    """Reasons that say stopped, whatever the node says."""
    reasons = []
    if sources.ai_enabled is False:
        reasons.append(PostureReason.AI_ENABLED_FALSE.value)
    if sources.stop.present:
        reasons.append(PostureReason.STOP_PRESENT.value)
    if sources.enabled.event_id is None and sources.enabled.problem is None:
        reasons.append(PostureReason.NOT_ENABLED.value)
    return reasons


def _told(sources: Sources, lease: Lease | None) -> tuple[str, ...]:
    """The node's own reasons where it does not permit calls; none where it does or says nothing."""
    if lease is None:
        return ()
    if not lease.calls or lease.state in {PostureState.STOPPED, PostureState.UNKNOWN}:
        return lease.reasons or (PostureReason.NODE_SAYS_STOPPED.value,)
    if sources.enabled.event_id is not None and lease.enabled != sources.enabled.event_id:
        return (PostureReason.NODE_SAYS_STOPPED.value,)
    return ()


def _permitting(sources: Sources, lease: Lease, now_us: int, wall_us: int | None) -> Posture:
    """Calls are permitted; which orders, and under which word."""
    lowered = sources.ai_armed is False
    armed = not lowered and is_armed(lease, now_us, wall_us)
    reduces = reduces_only(lease)
    if reduces:
        state, orders = PostureState.REDUCE, Orders.NONE if lowered else Orders.REDUCE
    elif armed:
        state, orders = PostureState.ARMED, Orders.ALL
    else:
        state, orders = PostureState.DISARMED, Orders.NONE
    reasons = lease.reasons or (PostureReason.ENABLED.value,)
    return Posture(
        state=state,
        calls=True,
        orders=orders,
        reasons=(*reasons, PostureReason.AI_ARMED_FALSE.value) if lowered else reasons,
        conflicts=(*lease.conflicts, *_arm_conflicts(lease, now_us, wall_us)),
        since=_since(lease, state),
        age_ms=_age_ms(lease, sources.boot_id, now_us),
    )


def _since(lease: Lease, state: PostureState) -> datetime | None:
    """Since when it is so: armed since the grant, all else as the node says."""
    if state is PostureState.ARMED and lease.arm is not None:
        return from_unix_us(lease.arm.granted_wall_us)
    return lease.since


def reduces_only(lease: Lease) -> bool:
    """Whether a lease lets only risk-reducing orders pass: one word of it for that is enough."""
    return lease.reduce or lease.orders is Orders.REDUCE or lease.state is PostureState.REDUCE


def is_armed(lease: Lease, now_us: int, wall_us: int | None) -> bool:
    """Whether a lease that counts arms live orders: every word of it must say so, and both clocks."""
    arm = lease.arm
    if arm is None or arm.drill or wall_us is None or lease.phase != Phase.LIVE:
        return False
    worded = lease.orders is Orders.ALL and lease.state is PostureState.ARMED
    if not worded and not reduces_only(lease):
        return False
    return arm_ended(arm, now_us=now_us, wall_us=wall_us) is None


def _arm_conflicts(lease: Lease, now_us: int, wall_us: int | None) -> tuple[str, ...]:
    """Where the lease's words of arming contradict each other or the clocks."""
    if lease.orders is Orders.ALL or lease.state is PostureState.ARMED:
        if lease.arm is None:
            return ("the node's lease says armed and names no arm lease: nothing is armed",)
        if lease.arm.drill:
            return ("the node's lease says armed by a drill: nothing is armed",)
        if lease.phase != Phase.LIVE:
            return (f"the node's lease says armed in phase {lease.phase}: nothing is armed",)
    if lease.arm is None or wall_us is None:
        return ()
    ended = arm_ended(lease.arm, now_us=now_us, wall_us=wall_us)
    return (
        () if ended is None else (f"the arm lease in the node's lease is over ({ended}): nothing is armed",)
    )


def _specific(reasons: dict[str, None]) -> tuple[str, ...]:
    """The reasons, without ``not_enabled`` where another says why it is not."""
    why = {PostureReason.NEW_WORKSPACE, PostureReason.STOPPED_BY_OPERATOR, PostureReason.STOP_PRESENT}
    if any(one in reasons for one in why):
        reasons.pop(PostureReason.NOT_ENABLED.value, None)
    return tuple(reasons)


def _conflicts(sources: Sources, lease: Lease | None) -> tuple[str, ...]:
    found = list(lease.conflicts) if lease else []
    if sources.enabled.event_id is not None:
        if sources.stop.present:
            found.append("ENABLED and STOP both stand; STOP holds")
        if lease is not None and lease.calls and lease.enabled != sources.enabled.event_id:
            found.append("ENABLED names another enable than the node's lease")
    elif lease is not None and lease.calls and sources.enabled.problem is None:
        found.append("the node's lease permits calls, ENABLED is gone; ENABLED holds")
    return tuple(found)


def _age_ms(lease: Lease | None, boot_id: str, now_us: int) -> int | None:
    if lease is None or lease.boot_id != boot_id:
        return None
    return max(0, now_us - lease.issued_us) // 1000
