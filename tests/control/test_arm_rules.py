"""Rules of arming: why something is refused, what the phrase says, and what ends a lease, one by one."""

from dataclasses import replace
from typing import Any

import pytest

from peak_console.control.arm_records import drill_notes
from peak_console.control.arm_rules import (
    ArmRefusal,
    Moment,
    Wanted,
    basis_of,
    fallen,
    lease_over,
    phrase_of,
    refusals,
)
from peak_console.control.arm_state import Approve, Arming, Ask, Deny, Held, Lower, Note, Recorded, Tick
from peak_console.control.arming import bound_to, step
from peak_console.control.tokens import token_digest
from peak_console.domain.arming import ArmEnd, ArmLease, ArmState

SECOND = 1_000_000
NOW = Moment(
    boot_us=10**9, awake_us=10**9, wall_us=10**15, boot_id="b", session="s", binding="d", phase="live",
    calls=True, epoch=1,
)  # fmt: skip
LIVE = Wanted("venue:paper", "run-1", 900, drill=False)
DRILL = Wanted("layer:L2", "", 900, drill=True)
LEASE = ArmLease(
    "l", "venue:paper", "run-1", "anna", 10**9, 10**9 + 60 * SECOND, 10**15, 10**15 + 60 * SECOND
)


@pytest.mark.parametrize(
    ("changes", "wanted", "why"),
    [
        ({}, {}, []),
        ({"calls": False}, {}, [ArmRefusal.POSTURE]),
        ({"lowered": True}, {}, [ArmRefusal.LOWERED]),
        ({"latched": frozenset({"burn"})}, {}, [ArmRefusal.BREAKER]),
        ({"open_breakers": frozenset({"p:m"})}, {}, []),
        ({"phase": "testnet"}, {}, [ArmRefusal.PHASE]),
        ({"phase": "bootstrap"}, {}, [ArmRefusal.PHASE]),
        ({"two_person": True}, {}, [ArmRefusal.SECOND_OPERATOR]),
        ({"two_person": True, "operators": 2}, {}, []),
        ({"two_person": True, "operators": 3}, {}, []),
        ({"stopped": frozenset({"venue:paper"})}, {}, [ArmRefusal.SCOPE_STOPPED]),
        ({"stopped": frozenset({"run:run-1"})}, {}, [ArmRefusal.SCOPE_STOPPED]),
        ({"stopped": frozenset({"layer:L2"})}, {}, []),
        ({"ended_runs": frozenset({"run-1"})}, {}, [ArmRefusal.RUN_ENDED]),
        ({}, {"ttl_s": 0}, [ArmRefusal.TTL]),
        ({}, {"ttl_s": -1}, [ArmRefusal.TTL]),
        ({}, {"ttl_s": 3600}, []),
        ({}, {"ttl_s": 3601}, [ArmRefusal.TTL]),
        ({"max_ttl_s": 60}, {}, [ArmRefusal.TTL]),
        ({}, {"run_id": ""}, [ArmRefusal.RUN_MISSING]),
        ({}, {"run": ArmRefusal.RUN_UNKNOWN}, [ArmRefusal.RUN_UNKNOWN]),
        ({}, {"checklist": ArmRefusal.CHECKLIST}, [ArmRefusal.CHECKLIST]),
        ({}, {"checklist": ArmRefusal.CHECKLIST_UNKNOWN}, [ArmRefusal.CHECKLIST_UNKNOWN]),
        ({}, {"scope": "layer:L2"}, [ArmRefusal.SCOPE_WRONG]),
        ({}, {"scope": "global"}, []),
        ({}, {"scope": "drill:x"}, [ArmRefusal.SCOPE_WRONG]),
        ({}, {"scope": "no scope at all"}, [ArmRefusal.SCOPE_WRONG]),
    ],
)
def test_live_is_refused(changes: dict[str, Any], wanted: dict[str, Any], why: list[ArmRefusal]) -> None:
    """For each thing that lacks, and for nothing else."""
    assert list(refusals(replace(LIVE, **wanted), replace(NOW, **changes))) == why


def test_who_asks_without_figures_gets_the_strict_ones() -> None:
    """One operator, a quarter of an hour, at most an hour."""
    assert (NOW.operators, NOW.default_ttl_s, NOW.max_ttl_s) == (1, 900, 3600)


