"""Runs, a run, an event and the evidence browser as they are used: keys, ways between pages, long work."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from console_driving import make_app, press, screen_text, settle
from console_scenes import NOW
from run_scenes import HEAD, REPORT, MadeUpWork, Progress, run_lines, run_page, run_scene
from textual.pilot import Pilot

from peak_console.operations.evidence_build import PackIncomplete
from peak_console.operations.views.work import ChainVerified, WorkCancelled
from peak_console.tui.app import PeakApp
from peak_console.tui.ink import Span, Tone, text_of
from peak_console.tui.screens.call import CallScreen
from peak_console.tui.screens.calls import CallsScreen
from peak_console.tui.screens.event import EventScreen
from peak_console.tui.screens.evidence import EvidenceScreen
from peak_console.tui.screens.markdown_drawing import markdown_lines
from peak_console.tui.screens.pack import PackScreen
from peak_console.tui.screens.pack_drawing import verified_lines
from peak_console.tui.screens.packed import PackedScreen, file_lines
from peak_console.tui.screens.run import RunScreen
from peak_console.tui.screens.run_drawing import head_lines
from peak_console.tui.screens.runs import RunsScreen
from peak_console.tui.screens.runs_drawing import layers_span

SIZE = (120, 40)


def app_over(state: str = "normal", work: MadeUpWork | None = None, **opened: Any) -> PeakApp:
    """The console over a scene of runs."""
    app = make_app(run_scene(state), **opened)
    app.opening = replace(app.opening, work=work or MadeUpWork(state))
    return app


async def at_work(pilot: Pilot[Any]) -> None:
    """Wait until what takes long on the screen on top is done and shown."""
    await settle(pilot)
    screen: Any = pilot.app.screen
    screen.long_work().wait()
    await settle(pilot)


def said(app: PeakApp) -> list[str]:
    """What the console has told, newest first."""
    return [line.event for line in app.notices]


async def test_the_way_from_a_run_to_its_calls_and_back() -> None:
    """Runs, a run, an event, its call, the call's run: every page leads on, and esc leads back."""
    app = app_over()
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "3", "down", "enter")
        run = app.screen
        assert isinstance(run, RunScreen)
        await press(pilot, "down", "enter")
        event = app.screen
        assert isinstance(event, EventScreen)
        await press(pilot, "n")
        assert event.seq == run.table.selected.seq
        await press(pilot, "w")
        assert isinstance(app.screen, CallScreen)
        await press(pilot, "escape", "escape")
        assert app.screen is run
        await press(pilot, "c")
        assert isinstance(app.screen, CallsScreen)
        assert app.screen.filter_text() == f"run:{run.run_id}"
        await press(pilot, "escape")
        assert app.screen is run
        await press(pilot, "2", "enter", "t")
        assert isinstance(app.screen, RunScreen)


async def test_verifying_says_from_which_event_to_which() -> None:
    """On the list it is what is in view, on a page what the page shows."""
    work = MadeUpWork()
    app = app_over(work=work)
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "3", "v")
        await at_work(pilot)
        runs = app.screen
        assert isinstance(runs, RunsScreen)
        places = runs.shown_range()
        assert places is not None
        assert work.asked[0][:3] == ("verify", *places)
        assert f"from #{places[0]:,} to #{places[1]:,}" in said(app)[0]
        await press(pilot, "down", "enter", "v")
        await at_work(pilot)
        assert work.asked[1][1] > places[0]


async def test_a_broken_chain_is_named() -> None:
    """The place and how it is broken are told."""
    app = app_over("alarming")
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "3", "enter", "v")
        await at_work(pilot)
        assert "chain broken at" in said(app)[0]
        assert "edited_body" in said(app)[0]


class PatientWork(MadeUpWork):
    """A verification that goes on until it is given up."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()

    def verify_range(
        self, first: int, last: int, progress: Progress, cancelled: Callable[[], bool]
    ) -> ChainVerified:
        """Never done."""
        progress("chain", 1, last - first + 1)
        self.begun.set()
        for _ in range(2000):
            if cancelled():
                raise WorkCancelled("given up")
            threading.Event().wait(0.01)
        raise AssertionError("nobody gave it up")


async def test_a_verification_is_cancelled_while_the_screen_lives() -> None:
    """The screen answers keys meanwhile; x gives up; without work x says why it does nothing."""
    work = PatientWork()
    app = app_over(work=work)
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "3", "x")
        assert "nothing is being done" in said(app)[0]
        await press(pilot, "v")
        assert work.begun.wait(60)
        runs = app.screen
        assert isinstance(runs, RunsScreen)
        assert runs.busy()
        await press(pilot, "down")
        assert runs.table.cursor == 1
        await press(pilot, "x")
        await at_work(pilot)
        assert not runs.busy()
        assert "cancelled" in said(app)[0]


async def test_leaving_a_page_gives_its_verification_up() -> None:
    """Nothing goes on for a page that is gone."""
    work = PatientWork()
    app = app_over(work=work)
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "3", "enter", "v")
        assert work.begun.wait(60)
        page: Any = app.screen
        await press(pilot, "escape")
        page.long_work().wait()
        assert not page.long_work().busy


async def test_a_pack_is_verified_at_every_opening() -> None:
    """The list believes a state only after an opening; each opening verifies again."""
    work = MadeUpWork()
    app = app_over(work=work)
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "3", "e")
        assert isinstance(app.screen, EvidenceScreen)
        for _ in range(2):
            await press(pilot, "enter")
            await at_work(pilot)
            assert isinstance(app.screen, PackScreen)
            await press(pilot, "escape")
        assert [one[0] for one in work.asked] == ["pack", "pack"]


async def test_a_missing_file_is_not_opened_and_an_export_is_told() -> None:
    """What is missing says so; the archive's path is told and copied."""
    app = app_over("alarming")
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "3", "e", "enter")
        await at_work(pilot)
        await press(pilot, "enter")
        assert "is missing" in said(app)[0]
        await press(pilot, "E")
        await at_work(pilot)
        assert any("audits/exports/evidence-" in one for one in said(app))
        await press(pilot, "down", "enter")
        await at_work(pilot)
        assert isinstance(app.screen, PackedScreen)


