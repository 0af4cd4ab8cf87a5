"""The console's themes. Colour-blind eyes tell green, amber and red apart too (Okabe and Ito, 2008).

Every theme defines the ``ink-*`` variables that :mod:`peak_console.tui.widgets.canvas` gives to tones. Text
stands at a contrast of 4.5 to 1 or more on every ground it is drawn on, at 7 to 1 in the theme of high
contrast (WCAG 2.2, criteria 1.4.3 and 1.4.6); ``ansi`` has the terminal's own sixteen colours and no other.
"""

from typing import Final

from textual.theme import BUILTIN_THEMES, Theme

_PEAK: Final = {
    "ink-strong": "#f2f5f9",
    "ink-dim": "#93a1b3",
    "ink-faint": "#78879d",
    "ink-stroke": "#4d5a6b",
    "ink-ok": "#3fc7a1",
    "ink-warn": "#eeb04b",
    "ink-bad": "#ff7a66",
    "ink-unknown": "#9aa5b1",
    "ink-accent": "#74b3ff",
    "ink-key": "#9cc9ff",
    "ink-l0": "#7fa7e8",
    "ink-l1": "#b79ae6",
    "ink-l2": "#55c2d6",
    "ink-l3": "#dcc06c",
    "ink-l4": "#e39bb8",
    "ink-cursor": "#1f3853",
    "ink-cursor-text": "#ffffff",
    "ink-chip-ok": "#14564a",
    "ink-chip-warn": "#7a5410",
    "ink-chip-bad": "#a52a1e",
    "ink-chip-unknown": "#48525e",
    "ink-chip-armed": "#8a2f7d",
    "ink-chip-info": "#1f4a7a",
    "ink-chip-text": "#ffffff",
    "ink-bar": "#161d27",
}

PEAK_DARK: Final = Theme(
    name="peak-dark",
    primary="#74b3ff",
    secondary="#55c2d6",
    accent="#74b3ff",
    warning="#eeb04b",
    error="#ff7a66",
    success="#3fc7a1",
    foreground="#d3dbe5",
    background="#0e131a",
    surface="#121822",
    panel="#161d27",
    dark=True,
    variables={
        **_PEAK,
        "border": "#33404f",
        "border-blurred": "#263241",
        "scrollbar": "#263241",
        "scrollbar-hover": "#3a4a5d",
        "scrollbar-active": "#4d6078",
        "scrollbar-background": "#0e131a",
        "scrollbar-background-hover": "#0e131a",
        "scrollbar-background-active": "#0e131a",
        "scrollbar-corner-color": "#0e131a",
        "block-cursor-background": "#1f3853",
        "block-cursor-foreground": "#ffffff",
        "input-selection-background": "#2b4c70",
    },
)

_OKABE_ITO: Final = {
    "ink-ok": "#56b4e9",
    "ink-warn": "#f0e442",
    "ink-bad": "#ff8a3d",
    "ink-chip-ok": "#0b5a8a",
    "ink-chip-warn": "#6f6200",
    "ink-chip-bad": "#a84300",
    "ink-dim": "#b7c1cc",
    "ink-faint": "#8492a3",
    "ink-stroke": "#6f7c8b",
}

PEAK_COLOUR_BLIND: Final = Theme(
    name="peak-colour-blind",
    primary="#56b4e9",
    secondary="#56b4e9",
    accent="#56b4e9",
    warning="#f0e442",
    error="#ff8a3d",
    success="#56b4e9",
    foreground="#e6ebf1",
    background="#0b0f14",
    surface="#10161e",
    panel="#161d27",
    dark=True,
    variables={**PEAK_DARK.variables, **_OKABE_ITO},
)

_LOUD: Final = {
    "strong": "#ffffff",
    "dim": "#d0d8e2",
    "faint": "#b8c4d4",
    "stroke": "#8a97a8",
    "ok": "#5dffb8",
    "warn": "#ffd84a",
    "bad": "#ff9f94",
    "unknown": "#d0d8e2",
    "accent": "#8fc8ff",
    "key": "#b5d9ff",
    "l0": "#9fc3ff",
    "l1": "#d9bcff",
    "l2": "#7fe9fb",
    "l3": "#ffe08a",
    "l4": "#ffb9d6",
    "cursor": "#ffffff",
    "cursor-text": "#000000",
    "chip-ok": "#00573c",
    "chip-warn": "#6b4300",
    "chip-bad": "#98121b",
    "chip-unknown": "#3a4450",
    "chip-armed": "#7a1d70",
    "chip-info": "#0b4a86",
    "chip-text": "#ffffff",
    "bar": "#0d1117",
}

