"""The themes: what is read can be read, and a terminal's own colours stay its own."""

import re

import pytest
from console_driving import make_app, press, screen_text, settle
from console_scenes import scene
from rich.style import Style
from textual.theme import Theme

from peak_console.tui.command_line import complete_command
from peak_console.tui.editor_theme import editor_theme
from peak_console.tui.ink import Tone
from peak_console.tui.theme import PEAK_ANSI, PEAK_HIGH_CONTRAST, SETTINGS, THEMES, setting_of
from peak_console.tui.widgets.canvas import contrast, styles_on, styles_under_cursor

COLOURED = [one for one in THEMES if not one.ansi]
WORDS = [tone for tone in Tone if tone is not Tone.STROKE]
STROKE_LEAST = 2.0


def least(theme: Theme) -> float:
    """The contrast that the theme promises for text."""
    return 7.0 if theme is PEAK_HIGH_CONTRAST else 4.5


def name_of(theme: Theme) -> str:
    """For the tests' ids."""
    return theme.name


def drawn(style: Style) -> float:
    """The contrast of a style's text on its own ground."""
    assert style.color is not None
    assert style.bgcolor is not None
    return contrast(style.color.name, style.bgcolor.name)


def inks(theme: Theme) -> tuple[tuple[str, str], ...]:
    """The theme's tones."""
    return tuple((name, value) for name, value in theme.variables.items() if name.startswith("ink-"))


def grounds(theme: Theme) -> list[Style]:
    """What tones are drawn on: the screen, panels, bars."""
    named = {str(theme.background), str(theme.surface), str(theme.panel), theme.variables["ink-bar"]}
    return [Style(color=str(theme.foreground), bgcolor=ground) for ground in sorted(named)]


def test_the_ratio_is_the_one_that_is_defined() -> None:
    """Black on white is 21 to 1, a colour on itself 1 to 1; the grey #767676 on white is just readable."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#123456", "#123456") == pytest.approx(1)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", COLOURED, ids=name_of)
def test_every_tone_can_be_read_on_every_ground(theme: Theme) -> None:
    """No word is fainter than the theme promises, under the cursor neither; strokes can be seen."""
    for ground in grounds(theme):
        styles = styles_on(ground, inks(theme))
        weak = {tone.value: drawn(styles[tone]) for tone in WORDS if drawn(styles[tone]) < least(theme)}
        assert not weak, f"on {ground.bgcolor}"
        assert drawn(styles[Tone.STROKE]) >= STROKE_LEAST
        below = styles_under_cursor(ground, inks(theme))
        assert not {tone.value: drawn(below[tone]) for tone in Tone if drawn(below[tone]) < 4.5}


@pytest.mark.parametrize("theme", COLOURED, ids=name_of)
def test_edited_text_can_be_read(theme: Theme) -> None:
    """Keys, values and comments stand as clear as other words: on the ground and on the cursor's line."""
    editor = editor_theme(theme)
    assert editor.name == theme.name
    looks = {**editor.syntax_styles, "gutter": editor.gutter_style or Style()}
    for ground in (str(theme.background), str(theme.surface), theme.variables["ink-bar"]):
        weak = {
            name: look.color.name
            for name, look in looks.items()
            if look.color is not None and contrast(look.color.name, ground) < least(theme)
        }
        assert not weak, f"on {ground}"
    assert editor.cursor_style is not None
    assert drawn(editor.cursor_style) >= least(theme)


def test_good_waiting_and_bad_differ_for_colour_blind_eyes() -> None:
    """They are told apart by blue against yellow and orange, never by red against green."""
    variables = SETTINGS["colour-blind"].variables
    red, green, blue = (int(variables["ink-ok"][at : at + 2], 16) for at in (1, 3, 5))
    assert blue > green > red
    for name in ("ink-warn", "ink-bad"):
        red, green, blue = (int(variables[name][at : at + 2], 16) for at in (1, 3, 5))
        assert red > blue
        assert green > blue


def test_greys_only_in_the_theme_without_colour() -> None:
    """What is shown without colour has none: tones and edited text alike."""
    theme = SETTINGS["monochrome"]
    for name, value in inks(theme):
        assert re.fullmatch(r"#(..)\1\1", value), name
    for name, look in editor_theme(theme).syntax_styles.items():
        assert look.color is not None
        assert re.fullmatch(r"#(..)\1\1", look.color.name), name


def test_the_terminals_own_colours_and_no_other() -> None:
    """Nothing of the theme is a colour of ours: neither tones nor grounds nor edited text."""
    for name, value in inks(PEAK_ANSI):
        assert value.startswith("ansi_"), name
    looks = editor_theme(PEAK_ANSI)
    styles = [*looks.syntax_styles.values(), looks.cursor_style, looks.selection_style, looks.gutter_style]
    for style in styles:
        assert style is not None
        assert style.color is None or style.color.triplet is None
        assert style.bgcolor is None or style.bgcolor.triplet is None


async def test_a_theme_is_taken_by_its_name_at_once() -> None:
    """``:theme NAME`` shows it; a name that is none is said with those there are; without one, the next."""
    app = make_app(scene("normal"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await press(pilot, "colon", *"theme high-contrast", "enter")
        assert app.theme == PEAK_HIGH_CONTRAST.name
        await press(pilot, "colon", *"theme pink", "enter")
        assert app.theme == PEAK_HIGH_CONTRAST.name
        assert "there is no theme pink" in screen_text(app)
        await press(pilot, "colon", *"theme", "enter")
        assert setting_of(app.theme) == "colour-blind"
    assert complete_command("theme hi") == "theme high-contrast"


async def test_without_colour_the_greys_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR chooses the theme of greys."""
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_app(scene("normal"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert setting_of(app.theme) == "monochrome"
