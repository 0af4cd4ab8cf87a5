"""Grid and text of the Matrix screen stand on the same slot; what is asked, refused and told there."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from change_scenes import MadeUpBench, sha256
from console_driving import make_app, screen_text
from console_scenes import NOW
from matrix_scenes import MATRIX, calm, keys, matrix_source, typed, write_workspace
from textual.pilot import Pilot

from peak_console.operations.workbench.shapes import Version
from peak_console.tui.app import PeakApp
from peak_console.tui.screens.history import HistoryScreen
from peak_console.tui.screens.lock import LockScreen
from peak_console.tui.screens.matrix import MatrixScreen
from peak_console.tui.screens.question import Question
from peak_console.tui.screens.save import SaveDialog
from peak_console.tui.widgets.editor import ConfigEditor, _token

PATIENCE_S = 60.0
OLD = MATRIX.replace("quick and cheap", "slow and dear")
LONG = MATRIX.replace("[L0.primary]", "# filling\n" * 60 + "\n[L0.primary]")


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drafts and keys of this test alone."""
    monkeypatch.setenv("PEAK_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PEAK_KEYS_DIR", str(tmp_path / "keys"))


def open_app(tmp_path: Path, matrix: str = MATRIX, *, readonly: bool = False) -> PeakApp:
    """The console over a workspace with ``matrix``."""
    return make_app(matrix_source(), root=write_workspace(tmp_path, matrix), readonly=readonly)


def screen_of(app: PeakApp) -> MatrixScreen:
    """The Matrix screen below whatever is open."""
    screen = app.screen_stack[0]
    assert isinstance(screen, MatrixScreen)
    return screen


async def until(pilot: Pilot[Any], true: Callable[[], bool]) -> None:
    """Let the app work until ``true``, at most a few seconds."""
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end
        await pilot.pause(0.01)


async def test_the_grid_leads_the_text_and_the_text_the_grid(tmp_path: Path) -> None:
    """A slot comes into view and is set apart, the focus stays; the text's cursor moves the grid's."""
    app = open_app(tmp_path, LONG)
    async with app.run_test(size=(120, 40)) as pilot:
        await keys(pilot, "4", "down", "down", "down", "down")
        screen = screen_of(app)
        editor, place = screen.editor, screen.row.place
        assert (place.layer, place.role) == ("L1", "primary")
        assert screen.focused is screen.grid
        assert editor.in_view(place.line)
        assert editor.slot_lines.start == place.line - 1
        assert "▎[L1.primary]" in screen_text(app)
        await keys(pilot, "e", "ctrl+home")
        assert editor.cursor_location == (0, 0)
        await keys(pilot, "ctrl+end")
        assert editor.cursor_location == editor.document.end
        assert screen.row.place.layer == "L4"
        editor.move_cursor((LONG.split("\n").index("[L2.critic]") + 1, 0))
        await calm(pilot)
        assert (screen.row.place.layer, screen.row.place.role) == ("L2", "critic")


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_an_edit_of_the_grid_is_in_view(tmp_path: Path, size: tuple[int, int]) -> None:
    """The line that m changed is shown, where one pane fits as soon as the text is."""
    app = open_app(tmp_path, LONG)
    async with app.run_test(size=size) as pilot:
        await keys(pilot, "4", "end", "up")
        screen = screen_of(app)
        screen.do_matrix_model("google:gemini-3-flash")
        await calm(pilot)
        line = screen.state.text.split("\n").index("[L4.primary]") + 3
        await keys(pilot, "e")
        assert "gemini-3-flash" in screen.editor.document.get_line(line - 1)
        assert screen.editor.in_view(line)


