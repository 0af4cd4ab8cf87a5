"""The shapes of what breakers print with ``--json``: those of models, and those of scopes, which latch."""

from typing import Any, Literal

from peak_console.operations.shape import Shape


class BreakerShape(Shape):
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


class LatchShape(Shape):
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


class BreakersShape(Shape):
    """``peak breaker list``."""

    breakers: list[BreakerShape]
    latches: list[LatchShape]


class BreakerResetShape(Shape):
    """``peak breaker reset``: of a model, or of a ``scope``."""

    breaker: str
    provider: str
    model_id: str
    scope: str
    operator: str
    seq: int


BREAKER_SHAPES: dict[str, type[Shape]] = {
    "breaker-list": BreakersShape,
    "breaker-reset": BreakerResetShape,
}
"""These shapes by the name ``peak schema`` knows them under."""
