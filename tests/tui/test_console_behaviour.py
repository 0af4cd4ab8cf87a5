"""What the console does when keys are pressed, and when what it reads goes wrong."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from console_driving import make_app, press, screen_text, settle
from console_scenes import HOSTILE, NOW, call_lines, scene

from peak_console.config.workspace import Workspace
from peak_console.operations.views.fake import FakeSource
from peak_console.operations.views.live import LiveSnapshot, Window
from peak_console.tui.app import Opening, PeakApp
from peak_console.tui.screens.call import CallScreen
from peak_console.tui.screens.calls import CallsScreen
from peak_console.tui.screens.enable import EnableDialog
from peak_console.tui.screens.incident import IncidentPanel
from peak_console.tui.screens.live import LiveScreen
from peak_console.tui.screens.log import LogScreen
from peak_console.tui.theme import THEMES
from peak_console.tui.widgets.prompt import PlainInput, Prompt
from peak_console.tui.widgets.table import Table


async def test_enter_leads_from_a_slot_to_its_calls_and_escape_back() -> None:
    """The drill-down carries its filter; esc takes it off and leads back to where one was."""
    app = make_app(scene("normal"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "down", "down", "enter")
        screen = app.screen
        assert isinstance(screen, CallsScreen)
        assert screen.filter_text() == "layer:L1 role:primary provider:openai model:gpt-5-mini since:1h"
        assert "Live \u203a Calls" in screen_text(app)
        await press(pilot, "escape")
        assert isinstance(app.screen, LiveScreen)
        await press(pilot, "2")
        assert isinstance(app.screen, CallsScreen)
        assert app.screen.filter_text() == ""


async def test_b_shows_breakers_in_the_slots_place_and_their_calls() -> None:
    """The open one stands first; enter leads to its calls; b leads back to the slots, the focus with it."""
    app = make_app(scene("alarming"))
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "b")
        assert isinstance(app.screen, LiveScreen)
        assert app.screen.focused is app.screen.providers
        assert "RATE LEFT" in screen_text(app)
        await press(pilot, "enter")
        assert isinstance(app.screen, CallsScreen)
        assert app.screen.filter_text() == "provider:openai model:gpt-5.2 since:1h"
        await press(pilot, "escape", "b")
        assert isinstance(app.screen, LiveScreen)
        assert app.screen.focused is app.screen.slots
        assert "RATE LEFT" not in screen_text(app)


async def test_a_filter_holds_for_breakers_too() -> None:
    """What the slots are filtered by, the breakers are."""
    app = make_app(scene("normal"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "b", "slash", *"provider:google", "enter")
        assert isinstance(app.screen, LiveScreen)
        shown = [app.screen.providers._rows.row(at) for at in range(app.screen.providers._rows.count())]
        assert {row.breaker.provider for row in shown if row} == {"google"}


async def test_a_calls_page_opens_from_the_tail_and_walks_the_list() -> None:
    """Enter on a recent call opens it; in Calls, n and N walk to its neighbours."""
    app = make_app(scene("normal"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "tab", "tab", "enter")
        assert isinstance(app.screen, CallScreen)
        assert app.screen.call_id == "call_0000"
        await press(pilot, "escape", "2", "enter", "n", "n", "N")
        assert isinstance(app.screen, CallScreen)
        assert app.screen.call_id == "call_0001"
        await press(pilot, "v")
        assert "llm.call.completed" in screen_text(app)
        await press(pilot, "escape")
        assert isinstance(app.screen, CallsScreen)
        assert app.screen.table.cursor == 1


async def test_calls_are_fetched_page_by_page_as_one_goes_down() -> None:
    """Only what is looked at is asked for; the last line is the last call."""
    source = scene("normal")
    app = make_app(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "2")
        screen = app.screen
        assert isinstance(screen, CallsScreen)
        assert screen.table.row_count() == 200
        await press(pilot, "r")  # reading the same again asks for nothing further
        assert screen.table.row_count() == 200
        await press(pilot, "G", "G", "G", "G")
        assert screen.table.row_count() == len(source.lines) == 600
        assert screen.table.selected == source.lines[-1]
        assert not screen.following
        await press(pilot, "f")
        assert screen.table.cursor == 0
        assert screen.following


async def test_going_down_holds_the_list_and_going_up_follows_again() -> None:
    """New calls do not move what one reads."""
    source = scene("normal")
    app = make_app(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "2", "down", "down")
        screen = app.screen
        assert isinstance(screen, CallsScreen)
        held = screen.table.selected
        newest = replace(source.lines[0], seq=source.lines[0].seq + 3, call_id="call_new")
        source.lines = [newest, *source.lines]
        await press(pilot, "r")
        assert screen.table.selected == held
        assert " newer " in screen_text(app)
        await press(pilot, "home", "r")
        assert screen.table.selected == newest


async def test_pause_holds_the_tables_but_not_the_alerts() -> None:
    """Space freezes figures and lists; the alarm line goes on."""
    source = scene("normal")
    app = make_app(source)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "space")
        alarming = scene("alarming")
        source.live_snapshot = alarming.live_snapshot
        await press(pilot, "r")
        text = screen_text(app)
        assert "PAUSED" in text
        assert "stopped: no call leaves" in text
        assert "▲ 8.8" not in text
        await press(pilot, "space")
        assert "▲ 8.8" in screen_text(app)


async def test_windows_sorting_and_filter_of_live() -> None:
    """w, [ and ] change the window; o and O the order; / filters slots and tail."""
    app = make_app(scene("normal"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "w")
        live = app.screen
        assert isinstance(live, LiveScreen)
        assert live.window is Window.H24
        await press(pilot, "left_square_bracket", "left_square_bracket", "left_square_bracket")
        assert live.window is Window.M5
        await press(pilot, "o")
        assert live.slots.selected is not None
        assert live.slots.selected.slot.model_id == "gpt-5-nano"
        await press(pilot, "O")
        assert live.slots.selected.slot.layer == "L1"
        await press(pilot, "slash", *"layer:L2", "enter")
        assert {row.slot.layer for row in live.slots._rows.rows} == {"L2"}  # type: ignore[attr-defined]
        await press(pilot, "escape")
        assert live.filter_text() == ""


async def test_the_command_line_completes_and_carries_out() -> None:
    """Tab takes the completion; what is unknown is answered and stays to be mended."""
    app = make_app(scene("normal"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "colon", *"fly", "enter")
        assert "is no command" in screen_text(app)
        await press(pilot, "escape", "colon", *"ca")
        await press(pilot, "tab", "space", *"outcome:failed", "enter")
        assert isinstance(app.screen, CallsScreen)
        assert app.screen.filter_text() == "outcome:failed"
        await press(pilot, "colon", *"window 7d", "enter")
        assert "works on live" in screen_text(app) or "works on live" in app.notices[0].event


async def test_the_palette_holds_every_action_and_the_bar_above_it() -> None:
    """Searching finds an action; the posture stays in sight."""
    app = make_app(scene("normal"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "ctrl+p")
        assert "● DISARMED" in screen_text(app)
        await press(pilot, *"calls")
        await pilot.pause(0.3)
        await press(pilot, "enter")
        await settle(pilot)
        assert isinstance(app.screen, CallsScreen)


async def test_stop_takes_two_keys_and_is_read_back(tmp_path: Path) -> None:
    """! and s remove ENABLED and write STOP, with no question; each step is shown with its time."""
    control = tmp_path / "audits" / "control"
    control.mkdir(parents=True)
    (control / "ENABLED").write_text('{"event_id": "ev_1"}', encoding="utf-8")
    app = make_app(scene("normal"), root=tmp_path, readonly=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "exclamation_mark", "s")
        panel = app.screen
        assert isinstance(panel, IncidentPanel)
        await _until(lambda: "stop" in app.contained and app.contained["stop"].over)
        await _until(lambda: len(app.contained["stop"].steps) >= len(("record", "background")))
        await settle(pilot)
        text = screen_text(app)
    assert not (control / "ENABLED").exists()
    assert (control / "STOP").exists()
    assert "STOPPED, read back" in text
    assert " ms" in text
    assert "not recorded yet" in text


async def test_colon_stop_stops_too(tmp_path: Path) -> None:
    """The command line's stop is the panel's, with its reason."""
    control = tmp_path / "audits" / "control"
    control.mkdir(parents=True)
    (control / "ENABLED").write_text("{}", encoding="utf-8")
    app = make_app(scene("normal"), root=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "colon", *"stop drift", "enter")
        await _until((control / "STOP").exists)
        await settle(pilot)
    assert "drift" in (control / "STOP").read_text(encoding="utf-8")


async def test_enter_never_confirms_and_cancel_has_the_focus() -> None:
    """In the enable dialogue Enter leaves by Cancel, and does nothing in a field."""
    app = make_app(scene("alarming"))
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "e")
        assert isinstance(app.screen, EnableDialog)
        assert app.focused is not None
        assert app.focused.id == "reason"
        assert "a reason is missing" in screen_text(app)
        await press(pilot, "ctrl+y", *"mended", "enter")
        assert isinstance(app.screen, EnableDialog)
        assert app.screen.query_one("#reason", PlainInput).value == "mended"
        await press(pilot, *"enable", "enter", "ctrl+y")
        assert "the word ENABLE is missing" in screen_text(app)


async def test_enter_after_the_word_neither_enables_nor_cancels() -> None:
    """Enter in the field and one Enter on Cancel say what to press; the second leaves, and that is told."""
    app = make_app(scene("alarming"))
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "e", *"mended", "enter", *"ENABLE", "enter")
        assert "Enter confirms nothing" in screen_text(app)
        await press(pilot, "backspace", "E", "tab", "enter")
        assert isinstance(app.screen, EnableDialog)
        assert "Enter confirms nothing" in screen_text(app)
        assert " ctrl+y   enables calls now" in screen_text(app)
        await press(pilot, "enter")
        assert isinstance(app.screen, LiveScreen)
        assert "not enabled" in app.notices[0].event


async def test_the_dialogue_counts_the_cooldown_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the node says is left stands there, a second less each second; until then ctrl+y does nothing."""
    monkeypatch.setattr("peak_console.operations.console_enable.cooldown_left_s", lambda _: 42)
    source = scene("alarming")
    app = make_app(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "e", *"mended", "enter", *"ENABLE")
        await _until(lambda: "42 s left" in screen_text(app))
        await press(pilot, "ctrl+y")
        assert "42 s left" in app.notices[0].event
        monkeypatch.setattr(app, "now", lambda: NOW + timedelta(seconds=2))
        app._tick()
        await settle(pilot)
        assert "40 s left" in screen_text(app)
        monkeypatch.setattr(app, "now", lambda: NOW + timedelta(seconds=42))
        app._tick()
        await settle(pilot)
        assert "enables calls now" in screen_text(app)