PEAK_HIGH_CONTRAST: Final = Theme(
    name="peak-high-contrast",
    primary="#8fc8ff",
    secondary="#7fe9fb",
    accent="#8fc8ff",
    warning="#ffd84a",
    error="#ff9f94",
    success="#5dffb8",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#0d1117",
    dark=True,
    variables={
        **PEAK_DARK.variables,
        **{f"ink-{name}": colour for name, colour in _LOUD.items()},
        "border": "#b8c4d4",
        "border-blurred": "#8a97a8",
        "scrollbar": "#8a97a8",
        "scrollbar-background": "#000000",
        "scrollbar-corner-color": "#000000",
        "block-cursor-background": "#ffffff",
        "block-cursor-foreground": "#000000",
        "input-cursor-background": "#ffffff",
        "input-cursor-foreground": "#000000",
        "input-selection-background": "#1d4f86",
        "input-selection-foreground": "#ffffff",
    },
)

_GREYS: Final = {
    "strong": "#ffffff",
    "dim": "#b0b0b0",
    "faint": "#868686",
    "stroke": "#606060",
    "ok": "#d0d0d0",
    "warn": "#f0f0f0",
    "bad": "#ffffff",
    "unknown": "#a8a8a8",
    "accent": "#ffffff",
    "key": "#e0e0e0",
    "l0": "#c8c8c8",
    "l1": "#c8c8c8",
    "l2": "#c8c8c8",
    "l3": "#c8c8c8",
    "l4": "#c8c8c8",
    "cursor": "#3a3a3a",
    "chip-ok": "#303030",
    "chip-warn": "#505050",
    "chip-bad": "#707070",
    "chip-unknown": "#383838",
    "chip-armed": "#707070",
    "chip-info": "#383838",
    "bar": "#1a1a1a",
}

PEAK_MONOCHROME: Final = Theme(
    name="peak-monochrome",
    primary="#ffffff",
    secondary="#c0c0c0",
    accent="#ffffff",
    warning="#f0f0f0",
    error="#ffffff",
    success="#d0d0d0",
    foreground="#d8d8d8",
    background="#101010",
    surface="#141414",
    panel="#1a1a1a",
    dark=True,
    variables={**PEAK_DARK.variables, **{f"ink-{name}": colour for name, colour in _GREYS.items()}},
)

_ANSI: Final = {
    "strong": "ansi_default",
    "dim": "ansi_default",
    "faint": "ansi_bright_black",
    "stroke": "ansi_bright_black",
    "ok": "ansi_green",
    "warn": "ansi_yellow",
    "bad": "ansi_bright_red",
    "unknown": "ansi_default",
    "accent": "ansi_bright_blue",
    "key": "ansi_bright_cyan",
    "l0": "ansi_bright_blue",
    "l1": "ansi_bright_magenta",
    "l2": "ansi_cyan",
    "l3": "ansi_yellow",
    "l4": "ansi_magenta",
    "cursor": "ansi_blue",
    "cursor-text": "ansi_bright_white",
    "chip-ok": "ansi_green",
    "chip-warn": "ansi_yellow",
    "chip-bad": "ansi_bright_red",
    "chip-unknown": "ansi_white",
    "chip-armed": "ansi_bright_magenta",
    "chip-info": "ansi_cyan",
    "chip-text": "ansi_black",
    "bar": "ansi_default",
}

PEAK_ANSI: Final = Theme(
    name="peak-ansi",
    ansi=True,
    primary="ansi_blue",
    secondary="ansi_cyan",
    accent="ansi_bright_blue",
    warning="ansi_yellow",
    error="ansi_red",
    success="ansi_green",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    dark=True,
    variables={
        **BUILTIN_THEMES["ansi-dark"].variables,
        **{f"ink-{name}": colour for name, colour in _ANSI.items()},
        "border": "ansi_bright_black",
        "block-cursor-foreground": "ansi_bright_white",
        "block-cursor-background": "ansi_blue",
    },
)

SETTINGS: Final = {
    "peak": PEAK_DARK,
    "high-contrast": PEAK_HIGH_CONTRAST,
    "colour-blind": PEAK_COLOUR_BLIND,
    "monochrome": PEAK_MONOCHROME,
    "ansi": PEAK_ANSI,
}
"""What ``theme`` in ``configs/console.toml`` and ``:theme`` may say; the first is the default."""
THEMES: Final = tuple(SETTINGS.values())


def theme_name(setting: str) -> str:
    """The theme that ``theme`` in ``configs/console.toml`` means; the default for a word unknown here."""
    return SETTINGS.get(setting, PEAK_DARK).name


def setting_of(theme: str) -> str:
    """The setting that means the theme of this name."""
    return next((setting for setting, one in SETTINGS.items() if one.name == theme), theme)


def variable_defaults() -> dict[str, str]:
    """The ``ink-*`` variables for themes that do not define them."""
    return dict(_PEAK)
