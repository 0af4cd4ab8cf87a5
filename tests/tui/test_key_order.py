"""Keys that come in one burst, as from a fast hand or a script: each acts where the one before led."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, sleep

from change_scenes import BASE, DRAFT, MATRIX, bench, change_app, sha256
from console_driving import make_app, settle
from console_scenes import scene
from textual import events
from textual.keys import _character_to_key

from peak_console.tui.app import PeakApp
from peak_console.tui.screens.call import CallScreen
from peak_console.tui.screens.calls import CallsScreen
from peak_console.tui.screens.incident import IncidentPanel
from peak_console.tui.screens.matrix import MatrixScreen
from peak_console.tui.screens.save import Proposal, SaveDialog
from peak_console.tui.widgets.prompt import PlainInput, Prompt


def burst(app: PeakApp, *keys: str) -> None:
    """All keys at once, before any of them is handled."""
    for key in keys:
        name = _character_to_key(key) if len(key) == 1 else key
        app.post_message(events.Key(name, key if len(key) == 1 else None))


def enabled(root: Path) -> Path:
    """The control folder of a workspace in which calls are permitted."""
    control = root / "audits" / "control"
    control.mkdir(parents=True)
    (control / "ENABLED").write_text("{}", encoding="utf-8")
    return control


async def until(app: PeakApp, what: str, keys: Sequence[str] = ()) -> None:
    """Wait until no key waits any more."""
    deadline = monotonic() + 60
    while app._keys._following is not None or not app._message_queue.empty():
        assert monotonic() < deadline, (what, keys)
        await asyncio.sleep(0.005)


async def test_a_command_in_one_burst_reaches_its_line() -> None:
    """The first letter after the colon is not the list's."""
    app = make_app(scene("normal"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        burst(app, *":theme high-contrast", "enter")
        await until(app, "theme")
        assert app.theme == "peak-high-contrast"
        assert not app.screen.query_one(Prompt).is_open
        burst(app, *":theme peak", "enter", *":theme mono")
        await until(app, "again")
        assert app.theme == "peak-dark"
        assert app.screen.query_one(PlainInput).value == "theme mono"


async def test_a_field_is_filled_and_the_next_one_after_tab() -> None:
    """Reason, tab and word in one burst stand in their fields; ctrl+y behind them saves."""
    made_up = bench("concerns")
    app = change_app(made_up)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        dialogue = SaveDialog(Proposal(MATRIX, DRAFT, sha256(BASE)))
        await app.push_screen(dialogue)
        await settle(pilot)
        dialogue.work().wait()
        await settle(pilot)
        burst(app, *"mini fails! too often", "tab", *"CHANGE", "ctrl+y")
        await until(app, "save")
        dialogue.work().wait()
        await settle(pilot)
    assert [one.reason for one in made_up.asked] == ["mini fails! too often"]


async def test_a_pasted_text_comes_after_the_key_before_it() -> None:
    """What is pasted at once after the colon stands on the line."""
    app = make_app(scene("normal"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        burst(app, ":")
        app.post_message(events.Paste("theme"))
        burst(app, *" ansi")
        await until(app, "paste")
        assert app.screen.query_one(PlainInput).value == "theme ansi"


async def test_screens_and_pages_follow_each_other() -> None:
    """2 and the keys after it act on Calls; 4 leads to Matrix though Calls stood between."""
    app = make_app(scene("normal"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        burst(app, "2", "slash", *"layer:L2", "enter")
        await until(app, "filter")
        calls: object = app.screen
        assert isinstance(calls, CallsScreen)
        assert calls.filter_text() == "layer:L2"
        await settle(pilot)
        burst(app, "enter", "escape", "enter")
        await until(app, "open")
        call: object = app.screen
        assert isinstance(call, CallScreen)
        burst(app, "escape", "4", "question_mark", "escape")
        await until(app, "matrix")
        matrix: object = app.screen
        assert isinstance(matrix, MatrixScreen)


async def test_two_keys_at_once_stop(tmp_path: Path) -> None:
    """``!s`` in one burst stops."""
    control = enabled(tmp_path)
    app = make_app(scene("normal"), root=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        burst(app, "!", "s")
        await until(app, "stop")
        assert isinstance(app.screen, IncidentPanel)
        deadline = monotonic() + 60
        while not (control / "STOP").exists():
            assert monotonic() < deadline
            await pilot.pause()
    assert not (control / "ENABLED").exists()


async def test_keys_keep_their_order_while_the_machine_is_busy(tmp_path: Path) -> None:
    """``!s`` stops also where each turn of the loop takes longer than a key may take when nothing is busy."""
    control = enabled(tmp_path)
    app = make_app(scene("normal"), root=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        busy = asyncio.create_task(_busy())
        burst(app, "!", "s")
        deadline = monotonic() + 60
        while not (control / "STOP").exists():
            assert monotonic() < deadline
            await asyncio.sleep(0.005)
        busy.cancel()


async def _busy() -> None:
    """The loop's turns, each late by what other programs take of the machine."""
    while True:
        sleep(0.06)  # noqa: ASYNC251 - it is the loop that is held up
        await asyncio.sleep(0)


async def test_a_key_that_is_never_done_holds_up_the_next_for_a_moment_only() -> None:
    """What hangs in a handler does not keep the operator from stopping."""
    app = make_app(scene("normal"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        hang = asyncio.Event()
        app.screen.call_later(hang.wait)
        burst(app, "j", "!")
        deadline = monotonic() + 60
        while not isinstance(app.screen, IncidentPanel):
            assert monotonic() < deadline
            await asyncio.sleep(0.005)
        hang.set()
        await until(app, "hang")


async def test_the_panel_opens_out_of_a_text_on_a_screen_that_hangs() -> None:
    """``ctrl+g`` opens it where ``!`` types; a sign that types opens nothing."""
    app = make_app(scene("normal"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        burst(app, ":")
        await until(app, "line")
        assert isinstance(app.focused, PlainInput)
        hang = asyncio.Event()
        app.screen.call_later(hang.wait)
        app.focused.call_later(hang.wait)
        burst(app, "!", "ctrl+g")
        deadline = monotonic() + 60
        try:
            while not isinstance(app.screen, IncidentPanel):
                assert monotonic() < deadline
                await asyncio.sleep(0.005)
        finally:
            hang.set()
        await until(app, "hang")
