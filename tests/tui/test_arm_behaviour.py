"""The screen Arm, driven by keys: asking, the token, confirming, approving, disarming."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from arm_scenes import FACTS, PHRASE, REQUEST, TOKEN, arm_app, facts
from console_driving import screen_text, settle
from console_scenes import NOW
from textual.pilot import Pilot
from textual.widgets import Input

from peak_console.domain.clock import ManualClock
from peak_console.tui.app import PeakApp
from peak_console.tui.big_digits import big_text
from peak_console.tui.screens.arm import ArmScreen
from peak_console.tui.screens.arm_confirm import ArmConfirm, TokenInput
from peak_console.tui.screens.arm_token import ArmToken

SIZE = (80, 24)
WORKS = ("long_work", "proving")


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Copies land in a folder of the test's own."""
    monkeypatch.setenv("PEAK_STATE_DIR", str(tmp_path))
    return iter([tmp_path])


async def rest(pilot: Pilot[Any]) -> None:
    """Wait until no screen that stands has work under way."""
    while True:
        await settle(pilot)
        begun = [
            getattr(one, name)() for one in pilot.app.screen_stack for name in WORKS if hasattr(one, name)
        ]
        if not any(one.busy for one in begun):
            return
        for one in begun:
            await asyncio.to_thread(one.wait)


async def keys(pilot: Pilot[Any], *pressed: str) -> None:
    """Press keys, and wait for what follows."""
    for key in pressed:
        await pilot.press(key)
        await rest(pilot)


async def fill(pilot: Pilot[Any], **values: str) -> None:
    """Fill fields in, as a paste does."""
    for name, value in values.items():
        pilot.app.screen.query_one(f"#{name}", Input).value = value
    await settle(pilot)


def kept(folder: Path) -> str:
    """Everything that was written there."""
    return "\n".join(one.read_text(errors="ignore") for one in folder.rglob("*") if one.is_file())


def said(app: PeakApp) -> str:
    """Everything that was told, in toasts and in the log."""
    return "\n".join(f"{one.event}" for one in app.notices)


async def times(pilot: Pilot[Any]) -> None:
    """What is no time, or too long, is not asked for; seconds are, as on the command line."""
    for wrong in ("15", "0m", "90x", "25h", "-5m", "²m"):
        await fill(pilot, time=wrong)
        assert "time: as 30s or 15m, at most" in screen_text(pilot.app)
    await fill(pilot, time="90s")
    assert "LIVE orders, 90 s" in screen_text(pilot.app)
    await fill(pilot, time="15m")


async def test_from_the_request_to_the_countdown_and_no_trace_of_the_token(tmp_path: Path) -> None:
    """Cancel has the focus, Enter confirms nothing; a wrong token costs a try; the right one arms."""
    app, desk = arm_app("normal")
    desk.listed = replace(desk.listed, items=desk.listed.items[:8])
    async with app.run_test(size=SIZE) as pilot:
        await keys(pilot, "5", "a")
        assert app.focused is not None
        assert app.focused.id == "cancel"
        await keys(pilot, "v")  # on Cancel as in a field: what is typed is typed
        await fill(pilot, scope="venue:kraken-eur", run=REQUEST.run_id, purpose="hedge")
        await times(pilot)
        app.screen.query_one("#operator", Input).focus()
        await keys(pilot, "enter")
        assert desk.asked == []
        assert "Enter confirms nothing" in screen_text(app)
        await keys(pilot, "ctrl+y")
        (asked,) = desk.asked
        assert (asked.scope, asked.run_id, asked.purpose) == ("venue:kraken-eur", REQUEST.run_id, "hedge")
        assert (asked.ttl_s, asked.drill, asked.operator) == (900, False, "mara")
        shown = app.screen
        assert isinstance(shown, ArmToken)
        assert "  ".join(TOKEN.replace("-", "")[:3]) in screen_text(app)
        await keys(pilot, "y", "enter", "ctrl+c")  # nothing copies it, and Enter does not go on
        assert app.screen is shown
        await keys(pilot, "c")
        assert isinstance(app.screen, ArmConfirm)
        assert "4 tries left" not in screen_text(app)
        assert "5 tries left" in screen_text(app)
        await fill(pilot, token="00000-00000A", phrase=PHRASE)
        app.screen.query_one("#phrase", Input).focus()
        await keys(pilot, "enter")
        assert [one for one in desk.done if one[0] == "confirm"] == []
        await keys(pilot, "ctrl+y")
        assert "4 tries left" in screen_text(app)
        assert "that is not the token" in screen_text(app)
        assert app.screen.query_one(TokenInput).value == ""
        await fill(pilot, token=TOKEN)
        app.screen.query_one(TokenInput).focus()
        assert TOKEN not in screen_text(app)
        await keys(pilot, "ctrl+a", "ctrl+c")
        assert TOKEN not in app.clipboard
        await keys(pilot, "ctrl+x")
        assert TOKEN not in app.clipboard
        await fill(pilot, token=TOKEN)
        await keys(pilot, "ctrl+y")
        assert [one[-1] for one in desk.done] == ["differs", "fits"]
        assert isinstance(app.screen, ArmScreen)
        assert "live orders may be sent" in screen_text(app)
        assert TOKEN not in said(app)
        assert TOKEN not in kept(tmp_path)
        assert shown._line is None


