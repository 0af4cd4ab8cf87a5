"""Arming as the node tells it over its socket: JSON types without floats. Pure."""

from typing import Any

from peak_console.control.arm_rules import WORDS, ArmRefusal, Moment, general, phrase_of
from peak_console.control.arm_state import Arming
from peak_console.domain.arming import ArmState
from peak_console.domain.clock import from_unix_us, iso


def report(machine: Arming, now: Moment) -> dict[str, Any]:
    """What stands, for the socket and for ``peak node status``; without floats."""
    locked = machine.locked_until_us
    until_us = None if locked is None else now.wall_us + locked - now.boot_us
    return {
        "state": machine.state.value,
        "request": asked_as_told(machine, now),
        "armed": armed_as_told(machine, now),
        "locked_until": None if until_us is None else iso(from_unix_us(until_us)),
        "default_ttl_s": now.default_ttl_s,
        "max_ttl_s": now.max_ttl_s,
        "two_person": now.two_person,
        "refusals": _why_not(machine, now, drill=False),
        "drill_refusals": _why_not(machine, now, drill=True),
    }


def asked_as_told(machine: Arming, now: Moment) -> dict[str, Any] | None:
    """The request that waits; ``None`` without one."""
    asked = machine.asked
    if asked is None:
        return None
    waits = machine.state is ArmState.REQUESTED
    until = iso(from_unix_us(now.wall_us + asked.until_us - now.boot_us))
    return {
        "request_id": asked.request_id,
        "scope": asked.wanted.scope,
        "run_id": asked.wanted.run_id,
        "purpose": asked.purpose,
        "requester": asked.operator,
        "ttl_s": asked.wanted.ttl_s,
        "drill": asked.wanted.drill,
        "requested_at": iso(from_unix_us(asked.asked_wall_us)),
        "token_until": None if waits else until,
        "approval_until": until if waits else None,
        "tries_left": machine.tries_left,
        "phrase": phrase_of(asked.wanted),
        "needs_approval": asked.needs_approval,
        "approved_by": asked.approved_by,
    }


def armed_as_told(machine: Arming, now: Moment) -> dict[str, Any] | None:
    """What is armed; ``left_ms`` on the clock that ends first."""
    lease = machine.lease
    if lease is None:
        return None
    left_us = min(lease.expires_us - now.boot_us, lease.expires_wall_us - now.wall_us)
    return {
        "lease_id": lease.lease_id,
        "scope": lease.scope,
        "run_id": lease.run_id,
        "actor": lease.actor,
        "drill": lease.drill,
        "granted_at": iso(from_unix_us(lease.granted_wall_us)),
        "expires_at": iso(from_unix_us(lease.expires_wall_us)),
        "left_ms": max(0, left_us) // 1000,
    }


def _why_not(machine: Arming, now: Moment, *, drill: bool) -> list[str]:
    found = [*general(now, drill=drill)]
    by_state = {ArmState.LOCKED: ArmRefusal.LOCKED, ArmState.ARMED: ArmRefusal.ARMED}
    if (state := by_state.get(machine.state)) is not None:
        found.insert(0, state)
    return [f"{WORDS[one][0]}; {WORDS[one][1]}" for one in found]
