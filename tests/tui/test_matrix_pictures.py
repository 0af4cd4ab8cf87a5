"""The Matrix screen in each state that a person can name, at both sizes, as a picture and as text."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from console_driving import make_app
from matrix_scenes import MATRIX, calm, keys, matrix_source, write_workspace
from textual.pilot import Pilot

Looks = Callable[..., None]


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drafts of this test alone."""
    monkeypatch.setenv("PEAK_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PEAK_KEYS_DIR", str(tmp_path / "keys"))


def after(*pressed: str) -> Callable[[Pilot[Any]], Any]:
    """The steps: open the screen, press keys, wait until it is calm."""

    async def steps(pilot: Pilot[Any]) -> None:
        await keys(pilot, "4", *pressed)
        await calm(pilot)

    return steps


def test_matrix_normal(looks: Looks, size: str, tmp_path: Path) -> None:
    """The grid with its figures, the slot in full; beside it the text, where there is room."""
    looks(make_app(matrix_source(), root=write_workspace(tmp_path)), size, steps=after())


def test_matrix_text(looks: Looks, size: str, tmp_path: Path) -> None:
    """The text with its findings below: marks beside the lines, the finding's words and what to do."""
    broken = MATRIX.replace('"gpt-6-luna"', '"claude-9"', 1).replace("[L4.primary]", "[L4.primary")
    looks(make_app(matrix_source(), root=write_workspace(tmp_path, broken)), size, steps=after("tab"))


def test_matrix_empty(looks: Looks, tmp_path: Path) -> None:
    """Without a matrix and a ledger the screen says so, and which key writes one."""
    root = write_workspace(tmp_path, None)
    looks(make_app(matrix_source("empty"), root=root), "80x24", steps=after())


def test_matrix_stale(looks: Looks, tmp_path: Path) -> None:
    """Where the ledger is away, its last figures stand with their age and why."""
    looks(make_app(matrix_source("stale"), root=write_workspace(tmp_path)), "120x40", steps=after())
