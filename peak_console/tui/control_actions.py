"""Actions that enable and stop."""

from typing import Final

from peak_console.tui.action import PAGES, Action, Danger
from peak_console.tui.action_reasons import confirm_reason, enable_reason, needs_workspace

CONTROL_ACTIONS: Final = (
    Action(
        "incident.open",
        "incident",
        "exclamation_mark,ctrl+g",
        "!",
        "The incident panel, over any screen: two keys stop everything. In a text, where ! types, ctrl+g.",
        frozenset(PAGES | {"help", "picker", "save", "enable"}),
        rank=45,
        command="incident",
    ),
    Action(
        "incident.stop",
        "STOP",
        "s",
        "s",
        "Stop every call and order now. No question is asked; the result is read back.",
        frozenset({"incident"}),
        danger=Danger.INCIDENT,
        command="stop",
        cli='peak stop --reason "…"',
        rank=20,
        disabled=needs_workspace,
    ),
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
)
