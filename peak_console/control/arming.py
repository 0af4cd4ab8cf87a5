"""Arming: the machine. Every decision is a pure function of state, event and moment.

A state never lets time pass by itself: whoever asks :func:`step` brings the moment, and whatever ended by
then ends first. What goes on the ledger comes out as effects; a grant counts only once it is told that it is
recorded. A move that is not in :data:`TRANSITIONS` ends everything.
"""

from dataclasses import replace
from enum import StrEnum
from typing import Final

from peak_console.control.arm_records import (
    SECOND_US,
    drill_notes,
    end_note,
    grant_body,
    lease_of,
    request_note,
)
from peak_console.control.arm_rules import (
    ArmRefusal,
    Basis,
    Moment,
    basis_of,
    fallen,
    lease_over,
    phrase_of,
    refusals,
)
from peak_console.control.arm_state import (
    Alarm,
    Approve,
    Arming,
    Ask,
    Confirm,
    Deny,
    Effect,
    Event,
    Grant,
    Held,
    Lower,
    Note,
    Outcome,
    Recorded,
    Request,
    Tick,
    Withdraw,
)
from peak_console.control.tokens import Bound, matches
from peak_console.domain.arming import APPROVAL_S, LOCKOUT_S, TOKEN_VALID_S, ArmEnd, ArmState
from peak_console.domain.clock import from_unix_us, iso
from peak_console.domain.events import EventKind
from peak_console.domain.public_keys import bare_key

_NO_DIGEST: Final = bytes(32)


class Move(StrEnum):
    """What brings the machine from one state to another."""

    ASK = "ask"
    APPROVE = "approve"
    CONFIRM = "confirm"
    RECORDED = "recorded"
    WITHDRAW = "withdraw"
    LOWER = "lower"
    TICK = "tick"


_MOVES: Final[dict[type, Move]] = {
    Ask: Move.ASK,
    Approve: Move.APPROVE,
    Confirm: Move.CONFIRM,
    Recorded: Move.RECORDED,
    Withdraw: Move.WITHDRAW,
    Lower: Move.LOWER,
    Tick: Move.TICK,
}

_S = ArmState
TRANSITIONS: Final[dict[tuple[ArmState, Move, ArmState], str]] = {
    (_S.IDLE, Move.ASK, _S.REQUESTED): "request, two persons asked for",
    (_S.IDLE, Move.ASK, _S.CONFIRMABLE): "request",
    (_S.REQUESTED, Move.ASK, _S.REQUESTED): "the same operator asks again",
    (_S.CONFIRMABLE, Move.ASK, _S.CONFIRMABLE): "the same operator asks again",
    (_S.REQUESTED, Move.APPROVE, _S.CONFIRMABLE): "approval by another operator",
    (_S.REQUESTED, Move.WITHDRAW, _S.IDLE): "withdrawn",
    (_S.REQUESTED, Move.LOWER, _S.IDLE): "disarm",
    (_S.REQUESTED, Move.TICK, _S.IDLE): "approval_expired, or what it rested on changed",
    (_S.CONFIRMABLE, Move.CONFIRM, _S.GRANTING): "right token and phrase",
    (_S.CONFIRMABLE, Move.CONFIRM, _S.LOCKED): "the fifth wrong token or phrase",
    (_S.CONFIRMABLE, Move.WITHDRAW, _S.IDLE): "withdrawn",
    (_S.CONFIRMABLE, Move.LOWER, _S.IDLE): "disarm",
    (_S.CONFIRMABLE, Move.TICK, _S.IDLE): "token_expired, or what it rested on changed",
    (_S.GRANTING, Move.RECORDED, _S.ARMED): "the grant is on the ledger",
    (_S.GRANTING, Move.RECORDED, _S.IDLE): "not recorded, or it ended meanwhile",
    (_S.ARMED, Move.LOWER, _S.IDLE): "disarm",
    (
        _S.ARMED,
        Move.TICK,
        _S.IDLE,
    ): "ttl, wall_ttl, clock_step, suspend, digest, breaker, posture, phase, run",
    (_S.LOCKED, Move.TICK, _S.IDLE): "the lockout is over",
}
"""Every move there is, with what makes it; staying in a state is no move, unless it is listed."""


def step(state: Arming, event: Event, now: Moment) -> Outcome:
    """What holds after ``event``, and what is to be done. First ends whatever is over by ``now``."""
    settled, ended = _settle(state, now)
    if not _listed(state, Move.TICK, settled):
        return _nothing(state, now)
    after, effects = _take(settled, event, now)
    if not _listed(settled, _MOVES[type(event)], after):
        return _nothing(settled, now)
    return after, (*ended, *effects)


def bound_to(request_id: str, now: Moment) -> Bound:
    """What a token of this request is bound to."""
    return Bound(request_id, now.binding, now.session, now.epoch)


