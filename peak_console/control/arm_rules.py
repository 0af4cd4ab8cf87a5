"""Arming's rules: what a request or a lease rests on, what ends it, why nothing may be asked for. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from peak_console.domain.arming import CLOCK_STEP_US, SLEPT_US, ArmEnd, ArmLease
from peak_console.domain.errors import PeakError
from peak_console.domain.stopping import ScopeKind, parse_scope
from peak_console.domain.vocabulary import Phase


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything outside the machine that a decision looks at. Clocks in microseconds."""

    boot_us: int
    """Since boot, sleep included."""
    awake_us: int
    """Since boot, sleep left out."""
    wall_us: int
    """Since 1970."""
    boot_id: str
    session: str
    """The node's."""
    binding: str
    """Digest over the configs in force."""
    phase: str
    calls: bool
    """Whether the posture permits calls."""
    epoch: int
    """Moves whenever posture, phase, configs or breakers changed, also where they changed back."""
    latched: frozenset[str] = frozenset()
    """Breakers that only an operator closes."""
    open_breakers: frozenset[str] = frozenset()
    """Breakers that close by themselves."""
    order_breakers: frozenset[str] = frozenset()
    """Breakers of orders that are tripped, for want of figures too: they keep live from being armed."""
    ended_runs: frozenset[str] = frozenset()
    stopped: frozenset[str] = frozenset()
    """Scopes that are stopped."""
    lowered: bool = False
    """``AI_ARMED`` is false in the node's environment; a true one raises nothing."""
    two_person: bool = False
    operators: int = 1
    """How many are enrolled, with keys that differ."""
    default_ttl_s: int = 900
    max_ttl_s: int = 3600


@dataclass(frozen=True, slots=True)
class Basis:
    """What stood when something began and must stand as long as it lasts."""

    boot_id: str
    session: str
    binding: str
    phase: str
    epoch: int
    boot_us: int
    offset_us: int
    """Wall clock less boot clock."""
    slept_us: int
    """Boot clock less awake clock."""
    breakers: frozenset[str]
    """Breakers that were open then and have not closed since."""


def basis_of(now: Moment) -> Basis:
    """What stands now."""
    return Basis(
        now.boot_id,
        now.session,
        now.binding,
        now.phase,
        now.epoch,
        now.boot_us,
        now.wall_us - now.boot_us,
        now.boot_us - now.awake_us,
        now.open_breakers,
    )


def fallen(  # noqa: PLR0911 - one a rule
    basis: Basis, now: Moment, *, run_id: str, scope: str, drill: bool
) -> ArmEnd | None:
    """Why what rests on ``basis`` is over; ``None`` while it holds. The order is that of gravity."""
    if (now.boot_id, now.session) != (basis.boot_id, basis.session) or now.boot_us < basis.boot_us:
        return ArmEnd.NODE_RESTART
    if not now.calls or now.lowered or {scope, f"run:{run_id}"} & now.stopped:
        return ArmEnd.POSTURE_FELL
    if now.phase != basis.phase:
        return ArmEnd.PHASE_CHANGED
    if now.binding != basis.binding:
        return ArmEnd.DIGEST_CHANGED
    if now.latched or now.open_breakers - basis.breakers:
        return ArmEnd.BREAKER
    if now.order_breakers and not drill:
        return ArmEnd.BREAKER
    if run_id and run_id in now.ended_runs:
        return ArmEnd.RUN_ENDED
    if now.boot_us - now.awake_us - basis.slept_us > SLEPT_US:
        return ArmEnd.SUSPEND
    if abs(now.wall_us - now.boot_us - basis.offset_us) > CLOCK_STEP_US:
        return ArmEnd.CLOCK_STEP
    return ArmEnd.POSTURE_FELL if now.epoch != basis.epoch else None


def lease_over(lease: ArmLease, basis: Basis, now: Moment) -> ArmEnd | None:
    """Why a lease is over: its time on either clock, or what it rests on. A clock set back ends it too."""
    if (over := fallen(basis, now, run_id=lease.run_id, scope=lease.scope, drill=lease.drill)) is not None:
        return over
    if not lease.granted_us <= now.boot_us < lease.expires_us:
        return ArmEnd.TTL
    return ArmEnd.WALL_TTL if now.wall_us >= lease.expires_wall_us else None