async def test_ctrl_c_says_how_to_leave() -> None:
    """In the console's own words: q quits."""
    app = make_app(scene("normal"))
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "ctrl+c")
        assert app.notices[0].event.startswith("q quits")


async def test_enable_without_a_node_says_what_to_start(tmp_path: Path) -> None:
    """The dialogue stays open with the reason and the remedy."""
    app = make_app(scene("alarming"), root=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "e")
        app.screen.query_one("#reason").focus()
        await press(pilot, *"mended")
        app.screen.query_one("#word").focus()
        await press(pilot, *"ENABLE", "ctrl+y")
        await _until(lambda: any("not enabled" in line.event for line in app.notices))
        await settle(pilot)
        assert isinstance(app.screen, EnableDialog)
        assert "no node runs" in screen_text(app)
        assert "peak node start" in screen_text(app)


async def test_readonly_says_why_enable_is_off() -> None:
    """A disabled action answers with its reason."""
    app = make_app(scene("alarming"), readonly=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "e")
        assert isinstance(app.screen, LiveScreen)
        assert "--readonly" in app.notices[0].event


@pytest.mark.parametrize(
    "keys",
    [(), ("2",), ("2", "enter"), ("2", "enter", "v"), ("0",), ("0", "enter"), ("exclamation_mark",), ("e",)],
)
async def test_hostile_text_never_reaches_the_terminal(keys: tuple[str, ...]) -> None:
    """Escape sequences, markup and direction marks in names, answers and errors stay text on every screen."""
    source = scene("hostile")
    source.log_lines = [replace(line, event=HOSTILE, logger=HOSTILE) for line in source.log_lines]
    source.bar_snapshot = replace(source.bar_snapshot, posture=scene("alarming").bar_snapshot.posture)
    app = make_app(source)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await press(pilot, *keys)
        app.say(HOSTILE, severity="error")
        for prompt in app.screen.query(Prompt):
            prompt.input.value = HOSTILE
        await settle(pilot)
        for strip in _strips(app):
            for segment in strip:
                if not segment.control:
                    assert "\x1b" not in segment.text
                    assert "\x9b" not in segment.text
                    assert "\x07" not in segment.text
                    assert "\u202e" not in segment.text


