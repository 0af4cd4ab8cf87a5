"""The effective posture: the strictest source wins, and nothing permits but what is present and whole."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peak_console.control.lease import LIFETIME_US, Lease, arm_ended
from peak_console.control.posture import (
    EnabledFile,
    LeaseFile,
    Sources,
    StopFile,
    effective,
    is_armed,
    truth,
)
from peak_console.domain.arming import ArmLease
from peak_console.domain.clock import from_unix_us
from peak_console.domain.posture import Orders, Posture, PostureReason, PostureState

NOW = 10_000_000_000
WALL = 1_800_000_000_000_000

events = st.sampled_from(["ev_1", "ev_2"])
enabled_files = st.one_of(
    st.builds(EnabledFile, event_id=events),
    st.just(EnabledFile()),
    st.just(EnabledFile(problem=PostureReason.ENABLED_UNREADABLE)),
)
leases = st.builds(
    Lease,
    boot_id=st.sampled_from(["here", "elsewhere"]),
    session=st.just("s"),
    generation=st.just(1),
    issued_us=st.integers(NOW - 10_000_000, NOW + 10_000_000),
    expires_us=st.integers(NOW - 10_000_000, NOW + 10_000_000),
    phase=st.just("bootstrap"),
    calls=st.booleans(),
    orders=st.sampled_from(Orders),
    state=st.sampled_from(PostureState),
    reasons=st.just(()),
    enabled=st.none() | events,
    seq=st.just(1),
)
sources = st.builds(
    Sources,
    enabled=enabled_files,
    stop=st.builds(StopFile, present=st.booleans()),
    lease=st.builds(LeaseFile, lease=st.none() | leases),
    boot_id=st.just("here"),
    ai_enabled=st.none() | st.booleans(),
    ai_armed=st.none() | st.booleans(),
)


@settings(deadline=None)  # the machine of a test run is shared
@given(sources)
def test_calls_need_every_source(found: Sources) -> None:
    """Calls are permitted if and only if each source permits them; orders never without calls."""
    posture = effective(found, NOW)
    lease = found.lease.lease
    every = (
        found.enabled.event_id is not None
        and not found.stop.present
        and found.ai_enabled is not False
        and lease is not None
        and lease.boot_id == "here"
        and lease.issued_us <= NOW <= lease.expires_us
        and lease.expires_us - lease.issued_us <= LIFETIME_US
        and lease.calls
        and lease.state not in {PostureState.STOPPED, PostureState.UNKNOWN}
        and lease.enabled == found.enabled.event_id
    )
    assert posture.calls == every
    assert posture.reasons
    if not posture.calls:
        assert posture.state in {PostureState.STOPPED, PostureState.UNKNOWN}
        assert posture.orders is Orders.NONE
    if found.ai_armed is False:
        assert posture.orders is Orders.NONE


@settings(deadline=None)  # the machine of a test run is shared
@given(sources)
def test_the_environment_only_lowers(found: Sources) -> None:
    """No value of AI_ENABLED or AI_ARMED permits what unset ones would not."""
    bare = Sources(found.enabled, found.stop, found.lease, found.boot_id)
    rank = list(Orders)
    assert effective(found, NOW).calls <= effective(bare, NOW).calls
    assert rank.index(effective(found, NOW).orders) <= rank.index(effective(bare, NOW).orders)


@settings(deadline=None)  # the machine of a test run is shared
@given(sources)
def test_a_stop_file_always_stops(found: Sources) -> None:
    """Whatever else stands, ``STOP`` makes it STOPPED, never merely unknown."""
    stopped = Sources(found.enabled, StopFile(present=True), found.lease, found.boot_id)
    assert effective(stopped, NOW).state is PostureState.STOPPED


def _lease(**changes: object) -> Lease:
    fields: dict[str, object] = {
        "boot_id": "here",
        "session": "s",
        "generation": 1,
        "issued_us": NOW - 200_000,
        "expires_us": NOW + 4_000_000,
        "phase": "live",
        "calls": True,
        "orders": Orders.NONE,
        "state": PostureState.DISARMED,
        "reasons": (),
        "enabled": "ev_1",
        "seq": 1,
        "since": datetime(2026, 11, 22, tzinfo=UTC),
    }
    return Lease(**{**fields, **changes})  # type: ignore[arg-type]


def _posture(**changes: object) -> Posture:
    found = Sources(EnabledFile("ev_1"), StopFile(), LeaseFile(_lease(**changes)), "here")
    return effective(found, NOW, WALL)


def _arm(**changes: object) -> ArmLease:
    fields: dict[str, object] = {
        "lease_id": "arm_1",
        "scope": "venue:kraken",
        "run_id": "run_1",
        "actor": "anna",
        "granted_us": NOW - 60_000_000,
        "expires_us": NOW + 840_000_000,
        "granted_wall_us": WALL - 60_000_000,
        "expires_wall_us": WALL + 840_000_000,
    }
    return ArmLease(**{**fields, **changes})  # type: ignore[arg-type]


_ARMED = {"orders": Orders.ALL, "state": PostureState.ARMED, "arm": _arm()}


@pytest.mark.parametrize(
    ("changes", "state", "orders"),
    [
        ({}, PostureState.DISARMED, Orders.NONE),
        (_ARMED, PostureState.ARMED, Orders.ALL),
        ({"reduce": True}, PostureState.REDUCE, Orders.REDUCE),
        ({"orders": Orders.REDUCE}, PostureState.REDUCE, Orders.REDUCE),
        ({**_ARMED, "reduce": True}, PostureState.REDUCE, Orders.REDUCE),
    ],
)
def test_states_are_names_of_what_is_permitted(
    changes: dict[str, object], state: PostureState, orders: Orders
) -> None:
    """DISARMED, REDUCE and ARMED follow from which orders pass; reduce wins over armed."""
    posture = _posture(**changes)
    assert (posture.state, posture.orders) == (state, orders)
    assert not posture.conflicts


@pytest.mark.parametrize(
    "changes",
    [
        {"arm": None},
        {"phase": "testnet"},
        {"arm": _arm(drill=True)},
        {"arm": _arm(expires_us=NOW)},
        {"arm": _arm(expires_wall_us=WALL)},
        {"arm": _arm(granted_us=NOW + 1)},
        {"arm": _arm(expires_us=NOW + 3_600_000_000)},
        {"arm": _arm(expires_wall_us=WALL + 3_600_000_000)},
        {"arm": _arm(granted_wall_us=WALL - 63_000_000)},
        {"arm": _arm(granted_wall_us=WALL - 57_000_000)},
    ],
)
def test_what_is_not_whole_arms_nothing(changes: dict[str, object]) -> None:
    """Missing, a drill, over, stepped, of too long a life, in no live phase: DISARMED, and it is told."""
    posture = _posture(**{**_ARMED, **changes})
    assert (posture.state, posture.orders) == (PostureState.DISARMED, Orders.NONE)
    assert len(posture.conflicts) == 1
    assert posture.conflicts[0].endswith("nothing is armed")


@settings(deadline=None)  # the machine of a test run is shared
@given(st.integers(-86_400, 86_400), st.integers(-400 * 86_400, 400 * 86_400))
def test_no_clock_makes_arming_last_longer(boot_s: int, wall_s: int) -> None:
    """However either clock is moved: armed only within both lives, and where the clocks moved alike."""
    now, wall = NOW + boot_s * 1_000_000, WALL + wall_s * 1_000_000
    ended = arm_ended(_arm(), now_us=now, wall_us=wall)
    within = -60 <= boot_s < 840 and wall_s < 840 and abs(boot_s - wall_s) <= 2
    assert (ended is None) == within


@pytest.mark.parametrize("reduce", [False, True])
def test_ai_armed_false_lets_no_live_order_pass(reduce: bool) -> None:  # noqa: FBT001 - a table
    """The environment ends arming for its process, and does not lift reduce."""
    lease = LeaseFile(_lease(**{**_ARMED, "reduce": reduce}))
    posture = effective(Sources(EnabledFile("ev_1"), StopFile(), lease, "here", ai_armed=False), NOW, WALL)
    assert posture.orders is Orders.NONE
    assert posture.state is (PostureState.REDUCE if reduce else PostureState.DISARMED)


def test_a_lapse_is_unknown_and_says_so() -> None:
    """Without a lease that counts nobody knows: grey, reason ``lapsed`` and the detail."""
    found = Sources(EnabledFile("ev_1"), StopFile(), LeaseFile(), "here")
    posture = effective(found, NOW)
    assert posture.state is PostureState.UNKNOWN
    assert posture.reasons == ("lapsed", "lease_missing")


def test_an_enabled_that_the_lease_does_not_name_holds_nothing() -> None:
    """A forged or restored ``ENABLED`` permits nothing, and the conflict is told."""
    found = Sources(EnabledFile("ev_forged"), StopFile(), LeaseFile(_lease()), "here")
    posture = effective(found, NOW)
    assert not posture.calls
    assert posture.conflicts == ("ENABLED names another enable than the node's lease",)


def test_what_the_node_says_is_told_first() -> None:
    """The node's own reasons lead, and the age is the lease's."""
    posture = _posture(calls=False, state=PostureState.STOPPED, reasons=("ledger_unavailable",))
    assert posture.reasons == ("ledger_unavailable",)
    assert posture.age_ms == 200


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (None, None),
        ("true", True),
        ("1", True),
        ("YES", True),
        (" on ", True),
        ("false", False),
        ("0", False),
        ("no", False),
        ("off", False),
        ("", False),
        ("enabled", False),
        ("2", False),
    ],
)
def test_switches_have_the_truth_values_of_the_decision(text: str | None, value: bool | None) -> None:  # noqa: FBT001 - a table
    """Unset has no opinion; anything but a true word is false."""
    assert truth(text) is value


SINCE = datetime(2026, 11, 23, tzinfo=UTC)
STOPS = StopFile(present=True, since=SINCE)
BROKEN = EnabledFile(problem=PostureReason.ENABLED_UNREADABLE)
GONE = EnabledFile()
STOPPED = {"calls": False, "state": PostureState.STOPPED}
BOTH = "ENABLED and STOP both stand; STOP holds"
OTHER = "ENABLED names another enable than the node's lease"
NOT_THERE = "the node's lease permits calls, ENABLED is gone; ENABLED holds"


@pytest.mark.parametrize(
    ("changed", "lease", "state", "reasons", "conflicts"),
    [
        ({"ai_enabled": False}, {}, "STOPPED", "ai_enabled_false", ()),
        ({"stop": STOPS}, {}, "STOPPED", "stop_present", (BOTH,)),
        ({"enabled": GONE}, {}, "STOPPED", "not_enabled", (NOT_THERE,)),
        ({"enabled": GONE, "stop": STOPS}, {}, "STOPPED", "stop_present", (NOT_THERE,)),
        ({"enabled": GONE}, STOPPED, "STOPPED", "node_says_stopped not_enabled", ()),
        ({"enabled": GONE}, {**STOPPED, "reasons": ("new_workspace",)}, "STOPPED", "new_workspace", ()),
        ({"enabled": BROKEN}, {}, "UNKNOWN", "enabled_unreadable", ()),
        ({"enabled": BROKEN}, STOPPED, "UNKNOWN", "node_says_stopped enabled_unreadable", ()),
        ({"enabled": BROKEN, "stop": STOPS}, {}, "STOPPED", "stop_present enabled_unreadable", ()),
        ({"stop": STOPS}, None, "STOPPED", "stop_present lapsed lease_missing", (BOTH,)),
        ({"enabled": GONE}, None, "STOPPED", "not_enabled lapsed lease_missing", ()),
        ({}, {"boot_id": "elsewhere"}, "UNKNOWN", "lapsed lease_foreign_boot", ()),
        ({}, {"issued_us": NOW + 1}, "UNKNOWN", "lapsed lease_future", ()),
        ({}, {**STOPPED, "state": PostureState.UNKNOWN}, "UNKNOWN", "node_says_stopped", ()),
        ({}, {"state": PostureState.UNKNOWN}, "UNKNOWN", "node_says_stopped", ()),
        ({}, {"state": PostureState.STOPPED}, "STOPPED", "node_says_stopped", ()),
        ({}, {"calls": False}, "STOPPED", "node_says_stopped", ()),
        ({}, {"enabled": "ev_0"}, "STOPPED", "node_says_stopped", (OTHER,)),
        ({}, {"enabled": "ev_2"}, "STOPPED", "node_says_stopped", (OTHER,)),
        ({}, {**STOPPED, "enabled": "ev_2"}, "STOPPED", "node_says_stopped", ()),
        ({"stop": STOPS}, {"conflicts": ("x",)}, "STOPPED", "stop_present", ("x", BOTH)),
    ],
)
def test_what_forbids_is_named_in_full(
    changed: dict[str, Any],
    lease: dict[str, object] | None,
    state: str,
    reasons: str,
    conflicts: tuple[str, ...],
) -> None:
    """Stopped or unknown, each reason once and in its order, each contradiction; the stop file dates it."""
    file = LeaseFile() if lease is None else LeaseFile(_lease(**lease))
    found = replace(Sources(EnabledFile("ev_1"), StopFile(), file, "here"), **changed)
    posture = effective(found, NOW, WALL)
    assert (posture.state.value, posture.calls, posture.orders) == (state, False, Orders.NONE)
    assert " ".join(posture.reasons) == reasons
    assert posture.conflicts == conflicts
    if found.stop.present:
        assert posture.since == SINCE


@pytest.mark.parametrize(
    ("changes", "age_ms", "dated"),
    [
        ({}, 200, True),
        ({"issued_us": NOW - 1_999}, 1, True),
        ({"issued_us": NOW + 1_000_000}, 0, False),
        ({"expires_us": NOW - 1}, 200, False),
        ({"boot_id": "elsewhere"}, None, False),
        ({"boot_id": "there"}, None, False),
        (STOPPED, 200, True),
    ],
)
def test_the_age_is_of_the_lease_that_was_read(
    changes: dict[str, object],
    age_ms: int | None,
    dated: bool,  # noqa: FBT001 - a table
) -> None:
    """In whole milliseconds, also of one that does not count; of another boot's clock nothing is known."""
    posture = _posture(**changes)
    assert posture.age_ms == age_ms
    assert posture.since == (_lease().since if dated else None)