async def test_a_run_is_sealed_only_where_that_can_be() -> None:
    """A run that goes on, and a read-only console, say why not; else the node seals it."""
    work = MadeUpWork()
    app = app_over(work=work)
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "3", "enter", "b")
        assert "has not ended" in said(app)[0]
        await press(pilot, "escape", "down", "enter", "b")
        await at_work(pilot)
        assert work.asked[-1][0] == "build"
        assert said(app)[0].startswith("sealed: audits/")
    readonly = app_over(readonly=True)
    async with readonly.run_test(size=SIZE) as pilot:
        await press(pilot, "3", "down", "enter", "b")
        assert "--readonly" in said(readonly)[0]


def test_a_run_that_was_tidied_away_is_not_red() -> None:
    """Its artefacts are not here any more, in grey; a changed one among those that are there is red."""
    line = run_lines("normal")[1]
    page = run_page("normal", line)
    gone = replace(page, artefacts=tuple(replace(one, state="removed") for one in page.artefacts))
    spans = [span for row in head_lines(gone, 120, NOW) for span in row]
    assert any("not here any more" in span.text for span in spans)
    assert Tone.BAD not in {span.tone for span in spans if "any more" in span.text}
    changed = replace(page, artefacts=(*page.artefacts[1:], replace(page.artefacts[0], state="changed")))
    assert any(span.tone is Tone.BAD for row in head_lines(changed, 120, NOW) for span in row)


def test_a_layer_has_its_own_colour() -> None:
    """The colour follows the text: a trade plan that came to L2 only looks as L2 does."""
    line = replace(run_lines("normal")[1], layer="L3", layers=("L2",))
    assert layers_span(line) == Span("L2", Tone.L2)


async def test_why_on_the_list_leads_to_the_first_call() -> None:
    """The call's page, with the run's below it."""
    app = app_over()
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "3", "down", "w")
        await settle(pilot)
        assert isinstance(app.screen, CallScreen)
        await press(pilot, "escape")
        assert isinstance(app.screen, RunScreen)


async def test_the_cursor_keeps_its_run() -> None:
    """Once the cursor was moved no newer run moves the rows: what is opened is what it stood on."""
    source = run_scene("normal")
    app = make_app(source)
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "3", "down")
        runs = app.screen
        assert isinstance(runs, RunsScreen)
        meant = runs.table.selected.run_id
        runs.following = True  # as before the table has told that the cursor moved
        newer = replace(source.run_lines[0], run_id="20991231_235959_abc123", seq=HEAD + 9)
        source.run_lines.insert(0, newer)
        app.feed.poke()
        await settle(pilot)
        assert runs.table.selected.run_id == meant


class PoorerWork(MadeUpWork):
    """Sealing where an artefact is gone."""

    def build(self, run_id: str, *, incomplete: bool = False) -> str:
        """Refused, unless it is asked for."""
        if not incomplete:
            raise PackIncomplete("1 recorded artefact is not there any more", remedy="--incomplete")
        return super().build(run_id)


async def test_sealing_without_an_artefact_is_asked_for() -> None:
    """The first press says what is missing, the second seals without it."""
    work = PoorerWork()
    app = app_over(work=work)
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "3", "down", "down", "enter", "b")
        await at_work(pilot)
        assert not work.asked
        shown = screen_text(app)
        assert "1 recorded artefact is not there any more   b again seals without" in shown
        await press(pilot, "b")
        await at_work(pilot)
        assert work.asked[-1][0] == "build"
        assert "again seals" not in screen_text(app)


def test_a_pack_without_an_artefact_is_not_called_whole() -> None:
    """Amber, with how many are missing."""
    whole = MadeUpWork().verify_pack("r", 1, lambda *_: None, lambda: False)
    poorer = replace(whole, notes=("not in the pack: artefacts/a.md (recorded_and_not_there)",))
    (first, *_) = verified_lines(poorer, ("r", 2), NOW, 80, NOW)
    assert first[0] == Span(" ▲ sealed, 1 artefact missing", Tone.WARN)


def test_markdown_does_nothing_but_stand_there() -> None:
    """Links are words with their address, images are words, HTML is text; the lines fit."""
    for width in (30, 80):
        lines = [text_of(line) for line in markdown_lines(REPORT, width)]
        text = "\n".join(lines)
        assert "<script>alert(1)</script>" in text
        assert "(https://example.org/x)" in " ".join(text.split())
        assert "evil.example" not in text
        assert max(map(len, lines)) <= width


def test_files_are_shown_by_what_they_are() -> None:
    """JSON is indented, what is none stands as it is, no text is only counted."""
    assert '"a"' in "".join(text_of(line) for line in file_lines("x.json", b'{"a":1}', 80))
    assert "{broken" in "".join(text_of(line) for line in file_lines("x.json", b"{broken", 80))
    assert "no text" in "".join(text_of(line) for line in file_lines("x.bin", b"a\0b", 80))
    assert len(file_lines("deep.json", b"[" * 100_000, 80)) > 1
    assert "\x1b" not in "".join(text_of(line) for line in file_lines("x.md", b"# \x1b]52;c;x\x07", 80))
