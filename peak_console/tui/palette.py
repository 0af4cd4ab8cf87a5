"""The palette: every action by searching, a disabled one with its reason; and configs, models and themes."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider

from peak_console.tui.action import Action
from peak_console.tui.actions import ACTIONS
from peak_console.tui.things import Thing, things_of
from peak_console.tui.widgets.posture_bar import PostureBar

if TYPE_CHECKING:
    from peak_console.tui.app import PeakApp
    from peak_console.tui.screens.base import PeakModal, PeakScreen

_NOT_LISTED = frozenset({"palette", "command"})


class ActionProvider(Provider):
    """The actions that the screen below can do, and those of others that lead there."""

    def _hits(self) -> list[tuple[Action, str]]:
        screen = cast("PeakScreen | PeakModal", self.screen)
        state = screen.action_state()
        return [
            (action, action.why_disabled(state))
            for action in ACTIONS
            if action.id not in _NOT_LISTED
            and (state.replay or not action.replay)
            and (action.stands_on(screen.NAME) or action.id == "incident.stop")
        ]

    def _help(self, action: Action, reason: str) -> str:
        return f"not now: {reason}" if reason else action.help

    async def discover(self) -> Hits:
        """Everything, before anything is typed."""
        screen = cast("PeakScreen", self.screen)
        for action, reason in self._hits():
            yield DiscoveryHit(
                _name(action), partial(screen.perform, action), action.title, self._help(action, reason)
            )

    async def search(self, query: str) -> Hits:
        """What matches."""
        screen = cast("PeakScreen", self.screen)
        matcher = self.matcher(query)
        for action, reason in self._hits():
            score = matcher.match(f"{action.title} {action.id} {action.command}")
            if score > 0:
                yield Hit(
                    score,
                    matcher.highlight(_name(action)),
                    partial(screen.perform, action),
                    action.title,
                    self._help(action, reason),
                )


class ThingProvider(Provider):
    """What can be named: configs to open, models to read about, themes to take; only when searched."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._things: tuple[Thing, ...] = ()

    async def startup(self) -> None:
        """Read what there is, in a thread."""
        app = cast("PeakApp", self.app)
        self._things = await asyncio.to_thread(things_of, app.opening.workspace, app.now())

    async def search(self, query: str) -> Hits:
        """What matches."""
        matcher = self.matcher(query)
        for one in self._things:
            score = matcher.match(one.text)
            if score > 0:
                yield Hit(
                    score,
                    matcher.highlight(one.text),
                    partial(_go, cast("PeakApp", self.app), one),
                    one.text,
                    one.help,
                )


def _go(app: "PeakApp", one: "Thing") -> None:
    if one.kind == "theme":
        app.do_theme_next(one.name)
    elif one.kind == "config":
        app.do_matrix_config(one.name)
    else:
        app.call_later(app.do_model_show, one.name)


def _name(action: Action) -> str:
    key = f"   {action.shown}" if action.shown else ""
    return f"{action.title}{key}"


class Palette(CommandPalette):
    """Textual's palette, with the posture bar above it."""

    COMMANDS: ClassVar = {ActionProvider, ThingProvider}
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+g", "incident", show=False, priority=True)]

    def __init__(self) -> None:
        super().__init__(
            providers=[ActionProvider, ThingProvider],
            placeholder="search every action, config, model, theme…",
            id="--command-palette",
        )

    def action_incident(self) -> None:
        """The incident panel in the palette's place."""
        self.dismiss()
        cast("PeakApp", self.app).do_incident_open()

    def compose(self) -> ComposeResult:
        """The bar, then the palette."""
        yield PostureBar()
        yield from super().compose()
