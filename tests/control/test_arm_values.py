"""The arming machine, figure by figure: whose it is, what is told of each end, and at which microsecond."""

import hmac
from dataclasses import replace

import pytest

from peak_console.control import arming
from peak_console.control.arm_rules import ArmRefusal, Moment, Wanted, phrase_of
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
    Lower,
    Note,
    Recorded,
    Tick,
    Withdraw,
)
from peak_console.control.arming import bound_to, step
from peak_console.control.tokens import token_digest
from peak_console.domain.arming import ArmEnd, ArmState
from peak_console.domain.events import EventKind

SECOND = 1_000_000
LOCKOUT = 600 * SECOND
NOW = Moment(
    boot_us=10**9, awake_us=10**9, wall_us=10**15, boot_id="b", session="s", binding="d", phase="live",
    calls=True, epoch=1,
)  # fmt: skip
TWO = replace(NOW, two_person=True, operators=2)
LIVE = Wanted("venue:paper", "run-1", 900, drill=False)
DRILL = replace(LIVE, drill=True)
TOKEN, WRONG = "00000-000000", "00000-000011"
KEY = "ssh-ed25519 MMMM mia"
ENDED, EXPIRED, REFUSED = EventKind.ARM_ENDED, EventKind.ARM_EXPIRED, EventKind.ARM_REFUSED
IDS = pytest.mark.parametrize("strange", ["r4", "r6", ""])
"""Requests' ids before and after the one that stands, r5, in the alphabet."""


def later(us: int, since: Moment = NOW) -> Moment:
    """The moment so many microseconds on, awake all the while."""
    clocks = (since.boot_us + us, since.awake_us + us, since.wall_us + us)
    return replace(since, boot_us=clocks[0], awake_us=clocks[1], wall_us=clocks[2])


def asked(now: Moment = NOW, wanted: Wanted = LIVE, before: Arming | None = None) -> Arming:
    """Mia's request, r5."""
    event = Ask("r5", wanted, "test", "mia", KEY, token_digest(TOKEN, bound_to("r5", now)))
    return step(before or Arming(), event, now)[0]


def typed(token: str = TOKEN, wanted: Wanted = LIVE) -> Confirm:
    """What Mia types."""
    return Confirm("r5", "mia", token, phrase_of(wanted), "l5")


def granting() -> Arming:
    """Confirmed, and not on the ledger yet."""
    return step(asked(), typed(), NOW)[0]


def armed() -> Arming:
    """On the ledger."""
    return step(granting(), Recorded("l5", ok=True), NOW)[0]


def denied(state: Arming, event: Event, now: Moment = NOW) -> ArmRefusal:
    """Why it was refused; nothing changed by it."""
    after, effects = step(state, event, now)
    assert after == state
    return next(one.why for one in effects if isinstance(one, Deny))


def locked(now: Moment = NOW) -> tuple[Arming, tuple[Effect, ...]]:
    """After five wrong tokens."""
    state, effects = asked(now), tuple[Effect, ...]()
    for _ in range(5):
        state, effects = step(state, typed(WRONG), now)
    assert state.state is ArmState.LOCKED
    return state, effects


@IDS
def test_a_strange_id_is_no_request(strange: str) -> None:
    """To approve, to confirm or to withdraw; not told as a lockout, and told as one while there is one."""
    assert denied(asked(TWO), Approve(strange, "ben", "ssh-ed25519 BBBB"), TWO) is ArmRefusal.NO_REQUEST
    confirm = replace(typed(), request_id=strange)
    assert denied(asked(), confirm) is ArmRefusal.NO_REQUEST
    assert denied(Arming(), confirm) is ArmRefusal.NO_REQUEST
    assert denied(locked()[0], confirm) is ArmRefusal.LOCKED
    assert step(asked(), Withdraw(strange, "ben"), NOW) == (asked(), ())
    assert step(granting(), Withdraw(strange, "ben"), NOW) == (granting(), ())


@pytest.mark.parametrize("other", ["anna", "zoe"])
def test_a_request_is_its_operators(other: str) -> None:
    """Nobody else asks beside it or confirms it, whichever name comes first."""
    assert denied(asked(), replace(typed(), operator=other)) is ArmRefusal.NOT_YOURS
    event = Ask("r6", LIVE, "test", other, "ssh-ed25519 OOOO", bytes(32))
    assert denied(asked(), event) is ArmRefusal.PENDING


@pytest.mark.parametrize("other", ["anna", "zoe"])
@pytest.mark.parametrize("key", ["ssh-ed25519 AAAA mia", "ssh-ed25519 ZZZZ mia"])
def test_another_person_with_another_key_approves(other: str, key: str) -> None:
    """Whichever comes first in the alphabet; neither the same name nor the same key does."""
    after, effects = step(asked(TWO), Approve("r5", other, key), TWO)
    assert (after.state, effects) == (ArmState.CONFIRMABLE, ())
    assert denied(asked(TWO), Approve("r5", "mia", key), TWO) is ArmRefusal.SAME_OPERATOR
    assert denied(asked(TWO), Approve("r5", other, KEY), TWO) is ArmRefusal.SAME_OPERATOR


