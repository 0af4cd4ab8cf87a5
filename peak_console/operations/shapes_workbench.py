"""The shapes of what the workbench, phases and readiness print as JSON."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from peak_console.operations.shape import Sha256, Shape


class KeyChangeShape(Shape):
    """One key that differs, as TOML; null where it is absent."""

    key: str
    old: str | None
    new: str | None


class ConcernShape(Shape):
    """What must be confirmed, with figures before and after."""

    code: str
    message: str
    figures: dict[str, str]


class PreviewShape(Shape):
    """A change that was looked at: ``--dry-run`` of ``peak matrix`` and ``peak config``."""

    dry_run: Literal[True]
    config: str
    path: str
    old: str | None
    new: str = Sha256
    changed: bool
    phase: str
    diff: str
    changes: list[KeyChangeShape]
    findings: list[dict[str, Any]]
    elsewhere: list[dict[str, Any]]
    errors: int = Field(ge=0)
    concerns: list[ConcernShape]
    needs_approval: bool
    approved_by: str | None


class SavedShape(Shape):
    """A change that was saved; ``seq`` is its event's place in the ledger."""

    saved: Literal[True]
    config: str
    path: str
    old: str | None
    new: str = Sha256
    seq: int
    changes: list[KeyChangeShape]


class DifferenceShape(Shape):
    """``diff``: how one version became another."""

    config: str
    path: str
    a: str
    b: str
    old: str | None
    new: str | None
    diff: str
    changes: list[KeyChangeShape]


class VersionShape(Shape):
    """One version, as long as it was in force; ``until`` is null while it is.

    ``before``: it stood before ``since`` already, and nobody saw since when.
    """

    digest: str = Sha256
    since: str
    until: str | None
    actor: str
    reason: str
    how: str
    seq: int
    kept: bool
    known_good: bool
    incidents: int
    before: bool


class HistoryShape(Shape):
    """``history``: versions, the newest first."""

    config: str
    versions: list[VersionShape]


class VersionThenShape(VersionShape):
    """``at``: the version of a moment; ``text`` is null where it is not kept."""

    config: str
    at: str
    text: str | None


class ConfigShape(Shape):
    """One config that can be edited; ``digest`` is null where there is no file."""

    config: str
    path: str
    digest: str | None
    draft: str | None
    edited_as_text: bool


class ConfigsShape(Shape):
    """``peak config list``."""

    configs: list[ConfigShape]


class CriterionShape(Shape):
    """One criterion of readiness; ``age_s`` is how old what was found is, in seconds.

    ``window`` is the time that was looked at, in words.
    """

    id: str
    title: str
    status: Literal["green", "red", "no_evidence"]
    found: str
    wanted: str
    age_s: int | None
    evidence: str
    remedy: str
    window: str


class ReadinessShape(Shape):
    """``peak readiness``; exit 1 when ``green`` is false."""

    phase: str
    now_in: str
    taken_at: str
    green: bool
    criteria: list[CriterionShape]
    summary: dict[Literal["green", "red", "no_evidence"], int]
    digest: str = Sha256


class PhaseStepShape(Shape):
    """One change of the phase."""

    seq: int
    at: str
    from_: str = Field(alias="from")
    to: str
    operator: str
    actor: str
    reason: str


class PhaseShape(Shape):
    """``peak phase show``."""

    phase: str
    level: Literal["research", "shadow", "testnet", "live"]
    since: str | None
    next: str | None
    history: list[PhaseStepShape]


class PhaseChangedShape(Shape):
    """``peak phase promote`` and ``peak phase demote``."""

    from_: str = Field(alias="from")
    to: str
    seq: int
    event_id: str
    operator: str
    in_force: bool
    readiness: ReadinessShape | None


WORKBENCH_SHAPES: dict[str, type[BaseModel]] = {
    "config-list": ConfigsShape,
    "matrix-at": VersionThenShape,
    "matrix-diff": DifferenceShape,
    "matrix-dry-run": PreviewShape,
    "matrix-history": HistoryShape,
    "matrix-set": SavedShape,
    "phase-promote": PhaseChangedShape,
    "phase-show": PhaseShape,
    "readiness": ReadinessShape,
}
"""These shapes by the name ``peak schema`` knows them under; ``peak config`` prints those of the matrix."""
