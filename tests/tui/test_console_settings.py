"""The settings that the first paint needs, as the file gives them or their defaults."""

from datetime import timedelta
from pathlib import Path

import pytest
from console_scenes import NOW, bar
from test_ink import text_of

from peak_console.config.console import Theme
from peak_console.operations.views.freshness import Freshness, Health
from peak_console.tui.bar_drawing import BarFlags, draw_bar
from peak_console.tui.settings import read_settings
from peak_console.tui.theme import PEAK_DARK, theme_name


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("stale_after_ms = 20000\n", 20.0), ("stale_after_ms = 'x'\n", 5.0), ("", 5.0), ("[\n", 5.0)],
)
def test_the_age_of_what_is_stale_is_read(tmp_path: Path, text: str, seconds: float) -> None:
    """The file's, or five seconds where it gives none that can be used."""
    path = tmp_path / "console.toml"
    path.write_text(text, encoding="utf-8")
    assert read_settings(path).stale_s == seconds


def test_the_bar_and_figures_keep_to_it() -> None:
    """What is ten seconds old is stale under the default, and is not where twenty are allowed."""
    later = NOW + timedelta(seconds=10)
    assert "DISARMED?" in text_of(draw_bar(bar("normal"), later, 119, BarFlags()))
    assert "DISARMED?" not in text_of(draw_bar(bar("normal"), later, 119, BarFlags(stale_s=20)))
    assert Freshness(NOW).health(later) is Health.STALE
    assert Freshness(NOW).health(later, 20) is Health.FRESH


def test_every_theme_that_may_be_set_is_one_of_its_own() -> None:
    """No setting falls back silently to the default."""
    names = {one: theme_name(one.value) for one in Theme}
    assert len(set(names.values())) == len(names)
    assert [one for one, name in names.items() if name == PEAK_DARK.name] == [Theme.PEAK]
