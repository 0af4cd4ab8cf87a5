"""Arming as screens and documents show it: what is asked for, what stands, and how it ended. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peak_console.domain.arming import ArmState
from peak_console.domain.clock import iso
from peak_console.operations.views.freshness import NEVER, Freshness


@dataclass(frozen=True, slots=True)
class ArmRequestLine:
    """What somebody asked for. ``approved_by`` is empty until another operator approved, where one must."""

    request_id: str
    scope: str
    run_id: str
    purpose: str
    requester: str
    ttl_s: int
    drill: bool
    requested_at: datetime
    token_until: datetime | None
    tries_left: int
    phrase: str
    """What is typed with the token."""
    needs_approval: bool = False
    approved_by: str = ""


@dataclass(frozen=True, slots=True)
class ArmLine:
    """What is armed; ``left_s`` as of the snapshot, on the clock that ends first."""

    lease_id: str
    scope: str
    run_id: str
    actor: str
    drill: bool
    granted_at: datetime
    expires_at: datetime
    left_s: float


@dataclass(frozen=True, slots=True)
class ArmPast:
    """One thing that happened to arming, as the ledger tells it."""

    at: datetime
    what: str
    """``requested``, ``approved``, ``granted``, ``refused``, ``expired`` or ``ended``."""
    why: str
    actor: str
    seq: int


@dataclass(frozen=True, slots=True)
class ArmFacts:
    """All that the screen Arm shows; ``freshness`` says why where the node did not answer."""

    taken_at: datetime
    state: ArmState = ArmState.IDLE
    request: ArmRequestLine | None = None
    lease: ArmLine | None = None
    locked_until: datetime | None = None
    default_ttl_s: int = 900
    max_ttl_s: int = 3600
    two_person: bool = False
    refusals: tuple[str, ...] = ()
    """Why nothing may be armed now, in words; empty where it may be asked for."""
    drill_refusals: tuple[str, ...] = ()
    past: tuple[ArmPast, ...] = ()
    """The newest first."""
    freshness: Freshness = NEVER

    def as_json(self) -> dict[str, Any]:
        """As ``peak arm status --json`` shows it."""
        request, lease = self.request, self.lease
        return {
            "state": self.state.value,
            "locked_until": None if self.locked_until is None else iso(self.locked_until),
            "two_person": self.two_person,
            "refusals": list(self.refusals),
            "drill_refusals": list(self.drill_refusals),
            "request": None
            if request is None
            else {
                "request_id": request.request_id,
                "scope": request.scope,
                "run_id": request.run_id,
                "purpose": request.purpose,
                "requester": request.requester,
                "ttl_s": request.ttl_s,
                "drill": request.drill,
                "requested_at": iso(request.requested_at),
                "token_until": None if request.token_until is None else iso(request.token_until),
                "tries_left": request.tries_left,
                "phrase": request.phrase,
                "needs_approval": request.needs_approval,
                "approved_by": request.approved_by or None,
            },
            "armed": None
            if lease is None
            else {
                "lease_id": lease.lease_id,
                "scope": lease.scope,
                "run_id": lease.run_id,
                "actor": lease.actor,
                "drill": lease.drill,
                "granted_at": iso(lease.granted_at),
                "expires_at": iso(lease.expires_at),
                "left_s": round(lease.left_s, 3),
            },
            "past": [
                {"at": iso(one.at), "what": one.what, "why": one.why, "actor": one.actor, "seq": one.seq}
                for one in self.past
            ],
            "problem": self.freshness.why or None,
        }