@pytest.mark.parametrize(
    ("changes", "conflicts"),
    [
        ({"arm": _arm()}, ""),
        ({"orders": Orders.ALL, "arm": _arm()}, ""),
        ({"state": PostureState.ARMED, "arm": _arm()}, ""),
        ({"orders": Orders.ALL}, "armed and names no arm lease"),
        ({"state": PostureState.ARMED}, "armed and names no arm lease"),
        ({"state": PostureState.ARMED, "arm": _arm(drill=True)}, "armed by a drill"),
        ({"orders": Orders.ALL, "arm": _arm(), "phase": "shadow"}, "armed in phase shadow"),
        ({**_ARMED, "phase": "bootstrap"}, "armed in phase bootstrap"),
        ({"arm": _arm(drill=True)}, ""),
        ({"arm": _arm(expires_us=NOW)}, "the arm lease in the node's lease is over (ttl)"),
        ({"arm": _arm(expires_wall_us=WALL)}, "the arm lease in the node's lease is over (wall_ttl)"),
    ],
)
def test_one_word_of_arming_arms_nothing(changes: dict[str, object], conflicts: str) -> None:
    """Orders, state and an arm lease must all say it; where they contradict each other, that is told."""
    posture = _posture(**changes)
    assert (posture.state, posture.orders, posture.calls) == (PostureState.DISARMED, Orders.NONE, True)
    assert conflicts in "".join(posture.conflicts)
    assert len(posture.conflicts) == bool(conflicts)


