"""May an order leave now, as far as posture and arming say: the table of docs/control.md. Pure, fails closed.

This is one of the questions before an order; the risk gate, the critic and the separation of duties are
others, and each must agree.
"""

from dataclasses import dataclass
from enum import StrEnum

from peak_console.control.lease import Lease, arm_ended, invalid
from peak_console.control.posture import is_armed, reduces_only
from peak_console.domain.errors import UsageWrong
from peak_console.domain.posture import Orders, Posture, PostureState
from peak_console.domain.stopping import ScopeKind, StopScope, parse_scope
from peak_console.domain.vocabulary import Phase


class VenueKind(StrEnum):
    """What becomes of an order at a venue. At none there is only the record of what would have been."""

    NONE = "none"
    PAPER = "paper"
    TESTNET = "testnet"
    LIVE = "live"


class OrderReason(StrEnum):
    """Why an order may not leave."""

    KILL_SWITCH = "kill_switch"
    """No call is permitted, so no order is."""
    LEASE_INVALID = "lease_invalid"
    """No lease that counts now, or one that says something else than the posture read from it."""
    NO_VENUE = "no_venue"
    PHASE_TOO_LOW = "phase_too_low"
    SCOPE_STOPPED = "scope_stopped"
    NOT_ARMED = "not_armed"
    ARM_SCOPE = "arm_scope"
    """What is armed does not cover this order."""
    ARM_RUN = "arm_run"
    """Another run is armed."""
    REDUCE_ONLY = "reduce_only"


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What the stops and the arm lease are held against: where the order goes, and who made it."""

    venue: str
    run_id: str
    layer: str = ""
    provider: str = ""
    model_id: str = ""

    def under(self, scope: StopScope) -> bool:
        """Whether ``scope`` covers this order."""
        return scope.covers(
            layer=self.layer,
            provider=self.provider,
            model_id=self.model_id,
            run_id=self.run_id,
            venue=self.venue,
        )


@dataclass(frozen=True, slots=True)
class Moment:
    """When it is asked: boot clock and wall clock (since 1970) in microseconds, and this boot's id."""

    now_us: int
    wall_us: int
    boot_id: str


@dataclass(frozen=True, slots=True)
class Permit:
    """Whether posture lets the order pass; every reason why it does not, else none."""

    reasons: tuple[OrderReason, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether nothing speaks against it here."""
        return not self.reasons


_PHASES = {
    VenueKind.PAPER: frozenset({Phase.TESTNET, Phase.LIVE}),
    VenueKind.TESTNET: frozenset({Phase.TESTNET, Phase.LIVE}),
    VenueKind.LIVE: frozenset({Phase.LIVE}),
}


def may_order(
    posture: Posture, lease: Lease | None, facts: OrderFacts, moment: Moment, *, kind: str, reduces: bool
) -> Permit:
    """Whether an order at a venue of ``kind`` may leave at ``moment``; ``reduces`` says it lowers a position.

    ``posture`` and ``lease`` are of one look at the files. Whatever is missing, unknown or contradicts
    another part refuses.
    """
    if not posture.calls or posture.state in {PostureState.STOPPED, PostureState.UNKNOWN}:
        return Permit((OrderReason.KILL_SWITCH,))
    if lease is None or not _counts(lease, moment):
        return Permit((OrderReason.LEASE_INVALID,))
    if kind not in _PHASES:
        return Permit((OrderReason.NO_VENUE,))
    reasons = []
    if lease.phase not in _PHASES[VenueKind(kind)]:
        reasons.append(OrderReason.PHASE_TOO_LOW)
    if not facts.venue or not facts.run_id or any(_covers(one, facts) for one in lease.stopped_scopes):
        reasons.append(OrderReason.SCOPE_STOPPED)
    if kind == VenueKind.LIVE:
        reasons += _unarmed(posture, lease, facts, moment)
    if (reduces_only(lease) or posture.state is PostureState.REDUCE) and reduces is not True:
        reasons.append(OrderReason.REDUCE_ONLY)
    return Permit(tuple(reasons))


def _counts(lease: Lease, moment: Moment) -> bool:
    """Whether the lease holds now and permits calls: without calls there are no orders."""
    if invalid(lease, now_us=moment.now_us, boot_id=moment.boot_id) is not None:
        return False
    permits = lease.calls and lease.state not in {PostureState.STOPPED, PostureState.UNKNOWN}
    return permits and lease.enabled is not None


def _unarmed(posture: Posture, lease: Lease, facts: OrderFacts, moment: Moment) -> list[OrderReason]:
    """Why no live order passes: the posture, the lease and its arm lease must all say that this one may."""
    arm = lease.arm
    if arm is None or not is_armed(lease, moment.now_us, moment.wall_us):
        return [OrderReason.NOT_ARMED]
    if posture.orders is Orders.NONE or arm_ended(arm, now_us=moment.now_us, wall_us=moment.wall_us):
        return [OrderReason.NOT_ARMED]
    reasons = []
    if not _armed_for(arm.scope, facts):
        reasons.append(OrderReason.ARM_SCOPE)
    if arm.run_id != facts.run_id:
        reasons.append(OrderReason.ARM_RUN)
    return reasons


def _armed_for(text: str, facts: OrderFacts) -> bool:
    """Whether what is armed covers the order; a text that is no scope covers nothing."""
    try:
        return facts.under(parse_scope(text))
    except UsageWrong:
        return False


def _covers(text: str, facts: OrderFacts) -> bool:
    """Whether a stopped scope covers the order, or may: what is not known of it may be what is stopped."""
    try:
        scope = parse_scope(text)
    except UsageWrong:
        return True
    return facts.under(scope) or _may_be_under(scope, facts)


def _may_be_under(scope: StopScope, facts: OrderFacts) -> bool:
    """Whether a fact that would decide it is missing, and no other one decides against it."""
    if scope.kind is ScopeKind.LAYER:
        return not facts.layer
    if scope.kind is ScopeKind.PROVIDER:
        return not facts.provider
    if scope.kind is not ScopeKind.MODEL:
        return False
    provider, _, model_id = scope.name.partition(":")
    return facts.provider in {"", provider} and facts.model_id in {"", model_id}
