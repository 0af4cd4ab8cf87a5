"""The console on the past: what it shows as of a moment, how it is moved, and that a stop is of now."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from console_driving import press, screen_text, settle
from console_past import BEGIN, END, STOP_AT, make_past, make_replay

from peak_console.config.workspace import Workspace
from peak_console.control.gate import CallGate
from peak_console.domain.clock import SystemClock
from peak_console.domain.posture import PostureState
from peak_console.tui.screens.incident import IncidentPanel
from peak_console.tui.widgets.prompt import Prompt

Looks = Callable[..., None]


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """The workspace; no test may write to it."""
    root = tmp_path_factory.mktemp("past") / "desk"
    yield make_past(root)
    assert not (root / "audits" / "control" / "STOP").exists()


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pictures name no machine."""
    monkeypatch.setattr("socket.gethostname", lambda: "ops-1")


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("before", BEGIN + timedelta(minutes=9)),
        ("stop", STOP_AT + timedelta(seconds=4)),
        ("after", END),
    ],
)
def test_replay_of_an_incident(looks: Looks, size: str, ws: Workspace, name: str, moment: object) -> None:
    """Before, in and after a stop the bar, the line, figures and alerts are those of the moment."""
    looks(make_replay(ws, moment), size)  # type: ignore[arg-type]


def test_replay_help_and_panel(looks: Looks, size: str, ws: Workspace) -> None:
    """The incident panel says that it acts on the live workspace, whose posture it shows."""
    looks(make_replay(ws, STOP_AT - timedelta(seconds=5)), size, "exclamation_mark")


async def test_the_bar_tells_the_moment_and_the_live_posture(ws: Workspace) -> None:
    """What is past and what is now cannot be taken for one another."""
    app = make_replay(ws, STOP_AT - timedelta(seconds=5))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert app.bar.posture.state is PostureState.DISARMED
        first = screen_text(app).splitlines()[0]
        assert "● DISARMED" in first
        assert "REPLAY" in first
        assert "now ? UNKNOWN" in first
        assert "03:12:39Z" in screen_text(app).splitlines()[1]


async def test_keys_move_the_moment(ws: Workspace) -> None:
    """Steps, marks, ends and a moment by its name lead where they say, and what is shown follows."""
    app = make_replay(ws)
    clock = app.replay
    assert clock is not None
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "right_parenthesis", "full_stop")
        assert clock.now() == BEGIN + timedelta(minutes=10, seconds=1)
        assert app.bar.posture.state is PostureState.DISARMED
        await press(pilot, "apostrophe")
        assert clock.now() == BEGIN + timedelta(minutes=12, seconds=10)
        await press(pilot, "apostrophe")
        assert clock.now() == STOP_AT
        assert app.bar.posture.state is PostureState.STOPPED
        await press(pilot, "quotation_mark", "quotation_mark")
        assert clock.now() == BEGIN + timedelta(minutes=8, seconds=50)
        await press(pilot, "Z")
        assert clock.now() == END
        assert app.bar.ledger.seq == 126
        await press(pilot, "A")
        assert (clock.now(), app.bar.ledger.seq) == (BEGIN, 1)
        await press(pilot, "at", *"03:05", "enter")
        assert clock.now() == BEGIN + timedelta(minutes=5)
        await press(pilot, "at", *"126", "enter")
        assert clock.now() == END
        await press(pilot, "at", *"07:00", "enter")
        assert clock.now() == END
        assert "lies outside" in screen_text(app)


async def test_a_moment_that_is_none_stays_to_be_mended(ws: Workspace) -> None:
    """The line stays open with the reason under it; what is typed next goes into it, not to the screen."""
    app = make_replay(ws)
    clock = app.replay
    assert clock is not None
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "at", *"nonsense", "enter")
        assert clock.now() == BEGIN
        prompt = app.screen.query_one(Prompt)
        assert prompt.is_open
        await press(pilot, *(["backspace"] * 8), *"03:05")
        assert clock.now() == BEGIN
        await press(pilot, "enter")
        assert clock.now() == BEGIN + timedelta(minutes=5)
        assert not prompt.is_open


