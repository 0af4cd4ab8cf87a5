"""The shapes of what calls print with ``--json``: one made, planned or explained, and who could answer."""

from typing import Any, Literal

from pydantic import Field

from peak_console.operations.shape import Shape


class CallShape(Shape):
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


class ProviderFindingShape(Shape):
    """One check of one provider; what could not be found out is ``unknown``, never ``ok``."""

    check: str
    subject: str
    status: Literal["ok", "warn", "fail", "unknown"]
    reason: str
    detail: str
    remedy: str


class ProviderShape(Shape):
    """One address of one provider; ``requests`` counts what was asked for, each of it free."""

    provider: str
    base_url: str | None
    origin: Literal["environment", "matrix", "built in"]
    slots: list[str]
    requests: int = Field(ge=0)
    findings: list[ProviderFindingShape]


class ProvidersShape(Shape):
    """``peak providers check``; exit 1 when a check failed or stayed open, 3 without an answer."""

    providers: list[ProviderShape]
    unspoken: list[str]
    summary: dict[Literal["ok", "warn", "fail", "unknown"], int]
    simulated: bool
    spent_eur: str


class WhyShape(Shape):
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


class RouteShape(Shape):
    """``peak route``; exit 1 when no candidate is admitted."""

    layer: str
    role: str
    candidates: list[dict[str, Any]]
    steps: list[dict[str, Any]]
    ends: str
    failures: list[str]
    budgets: list[dict[str, Any]]


CALL_SHAPES: dict[str, type[Shape]] = {
    "call": CallShape,
    "providers-check": ProvidersShape,
    "route": RouteShape,
    "why": WhyShape,
}
"""These shapes by the name ``peak schema`` knows them under."""
