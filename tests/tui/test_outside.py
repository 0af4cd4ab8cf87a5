"""Files that change under an editor, and what the palette finds beside actions."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from console_driving import make_app, press, screen_text
from matrix_scenes import MATRIX, calm, keys, matrix_source, typed, write_workspace
from textual.message import Message

from peak_console.config.editing.targets import target_named
from peak_console.config.workspace import Workspace
from peak_console.operations.views.bench import WorkspaceBench
from peak_console.tui.outside import FileMoved, FilesWatch
from peak_console.tui.screens.matrix import MatrixScreen
from peak_console.tui.screens.merge import MergeScreen
from peak_console.tui.things import things_of

FAST_S = 0.01
PATIENCE_S = 60.0


class Heard:
    """Collects what is told."""

    def __init__(self) -> None:
        self.messages: list[FileMoved] = []

    def post_message(self, message: Message) -> bool:
        """Keep it."""
        assert isinstance(message, FileMoved)
        self.messages.append(message)
        return True


def until(true: Callable[[], bool]) -> None:
    """Wait until ``true``, at most a few seconds."""
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end
        time.sleep(FAST_S)


def test_a_change_is_told_once_and_an_own_save_is_not(tmp_path: Path) -> None:
    """Another text is told with its digest; what the editor wrote itself, and a mere touch, are not."""
    root = write_workspace(tmp_path)
    target = target_named("matrix")
    path, bench, heard = root / target.path, WorkspaceBench(Workspace(root)), Heard()
    watch = FilesWatch(heard, every_s=FAST_S)
    known = bench.standing(target).digest
    watch.add("matrix", path, lambda: bench.standing(target), known)
    try:
        path.write_text(MATRIX + "# more\n", encoding="utf-8")
        until(lambda: len(heard.messages) == 1)
        assert heard.messages[0].standing.text == MATRIX + "# more\n"
        path.touch()
        path.unlink()
        until(lambda: len(heard.messages) == 2)
        assert heard.messages[1].standing.digest is None
        watch.know("matrix", known)
        path.write_text(MATRIX, encoding="utf-8")
        other = root / "configs/ai/budgets.toml"
        watch.add("budgets", other, lambda: bench.standing(target_named("budgets")), None)
        until(lambda: len(heard.messages) == 3)
        assert heard.messages[2].name == "budgets"
    finally:
        watch.stop(PATIENCE_S)
    assert not watch.running


async def test_a_draft_outlives_a_change_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The banner says so at once; the three-way view merges both; a text without a draft follows the file."""
    monkeypatch.setenv("PEAK_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PEAK_KEYS_DIR", str(tmp_path / "keys"))
    monkeypatch.setattr("peak_console.tui.screens.changing.FilesWatch", partial(FilesWatch, every_s=FAST_S))
    root = write_workspace(tmp_path)
    path = root / "configs/ai/layer_model_matrix.toml"
    app = make_app(matrix_source(), root=root)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await keys(pilot, "4")
        screen = app.screen
        assert isinstance(screen, MatrixScreen)
        path.write_text(MATRIX.replace("quick and cheap", "quick"), encoding="utf-8")
        await told(pilot, lambda: screen.state is not None and "cheap" not in screen.state.text)
        await keys(pilot, "e")
        await pilot.press("ctrl+home")
        await typed(pilot, "# mine")
        path.write_text(MATRIX.replace("the last resort", "the very last"), encoding="utf-8")
        await told(pilot, lambda: "CHANGED OUTSIDE" in screen_text(app))
        await pilot.press("escape")
        await press(pilot, "o")
        screen.proving().wait()
        await told(pilot, lambda: isinstance(app.screen, MergeScreen))
        await press(pilot, "ctrl+y")
        await calm(pilot)
        state = screen.state
        assert state is not None
        assert state.text.startswith("# mine")
        assert "the very last" in state.text
        assert "cheap" in state.text  # the disk took its own word back
        assert state.disk == state.base
        assert "CHANGED OUTSIDE" not in screen_text(app)
        await press(pilot, "ctrl+p", *"open budgets", "enter")
        await told(pilot, lambda: screen.open_name == "budgets")
        await pilot.press("escape")
        await press(pilot, "colon", *"about openai:gpt-6-luna", "enter")
        await told(pilot, lambda: "L2.primary" in screen_text(app))
        assert "400,000 tokens" in screen_text(app)


async def told(pilot: object, true: Callable[[], bool]) -> None:
    """Let the app work until ``true``."""
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end
        await pilot.pause(FAST_S)  # type: ignore[attr-defined]
    await pilot.pause()  # type: ignore[attr-defined]


def test_what_can_be_named_is_found(tmp_path: Path) -> None:
    """Configs, models with their state and slots, themes; without a workspace the themes."""
    found = {
        one.text: one.help
        for one in things_of(Workspace(write_workspace(tmp_path)), matrix_source().clock.now())
    }
    assert found["open budgets"] == "configs/ai/budgets.toml"
    assert "L2.primary" in found["model openai:gpt-6-luna"]
    assert "theme high-contrast" in found
    assert {one.kind for one in things_of(None, matrix_source().clock.now())} == {"theme"}
