"""Actions that enable, and that lift one stop alone."""

from typing import Final

from peak_console.tui.action import PAGES, Action, Danger
from peak_console.tui.action_reasons import confirm_reason, enable_reason, lift_confirm_reason, lift_reason

CONTROL_ACTIONS: Final = (
    Action(
        "control.enable",
        "enable",
        "e",
        "e",
        "From STOPPED to DISARMED: calls may be made again. Asks for a reason and the typed word ENABLE.",
        frozenset(PAGES - {"runs", "run", "matrix"} | {"incident"}),
        danger=Danger.CHANGE,
        command="enable",
        cli='peak enable --reason "…" --confirm ENABLE',
        disabled=enable_reason,
    ),
    Action(
        "enable.confirm",
        "enable calls",
        "ctrl+y",
        "^y",
        "In the enable dialogue: enable now, once every field is filled in. Enter confirms nothing.",
        frozenset({"enable"}),
        danger=Danger.CHANGE,
        cli='peak enable --reason "…" --confirm ENABLE',
        rank=20,
        disabled=confirm_reason,
    ),
    Action(
        "control.lift",
        "lift a stop",
        "l",
        "l",
        "Lift one stop alone: a layer, a run, a model, or reduce; where a breaker holds it, reset that.",
        frozenset({"incident", "incidents"}),
        danger=Danger.CHANGE,
        command="lift",
        argument="[SCOPE]",
        cli='peak enable --scope SCOPE --reason "…" --confirm ENABLE',
        rank=30,
        disabled=lift_reason,
    ),
    Action(
        "lift.confirm",
        "lift it",
        "ctrl+y",
        "^y",
        "In the dialogue that lifts a stop: lift it now, once every field is filled in.",
        frozenset({"lift"}),
        danger=Danger.CHANGE,
        cli='peak enable --scope SCOPE --reason "…" --confirm ENABLE',
        rank=20,
        disabled=lift_confirm_reason,
    ),
)