def test_without_a_wall_clock_nothing_is_armed() -> None:
    """Half of the time is not enough, and is no contradiction."""
    found = Sources(EnabledFile("ev_1"), StopFile(), LeaseFile(_lease(**_ARMED)), "here")
    posture = effective(found, NOW)
    assert (posture.state, posture.conflicts) == (PostureState.DISARMED, ())


@pytest.mark.parametrize("one", [{"reduce": True}, {"orders": Orders.REDUCE}, {"state": PostureState.REDUCE}])
def test_one_word_of_reduce_is_enough(one: dict[str, object]) -> None:
    """And an arm lease goes on under it: orders that reduce need it."""
    posture = _posture(**one)
    assert (posture.state, posture.orders) == (PostureState.REDUCE, Orders.REDUCE)
    assert is_armed(_lease(**one, arm=_arm()), NOW, WALL)
    assert not is_armed(_lease(**one, arm=_arm(expires_us=NOW)), NOW, WALL)


def test_armed_is_since_the_grant_and_all_else_since_what_the_node_says() -> None:
    """Not since the enable under which it was granted."""
    assert _posture(**_ARMED).since == from_unix_us(WALL - 60_000_000)
    assert _posture(**_ARMED, reduce=True).since == _posture().since == _lease().since


def test_what_permits_says_why_and_since_when() -> None:
    """The node's reasons, or that it is enabled; and the environment where it lowers."""
    assert _posture().reasons == ("enabled",)
    own = _lease(reasons=("recovered",), conflicts=("x",))
    posture = effective(
        Sources(EnabledFile("ev_1"), StopFile(), LeaseFile(own), "here", ai_enabled=True, ai_armed=False),
        NOW,
        WALL,
    )
    assert posture.reasons == ("recovered", "ai_armed_false")
    assert posture.conflicts == ("x",)
    assert posture.calls
