"""The shapes of what ``peak drift`` prints as JSON."""

from typing import Literal

from pydantic import BaseModel

from peak_console.operations.shape import Shape


class DriftStreamShape(Shape):
    """One stream under its sequential test; evidence is a natural logarithm."""

    name: str
    seen: int
    hits: int
    usual_pct: float | None
    evidence: float
    alarm_at: float
    alarmed: bool


class DriftCheckShape(Shape):
    """The newest round of gold cases, or two-sample test."""

    at: str
    ok: bool
    incomplete: bool
    detail: str
    seq: int


class GoldSinceShape(Shape):
    """Gold cases that a quarantined model was put since its quarantine, over its slots."""

    rounds: int
    clean: int
    """The newest in a row in which every case was answered and passed."""
    cases: int
    passed: int
    newest_at: str | None


class DriftModelShape(Shape):
    """One model in one slot."""

    model: str
    provider: str
    model_id: str
    slots: list[str]
    state: Literal["ok", "watch", "drifted", "quarantined", "not_tested", "unknown"]
    evidence: float
    """Of the strongest stream."""
    alarm_at: float
    served: list[str]
    fingerprints: int
    unexpected: list[str]
    streams: list[DriftStreamShape]
    canary: DriftCheckShape | None
    two_sample: DriftCheckShape | None
    why: str
    since: str | None
    incident_id: str | None
    gold_since: GoldSinceShape | None
    """``None`` of a model that is in use."""
    last_answer_at: str | None


class DriftStatusShape(Shape):
    """``peak drift status``."""

    taken_at: str
    told_by_node: bool
    lock: str | None
    problem: str
    models: list[DriftModelShape]


class QuarantinedShape(Shape):
    """Why a model was out of use."""

    reason: str
    since: str
    incident_id: str | None


class SupportShape(Shape):
    """What gold cases since the quarantine say."""

    side: Literal["good", "bad", "open"]
    cases: int
    failed: int
    passed: int
    rounds: int
    clean: int
    """The newest in a row in which every case was answered and passed."""
    newest_at: str | None
    lines: list[str]


class DriftReleaseShape(Shape):
    """``peak drift release``."""

    model: str
    operator: str
    seq: int
    quarantined: QuarantinedShape
    support: SupportShape


DRIFT_SHAPES: dict[str, type[BaseModel]] = {
    "drift-status": DriftStatusShape,
    "drift-release": DriftReleaseShape,
}