class ArmRefusal(StrEnum):
    """Why arming was refused."""

    LOCKED = "arm_locked"
    ARMED = "armed_already"
    PENDING = "arm_pending"
    POSTURE = "posture_forbids"
    LOWERED = "ai_armed_false"
    BREAKER = "breaker_tripped"
    ORDER_BREAKER = "order_breaker_tripped"
    SCOPE_STOPPED = "arm_scope_stopped"
    SCOPE_WRONG = "arm_scope_wrong"
    TTL = "arm_ttl_wrong"
    SECOND_OPERATOR = "second_operator_missing"
    PHASE = "phase_not_live"
    RUN_MISSING = "run_missing"
    RUN_UNKNOWN = "run_unknown"
    RUN_ENDED = "run_ended"
    CHECKLIST = "checklist_red"
    CHECKLIST_UNKNOWN = "checklist_unknown"
    NO_REQUEST = "arm_no_request"
    NOT_YOURS = "arm_not_yours"
    SAME_OPERATOR = "approver_is_requester"
    NOT_NEEDED = "approval_not_needed"
    UNAPPROVED = "approval_missing"
    TOKEN = "token_wrong"  # noqa: S105 - a reason, no secret
    PHRASE = "phrase_differs"
    TRIES = "tries_used_up"
    CHANGED = "changed_meanwhile"
    UNRECORDED = "arm_unrecorded"


DRILL: Final = 'peak arm request --drill --purpose "..." --reason "..."'
"""The command that rehearses arming, complete."""

ASK_AGAIN: Final = (
    f'ask again: peak arm request --scope venue:NAME --run RUN_ID --purpose "..." --reason "...", or {DRILL}'
)

WORDS: Final[dict[ArmRefusal, tuple[str, str]]] = {
    ArmRefusal.LOCKED: (
        "arming is locked after too many wrong tokens or phrases",
        "wait until peak arm status shows it free; stopping is never locked",
    ),
    ArmRefusal.ARMED: ("something is armed already", "end it first: peak disarm"),
    ArmRefusal.PENDING: (
        "another request waits for its token",
        "let it be confirmed or run out, or take it back: peak arm withdraw",
    ),
    ArmRefusal.POSTURE: ("the posture permits no calls", "look at: peak status"),
    ArmRefusal.LOWERED: (
        "AI_ARMED is false in the node's environment",
        "have whoever runs the node take it out",
    ),
    ArmRefusal.BREAKER: ("a breaker is tripped", "look at: peak breaker list"),
    ArmRefusal.ORDER_BREAKER: (
        "a breaker of orders is tripped, as each is while nobody knows its figures",
        "see which: peak checklist pre-live",
    ),
    ArmRefusal.SCOPE_STOPPED: ("this scope or run is stopped", "look at: peak status"),
    ArmRefusal.SCOPE_WRONG: (
        "live orders are armed for one venue or for everything",
        "name --scope venue:NAME or --scope global",
    ),
    ArmRefusal.TTL: ("the time is not within what configs/control.toml allows", "ask for a shorter --ttl"),
    ArmRefusal.SECOND_OPERATOR: (
        "two persons are asked for and only one operator is enrolled",
        "enroll another operator: peak operator enroll NAME --public-key NAME.pub",
    ),
    ArmRefusal.PHASE: (
        "only in phase live is anything armed",
        f"rehearse it: {DRILL}; or look at: peak phase show",
    ),
    ArmRefusal.RUN_MISSING: ("live orders are armed for one run", "name it: --run RUN_ID"),
    ArmRefusal.RUN_UNKNOWN: ("no such run was started", "list them with: peak runs list"),
    ArmRefusal.RUN_ENDED: ("this run has ended", "name a run that is going on: peak runs list"),
    ArmRefusal.CHECKLIST: ("the pre-live checklist is not green", "look at: peak checklist pre-live"),
    ArmRefusal.CHECKLIST_UNKNOWN: (
        "the pre-live checklist could not be judged",
        "look at: peak checklist pre-live",
    ),
    ArmRefusal.NO_REQUEST: ("no such request stands", ASK_AGAIN),
    ArmRefusal.NOT_YOURS: ("another operator asked for this", "only who asked can confirm"),
    ArmRefusal.SAME_OPERATOR: (
        "whoever asked cannot approve it",
        "ask another operator, with a key of their own",
    ),
    ArmRefusal.NOT_NEEDED: ("this request needs no approval", "confirm it: peak arm confirm"),
    ArmRefusal.UNAPPROVED: (
        "another operator has not approved it yet",
        'ask another operator to run: peak arm approve --reason "..."',
    ),
    ArmRefusal.TOKEN: ("this is not the token", "type the token as it was shown"),
    ArmRefusal.PHRASE: ("this is not the phrase", "type the phrase as it was shown"),
    ArmRefusal.TRIES: (
        "too many wrong tokens or phrases: the request is void and arming is locked",
        "wait until peak arm status shows it free; stopping is never locked",
    ),
    ArmRefusal.CHANGED: (
        "what the request rested on has changed",
        "look at peak arm status, then ask again if it is still right",
    ),
    ArmRefusal.UNRECORDED: (
        "the grant could not be recorded, so nothing is armed",
        "look at: peak status",
    ),
}
"""What each refusal says, and what to do."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for, with what the node found out about it before."""

    scope: str
    run_id: str
    ttl_s: int
    drill: bool
    run: ArmRefusal | None = None
    """What is wrong with the run."""
    checklist: ArmRefusal | None = None
    """What is wrong with the pre-live checklist."""