def _listed(before: Arming, move: Move, after: Arming) -> bool:
    return before.state is after.state or (before.state, move, after.state) in TRANSITIONS


def _nothing(state: Arming, now: Moment) -> Outcome:
    """The machine has a flaw: nothing stands any more, but a lockout does."""
    ended = () if state.held is None else (end_note(state.held, ArmEnd.UNKNOWN, now),)
    return Arming(locked_until_us=state.locked_until_us), ended


def _take(state: Arming, event: Event, now: Moment) -> Outcome:
    match event:
        case Ask():
            return _ask(state, event, now)
        case Approve():
            return _approve(state, event, now)
        case Confirm():
            return _confirm(state, event, now)
        case Recorded():
            return _recorded(state, event, now)
        case Withdraw():
            return _withdraw(state, event, now)
        case Lower():
            return _lower(state, event, now)
        case Tick():
            return state, ()


# -- what ends by itself


def _settle(state: Arming, now: Moment) -> Outcome:
    effects: list[Effect] = []
    if state.locked_until_us is not None and now.boot_us >= state.locked_until_us:
        state = replace(state, locked_until_us=None)
    if now.boot_us - state.wrong_us >= LOCKOUT_S * SECOND_US:  # a lockout began with the last wrong one
        state = replace(state, wrong=0)
    if state.asked is not None:
        why = _request_over(state.asked, now)
        if why is not None:
            effects.append(request_note(state.asked, why))
        state = replace(state, asked=None if why else _still(state.asked, now))
    if state.held is not None:
        held, note = _held_now(state.held, now)
        state = replace(state, held=held)
        effects += note
    return state, tuple(effects)


def _request_over(asked: Request, now: Moment) -> ArmEnd | None:
    wanted = asked.wanted
    over = fallen(asked.basis, now, run_id=wanted.run_id, scope=wanted.scope, drill=wanted.drill)
    if over is None and now.boot_us >= asked.until_us:
        waits = asked.needs_approval and not asked.approved_by
        return ArmEnd.APPROVAL_EXPIRED if waits else ArmEnd.TOKEN_EXPIRED
    return over


def _held_now(held: Held, now: Moment) -> tuple[Held | None, tuple[Effect, ...]]:
    """The lease while it holds. One whose grant is being recorded stays, void, until that is told."""
    over = lease_over(held.lease, held.basis, now)
    if over is None:
        return replace(held, basis=_closed(held.basis, now)), ()
    if not held.recorded:
        return replace(held, void=held.void or over), ()
    return None, (end_note(held, over, now), *drill_notes(held, over, now))


def _still(asked: Request, now: Moment) -> Request:
    return replace(asked, basis=_closed(asked.basis, now))


def _closed(basis: Basis, now: Moment) -> Basis:
    """A breaker that closed meanwhile counts when it opens again."""
    return replace(basis, breakers=basis.breakers & now.open_breakers)


# -- what people do


def _ask(state: Arming, event: Ask, now: Moment) -> Outcome:
    busy = _busy(state, event.operator)
    found = (busy,) if busy is not None else refusals(event.wanted, now)
    if found:
        body = {"request_id": event.request_id, "why": found[0].value, "operator": event.operator}
        told = {**body, "all": [one.value for one in found]}
        return state, (Note(EventKind.ARM_REFUSED, told, event.wanted.run_id), Deny(found[0]))
    replaced = () if state.asked is None else (request_note(state.asked, ArmEnd.REPLACED),)
    span_s = APPROVAL_S if now.two_person else TOKEN_VALID_S
    asked = Request(
        event.request_id,
        event.wanted,
        event.purpose,
        event.operator,
        event.key,
        event.digest,
        basis_of(now),
        now.wall_us,
        now.two_person,
        now.boot_us + span_s * SECOND_US,
    )
    return replace(state, asked=asked), replaced


def _busy(state: Arming, operator: str) -> ArmRefusal | None:
    if state.state is ArmState.LOCKED:
        return ArmRefusal.LOCKED
    if state.state is ArmState.ARMED:
        return ArmRefusal.ARMED
    if state.held is not None or (state.asked is not None and state.asked.operator != operator):
        return ArmRefusal.PENDING
    return None


def _approve(state: Arming, event: Approve, now: Moment) -> Outcome:
    asked = state.asked
    if asked is None or asked.request_id != event.request_id:
        return state, (Deny(ArmRefusal.NO_REQUEST),)
    if not asked.needs_approval or asked.approved_by:
        return state, (Deny(ArmRefusal.NOT_NEEDED),)
    if event.operator == asked.operator or bare_key(event.key) == bare_key(asked.key):
        return state, (Deny(ArmRefusal.SAME_OPERATOR),)
    if event.checklist is not None and not asked.wanted.drill:
        return state, (Deny(event.checklist),)
    until_us = now.boot_us + TOKEN_VALID_S * SECOND_US
    return replace(state, asked=replace(asked, approved_by=event.operator, until_us=until_us)), ()


