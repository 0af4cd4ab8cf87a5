"""May an order leave: the table of the design, row by row, and nothing that is not in it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peak_console.control.lease import LIFETIME_US, Lease
from peak_console.control.orders import Moment, OrderFacts, OrderReason, Permit, VenueKind, may_order
from peak_console.control.posture import EnabledFile, LeaseFile, Sources, StopFile, effective
from peak_console.domain.arming import ArmLease
from peak_console.domain.posture import Orders, Posture, PostureState

NOW, WALL, BOOT = 10_000_000_000, 1_800_000_000_000_000, "here"
MINUTE = 60_000_000
FACTS = OrderFacts(venue="kraken", run_id="run_1", layer="L6")
ARM = ArmLease(
    "arm_1", "venue:kraken", "run_1", "anna", NOW - MINUTE, NOW + MINUTE, WALL - MINUTE, WALL + MINUTE
)
LEASE = Lease(
    boot_id=BOOT,
    session="s",
    generation=1,
    issued_us=NOW - 1_000_000,
    expires_us=NOW - 1_000_000 + LIFETIME_US,
    phase="live",
    calls=True,
    orders=Orders.NONE,
    state=PostureState.DISARMED,
    reasons=("enabled",),
    enabled="ev_1",
    seq=7,
)
DISARMED: dict[str, Any] = {}
ARMED: dict[str, Any] = {"orders": Orders.ALL, "state": PostureState.ARMED, "arm": ARM}
REDUCE: dict[str, Any] = {"orders": Orders.REDUCE, "state": PostureState.REDUCE, "reduce": True}
STOPPED: dict[str, Any] = {"calls": False, "state": PostureState.STOPPED, "reasons": ("stop_present",)}
POSTURES = {
    "stopped": STOPPED,
    "disarmed": DISARMED,
    "armed": ARMED,
    "reduce": REDUCE,
    "reduce and armed": {**REDUCE, "arm": ARM},
}
PASSES = {
    # the kinds of orders that pass: any, those that reduce, none
    ("paper", "disarmed"): "any",
    ("paper", "armed"): "any",
    ("paper", "reduce"): "reducing",
    ("paper", "reduce and armed"): "reducing",
    ("live", "armed"): "any",
    ("live", "reduce and armed"): "reducing",
}


def asked(lease: Lease | None, facts: OrderFacts = FACTS, **changes: Any) -> Permit:
    """The permit that a worker gets which finds this lease, with ``ENABLED`` in place and no ``STOP``."""
    found = {"kind": "live", "reduces": False, "wall_us": WALL, "ai_armed": None, **changes}
    sources = Sources(EnabledFile("ev_1"), StopFile(), LeaseFile(lease), BOOT, ai_armed=found["ai_armed"])
    posture = effective(sources, NOW, found["wall_us"])
    moment = Moment(NOW, found["wall_us"], BOOT)
    return may_order(posture, lease, facts, moment, kind=found["kind"], reduces=found["reduces"])


@pytest.mark.parametrize("posture", POSTURES)
@pytest.mark.parametrize("kind", [*VenueKind, "unheard of", ""])
def test_the_table(kind: str, posture: str) -> None:
    """Every cell: venue kind, phase, posture, and whether the order reduces."""
    row = "paper" if kind == "testnet" else kind
    reached = {"paper": {"testnet", "live"}, "live": {"live"}}.get(row, set())
    for phase in ("bootstrap", "shadow", "testnet", "live", "unheard of"):
        passes = PASSES.get((row, posture), "none") if phase in reached else "none"
        lease = replace(LEASE, phase=phase, **POSTURES[posture])
        for reduces in (False, True):
            permit = asked(lease, kind=kind, reduces=reduces)
            assert permit.allowed == (passes == "any" or (passes == "reducing" and reduces)), phase
            assert permit.allowed == (not permit.reasons)


@pytest.mark.parametrize(
    ("changes", "facts", "reason"),
    [
        ({"arm": replace(ARM, run_id="run_2")}, {}, OrderReason.ARM_RUN),
        ({"arm": replace(ARM, scope="venue:other")}, {}, OrderReason.ARM_SCOPE),
        ({"arm": replace(ARM, scope="kraken")}, {}, OrderReason.ARM_SCOPE),
        ({"arm": replace(ARM, scope="drill:kraken")}, {}, OrderReason.ARM_SCOPE),
        ({"arm": replace(ARM, drill=True)}, {}, OrderReason.NOT_ARMED),
        ({"arm": replace(ARM, expires_us=NOW)}, {}, OrderReason.NOT_ARMED),
        ({"arm": None}, {}, OrderReason.NOT_ARMED),
        ({"stopped_scopes": ("run:run_1",)}, {}, OrderReason.SCOPE_STOPPED),
        ({"stopped_scopes": ("venue:kraken",)}, {}, OrderReason.SCOPE_STOPPED),
        ({"stopped_scopes": ("layer:L6",)}, {}, OrderReason.SCOPE_STOPPED),
        ({"stopped_scopes": ("nonsense",)}, {}, OrderReason.SCOPE_STOPPED),
        ({}, {"venue": ""}, OrderReason.SCOPE_STOPPED),
        ({}, {"run_id": ""}, OrderReason.SCOPE_STOPPED),
    ],
)
def test_what_else_refuses_an_armed_order(
    changes: dict[str, Any], facts: dict[str, str], reason: OrderReason
) -> None:
    """Another run, another scope, a drill, a stopped scope, an order that does not say where it goes."""
    permit = asked(replace(LEASE, **{**ARMED, **changes}), replace(FACTS, **facts))
    assert reason in permit.reasons


@pytest.mark.parametrize(
    ("stopped", "known", "refused"),
    [
        ("layer:L2", {"layer": ""}, True),
        ("provider:acme", {}, True),
        ("model:acme:m", {}, True),
        ("model:acme:m", {"provider": "acme"}, True),
        ("model:acme:m", {"model_id": "m"}, True),
        ("model:acme:m", {"provider": "acme", "model_id": "m"}, True),
        ("model:acme:m", {"provider": "other"}, False),
        ("model:acme:m", {"model_id": "n"}, False),
        ("provider:acme", {"provider": "other"}, False),
        ("layer:L2", {}, False),
        ("drill:x", {"layer": ""}, False),
    ],
)
def test_what_is_not_known_of_an_order_may_be_what_is_stopped(
    stopped: str, known: dict[str, str], *, refused: bool
) -> None:
    """A fact that is missing is the strictest; one that is another lets the order pass."""
    permit = asked(replace(LEASE, **ARMED, stopped_scopes=(stopped,)), replace(FACTS, **known))
    assert (OrderReason.SCOPE_STOPPED in permit.reasons) is refused
    assert permit.allowed is not refused


def test_a_stop_of_another_scope_does_not_concern_it() -> None:
    """Only what covers the order refuses it; a drill covers nothing."""
    lease = replace(LEASE, **ARMED, stopped_scopes=("run:run_2", "layer:L1", "drill:stop"))
    assert asked(lease).allowed


def test_the_environment_takes_live_orders_only() -> None:
    """AI_ARMED=false: no live order; a paper order is none of arming's business."""
    lease = replace(LEASE, **ARMED)
    assert asked(lease, ai_armed=False).reasons == (OrderReason.NOT_ARMED,)
    assert asked(lease, ai_armed=True).allowed
    assert asked(lease, ai_armed=False, kind="paper").allowed


