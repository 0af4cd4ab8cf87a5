"""The shapes of what ``--json`` prints, as models: ``peak schema`` prints their JSON Schema.

More fields may stand beside these, so readers ignore what they do not know.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Field(pattern=r"^[0-9a-f]{64}$")


class _Shape(BaseModel):
    model_config = ConfigDict(extra="allow")


class PostureShape(_Shape):
    """The effective posture. ``state`` is the strictest reading of every source."""

    state: Literal["STOPPED", "DISARMED", "REDUCE", "ARMED", "UNKNOWN"]
    reasons: list[str]
    since: str | None
    conflicts: list[str]


class LedgerShape(_Shape):
    """The ledger's head; ``verified`` is null when nobody has verified it since the node started."""

    seq: int = Field(ge=0)
    head: str
    verified: bool | None


class BudgetShape(_Shape):
    """One budget now; amounts in EUR are text, other counts integers."""

    scope: str
    unit: Literal["eur", "tokens", "calls", "calls_per_min"]
    spent: str | int
    reserved: str | int
    limit: str | int


class StatusShape(_Shape):
    """``peak status``."""

    posture: PostureShape
    armed: dict[str, Any] | None
    phase: str | None
    ledger: LedgerShape
    budgets: list[BudgetShape]
    breakers: list[dict[str, Any]]
    incidents: list[dict[str, Any]]


class FindingShape(_Shape):
    """One finding of the linter; ``line`` and ``column`` count from 1."""

    rule: str
    severity: Literal["error", "warning"]
    file: str
    line: int
    column: int
    message: str
    remedy: str


class SummaryShape(_Shape):
    """How many findings there are."""

    errors: int
    warnings: int


class LintShape(_Shape):
    """``peak lint``; exit 1 only with errors."""

    findings: list[FindingShape]
    summary: SummaryShape


class EventShape(_Shape):
    """One ledger event: its header, and its body unless that was pruned."""

    seq: int = Field(ge=1)
    event_id: str
    ts: str
    boot_us: int
    kind: str
    actor: str
    run_id: str | None = None
    call_id: str | None = None
    layer: str | None = None
    role: str | None = None
    provider: str | None = None
    model_id: str | None = None
    body_sha256: str = Sha256
    prev_hash: str = Sha256
    hash: str = Sha256
    body: dict[str, Any] | None = None


class EventsShape(_Shape):
    """``peak ledger tail``; with ``--follow`` one event a line."""

    events: list[EventShape]


class VerifyShape(_Shape):
    """``peak ledger verify``; exit 1 when ``ok`` is false."""

    ok: bool
    events: int
    head: str
    broken_seq: int | None
    broken_how: str | None
    detail: str


class CallShape(_Shape):
    """``peak call``."""

    call_id: str
    run_id: str
    layer: str
    role: str
    provider: str
    model_id: str
    served_model: str | None
    text: str
    cost_eur: str
    latency_ms: float
    fallback: bool
    recorded: bool


class ProviderFindingShape(_Shape):
    """One check of one provider; what could not be found out is ``unknown``, never ``ok``."""

    check: str
    subject: str
    status: Literal["ok", "warn", "fail", "unknown"]
    reason: str
    detail: str
    remedy: str


class ProviderShape(_Shape):
    """One address of one provider; ``requests`` counts what was asked for, each of it free."""

    provider: str
    base_url: str | None
    origin: Literal["environment", "matrix", "built in"]
    slots: list[str]
    requests: int = Field(ge=0)
    findings: list[ProviderFindingShape]


class ProvidersShape(_Shape):
    """``peak providers check``; exit 1 when a check failed or stayed open, 3 without an answer."""

    providers: list[ProviderShape]
    summary: dict[Literal["ok", "warn", "fail", "unknown"], int]
    simulated: bool
    spent_eur: str


class DemoShape(_Shape):
    """``peak demo --headless``."""

    calls: int
    failed: int
    fallbacks: int
    cost_eur: str
    events: int
    root: str


class ErrorShape(_Shape):
    """What went wrong: a stable reason code, what happened, what to do."""

    code: str
    message: str
    remedy: str


class RefusalShape(_Shape):
    """Any command that was refused or failed."""

    error: ErrorShape


SHAPES: dict[str, type[BaseModel]] = {
    "call": CallShape,
    "demo": DemoShape,
    "error": RefusalShape,
    "ledger-tail": EventsShape,
    "ledger-verify": VerifyShape,
    "lint": LintShape,
    "providers-check": ProvidersShape,
    "status": StatusShape,
}
"""Every shape by the name ``peak schema`` knows it under."""
