"""How text that is edited looks: a theme of the editor for each theme of the console, of the same colours."""

from typing import TYPE_CHECKING, Final

from rich.color import Color as RichColor
from rich.style import Style
from textual.color import Color
from textual.theme import Theme

from peak_console.tui.theme import PEAK_DARK, variable_defaults

if TYPE_CHECKING:
    from textual._text_area_theme import TextAreaTheme
    from textual.widgets import TextArea

_SYNTAX: Final = {
    "toml.type": ("key", ""),
    "string": ("l3", ""),
    "number": ("l1", ""),
    "float": ("l1", ""),
    "boolean": ("l1", "bold"),
    "toml.datetime": ("l4", ""),
    "comment": ("faint", "italic"),
    "operator": ("dim", ""),
    "punctuation.delimiter": ("dim", ""),
    "punctuation.bracket": ("dim", ""),
    "heading": ("accent", "bold"),
    "heading.marker": ("dim", ""),
}
"""Highlights of Textual's TOML and Markdown queries: tone, attributes. ``property`` is left out: it spans
a whole line, comment and all; ``toml.error`` too: it spans what is valid, and lint names the place."""


def editor_theme(theme: Theme) -> "TextAreaTheme":
    """The editor's theme that fits ``theme``, under the same name."""
    from textual._text_area_theme import TextAreaTheme  # noqa: PLC0415 - only where something is edited

    inks = {**variable_defaults(), **theme.variables}

    def style(ink: str, attributes: str = "", *, ground: str = "") -> Style:
        look = Style.parse(attributes) if attributes else Style()
        colour = Color.parse(inks[f"ink-{ink}"]).rich_color
        return look + Style(color=colour, bgcolor=_ground(inks[ground]) if ground else None)

    return TextAreaTheme(
        name=theme.name,
        gutter_style=style("faint"),
        cursor_style=style("cursor-text", ground="ink-cursor")
        if theme.ansi
        else Style(color=Color.parse(theme.background or "#000000").rich_color, bgcolor=_ground("#ffffff")),
        cursor_line_style=Style(bgcolor=None if theme.ansi else _ground(inks["ink-bar"])),
        cursor_line_gutter_style=style("strong", "bold"),
        bracket_matching_style=Style(bold=True, underline=True),
        selection_style=_selection(theme),
        syntax_styles={name: style(ink, attributes) for name, (ink, attributes) in _SYNTAX.items()},
    )


def _selection(theme: Theme) -> Style:
    variables = {**PEAK_DARK.variables, **theme.variables}
    ground = _ground(variables["input-selection-background"])
    if not theme.ansi:
        return Style(bgcolor=ground)
    return Style(color=_ground(variables["input-selection-foreground"]), bgcolor=ground)


def _ground(colour: str) -> RichColor:
    return Color.parse(colour).rich_color


def dress(area: "TextArea") -> None:
    """Give ``area`` the editor's theme that fits the console's, now and after each change of it."""

    def take(theme: Theme) -> None:
        area.register_theme(editor_theme(theme))
        area.theme = theme.name

    take(area.app.current_theme)
    area.app.theme_changed_signal.subscribe(area, take)
