"""Actions that save, look back, go back and merge: the way of a draft to disk."""

from typing import Final

from peak_console.tui.action import Action, ActionState, Danger
from peak_console.tui.action_reasons import needs_selection, needs_workspace
from peak_console.tui.workbench_actions import edit_reason

_MATRIX: Final = frozenset({"matrix"})
_HISTORY: Final = frozenset({"history"})
_MERGE: Final = frozenset({"merge"})


def save_reason(state: ActionState) -> str:
    """Why the change cannot be saved."""
    return needs_workspace(state) or state.missing


def draft_reason(state: ActionState) -> str:
    """Why nothing can be saved from the editor."""
    return needs_workspace(state)


def rollback_reason(state: ActionState) -> str:
    """Why the version under the cursor cannot be put back."""
    return needs_workspace(state) or needs_selection(state) or state.missing


CHANGE_ACTIONS: Final = (
    Action(
        "model.show",
        "about a model",
        "",
        "",
        "What is known of a model: limits, price with source and date, latency seen, end, where it works.",
        command="about",
        argument="PROVIDER:MODEL",
        cli="peak models show PROVIDER:MODEL",
        disabled=needs_workspace,
    ),
    Action(
        "matrix.save",
        "save",
        "ctrl+s",
        "^s",
        "What the draft would change, in keys, lines and figures; then save it with a reason.",
        _MATRIX,
        Danger.CHANGE,
        command="save",
        cli='peak config save NAME --reason "…"',
        rank=20,
        disabled=draft_reason,
    ),
    Action(
        "matrix.history",
        "history",
        "h",
        "h",
        "Every version: who, when, why, what differs; any of them can be put back.",
        _MATRIX,
        command="history",
        argument="[NAME]",
        cli="peak config history NAME",
        rank=27,
    ),
    Action(
        "matrix.lock",
        "against the lock",
        "L",
        "L",
        "Slot by slot: the draft's model, the locked one, its standing, changes of registry and price.",
        _MATRIX,
        command="locked",
        cli="peak lock check",
        disabled=needs_workspace,
    ),
    Action(
        "matrix.merge",
        "three-way",
        "o",
        "o",
        "Where the file changed outside: draft, file, and what both came from; merge, keep or take.",
        _MATRIX,
        command="merge",
    ),
    Action(
        "matrix.drafts",
        "other drafts",
        "d",
        "d",
        "Drafts of this config that other consoles keep or left: compare, merge, drop those of closed ones.",
        _MATRIX,
        command="drafts",
        cli="peak config diff NAME draft:ID",
        disabled=edit_reason,
    ),
    Action(
        "save.confirm",
        "save",
        "ctrl+y",
        "^y",
        "Save, or roll back, once nothing is missing. Enter confirms nothing.",
        frozenset({"save"}),
        Danger.CHANGE,
        cli='peak config save NAME --reason "…" --confirm CHANGE',
        rank=20,
        disabled=save_reason,
    ),
    Action(
        "history.mark",
        "mark",
        "m",
        "m",
        "Mark this version, to compare others with it; again, and it is not.",
        _HISTORY,
        rank=22,
        disabled=needs_selection,
    ),
    Action(
        "history.against",
        "other side",
        "d",
        "d",
        "Compare with: the version before, the marked one, disk, draft, the last known good, the lock.",
        _HISTORY,
        rank=23,
        disabled=needs_selection,
    ),
    Action(
        "history.at",
        "at a moment",
        "a",
        "a",
        "Go to what was in force at a moment, UTC: 03:12, -90m, 2026-11-22, 2026-11-22T03:12Z.",
        _HISTORY,
        command="at",
        argument="MOMENT",
        cli="peak config at NAME TIME",
        rank=24,
    ),
    Action(
        "history.rollback",
        "roll back",
        "b",
        "b",
        "Put this version back: linted by the rules of today, shown and confirmed as a save is.",
        _HISTORY,
        Danger.CHANGE,
        command="rollback",
        cli='peak config rollback NAME VERSION --reason "…"',
        rank=25,
        disabled=rollback_reason,
    ),
    Action(
        "merge.next",
        "next conflict",
        "n",
        "n",
        "Go to the next place that both sides changed.",
        _MERGE,
        rank=24,
        disabled=needs_selection,
    ),
    Action(
        "merge.mine",
        "mine",
        "m",
        "m",
        "Settle this conflict with the draft's lines.",
        _MERGE,
        Danger.CHANGE,
        cli="peak config edit NAME",
        rank=21,
        disabled=needs_selection,
    ),
    Action(
        "merge.theirs",
        "disk's",
        "t",
        "t",
        "Settle this conflict with the lines on disk.",
        _MERGE,
        Danger.CHANGE,
        cli="peak config edit NAME",
        rank=22,
        disabled=needs_selection,
    ),
    Action(
        "merge.both",
        "both",
        "b",
        "b",
        "Settle this conflict with the draft's lines and then the disk's.",
        _MERGE,
        Danger.CHANGE,
        cli="peak config edit NAME",
        rank=23,
        disabled=needs_selection,
    ),
    Action(
        "merge.view",
        "view",
        "v",
        "v",
        "The merge; what the draft changed; what changed on disk.",
        _MERGE,
        rank=25,
    ),
    Action(
        "merge.take",
        "take the merge",
        "ctrl+y",
        "^y",
        "Into the editor, conflicts that are not settled between marks; nothing is saved by it.",
        _MERGE,
        Danger.CHANGE,
        cli="peak config edit NAME",
        rank=20,
    ),
    Action(
        "merge.keep",
        "keep my draft",
        "M",
        "M",
        "The draft as it is, over the file as it is now; a save then shows what of the disk it undoes.",
        _MERGE,
        Danger.CHANGE,
        cli="peak config edit NAME",
        rank=26,
    ),
    Action(
        "merge.drop",
        "take the file",
        "T",
        "T",
        "The file as it is on disk; the draft is kept as a copy, and ctrl+z in the text brings it back.",
        _MERGE,
        Danger.CHANGE,
        cli="peak config edit NAME",
        rank=27,
    ),
)
