"""The shapes of what control, incidents and the doctor print as JSON."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from peak_console.operations.shape import Shape


class DiagnosisShape(Shape):
    """One thing the doctor looked at."""

    area: str
    title: str
    health: Literal["ok", "note", "warn", "bad", "unknown"]
    found: str
    remedy: str


class DoctorShape(Shape):
    """``peak doctor``; exit 1 when ``well`` is false."""

    at: str
    well: bool
    diagnoses: list[DiagnosisShape]
    summary: dict[Literal["ok", "note", "warn", "bad", "unknown"], int]


class FailedCommandShape(Shape):
    """A command of the service manager that failed."""

    command: str
    said: str


class NodeInstallShape(Shape):
    """``peak node install``."""

    manager: Literal["systemd", "launchd"]
    name: str
    unit: str
    written: bool
    environment_file: str
    start: list[str]
    started: bool
    failed: list[FailedCommandShape]


class LoweringStepShape(Shape):
    """One step, and when it was done on the boot clock."""

    step: str
    ok: bool
    detail: str
    at_us: int


class FailedStepShape(Shape):
    """A step that failed, with what mends it."""

    step: str
    detail: str
    remedy: str


class LoweringRecordShape(Shape):
    """Where it stands on the ledger; ``null`` while it does not."""

    seq: int | None
    why: str
    line: str


class LoweredPostureShape(Shape):
    """The posture that holds afterwards."""

    state: str
    calls: bool
    orders: Literal["none", "reduce", "all"]
    reasons: list[str]


class LoweringShape(Shape):
    """``peak disarm`` and ``peak reduce``; exit 1 when ``effective`` is false."""

    root: str
    what: Literal["disarm", "reduce", "stop"]
    scope: str
    effective: bool
    escalated: bool
    line: str
    posture: LoweredPostureShape
    steps: list[LoweringStepShape]
    failed: list[FailedStepShape]
    recorded: LoweringRecordShape
    venues: LoweringStepShape | None
    remedy: str
    background: list[dict[str, Any]] = Field(default_factory=list)
    """What became of background calls, where everything was stopped."""


class RehearsedStepShape(Shape):
    """One step of a rehearsal."""

    step: str
    ok: bool
    detail: str
    ms: int = Field(ge=0)


class RehearsedShape(Shape):
    """``peak matrix rollback VERSION --rehearse`` and ``peak lock rollback DIGEST --rehearse``."""

    drill: Literal["rollback"]
    target: str
    digest: str
    held: bool
    steps: list[RehearsedStepShape]
    ms: int = Field(ge=0)
    operator: str
    seq: int = Field(ge=1)


class StopShape(Shape):
    """``peak stop``; with ``--all`` a list of these in ``stops``. Exit 1 when ``effective`` is false."""

    root: str
    effective: bool
    steps: list[LoweringStepShape]
    failed: list[FailedStepShape]
    notes: list[str]
    background: list[dict[str, Any]]
    workers: list[dict[str, Any]] = Field(default_factory=list)


CONTROL_SHAPES: dict[str, type[BaseModel]] = {
    "disarm": LoweringShape,
    "doctor": DoctorShape,
    "node-install": NodeInstallShape,
    "lock-rollback-rehearse": RehearsedShape,
    "matrix-rollback-rehearse": RehearsedShape,
    "reduce": LoweringShape,
    "stop": StopShape,
}
"""These shapes by the name ``peak schema`` knows them under."""
