"""The Shadow screen, driven by keys: lists and pages, running, pausing, cancelling, resuming, releasing."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from console_driving import screen_text, settle
from shadow_scenes import CYCLES, FACTS, UNDER_WAY, facts, shadow_app
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

from peak_console.domain.errors import ControlRefused
from peak_console.domain.jobs import RunState
from peak_console.operations.views.fake import FakeSource
from peak_console.operations.views.freshness import Freshness
from peak_console.tui.action import ActionState, ShadowChosen
from peak_console.tui.actions import BY_ID
from peak_console.tui.app import PeakApp
from peak_console.tui.screens.matrix import MatrixScreen
from peak_console.tui.screens.run import RunScreen
from peak_console.tui.screens.shadow import ShadowScreen
from peak_console.tui.screens.shadow_cycle import ShadowCycleScreen
from peak_console.tui.screens.shadow_forms import ReleaseForm, ResumeForm, RunForm
from peak_console.tui.screens.shadow_job import ShadowJobScreen
from peak_console.tui.screens.shadow_model import ShadowModelScreen
from peak_console.tui.screens.shadow_ready import ShadowReadyScreen

S = TypeVar("S", bound=Screen[Any])
SMALL, WIDE = (80, 24), (120, 40)
WORKS = ("acting", "reading", "long_work")


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Copies land in a folder of the test's own."""
    monkeypatch.setenv("PEAK_STATE_DIR", str(tmp_path))
    return iter([tmp_path])


async def rest(pilot: Pilot[Any]) -> None:
    """Wait until nothing is being done but what is watched."""
    while True:
        await settle(pilot)
        begun = [
            getattr(one, name)() for one in pilot.app.screen_stack for name in WORKS if hasattr(one, name)
        ]
        if not any(one.busy for one in begun):
            await settle(pilot)
            return
        for one in begun:
            await asyncio.to_thread(one.wait)


async def keys(pilot: Pilot[Any], *pressed: str) -> str:
    """Press keys with what follows from them; gives what stands on the screen then."""
    if not pressed:
        await rest(pilot)
    for key in pressed:
        await pilot.press(key)
        await rest(pilot)
    app = pilot.app
    assert isinstance(app, PeakApp)
    return screen_text(app)


async def fill(pilot: Pilot[Any], **values: str) -> None:
    """Fill fields in, as a paste does."""
    for name, value in values.items():
        pilot.app.screen.query_one(f"#{name}", Input).value = value
    await settle(pilot)


def shown(app: PeakApp, kind: type[S]) -> S:
    """The screen on top, which is of that kind."""
    assert isinstance(app.screen, kind)
    return app.screen


def said(app: PeakApp) -> str:
    """What was told, the newest first."""
    return "\n".join(one.event for one in app.notices)


async def test_lists_lead_to_pages() -> None:
    """Enter on a job, a cycle, a model and a criterion opens its page; esc leads back."""
    app, _ = shadow_app("alarming")
    async with app.run_test(size=SMALL) as pilot:
        text = await keys(pilot, "7")
        for word in (
            "eurusd-hourly",
            "‖ paused",
            "would block",
            "✗ quarantined",
            "days in shadow",
            "100,412.55",
        ):
            assert word in text
        assert "paused by tom" in text, "what is to be known of the job under the cursor"
        text = await keys(pilot, "enter")
        shown(app, ShadowJobScreen)
        for word in ("none while it is paused", "timeout_s", "asked for by mara", "Europe/Berlin", "412"):
            assert word in text
        await keys(pilot, "enter")
        shown(app, RunScreen)
        await keys(pilot, "escape", "escape", "tab", "down", "down", "enter")
        shown(app, ShadowCycleScreen)
        text = await keys(pilot)
        for word in ("■ BLOCK", "max_position", "1,996.40", "drifts up"):
            assert word in text
        assert "cannot be shown" in await keys(pilot, "n"), "an event that is not there says so"
        assert "■ BLOCK" in await keys(pilot, "N")
        await keys(pilot, "enter")
        shown(app, RunScreen)
        text = await keys(pilot, "escape", "escape", "tab", "enter")
        shown(app, ShadowModelScreen)
        assert "format fail" in text
        assert "✗ alarm" in text
        text = await keys(pilot, "escape", "tab", "enter")
        shown(app, ShadowReadyScreen)
        assert "do: go on: the node runs the cycles" in text
        await keys(pilot, "y", "escape")
        shown(app, ShadowScreen)