def test_another_lease_than_the_postures_permits_nothing() -> None:
    """A posture that was read from a better lease than the one that is handed in does not count."""
    sources = Sources(EnabledFile("ev_1"), StopFile(), LeaseFile(replace(LEASE, **ARMED)), BOOT)
    posture = effective(sources, NOW, WALL)
    moment = Moment(NOW, WALL, BOOT)
    for other in (None, replace(LEASE, **STOPPED), replace(LEASE, **ARMED, boot_id="elsewhere")):
        permit = may_order(posture, other, FACTS, moment, kind="live", reduces=True)
        assert permit.reasons == (OrderReason.LEASE_INVALID,)
    late = replace(moment, now_us=NOW + LIFETIME_US)
    permit = may_order(posture, replace(LEASE, **ARMED), FACTS, late, kind="paper", reduces=True)
    assert permit.reasons == (OrderReason.LEASE_INVALID,)


lowering = st.fixed_dictionaries(
    {},
    optional={
        "calls": st.just(value=False),
        "reduce": st.just(value=True),
        "phase": st.sampled_from(["bootstrap", "shadow", "testnet"]),
        "stopped_scopes": st.lists(st.sampled_from(["run:run_1", "layer:L1", "venue:other", "x"])).map(tuple),
        "arm": st.none() | st.builds(replace, st.just(ARM), drill=st.booleans(), run_id=st.just("run_2")),
        "state": st.sampled_from(PostureState),
        "orders": st.sampled_from(Orders),
        "issued_us": st.integers(NOW - 10_000_000, NOW + 10_000_000),
    },
)


