"""A console that fails: a tick while a screen opens fails nothing, and a defect shows no value."""

import stat
from pathlib import Path

import pytest
from console_driving import make_app, settle
from console_scenes import scene

from peak_console.tui.failing import told
from peak_console.tui.messages import BarTaken
from peak_console.tui.screens.help import HelpPanel
from peak_console.tui.screens.incident import IncidentPanel

SECRET = "0123456789-not-a-real-token"


def failed() -> ValueError:
    """A defect on whose way a secret stood in a local."""

    def deeper(token: str) -> None:
        raise ValueError(f"it has {len(token)} characters")

    try:
        deeper(SECRET)
    except ValueError as error:
        return error
    raise AssertionError


async def test_a_screen_that_is_not_composed_yet_is_left_alone() -> None:
    """The clock ticks and facts arrive while ``!`` opens: there is nothing to draw on yet."""
    app = make_app(scene("normal"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        for panel in (IncidentPanel(), HelpPanel(app.screen.action_state())):
            app.push_screen(panel)
            app._tick()
            app.on_bar_taken(BarTaken(app.bar))
            await settle(pilot)
            assert app.screen is panel
            app._tick()
            app.pop_screen()


def test_a_defect_is_told_with_a_way_on_and_without_values(tmp_path: Path) -> None:
    """Three lines, and a closed file with the lines of code: no local, in which a token may stand."""
    text = told(failed(), tmp_path)
    (kept,) = (tmp_path / "crashes").iterdir()
    assert "peak console" in text
    assert "peak stop" in text
    assert str(kept) in text
    inside = kept.read_text(encoding="utf-8")
    assert "deeper(SECRET)" in inside
    assert SECRET not in inside + text
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_written_keeps_no_word_back(tmp_path: Path) -> None:
    """What failed is told all the same."""
    (tmp_path / "crashes").touch()
    assert "ValueError" in told(failed(), tmp_path)
    assert "report" not in told(failed(), tmp_path)


async def test_the_consoles_own_defect_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not with every local, as the framework would; and the process ends with a code that is not 0."""
    monkeypatch.setenv("PEAK_STATE_DIR", str(tmp_path))
    app = make_app(scene("normal"))

    async def run() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await settle(pilot)
            app._handle_exception(failed())

    with pytest.raises(ValueError, match="characters"):
        await run()
    shown = capsys.readouterr().err
    assert shown.startswith("peak: the console failed: ValueError")
    assert SECRET not in shown
    assert app.return_code == 1
