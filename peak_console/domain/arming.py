"""Arming: a lease that permits live orders for some minutes, and the words of its life. Pure vocabulary."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

TOKEN_VALID_S: Final = 120
"""Seconds for which a confirm token may be typed."""

TOKEN_TRIES: Final = 5
"""Tries after which a request is void and arming is locked."""

LOCKOUT_S: Final = 600
"""Seconds for which arming, never stopping, is locked then."""

APPROVAL_S: Final = 600
"""Seconds for which a request waits for another operator's approval; the token's time begins with it."""

CLOCK_STEP_US: Final = 2_000_000
"""A step of the wall clock against the boot clock that ends arming, in microseconds."""

SLEPT_US: Final = 500_000
"""A sleep of the machine that ends arming, in microseconds: the boot clock ran and the awake one did not."""


class ArmState(StrEnum):
    """Where arming stands in the node. It begins idle, and every restart is a beginning."""

    IDLE = "idle"
    REQUESTED = "requested"
    """Asked for; in two-person mode another operator has not approved yet."""
    CONFIRMABLE = "confirmable"
    """The token may be typed."""
    GRANTING = "granting"
    """Confirmed; nothing is armed before the grant is on the ledger."""
    ARMED = "armed"
    LOCKED = "locked"
    """Too many wrong tokens; nothing can be asked for until the time is over."""


class ArmEnd(StrEnum):
    """Why an arm lease, or a request for one, ended."""

    TTL = "ttl"
    WALL_TTL = "wall_ttl"
    CLOCK_STEP = "clock_step"
    SUSPEND = "suspend"
    NODE_RESTART = "node_restart"
    DIGEST_CHANGED = "digest_changed"
    BREAKER = "breaker"
    POSTURE_FELL = "posture_fell"
    PHASE_CHANGED = "phase_changed"
    RUN_ENDED = "run_ended"
    DISARMED = "disarmed"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a reason, no secret
    TRIES_USED_UP = "tries_used_up"
    APPROVAL_EXPIRED = "approval_expired"
    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ArmLease:
    """What is armed, for whom and until when. Times in microseconds: boot clock, and wall clock since 1970.

    A ``drill`` walks the whole way and is accepted by no gate.
    """

    lease_id: str
    scope: str
    run_id: str
    actor: str
    granted_us: int
    expires_us: int
    granted_wall_us: int
    expires_wall_us: int
    drill: bool = False
    generation: int = 0
