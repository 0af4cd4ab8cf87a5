"""Actions of the matrix workbench: its grid, its editor, its drafts."""

from typing import Final

from peak_console.tui.action import Action, ActionState, Danger
from peak_console.tui.action_reasons import needs_selection

MATRIX: Final = frozenset({"matrix"})


def edit_reason(state: ActionState) -> str:
    """Why the config cannot be edited."""
    if not state.has_workspace:
        return "no workspace is open"
    return state.missing


def cell_reason(state: ActionState) -> str:
    """Why the slot under the cursor cannot be changed."""
    return edit_reason(state) or needs_selection(state)


WORKBENCH_ACTIONS: Final = (
    Action(
        "matrix.edit",
        "edit",
        "e",
        "e",
        "Go to the text; tab goes there and back, esc leaves it.",
        MATRIX,
        rank=21,
    ),
    Action(
        "matrix.pane",
        "grid/text",
        "tab",
        "tab",
        "From the grid to the text, to the findings, and round again.",
        MATRIX,
        rank=23,
    ),
    Action(
        "matrix.model",
        "model",
        "m",
        "m",
        "Another model for the slot: a list with completion; the text follows, comments stay.",
        MATRIX,
        Danger.CHANGE,
        command="model",
        argument="[PROVIDER:MODEL]",
        rank=22,
        cli='peak matrix set L2.primary PROVIDER:MODEL --reason "…"',
        disabled=cell_reason,
    ),
    Action(
        "matrix.add",
        "add fallback",
        "a",
        "a",
        "One more fallback at the end of the layer's chain.",
        MATRIX,
        Danger.CHANGE,
        cli="peak matrix edit",
        disabled=cell_reason,
    ),
    Action(
        "matrix.unset",
        "unset",
        "delete",
        "del",
        "Take the slot out of the text; ctrl+z in the text brings it back.",
        MATRIX,
        Danger.CHANGE,
        cli='peak matrix unset L2.critic --reason "…"',
        disabled=cell_reason,
    ),
    Action(
        "matrix.up",
        "earlier",
        "K,shift+up",
        "K",
        "The fallback one place earlier in the chain.",
        MATRIX,
        Danger.CHANGE,
        cli="peak matrix edit",
        disabled=cell_reason,
    ),
    Action(
        "matrix.down",
        "later",
        "J,shift+down",
        "J",
        "The fallback one place later in the chain.",
        MATRIX,
        Danger.CHANGE,
        cli="peak matrix edit",
        disabled=cell_reason,
    ),
    Action(
        "matrix.fix",
        "fix",
        "f,f4",
        "f F4",
        "Mend the finding as its rule knows how; in the text, where f types, F4. Only the draft changes.",
        MATRIX,
        Danger.CHANGE,
        rank=24,
        cli='peak matrix fix --reason "…"',
        disabled=edit_reason,
    ),
    Action(
        "matrix.finding.next",
        "next finding",
        "n,f8",
        "n F8",
        "Go to the next finding; in the text F8.",
        MATRIX,
        rank=25,
    ),
    Action(
        "matrix.finding.previous",
        "last finding",
        "N,f9",
        "N F9",
        "Go to the finding before; in the text F9.",
        MATRIX,
    ),
    Action(
        "matrix.complete",
        "complete",
        "ctrl+space,ctrl+at",
        "^space",
        "In the text: providers, models and keys that fit here.",
        MATRIX,
        Danger.CHANGE,
        cli="peak models list",
        disabled=edit_reason,
        typing_rank=26,
    ),
    Action(
        "matrix.config.next",
        "next config",
        "right_square_bracket",
        "]",
        "The next config's tab.",
        MATRIX,
    ),
    Action(
        "matrix.config.previous",
        "last config",
        "left_square_bracket",
        "[",
        "The tab before.",
        MATRIX,
    ),
    Action(
        "matrix.config",
        "configs",
        "t",
        "t",
        "Every config by a list: budgets, prices, scopes, prompts and more.",
        MATRIX,
        command="config",
        argument="[NAME]",
        cli="peak config list",
        rank=26,
    ),
    Action(
        "matrix.discard",
        "discard",
        "D",
        "D",
        "Drop the draft and take the file's text; asks first.",
        MATRIX,
        Danger.CHANGE,
        command="discard",
        cli="peak matrix discard",
        disabled=edit_reason,
    ),
)