async def test_filter_window_and_sort() -> None:
    """Each narrows, turns or widens what is shown; an empty list says which of them made it so."""
    app, _ = shadow_app("normal")
    async with app.run_test(size=WIDE) as pilot:
        app.call_later(app.do_go_shadow, "job:eurusd-15m")
        await pilot.pause()
        await keys(pilot)
        screen = shown(app, ShadowScreen)
        assert screen.filter_text() == "job:eurusd-15m"
        await keys(pilot, "escape", "7")
        assert screen.filter_text() == ""
        assert len(screen.shown_cycles()) == len(CYCLES)
        assert screen.set_filter("outcome:would_block reason:critic_*") == ""
        assert [one.seq for one in screen.shown_cycles()] == [CYCLES[3].seq]
        assert "outcome" in screen.set_filter("layer:L2")
        assert screen.set_filter("job:none") == ""
        assert "no job matches  / job:none" in await keys(pilot)
        await keys(pilot, "escape", "w")
        assert "no cycle in the last 5 min" in await keys(pilot)
        screen.do_window_set("1h")
        screen.do_window_set("2h")
        assert 0 < len(screen.shown_cycles()) < len(CYCLES)
        await keys(pilot, "right_square_bracket", "left_square_bracket", "tab", "o")
        assert "sorted by outcome" in said(app)
        table = screen.table("shadow-cycles")
        first = table.selected
        await keys(pilot, "O")
        assert table.selected == first, "the cursor stays on its cycle"
        await keys(pilot, "shift+tab", "o", "y")
        assert "sorted by next" in said(app)
        text = await keys(pilot, "question_mark")
        for word in ("duties not separate", "a paper account", "6.2/10.6", "old bars"):
            assert word in text


async def test_a_run_is_asked_for_watched_and_cancelled() -> None:
    """Key n asks why, shows each step, tells the end; x cancels at once."""
    app, desk = shadow_app("normal")
    async with app.run_test(size=SMALL) as pilot:
        await keys(pilot, "7", "n")
        shown(app, RunForm)
        await keys(pilot, "ctrl+y")
        assert desk.asked == [], "without a reason nothing is asked for"
        await fill(pilot, reason="after the fix")
        await keys(pilot, "ctrl+y")
        assert desk.asked == [("run", "eurusd-hourly", "after the fix", "mara")]
        screen = shown(app, ShadowScreen)
        while "outlook of L2" not in screen_text(app):
            await pilot.pause(0.005)
        assert screen.action_state().busy
        desk.ended = replace(desk.ended, state=RunState.FAILED, outcome="", detail="no data")
        desk.may_end.set()
        await asyncio.to_thread(screen.watching().wait)
        await settle(pilot)
        assert "eurusd-hourly ended: failed: no data" in said(app)
        await keys(pilot, "x")
        assert len(desk.asked) == 1, "no run of this job is under way"
        await keys(pilot, "down", "x")
        assert desk.asked[-1][:2] == ("cancel", UNDER_WAY.key)
        await keys(pilot, "p")
        assert desk.asked[-1][:2] == ("pause", "eurusd-15m")
        assert "is paused, on record" in said(app)
        desk.refusal = ControlRefused("the node says no", code="no", remedy="ask again")
        await keys(pilot, "p")
        assert "pause: the node says no; ask again" in said(app)


async def test_readonly_pauses_and_cancels_but_runs_nothing() -> None:
    """What goes safer works in a console that may change nothing."""
    app, desk = shadow_app("normal", readonly=True)
    async with app.run_test(size=SMALL) as pilot:
        await keys(pilot, "7", "down", "n")
        shown(app, ShadowScreen)
        assert "--readonly" in said(app)
        await keys(pilot, "p", "x")
        assert [one[0] for one in desk.asked] == ["pause", "cancel"]
        await keys(pilot, "tab", "p")
        assert len(desk.asked) == 2, "what the cursor is not seen on is not paused"
        assert "no job is under the cursor" in said(app)


