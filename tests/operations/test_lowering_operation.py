"""Lowering from outside, without a node: everything stops, orders are cancelled, and the account is true."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from peak_console.config.workspace import Workspace
from peak_console.control.files import ENABLED, LEASE, STOP
from peak_console.control.living import node_lives
from peak_console.control.lowering import LowerReport
from peak_console.control.venues import CancelReport
from peak_console.domain.posture import PostureState
from peak_console.node.lock import NodeLock
from peak_console.operations import lowering
from peak_console.operations.lowering import disarm, end_background, reduce, stop_scope
from peak_console.operations.shapes_control import LoweringShape
from peak_console.operations.stop_background import BackgroundStep


@dataclass
class Venue:
    """A venue with orders that stand."""

    name: str
    by_hand: str = "on its own page"
    asked: list[float] = field(default_factory=list)

    def cancel_all(self, deadline_s: float) -> CancelReport:
        """All of them."""
        self.asked.append(deadline_s)
        return CancelReport(cancelled=3)


@pytest.fixture
def venues(monkeypatch: pytest.MonkeyPatch) -> tuple[Venue, Venue]:
    """The venues of the workspace."""
    both = (Venue("kraken"), Venue("other"))
    monkeypatch.setattr(lowering, "venues_of", lambda _: both)
    return both


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    """A workspace that was enabled, and whose node has died long since."""
    made = Workspace(tmp_path)
    made.control.mkdir(parents=True)
    (made.control / ENABLED).write_text('{"event_id": "ev_1"}')
    return made


def test_what_nobody_keeps_stops_everything_and_cancels_all_orders(
    ws: Workspace, venues: tuple[Venue, Venue]
) -> None:
    """A scope and reduce need a node: without one ENABLED goes, STOP stands, every venue cancels."""
    for number, lower in enumerate((lambda: stop_scope(ws, "venue:kraken"), lambda: reduce(ws)), start=1):
        done = lower()
        assert done.effective
        assert done.escalated
        assert done.posture.state is PostureState.STOPPED
        assert not (ws.control / ENABLED).exists()
        assert (ws.control / STOP).exists()
        assert [len(one.asked) for one in venues] == [number, number]
        assert done.recorded.seq is None
        LoweringShape.model_validate({"root": str(ws.root), **done.as_dict()})
        words = [one.step for one in done.all_steps]
        assert words[:2] == ["ask the node", "stop everything"]
        assert "unlink ENABLED" in words
        assert [step.step for step, _ in done.failed] == ["ask the node"]


def test_a_venue_that_is_stopped_alone_has_its_orders_cancelled(
    ws: Workspace, venues: tuple[Venue, Venue], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the node keeps the stop, that venue cancels and no other; a layer's stop cancels no order."""
    kept = LowerReport(effective=True, escalated=False, steps=(), seq=7)
    monkeypatch.setattr(lowering, "run", lambda *_: kept)
    done = stop_scope(ws, "venue:kraken")
    assert done.venues is not None
    assert done.venues.detail == "3 orders cancelled at kraken"
    assert [len(one.asked) for one in venues] == [1, 0]
    assert stop_scope(ws, "layer:L2").venues is None
    slip = stop_scope(ws, "venue:kracken")
    assert slip.venues is not None
    assert "there is kraken, other" in slip.venues.detail
    assert [len(one.asked) for one in venues] == [1, 0]


def test_background_work_ends_with_what_was_stopped(
    ws: Workspace, venues: tuple[Venue, Venue], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it where everything was stopped, a scope's where that was, none after a disarm that held."""
    asked: list[str] = []

    def cancel(_: list[Workspace], *, scope: str = "global") -> list[BackgroundStep]:
        asked.append(scope)
        return [BackgroundStep()]

    monkeypatch.setattr(lowering, "cancel_background", cancel)
    assert end_background(ws, disarm(ws)) is None
    escalated = reduce(ws)
    assert escalated.escalated
    assert end_background(ws, escalated) is not None
    end_background(ws, replace(escalated, what="stop", scope="layer:L2", escalated=False))
    assert asked == ["global", "layer:L2"]
    assert len(venues) == 2


def test_disarming_without_a_lease_is_done_and_touches_nothing_else(
    ws: Workspace, venues: tuple[Venue, Venue]
) -> None:
    """Nothing is armed: ENABLED stays, no order is cancelled, and nobody claims a record."""
    done = disarm(ws, reason="shift ends")
    assert done.effective
    assert not done.escalated
    assert done.line == "disarmed"
    assert (ws.control / ENABLED).exists()
    assert [one.asked for one in venues] == [[], []]
    assert done.recorded.seq is None


def test_a_node_that_lives_and_does_not_answer_may_wake_armed(
    ws: Workspace, venues: tuple[Venue, Venue]
) -> None:
    """It holds its lock and no lease counts: held by SIGSTOP, say. Disarming stops everything then."""
    lock = NodeLock(ws.audits)
    try:
        assert node_lives(ws.audits)
        done = disarm(ws)
    finally:
        lock.release()
    assert not node_lives(ws.audits)
    assert done.effective
    assert done.escalated
    assert [step.step for step, _ in done.failed] == ["ask the node", "no node lives"]
    assert not (ws.control / ENABLED).exists()
    assert [len(one.asked) for one in venues] == [1, 1]


@pytest.mark.parametrize("unread", ["not a lease", None], ids=["corrupt", "unreadable"])
def test_a_lease_that_cannot_be_read_has_not_lapsed(
    ws: Workspace, venues: tuple[Venue, Venue], monkeypatch: pytest.MonkeyPatch, unread: str | None
) -> None:
    """Another process may be able to read it: what it says is not known, so everything stops."""
    monkeypatch.setattr(lowering, "READ_BACK_S", 0.05)
    if unread is None:
        (ws.control / LEASE).mkdir()
    else:
        (ws.control / LEASE).write_text(unread)
    done = disarm(ws)
    assert done.effective
    assert done.escalated
    assert not (ws.control / ENABLED).exists()
    assert venues[0].asked


@pytest.mark.parametrize("text", ["L2", "", "layer:L99", "global", "reduce", "drill:x", "run:" + "x" * 500])
def test_a_text_that_names_no_part_stops_everything(ws: Workspace, text: str) -> None:
    """Nobody's stop is lost to a slip of the pen."""
    done = stop_scope(ws, text)
    assert done.effective
    assert done.escalated
    assert "names no part of it; parts are layer:L0, layer:L1," in done.line
    assert not (ws.control / ENABLED).exists()
