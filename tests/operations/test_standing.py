"""What stands besides the posture: armed by both clocks, what lowers, workers that did not answer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from peak_console.control.lease import Lease
from peak_console.domain.arming import ArmLease
from peak_console.domain.clock import ManualClock, unix_us
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.posture import Orders, Posture, PostureState
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.writer import LedgerWriter
from peak_console.operations.standing import armed_by, rebooted_at, standing, workers_missing

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
BOOT = 5_000_000_000
ARM = ArmLease(
    "arm_1",
    "venue:paper",
    "run_1",
    "mara",
    BOOT,
    BOOT + 900_000_000,
    unix_us(NOW),
    unix_us(NOW) + 900_000_000,
)
LEASE = Lease(
    boot_id="boot",
    session="s",
    generation=1,
    issued_us=BOOT,
    expires_us=BOOT + 5_000_000,
    phase="live",
    calls=True,
    orders=Orders.ALL,
    state=PostureState.ARMED,
    reasons=("armed",),
    enabled="ev",
    seq=9,
    arm=ARM,
)
PERMITS = Posture(PostureState.ARMED, calls=True, orders=Orders.ALL, reasons=("armed",))
STOPS = Posture(PostureState.STOPPED, calls=False, orders=Orders.NONE, reasons=("stop_present",))


@given(boot=st.integers(-2_000, 2_000), wall=st.integers(-2_000, 2_000))
def test_an_arming_is_told_only_while_both_clocks_let_it_hold(boot: int, wall: int) -> None:
    """Seconds past the grant on each clock: what is left is what the sooner one leaves, at most 900."""
    found = armed_by(LEASE, now=NOW + timedelta(seconds=wall), boot_us=BOOT + boot * 1_000_000)
    if found is None:
        assert boot < 0 or boot >= 900 or wall >= 900
    else:
        assert 0 < found.left_s(NOW + timedelta(seconds=wall)) <= 900
        assert found.left_s(NOW + timedelta(seconds=wall)) == min(900 - boot, 900 - wall)


def test_what_permits_needs_a_lease_that_counts_and_what_lowers_does_not() -> None:
    """Of a lapsed lease, of another boot or under a stop no arming is told; its stopped scopes are."""
    lease = replace(LEASE, reduce=True, stopped_scopes=("layer:L2",), quarantined=("a:b",), ramp_pct=50)
    at = {"now": NOW, "boot_us": BOOT + 1, "boot_id": "boot"}
    whole = standing(lease, PERMITS, **at)  # type: ignore[arg-type]
    assert whole.armed is not None
    assert (whole.armed.scope, whole.armed.run_id, whole.armed.drill) == ("venue:paper", "run_1", False)
    lapsed = {**at, "boot_us": BOOT + 6_000_000}
    foreign = {**at, "boot_id": "other"}
    for posture, when in ((PERMITS, lapsed), (PERMITS, foreign), (STOPS, at)):
        found = standing(lease, posture, **when)  # type: ignore[arg-type]
        assert found.armed is None
        assert (found.reduce, found.stopped_scopes, found.quarantined, found.ramp_pct) == (
            True,
            ("layer:L2",),
            ("a:b",),
            50,
        )
    own = replace(STOPS, reasons=("ai_enabled_false",))  # this process alone is lowered, others may act
    assert standing(lease, own, **at).armed is not None  # type: ignore[arg-type]
    assert standing(None, PERMITS, **at).armed is None  # type: ignore[arg-type]


def test_workers_that_did_not_answer_are_told_until_calls_are_enabled_again(tmp_path: Path) -> None:
    """By name and process, of the last stop alone."""
    path = tmp_path / "ledger.db"
    missing = [{"name": "traffic", "pid": 77, "actor": "mara"}, "old\x1b[2J"]
    with LedgerWriter(path, clock=ManualClock(NOW), projections=[]) as writer:
        writer.append([(EventDraft("ev_0", EventKind.WORKSPACE_INITIALISED, {}), "mara")])
        reader = LedgerReader(path)
        assert workers_missing(reader) == ()
        body = {"stop_id": "s1", "workers": [], "missing": missing}
        writer.append([(EventDraft("ev_1", EventKind.CONTROL_ACKNOWLEDGED, body), "node")])
        named = workers_missing(reader)
        assert named[0] == "traffic (pid 77)"
        assert "\x1b" not in named[1]
        writer.append([(EventDraft("ev_2", EventKind.CONTROL_ENABLED, {}), "mara")])
        assert workers_missing(reader) == ()
        reader.close()


def test_a_reboot_is_told_by_the_boot_that_was_left_behind() -> None:
    """The machine's start, where the boots differ; nothing where they agree or nobody knows."""
    at = rebooted_at("old", "new", now=NOW, boot_us=60_000_000)
    assert at == NOW - timedelta(seconds=60)
    assert rebooted_at("new", "new", now=NOW, boot_us=1) is None
    assert rebooted_at(None, "new", now=NOW, boot_us=1) is None
    assert rebooted_at("old", "", now=NOW, boot_us=1) is None