def _strips(app: PeakApp) -> Any:
    return app.screen._compositor.render_strips()


class _Broken(FakeSource):
    """A source that does what a source must not."""

    def live(self, window: Window | None) -> LiveSnapshot:
        raise RuntimeError(f"defect {HOSTILE} {window}")


class _Young(FakeSource):
    """A source whose ledger is young."""

    def live(self, window: Window | None) -> LiveSnapshot:
        return replace(self.live_snapshot, window=window or Window.M5)


async def test_the_window_suits_the_ledger_until_one_is_chosen() -> None:
    """Live opens on what the source finds fitting; w, [ and ] choose, and that stays."""
    good = scene("normal")
    app = make_app(_Young(good.clock, good.bar_snapshot, good.live_snapshot))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        live = app.screen
        assert isinstance(live, LiveScreen)
        assert live.window is Window.M5
        await press(pilot, "right_square_bracket", "r")
        assert live.window is Window.H1
        assert live.snapshot is not None
        assert live.snapshot.window is Window.H1


async def test_a_source_that_raises_is_told_and_the_console_stays() -> None:
    """A defect is a toast and a line of the log, once; the keys go on working."""
    good = scene("normal")
    source = _Broken(
        good.clock, good.bar_snapshot, good.live_snapshot, good.lines, good.details, good.log_lines
    )
    app = make_app(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "r", "r", "0")
        assert isinstance(app.screen, LogScreen)
        assert len([line for line in app.notices if "defect" in line.event]) == 1
        assert "cannot read" in screen_text(app)