async def test_a_drill_is_the_default_where_live_may_not_be_and_readonly_still_disarms() -> None:
    """What is red is said in the request; read-only asks for nothing, and x and w work."""
    app, desk = arm_app("alarming")
    desk.source.arm_facts = FACTS
    async with app.run_test(size=SIZE) as pilot:
        await keys(pilot, "5", "a")
        assert " DRILL " in screen_text(app)
        await keys(pilot, "ctrl+t")
        assert "not green: 3 of 9" in screen_text(app)
        await fill(pilot, scope="global", run="r", purpose="why")
        await keys(pilot, "ctrl+y", "escape")
        assert desk.asked == []
    app, desk = arm_app("asked", readonly=True)
    async with app.run_test(size=SIZE) as pilot:
        await keys(pilot, "5", "c")
        assert isinstance(app.screen, ArmScreen)
        assert "--readonly" in said(app)
        await keys(pilot, "w")
        assert desk.done[-1] == ("withdraw", REQUEST.request_id)
        assert "NOT ARMED" in screen_text(app)
        await keys(pilot, "x")
        assert desk.done[-1][0] == "disarm"
        assert "disarmed" in said(app)


async def test_the_countdown_ticks_without_a_query_and_what_was_said_last_stays() -> None:
    """A second is a second less; a node that falls silent leaves its last word, marked as old."""
    app, desk = arm_app("armed")
    clock = app.clock
    assert isinstance(clock, ManualClock)
    async with app.run_test(size=SIZE) as pilot:
        await keys(pilot, "5")
        reads = app.feed.reads
        clock.advance(2)
        app._tick()
        await pilot.pause()
        assert big_text("14:30")[0] in screen_text(app)
        assert "ARMED 14:30" in screen_text(app)
        assert app.feed.reads == reads
        desk.source.arm_facts = facts("stale")
        clock.advance(30)
        await keys(pilot, "r")
        app._tick()
        await pilot.pause()
        text = screen_text(app)
        assert "the node does not answer on its socket" in text
        assert "STALE arming 32s old" in text
        assert big_text("14:00")[0] in text
        clock.advance(timedelta(minutes=15).total_seconds())
        app._tick()
        await pilot.pause()
        assert "ARMED? over" in screen_text(app)
        assert "NOT ARMED?" in screen_text(app)


async def test_another_operator_approves_and_the_token_waits_for_it() -> None:
    """Whoever asked cannot approve; the token's time begins with the approval."""
    app, desk = arm_app("waiting")
    async with app.run_test(size=SIZE) as pilot:
        await keys(pilot, "5", "c")
        assert isinstance(app.screen, ArmScreen)
        await keys(pilot, "p")
        await fill(pilot, reason="seen", operator="mara")
        await keys(pilot, "ctrl+y")
        assert desk.done == []
        assert "another operator than the one who asked" in screen_text(app)
        await fill(pilot, operator="jon")
        await keys(pilot, "enter")
        assert desk.done == []
        await keys(pilot, "ctrl+y")
        assert desk.done == [("approve", REQUEST.request_id, "seen", "jon")]
        desk.source.arm_facts = FACTS
        await keys(pilot, "r", "a")
        await fill(pilot, scope="global", run="r", purpose="why")
        await keys(pilot, "ctrl+y")
        assert "holds from the approval on" in screen_text(app)
        await keys(pilot, "c")
        assert isinstance(app.screen, ArmScreen)
        assert "another operator approves it now" in said(app)


async def test_a_lock_ends_the_dialogue_and_a_token_never_outlives_its_time() -> None:
    """Where arming was locked meanwhile, and where two minutes have passed, nothing can be typed any more."""
    app, desk = arm_app("asked")
    clock = app.clock
    assert isinstance(clock, ManualClock)
    async with app.run_test(size=SIZE) as pilot:
        await keys(pilot, "5", "c")
        await fill(pilot, token=TOKEN, phrase=PHRASE)
        field = app.screen.query_one(TokenInput)
        clock.advance(110)
        app._tick()
        await keys(pilot, "ctrl+y")
        assert desk.done == []
        assert "the token's time is over" in screen_text(app)
        desk.source.arm_facts = facts("alarming")
        app.feed.poke()
        await rest(pilot)
        assert isinstance(app.screen, ArmScreen)
        assert field.value == ""
        assert "arming is locked" in said(app)
        assert all(not one.value for one in app.screen.query(Input))
        assert clock.now() > NOW
