"""The Matrix screen at work: grid and text follow each other, drafts survive, stopping stays near."""

from pathlib import Path

import pytest
from console_driving import make_app, screen_text
from matrix_scenes import HOSTILE_MATRIX, MATRIX, calm, keys, matrix_source, typed, write_workspace

from peak_console.config.workspace import Workspace
from peak_console.operations.workbench.drafts import drafts_of
from peak_console.tui.app import PeakApp
from peak_console.tui.screens.incident import IncidentPanel
from peak_console.tui.screens.matrix import MatrixScreen
from peak_console.tui.screens.picker import Picker
from peak_console.tui.widgets.editor import ConfigEditor

WIDE, NARROW = (120, 40), (80, 24)


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drafts and keys of this test alone."""
    monkeypatch.setenv("PEAK_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PEAK_KEYS_DIR", str(tmp_path / "keys"))


def open_app(tmp_path: Path, matrix: str | None = MATRIX, *, readonly: bool = False) -> PeakApp:
    """The console over a workspace with ``matrix``."""
    root = tmp_path / "eurusd-desk"
    if not root.exists():
        write_workspace(tmp_path, matrix)
    return make_app(matrix_source(), root=root, readonly=readonly)


def screen_of(app: PeakApp) -> MatrixScreen:
    """The Matrix screen below whatever is open."""
    screen = app.screen_stack[0]
    assert isinstance(screen, MatrixScreen)
    return screen


def models_of(screen: MatrixScreen, layer: str, role: str) -> list[str]:
    """The models of a chain as the grid has them."""
    return [one.model_id for one in screen.places if (one.layer, one.role) == (layer, role)]


async def test_an_edit_of_the_text_stands_in_the_grid(tmp_path: Path) -> None:
    """What is typed is a new model in the grid, an unsaved draft in the tab, and nothing on disk."""
    app = open_app(tmp_path)
    async with app.run_test(size=WIDE) as pilot:
        await keys(pilot, "4", "e")
        screen = screen_of(app)
        assert isinstance(screen.focused, ConfigEditor)
        screen.editor.go_to(9, 1)
        await pilot.press("ctrl+k")
        await typed(pilot, 'model_id = "gpt-6-mini"')
        assert models_of(screen, "L0", "primary") == ["gpt-6-mini"]
        assert screen.state.dirty
        assert "unsaved draft" in screen_text(app)
        assert (tmp_path / "eurusd-desk/configs/ai/layer_model_matrix.toml").read_text() == MATRIX


async def test_an_edit_of_the_grid_stands_in_the_text(tmp_path: Path) -> None:
    """A model picked for a slot changes its one line; the comment beside it stays; ctrl+z takes it back."""
    app = open_app(tmp_path)
    async with app.run_test(size=WIDE) as pilot:
        await keys(pilot, "4", "m")
        await app.workers.wait_for_complete()
        await calm(pilot)
        assert isinstance(app.screen, Picker)
        await typed(pilot, "openai:gpt-6-mini")
        await keys(pilot, "enter")
        screen = screen_of(app)
        assert screen.state.text == MATRIX.replace(
            'model_id = "gpt-6-nano"   # quick', 'model_id = "gpt-6-mini"   # quick', 1
        )
        assert models_of(screen, "L0", "primary") == ["gpt-6-mini"]
        await keys(pilot, "e", "ctrl+z")
        assert screen.state.text == MATRIX


async def test_a_fallback_moves_with_its_comments(tmp_path: Path) -> None:
    """J puts a fallback behind the next one, with its comments; the cursor goes too; del takes it out."""
    app = open_app(tmp_path)
    async with app.run_test(size=WIDE) as pilot:
        await keys(pilot, "4", "down", "J")
        screen = screen_of(app)
        assert models_of(screen, "L0", "fallback") == ["gpt-6-mini", "gemini-3-flash"]
        text = screen.state.text
        assert text.index("# the last resort") < text.index("gpt-6-mini") < text.index("# stands in")
        assert screen.row.place.model_id == "gemini-3-flash"
        await keys(pilot, "delete")
        assert models_of(screen, "L0", "fallback") == ["gpt-6-mini"]


async def test_a_broken_text_still_shows_what_it_can(tmp_path: Path) -> None:
    """A header without its bracket leaves the other slots in the grid, and a finding at the place."""
    app = open_app(tmp_path, MATRIX.replace("[L2.primary]", "[L2.primary"))
    async with app.run_test(size=WIDE) as pilot:
        await keys(pilot, "4")
        screen = screen_of(app)
        assert models_of(screen, "L4", "primary") == ["gemini-3-pro"]
        assert "not TOML" in screen_text(app)
        finding = screen.finding
        await keys(pilot, "tab", "tab", "enter")
        assert finding is not None
        assert isinstance(screen.focused, ConfigEditor)
        assert screen.editor.cursor_location == (finding.line - 1, finding.column - 1)


async def test_a_quick_fix_mends_the_draft(tmp_path: Path) -> None:
    """F4 on the finding's line makes its change; lint then no longer says it."""
    text = MATRIX.replace('"google"\nmodel_id = "gemini-3-flash"', '"openai"\nmodel_id = "gpt-6-nano"')
    app = open_app(tmp_path, text)
    async with app.run_test(size=WIDE) as pilot:
        await keys(pilot, "4", "e")
        screen = screen_of(app)
        fixable = next(one for one in screen.state.findings if one.fix)
        screen.editor.go_to(fixable.line, fixable.column)
        await keys(pilot, "f4")
        assert screen.state.text != text
        assert (fixable.rule, fixable.message) not in {
            (one.rule, one.message) for one in screen.state.findings
        }


