"""The shapes of what ``--json`` prints, as models: ``peak schema`` prints their JSON Schema.

More fields may stand beside these, so readers ignore what they do not know.
"""

from typing import Any, Literal

from pydantic import BaseModel, Field

from peak_console.operations.shape import Sha256
from peak_console.operations.shape import Shape as _Shape
from peak_console.operations.shapes_arming import ARMING_SHAPES
from peak_console.operations.shapes_containing import CONTAINING_SHAPES
from peak_console.operations.shapes_control import CONTROL_SHAPES
from peak_console.operations.shapes_drift import DRIFT_SHAPES, DriftModelShape
from peak_console.operations.shapes_incidents import INCIDENT_SHAPES, IncidentShape
from peak_console.operations.shapes_jobs import JOB_SHAPES, JobShape
from peak_console.operations.shapes_lock import LOCK_SHAPES
from peak_console.operations.shapes_models import MODEL_SHAPES
from peak_console.operations.shapes_record import RECORD_SHAPES
from peak_console.operations.shapes_workbench import WORKBENCH_SHAPES


class PostureShape(_Shape):
    """The effective posture. ``state`` is the strictest reading of every source."""

    state: Literal["STOPPED", "DISARMED", "REDUCE", "ARMED", "UNKNOWN"]
    reasons: list[str]
    since: str | None
    conflicts: list[str]


class DiskShape(_Shape):
    """The ledger's disk; what nobody knows is null, with the reason in ``why``."""

    free_bytes: int | None
    ledger_bytes: int
    wal_bytes: int
    growth_bytes_per_day: int | None
    days_left: float | None
    state: Literal["ok", "warn", "bad", "unknown"]
    why: str


class SignedHeadShape(_Shape):
    """The newest signed head, what came after it, and where it is kept outside the database."""

    size: int = Field(ge=0)
    root: str
    at: str | None
    age_s: float | None
    unsigned_events: int = Field(ge=0)
    problem: str | None
    anchors: list[dict[str, Any]]


class LedgerShape(_Shape):
    """The ledger's head; ``verified`` is null when nobody has verified it since the node started."""

    seq: int = Field(ge=0)
    head: str
    verified: bool | None
    disk: DiskShape
    checkpoint: SignedHeadShape


class BudgetShape(_Shape):
    """One budget now; amounts in EUR are text, other counts integers."""

    scope: str
    unit: Literal["eur", "tokens", "calls", "calls_per_min"]
    spent: str | int
    reserved: str | int
    limit: str | int


class ArmedShape(_Shape):
    """What is armed; a drill is accepted by no gate."""

    scope: str
    run_id: str | None
    expires_at: str
    left_s: float
    drill: bool
    lease_id: str
    actor: str


class StatusShape(_Shape):
    """``peak status``."""

    posture: PostureShape
    armed: ArmedShape | None
    phase: str | None
    ledger: LedgerShape
    budgets: list[BudgetShape]
    breakers: list[dict[str, Any]]
    incidents: list[IncidentShape]
    """Those that are open."""
    reduce: bool
    stopped_scopes: list[str]
    quarantined: list[str]
    ramp_pct: int = Field(ge=0, le=100)
    workers_missing: list[str]
    jobs: list[JobShape]
    drift: list[DriftModelShape]


class BudgetLineShape(BudgetShape):
    """One limit with what counts against it; ``set_by`` is ``run`` where the run set itself limits."""

    key: str
    layer: str | None
    left: str | int
    used_pct: float
    state: Literal["ok", "warned", "exceeded"]
    set_by: Literal["config", "run"]


class CallMoneyShape(_Shape):
    """Of which hop a row of money is."""

    call_id: str
    hop: int
    run_id: str
    layer: str
    role: str
    provider: str
    model_id: str


class OpenCallShape(CallMoneyShape):
    """A call under way; ``background`` ones are given up at ``expires``."""

    state: Literal["open", "background"]
    reserved_eur: str
    reserved_tokens: int
    since: str
    age_s: float
    expires: str | None


class AtBoundShape(CallMoneyShape):
    """Spend booked at its bound because nobody told the bill; ``booked_eur`` is below it once settled."""

    bound_eur: str
    booked_eur: str
    at: str
    reason: str


class BudgetsShape(_Shape):
    """``peak budget show``."""

    budgets: list[BudgetLineShape]
    runs: list[BudgetLineShape]
    open: list[OpenCallShape]
    at_bound: list[AtBoundShape]
    more_at_bound: bool


class SettledShape(_Shape):
    """``peak budget settle``."""

    call_id: str
    hop: int
    was_eur: str
    cost_eur: str
    operator: str
    seq: int


class BreakerShape(_Shape):
    """One breaker of a model; ``bill`` is that which tripped a ``budget`` breaker last."""

    breaker: Literal["provider", "budget"]
    provider: str
    model_id: str
    state: Literal["closed", "open", "half_open"]
    failures: int
    until: str | None
    left_ms: int
    reason: str
    trips: int
    changed: str | None
    probing: bool
    latched: bool
    bill: dict[str, Any] | None
    rate: dict[str, Any] | None


class LatchShape(_Shape):
    """One breaker of a scope; ``figures`` are those that tripped it last, against ``limit``."""

    breaker: Literal["daily_loss", "drawdown", "order_rate", "orders_per_session", "burn", "critic"]
    scope: str
    state: Literal["latched", "closed"]
    latched: bool
    trips: int
    since: str
    seq: int
    reason: str
    figures: dict[str, Any]
    limit: str | None
    incident_id: str | None


class BreakersShape(_Shape):
    """``peak breaker list``."""

    breakers: list[BreakerShape]
    latches: list[LatchShape]


