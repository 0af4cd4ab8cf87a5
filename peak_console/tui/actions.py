"""The action registry: everything an operator can do here, as data.

The key bar, ``?``, the palette, the ``:`` line, ``--readonly`` and ``docs/reference/keys.md`` all read it. An
action is carried out by the method ``do_<id with underscores>`` of the screen on top, else of the app.
"""

from collections.abc import Iterator
from typing import Final

from textual.binding import Binding

from peak_console.tui.action import LISTS, Action, ActionState
from peak_console.tui.arm_actions import ARM_ACTIONS
from peak_console.tui.change_actions import CHANGE_ACTIONS
from peak_console.tui.control_actions import CONTROL_ACTIONS
from peak_console.tui.incident_actions import INCIDENT_ACTIONS
from peak_console.tui.moment_actions import REPLAY_ACTIONS
from peak_console.tui.shadow_actions import SHADOW_ACTIONS
from peak_console.tui.view_actions import VIEW_ACTIONS
from peak_console.tui.workbench_actions import WORKBENCH_ACTIONS

ACTIONS: Final = (
    *VIEW_ACTIONS,
    *WORKBENCH_ACTIONS,
    *CHANGE_ACTIONS,
    *ARM_ACTIONS,
    *REPLAY_ACTIONS,
    *INCIDENT_ACTIONS,
    *SHADOW_ACTIONS,
    *CONTROL_ACTIONS,
)
BY_ID: Final = {action.id: action for action in ACTIONS}
BY_COMMAND: Final = {action.command: action for action in ACTIONS if action.command}


def actions_on(screen: str) -> Iterator[Action]:
    """The actions of ``screen``, as the registry orders them."""
    return (action for action in ACTIONS if action.stands_on(screen))


def actions_for(state: ActionState) -> list[Action]:
    """The actions of the state's screen that belong to a console opened like this one, its own first."""
    found = list(actions_on(state.screen))
    if not state.replay:
        return [one for one in found if not one.replay]
    own = [one for one in found if one.replay]
    return [*own, *(one for one in found if not one.replay and one.id != "pause")]


def bindings_for(screen: str) -> list[Binding]:
    """The key bindings of ``screen``. Where ``pause`` has the space bar, it plays and pauses a replay too."""
    return [
        Binding(action.keys, f"perform('{action.id}')", action.title, show=False, id=action.id)
        for action in actions_on(screen)
        if action.keys and not (action.id == "replay.play" and screen in LISTS)
    ]


def key_bar_actions(state: ActionState) -> list[Action]:
    """What the key bar of the state's screen shows, most important first."""
    found = actions_for(state)
    if state.typing:
        ranked = ((one.typing_rank or one.rank, one) for one in found if one.shown_typing)
    else:
        ranked = ((one.rank, one) for one in found)
    return [one for rank, one in sorted(ranked, key=lambda pair: pair[0]) if rank]
