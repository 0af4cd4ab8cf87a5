"""Criteria of promotion: what must be shown before a phase begins (decision 17)."""

from decimal import Decimal
from typing import Annotated, Final

from pydantic import Field

from peak_console.config.schema import ConfigModel, Percent, TupleOfNames
from peak_console.domain.vocabulary import PhaseLevel

Count = Annotated[int, Field(ge=0, le=1_000_000)]
Hours = Annotated[int, Field(ge=1, le=8760)]
Days = Annotated[int, Field(ge=1, le=3650)]
Milliseconds = Annotated[int, Field(ge=1, le=86_400_000)]

_ALWAYS: Final = frozenset({"lint_clean", "lock_valid", "scopes_present", "ledger_verified"})
_WITH_ORDERS: Final = frozenset({"eval_evidence", "limits_set"})


def demanded(level: PhaseLevel) -> frozenset[str]:
    """The criteria that are asked before a level whatever a file says; none before research."""
    if level is PhaseLevel.RESEARCH:
        return frozenset()
    return _ALWAYS if level is PhaseLevel.SHADOW else _ALWAYS | _WITH_ORDERS


class Criteria(ConfigModel):
    """What one phase demands. A criterion of which nothing is known yet is never met."""

    lint_clean: bool = Field(
        default=True, description="Lint finds no error in the configs under the phase's rules."
    )
    lock_valid: bool = Field(
        default=True, description="The lock covers the matrix, is signed, and has not ended."
    )
    eval_evidence: bool = Field(
        default=False,
        description="Every entry of the lock stands on an eval; an attested one does not count. Before "
        "testnet and live it is asked for always.",
    )
    scopes_present: bool = Field(
        default=True, description="Every layer that holds a model has a capability scope."
    )
    limits_set: bool = Field(
        default=False,
        description="Every limit of configs/risk/limits.toml is set and above zero. Before testnet and live "
        "it is asked for always.",
    )
    ledger_verified: bool = Field(
        default=True, description="The chain was verified from its beginning, and not long ago."
    )
    max_verified_age_h: Hours = Field(default=24, description="How long ago that may be, in hours.")
    min_days: Count = Field(default=0, description="Days since the phase before began.")
    window_days: Days = Field(
        default=7, description="Days back over which calls, verdicts, budgets and latency are judged."
    )
    min_calls: Count = Field(default=0, description="Calls answered in these days.")
    min_cycles: Count = Field(
        default=0,
        description="Shadow cycles of the phase before that came to a verdict on fresh data; of replayed "
        "history in simulated workspaces alone.",
    )
    min_days_with_cycles: Count = Field(
        default=0, description="Days (UTC) of the phase before with such a cycle on them."
    )
    max_aborted_pct: Percent | None = Field(
        default=None, description="Share of these days' cycles that were aborted or lost. Absent: not asked."
    )
    min_gate_decisions: Count = Field(
        default=0,
        description="Decisions of the risk gate in these days, of cycles that count; each intent once.",
    )
    gate_agrees: bool = Field(
        default=False, description="Every decision of the gate in these days comes out alike again."
    )
    max_critic_disagreement_pct: Percent | None = Field(
        default=None,
        description="Share of these days' answers with two verdicts on which they differ. Absent: not asked.",
    )
    max_policy_incidents: Count | None = Field(
        default=None, description="Policy incidents opened in these days. Absent: not asked."
    )
    models_clear: bool = Field(default=False, description="No model of the matrix is in quarantine.")
    max_canary_age_h: Hours | None = Field(
        default=None,
        description="How long ago the gold cases of every model of the matrix held at most, in hours. "
        "Absent: not asked.",
    )
    max_open_incidents: Count | None = Field(
        default=None, description="Incidents that may be open. Absent: not asked."
    )
    max_budget_used_pct: Percent = Field(
        default=Decimal(100), description="Share of the day's budget in EUR used on the worst of these days."
    )
    max_critic_fail_pct: Percent | None = Field(
        default=None, description="Share of these days' verdicts that were FAIL. Absent: not asked."
    )
    max_p95_ms: Milliseconds | None = Field(
        default=None, description="p95 of these days' answered calls. Absent: not asked."
    )
    drills: TupleOfNames = Field(default=(), description="Drills that must have been run and have held.")
    max_drill_age_days: Days = Field(default=30, description="How long ago a drill may be, in days.")


def everything(level: PhaseLevel) -> Criteria:
    """Every criterion that a file can ask for before a level: listed where no file says what is asked."""
    return Criteria(
        eval_evidence=True,
        limits_set=True,
        min_days=1,
        min_calls=1,
        min_cycles=1,
        min_days_with_cycles=1,
        max_aborted_pct=Decimal(0),
        min_gate_decisions=1,
        gate_agrees=True,
        max_critic_disagreement_pct=Decimal(0),
        max_policy_incidents=0,
        models_clear=True,
        max_canary_age_h=1,
        max_open_incidents=0,
        max_critic_fail_pct=Decimal(0),
        max_p95_ms=1,
        drills=() if level is PhaseLevel.SHADOW else ("stop",),
    )


class ReadinessConfig(ConfigModel):
    """The shape of `configs/readiness.toml`."""

    shadow: Criteria = Field(default=Criteria(), description="Before shadow.")
    testnet: Criteria = Field(
        default=Criteria(eval_evidence=True, limits_set=True), description="Before testnet."
    )
    live: Criteria = Field(default=Criteria(eval_evidence=True, limits_set=True), description="Before live.")

    def before(self, level: PhaseLevel) -> Criteria | None:
        """What the file says of a level: ``None`` where it says nothing, and for research.

        Silence demands nothing and permits nothing: no criterion is green then.
        """
        if level.value not in self.model_fields_set:
            return None
        found = {
            PhaseLevel.SHADOW: self.shadow,
            PhaseLevel.TESTNET: self.testnet,
            PhaseLevel.LIVE: self.live,
        }
        return found.get(level)