async def test_resume_and_release_ask_for_reason_and_word() -> None:
    """Going on again carries a reason; a model needs the typed word too, before its evidence."""
    app, desk = shadow_app("alarming")
    async with app.run_test(size=SMALL) as pilot:
        text = await keys(pilot, "7", "u")
        shown(app, ResumeForm)
        assert "paused by tom" in text
        await keys(pilot, "escape")
        shown(app, ShadowScreen)
        await keys(pilot, "u")
        await fill(pilot, reason="the data is right again")
        await keys(pilot, "enter", "ctrl+y")
        assert desk.asked[-1] == ("resume", "eurusd-hourly", "the data is right again", "mara")
        text = await keys(pilot, "tab", "tab")
        assert "R release" in text, "what can be done with the model stands where the jobs' keys did"
        text = await keys(pilot, "R")
        shown(app, ReleaseForm)
        for word in ("gpt-5.2-2026-02-01", "9/12", "p 0.0005", "12.1 / 10.6"):
            assert word in text
        await fill(pilot, reason="asked the provider", word="release")
        await keys(pilot, "ctrl+y")
        assert len(desk.asked) == 1
        await fill(pilot, word="RELEASE")
        desk.refusal = ControlRefused("no key is enrolled", code="no", remedy="enroll one")
        assert "no key is enrolled" in await keys(pilot, "ctrl+y")
        desk.refusal = None
        await fill(pilot, reason="asked the provider, it is the same model")
        await keys(pilot, "ctrl+y")
        assert desk.asked[-1][:2] == ("release", "openai:gpt-5.2")
        shown(app, ShadowScreen)
        await keys(pilot, "down", "R")
        assert "not quarantined" in said(app)


async def test_the_text_of_a_job_is_one_key_away(tmp_path: Path) -> None:
    """Key t opens the jobs in the workbench, with the cursor at the job's line."""
    root = tmp_path / "desk"
    (root / "configs" / "shadow").mkdir(parents=True)
    lines = ["# jobs", "[[job]]", 'name = "one"', "[[job]]", 'name = "eurusd-hourly"', 'kind = "canary"']
    (root / "configs" / "shadow" / "jobs.toml").write_text("\n".join(lines) + "\n")
    app, _ = shadow_app("normal", root=root)
    async with app.run_test(size=SMALL) as pilot:
        await keys(pilot, "7", "t")
        screen = shown(app, MatrixScreen)
        while not (screen.settled and screen.open_name == "jobs"):
            await pilot.pause(0.005)
        await settle(pilot)
        assert screen.editor is not None
        assert screen.editor.cursor_location[0] == 4


async def test_a_list_without_the_focus_shows_its_top() -> None:
    """New cycles come to the top of a list nobody is in, and under a cursor on it; elsewhere rows stay."""
    app, _ = shadow_app("normal")
    async with app.run_test(size=SMALL) as pilot:
        await keys(pilot, "7")
        screen = shown(app, ShadowScreen)
        table, first = screen.table("shadow-cycles"), CYCLES[0]

        async def finished(by: int) -> None:
            newer = [
                replace(first, seq=first.seq + 10 * by + one, run_id=f"new-{by}-{one}") for one in range(8)
            ]
            taken = replace(FACTS, cycles=(*reversed(newer), *FACTS.cycles))
            screen.on_snapshot_taken(type("Taken", (), {"snapshot": taken})())
            await settle(pilot)

        await finished(1)
        assert (table.cursor, table.scroll_offset.y) == (0, 0)
        await keys(pilot, "tab")
        await finished(2)
        assert table.selected is not None
        assert table.selected.run_id == "new-2-7", "on the newest the cursor goes on to the newest"
        assert table.scroll_offset.y == 0
        await keys(pilot, "end")
        last = table.selected
        assert last is not None
        await finished(3)
        assert table.selected == last
        assert table.scroll_offset.y > 0
        assert "8 newer · f follows" in screen_text(app)
        await keys(pilot, "f")
        assert (table.cursor, table.scroll_offset.y) == (0, 0)
        assert "newer ·" not in screen_text(app)
        await keys(pilot, "end")
        await keys(pilot, "tab")
        assert table.scroll_offset.y == 0, "whoever goes on to another list leaves this one at its newest"
        await finished(4)
        assert table.scroll_offset.y == 0
        await keys(pilot, "shift+tab")
        assert table.selected == last
        assert table.scroll_offset.y > 0, "and comes back to where they were"