def test_one_approval_is_enough() -> None:
    """One that nobody asked for, and one more, are refused; unapproved it cannot be confirmed."""
    approve = Approve("r5", "ben", "ssh-ed25519 BBBB")
    once = step(asked(TWO), approve, TWO)[0]
    assert denied(asked(), approve) is ArmRefusal.NOT_NEEDED
    assert denied(once, approve, TWO) is ArmRefusal.NOT_NEEDED
    assert (
        denied(once, replace(approve, operator="zoe", key="ssh-ed25519 ZZZZ"), TWO) is ArmRefusal.NOT_NEEDED
    )
    assert denied(asked(TWO), typed(), TWO) is ArmRefusal.UNAPPROVED


def test_the_first_reason_is_told_and_all_are_recorded() -> None:
    """In the order of gravity."""
    event = Ask("r5", replace(LIVE, run_id=""), "test", "mia", KEY, bytes(32))
    after, effects = step(Arming(), event, replace(NOW, calls=False))
    why = [ArmRefusal.POSTURE.value, ArmRefusal.RUN_MISSING.value]
    told = {"request_id": "r5", "why": why[0], "operator": "mia", "all": why}
    assert (after, effects) == (Arming(), (Note(REFUSED, told), Deny(ArmRefusal.POSTURE)))


@pytest.mark.parametrize(
    ("wait_s", "approve", "now", "end"),
    [
        (120, False, NOW, ArmEnd.TOKEN_EXPIRED),
        (600, False, TWO, ArmEnd.APPROVAL_EXPIRED),
        (120, True, TWO, ArmEnd.TOKEN_EXPIRED),
    ],
)
def test_a_request_ends_by_what_it_waits_for(
    wait_s: int,
    approve: bool,  # noqa: FBT001 - a table
    now: Moment,
    end: ArmEnd,
) -> None:
    """At its last microsecond, and it is on record."""
    state = asked(now)
    if approve:
        state = step(state, Approve("r5", "ben", "ssh-ed25519 BBBB"), now)[0]
    assert step(state, Tick(), later(wait_s * SECOND - 1, now)) == (state, ())
    note = Note(EXPIRED, {"request_id": "r5", "why": end.value, "operator": "mia"}, "run-1")
    assert step(state, Tick(), later(wait_s * SECOND, now)) == (Arming(), (note,))


def test_a_withdrawal_is_on_record() -> None:
    """With who asked and who took it back; a disarm likewise."""
    for event, why in ((Withdraw("r5", "ben"), "withdrawn"), (Lower(ArmEnd.DISARMED, "ben"), "disarmed")):
        note = Note(ENDED, {"request_id": "r5", "why": why, "operator": "mia", "by": "ben"}, "run-1")
        assert step(asked(), event, NOW) == (Arming(), (note,))


def test_a_request_that_lost_its_ground_is_on_record() -> None:
    """It ends for the reason that it rested on."""
    after, effects = step(asked(), Tick(), replace(NOW, phase="testnet"))
    body = {"request_id": "r5", "why": "phase_changed", "operator": "mia"}
    assert (after, effects) == (Arming(), (Note(ENDED, body, "run-1"),))


@pytest.mark.parametrize("phrase", ["", "ARM LIVE", "ZZZ"])
def test_a_wrong_phrase_costs_a_try(phrase: str) -> None:
    """Whichever side of the right one; even with the right token."""
    after, effects = step(asked(), replace(typed(), phrase=phrase), NOW)
    body = {"request_id": "r5", "operator": "mia", "why": "phrase_differs", "tries_left": 4}
    assert effects == (Note(REFUSED, body, "run-1"), Deny(ArmRefusal.PHRASE))
    assert (after.wrong, after.wrong_us, after.tries_left) == (1, NOW.boot_us, 4)


def test_the_fifth_wrong_token_locks() -> None:
    """Until which moment is told on each clock; a count above five, that no walk leads to, locks as well."""
    state, effects = locked()
    base = {"request_id": "r5", "operator": "mia"}
    until = {
        "locked_until": "2001-09-09T01:56:40.000000Z",
        "locked_until_us": NOW.boot_us + LOCKOUT,
        "boot_id": "b",
    }
    assert effects == (
        Note(REFUSED, {**base, "why": "token_wrong", "tries_left": 0}, "run-1"),
        Note(REFUSED, {**base, "why": "tries_used_up", **until}, "run-1"),
        Alarm("mia", "r5", NOW.wall_us + LOCKOUT),
        Deny(ArmRefusal.TRIES),
    )
    assert state.locked_until_us == NOW.boot_us + LOCKOUT
    assert (
        step(replace(asked(), wrong=6, wrong_us=NOW.boot_us), typed(WRONG), NOW)[0].state is ArmState.LOCKED
    )


