"""Save, history and the three-way view in each state a person can name, at both sizes."""

from collections.abc import Callable
from typing import Any

import pytest
from change_scenes import BASE, DRAFT, MATRIX, MODEL, OUTSIDE, bench, change_app, sha256
from console_driving import press, settle
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

from peak_console.operations.workbench.files import Standing
from peak_console.tui.screens.history import HistoryScreen
from peak_console.tui.screens.merge import MergeScreen
from peak_console.tui.screens.model import ModelScreen
from peak_console.tui.screens.save import Proposal, SaveDialog

Looks = Callable[..., None]


def shown(make: Callable[[], Screen[None]], *keys: str) -> Callable[[Pilot[Any]], Any]:
    """Open a screen and press keys, then wait for the work that follows from them; no cursor blinks."""

    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.app.push_screen(make())
        await rest(pilot)
        await press(pilot, *keys)
        await rest(pilot)
        pilot.app.clear_notifications()
        for field in pilot.app.screen.query(Input):
            field.cursor_blink = False

    return steps


async def rest(pilot: Pilot[Any]) -> None:
    """Wait for the work of the screen on top."""
    for _ in range(2):
        for name in ("work", "long_work", "proving"):
            begun = getattr(pilot.app.screen, name, None)
            if begun is not None:
                begun().wait()
        await settle(pilot)


def dialogue() -> SaveDialog:
    """The save of the draft."""
    return SaveDialog(Proposal(MATRIX, DRAFT, sha256(BASE)))


def history() -> HistoryScreen:
    """The matrix's history."""
    return HistoryScreen(MATRIX)


def three_way() -> MergeScreen:
    """The draft against a file that changed outside."""
    return MergeScreen(MATRIX, (BASE, DRAFT), Standing(OUTSIDE, sha256(OUTSIDE)), lambda _: None)


@pytest.mark.parametrize(
    ("size", "state"),
    [("80x24", "normal"), ("80x24", "concerns"), ("120x40", "concerns"), ("80x24", "refusing")],
)
def test_save_dialogue(looks: Looks, size: str, state: str) -> None:
    """What changes, what it costs, what stands against it, who signs, and what is still missing."""
    made_up = bench(state)
    looks(change_app(made_up), size, steps=shown(dialogue))


@pytest.mark.parametrize("state", ["live", "hostile"])
def test_save_dialogue_filled_in(looks: Looks, state: str) -> None:
    """With reason and word the key that saves, or proposes, is named; hostile text stays text."""
    keys = (*"why", "tab", *"CHANGE") if state == "hostile" else tuple("why")
    looks(change_app(bench(state)), "80x24", steps=shown(dialogue, *keys))


@pytest.mark.parametrize(("size", "state"), [("80x24", "normal"), ("120x40", "normal"), ("80x24", "empty")])
def test_history(looks: Looks, size: str, state: str) -> None:
    """Versions with who, when and why over the difference to the one before; empty says why."""
    looks(change_app(bench(state)), size, steps=shown(history, "down"))


def test_history_compared(looks: Looks) -> None:
    """A marked version is compared with the one under the cursor; a text that is not kept says so."""
    keys = ("m", "down", "down", "down")
    looks(change_app(bench("normal")), "80x24", steps=shown(history, *keys))


def test_history_hostile(looks: Looks) -> None:
    """What people and ledgers say stays text."""
    looks(change_app(bench("hostile")), "80x24", steps=shown(history))


def test_version(looks: Looks) -> None:
    """A version's text, to read."""
    looks(change_app(bench("normal")), "80x24", steps=shown(history, "down", "enter"))


def test_three_way(looks: Looks, size: str) -> None:
    """What both sides changed, and what the merge makes of the file."""
    looks(change_app(bench("normal")), size, steps=shown(three_way))


def test_three_way_settled(looks: Looks) -> None:
    """A conflict that is settled says with whose lines."""
    looks(change_app(bench("normal")), "80x24", steps=shown(three_way, "t"))


def test_model(looks: Looks) -> None:
    """A model's page: what is known, with source and date, and what nobody has said."""
    looks(change_app(bench("normal")), "80x24", steps=shown(lambda: ModelScreen(MODEL)))
