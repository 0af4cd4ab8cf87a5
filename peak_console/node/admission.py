"""What may be recorded of control and operators: pure rules, decided in the writer's transaction."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from peak_console.control.history import GLOBAL, admit_enable
from peak_console.control.lowered import is_drill
from peak_console.control.scopes import reset_of
from peak_console.domain.clock import from_iso
from peak_console.domain.errors import ControlRefused, PeakError, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.public_keys import bare_key
from peak_console.domain.stopping import REDUCE, parse_scope
from peak_console.domain.vocabulary import Phase, PhaseLevel
from peak_console.node.facts import Facts, LastStop
from peak_console.operations.readiness_admission import refusal_of
from peak_console.operations.workbench.approvals import matrix_judged

if TYPE_CHECKING:
    from peak_console.operations.readiness import Readiness

MADE_BY_INIT = "peak init"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the rules ask besides the ledger's facts, as of this moment."""

    now: datetime
    boot_us: int
    stop: str | None
    """The id of the ``STOP`` that stands, ``None`` without one."""
    cooldown_s: int
    problems: tuple[str, ...]
    """What is not green: reasons of posture."""
    ready: "Callable[[Phase], Readiness] | None" = None
    """What is found now of everything asked before a phase; without it no phase beyond research begins."""
    signed_beyond: bool = False
    """Whether a head was signed that lies beyond the ledger's end."""
    may_begin: Callable[[str, str], bool] | None = None
    """Whether live may begin with a matrix (its digest), promoted by an operator."""
    latched: tuple[tuple[str, str], ...] = ()
    """Scopes that a latched breaker holds, with its kind."""
    cooldown_of: Callable[[str], int] | None = None
    """The cooldown that counts for a scope's stop; without it ``cooldown_s`` does."""

    def cooldown(self, scope: str) -> int:
        """Seconds that must lie between the stop of ``scope`` and its enable."""
        return self.cooldown_s if self.cooldown_of is None else self.cooldown_of(scope)


def admit(draft: EventDraft, facts: Facts, around: Circumstances) -> PeakError | None:
    """Why an event of control may not be recorded, ``None`` when it may."""
    if draft.kind == EventKind.CONTROL_ENABLED:
        return _enable(draft.body, facts, around)
    if draft.kind == EventKind.CONTROL_STOPPED:
        return _stopped(draft.body)
    if draft.kind == EventKind.OPERATOR_ENROLLED:
        return _enrolled(draft.body, facts)
    if draft.kind == EventKind.OPERATOR_REMOVED:
        return _removed(draft.body, facts)
    if draft.kind == EventKind.PHASE_CHANGED:
        return _phase_changed(draft.body, facts, around)
    return None


def is_new(facts: Facts, around: Circumstances) -> bool:
    """Whether nobody ever enabled or stopped this workspace, and ``peak init`` made its ledger.

    A ledger that ends before a head that was signed here is an older copy: it does not know what happened.
    """
    beginning = facts.history.untouched and facts.made_by == MADE_BY_INIT
    return beginning and around.stop is None and not around.signed_beyond


def cooldown_left_s(facts: Facts, around: Circumstances) -> int:
    """Seconds until an enable is allowed, rounded up; 0 when it is.

    Counted on the boot clock where the stop may be of this boot, and no longer than the wall clock says; for
    a stop of an earlier boot on the wall clock, and at least since this boot.
    """
    if is_new(facts, around):
        return 0
    return _left_s(facts.last_stop, facts.genesis_ts, around, around.cooldown(GLOBAL))


def _left_s(stop: LastStop | None, beginning: str, around: Circumstances, cooldown_s: int) -> int:
    uptime_s = around.boot_us / 1_000_000
    since = stop.ts if stop is not None else beginning
    wall_s = (around.now - from_iso(since)).total_seconds() if since else 0.0
    if stop is not None and stop.boot_us <= around.boot_us:
        boot_s = (around.boot_us - stop.boot_us) / 1_000_000
        passed = min(boot_s, wall_s) if wall_s >= 0 else boot_s
    else:
        passed = wall_s if stop is None else max(wall_s, uptime_s)
    return min(cooldown_s, max(0, math.ceil(cooldown_s - passed)))


def scope_cooldown_left_s(scope: str, facts: Facts, around: Circumstances) -> int:
    """Seconds until an enable of ``scope`` is allowed, rounded up. *reduce* and drills need no cooldown."""
    mark = facts.lowered.mark(scope)
    if mark is None or scope == REDUCE or is_drill(scope):
        return 0
    return _left_s(LastStop(mark.since, mark.boot_us), "", around, around.cooldown(scope))


def _stopped(body: Mapping[str, Any]) -> PeakError | None:
    """A stop is refused only where its scope names nothing: what stops nothing must not look like one."""
    try:
        parse_scope(str(body.get("scope")))
    except UsageWrong as error:
        return error
    return None


def _enable(body: Mapping[str, Any], facts: Facts, around: Circumstances) -> PeakError | None:
    if not str(body.get("reason") or "").strip():
        return UsageWrong("an enable needs a reason", code="reason_missing", remedy='add: --reason "..."')
    if body.get("scope") != GLOBAL:
        return _enable_scope(str(body.get("scope")), body, facts, around)
    if body.get("after_stop") != around.stop:
        return ControlRefused(
            "the stop that stands is not the one this enable saw",
            code="changed_meanwhile",
            remedy="look at peak status, then enable again if it is still right",
        )
    refusal = admit_enable(facts.history, body)
    if refusal is not None:
        return ControlRefused(refusal.message, code=refusal.code, remedy=refusal.remedy)
    left = cooldown_left_s(facts, around) if facts.history.in_force is None else 0
    return _unhealthy(around) or _too_early(left)


