"""Drills: with the code that acts in earnest, on a workspace of their own; nothing real is touched."""

import hashlib
from pathlib import Path

import pytest
from node_world import World

from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import UsageWrong
from peak_console.domain.events import LedgerEvent
from peak_console.domain.incidents import DrillKind
from peak_console.ledger.reader import LedgerReader
from peak_console.node.spawn import ledger_client
from peak_console.operations.drills import (
    HERE,
    DrillStep,
    drill_named,
    last_drills,
    list_drills,
    record_drill,
    run_drill,
)
from peak_console.operations.readiness_facts import _incidents


def _state(folder: Path) -> dict[str, str]:
    """Every file below a folder by its content."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("kind", [pytest.param(DrillKind.DISARM, marks=pytest.mark.slow), DrillKind.CONTAIN])
def test_a_drill_holds_and_leaves_the_real_workspace_as_it_was(world: World, kind: DrillKind) -> None:
    """Arming, disarm, stop and capture happen to the mirror; no byte here changes but by the record."""
    (world.ws.control / "ENABLED").write_bytes(b"as it stands")
    before, posture = _state(world.ws.root), world.posture()
    seen: list[DrillStep] = []
    report = run_drill(kind, told=seen.append)
    assert report.held, report.steps
    assert seen == list(report.steps)
    names = [one.step for one in report.steps]
    assert names[0] == "mirror made"
    assert "seen by the worker" in names
    assert {"disarm", "stop", "capture"} <= set(names) if kind is DrillKind.CONTAIN else "armed" in names
    assert _state(world.ws.root) == before
    assert world.posture() == posture
    if kind is DrillKind.CONTAIN:
        _recorded(world, report)


def _recorded(world: World, report: object) -> None:
    """Its times stand on the ledger by the operator's name, no incident was opened."""
    with ledger_client(world.ws, name="test") as client:
        seq = record_drill(world.ws, client, report, note="monthly", by="anna")  # type: ignore[arg-type]
    _, lines = list_drills(world.ws, SystemClock())
    found = {one.kind: one for one in lines}
    assert (found[DrillKind.CONTAIN].seq, found[DrillKind.CONTAIN].held) == (seq, True)
    assert found[DrillKind.CONTAIN].operator == "anna"
    assert found[DrillKind.STOP].at is None
    with LedgerReader(world.ws.ledger) as reader:
        assert _incidents(reader)["open_incidents"] is None


@pytest.mark.slow
def test_the_alert_drill_tells_a_real_hook() -> None:
    """The node starts its child, the child runs the hook, the message is read, the test closes itself."""
    report = run_drill(DrillKind.ALERT)
    assert report.held, report.steps
    assert [one.step for one in report.steps[1:]] == ["hook told", "message read", "closed itself"]


def test_a_drill_that_breaks_off_has_not_held() -> None:
    """Its time is over, or its process cannot do what it needs: told as a step that failed."""
    report = run_drill(DrillKind.STOP, most_s=0.05)
    assert not report.held
    assert not report.ended
    assert "broke off" in report.steps[-1].detail


def test_a_drill_is_named_or_refused_with_where_it_is() -> None:
    """Those that have commands of their own are pointed to."""
    assert [drill_named(kind.value) for kind in HERE] == list(HERE)
    for text, code in (("arm", "drill_elsewhere"), ("rollback", "drill_elsewhere"), ("x", "drill_unknown")):
        with pytest.raises(UsageWrong) as refused:
            drill_named(text)
        assert refused.value.code == code


def test_records_of_drills_are_read_whatever_they_hold() -> None:
    """The newest of each kind counts; what is malformed is no step and never held."""

    def event(seq: int, body: object) -> LedgerEvent:
        ts = "2026-11-22T03:00:00.000000Z"
        return LedgerEvent(seq, f"ev_{seq}", ts, 0, "drill.finished", "x", "", "", "", body=body)  # type: ignore[arg-type]

    steps = [{"step": "stop", "ms": 3, "ok": True}, {"step": 7}, None, "x", {"step": "y", "ms": "long"}]
    events = [
        event(9, {"drill": "stop", "held": "yes", "steps": steps}),
        event(8, {"drill": "stop", "held": True}),
        event(7, {"drill": ["alert"], "steps": {}}),
        event(6, None),
    ]
    found = {one.kind: one for one in last_drills(events)}
    assert (found[DrillKind.STOP].seq, found[DrillKind.STOP].held) == (9, False)
    assert found[DrillKind.STOP].steps == (DrillStep("stop", 3, ok=True),)
    assert found[DrillKind.ALERT].at is None
