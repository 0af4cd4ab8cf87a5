"""Criteria of promotion: what must be shown before a phase begins (decision 17)."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from peak_console.config.schema import ConfigModel, Percent

Count = Annotated[int, Field(ge=0, le=1_000_000)]
Milliseconds = Annotated[int, Field(ge=1, le=86_400_000)]


class Criteria(ConfigModel):
    """What one phase demands. A criterion of which nothing is known yet is never met."""

    lint_clean: bool = Field(default=True, description="Lint finds no error under the phase's rules.")
    lock_valid: bool = Field(
        default=True, description="The lock covers the matrix, is signed, and has not ended."
    )
    eval_evidence: bool = Field(
        default=True, description="Every entry of the lock stands on an eval; an attested one does not count."
    )
    ledger_verified: bool = Field(default=True, description="The chain verified, and not long ago.")
    min_days: Count = Field(default=0, description="Days since the phase before began.")
    min_cycles: Count = Field(default=0, description="Shadow cycles finished.")
    max_open_incidents: Count = Field(default=0, description="Incidents that may be open.")
    max_budget_used_pct: Percent = Field(
        default=Decimal(100), description="Share of the day's budget used on the worst of those days."
    )
    max_critic_fail_pct: Percent = Field(
        default=Decimal(100), description="Share of verdicts that were FAIL in the last seven days."
    )
    max_p95_ms: Milliseconds | None = Field(
        default=None, description="p95 of whole calls in the last seven days; absent: not asked."
    )
    drills: tuple[str, ...] = Field(default=(), description="Drills that must have been run.")


class ReadinessConfig(ConfigModel):
    """The shape of `configs/readiness.toml`."""

    shadow: Criteria = Field(default=Criteria(), description="Before shadow.")
    testnet: Criteria = Field(default=Criteria(), description="Before testnet.")
    live: Criteria = Field(default=Criteria(), description="Before live.")