@pytest.mark.parametrize("phase", ["bootstrap", "shadow", "testnet", "live"])
def test_a_drill_needs_neither_phase_nor_run_nor_checklist(phase: str) -> None:
    """It can be walked at any time when calls are permitted."""
    red = replace(DRILL, checklist=ArmRefusal.CHECKLIST)
    assert refusals(red, replace(NOW, phase=phase)) == ()
    assert refusals(red, replace(NOW, calls=False)) == (ArmRefusal.POSTURE,)


@pytest.mark.parametrize(
    ("wanted", "phrase"),
    [
        (LIVE, "ARM LIVE venue:paper run-1 15 MIN"),
        (replace(LIVE, ttl_s=90), "ARM LIVE venue:paper run-1 90 S"),
        (DRILL, "DRILL layer:L2 15 MIN"),
    ],
)
def test_the_phrase_names_what_will_happen(wanted: Wanted, phrase: str) -> None:
    """Scope, run and minutes; a drill says so."""
    assert phrase_of(wanted) == phrase


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({}, None),
        ({"session": "s2"}, ArmEnd.NODE_RESTART),
        ({"boot_id": "b2"}, ArmEnd.NODE_RESTART),
        ({"boot_id": "a", "session": "r"}, ArmEnd.NODE_RESTART),
        ({"boot_us": 10**9 - 1}, ArmEnd.NODE_RESTART),
        ({"calls": False}, ArmEnd.POSTURE_FELL),
        ({"lowered": True}, ArmEnd.POSTURE_FELL),
        ({"stopped": frozenset({"venue:paper"})}, ArmEnd.POSTURE_FELL),
        ({"epoch": 2}, ArmEnd.POSTURE_FELL),
        ({"epoch": 0}, ArmEnd.POSTURE_FELL),
        ({"phase": "testnet"}, ArmEnd.PHASE_CHANGED),
        ({"phase": "bootstrap"}, ArmEnd.PHASE_CHANGED),
        ({"binding": "e"}, ArmEnd.DIGEST_CHANGED),
        ({"latched": frozenset({"burn"})}, ArmEnd.BREAKER),
        ({"order_breakers": frozenset({"daily_loss"})}, ArmEnd.BREAKER),
        ({"open_breakers": frozenset({"p:m"})}, ArmEnd.BREAKER),
        ({"ended_runs": frozenset({"run-1"})}, ArmEnd.RUN_ENDED),
        ({"ended_runs": frozenset({"run-2"})}, None),
        ({"wall_us": 10**15 + 2 * SECOND}, None),
        ({"wall_us": 10**15 + 2 * SECOND + 1}, ArmEnd.CLOCK_STEP),
        ({"wall_us": 10**15 - 2 * SECOND - 1}, ArmEnd.CLOCK_STEP),
        ({"wall_us": 10**15 - 400 * 86_400 * SECOND}, ArmEnd.CLOCK_STEP),
        ({"boot_us": 10**9 + SECOND // 2, "wall_us": 10**15 + SECOND // 2}, None),
        ({"boot_us": 10**9 + SECOND // 2 + 1, "wall_us": 10**15 + SECOND // 2}, ArmEnd.SUSPEND),
    ],
)
def test_what_ends_what_was_begun(changes: dict[str, Any], end: ArmEnd | None) -> None:
    """One change, one end; at the bound itself it still holds."""
    after = replace(NOW, **changes)
    assert fallen(basis_of(NOW), after, run_id="run-1", scope="venue:paper", drill=False) is end


def test_breakers_of_orders_bind_live_alone() -> None:
    """Whatever is tripped, for want of figures too, refuses and ends live; a drill lets no order pass."""
    now = replace(NOW, order_breakers=frozenset({"drawdown"}))
    assert ArmRefusal.ORDER_BREAKER in refusals(LIVE, now)
    assert ArmRefusal.ORDER_BREAKER not in refusals(DRILL, now)
    assert fallen(basis_of(NOW), now, run_id="run-1", scope="venue:paper", drill=True) is None


@pytest.mark.parametrize(
    ("boot_s", "wall_s", "end"),
    [
        (59.999999, 59.999999, None),
        (60, 59, ArmEnd.TTL),
        (60, 60, ArmEnd.TTL),
        (59, 60, ArmEnd.WALL_TTL),
        (58.5, 60, ArmEnd.WALL_TTL),
    ],
)
def test_a_lease_ends_by_the_clock_that_is_there_first(
    boot_s: float, wall_s: float, end: ArmEnd | None
) -> None:
    """Whichever clock says that the time is over, it is."""
    boot, wall = round(boot_s * SECOND), round(wall_s * SECOND)
    then = replace(NOW, boot_us=10**9 + boot, awake_us=10**9 + boot, wall_us=10**15 + wall)
    assert lease_over(LEASE, basis_of(NOW), then) is end


def test_one_request_at_a_time() -> None:
    """Another operator's waits; one's own is replaced, and that is on record."""
    first = _asked(Arming(), "r1", "anna")[0]
    after, effects = _asked(first, "r2", "ben")
    assert after.asked is not None
    assert after.asked.request_id == "r1"
    assert Deny(ArmRefusal.PENDING) in effects
    after, effects = _asked(first, "r3", "anna")
    assert after.asked is not None
    assert after.asked.request_id == "r3"
    ((note,),) = [[one for one in effects if isinstance(one, Note)]]
    assert (note.body["request_id"], note.body["why"]) == ("r1", ArmEnd.REPLACED.value)


def test_the_same_key_with_another_comment_is_the_same_person() -> None:
    """Only another key approves; and not while the checklist is red by now."""
    two = replace(NOW, two_person=True, operators=2)
    ask = Ask("r1", replace(LIVE), "test", "anna", "ssh-ed25519 AAAA anna", bytes(32))
    state = step(Arming(), ask, two)[0]
    assert state.state is ArmState.REQUESTED
    for key, found, denied in (
        ("ssh-ed25519 AAAA ben@home", None, ArmRefusal.SAME_OPERATOR),
        ("ssh-ed25519 AAAB", ArmRefusal.CHECKLIST, ArmRefusal.CHECKLIST),
    ):
        after, effects = step(state, Approve("r1", "ben", key, found), two)
        assert (after, effects) == (state, (Deny(denied),))
    assert step(state, Approve("r1", "ben", "ssh-ed25519 AAAB"), two)[0].state is ArmState.CONFIRMABLE


@pytest.mark.parametrize(
    ("why", "held"), [(ArmEnd.TTL, True), (ArmEnd.WALL_TTL, True), (ArmEnd.DISARMED, False)]
)
def test_a_drill_holds_only_where_it_ran_out(why: ArmEnd, held: bool) -> None:  # noqa: FBT001 - a figure
    """One that was disarmed has shown no TTL; an end by anything else is no drill's end at all."""
    drill = Held(replace(LEASE, drill=True), "r1", basis_of(NOW), NOW.boot_us)
    (note,) = drill_notes(drill, why, NOW)
    assert (note.body["held"], note.body["steps"][-1]["ok"]) == (held, held)
    assert drill_notes(drill, ArmEnd.SUSPEND, NOW) == ()


def test_a_record_that_nobody_waits_for_arms_nothing() -> None:
    """A grant is told to the machine by the name of its lease."""
    after, effects = step(Arming(), Recorded("l", ok=True), NOW)
    assert after.state is ArmState.IDLE
    assert after.lease is None
    assert effects == ()


def test_lowering_nothing_does_nothing() -> None:
    """A disarm where nothing stands leaves no trace here; the disarm itself is recorded by who asked."""
    for event in (Lower(ArmEnd.DISARMED), Tick()):
        assert step(Arming(), event, NOW) == (Arming(), ())


def test_nothing_of_a_token_is_in_what_can_be_printed() -> None:
    """Neither the digest nor what was typed is in a representation that a log could take."""
    state = _asked(Arming(), "r1", "anna")[0]
    assert state.asked is not None
    assert repr(state.asked.digest) not in repr(state)
    assert "digest" not in repr(state.asked)


def _asked(state: Arming, request_id: str, operator: str) -> tuple[Arming, tuple[Any, ...]]:
    kept = token_digest("00000-000000", bound_to(request_id, NOW))
    return step(state, Ask(request_id, DRILL, "test", operator, f"key of {operator}", kept), NOW)