def _enable_scope(
    scope: str, body: Mapping[str, Any], facts: Facts, around: Circumstances
) -> PeakError | None:
    """Lifts the stop of one scope, or *reduce*: exactly the one that the operator saw."""
    mark = facts.lowered.mark(scope)
    if mark is None:
        if (kind := dict(around.latched).get(scope)) is not None:
            return ControlRefused(
                f"nobody stopped {scope:.100}: the {kind} breaker holds it",
                code="scope_not_stopped",
                remedy=reset_of(kind, scope),
            )
        return ControlRefused(
            f"{scope:.100} is not stopped, so there is nothing to lift",
            code="scope_not_stopped",
            remedy="see what is: peak status; for the whole workspace leave --scope out",
        )
    if body.get("after_stop") != mark.stop_id:
        return ControlRefused(
            "the stop that stands on it is not the one this enable saw",
            code="changed_meanwhile",
            remedy="look at peak status, then enable it again if it is still right",
        )
    return _unhealthy(around) or _too_early(scope_cooldown_left_s(scope, facts, around))


def _unhealthy(around: Circumstances) -> PeakError | None:
    if not around.problems:
        return None
    return ControlRefused(
        f"health is not green: {', '.join(around.problems)}",
        code="not_healthy",
        remedy="mend what peak status names, then enable",
        problems=list(around.problems),
    )


def _too_early(left: int) -> PeakError | None:
    if not left:
        return None
    return ControlRefused(
        f"the cooldown after a stop has {left} s to go",
        code="cooldown",
        remedy=f"use the time to find out what happened; enable in {left} s",
        left_s=left,
    )


def _enrolled(body: Mapping[str, Any], facts: Facts) -> PeakError | None:
    name, key = body.get("operator"), body.get("public_key")
    if not isinstance(name, str) or not isinstance(key, str) or not key.startswith("ssh-ed25519 "):
        return UsageWrong("an enrolment names an operator and an Ed25519 public key", code="event_malformed")
    if name in facts.operators:
        return ControlRefused(
            f"{name} is enrolled already",
            code="operator_exists",
            remedy=f"choose another name, or remove the old key first: peak operator remove {name}",
        )
    known = next((who for who, theirs in facts.operators.items() if bare_key(theirs) == bare_key(key)), None)
    if known is not None:
        return ControlRefused(
            f"this is {known}'s key, and one key is one person",
            code="key_known",
            remedy=f"enroll a key of their own, or remove the old name first: peak operator remove {known}",
        )
    return None


def _removed(body: Mapping[str, Any], facts: Facts) -> PeakError | None:
    name = body.get("operator")
    if name not in facts.operators:
        return ControlRefused(
            f"{name} is not enrolled", code="operator_unknown", remedy="list them with: peak operator list"
        )
    if len(facts.operators) == 1:
        return ControlRefused(
            f"{name} is the only operator; nobody could enable any more",
            code="last_operator",
            remedy="enroll another operator first: peak operator enroll NAME",
        )
    return None


def _phase_changed(body: Mapping[str, Any], facts: Facts, around: Circumstances) -> PeakError | None:
    """From the phase that holds, with a reason; upwards by one step, and beyond research as it must be."""
    phases = list(Phase)
    told = body.get("from"), body.get("to")
    if not all(isinstance(one, str) and one in set(Phase) for one in told) or told[0] == told[1]:
        return UsageWrong("a change of the phase names two phases", code="event_malformed")
    before, after = (Phase(str(one)) for one in told)
    if before is not facts.phase:
        return ControlRefused(
            f"the phase is {facts.phase} by now, not {before}",
            code="changed_meanwhile",
            remedy="look at: peak phase show, then change it again if that is still right",
        )
    if not str(body.get("reason") or "").strip():
        return UsageWrong(
            "a change of the phase needs a reason", code="reason_missing", remedy='add: --reason "..."'
        )
    steps = phases.index(after) - phases.index(before)
    if steps > 1:
        return ControlRefused(
            f"{after} is {steps} steps beyond {before}",
            code="phase_skipped",
            remedy="promote one step at a time: peak phase promote",
        )
    if steps > 0 and after.level is not PhaseLevel.RESEARCH:
        return _promoted(body, after, around)
    return None


def _promoted(body: Mapping[str, Any], after: Phase, around: Circumstances) -> PeakError | None:
    """On what is found here and now, not on the promotion's word; into live with an approved matrix."""
    if around.ready is None:
        return ControlRefused(
            f"nothing is known of what {after} asks for",
            code="not_ready",
            remedy=f"see what is missing: peak readiness {after}",
        )
    try:
        refused = refusal_of(body.get("readiness"), around.ready(after))
    except PeakError as error:
        return error
    if refused is not None or after is not Phase.LIVE:
        return refused
    digest, operator = matrix_judged(body), str(body.get("operator") or "")
    if around.may_begin is not None and around.may_begin(digest, operator):
        return None
    return ControlRefused(
        f"live begins with a matrix that another operator approved who did not save it: {digest[:12]}",
        code="approval_required",
        remedy=f'ask another operator to run: peak matrix approve {digest[:12]} --reason "..."',
        digest=digest,
    )