class BreakerResetShape(_Shape):
    """``peak breaker reset``: of a model, or of a ``scope``."""

    breaker: str
    provider: str
    model_id: str
    scope: str
    operator: str
    seq: int


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


class SignedHeadsShape(_Shape):
    """Signed heads of this log: how many, the largest and its root, events after it, whose name they bear."""

    count: int = Field(ge=0)
    size: int = Field(ge=0)
    root: str
    unsigned_events: int = Field(ge=0)
    key: str
    problem: str


class AnchorShape(_Shape):
    """An anchor or witness: what it holds, since when, how far it lags, whether it agrees."""

    kind: Literal["git", "folder", "witness"]
    place: str
    size: int = Field(ge=0)
    at: str
    lag_s: float | None
    ok: bool
    problem: str


class PrunedShape(_Shape):
    """Events whose bodies retention dropped, and before when."""

    events: int = Field(ge=0)
    before: str


class VerifyShape(_Shape):
    """``peak ledger verify``; exit 1 when ``ok`` is false."""

    ok: bool
    events: int
    head: str
    broken_seq: int | None
    broken_how: str | None
    detail: str
    checkpoints: SignedHeadsShape
    anchors: list[AnchorShape]
    anchor_used: str
    cannot_know: list[str]
    incremental_from: int | None
    pruned: PrunedShape
    workers: int
    seconds: float


class BackupShape(_Shape):
    """``peak ledger backup``; ``same_disk`` says that it would be lost with the ledger."""

    file: str
    checkpoints: str | None
    bytes: int
    events: int
    head: str = Sha256
    verified: bool
    same_disk: bool


class RecoveryShape(_Shape):
    """``peak ledger recover``: what was saved, from which backup if any, what is lost, and the new ledger."""

    broken: dict[str, str]
    saved: dict[str, Any]
    lost: dict[str, Any]
    folder: str
    operators: list[str]
    left_out: list[str]
    phase: str
    phase_from: Literal["ledger", "operator", "unknown"]
    simulated: bool
    carried: int
    spend_known: bool
    ledger: dict[str, Any]
    stop_id: str


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
    unspoken: list[str]
    summary: dict[Literal["ok", "warn", "fail", "unknown"], int]
    simulated: bool
    spent_eur: str


class WhyShape(_Shape):
    """``peak why``: ``kind`` is ``call``, ``run`` or ``event``; the fields of the others are absent."""

    kind: Literal["call", "run", "event"]
    call_id: str | None = None
    run_id: str | None = None
    layer: str | None = None
    role: str | None = None
    outcome: str | None = None
    selected_by: dict[str, Any] | None = None
    """Digest of the matrix and the slot that was asked."""
    route: list[dict[str, Any]] | None = None
    """Each candidate: admitted or refused, reason, prices, bound, breaker, lifecycle, verified state."""
    hops: list[dict[str, Any]] | int | None = None
    budget: dict[str, Any] | None = None
    """What was left: ``then`` as events told it, ``now`` as it stands."""
    calls: list[dict[str, Any]] | None = None
    totals: dict[str, Any] | None = None
    event: dict[str, Any] | None = None
    told: list[str] | None = None
    """The explanation of a call in sentences."""
    moment: dict[str, Any] | None = None
    """What stood then: posture, phase, node, matrix, operators, budgets, breakers, and who made them hold."""
    by: dict[str, Any] | None = None
    changed: list[dict[str, Any]] | None = None
    """Of an event of neither call nor run: who did it, and what it changed."""
    gate: dict[str, Any] | None = None
    """Of a decision of the risk gate: verdict, order, reasons, figures, whether the gate says so again."""


class RouteShape(_Shape):
    """``peak route``; exit 1 when no candidate is admitted."""

    layer: str
    role: str
    candidates: list[dict[str, Any]]
    steps: list[dict[str, Any]]
    ends: str
    failures: list[str]
    budgets: list[dict[str, Any]]


class DemoShape(_Shape):
    """``peak demo --headless``."""

    calls: int
    failed: int
    fallbacks: int
    cost_eur: str
    events: int
    root: str


class ErrorShape(_Shape):
    """What went wrong: a stable reason code, what happened, the kind of error in a clause, what to do."""

    code: str
    message: str
    why: str
    remedy: str


class RefusalShape(_Shape):
    """Any command that was refused or failed."""

    error: ErrorShape


_OTHERS: dict[str, type[BaseModel]] = {
    "breaker-list": BreakersShape,
    "breaker-reset": BreakerResetShape,
    "budget-settle": SettledShape,
    "budget-show": BudgetsShape,
    "call": CallShape,
    "demo": DemoShape,
    "error": RefusalShape,
    "ledger-backup": BackupShape,
    "ledger-recover": RecoveryShape,
    "ledger-tail": EventsShape,
    "ledger-verify": VerifyShape,
    "lint": LintShape,
    "route": RouteShape,
    "providers-check": ProvidersShape,
    "status": StatusShape,
    "why": WhyShape,
}
SHAPES: dict[str, type[BaseModel]] = dict(
    sorted(
        {
            **_OTHERS,
            **ARMING_SHAPES,
            **RECORD_SHAPES,
            **MODEL_SHAPES,
            **JOB_SHAPES,
            **DRIFT_SHAPES,
            **WORKBENCH_SHAPES,
            **LOCK_SHAPES,
            **CONTROL_SHAPES,
            **CONTAINING_SHAPES,
            **INCIDENT_SHAPES,
        }.items()
    )
)
"""Every shape by the name ``peak schema`` knows it under."""
