"""Containing: in order, each step as it happens, whatever becomes of the ones before. Without a node."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from peak_console.config.workspace import Workspace
from peak_console.control.files import ENABLED, STOP
from peak_console.control.venues import VenuesStep
from peak_console.domain.ids import is_incident_id
from peak_console.operations import capture as capturing
from peak_console.operations import containing, lowering
from peak_console.operations.containing import ALL, StepDone, at_hand, contain


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    """A control folder that says enabled, and nothing else: no node, no ledger, no configs, no keys."""
    found = Workspace(tmp_path / "w")
    found.control.mkdir(parents=True)
    (found.control / ENABLED).write_text("{}")
    return found


def test_all_three_are_done_in_order_and_told_as_they_happen(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a dead node, no ledger and no key: stopped, read back, captured; what is not on record is said."""
    monkeypatch.setenv("PEAK_STATE_DIR", str(tmp_path / "state"))
    told: list[StepDone] = []
    done = contain(ws, reason="looks wrong", operator="anna", told=told.append)
    assert [one.name for one in told if one.name in ALL] == list(ALL)
    assert tuple(told) == done.steps
    assert not (ws.control / ENABLED).exists()
    assert (ws.control / STOP).exists()
    assert is_incident_id(done.incident_id)
    assert (done.opened, done.recorded, bool(done.why)) == (True, False, True)
    assert (Path(done.captured) / "incident.json").exists()
    assert all(0 <= one.ms <= one.at_ms for one in done.steps)
    assert done.as_json()["steps"][0]["step"] == "disarm"


def _breaks(*_: Any, **__: Any) -> Any:
    raise RuntimeError("on purpose")


@pytest.mark.parametrize("broken", ALL)
def test_no_step_keeps_another_from_happening(
    ws: Workspace, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the three may break in any way: it is told with a remedy, and the others are done."""
    place = {
        "disarm": (lowering, "disarm"),
        "stop": (containing, "stop_now"),
        "capture": (capturing, "capture"),
    }
    monkeypatch.setattr(*place[broken], _breaks)
    done = contain(ws, operator="anna")
    steps = {one.name: one for one in done.steps}
    assert steps[broken].ok is False
    assert "on purpose" in steps[broken].detail
    assert steps[broken].remedy
    assert set(ALL) <= set(steps)
    if broken != "stop":
        assert not (ws.control / ENABLED).exists()


def test_a_screen_that_fails_keeps_nothing_from_happening(ws: Workspace) -> None:
    """What ``told`` raises is swallowed."""
    done = contain(ws, do=("stop",), told=_breaks)
    assert not (ws.control / ENABLED).exists()
    assert [one.name for one in done.steps if one.name in ALL] == ["stop"]


def test_only_what_is_asked_for_is_done(ws: Workspace) -> None:
    """A capture alone stops nobody."""
    done = contain(ws, do=("capture",))
    assert [one.name for one in done.steps] == ["capture"]
    assert (ws.control / ENABLED).exists()
    assert not (ws.control / STOP).exists()


def test_an_id_is_made_where_no_ledger_can_say(ws: Workspace) -> None:
    """Each time another; one that is named is the one meant."""
    first, second = at_hand(ws), at_hand(ws)
    assert first[1]
    assert first[0] != second[0]
    assert at_hand(ws, "inc_20261122_140500_abc123") == ("inc_20261122_140500_abc123", False)


def test_nothing_heavy_is_loaded_before_it_begins() -> None:
    """A key's way to the stop begins with the standard library and the control folder's rules."""
    code = (
        "import sys; import peak_console.operations.containing; "
        "print([one for one in ('pydantic', 'sqlite3', 'cryptography', 'orjson') if one in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_disarm_that_became_a_stop_ends_background_work_too(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the command does: its orders are told, and what providers still work on is cancelled."""
    disarmed = lowering.disarm(ws)
    stopped = replace(disarmed, escalated=True, venues=VenuesStep())
    monkeypatch.setattr(lowering, "disarm", lambda *_, **__: stopped)
    steps = {one.name: one for one in contain(ws, do=("disarm",), operator="anna").steps}
    assert "orders: no venue" in steps["disarm"].detail
    assert steps["background"].ok
    monkeypatch.setattr(lowering, "disarm", lambda *_, **__: disarmed)
    assert [one.name for one in contain(ws, do=("disarm",), operator="anna").steps] == ["disarm"]
