"""The shapes of what ``peak incident`` prints as JSON."""

from typing import Final

from pydantic import BaseModel

from peak_console.domain.incidents import DrillKind, IncidentState, Trigger
from peak_console.operations.shape import Shape


class IncidentShape(Shape):
    """One incident; times in UTC. ``counts`` for nothing where it is a ``test`` or a ``drill``."""

    incident_id: str
    trigger: Trigger
    state: IncidentState
    opened_at: str
    summary: str
    cause: str
    scope: str
    auto: str | None
    next_action: str
    cli: str
    acknowledged_by: str | None
    assignee: str | None
    handing_to: str | None
    times: int
    last_at: str | None
    silenced_until: str | None
    captured: str | None
    closed_at: str | None
    seq: int
    test: bool
    drill: bool


class IncidentListShape(Shape):
    """``peak incident list``; ``open`` counts all that stand."""

    incidents: list[IncidentShape]
    open: int


class TimelineEntryShape(Shape):
    """One event around an incident; ``tone`` is bad, warn, ok or null."""

    at: str
    what: str
    detail: str
    actor: str
    seq: int
    tone: str | None


class ContactShape(Shape):
    """Whom to call."""

    name: str
    role: str
    reach: str
    note: str


class IncidentShowShape(Shape):
    """``peak incident show``; ``card`` is Markdown."""

    incident: IncidentShape
    timeline: list[TimelineEntryShape]
    affected: list[str]
    runs: list[str]
    contacts: list[ContactShape]
    card: str


class StepShape(Shape):
    """One step of containing; milliseconds since the key, and its own."""

    step: str
    ok: bool
    detail: str
    remedy: str | None
    at_ms: int
    ms: int


class IncidentNowShape(Shape):
    """``peak incident now``."""

    incident_id: str
    opened: bool
    ok: bool
    steps: list[StepShape]
    recorded: bool
    why: str | None
    captured: str | None


class IncidentActedShape(Shape):
    """``peak incident ack``, ``assign``, ``note``, ``handover``, ``silence`` and ``close``."""

    incident_id: str
    what: str
    operator: str
    seq: int | None
    line: str
    warning: str | None


class HookReportShape(Shape):
    """What became of telling one hook; ``ok`` is null where it has not reported."""

    hook: str
    ok: bool | None
    tries: int
    detail: str
    ms: int


class AlertTestedShape(Shape):
    """``peak incident test-alert``."""

    incident_id: str
    seq: int
    ok: bool
    hooks: list[HookReportShape]
    closed: bool


class DrillStepShape(Shape):
    """One step of a drill."""

    step: str
    ms: int
    ok: bool
    detail: str


class DrillShape(Shape):
    """``peak incident drill KIND``."""

    drill: DrillKind
    held: bool
    steps: list[DrillStepShape]
    seq: int


class LastDrillShape(Shape):
    """When a kind was drilled last; nulls where it never was."""

    drill: DrillKind
    at: str | None
    age_s: int | None
    held: bool | None
    operator: str | None
    steps: list[DrillStepShape]
    seq: int | None
    cli: str


class DrillListShape(Shape):
    """``peak incident drill --list``."""

    drills: list[LastDrillShape]


INCIDENT_SHAPES: Final[dict[str, type[BaseModel]]] = {
    "incident-ack": IncidentActedShape,
    "incident-assign": IncidentActedShape,
    "incident-close": IncidentActedShape,
    "incident-drill": DrillShape,
    "incident-drill-list": DrillListShape,
    "incident-handover": IncidentActedShape,
    "incident-list": IncidentListShape,
    "incident-note": IncidentActedShape,
    "incident-now": IncidentNowShape,
    "incident-show": IncidentShowShape,
    "incident-silence": IncidentActedShape,
    "incident-test-alert": AlertTestedShape,
}
