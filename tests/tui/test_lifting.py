"""Lifting one stop alone: what can be lifted, which way, and the dialogue that asks."""

import asyncio
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from console_driving import make_app, press, screen_text, settle
from console_scenes import scene
from incident_scenes import incident_source

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import ControlRefused, NodeUnreachable
from peak_console.domain.posture import PostureReason
from peak_console.operations.console_lift import LiftDone, lift_through_node, scope_cooldown_left_s
from peak_console.operations.views.bar import BarSnapshot
from peak_console.operations.views.breakers import BreakerLine, BreakerState
from peak_console.operations.views.incidents import IncidentsFacts
from peak_console.tui.action import ActionState
from peak_console.tui.actions import BY_COMMAND
from peak_console.tui.ink import text_of
from peak_console.tui.lifting import Lowered, lowered_of
from peak_console.tui.screens.incident_later_drawing import later_forms
from peak_console.tui.screens.incidents_drawing import no_incidents
from peak_console.tui.screens.lift import LiftDialog
from peak_console.tui.screens.picker import Picker
from peak_console.tui.widgets.form import Cancel

LATCHED = BreakerLine("", "", BreakerState.OPEN, kind="burn", latched=True, scope="layer:L2")


def bar(**facts: Any) -> BarSnapshot:
    """The bar of a calm moment, with these facts."""
    return replace(scene("normal").bar_snapshot, **facts)


def test_what_can_be_lifted_and_how() -> None:
    """Reduce first; a scope that a latched breaker holds is lifted by its reset, every other by an enable."""
    lowered = lowered_of(bar(reduce=True, stopped_scopes=("layer:L1", "layer:L2"), breakers=(LATCHED,)))
    assert [one.scope for one in lowered] == ["reduce", "layer:L1", "layer:L2"]
    assert lowered[0].cli == 'peak enable --scope reduce --reason "…" --confirm ENABLE'
    assert lowered[1].cli == 'peak enable --scope layer:L1 --reason "…" --confirm ENABLE'
    assert lowered[2].cli == 'peak breaker reset burn layer:L2 --reason "…"'
    orders = replace(LATCHED, kind="drawdown")
    assert lowered_of(bar(stopped_scopes=("layer:L2",), breakers=(orders,))) == (Lowered("layer:L2"),)


def test_lift_says_why_it_cannot() -> None:
    """Where nothing is stopped alone there is nothing to lift; a readonly console lifts nothing."""
    lift = BY_COMMAND["lift"]
    assert "no scope is stopped" in lift.why_disabled(ActionState("incidents", bar()))
    stopped = bar(stopped_scopes=("layer:L1",))
    assert lift.why_disabled(ActionState("incidents", stopped)) == ""
    assert "readonly" in lift.why_disabled(ActionState("incidents", stopped, readonly=True))
    assert "no workspace" in lift.why_disabled(ActionState("incidents", stopped, has_workspace=False))
    full = replace(bar().posture, calls=False, reasons=(PostureReason.TOO_MANY_SCOPES.value,))
    assert lift.why_disabled(ActionState("incidents", bar(posture=full))) == ""


def test_panel_names_the_key_only_where_something_is_stopped_alone() -> None:
    """``l`` stands with what it lifts, also in the shortest form; not where it is off."""

    def shortest(facts: BarSnapshot, *, readonly: bool = False) -> str:
        forms = later_forms(facts, 0, 100, readonly=readonly)
        return "\n".join(text_of(line) for line in forms[0]) if forms else ""

    assert shortest(bar()) == ""
    stopped = bar(stopped_scopes=("layer:L1", "layer:L2"), breakers=(LATCHED,))
    assert "l   lift      layer:L1, layer:L2 alone; a breaker's by its reset" in shortest(stopped)
    assert "lift" not in shortest(stopped, readonly=True)


def test_an_empty_incident_screen_still_names_what_stands() -> None:
    """A scope that a person stopped opens no incident: the screen says that it stands, and the key."""
    facts = IncidentsFacts(bar().taken_at)
    assert "lifts" not in "\n".join(text_of(one) for one in no_incidents(facts, bar()))
    said = "\n".join(text_of(one) for one in no_incidents(facts, bar(stopped_scopes=("layer:L1",))))
    assert "stopped: layer:L1  l lifts it" in said


async def test_one_of_several_is_picked_and_lifted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list, then the dialogue: Cancel has the focus, Enter leaves; reason and word lift that one."""
    asked: list[tuple[str, str, str]] = []
    refusal = ControlRefused("the cooldown after a stop has 9 s to go", code="cooldown", remedy="wait 9 s")

    def lift(_: Workspace, scope: str, **how: str) -> LiftDone:
        asked.append((scope, how["breaker"], how["reason"]))
        if len(asked) == 1:
            raise refusal
        return LiftDone(scope, how["operator"], 184_300, breaker=how["breaker"])

    monkeypatch.setattr("peak_console.operations.console_lift.lift_through_node", lift)
    monkeypatch.setattr("peak_console.operations.console_lift.scope_cooldown_left_s", lambda *_: 0)
    source = incident_source("open")
    source.bar_snapshot = replace(
        source.bar_snapshot, stopped_scopes=("layer:L2", "layer:L3"), breakers=(LATCHED,)
    )
    app = make_app(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "6", "l")
        assert isinstance(app.screen, Picker)
        assert "layer:L2" in screen_text(app)
        await press(pilot, *"l3", "enter")
        assert isinstance(app.screen, LiftDialog)
        assert isinstance(app.focused, Cancel)
        assert "peak enable --scope layer:L3" in screen_text(app)
        await press(pilot, "ctrl+y", "enter")
        assert not isinstance(app.screen, LiftDialog)
        assert not asked

        await press(pilot, "exclamation_mark", "l", *"l2", "enter")
        assert "peak breaker reset burn layer:L2" in screen_text(app)
        await press(pilot, *"mended", "tab", *"ENABLE", "ctrl+y")
        await _until(lambda: len(asked) == 1 and "9 s to go" in screen_text(app))
        assert isinstance(app.screen, LiftDialog)
        await press(pilot, "ctrl+y")
        await _until(lambda: not isinstance(app.screen, LiftDialog))
        assert asked[-1] == ("layer:L2", "burn", "mended")
        assert any("burn breaker of layer:L2 reset by" in one.event for one in app.notices)
        await settle(pilot)


async def _until(holds: Any) -> None:
    deadline = monotonic() + 60
    while not holds():
        assert monotonic() < deadline
        await asyncio.sleep(0.005)


def test_without_a_node_nothing_is_lifted(tmp_path: Path) -> None:
    """Lifting needs the node, which records it; the remedy starts one."""
    ws = Workspace(tmp_path)
    with pytest.raises(NodeUnreachable, match="no node runs"):
        lift_through_node(ws, "layer:L1", reason="mended", confirm="ENABLE", operator="mara")
    with pytest.raises(NodeUnreachable, match="no node runs"):
        scope_cooldown_left_s(ws, "layer:L1")