async def test_a_source_that_cannot_be_opened_is_told() -> None:
    """The console opens all the same."""

    def fail() -> FakeSource:
        raise RuntimeError("no such thing")

    app = PeakApp(Opening(fail, None, clock=scene("normal").clock, refresh=False))
    async with app.run_test(size=(80, 24)) as pilot:
        await _until(lambda: bool(app.notices))
        await pilot.pause()
        assert "no such thing" in app.notices[0].event
        assert "UNKNOWN" in screen_text(app)


@pytest.mark.parametrize("size", [(79, 24), (80, 23), (20, 5)])
async def test_below_the_least_size_stands_one_clear_line(size: tuple[int, int]) -> None:
    """The posture and the size that is needed, nothing torn; two lines where one does not hold both."""
    app = make_app(scene("normal"))
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        lines = [line for line in screen_text(app).splitlines() if line.strip()]
        assert len(lines) == (1 if size[0] >= 30 else 2)
        assert "DISARMED" in lines[-1]
        assert "80 by 24" in lines[0]


async def test_without_a_workspace_stop_and_enable_say_so() -> None:
    """Nothing is there to stop; the reason is told."""
    app = make_app(scene("normal"), root=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "exclamation_mark", "s")
        assert "no workspace" in app.notices[0].event


async def test_a_changed_posture_is_told() -> None:
    """The bar turns, and a message says from what to what."""
    source = scene("normal")
    app = make_app(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        source.bar_snapshot = scene("alarming").bar_snapshot
        await press(pilot, "r")
        assert "■ STOPPED" in screen_text(app).splitlines()[0]
        assert "DISARMED → STOPPED" in app.notices[0].event


async def test_a_copy_is_written_to_a_file_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OSC 52 goes out, and the text lies in a file of this user alone."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    app = make_app(scene("normal"))
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "2", "y")
        (path,) = tmp_path.rglob("*.txt")  # noqa: ASYNC240 - a test may wait for its disk
        assert "call_0000" in path.read_text(encoding="utf-8")
        assert path.stat().st_mode & 0o077 == 0
        assert str(path) in app.notices[0].event
        assert "call_0000" in app.clipboard


async def test_no_color_leaves_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR is respected: what is drawn is grey."""
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_app(scene("alarming"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert app.no_color


@pytest.mark.parametrize("theme", [one.name for one in THEMES])
async def test_every_theme_draws_every_screen(theme: str) -> None:
    """A theme has every colour that a tone asks for."""
    app = make_app(scene("alarming"))
    async with app.run_test(size=(80, 24)) as pilot:
        app.theme = theme
        await press(pilot, "2", "0", "1", "exclamation_mark", "escape", "e", "escape")
        assert "STOPPED" in screen_text(app)


async def test_mouse_opens_and_key_bar_clicks() -> None:
    """Nothing needs the mouse, and it works."""
    app = make_app(scene("normal"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.click("KeyBar", offset=(10, 0))
        await settle(pilot)
        assert isinstance(app.screen, CallsScreen)
        await pilot.click("#calls", offset=(10, 3))
        await settle(pilot)
        assert app.screen.query_one(Table).cursor == 3


async def test_widgets_do_not_grow_with_screens_and_refreshes() -> None:
    """After fifty switches, panels and refreshes there are as many widgets as after the first."""
    app = make_app(scene("normal"))
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "2", "0", "1", "exclamation_mark", "escape", "question_mark", "escape")
        before = _widgets(app)
        for _ in range(8):
            for key in ("2", "0", "1", "exclamation_mark", "escape", "question_mark", "escape"):
                await pilot.press(key)
            app.feed.poke()
        await settle(pilot)
        assert _widgets(app) == before


def _widgets(app: PeakApp) -> int:
    return sum(len(list(screen.walk_children())) for stack in app._screen_stacks.values() for screen in stack)


async def _until(holds: Any, seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - it waits for a file or a thread
            await asyncio.sleep(0.02)


def test_the_scene_is_frozen() -> None:
    """Pictures come from one moment."""
    assert scene("normal").clock.now() == NOW
    assert call_lines("normal")[0].seq == 184_220
    assert Workspace(Path("x")).name == "x"
