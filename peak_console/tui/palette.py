"""The palette: every action of the registry, by searching; a disabled one says why."""

from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider

from peak_console.tui.action import Action
from peak_console.tui.actions import ACTIONS
from peak_console.tui.widgets.posture_bar import PostureBar

if TYPE_CHECKING:
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


def _name(action: Action) -> str:
    key = f"   {action.shown}" if action.shown else ""
    return f"{action.title}{key}"


class Palette(CommandPalette):
    """Textual's palette, with the posture bar above it."""

    COMMANDS: ClassVar = {ActionProvider}

    def __init__(self) -> None:
        super().__init__(
            providers=[ActionProvider], placeholder="search every action…", id="--command-palette"
        )

    def compose(self) -> ComposeResult:
        """The bar, then the palette."""
        yield PostureBar()
        yield from super().compose()
