"""What the node's writer asks before it takes an event: limits, whether a call may be reserved, conditions.

Everything is looked up when it is asked, for the node's watch moves it.
"""

from functools import cached_property
from typing import TYPE_CHECKING

from peak_console.budget.limits import BudgetLimits
from peak_console.config.control import ChangeRules
from peak_console.control.scopes import Halts
from peak_console.control.slowing import KIND as SLOWED_KIND
from peak_console.control.slowing import slowing_of
from peak_console.domain.calls import CallReason
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ledgering import Refusal
from peak_console.node.admission import Circumstances, admit
from peak_console.node.gate_records import misdecided
from peak_console.node.halting import refused_by_halts
from peak_console.node.ramping import ramped
from peak_console.node.release_records import misreleased
from peak_console.node.save_records import misrecorded
from peak_console.node.verified import VerifiedGuard
from peak_console.operations.missing_ledger import newest_size
from peak_console.operations.readiness import readiness
from peak_console.operations.settings import ledger_settings
from peak_console.policy.breaker import BreakerRules

if TYPE_CHECKING:
    from peak_console.node.engine import Node
    from peak_console.node.state import NodeState


class WriterRules:
    """The rules of one node; asked once its state stands."""

    def __init__(self, node: "Node") -> None:
        self._node = node

    @property
    def _state(self) -> "NodeState":
        return self._node.state

    @cached_property
    def _verified(self) -> VerifiedGuard:
        return VerifiedGuard(self._state)

    def limits(self) -> BudgetLimits:
        """The budgets that bind now, ramped after a recovery."""
        configured = self._state.configs.current(self._state.facts.phase.level).budgets.limits
        return ramped(configured, self._state.ramp_pct)

    def least_days(self) -> int:
        """How many days of bodies are kept at least."""
        return ledger_settings(self._state.ws).retention.least_days

    def breaker_rules(self) -> BreakerRules:
        """The rules of providers' breakers."""
        return self._state.configs.current(self._state.facts.phase.level).control.provider_breaker.rules()

    def guard(self, draft: EventDraft) -> Refusal | None:
        """A call is reserved only under the configs that stand now, and while nothing forbids it."""
        try:
            configs = self._state.configs.current(self._state.facts.phase.level)
        except PeakError as error:
            return Refusal(CallReason.MATRIX_INVALID.value, error.message, "mend it: peak lint")
        if draft.body.get("matrix_digest") not in {None, configs.digests["matrix"]}:
            return Refusal(
                CallReason.MATRIX_CHANGED.value,
                "the matrix was changed since this call was planned",
                "ask again: the next call is planned under the new one",
            )
        if self._state.approvals.refused(configs.digests["matrix"], self._state.clock.now()):
            return Refusal(
                CallReason.POSTURE.value,
                "in live no call is made under a matrix for which no two operators stand",
                "have another operator approve it (peak matrix approve), or go back: peak matrix rollback",
            )
        if self._node.watch.folded.calls:
            state = self._state
            halts = Halts(state.stopped_scopes, state.quarantined, state.latches.holding())
            return refused_by_halts(draft, halts, configs.canaries) or self._verified.look(draft, configs)
        reasons = ", ".join(self._node.watch.folded.reasons) or (
            "it has just begun" if self._state.leasing else "it serves one command and holds no lease"
        )
        return Refusal(
            CallReason.POSTURE.value, f"the node permits no calls: {reasons}", "look at: peak status"
        )

    def condition(self, draft: EventDraft) -> PeakError | None:
        """Why an event may not be recorded now; ``None`` where it may."""
        if not draft.kind.startswith(("control.enabled", "control.stopped", "operator.", "phase.")):
            return misrecorded(draft) or misdecided(draft) or self._misreleased(draft)
        if draft.kind == EventKind.CONTROL_ENABLED:
            self._node.watch.look()
        return admit(draft, self._state.facts, self.circumstances())

    def _misreleased(self, draft: EventDraft) -> PeakError | None:
        if draft.kind != EventKind.MODEL_RELEASED:
            return None
        return misreleased(draft, self._state.facts.quarantined)

    def unapproved(self, draft: EventDraft) -> PeakError | None:
        """Why an approval, or what needs one, is out of place."""
        return self._state.approvals.out_of_place(draft, self._state.clock.now(), self._approval_valid_s())

    def _approval_valid_s(self) -> int:
        try:
            return self._state.configs.current(self._state.facts.phase.level).control.changes.approval_valid_s
        except PeakError:
            return ChangeRules().approval_valid_s

    def circumstances(self) -> Circumstances:
        """What the rules of enabling ask, now."""
        facts, cooldown_of = self._state.facts, None
        try:
            configs = self._state.configs.current(facts.phase.level)
        except PeakError:
            cooldown_s = 0  # the broken config is itself a problem, and refuses
        else:
            now, digest = slowing_of(configs.control), configs.digests.get(SLOWED_KIND)
            cooldown_s = now.cooldown_s

            def cooldown_of(scope: str) -> int:
                return facts.slowed.since(scope, now, digest).cooldown_s

        return Circumstances(
            now=self._state.clock.now(),
            boot_us=self._state.clock.boot_us(),
            stop=self._state.seen.stop,
            cooldown_s=cooldown_s,
            problems=self._node.keeper.problems(0),
            latched=self._state.latches.holding(),
            signed_beyond=self._is_signed_beyond(),
            ready=lambda phase: readiness(self._state.ws, phase, clock=self._state.clock),
            cooldown_of=cooldown_of,
            may_begin=lambda digest, who: self._state.approvals.may_begin(
                digest, who, self._state.clock.now()
            ),
        )

    def _is_signed_beyond(self) -> bool:
        """Whether a head was signed beyond the ledger's end; asked of one that knows no enable or stop."""
        untouched = self._state.facts.history.untouched
        return untouched and newest_size(self._state.ws)[0] > self._node.writer.head[0]