async def test_what_cannot_be_read_keeps_the_last_word() -> None:
    """A source that gives nothing leaves the last facts, with their age and why; nothing of them is green."""
    app, _ = shadow_app("normal")
    async with app.run_test(size=WIDE) as pilot:
        await keys(pilot, "7")
        screen = shown(app, ShadowScreen)
        source = replace(FACTS, jobs=(), freshness=Freshness(None, "the ledger is locked", "wait"))
        screen.on_snapshot_taken(type("Taken", (), {"snapshot": source})())
        await settle(pilot)
        text = screen_text(app)
        assert "eurusd-hourly" in text
        assert "the ledger is locked" in text
        assert screen.stale
        await keys(pilot, "space")
        screen.on_snapshot_taken(type("Taken", (), {"snapshot": facts("empty")})())
        assert screen.facts is not None
        assert screen.facts.jobs, "a screen that is held still takes nothing new"


async def test_every_state_says_what_it_is() -> None:
    """Empty, stale, without a node, replayed, hostile: in words; no control gets through."""
    words = {
        "stale": ("▲ STALE data 4m old", "the ledger is not readable"),
        "no-node": ("? unknown", "no node tells of jobs"),
        "replay": ("↺ REPLAYED",),
        "empty": ("names no job", "no shadow cycle yet", "no model was looked at", "not judged"),
        "hostile": ("✗ quarantined", "would block"),
    }
    app, _ = shadow_app("normal")
    source = app.opening.source()
    assert isinstance(source, FakeSource)
    async with app.run_test(size=SMALL) as pilot:
        await keys(pilot, "7")
        for name, expected in words.items():
            source.shadow_facts = facts(name)
            app.feed.poke()
            text = await keys(pilot)
            assert [one for one in expected if one not in text] == [], name
        for way in ((), ("tab",), ("tab",), ("tab",)):
            text = await keys(pilot, *way, "enter")
            assert not set(text) & set("\x1b\x07\u202e\x9b")
            await keys(pilot, "escape")


def test_why_an_action_cannot_be_done() -> None:
    """Each says what is missing: a node, the right state, a selection."""
    bar = shadow_app("normal")[0].opening.source().bar()
    waiting, running, *_ = FACTS.jobs
    idle = replace(bar, node=replace(bar.node, running=False))
    stopped = shadow_app("empty")[0].opening.source().bar()
    state = ActionState("shadow", bar, shadow=ShadowChosen(waiting))

    def why(action: str, **changes: Any) -> str:
        return BY_ID[action].why_disabled(replace(state, **changes))

    assert why("shadow.run") == ""
    assert "no node" in why("shadow.run", bar=idle)
    assert why("shadow.run", bar=stopped)
    assert why("shadow.run", busy=True)
    assert "no run under way" in why("shadow.cancel")
    assert why("shadow.cancel", shadow=ShadowChosen(running)) == ""
    assert "not paused" in why("shadow.resume")
    paused = ShadowChosen(facts("alarming").jobs[0])
    assert why("shadow.resume", shadow=paused) == ""
    assert "already" in why("shadow.pause", shadow=paused)
    assert "no model" in why("shadow.release")
    assert "no job" in why("shadow.pause", shadow=ShadowChosen())
    assert "replay" in why("shadow.release", replay=True)
    assert why("shadow.pause", replay=True) == why("shadow.pause", readonly=True) == ""