async def test_discarding_is_a_plain_question(tmp_path: Path) -> None:
    """Typing does nothing to it; the first answer, and esc, keep the draft."""
    app = open_app(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await keys(pilot, "4", "e")
        await typed(pilot, "# mine")
        await keys(pilot, "escape", "D", "x", "tab", "tab")
        assert isinstance(app.screen, Question)
        await keys(pilot, "enter")
        assert screen_of(app).state.dirty
        await keys(pilot, "D", "tab", "enter")
        assert screen_of(app).state.text == MATRIX


async def test_typing_into_a_text_that_takes_none_says_why(tmp_path: Path) -> None:
    """In --readonly a typed letter is answered once, not in a stack of the same toast."""
    app = open_app(tmp_path, readonly=True)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await keys(pilot, "4", "e", "x", "x", "x")
        assert isinstance(screen_of(app).focused, ConfigEditor)
        assert screen_text(app).count("read-only: this console") == 2  # the note, and one toast
        assert screen_of(app).state.text == MATRIX


async def test_an_own_rollback_is_no_change_outside(tmp_path: Path) -> None:
    """It is told with version and number; the text follows; the watched file says nothing of its own."""
    app = open_app(tmp_path)
    path = tmp_path / "eurusd-desk/configs/ai/layer_model_matrix.toml"

    class Bench(MadeUpBench):
        def save(self, asked):  # noqa: ANN001, ANN202 - as the one it is made of
            path.write_text(asked.text, encoding="utf-8")
            return super().save(asked)

    def version(text: str, hours: int) -> Version:
        since = NOW - timedelta(hours=hours)
        return Version(sha256(text), since, None, "mara", "why", "saved", hours, kept=True)

    listed = (version(MATRIX, 1), version(OLD, 2))
    made_up = Bench(disk=MATRIX, listed=listed, texts={sha256(one): one for one in (MATRIX, OLD)})
    app.opening = replace(app.opening, bench=made_up)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await keys(pilot, "4", "h")
        history = app.screen
        assert isinstance(history, HistoryScreen)
        await until(pilot, lambda: history.cursor is not None)
        await keys(pilot, "down", "b")
        dialogue = app.screen
        assert isinstance(dialogue, SaveDialog)
        await until(pilot, lambda: not dialogue.busy())
        await keys(pilot, *"held", "ctrl+y")
        await until(pilot, lambda: app.screen is history)
        await calm(pilot)
        assert f"rolled back to {sha256(OLD)[:8]}, #184,221" in screen_text(app)
        assert "outside" not in screen_text(app)
        await keys(pilot, "escape")
        await until(pilot, lambda: screen_of(app).state.text == OLD)
        assert "outside" not in " ".join(one.event for one in app.notices)


async def test_the_draft_stands_against_the_lock(tmp_path: Path) -> None:
    """L lists the slots of the draft beside the lock, without one too."""
    app = open_app(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await keys(pilot, "4", "L")
        assert isinstance(app.screen, LockScreen)
        await until(pilot, lambda: "SLOT" in screen_text(app))
        assert "there is no lock" in screen_text(app)
        assert "L0.fallback 2" in screen_text(app)


async def test_help_begins_with_the_keys_of_the_screen(tmp_path: Path) -> None:
    """Every key of Matrix is seen at 120 by 40 without scrolling."""
    app = open_app(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await keys(pilot, "4", "question_mark")
        shown = screen_text(app).partition("everywhere")[0]
        missing = [
            one
            for one in ("m ", "f F4", "n F8", "h ", "o ", "D ", "K ", "J ", "L ", "^g", "^s")
            if f" {one}" not in shown
        ]
        assert not missing


@pytest.mark.parametrize(
    ("line", "column", "marked"),
    [
        ('model_id = "gpt-6"', 11, '"gpt-6"'),
        ("[L2.primary", 11, "[L2.primary"),
        ('provider = openai"', 11, 'openai"'),
        ("", 0, ""),
    ],
)
def test_a_mark_stands_at_its_place_only(line: str, column: int, marked: str) -> None:
    """From the column to the end of the token; where nothing stands there, the line's last token."""
    start, end = _token(line, column)
    assert line[start:end] == marked
