"""Save, history, three-way and what changes outside, driven by keys."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from change_scenes import BASE, CONCERNS, DRAFT, MATRIX, OUTSIDE, MadeUpBench, bench, change_app, sha256
from console_driving import press, screen_text, settle
from textual.pilot import Pilot
from textual.screen import Screen

from peak_console.domain.errors import ControlRefused
from peak_console.operations.views.bench import Signer
from peak_console.operations.workbench.files import Standing
from peak_console.operations.workbench.shapes import Saved
from peak_console.tui.app import PeakApp
from peak_console.tui.screens.history import HistoryScreen
from peak_console.tui.screens.merge import Choice, Decision, MergeScreen
from peak_console.tui.screens.save import Proposal, SaveDialog
from peak_console.tui.widgets.form import Cancel


async def rest(pilot: Pilot[Any]) -> None:
    """Wait for the work of the screen on top."""
    for _ in range(2):
        for name in ("work", "long_work", "proving"):
            begun = getattr(pilot.app.screen, name, None)
            if begun is not None:
                begun().wait()
        await settle(pilot)


@asynccontextmanager
async def opened(
    made_up: MadeUpBench, make: Callable[[], Screen[None]], *, readonly: bool = False
) -> AsyncIterator[tuple[PeakApp, Pilot[Any]]]:
    """The console with a screen of ours on top."""
    app = change_app(made_up, readonly=readonly)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settle(pilot)
        await app.push_screen(make())
        await rest(pilot)
        yield app, pilot


async def typed(pilot: Pilot[Any], *keys: str) -> None:
    """Press keys, then wait for the work."""
    await press(pilot, *keys)
    await rest(pilot)


def saving(saved: list[Saved] | None = None, moved: list[str] | None = None) -> Callable[[], SaveDialog]:
    """The save of the draft, noting what came of it."""
    return lambda: SaveDialog(
        Proposal(MATRIX, DRAFT, sha256(BASE)),
        saved=None if saved is None else saved.append,
        changed_outside=None if moved is None else lambda: moved.append("moved"),
    )


async def test_cancel_has_the_focus_and_enter_never_saves() -> None:
    """Enter leaves from Cancel; with everything filled in it asks once more, and saves nothing ever."""
    made_up = bench("normal")
    async with opened(made_up, saving()) as (app, pilot):
        assert isinstance(app.focused, Cancel)
        await typed(pilot, "enter")
        assert not isinstance(app.screen, SaveDialog)
    async with opened(made_up, saving()) as (app, pilot):
        await typed(pilot, *"why", "tab", "tab", "enter")
        assert "Enter confirms nothing" in screen_text(app)
        await typed(pilot, "enter")
        assert not isinstance(app.screen, SaveDialog)
    assert not made_up.asked


async def test_a_change_is_saved_with_its_reason_and_operator() -> None:
    """What was shown is what is asked for; the toast names digest and place, and the editor hears of it."""
    made_up, saved = bench("normal"), list[Saved]()
    async with opened(made_up, saving(saved)) as (app, pilot):
        await typed(pilot, "ctrl+y")
        assert not made_up.asked  # the reason is missing
        await typed(pilot, *"dearer and better", "ctrl+y")
        assert not isinstance(app.screen, SaveDialog)
        text = screen_text(app)
        assert f"saved matrix {sha256(DRAFT)[:12]}" in text
        assert "184,221" in text
    asked = made_up.asked[0]
    assert (asked.reason, asked.operator, asked.base) == ("dearer and better", "mara", sha256(BASE))
    assert asked.confirmed == frozenset()
    assert [one.new for one in saved] == [sha256(DRAFT)]


async def test_concerns_ask_for_the_typed_word() -> None:
    """Their figures stand there; without the word nothing is saved; with it each is confirmed."""
    made_up = bench("concerns")
    async with opened(made_up, saving()) as (app, pilot):
        assert "31.20 → 52.40" in screen_text(app)
        await typed(pilot, *"why", "tab", *"change", "ctrl+y")
        assert not made_up.asked
        assert "CHANGE is missing" in screen_text(app)
        await typed(pilot, *["backspace"] * 6, *"CHANGE", "ctrl+y")
    assert made_up.asked[0].confirmed == {one.code for one in CONCERNS}


async def test_what_lint_refuses_cannot_be_saved() -> None:
    """The rule is named with its remedy, errors it causes elsewhere too; the key does nothing."""
    made_up = bench("refusing")
    async with opened(made_up, saving()) as (app, pilot):
        text = screen_text(app)
        assert "matrix.provider_forbidden" in text
        assert "configs/budgets.toml:31" in text
        await typed(pilot, *"why", "ctrl+y")
        assert "lint has 2 errors" in screen_text(app)
    assert not made_up.asked


async def test_without_a_key_it_says_who_can_give_one() -> None:
    """An operator that is not enrolled reads the remedy."""
    async with opened(bench("keyless"), saving()) as (app, _):
        assert "peak operator enroll NAME" in screen_text(app)


async def test_live_says_what_the_other_operator_types() -> None:
    """Without an approval the command stands there; with one its operator does."""
    async with opened(bench("live"), saving()) as (app, _):
        assert f"peak matrix approve {sha256(DRAFT)[:12]}" in screen_text(app)
    async with opened(bench("approved"), saving()) as (app, _):
        assert "approved by jon" in screen_text(app)


@pytest.mark.parametrize("code", ["approval_required", "save_busy"])
async def test_a_refusal_is_told_and_the_draft_stays(code: str) -> None:
    """Its code, what it says and the way on stand in the dialogue, which stays open."""
    made_up = bench("normal")
    made_up.refusal = ControlRefused("it may not be", code=code, remedy="do this first")
    async with opened(made_up, saving()) as (app, pilot):
        await typed(pilot, *"why", "ctrl+y")
        assert isinstance(app.screen, SaveDialog)
        text = screen_text(app)
        assert code in text
        assert "do this first" in text
        assert "not saved" in text


async def test_a_save_onto_a_changed_file_leads_to_the_three_way_view() -> None:
    """The dialogue closes, and the editor is asked to compare."""
    made_up, moved = bench("normal"), list[str]()
    made_up.refusal = ControlRefused("changed", code="file_changed", remedy="look")
    async with opened(made_up, saving(moved=moved)) as (app, pilot):
        await typed(pilot, *"why", "ctrl+y")
        assert not isinstance(app.screen, SaveDialog)
    assert moved == ["moved"]


async def test_readonly_shows_and_saves_nothing() -> None:
    """History works; rolling back and saving say why they do not."""
    made_up = bench("normal")
    async with opened(made_up, lambda: HistoryScreen(MATRIX), readonly=True) as (app, pilot):
        await typed(pilot, "down", "b")
        assert "--readonly" in screen_text(app)
        assert isinstance(app.screen, HistoryScreen)
    async with opened(made_up, saving(), readonly=True) as (_, pilot):
        await typed(pilot, *"why", "ctrl+y")
    assert not made_up.asked


async def test_history_marks_compares_and_jumps_in_time() -> None:
    """Two versions are compared by mark and cursor; a moment leads to what was in force then."""
    async with opened(bench("normal"), lambda: HistoryScreen(MATRIX)) as (app, pilot):
        await typed(pilot, "m", "down")
        text = screen_text(app)
        assert f"{sha256(OUTSIDE)[:8]} → {sha256(BASE)[:8]}" in text
        await typed(pilot, "m", "m", "d", "d")
        assert "known good" in screen_text(app) or "disk" in screen_text(app)
        await typed(pilot, "a", *"-4d", "enter")
        screen = app.screen
        assert isinstance(screen, HistoryScreen)
        assert screen.table.cursor == 3
        await typed(pilot, "a", *"nonsense", "enter")
        assert "no day and no time" in screen_text(app)


async def test_a_version_is_read_and_rolled_back_by_the_dialogue_of_a_save() -> None:
    """Its text can be read; going back asks for the reason and records where to."""
    made_up = bench("normal")
    async with opened(made_up, lambda: HistoryScreen(MATRIX)) as (app, pilot):
        await typed(pilot, "b")
        assert "on disk already" in screen_text(app)
        await typed(pilot, "down", "enter")
        assert "read only" in screen_text(app)
        assert "gpt-5-mini" in screen_text(app)
        await typed(pilot, "escape", "b")
        assert "roll back matrix" in screen_text(app)
        await typed(pilot, *"it held", "ctrl+y")
        assert "5 versions" in screen_text(app)
    asked = made_up.asked[0]
    assert (asked.back_to, asked.text, asked.base) == (sha256(OUTSIDE), OUTSIDE, sha256(BASE))


@pytest.mark.parametrize(
    ("keys", "choice", "holds", "left"),
    [
        (("ctrl+y",), Choice.MERGED, "<<<<<<< mine", 1),
        (("t", "ctrl+y"), Choice.MERGED, 'model_id = "gpt-5-mini"', 0),
        (("m", "ctrl+y"), Choice.MERGED, 'model_id = "gpt-5.2-pro"', 0),
        (("M",), Choice.MINE, DRAFT, 0),
        (("T",), Choice.DISK, OUTSIDE, 0),
    ],
)
async def test_three_ways_out_of_a_changed_file(
    keys: tuple[str, ...], choice: Choice, holds: str, left: int
) -> None:
    """Merge with conflicts settled or marked, keep mine, take the disk's; all begin from the disk anew."""
    decisions: list[Decision] = []
    disk = Standing(OUTSIDE, sha256(OUTSIDE))
    made_up = MadeUpBench(disk=OUTSIDE)
    async with opened(made_up, lambda: MergeScreen(MATRIX, (BASE, DRAFT), disk, decisions.append)) as (
        app,
        pilot,
    ):
        await typed(pilot, *keys)
        assert not isinstance(app.screen, MergeScreen)
    assert len(decisions) == 1
    one = decisions[0]
    assert (one.choice, one.open_conflicts, one.disk) == (choice, left, disk)
    assert holds in one.text
    if choice is Choice.MERGED:
        assert "Who reviews: mara" in one.text  # the disk's other change
        assert "mistral" not in one.text  # the draft's other change


async def test_no_key_of_yours_is_asked_for_where_several_are_held() -> None:
    """Who holds several keys is told to name one, and can."""
    made_up = bench("normal")
    made_up.signing = Signer("", "you hold several operators' keys: jon, mara", "name one")
    async with opened(made_up, saving()) as (app, pilot):
        assert "several operators' keys" in screen_text(app)
        await typed(pilot, *"why", "tab", *"jon", "ctrl+y")
    assert made_up.asked[0].operator == "jon"
