"""Alerts outside the screen: the terminal's bell, the window's title, the desktop. Each incident once.

Desktop notifications are sent only to terminals that are known to have them, by what they say of themselves
in the environment: OSC 99 (kitty, "Desktop notifications"), OSC 777 (rxvt-unicode, foot, WezTerm, Ghostty)
and OSC 9 (iTerm2, "Proprietary Escape Codes"). Title: OSC 2, kept and given back by XTWINOPS 22 and 23
(xterm, "Control Sequences"). Inside tmux and screen no notification is sent: they would not hand it on.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from peak_console.domain.incidents import IncidentState
from peak_console.domain.text import one_line
from peak_console.operations.views.bar import BarSnapshot
from peak_console.operations.views.incidents import IncidentLine

_ESC: Final = "\x1b"
_END: Final = f"{_ESC}\\"
_BELL: Final = "\x07"
_KEEP_TITLE: Final = f"{_ESC}[22;2t"
_GIVE_TITLE_BACK: Final = f"{_ESC}[23;2t"
_TITLE_LIMIT: Final = 80
_TEXT_LIMIT: Final = 160


class Desktop(StrEnum):
    """How a terminal takes a desktop notification."""

    NONE = "none"
    OSC9 = "osc9"
    OSC99 = "osc99"
    OSC777 = "osc777"


_BY_PROGRAM: Final = {
    "iterm.app": Desktop.OSC9,
    "wezterm": Desktop.OSC777,
    "ghostty": Desktop.OSC777,
    "kitty": Desktop.OSC99,
}


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """What ``[alerts]`` of ``configs/console.toml`` says."""

    bell: bool = True
    title: bool = True
    desktop: bool = True


ALERTS: Final = AlertSettings()
"""What holds where nothing is set."""


def desktop_of(environ: Mapping[str, str]) -> Desktop:
    """How the terminal that this process runs in takes a desktop notification; none where nobody knows."""
    term = environ.get("TERM", "")
    if environ.get("TMUX") or environ.get("STY") or term.startswith(("tmux", "screen")):
        return Desktop.NONE
    if environ.get("KITTY_WINDOW_ID") or term == "xterm-kitty":
        return Desktop.OSC99
    found = _BY_PROGRAM.get(environ.get("TERM_PROGRAM", "").lower())
    if found is not None:
        return found
    return Desktop.OSC777 if term.startswith(("rxvt-unicode", "foot")) else Desktop.NONE


def desktop_sequence(kind: Desktop, title: str, text: str, number: int = 1) -> str:
    """The bytes of a notification; empty for a terminal without one. Nothing in the text can end it early."""
    title, text = _safe(title, _TITLE_LIMIT), _safe(text, _TEXT_LIMIT)
    match kind:
        case Desktop.OSC9:
            return f"{_ESC}]9;{title}: {text}{_BELL}"
        case Desktop.OSC777:
            return f"{_ESC}]777;notify;{title};{text}{_BELL}"
        case Desktop.OSC99:
            head = f"{_ESC}]99;i=peak{number}:d=0;{title}{_END}"
            return f"{head}{_ESC}]99;i=peak{number}:p=body;{text}{_END}"
    return ""


def title_sequence(title: str) -> str:
    """The bytes that name the window."""
    return f"{_ESC}]2;{_safe(title, _TITLE_LIMIT)}{_BELL}"


def _safe(text: str, limit: int) -> str:
    """Text without anything that a terminal obeys, and without what parts the fields of a sequence."""
    return one_line(text, limit).replace(";", ",")


def window_title(bar: BarSnapshot) -> str:
    """``✗ 2 INC budget_runaway · eurusd-desk``; the workspace's name alone while nothing is open."""
    name = bar.workspace or "peak"
    if not bar.incidents:
        return f"{name} · peak"
    return f"✗ {len(bar.incidents)} INC {bar.incidents[0].trigger.value} · {name}"


class Notifier:
    """Remembers what was told. ``write`` sends bytes to the terminal; used by the app's thread alone."""

    def __init__(
        self, settings: AlertSettings, write: Callable[[str], None], environ: Mapping[str, str] | None = None
    ) -> None:
        self._settings, self._write = settings, write
        self._desktop = desktop_of(os.environ if environ is None else environ)
        self._told: set[str] = set()
        self._title = ""
        self._begun = False

    def take(self, bar: BarSnapshot, now: datetime) -> list[IncidentLine]:
        """Tell what is new, and give it for the screen; nothing is given twice.

        What is silenced, acknowledged already or a drill is not told; nor is what was open before the console
        was: whoever opened it is looking, and it stands in the bar.
        """
        fresh = [one for one in bar.incidents if one.incident_id not in self._told]
        self._told |= {one.incident_id for one in fresh}
        opening, self._begun = not self._begun, self._begun or bar.complete
        loud = [one for one in fresh if _is_loud(one, now)]
        if self._settings.title:
            self._name_window(bar)
        if not loud or opening:
            return []
        self._sound(loud[0], len(loud), bar.workspace)
        return loud

    def _sound(self, one: IncidentLine, count: int, workspace: str) -> None:
        if self._settings.bell:
            self._write(_BELL)
        if not self._settings.desktop:
            return
        more = f" and {count - 1} more" if count > 1 else ""
        mark = "TEST " if one.test else ""
        title = f"{mark}INCIDENT {one.trigger.value}{more} · {workspace}"
        sequence = desktop_sequence(self._desktop, title, f"{one.summary}. Next: {one.next_action}")
        if sequence:
            self._write(sequence)

    def _name_window(self, bar: BarSnapshot) -> None:
        title = window_title(bar)
        if title == self._title or not (self._title or bar.incidents):
            return
        if not self._title:
            self._write(_KEEP_TITLE)
        self._title = title
        self._write(title_sequence(title))

    def end(self) -> None:
        """Give back the title that stood there before."""
        if self._title:
            self._write(_GIVE_TITLE_BACK)
            self._title = ""


def _is_loud(one: IncidentLine, now: datetime) -> bool:
    silent = one.silenced_until is not None and one.silenced_until > now
    return one.state is IncidentState.OPEN and not silent and not one.drill
