"""How actions are done on a screen, which keys work where its focus is, and the line of a small one."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

from peak_console.tui.action import Action, ActionState
from peak_console.tui.actions import BY_ID
from peak_console.tui.bar_drawing import posture_chip
from peak_console.tui.ink import Line, Span, Tone, width_of
from peak_console.tui.key_order import takes_text
from peak_console.tui.widgets.canvas import Canvas

if TYPE_CHECKING:
    from textual.screen import Screen

    from peak_console.tui.app import PeakApp

LEAST = (80, 24)
"""Columns and rows that the screens are made for."""


class TooSmall(Canvas):
    """The one line below 80 by 24; the posture stands in it."""

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Which size there is, and which is needed."""
        app = cast("PeakApp", self.app)
        columns, rows = app.size
        chip, needed = posture_chip(app.bar.posture), f"{LEAST[0]} by {LEAST[1]}"
        said = (
            f" {columns} by {rows}: the console needs {needed}",
            f" {columns} by {rows}: needs {needed}",
            f" needs {needed}",
        )
        text = next((one for one in said if width_of((chip, Span(one))) <= width), said[-1])
        lines: list[Line] = [(chip, Span(text, Tone.WARN))]
        if width_of(lines[0]) > width:
            lines = [(Span(text, Tone.WARN),), (chip,)]
        return lines[:height] if width else []


class Performing:
    """Carries out actions of the registry: the screen's ``do_…`` method, else the app's."""

    NAME: ClassVar[str] = ""

    @property
    def stale_s(self) -> float:
        """Age from which a figure is stale."""
        return self.peak.opening.settings.stale_s

    @property
    def peak(self) -> "PeakApp":
        """The app, with its own type."""
        return cast("PeakApp", cast("Screen[Any]", self).app)

    def action_state(self) -> ActionState:
        """What the actions' availability depends on."""
        state = self.peak.action_state(
            self.NAME, has_selection=self.has_selection(), can_go_back=self.can_go_back()
        )
        return replace(state, busy=self.busy(), missing=self.missing(), typing=self.typing())

    def typing(self) -> bool:
        """Whether a text has the focus, so that printable keys are typed into it."""
        focused = cast("Screen[Any]", self).focused
        return focused is not None and takes_text(focused)

    def key_hints(self) -> Sequence[tuple[str, str]]:
        """Keys that are no actions, and what they do where the focus is: they lead the key bar."""
        return ()

    def key_words(self) -> Mapping[str, str]:
        """What the key bar calls an action here, by its id, where that is another word than the action's."""
        return {}

    def keys_hidden(self) -> bool:
        """Whether the focus is where of all actions only those of an incident work."""
        return False

    def busy(self) -> bool:
        """Whether something long is being done that can be cancelled."""
        return False

    def missing(self) -> str:
        """What is lacking for what this screen can do."""
        return ""

    def has_selection(self) -> bool:
        """Whether there is something to open or copy."""
        return True

    def can_go_back(self) -> bool:
        """Whether ``esc`` leads anywhere."""
        return True

    async def action_perform(self, action_id: str, argument: str = "") -> None:
        """Carry out the action, or say why not."""
        await self.perform(BY_ID[action_id], argument)

    async def perform(self, action: Action, argument: str = "") -> None:
        """Carry out ``action`` here, or say why it cannot be done."""
        reason = action.why_disabled(self.action_state())
        if reason:
            self.peak.say(f"{action.title}: {reason}", severity="warning")
            return
        handler: Callable[..., Any] | None = getattr(self, action.handler, None) or getattr(
            self.peak, action.handler, None
        )
        if handler is None:
            where = ", ".join(sorted(action.screens))
            self.peak.say(f"{action.title} works on {where}", severity="warning")
            return
        result = handler(argument) if argument else handler()
        if asyncio.iscoroutine(result):
            await result
