"""The keys that work here, in one line. It has no children, unlike Textual's Footer, which leaks (#6666)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from textual.events import Click

from peak_console.tui.action import Action, ActionState
from peak_console.tui.actions import key_bar_actions
from peak_console.tui.ink import Line, Span, Tone, width_of
from peak_console.tui.widgets.canvas import Canvas

if TYPE_CHECKING:
    from peak_console.tui.screens.base import PeakScreen


class KeyBar(Canvas):
    """Draws the actions of the screen it stands on; a click does what the key does."""

    DEFAULT_CSS = """
    KeyBar {
        dock: bottom;
        height: 1;
        background: $ink-bar;
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._places: list[tuple[int, int, str]] = []

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """As many actions as fit, by rank; a disabled one is faint."""
        screen = cast("PeakScreen", self.screen)
        state = screen.action_state()
        hints, words = screen.key_hints(), screen.key_words()
        spans: list[Span] = [Span(" ")]
        for key, word in hints:
            spans += [Span(key, Tone.KEY), Span(f" {word}  ", Tone.DIM)]
        actions = key_bar_actions(state)
        if screen.keys_hidden():
            actions = [one for one in actions if one.id in _STAYS]
        idle = {one.id for one in actions if one.why_disabled(state)}
        worded = [_worded(one, words, state) for one in actions]
        chosen = fitting(worded, width - 1 - width_of(spans), idle)
        self._places = []
        for action in chosen if height else ():
            start = width_of(spans)
            spans.extend(_drawn(action, state))
            self._places.append((start, width_of(spans), action.id))
            spans.append(Span("  "))
        return [tuple(spans)]

    async def on_click(self, event: Click) -> None:
        """Do what stands under the pointer."""
        for left, right, action_id in self._places:
            if left <= event.x < right:
                await self.run_action(f"screen.perform('{action_id}')")


def fitting(actions: Sequence[Action], width: int, idle: Collection[str] = ()) -> list[Action]:
    """The actions that fit in ``width`` cells; those in the middle of the ranks give way first.

    What Shadow cannot do to the row under the cursor (``idle`` then) gives way to what can be done.
    """
    chosen = list(actions)
    while chosen and sum(len(_label(one)) + 2 for one in chosen) - 2 > width:
        first = _first_to_go(chosen)
        here = [one for one in chosen if one.id in idle and one.id.startswith(_OF_SHADOW)]
        chosen.remove(here[-1] if here and first.id not in _ELSEWHERE else first)
    return chosen


_OF_SHADOW = "shadow."
_GOES_FIRST = (
    "sort.next",
    "plots.next",
    "pause",
    "copy",
    "palette",
    "read",
    "command",
    "back",
    "call.run",
    "breakers.show",
    "drift.show",
    "replay.slower",
    "replay.faster",
    "replay.back.second",
    "replay.on.second",
    "work.cancel",
    "event.previous",
    "run.artefacts",
    "run.calls",
    "call.page",
    "window.next",
    "follow",
    "quit",
    "replay.goto",
    "go.log",
    "go.shadow",
    "go.incidents",
    "go.arm",
    "go.matrix",
    "go.runs",
    "go.calls",
    "go.live",
    "shadow.edit",
    "shadow.release",
    "pack.build",
    "filter",
    "open",
)

_ELSEWHERE = frozenset(_GOES_FIRST[: _GOES_FIRST.index("shadow.edit")])
"""What gives way before anything that concerns the row under the cursor."""
_STAYS = frozenset({"incident.open", "incident.stop", "help"})


def _first_to_go(chosen: Sequence[Action]) -> Action:
    for action_id in _GOES_FIRST:
        for action in chosen:
            if action.id == action_id:
                return action
    return next((one for one in reversed(chosen) if one.id not in _STAYS), chosen[-1])


def _worded(action: Action, words: Mapping[str, str], state: ActionState) -> Action:
    """The action as the bar calls it here, with the key that works here."""
    shown = action.shown_typing if state.typing else action.shown
    title = words.get(action.id, action.title)
    if (shown, title) == (action.shown, action.title):
        return action
    return replace(action, shown=shown, title=title)


def _label(action: Action) -> str:
    return f"{action.shown} {action.title}"


def _drawn(action: Action, state: ActionState) -> list[Span]:
    if action.why_disabled(state):
        return [Span(_label(action), Tone.FAINT)]
    here = action.id == f"go.{state.screen}"
    return [Span(action.shown, Tone.KEY), Span(f" {action.title}", Tone.STRONG if here else Tone.DIM)]
