"""What the incident panel and the Incident screen do: keys, threads, forms, results that stay."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from change_scenes import bench
from console_driving import make_app, press, screen_text, settle
from incident_scenes import FULL, RUNAWAY, FakeContainment, FakeDesk, incident_source

from peak_console.domain.errors import ControlRefused
from peak_console.tui.action import ActionState
from peak_console.tui.actions import BY_ID
from peak_console.tui.app import PeakApp
from peak_console.tui.containing import PARTS, Part, PartState, PartTold
from peak_console.tui.screens.help import HelpPanel
from peak_console.tui.screens.incident import IncidentPanel
from peak_console.tui.screens.incident_rollback import RollbackChooser
from peak_console.tui.screens.incidents import IncidentsScreen

if TYPE_CHECKING:
    from textual.pilot import Pilot

SMALL = (80, 24)


async def until(pilot: "Pilot[Any]", met: Callable[[], bool]) -> None:
    """Wait for a condition, at most twenty seconds."""
    end = time.monotonic() + 60
    while not met():
        assert time.monotonic() < end, "it never came about"
        await asyncio.sleep(0.005)
        await pilot.pause()
    await settle(pilot)


def console(
    state: str, containment: FakeContainment, desk: FakeDesk | None = None, *, readonly: bool = False
) -> PeakApp:
    """The console over a scene, with keys and forms that keep what they were asked."""
    app = make_app(incident_source(state), readonly=readonly)
    app.opening = replace(app.opening, containment=containment, desk=desk or FakeDesk())
    return app


async def test_the_keys_act_at_once_and_their_results_outlive_the_panel() -> None:
    """``! a`` asks nothing, acts on the newest open incident, and shows each part as it ends.

    A part that hangs holds up neither the panel nor another key; closing and opening again loses nothing;
    ``--readonly`` changes nothing of it.
    """
    gate = threading.Event()
    containment = FakeContainment(until=gate.wait)
    app = console("open", containment, readonly=True)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await press(pilot, "exclamation_mark", "a")
        await until(pilot, lambda: len(app.contained) == len(PARTS) and app.contained["stop"].over)
        assert containment.asked[0].names == PARTS
        assert containment.asked[0].incident_id == RUNAWAY.incident_id
        text = screen_text(app)
        assert "✓ stop" in text
        assert "STOPPED, read back" in text
        assert "… capture" in text
        await press(pilot, "c")
        assert len(containment.asked) == 1, "what is under way is not begun twice"
        await press(pilot, "s")
        await until(pilot, lambda: len(containment.asked) > 1 and app.contained["stop"].over)
        assert containment.asked[1].names == ("stop",)
        await press(pilot, "escape")
        gate.set()
        await until(pilot, lambda: app.contained["capture"].over)
        assert any("capture: sealed" in one.event for one in app.notices)
        await press(pilot, "exclamation_mark")
        assert "✓ capture" in screen_text(app)
        await press(pilot, "o")
        await until(pilot, lambda: isinstance(app.screen, IncidentsScreen))
        assert RUNAWAY.incident_id in screen_text(app)


async def test_what_fails_is_told_with_its_remedy_and_the_next_is_done() -> None:
    """A failed part stands in red with what to do; no word of a part is a failure too."""
    containment = FakeContainment(FULL[:-1], why="no node runs")
    app = console("alarming", containment)
    async with app.run_test(size=SMALL) as pilot:
        await press(pilot, "exclamation_mark", "a")
        await until(pilot, lambda: bool(app.contained) and all(one.over for one in app.contained.values()))
        assert app.contained["capture"].state is PartState.FAILED
        text = screen_text(app)
        assert "no word of it" in text
        assert "not on record: no node runs" in text
        assert "NOT ACKNOWLEDGED by traffic (4711)" in text


async def test_the_command_line_does_what_the_panel_does() -> None:
    """``:disarm`` from any screen opens the panel and disarms; r asks before it changes anything."""
    containment = FakeContainment()
    app = console("open", containment)
    app.opening = replace(app.opening, bench=bench("normal"))
    async with app.run_test(size=SMALL) as pilot:
        await press(pilot, "colon", *"disarm a test", "enter")
        await until(pilot, lambda: bool(containment.asked))
        assert isinstance(app.screen, IncidentPanel)
        assert containment.asked[0].names == ("disarm",)
        assert containment.asked[0].reason == "a test"
        await press(pilot, "r")
        chooser = app.screen
        assert isinstance(chooser, RollbackChooser)
        chooser.long_work().wait()
        await settle(pilot)
        text = screen_text(app)
        assert "last known good matrix" in text
        assert "previous lock" in text
        await press(pilot, "escape")
        assert isinstance(app.screen, IncidentPanel)


async def test_the_screen_records_what_an_operator_says() -> None:
    """A form asks for what is missing, ctrl+y records it; a close whose cause stands is asked once more."""
    desk = FakeDesk()
    app = console("open", FakeContainment(), desk)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "6", "h", *"tom", "enter")
        assert "note is missing" in screen_text(app)
        await press(pilot, *"look at run 7", "ctrl+y")
        await until(pilot, lambda: isinstance(app.screen, IncidentsScreen))
        done = desk.acts[0]
        assert (done.act, done.who, done.note, done.operator) == ("handover", "tom", "look at run 7", "mara")
        assert done.incident_id == RUNAWAY.incident_id
        desk.error = ControlRefused("its cause still stands: L3 burns", code="cause_stands", remedy="mend it")
        await press(pilot, "x", *"over", "ctrl+y")
        await until(pilot, lambda: "its cause still stands" in screen_text(app))
        await press(pilot, "ctrl+y")
        await until(pilot, lambda: isinstance(app.screen, IncidentsScreen))
        assert [one.anyway for one in desk.acts[1:]] == [False, True]
        await press(pilot, "m")
        assert "30" in screen_text(app)
        await press(pilot, "escape", "t")
        await until(pilot, lambda: desk.tested == 1 and not app.screen.busy())  # type: ignore[attr-defined]
        await press(pilot, "D")
        await until(pilot, lambda: desk.drilled == 1 and not app.screen.busy())  # type: ignore[attr-defined]
        await press(pilot, "down", "down")
        closed = app.screen
        assert isinstance(closed, IncidentsScreen)
        assert closed.missing() == "it is closed"
        note = BY_ID["incident.note"].why_disabled(closed.action_state())
        assert note == "it is closed"


async def test_a_stop_from_the_panel_needs_the_folder_alone(tmp_path: Path) -> None:
    """With the feed stuck for good, ``! s`` still stops the workspace by its files."""
    control = tmp_path / "audits" / "control"
    control.mkdir(parents=True)
    (control / "ENABLED").write_text("{}", encoding="utf-8")
    stuck, reading = threading.Event(), threading.Event()
    app = make_app(incident_source("open"), root=tmp_path)

    def hang(_: object) -> None:
        reading.set()
        stuck.wait(300)

    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        app.feed.ask(app, "hang", hang)
        assert await asyncio.to_thread(reading.wait, 60)
        await pilot.press("exclamation_mark", "s")
        end = time.monotonic() + 60
        while (control / "ENABLED").exists() or not (control / "STOP").exists():
            assert time.monotonic() < end
            await asyncio.sleep(0.005)
        stuck.set()
    assert isinstance(BY_ID["incident.stop"].why_disabled(ActionState("incident", app.bar)), str)


async def test_what_ends_after_the_console_was_left_is_no_error() -> None:
    """A stop goes on in its thread: that it came about is kept, where no screen is left to tell it on."""
    app = make_app(incident_source("open"))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
    assert app.screen_stack == []
    app.on_part_told(PartTold(Part("stop", PartState.HELD, "STOPPED, read back")))
    assert app.contained["stop"].over


async def test_the_panel_under_help_is_gone_back_to() -> None:
    """Asked for again from Help, the panel that is there comes back, and no second one lies over it."""
    app = console("open", FakeContainment())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "exclamation_mark")
        panel = app.screen
        await app.push_screen(HelpPanel(app.action_state("incident", has_selection=False, can_go_back=True)))
        app.do_incident_open()
        await settle(pilot)
        assert [one for one in app.screen_stack if isinstance(one, IncidentPanel)] == [panel]
        assert app.screen is panel


async def test_over_a_form_one_more_panel_opens() -> None:
    """What lies over the panel and may be typed into stays, below a panel that is on top."""
    app = console("open", FakeContainment())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "exclamation_mark")
        chooser = RollbackChooser()
        await app.push_screen(chooser)
        app.do_incident_open()
        await settle(pilot)
        assert isinstance(app.screen, IncidentPanel)
        assert app.screen_stack[-2] is chooser
