"""Arming's state, what may happen to it and what comes of that: the nouns of the machine. Pure."""

from dataclasses import dataclass, field
from typing import Any

from peak_console.control.arm_rules import ArmRefusal, Basis, Wanted
from peak_console.domain.arming import TOKEN_TRIES, ArmEnd, ArmLease, ArmState
from peak_console.domain.events import EventKind


@dataclass(frozen=True, slots=True)
class Request:
    """What waits for its token. The digest is all that is kept of the token."""

    request_id: str
    wanted: Wanted
    purpose: str
    operator: str
    key: str
    """The requester's public key: the approver's is another."""
    digest: bytes = field(repr=False)
    basis: Basis
    asked_wall_us: int
    needs_approval: bool
    until_us: int
    """On the boot clock: for the approval, then for the token."""
    approved_by: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """A lease; without ``recorded`` it permits nothing. ``void`` is why it will not count when it is."""

    lease: ArmLease
    request_id: str
    basis: Basis
    asked_us: int
    recorded: bool = False
    void: ArmEnd | None = None


@dataclass(frozen=True, slots=True)
class Arming:
    """Where arming stands. It begins empty, and every restart is a beginning."""

    asked: Request | None = None
    held: Held | None = None
    locked_until_us: int | None = None
    """On the boot clock."""
    wrong: int = 0
    """Wrong tokens since the last right one, whichever request they were for."""
    wrong_us: int = 0

    @property
    def state(self) -> ArmState:
        """The word for it."""
        if self.locked_until_us is not None:
            return ArmState.LOCKED
        if self.held is not None:
            return ArmState.ARMED if self.held.recorded else ArmState.GRANTING
        if self.asked is not None:
            waits = self.asked.needs_approval and not self.asked.approved_by
            return ArmState.REQUESTED if waits else ArmState.CONFIRMABLE
        return ArmState.IDLE

    @property
    def lease(self) -> ArmLease | None:
        """What is armed; nothing before it is on the ledger."""
        return self.held.lease if self.held is not None and self.state is ArmState.ARMED else None

    @property
    def tries_left(self) -> int:
        """How many wrong tokens more are borne."""
        return TOKEN_TRIES - self.wrong


# -- events


@dataclass(frozen=True, slots=True)
class Ask:
    """An operator asks, proved and on record. ``digest`` is bound to the moment's configs and epoch."""

    request_id: str
    wanted: Wanted
    purpose: str
    operator: str
    key: str
    digest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Approve:
    """Another operator approves, proved and on record."""

    request_id: str
    operator: str
    key: str
    checklist: ArmRefusal | None = None
    """What is wrong with the pre-live checklist by now; asked of live only."""


@dataclass(frozen=True, slots=True)
class Confirm:
    """What an operator, proved, typed. ``lease_id`` is the name of the lease that may come of it."""

    request_id: str
    operator: str
    token: str = field(repr=False)
    phrase: str
    lease_id: str
    checklist: ArmRefusal | None = None
    """What is wrong with the pre-live checklist by now; asked of live only."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Whether the grant is on the ledger, durably."""

    lease_id: str
    ok: bool


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Somebody takes a request back."""

    request_id: str
    who: str


@dataclass(frozen=True, slots=True)
class Lower:
    """Whatever waits or holds ends, for this reason."""

    why: ArmEnd
    who: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed, or something changed."""


Event = Ask | Approve | Confirm | Recorded | Withdraw | Lower | Tick


# -- effects


@dataclass(frozen=True, slots=True)
class Grant:
    """Record this, durably, and tell the machine by :class:`Recorded`. Nothing is armed before."""

    lease: ArmLease
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Note:
    """Record this behind."""

    kind: EventKind
    body: dict[str, Any]
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class Deny:
    """Tell whoever asked: it was refused."""

    why: ArmRefusal


@dataclass(frozen=True, slots=True)
class Alarm:
    """Open the incident of a lockout."""

    operator: str
    request_id: str
    until_wall_us: int


Effect = Grant | Note | Deny | Alarm
Outcome = tuple[Arming, tuple[Effect, ...]]
