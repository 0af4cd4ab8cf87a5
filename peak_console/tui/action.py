"""What an action is, on which screens it works, and what its availability depends on."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from peak_console.operations.views.arming import ArmFacts
from peak_console.operations.views.bar import BarSnapshot
from peak_console.operations.views.shadow import DriftLine, JobLine

EVERYWHERE: Final = frozenset[str]()
TOP_SCREENS: Final = ("live", "calls", "runs", "matrix", "arm", "incidents", "shadow", "log")
OF_CHANGES: Final = ("history", "version", "merge", "model", "lock")
OF_RUNS: Final = ("run", "event", "evidence", "pack", "packed")
OF_ARMING: Final = ("arm-request", "arm-token", "arm-confirm", "arm-approve")
OF_SHADOW: Final = ("shadow-job", "shadow-cycle", "shadow-model", "shadow-ready")
PANELS: Final = ("help", "incident", "act", "enable", "lift", "save", "picker", "shadow-act")
SCREENS: Final = (*TOP_SCREENS, "call", *OF_RUNS, "record", *OF_CHANGES, *OF_SHADOW, *PANELS, *OF_ARMING)
OF_RUNS_PAGES: Final = frozenset({"runs", *OF_RUNS})
"""The list of runs and the pages below it."""
LISTS: Final = frozenset({"live", "calls", "runs", "shadow", "log"})
TABLES: Final = LISTS | {"run", "evidence", "pack", "matrix", "history", "incidents"}
PAGES: Final = frozenset({*TOP_SCREENS, *OF_RUNS, *OF_CHANGES, *OF_SHADOW, "call", "record"})
CHAINS: Final = frozenset({"runs", "run", "event"})


class Danger(StrEnum):
    """``view`` changes nothing; ``change`` goes more dangerous; ``incident`` goes safer, never refused."""

    VIEW = "view"
    CHANGE = "change"
    INCIDENT = "incident"


@dataclass(frozen=True, slots=True)
class ShadowChosen:
    """What stands under the cursor of the Shadow screen, or what its page is about."""

    job: JobLine | None = None
    model: DriftLine | None = None
    run_id: str = ""
    """The run that the ledger has of it."""


@dataclass(frozen=True, slots=True)
class ActionState:
    """What an action's availability depends on."""

    screen: str
    bar: BarSnapshot
    readonly: bool = False
    replay: bool = False
    has_workspace: bool = True
    has_selection: bool = True
    can_go_back: bool = True
    missing: str = ""
    """What a dialogue still lacks."""
    busy: bool = False
    """Whether something long is being done that can be cancelled."""
    arm: ArmFacts | None = None
    """What is known of arming, on the screen that shows it."""
    shadow: ShadowChosen | None = None
    """What is chosen, on the screens of shadow."""
    typing: bool = False
    """Whether a text has the focus: printable keys are typed into it."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do. ``keys`` are Textual key names; ``shown`` is how the key is written for people.

    ``command`` is the word of the ``:`` line, ``argument`` what may follow it. ``rank`` orders the key bar; 0
    keeps the action off it, as ``typing_rank`` does while a text has the focus and the action's key works
    there. ``disabled`` gives a reason or an empty text.
    """

    id: str
    title: str
    keys: str
    shown: str
    help: str
    screens: frozenset[str] = EVERYWHERE
    danger: Danger = Danger.VIEW
    command: str = ""
    argument: str = ""
    cli: str = ""
    rank: int = 0
    disabled: Callable[[ActionState], str] = lambda _: ""
    replay: bool = False
    """Whether it moves through the past, and so belongs to a console opened with ``--replay`` alone."""
    typing_rank: int = 0
    """Its rank while a text has the focus, where that is another."""

    @property
    def shown_typing(self) -> str:
        """How the key is written that works while a text has the focus; empty where none does."""
        return next((shown for key in self.keys.split(",") if (shown := _in_a_text(key))), "")

    @property
    def handler(self) -> str:
        """The name of the method that carries it out."""
        return "do_" + self.id.replace(".", "_")

    def stands_on(self, screen: str) -> bool:
        """Whether the action exists on ``screen``."""
        return screen in self.screens if self.screens else screen in PAGES

    def why_disabled(self, state: ActionState) -> str:
        """Why it cannot be done now; empty when it can. What goes safer is never disabled."""
        if self.danger is Danger.INCIDENT:
            return self.disabled(state)
        if self.replay and not state.replay:
            return "only in a replay: peak console --replay FROM"
        if self.danger is Danger.CHANGE and state.readonly:
            return "this console was opened with --readonly"
        if self.danger is Danger.CHANGE and state.replay:
            return "this is a replay of the past; act in: peak console"
        return self.disabled(state)


def _in_a_text(key: str) -> str:
    """A key as it is written, where it does the same in a text; what is typed or edits there gives none."""
    if key.startswith("ctrl+"):
        return f"^{key.removeprefix('ctrl+')}"
    if key.startswith("f") and key[1:].isdecimal():
        return key.upper()
    return {"escape": "esc", "tab": "tab"}.get(key, "")
