"""Two consoles over one store: neither writes over the other, neither takes the other's over."""

from pathlib import Path

import pytest
from console_driving import make_app, screen_text
from matrix_scenes import MATRIX, calm, keys, matrix_source, typed, write_workspace

from peak_console.config.workspace import Workspace
from peak_console.operations.workbench.drafts import DraftStore, drafts_of
from peak_console.tui.app import PeakApp
from peak_console.tui.editing import EditorState
from peak_console.tui.screens.matrix import MatrixScreen
from peak_console.tui.screens.merge import MergeScreen
from peak_console.tui.screens.picker import Picker

WIDE = (160, 40)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DraftStore:
    """The drafts of a new workspace, and of this test alone."""
    monkeypatch.setenv("PEAK_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PEAK_KEYS_DIR", str(tmp_path / "keys"))
    write_workspace(tmp_path, MATRIX)
    return drafts_of(Workspace(tmp_path / "eurusd-desk"))


def console(tmp_path: Path, *, readonly: bool = False) -> PeakApp:
    """One more console."""
    return make_app(matrix_source(), root=tmp_path / "eurusd-desk", readonly=readonly)


def desk_of(app: PeakApp) -> MatrixScreen:
    """Its Matrix screen."""
    screen = app.screen_stack[0]
    assert isinstance(screen, MatrixScreen)
    return screen


def state_of(app: PeakApp) -> EditorState:
    """What its editor holds."""
    state = desk_of(app).state
    assert state is not None
    return state


def texts(store: DraftStore) -> set[str]:
    """The first lines of what is kept."""
    return {one.text.splitlines()[0] for one in store.of("matrix")}


async def test_two_consoles_keep_a_draft_each(tmp_path: Path, store: DraftStore) -> None:
    """Both edits are kept; the second console sees the file, and the first's draft named, not adopted."""
    first, second = console(tmp_path), console(tmp_path)
    async with first.run_test(size=WIDE) as one:
        await keys(one, "4", "e")
        await typed(one, "# A")
        async with second.run_test(size=WIDE) as two:
            await keys(two, "4")
            assert state_of(second).text == MATRIX
            assert "open in another console" in screen_text(second)
            await keys(two, "e")
            await typed(two, "# B")
            assert texts(store) == {"# A" + MATRIX.splitlines()[0], "# B" + MATRIX.splitlines()[0]}
            await keys(two, "escape", "d", "enter")
            assert isinstance(second.screen, MergeScreen), "of an open console only comparing is offered"
            other = state_of(second).others[0].draft.id
            shown = screen_text(second)
            assert any(f" {other} " in line and "│ # A" in line for line in shown.splitlines())
            assert " disk " not in shown
            await keys(two, "T")
            assert state_of(second).text.startswith("# A")
        await calm(one)
        assert state_of(first).text.startswith("# A")


async def test_drafts_of_consoles_that_ended_are_offered(tmp_path: Path, store: DraftStore) -> None:
    """The newest is restored, the other is said, and dropped only when asked; nothing else is lost."""
    first, second = console(tmp_path), console(tmp_path)
    async with first.run_test(size=WIDE) as one, second.run_test(size=WIDE) as two:
        for pilot, text in ((one, "# old "), (two, "# new ")):
            await keys(pilot, "4", "e")
            await typed(pilot, text)
    third = console(tmp_path)
    async with third.run_test(size=WIDE) as three:
        await keys(three, "4")
        assert state_of(third).text.startswith("# new")
        assert "a console that has ended" in screen_text(third)
        assert len(texts(store)) == 2
        await keys(three, "d", "enter")
        assert isinstance(third.screen, Picker)
        await keys(three, "down", "enter")
        assert {one[:5] for one in texts(store)} == {"# new"}
        assert state_of(third).others == ()


async def test_readonly_shows_the_file_and_says_of_the_draft(tmp_path: Path, store: DraftStore) -> None:
    """The text is the file's; one line says that a draft exists; nothing is taken up or dropped."""
    store.put("matrix", "# theirs\n" + MATRIX, base=None, base_text=MATRIX, origin="import registry")
    app = console(tmp_path, readonly=True)
    async with app.run_test(size=WIDE) as pilot:
        await keys(pilot, "4")
        assert state_of(app).text == MATRIX
        assert "an unsaved draft of this login exists since" in screen_text(app)
        assert "# theirs" not in screen_text(app)
    assert texts(store) == {"# theirs"}