def _confirm(state: Arming, event: Confirm, now: Moment) -> Outcome:
    asked = state.asked
    digest = _NO_DIGEST if asked is None else asked.digest
    right = matches(event.token, digest, bound_to(event.request_id, now))  # always: time tells nothing
    if asked is None or asked.request_id != event.request_id:
        locked = state.state is ArmState.LOCKED
        return state, (Deny(ArmRefusal.LOCKED if locked else ArmRefusal.NO_REQUEST),)
    if event.operator != asked.operator:
        return state, (Deny(ArmRefusal.NOT_YOURS),)
    if state.state is not ArmState.CONFIRMABLE:
        return state, (Deny(ArmRefusal.UNAPPROVED),)
    if event.phrase != phrase_of(asked.wanted):
        return _wrong(state, asked, ArmRefusal.PHRASE, now)
    if not right:
        return _wrong(state, asked, ArmRefusal.TOKEN, now)
    if event.checklist is not None and not asked.wanted.drill:
        told = {"request_id": asked.request_id, "why": event.checklist.value, "operator": event.operator}
        return state, (Note(EventKind.ARM_REFUSED, told, asked.wanted.run_id), Deny(event.checklist))
    lease = lease_of(asked, event.lease_id, now)
    held = Held(lease, asked.request_id, basis_of(now), asked.basis.boot_us)
    grant = Grant(lease, grant_body(asked, lease))
    return replace(state, asked=None, held=held, wrong=0), (grant,)


def _wrong(state: Arming, asked: Request, why: ArmRefusal, now: Moment) -> Outcome:
    state = replace(state, wrong=state.wrong + 1, wrong_us=now.boot_us)
    body = {"request_id": asked.request_id, "operator": asked.operator}
    run_id = asked.wanted.run_id
    told = Note(EventKind.ARM_REFUSED, {**body, "why": why.value, "tries_left": state.tries_left}, run_id)
    if state.tries_left > 0:
        return state, (told, Deny(why))
    until_wall_us = now.wall_us + LOCKOUT_S * SECOND_US
    locked = {
        **body,
        "why": ArmEnd.TRIES_USED_UP.value,
        "locked_until": iso(from_unix_us(until_wall_us)),
        "locked_until_us": now.boot_us + LOCKOUT_S * SECOND_US,
        "boot_id": now.boot_id,
    }
    after = replace(state, asked=None, locked_until_us=now.boot_us + LOCKOUT_S * SECOND_US)
    alarm = Alarm(asked.operator, asked.request_id, until_wall_us)
    return after, (told, Note(EventKind.ARM_REFUSED, locked, run_id), alarm, Deny(ArmRefusal.TRIES))


def _recorded(state: Arming, event: Recorded, now: Moment) -> Outcome:
    held = state.held
    if held is None or held.recorded or held.lease.lease_id != event.lease_id:
        return state, ()
    if not event.ok:
        body = {"lease_id": event.lease_id, "request_id": held.request_id, "operator": held.lease.actor}
        why = {"why": ArmRefusal.UNRECORDED.value}
        note = Note(EventKind.ARM_REFUSED, {**body, **why}, held.lease.run_id)
        return replace(state, held=None), (note, Deny(ArmRefusal.UNRECORDED))
    if held.void is not None:
        return replace(state, held=None), (end_note(held, held.void, now), Deny(ArmRefusal.CHANGED))
    return replace(state, held=replace(held, recorded=True)), ()


def _withdraw(state: Arming, event: Withdraw, now: Moment) -> Outcome:
    return _give_up(state, ArmEnd.WITHDRAWN, event.who, now, only=event.request_id)


def _lower(state: Arming, event: Lower, now: Moment) -> Outcome:
    return _give_up(state, event.why, event.who, now, only=None)


def _give_up(state: Arming, why: ArmEnd, who: str, now: Moment, *, only: str | None) -> Outcome:
    """End the request or the lease; a request's withdrawal does not end a lease that stands."""
    effects: list[Effect] = []
    asked, held = state.asked, state.held
    if asked is not None and only in {None, asked.request_id}:
        effects.append(request_note(asked, why, who))
        asked = None
    if held is not None and not held.recorded and only in {None, held.request_id}:
        held = replace(held, void=held.void or why)
    elif held is not None and held.recorded and only is None:
        effects += [end_note(held, why, now, who), *drill_notes(held, why, now)]
        held = None
    return replace(state, asked=asked, held=held), tuple(effects)
