"""What arming writes on the ledger: grants, ends, refusals, drills. No token is in any of it. Pure."""

from typing import Any

from peak_console.control.arm_rules import Moment
from peak_console.control.arm_state import Held, Note, Request
from peak_console.domain.arming import ArmEnd, ArmLease
from peak_console.domain.clock import from_unix_us, iso
from peak_console.domain.events import EventKind
from peak_console.domain.incidents import DrillKind

SECOND_US = 1_000_000


def lease_of(asked: Request, lease_id: str, now: Moment) -> ArmLease:
    """The lease that a confirmed request becomes; its time begins now, on both clocks."""
    span_us = asked.wanted.ttl_s * SECOND_US
    return ArmLease(
        lease_id=lease_id,
        scope=asked.wanted.scope,
        run_id=asked.wanted.run_id,
        actor=asked.operator,
        granted_us=now.boot_us,
        expires_us=now.boot_us + span_us,
        granted_wall_us=now.wall_us,
        expires_wall_us=now.wall_us + span_us,
        drill=asked.wanted.drill,
        generation=now.epoch,
    )


def grant_body(asked: Request, lease: ArmLease) -> dict[str, Any]:
    """The body of ``control.arm.granted``; the node adds the digests of the configs."""
    return {
        "lease_id": lease.lease_id,
        "request_id": asked.request_id,
        "scope": lease.scope,
        "run_id": lease.run_id or None,
        "purpose": asked.purpose,
        "operator": asked.operator,
        "approved_by": asked.approved_by or None,
        "drill": lease.drill,
        "ttl_s": asked.wanted.ttl_s,
        "granted_at": iso(from_unix_us(lease.granted_wall_us)),
        "expires_at": iso(from_unix_us(lease.expires_wall_us)),
        "generation": lease.generation,
    }


def request_note(asked: Request, why: ArmEnd, who: str = "") -> Note:
    """The end of a request that never became a lease."""
    expired = why in {ArmEnd.TOKEN_EXPIRED, ArmEnd.APPROVAL_EXPIRED}
    body = {"request_id": asked.request_id, "why": why.value, "operator": asked.operator}
    by = {"by": who} if who else {}
    kind = EventKind.ARM_EXPIRED if expired else EventKind.ARM_ENDED
    return Note(kind, {**body, **by}, asked.wanted.run_id)


def end_note(held: Held, why: ArmEnd, now: Moment, who: str = "") -> Note:
    """The end of a lease."""
    expired = why in {ArmEnd.TTL, ArmEnd.WALL_TTL}
    lease = held.lease
    body = {
        "lease_id": lease.lease_id,
        "why": why.value,
        "operator": lease.actor,
        "drill": lease.drill,
        "held_ms": max(0, now.boot_us - lease.granted_us) // 1000,
    }
    by = {"by": who} if who else {}
    return Note(EventKind.ARM_EXPIRED if expired else EventKind.ARM_ENDED, {**body, **by}, lease.run_id)


def drill_notes(held: Held, why: ArmEnd, now: Moment) -> tuple[Note, ...]:
    """A drill held when it was granted and ran out; one that was ended by hand did not show its TTL."""
    lease = held.lease
    if not lease.drill or why not in {ArmEnd.TTL, ArmEnd.WALL_TTL, ArmEnd.DISARMED}:
        return ()
    confirmed_ms, held_ms = (
        (lease.granted_us - held.asked_us) // 1000,
        (now.boot_us - lease.granted_us) // 1000,
    )
    ran_out = why in {ArmEnd.TTL, ArmEnd.WALL_TTL}
    steps = [
        {"step": "token_confirmed", "ms": confirmed_ms, "ok": True},
        {"step": "granted_then_" + why.value, "ms": held_ms, "ok": ran_out},
    ]
    body = {
        "drill": DrillKind.ARM.value,
        "held": ran_out,
        "steps": steps,
        "note": f"{lease.lease_id} ended by {why.value}",
        "operator": lease.actor,
    }
    return (Note(EventKind.DRILL_FINISHED, body, lease.run_id),)