def test_a_lockout_ends_at_its_microsecond() -> None:
    """Then there are five tries again."""
    state = locked()[0]
    before = step(state, Tick(), later(LOCKOUT - 1))[0]
    assert before.state is ArmState.LOCKED
    for over in (0, 1, LOCKOUT):
        after = step(state, Tick(), later(LOCKOUT + over))[0]
        assert (after.state, after.wrong, after.tries_left) == (ArmState.IDLE, 0, 5)


def test_wrong_tokens_are_forgotten_after_as_long_as_a_lockout() -> None:
    """Counted from the last one; a grant forgets them too."""
    state = step(step(asked(), typed(WRONG), NOW)[0], typed(WRONG), later(SECOND))[0]
    last = later(SECOND)
    assert step(state, Tick(), later(LOCKOUT - 1, last))[0].wrong == 2
    for over in (0, 1, LOCKOUT):
        assert step(state, Tick(), later(LOCKOUT + over, last))[0].wrong == 0
    assert step(state, typed(), last)[0].wrong == 0


def test_what_ended_first_while_a_grant_was_written_is_told() -> None:
    """Later reasons do not hide it; the lease that was written after all ends at once and arms nothing."""
    state = step(granting(), Tick(), replace(NOW, phase="testnet"))[0]
    assert state.held is not None
    assert (state.state, state.held.void) == (ArmState.GRANTING, ArmEnd.PHASE_CHANGED)
    changed = replace(NOW, binding="e")
    again = step(state, Tick(), changed)[0]
    assert again == state
    after, effects = step(again, Recorded("l5", ok=True), changed)
    body = {"lease_id": "l5", "why": "phase_changed", "operator": "mia", "drill": False, "held_ms": 0}
    assert (after, effects) == (Arming(), (Note(ENDED, body, "run-1"), Deny(ArmRefusal.CHANGED)))


@pytest.mark.parametrize("ok", [True, False])
@pytest.mark.parametrize("lease_id", ["l4", "l6", ""])
def test_a_record_is_told_by_its_leases_name(lease_id: str, ok: bool) -> None:  # noqa: FBT001 - a table
    """Another's changes nothing, nor does the same once more when it stands."""
    assert step(granting(), Recorded(lease_id, ok), NOW) == (granting(), ())
    for one in (lease_id, "l5"):
        assert step(armed(), Recorded(one, ok), NOW) == (armed(), ())


def test_a_record_that_failed_arms_nothing() -> None:
    """And that is tried to be told as well."""
    body = {"lease_id": "l5", "request_id": "r5", "operator": "mia", "why": "arm_unrecorded"}
    note = Note(REFUSED, body, "run-1")
    assert step(granting(), Recorded("l5", ok=False), NOW) == (Arming(), (note, Deny(ArmRefusal.UNRECORDED)))


def test_a_checklist_that_turned_red_keeps_live_from_being_confirmed() -> None:
    """The request stands and no try is lost; a drill does not ask for it."""
    red = ArmRefusal.CHECKLIST
    after, effects = step(asked(), replace(typed(), checklist=red), NOW)
    body = {"request_id": "r5", "why": red.value, "operator": "mia"}
    assert (after, effects) == (asked(), (Note(REFUSED, body, "run-1"), Deny(red)))
    drill, approve = asked(wanted=DRILL), Approve("r5", "ben", "ssh-ed25519 BBBB", red)
    (grant,) = step(drill, replace(typed(wanted=DRILL), checklist=red), NOW)[1]
    assert isinstance(grant, Grant)
    assert step(asked(TWO, DRILL), approve, TWO)[0].state is ArmState.CONFIRMABLE
    assert denied(asked(TWO), approve, TWO) is red


def test_without_a_request_a_token_is_compared_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """With as many bytes as a digest has: the time tells nothing."""
    compared, states = [], (Arming(), locked()[0])
    real = hmac.compare_digest

    def watched(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    for state in states:
        step(state, typed(), NOW)
    assert compared == [(32, 32), (32, 32)]


def test_a_move_that_is_not_listed_ends_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease's end is on record, for a reason that nobody knows; where none stood, nothing is."""
    standing, waiting = armed(), asked()
    monkeypatch.setattr(arming, "TRANSITIONS", {})
    body = {"lease_id": "l5", "why": "unknown", "operator": "mia", "drill": False, "held_ms": 0}
    assert step(standing, Lower(ArmEnd.DISARMED), NOW) == (Arming(), (Note(ENDED, body, "run-1"),))
    assert step(waiting, Lower(ArmEnd.DISARMED), NOW) == (Arming(), ())
    over = later(2 * LOCKOUT)
    body = {**body, "held_ms": 2 * LOCKOUT // 1000}
    assert step(standing, Tick(), over) == (Arming(), (Note(ENDED, body, "run-1"),))