async def test_a_draft_survives_the_console(tmp_path: Path) -> None:
    """A draft is there again in the next console, with its age; discarding asks first."""
    app = open_app(tmp_path)
    async with app.run_test(size=WIDE) as pilot:
        await keys(pilot, "4", "e")
        await typed(pilot, "# half a thought\n".rstrip())
        await pilot.press("x")  # not stored yet when the console is left
    store = drafts_of(Workspace(tmp_path / "eurusd-desk"))
    kept = store.get("matrix")
    assert kept is not None
    assert kept.text.startswith("# half a thoughtx")
    assert kept.base_text == MATRIX
    app = open_app(tmp_path)
    async with app.run_test(size=WIDE) as pilot:
        await keys(pilot, "4")
        screen = screen_of(app)
        assert screen.state.text == kept.text
        assert "unsaved draft restored" in screen_text(app)
        await keys(pilot, "D", "enter")
        assert screen.state.dirty, "the first choice keeps the draft"
        await keys(pilot, "D", "down", "enter")
        assert screen.state.text == MATRIX
        assert store.get("matrix") is None


@pytest.mark.parametrize("size", [NARROW])
async def test_the_incident_panel_is_one_key_away_from_the_text(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    """In the text ! types; ctrl+g opens the panel, where s stops; esc leaves the text."""
    app = open_app(tmp_path)
    async with app.run_test(size=size) as pilot:
        await keys(pilot, "4", "tab", "!", "q", "1")
        screen = screen_of(app)
        assert screen.state.text.startswith("!q1"), "printable keys type"
        await keys(pilot, "ctrl+g")
        assert isinstance(app.screen, IncidentPanel)
        await keys(pilot, "escape", "escape")
        assert screen.focused is screen.grid
        await keys(pilot, "!")
        assert isinstance(app.screen, IncidentPanel)


async def test_readonly_shows_and_changes_nothing(tmp_path: Path) -> None:
    """With --readonly the text takes no key, the grid no edit, and both say why."""
    app = open_app(tmp_path, readonly=True)
    async with app.run_test(size=WIDE) as pilot:
        await keys(pilot, "4", "delete", "e", "x")
        screen = screen_of(app)
        assert screen.state.text == MATRIX
        assert "--readonly" in screen_text(app)


async def test_every_config_has_a_tab(tmp_path: Path) -> None:
    """] opens the next config; a prompt is text; the lock cannot be edited as text."""
    app = open_app(tmp_path)
    async with app.run_test(size=WIDE) as pilot:
        await keys(pilot, "4", "]")
        screen = screen_of(app)
        assert screen.open_name == "models"
        screen.do_matrix_config("lock")
        await calm(pilot)
        assert "peak lock write" in screen.state.locked
        await keys(pilot, "escape", "escape")
        assert screen.open_name == "matrix"


async def test_completion_knows_what_fits(tmp_path: Path) -> None:
    """ctrl+space at a model lists the provider's models; the one picked stands in the line."""
    app = open_app(tmp_path)
    async with app.run_test(size=WIDE) as pilot:
        await keys(pilot, "4", "e")
        screen = screen_of(app)
        screen.editor.go_to(9, 14)
        await pilot.press("ctrl+at")
        await app.workers.wait_for_complete()
        await calm(pilot)
        assert isinstance(app.screen, Picker)
        await keys(pilot, "ctrl+u")
        await typed(pilot, "luna")
        await keys(pilot, "enter")
        assert models_of(screen, "L0", "primary") == ["gpt-6-luna"]
        assert "# quick and cheap" in screen.editor.document.get_line(8)


async def test_hostile_text_stays_text(tmp_path: Path) -> None:
    """Controls, turned directions and markup in a config reach no terminal and end nothing."""
    app = open_app(tmp_path, HOSTILE_MATRIX)
    async with app.run_test(size=WIDE) as pilot:
        await keys(pilot, "4", "e", "ctrl+end")
        shown = screen_text(app)
        assert "[/nope]" in shown
        assert "\u202e" not in shown
        assert "\u200b" not in shown
        assert screen_of(app).state.text == HOSTILE_MATRIX


async def test_tab_goes_round_the_panes(tmp_path: Path) -> None:
    """Grid, text, findings, grid; where only one fits, the other gives way to it."""
    app = open_app(tmp_path)
    async with app.run_test(size=NARROW) as pilot:
        await keys(pilot, "4")
        screen = screen_of(app)
        assert screen.grid.region.height
        await keys(pilot, "tab")
        assert isinstance(screen.focused, ConfigEditor)
        assert not screen.grid.region.height
        await keys(pilot, "tab")
        assert screen.focused is screen.findings
        first = screen.findings.cursor
        await keys(pilot, "n")
        assert screen.findings.cursor == first + 1
        await keys(pilot, "tab")
        assert screen.focused is screen.grid
        assert screen.grid.region.height
