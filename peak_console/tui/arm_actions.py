"""Actions of arming: the screen Arm, and the dialogues that stand over it."""

from typing import Final

from peak_console.domain.arming import ArmState
from peak_console.tui.action import Action, ActionState, Danger
from peak_console.tui.action_reasons import needs_workspace

_ARM: Final = frozenset({"arm"})
_REQUEST_CLI: Final = 'peak arm request --scope SCOPE --run RUN --purpose "…" --reason "…"'


def ask_reason(state: ActionState) -> str:
    """Why nothing can be asked for."""
    facts = state.arm
    if not state.has_workspace:
        return "no workspace is open"
    if facts is None:
        return "arming has not been read yet"
    if facts.state is ArmState.LOCKED:
        return "arming is locked after too many wrong tokens or phrases; stopping never is"
    if facts.lease is not None:
        return "something is armed already; x ends it first"
    if facts.request is not None:
        return "a request stands already: c types its token, w takes it back"
    return facts.drill_refusals[0] if facts.refusals and facts.drill_refusals else ""


def token_reason(state: ActionState) -> str:
    """Why no token can be typed."""
    facts = state.arm
    if not state.has_workspace:
        return "no workspace is open"
    if facts is None or facts.request is None:
        return "nothing was asked for; a asks"
    if facts.request.needs_approval and not facts.request.approved_by:
        return "another operator must approve it first"
    return ""


def approve_reason(state: ActionState) -> str:
    """Why nothing can be approved."""
    facts = state.arm
    if not state.has_workspace:
        return "no workspace is open"
    if facts is None or facts.request is None:
        return "nothing was asked for"
    if not facts.request.needs_approval:
        return "one operator is enough here (two_person in configs/control.toml)"
    return "it was approved already" if facts.request.approved_by else ""


def filled_in(state: ActionState) -> str:
    """Why the dialogue cannot go on."""
    return needs_workspace(state) or state.missing


ARM_ACTIONS: Final = (
    Action(
        "arm.disarm",
        "DISARM",
        "x,d",
        "x",
        "End arming, and what was asked for, now. No question is asked; the result is read back.",
        _ARM,
        Danger.INCIDENT,
        cli='peak disarm --reason "…"',
        rank=19,
        disabled=needs_workspace,
    ),
    Action(
        "arm.ask",
        "ask to arm",
        "a",
        "a",
        "Ask for an arm lease, or for a drill of one: scope, run, purpose, time. The token comes once.",
        _ARM,
        Danger.CHANGE,
        cli=_REQUEST_CLI,
        rank=20,
        disabled=ask_reason,
    ),
    Action(
        "arm.token",
        "type the token",
        "c",
        "c",
        "Type the token and the phrase of what was asked for: then it is armed.",
        _ARM,
        Danger.CHANGE,
        cli="peak arm confirm REQUEST",
        rank=21,
        disabled=token_reason,
    ),
    Action(
        "arm.approve",
        "approve",
        "p",
        "p",
        "Approve what another operator asked for, where two must agree.",
        _ARM,
        Danger.CHANGE,
        cli='peak arm approve REQUEST --reason "…"',
        rank=22,
        disabled=approve_reason,
    ),
    Action(
        "arm.withdraw",
        "take back",
        "w",
        "w",
        "Take back what was asked for; anybody may.",
        _ARM,
        Danger.INCIDENT,
        cli="peak arm withdraw REQUEST",
        rank=23,
        disabled=needs_workspace,
    ),
    Action(
        "arm.request",
        "ask",
        "ctrl+y",
        "^y",
        "In the request: ask now, once every field is filled in. Enter confirms nothing.",
        frozenset({"arm-request"}),
        Danger.CHANGE,
        cli=_REQUEST_CLI,
        rank=20,
        disabled=filled_in,
    ),
    Action(
        "arm.drill",
        "drill or live",
        "ctrl+t",
        "^t",
        "In the request: a drill, which no gate accepts, or for live.",
        frozenset({"arm-request"}),
        rank=21,
    ),
    Action(
        "arm.noted",
        "I have it: type it",
        "c",
        "c",
        "The token leaves the screen for good, and the dialogue that takes it opens.",
        frozenset({"arm-token"}),
        rank=20,
    ),
    Action(
        "arm.confirm",
        "confirm",
        "ctrl+y",
        "^y",
        "Confirm with token and phrase, once both are typed: then it is armed. Enter confirms nothing.",
        frozenset({"arm-confirm"}),
        Danger.CHANGE,
        cli="peak arm confirm REQUEST",
        rank=20,
        disabled=filled_in,
    ),
    Action(
        "arm.agree",
        "approve",
        "ctrl+y",
        "^y",
        "Approve it, with a reason that stands on the ledger. Enter confirms nothing.",
        frozenset({"arm-approve"}),
        Danger.CHANGE,
        cli='peak arm approve REQUEST --reason "…"',
        rank=20,
        disabled=filled_in,
    ),
)