async def test_before_the_first_call_no_more_is_said_than_is_known(ws: Workspace) -> None:
    """Calls came later, and nothing can be enabled or sealed from here; the ledger is what is read."""
    app = make_replay(ws)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        shown = screen_text(app)
        await press(pilot, "2")
        shown += screen_text(app)
        assert shown.count("no call up to this moment") == 2
        assert "ever been made" not in shown
        assert "enables calls" not in shown
        await press(pilot, "3")
        shown = screen_text(app)
        assert "as of this moment the ledger itself is read" in shown
        assert "no index" not in shown


async def test_figures_of_long_ago_are_not_shown_as_those_of_now(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Back on Live after long: it says that it reads, with no alert of then, until the answer comes."""
    app = make_replay(ws, STOP_AT + timedelta(seconds=4))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "2", "right_parenthesis")
        with monkeypatch.context() as patched:
            patched.setattr(app.feed, "watch", lambda *_: None)
            await pilot.press("1")
            assert app.screen.snapshot is None  # type: ignore[attr-defined]
            shown = screen_text(app)
            assert shown.count("reading …") >= 3
            assert "STALE" not in shown
        app.screen.on_screen_resume()  # type: ignore[attr-defined]
        await settle(pilot)
        assert app.screen.snapshot is not None  # type: ignore[attr-defined]


async def test_it_plays_and_holds_at_the_end(ws: Workspace) -> None:
    """The space bar plays and holds; the speed counts; at the end it holds by itself."""
    seconds = [0.0]
    app = make_replay(ws, STOP_AT - timedelta(seconds=30), seconds=lambda: seconds[0])
    clock = app.replay
    assert clock is not None
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "space", "plus")
        assert clock.playing
        seconds[0] += 2
        app.feed.poke()
        await settle(pilot)
        assert clock.now() == STOP_AT - timedelta(seconds=10)
        assert " ▶ " in screen_text(app)
        seconds[0] += 2
        app.feed.poke()
        await settle(pilot)
        assert app.bar.posture.state is PostureState.STOPPED
        await press(pilot, "space")
        seconds[0] += 100
        app.feed.poke()
        await settle(pilot)
        assert clock.now() == STOP_AT + timedelta(seconds=10)
        await press(pilot, "space")
        seconds[0] += 1000
        app.feed.poke()
        await settle(pilot)
        assert (clock.now(), clock.playing) == (END, False)


async def test_calls_and_runs_are_those_of_the_moment(ws: Workspace) -> None:
    """Lists end with what had ended by then."""
    app = make_replay(ws, BEGIN + timedelta(minutes=2, seconds=35))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "2")
        shown = screen_text(app)
        assert "03:02:30" in shown
        assert "03:02:40" not in shown


async def test_a_change_is_off_and_says_why(ws: Workspace) -> None:
    """Nothing that goes more dangerous can be done from the past."""
    app = make_replay(ws, END)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "e")
        assert not isinstance(app.screen, IncidentPanel)
        assert any("replay of the past" in str(line.event) for line in app.notices)


async def test_a_stop_in_a_replay_stops_the_live_workspace(tmp_path: Path) -> None:
    """``! s`` over the past stops the workspace now, and the panel reads it back."""
    ws = make_past(tmp_path / "desk")
    (ws.control / "ENABLED").write_text('{"v": 1, "event_id": "ev_enable"}')
    app = make_replay(ws, BEGIN + timedelta(minutes=9))
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "exclamation_mark")
        assert "acts on the live workspace, now" in screen_text(app)
        await press(pilot, "s")
        until = time.monotonic() + 60
        while not ("stop" in app.contained and app.contained["stop"].over) and time.monotonic() < until:
            await pilot.pause()
        await settle(pilot)
        assert "STOPPED, read back" in screen_text(app)
        assert app.bar.posture.state is PostureState.DISARMED
        assert app.bar.live_posture is not None
        assert app.bar.live_posture.state is PostureState.STOPPED
    assert (ws.control / "STOP").exists()
    assert not (ws.control / "ENABLED").exists()
    assert CallGate(ws.control, SystemClock(), {}).posture().state is PostureState.STOPPED
