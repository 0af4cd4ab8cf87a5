"""What a node takes over of arming from the ledger, and when its clocks are read as one."""

from typing import Any

import pytest

from peak_console.control.arm_rules import Moment
from peak_console.domain.clock import ManualClock, SystemClock, from_unix_us, iso
from peak_console.domain.events import EventDraft
from peak_console.ledger.headers import Header
from peak_console.node.arm_clocks import reader_of
from peak_console.node.arm_record import ArmRecord, locked_until

SECOND = 1_000_000
WALL = 1_700_000_000 * SECOND
NOW = Moment(
    boot_us=1000 * SECOND, awake_us=1000 * SECOND, wall_us=WALL, boot_id="b", session="s", binding="d",
    phase="live", calls=True, epoch=1,
)  # fmt: skip


def lockout(*, boot_left_s: int, wall_left_s: int, boot_id: str = "b") -> dict[str, Any]:
    """The body of a lockout with so much time left by either clock."""
    return {
        "why": "tries_used_up",
        "boot_id": boot_id,
        "locked_until_us": NOW.boot_us + boot_left_s * SECOND,
        "locked_until": iso(from_unix_us(WALL + wall_left_s * SECOND)),
    }


@pytest.mark.parametrize(
    ("body", "left_s"),
    [
        (None, None),
        (lockout(boot_left_s=100, wall_left_s=-900), 100),
        (lockout(boot_left_s=0, wall_left_s=500), None),
        (lockout(boot_left_s=9_999, wall_left_s=0), 600),
        (lockout(boot_left_s=9_999, wall_left_s=300, boot_id="other"), 300),
        (lockout(boot_left_s=9_999, wall_left_s=-1, boot_id="other"), None),
        (lockout(boot_left_s=0, wall_left_s=400 * 86_400, boot_id="other"), 600),
        ({"why": "tries_used_up"}, 600),
        ({"why": "tries_used_up", "boot_id": "b", "locked_until_us": "soon"}, 600),
    ],
)
def test_a_lockout_is_taken_over(body: dict[str, Any] | None, left_s: int | None) -> None:
    """By the boot clock in the same boot, else by the wall clock; never longer than one that begins now."""
    assert locked_until(body, NOW) == (None if left_s is None else NOW.boot_us + left_s * SECOND)


def _event(kind: str, run_id: str | None = None) -> Header:
    header: Any = Header
    return header(1, "ev", "", 0, kind, "node", run_id, None, None, None, None, None, "", "", "", "")  # type: ignore[no-any-return]


def test_a_grant_without_an_end_is_known() -> None:
    """Until its end, or the refusal of its record, is told."""
    record = ArmRecord()
    for name in ("a", "b", "c"):
        record.apply(_event("control.arm.granted", "run"), {"lease_id": name, "operator": "anna"})
    record.apply(_event("control.arm.expired"), {"lease_id": "a"})
    record.apply(_event("control.arm.refused"), {"lease_id": "b", "why": "arm_unrecorded"})
    assert set(record.unended) == {"c"}
    assert record.unended["c"].run_id == "run"


def test_only_runs_that_are_watched_are_remembered() -> None:
    """A run that begins again has not ended."""
    record = ArmRecord()
    record.watch("mine")
    for run_id in ("mine", "other"):
        record.apply(_event("run.finished", run_id), {})
    assert record.ended_runs == {"mine"}
    record.apply(_event("run.started", "mine"), {})
    assert record.ended_runs == set()


@pytest.mark.parametrize(
    ("kind", "body", "stirs"),
    [
        ("control.stopped", {"scope": "global"}, True),
        ("control.stopped", {"scope": "layer:L2"}, False),
        ("control.stopped", {"scope": "drill:x"}, False),
        ("control.enabled", {"scope": "global"}, True),
        ("phase.changed", {"to": "live"}, True),
        ("breaker.tripped", {"scope": "provider:x"}, True),
        ("operator.removed", {"operator": "ben"}, True),
        ("operator.enrolled", {"operator": "ben"}, False),
        ("llm.call.completed", {}, False),
    ],
)
def test_what_stirs(kind: str, body: dict[str, Any], *, stirs: bool) -> None:
    """After it nothing stands that stood before, though all may look as it did."""
    told = []
    record = ArmRecord()
    record.on_stir = lambda: told.append(kind)
    record.apply(_event(kind), body)
    assert bool(told) is stirs


def test_a_request_is_recorded_by_the_node_alone() -> None:
    """One that a client appends, proved or not, is out of place."""
    record = ArmRecord()
    draft = EventDraft("ev_1", "control.arm.requested", {})
    refused = record.out_of_place(draft)
    assert refused is not None
    assert refused.code == "arm_out_of_place"
    record.expected.add("ev_1")
    assert record.out_of_place(draft) is None
    assert record.out_of_place(EventDraft("ev_2", "run.started", {})) is None


def test_the_clocks_are_read_as_one() -> None:
    """Boot less awake is how long the machine slept; a clock of tests never sleeps."""
    boot, awake, wall = reader_of(SystemClock())()
    assert boot - awake > -SECOND  # the awake clock is read last
    assert wall > WALL
    manual = ManualClock()
    assert reader_of(manual)()[:2] == (manual.boot_us(), manual.boot_us())