@settings(deadline=None, max_examples=200)  # the machine of a test run is shared
@given(lowering, st.sampled_from(VenueKind), st.booleans())
def test_no_change_of_an_armed_lease_permits_more(
    changes: dict[str, Any],
    kind: VenueKind,
    reduces: bool,  # noqa: FBT001 - a property
) -> None:
    """Whatever a lease says less than armed in live, it permits no order that the armed one does not."""
    best, less = replace(LEASE, **ARMED), replace(LEASE, **{**ARMED, **changes})
    if asked(less, kind=kind, reduces=reduces).allowed:
        assert asked(best, kind=kind, reduces=reduces).allowed


@settings(deadline=None, max_examples=300)  # the machine of a test run is shared
@given(st.integers(-400 * 86_400_000_000, 400 * 86_400_000_000))
def test_no_step_of_the_wall_clock_makes_a_live_order_possible(step_us: int) -> None:
    """Beyond two seconds in either direction nothing live passes; a paper order does not care."""
    lease = replace(LEASE, **ARMED)
    assert asked(lease, wall_us=WALL + step_us).allowed == (abs(step_us) <= 2_000_000)
    assert asked(lease, wall_us=WALL + step_us, kind="paper").allowed


def posture_of(lease: Lease) -> Posture:
    """What a worker that finds this lease reads from the files."""
    return effective(Sources(EnabledFile("ev_1"), StopFile(), LeaseFile(lease), BOOT), NOW, WALL)


ARMED_LEASE = replace(LEASE, **ARMED)
NO_CALLS = (OrderReason.KILL_SWITCH,)
NO_LEASE = (OrderReason.LEASE_INVALID,)
UNARMED = (OrderReason.NOT_ARMED,)
REDUCING = (OrderReason.REDUCE_ONLY,)


@pytest.mark.parametrize(
    ("said", "found", "why"),
    [
        ({"calls": False}, {}, NO_CALLS),
        ({"state": PostureState.STOPPED}, {}, NO_CALLS),
        ({"state": PostureState.UNKNOWN}, {}, NO_CALLS),
        ({"state": PostureState.REDUCE}, {}, REDUCING),
        ({"orders": Orders.NONE}, {}, UNARMED),
        ({}, {"calls": False}, NO_LEASE),
        ({}, {"state": PostureState.STOPPED}, NO_LEASE),
        ({}, {"enabled": None}, NO_LEASE),
        ({}, {"reduce": True}, REDUCING),
        ({}, {"arm": None}, UNARMED),
        ({}, {"arm": replace(ARM, drill=True)}, UNARMED),
        ({}, {"state": PostureState.DISARMED}, UNARMED),
        ({}, {"arm": replace(ARM, run_id="run_0")}, (OrderReason.ARM_RUN,)),
        ({}, {"arm": replace(ARM, run_id="run_2")}, (OrderReason.ARM_RUN,)),
    ],
)
def test_posture_and_lease_must_both_permit(
    said: dict[str, Any], found: dict[str, Any], why: tuple[OrderReason, ...]
) -> None:
    """One word against it in either refuses, even where the other is of an earlier look and says armed."""
    posture, lease = replace(posture_of(ARMED_LEASE), **said), replace(ARMED_LEASE, **found)
    permit = may_order(posture, lease, FACTS, Moment(NOW, WALL, BOOT), kind="live", reduces=False)
    assert permit.reasons == why


def test_the_kinds_of_venues_are_known() -> None:
    """What a venue may call itself; at none nothing leaves."""
    assert [one.value for one in VenueKind] == ["none", "paper", "testnet", "live"]
