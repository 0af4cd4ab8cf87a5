"""Incidents in words, for ``peak incident``."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from peak_console.cli.output import counted, table
from peak_console.domain.errors import LedgerUnavailable, UsageWrong

if TYPE_CHECKING:
    from datetime import datetime

    from peak_console.domain.errors import PeakError
    from peak_console.operations.containing import Contained, StepDone
    from peak_console.operations.drills import DrillLine, DrillStep
    from peak_console.operations.views.incidents import (
        IncidentDetail,
        IncidentLine,
        IncidentsFacts,
        TimelineEntry,
    )

_SIGNS: Final = {"bad": "✗", "warn": "▲", "ok": "✓"}


def step_line(step: "StepDone") -> str:
    """One step of containing: when since the key, whether, what."""
    done = "ok    " if step.ok else "FAILED"
    line = f"{step.at_ms / 1000:6.3f} s  {done}  {step.name}: {step.detail}"
    return line if step.ok or not step.remedy else f"{line}\n            do: {step.remedy}"


class InOrder:
    """Shows steps in the order in which they are done: one that is asked for first is shown first."""

    def __init__(self, show: "Callable[[StepDone], object]", do: Sequence[str]) -> None:
        self._show = show
        self._awaited = [name for name in ("disarm", "stop") if name in do]
        self._held: list[StepDone] = []

    def __call__(self, step: "StepDone") -> None:
        """A step is over; what is to be shown before it is waited for, at most the disarm's own time."""
        self._held.append(step)
        while self._awaited:
            first = next((one for one in self._held if one.name == self._awaited[0]), None)
            if first is None:
                return
            self._awaited.pop(0)
            self._held.remove(first)
            self._show(first)
        self.rest()

    def rest(self) -> None:
        """Show what is still held back."""
        held, self._held = self._held, []
        for one in held:
            self._show(one)


def contained(done: "Contained") -> list[str]:
    """What came of it, after the steps."""
    opened = "opened" if done.opened else "added to"
    lines = [f"incident {done.incident_id} ({opened})" if done.incident_id else "no incident is on record"]
    if not done.recorded:
        lines.append(f"  not recorded yet: {done.why}")
    if done.captured:
        lines.append(f"  captured in {done.captured}")
    if done.recorded:
        lines.append(f"next: peak incident show {done.incident_id}")
    else:
        lines.append("next: peak node start; it is recorded when a node is back")
    return lines


def readable(facts: "IncidentsFacts") -> "IncidentsFacts":
    """The facts; raises ``LedgerUnavailable`` where the ledger cannot be read."""
    if facts.freshness.why:
        raise LedgerUnavailable(facts.freshness.why, remedy=facts.freshness.remedy)
    return facts


def newest(facts: "IncidentsFacts") -> str:
    """The incident that is meant where none is named: the newest that stands, else the newest."""
    if not facts.incidents:
        raise UsageWrong(
            "no incident was ever opened here",
            code="no_incident",
            remedy="open one and contain it with: peak incident now",
        )
    return facts.incidents[0].incident_id


def missing(detail: "IncidentDetail") -> "PeakError":
    """Why there is no page: the ledger, or the name."""
    fresh = detail.freshness
    if fresh.as_of is None:
        return LedgerUnavailable(fresh.why, remedy=fresh.remedy)
    return UsageWrong(fresh.why or "no such incident", code="incident_unknown", remedy=fresh.remedy)


def listed(facts: "IncidentsFacts", lines: Sequence["IncidentLine"], *, everything: bool) -> list[str]:
    """A table of incidents, and what to do next for the first."""
    if not lines:
        closed = len(facts.incidents) - len(facts.open)
        more = (
            "" if everything or not closed else f"; {counted(closed, 'closed one')}: peak incident list --all"
        )
        return [f"no incident is open{more}"]
    rows = [
        [
            one.incident_id,
            state_of(one),
            f"{one.opened_at:%m-%d %H:%M:%S}Z",
            one.trigger.value,
            _whose(one),
            one.summary,
        ]
        for one in lines
    ]
    told = table(["incident", "state", "opened (UTC)", "trigger", "whose", "what"], rows)
    first = next((one for one in lines if one.is_open), None)
    return told if first is None else [*told, "", f"next for {first.incident_id}: {first.next_action}"]


