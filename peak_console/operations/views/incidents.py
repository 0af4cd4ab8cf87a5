"""Incidents as screens and documents show them. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from peak_console.domain.clock import iso
from peak_console.domain.incidents import IncidentState, Trigger
from peak_console.operations.views.freshness import NEVER, Freshness

MOST_RUNS: Final = 200
"""How many runs of an incident are named, the newest of the time, and how many are looked at for it."""


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """One incident: what opened it, where it stands, and the one thing to do next."""

    incident_id: str
    trigger: Trigger
    state: IncidentState
    opened_at: datetime
    summary: str
    """What happened, in figures."""
    cause: str
    """What makes it the same incident again: a layer, a model, the node."""
    next_action: str
    """What to do now, in words."""
    next_key: str = ""
    cli: str = ""
    scope: str = ""
    """What is affected, as a stop scope."""
    auto: str = ""
    """What happened by itself; empty where nothing did."""
    acknowledged_by: str = ""
    assignee: str = ""
    handing_to: str = ""
    """Who was asked to take it over and has not accepted yet."""
    times: int = 1
    """How often its cause was seen since."""
    last_at: datetime | None = None
    silenced_until: datetime | None = None
    """Until when its alert is silent; it stays on every screen."""
    captured: str = ""
    """Where its capture lies, relative to the workspace; empty before."""
    closed_at: datetime | None = None
    seq: int = 0
    test: bool = False
    drill: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it is not closed."""
        return self.state is not IncidentState.CLOSED

    def as_json(self) -> dict[str, Any]:
        """As ``peak incident list --json`` and ``peak status --json`` show it."""
        return {
            "incident_id": self.incident_id,
            "trigger": self.trigger.value,
            "state": self.state.value,
            "opened_at": iso(self.opened_at),
            "summary": self.summary,
            "cause": self.cause,
            "scope": self.scope,
            "auto": self.auto or None,
            "next_action": self.next_action,
            "cli": self.cli,
            "acknowledged_by": self.acknowledged_by or None,
            "assignee": self.assignee or None,
            "handing_to": self.handing_to or None,
            "times": self.times,
            "last_at": None if self.last_at is None else iso(self.last_at),
            "silenced_until": None if self.silenced_until is None else iso(self.silenced_until),
            "captured": self.captured or None,
            "closed_at": None if self.closed_at is None else iso(self.closed_at),
            "seq": self.seq,
            "test": self.test,
            "drill": self.drill,
        }


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing since the trigger: an event of control, of a config, of the incident, in words."""

    at: datetime
    what: str
    detail: str
    actor: str
    seq: int
    tone: str = ""
    """``bad``, ``warn``, ``ok`` or empty."""


@dataclass(frozen=True, slots=True)
class ContactLine:
    """Whom to call, from ``configs/console.toml``."""

    name: str
    role: str
    reach: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class IncidentsFacts:
    """The incidents of a workspace, open ones first, the newest first; and whom to call."""

    taken_at: datetime
    incidents: tuple[IncidentLine, ...] = ()
    contacts: tuple[ContactLine, ...] = ()
    contacts_problem: str = ""
    """Why there is nobody to call: none is named, or the config cannot be read."""
    freshness: Freshness = NEVER

    @property
    def open(self) -> tuple[IncidentLine, ...]:
        """Those that are not closed."""
        return tuple(one for one in self.incidents if one.is_open)


@dataclass(frozen=True, slots=True)
class IncidentDetail:
    """One incident with its timeline, its card and the recovery that it leads to."""

    taken_at: datetime
    line: IncidentLine | None
    timeline: tuple[TimelineEntry, ...] = ()
    card: str = ""
    """The on-call card of its trigger, Markdown of the package."""
    affected: tuple[str, ...] = ()
    """Stop scopes that are affected or stopped."""
    runs: tuple[str, ...] = ()
    """Runs alive since 15 minutes before it, the newest :data:`MOST_RUNS`."""
    freshness: Freshness = NEVER

    @property
    def runs_counted(self) -> str:
        """How many runs, in words: as many as are named at most may be more."""
        return f"{len(self.runs)}{' or more' if len(self.runs) >= MOST_RUNS else ''}"
