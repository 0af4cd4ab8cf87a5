"""Why an action cannot be done now: a reason in words, or an empty text."""

from peak_console.domain.posture import PostureReason
from peak_console.tui.action import ActionState
from peak_console.tui.lifting import lowered_of, unnamed


def needs_workspace(state: ActionState) -> str:
    """Why it cannot be done without a workspace."""
    return "" if state.has_workspace else "no workspace is open"


def needs_selection(state: ActionState) -> str:
    """Why it cannot be done without a line under the cursor."""
    return "" if state.has_selection else "nothing is selected"


def needs_work(state: ActionState) -> str:
    """Why nothing can be cancelled."""
    return "" if state.busy else "nothing is being done that could be cancelled"


def build_reason(state: ActionState) -> str:
    """Why no pack can be sealed."""
    if not state.has_workspace:
        return "no workspace is open"
    if state.readonly:
        return "a sealed pack is recorded on the ledger, and this console was opened with --readonly"
    if state.replay:
        return "this console shows the past"
    if not state.bar.node.running:
        return "no node runs that could record it (peak node start)"
    return state.missing or needs_selection(state)


def needs_way_back(state: ActionState) -> str:
    """Why there is no way back."""
    return "" if state.can_go_back else "this is the first page"


def confirm_reason(state: ActionState) -> str:
    """Why an enable cannot be confirmed."""
    return state.missing or enable_reason(state)


def enable_reason(state: ActionState) -> str:
    """Why calls cannot be enabled."""
    if not state.has_workspace:
        return "no workspace is open"
    if state.bar.config_errors:
        return "the configs have errors; mend them first (peak lint)"
    reasons = state.bar.posture.reasons
    if state.bar.posture.calls:
        return "calls are already permitted"
    if PostureReason.AI_ENABLED_FALSE in reasons:
        return "AI_ENABLED=false in this environment; no file can raise it"
    return ""


def lift_reason(state: ActionState) -> str:
    """Why no stop can be lifted alone."""
    if not state.has_workspace:
        return "no workspace is open"
    if lowered_of(state.bar) or unnamed(state.bar):
        return ""
    return "no scope is stopped" if state.bar.posture.calls else "no scope is stopped alone; e enables calls"


def lift_confirm_reason(state: ActionState) -> str:
    """Why a stop cannot be lifted yet."""
    return state.missing or lift_reason(state)