def state_of(one: "IncidentLine") -> str:
    """Its state, marked where it is a test or a drill, or silent."""
    mark = "test " if one.test else "drill " if one.drill else ""
    return f"{mark}{one.state.value}{' (silent)' if one.silenced_until and one.is_open else ''}"


def _whose(one: "IncidentLine") -> str:
    return f"{one.assignee or 'nobody'} → {one.handing_to}?" if one.handing_to else one.assignee


def shown(detail: "IncidentDetail", facts: "IncidentsFacts") -> list[str]:
    """One incident's page as text."""
    one = detail.line
    if one is None:
        return []
    lines = [
        f"{one.incident_id}  {state_of(one)}  {one.trigger.value}",
        f"  opened   {one.opened_at:%Y-%m-%d %H:%M:%S}Z (event #{one.seq:,})",
        f"  what     {one.summary}" + (f"; seen {one.times} times" if one.times > 1 else ""),
    ]
    pairs = [
        ("scope", ", ".join(detail.affected) or one.scope),
        ("by itself", one.auto),
        ("whose", _whose(one) or "nobody's yet"),
        ("seen by", one.acknowledged_by),
        ("silent", f"until {one.silenced_until:%Y-%m-%d %H:%M}Z" if one.silenced_until else ""),
        ("captured", one.captured),
        (
            "runs",
            ", ".join(detail.runs[:5]) + (f" (of {detail.runs_counted})" if detail.runs[5:] else ""),
        ),
        ("closed", f"{one.closed_at:%Y-%m-%d %H:%M:%S}Z" if one.closed_at else ""),
        ("next", one.next_action),
        ("command", one.cli if one.is_open else ""),
    ]
    lines += [f"  {name:<8} {told}" for name, told in pairs if told]
    lines += ["", "timeline (UTC)"]
    lines += [_entry(entry.at.strftime("%H:%M:%S"), entry) for entry in detail.timeline]
    return [*lines, "", *_contacts(facts), "", *detail.card.rstrip().splitlines()]


def _entry(at: str, entry: "TimelineEntry") -> str:
    detail = f": {entry.detail}" if entry.detail else ""
    return f"  {at} {_SIGNS.get(entry.tone, '·')} {entry.what}{detail}  [{entry.actor}, #{entry.seq:,}]"


def _contacts(facts: "IncidentsFacts") -> list[str]:
    if not facts.contacts:
        return [f"whom to call: {facts.contacts_problem}"]
    rows = [
        f"  {one.name}"
        + (f" ({one.role})" if one.role else "")
        + f": {one.reach}"
        + (f"; {one.note}" if one.note else "")
        for one in facts.contacts
    ]
    return ["whom to call", *rows]


def drill_line(step: "DrillStep") -> str:
    """One step of a drill."""
    detail = f": {step.detail}" if step.detail else ""
    return f"{step.ms / 1000:6.3f} s  {'ok    ' if step.ok else 'FAILED'}  {step.step}{detail}"


def drills_listed(lines: Sequence["DrillLine"], now: "datetime") -> list[str]:
    """Every drill with its age, how it came out and the command that runs it."""
    rows = [
        [
            one.kind.value,
            "never" if one.at is None else _age(now, one.at),
            "" if one.at is None else "held" if one.held else "DID NOT HOLD",
            f"{sum(step.ms for step in one.steps) / 1000:.2f} s" if one.steps else "",
            one.operator,
            one.cli,
        ]
        for one in lines
    ]
    return table(["drill", "last", "came out", "took", "by", "run it with"], rows)


def _age(now: "datetime", at: "datetime") -> str:
    """How long ago, in the largest unit of which there is one at least: seconds, minutes, hours, days."""
    passed = max(0, int((now - at).total_seconds()))
    for seconds, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if passed >= seconds:
            return f"{passed // seconds} {unit} ago"
    return f"{passed} s ago"