def general(now: Moment, *, drill: bool) -> tuple[ArmRefusal, ...]:
    """Why nothing at all may be armed now, whoever asks for what."""
    wrong = {
        ArmRefusal.POSTURE: not now.calls,
        ArmRefusal.LOWERED: now.lowered,
        ArmRefusal.BREAKER: bool(now.latched),
        ArmRefusal.ORDER_BREAKER: not drill and bool(now.order_breakers),
        ArmRefusal.PHASE: not drill and now.phase != Phase.LIVE,
        ArmRefusal.SECOND_OPERATOR: now.two_person and now.operators < 2,  # noqa: PLR2004 - two persons
    }
    return tuple(why for why, holds in wrong.items() if holds)


def refusals(wanted: Wanted, now: Moment) -> tuple[ArmRefusal, ...]:
    """Why this may not be armed now; empty when it may be asked for."""
    live = not wanted.drill
    found = [*general(now, drill=wanted.drill)]
    if not 0 < wanted.ttl_s <= now.max_ttl_s:
        found.append(ArmRefusal.TTL)
    if {wanted.scope, f"run:{wanted.run_id}"} & now.stopped:
        found.append(ArmRefusal.SCOPE_STOPPED)
    if live and not _may_be_armed(wanted.scope):
        found.append(ArmRefusal.SCOPE_WRONG)
    if live and not wanted.run_id:
        found.append(ArmRefusal.RUN_MISSING)
    elif wanted.run is not None:
        found.append(wanted.run)
    elif wanted.run_id in now.ended_runs:
        found.append(ArmRefusal.RUN_ENDED)
    if live and wanted.checklist is not None:
        found.append(wanted.checklist)
    return tuple(found)


def phrase_of(wanted: Wanted) -> str:
    """What is typed with the token: it names what will happen."""
    minutes, seconds = divmod(wanted.ttl_s, 60)
    span = f"{wanted.ttl_s} S" if seconds else f"{minutes} MIN"
    return " ".join(part for part in (_verb(wanted), wanted.scope, wanted.run_id, span) if part)


def _verb(wanted: Wanted) -> str:
    return "DRILL" if wanted.drill else "ARM LIVE"


def _may_be_armed(scope: str) -> bool:
    try:
        return parse_scope(scope).kind in {ScopeKind.GLOBAL, ScopeKind.VENUE}
    except PeakError:
        return False
