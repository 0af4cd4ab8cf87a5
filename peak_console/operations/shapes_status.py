"""The shapes of what the status prints with ``--json``: posture, arming, ledger, what stands open."""

from typing import Any, Literal

from pydantic import Field

from peak_console.operations.shape import Shape
from peak_console.operations.shapes_budget import BudgetShape
from peak_console.operations.shapes_drift import DriftModelShape
from peak_console.operations.shapes_incidents import IncidentShape
from peak_console.operations.shapes_jobs import JobShape


class PostureShape(Shape):
    """The effective posture. ``state`` is the strictest reading of every source."""

    state: Literal["STOPPED", "DISARMED", "REDUCE", "ARMED", "UNKNOWN"]
    reasons: list[str]
    since: str | None
    conflicts: list[str]


class DiskShape(Shape):
    """The ledger's disk; what nobody knows is null, with the reason in ``why``."""

    free_bytes: int | None
    ledger_bytes: int
    wal_bytes: int
    growth_bytes_per_day: int | None
    days_left: float | None
    state: Literal["ok", "warn", "bad", "unknown"]
    why: str


class SignedHeadShape(Shape):
    """The newest signed head, what came after it, and where it is kept outside the database."""

    size: int = Field(ge=0)
    root: str
    at: str | None
    age_s: float | None
    unsigned_events: int = Field(ge=0)
    problem: str | None
    anchors: list[dict[str, Any]]


class LedgerShape(Shape):
    """The ledger's head; ``verified`` is null when nobody has verified it since the node started."""

    seq: int = Field(ge=0)
    head: str
    verified: bool | None
    disk: DiskShape
    checkpoint: SignedHeadShape


class ArmedShape(Shape):
    """What is armed; a drill is accepted by no gate."""

    scope: str
    run_id: str | None
    expires_at: str
    left_s: float
    drill: bool
    lease_id: str
    actor: str


class StatusShape(Shape):
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


STATUS_SHAPES: dict[str, type[Shape]] = {"status": StatusShape}
"""This shape by the name ``peak schema`` knows it under."""
