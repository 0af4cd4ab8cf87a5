from collections.abc import Callable, Iterator
from typing import Any

import pytest
from coming_to_rest import told_by_the_app
from console_driving import press, screen_text, settle
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.pilot import Pilot

from peak_console.tui.app import PeakApp

SIZES = {"80x24": (80, 24), "120x40": (120, 40)}
Steps = Callable[[Pilot[Any]], Any]


class _TextExtension(SingleFileSnapshotExtension):
    """One plain-text file a snapshot: its diff can be read."""

    _write_mode = WriteMode.TEXT
    _file_extension = "txt"


@pytest.fixture(scope="session", autouse=True)
def parsed_once() -> Iterator[None]:
    """A style sheet with the same variables is parsed once for all apps, not several times for each."""
    known: dict[tuple[object, ...], list[RuleSet]] = {}
    parse = Stylesheet._parse_rules

    def parsed(sheet: Stylesheet, css: str, *place: Any, **named: Any) -> list[RuleSet]:
        key = (css, place, frozenset(named.items()), frozenset(sheet._variables.items()))
        if key not in known:
            known[key] = parse(sheet, css, *place, **named)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", parsed)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_clock() -> Iterator[None]:
    """What a test waits for is the app, not time."""
    with told_by_the_app():
        yield


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """No trace of the terminal that the tests run in."""
    for name in (
        "NO_COLOR",
        "COLORTERM",
        "TEXTUAL_THEME",
        "TEXTUAL_ANIMATIONS",
        "CLICOLOR_FORCE",
        "FORCE_COLOR",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr("textual.constants.TEXTUAL_ANIMATIONS", "none", raising=False)


@pytest.fixture
def looks(snap_compare: Any, snapshot: SnapshotAssertion) -> Callable[..., None]:
    """Compare what an app shows after ``steps`` with its picture and its text."""

    def compare(app: PeakApp, size: str, *keys: str, steps: Steps | None = None) -> None:
        texts: list[str] = []

        async def before(pilot: Pilot[Any]) -> None:
            await press(pilot, *keys)
            if steps is not None:
                await steps(pilot)
            await settle(pilot)
            texts.append(screen_text(app))

        columns, rows = SIZES[size]
        pictured = snap_compare(app, terminal_size=(columns, rows), run_before=before)
        assert texts[0] == snapshot(extension_class=_TextExtension)
        assert pictured

    return compare


@pytest.fixture(params=list(SIZES))
def size(request: pytest.FixtureRequest) -> str:
    """Both sizes that the screens are made for."""
    return str(request.param)
