"""Where a text has the focus: the bar's keys work there, what is typed acts nowhere, two keys stop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from change_scenes import BASE, DRAFT, bench, sha256
from change_scenes import MATRIX as MATRIX_TARGET
from console_driving import make_app, press, screen_text, settle
from console_scenes import scene
from matrix_scenes import MATRIX, keys, matrix_source, write_workspace
from textual.pilot import Pilot

from peak_console.config.workspace import Workspace
from peak_console.tui.app import PeakApp
from peak_console.tui.lifting import Lowered
from peak_console.tui.screens.enable import EnableDialog
from peak_console.tui.screens.incident import IncidentPanel
from peak_console.tui.screens.lift import LiftDialog
from peak_console.tui.screens.picker import Choice, Picker
from peak_console.tui.screens.save import Proposal, SaveDialog
from peak_console.tui.widgets.form import Cancel
from peak_console.tui.widgets.prompt import PlainInput


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drafts and keys of this test alone."""
    monkeypatch.setenv("PEAK_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PEAK_KEYS_DIR", str(tmp_path / "keys"))


def bar_of(app: PeakApp) -> str:
    """The key bar as it stands on the screen."""
    return screen_text(app).rstrip("\n").splitlines()[-1]


@asynccontextmanager
async def save_dialogue(
    state: str = "concerns", size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[PeakApp, Pilot[Any]]]:
    """The console with the save of a draft on top."""
    app = make_app(scene("normal"))
    app.opening = replace(app.opening, bench=bench(state))
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        dialogue = SaveDialog(Proposal(MATRIX_TARGET, DRAFT, sha256(BASE)))
        await app.push_screen(dialogue)
        await settle(pilot)
        dialogue.work().wait()
        await settle(pilot)
        yield app, pilot


def field(app: PeakApp, name: str) -> str:
    """What stands in a field of the dialogue."""
    return app.screen.query_one(f"#{name}", PlainInput).value


async def test_what_is_typed_on_cancel_is_the_reason_and_no_command() -> None:
    """Every letter goes into the reason, then, on Cancel again, into the word; none acts."""
    async with save_dialogue() as (app, pilot):
        assert isinstance(app.focused, Cancel)
        told = len(app.notices)
        await press(pilot, *"yes! seems quite ok")
        assert field(app, "reason") == "yes! seems quite ok"
        app.screen.query_one(Cancel).focus()
        await press(pilot, *"CHANGE")
        assert (field(app, "reason"), field(app, "word")) == ("yes! seems quite ok", "CHANGE")
        assert isinstance(app.screen, SaveDialog)
        assert len(app.notices) == told


async def test_tab_leads_through_the_fields_in_their_order() -> None:
    """Reason, word, operator, cancel, the text, and round; the text shows that it has the focus."""
    async with save_dialogue() as (app, pilot):
        found: list[str | None] = []
        for _ in range(6):
            await press(pilot, "tab")
            found.append(app.focused.id if app.focused else None)
            if found[-1] == "save-page":
                assert "▊" in screen_text(app) or "▌" in screen_text(app) or "█" in screen_text(app)
        assert found == ["save-page", "reason", "word", "operator", "cancel", "save-page"]
        assert "tab next field" in bar_of(app)
        await press(pilot, "y")
        assert "cop" in app.notices[0].event


async def test_cancel_of_the_enable_dialogue_types_too() -> None:
    """What is typed there goes into the reason."""
    app = make_app(scene("alarming"))
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "e")
        app.screen.query_one(Cancel).focus()
        await press(pilot, *"query")
        assert isinstance(app.screen, EnableDialog)
        assert field(app, "reason") == "query"


@pytest.mark.parametrize("size", [(40, 10), (79, 24), (80, 20)])
async def test_where_fields_have_no_room_the_size_needed_is_said(size: tuple[int, int]) -> None:
    """One line with the size, whole, and nothing to type into; with room again the dialogue is there."""
    async with save_dialogue(size=size) as (app, pilot):
        assert "80 by 24" in screen_text(app)
        assert "reason" not in screen_text(app)
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        assert "reason" in screen_text(app)
        assert isinstance(app.focused, Cancel)


async def test_the_screens_say_the_size_in_forty_columns() -> None:
    """The size that is needed can be read whatever the posture is called."""
    for name in ("normal", "alarming", "broken"):
        app = make_app(scene(name))
        async with app.run_test(size=(40, 10)) as pilot:
            await settle(pilot)
            assert "80 by 24" in screen_text(app)


TEXTS = {
    "live": (),
    "command line": ("colon",),
    "filter line": ("2", "slash"),
    "palette": ("ctrl+p",),
    "help": ("question_mark",),
    "editor": ("4", "e"),
    "configs": ("4", "t"),
    "models": ("4", "m"),
    "history": ("4", "h"),
    "enable": (),
    "lift": (),
    "save": (),
    "save reason": ("tab", "tab"),
    "save text": ("tab",),
    "picker": (),
}


def _dialogue(app: PeakApp, place: str) -> EnableDialog | SaveDialog | Picker | None:
    if place == "enable":
        return EnableDialog()
    if place == "lift":
        return LiftDialog(Lowered("layer:L1"))
    if place == "picker":
        return Picker("pick", [Choice("one")], lambda _: None)
    if place.startswith("save"):
        app.opening = replace(app.opening, bench=bench("normal"))
        return SaveDialog(Proposal(MATRIX_TARGET, DRAFT, sha256(BASE)))
    return None


@pytest.mark.parametrize("place", TEXTS)
async def test_two_keys_stop_from_anywhere(place: str, tmp_path: Path) -> None:
    """``ctrl+g`` and ``s``, wherever the focus is; in a text the bar names that key, not ``!``."""
    root = write_workspace(tmp_path, MATRIX)
    control = Workspace(root).control
    control.mkdir(parents=True)
    app = make_app(matrix_source(), root=root)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        dialogue = _dialogue(app, place)
        if dialogue is not None:
            await app.push_screen(dialogue)
            await settle(pilot)
        await keys(pilot, *TEXTS[place])
        if app.focused is not None and isinstance(app.focused, PlainInput):
            assert "^g incident" in bar_of(app)
            assert "! incident" not in bar_of(app)
        await keys(pilot, "ctrl+g")
        assert isinstance(app.screen, IncidentPanel)
        await pilot.press("s")
        for _ in range(12_000):
            if (control / "STOP").exists():
                break
            await pilot.pause(0.005)
        assert (control / "STOP").exists()


async def test_the_bar_names_the_keys_of_the_editor_and_of_the_line(tmp_path: Path) -> None:
    """In the text: back to the grid, save, fix, next, complete, incident; no key that would be typed."""
    app = make_app(matrix_source(), root=write_workspace(tmp_path, MATRIX))
    async with app.run_test(size=(120, 40)) as pilot:
        await keys(pilot, "4", "e")
        said = bar_of(app)
        for one in ("^s save", "F4 fix", "F8 next", "^space complete", "esc grid", "^g incident", "tab "):
            assert one in said
        for one in ("! incident", "1 Live", " q quit", "? help", "e edit"):
            assert one not in said
        await keys(pilot, "escape", "colon")
        assert bar_of(app).strip() == "↵ enter  tab complete  esc leave  ^g incident"
        await keys(pilot, "escape")
        assert "! incident" in bar_of(app)
