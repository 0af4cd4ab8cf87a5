"""Why a call went to the model it went to, read from the ledger: ``peak why``. Calls nobody."""

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from peak_console.config.load import load_configs
from peak_console.config.workspace import Workspace
from peak_console.domain.clock import Clock, SystemClock
from peak_console.domain.errors import ConfigInvalid, PeakError, UsageWrong
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.ids import is_run_id
from peak_console.domain.text import one_line
from peak_console.domain.vocabulary import Role
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.explaining.why_change import Change, change_of
from peak_console.operations.explaining.why_gate import GateTold, gate_told
from peak_console.operations.explaining.why_json import call_json, run_json
from peak_console.operations.explaining.why_then import before_event
from peak_console.operations.explaining.why_words import call_line, call_paragraph
from peak_console.operations.ledger import existing
from peak_console.operations.ledger_facts import LedgerFacts, ledger_facts
from peak_console.operations.phase import rules_of
from peak_console.operations.runs import RunLine, run_line
from peak_console.operations.runs_read import line_json
from peak_console.operations.views.call_detail import CallDetail
from peak_console.operations.views.call_fold import detail_of
from peak_console.operations.views.call_page import event_json, whole_page
from peak_console.operations.why_moment import Then

LAST: Final = "last"
"""The name of the newest call that is not a critic's own."""
_PLACE: Final = re.compile(r"#?([0-9]{1,15})")
_PAGE: Final = 1000
_NEWEST: Final = 50
"""Beginnings of calls among which the newest that is no critic's is looked for."""
_EVENTS_LISTED: Final = 20_000
"""Events of a run that are read; a longer one is told as cut."""


class NotOnLedger(PeakError):
    """Nothing on this workspace's ledger has the id."""

    default_code = "not_on_ledger"
    why = "an explanation is read from the ledger alone"


@dataclass(frozen=True, slots=True)
class CallExplained:
    """A call, and what stands in the ledger now; ``event`` is the one that was asked for, if one was."""

    call: CallDetail
    now: LedgerFacts
    event: LedgerEvent | None = None
    then: Then | None = None
    """What stood when the call was asked."""
    opening: LedgerEvent | None = field(default=None, repr=False)
    """The event that asked for it."""

    def as_json(self) -> dict[str, Any]:
        """The document of ``peak why CALL --json``."""
        told = {"told": call_paragraph(self.call, self.then)}
        moment = {"moment": None if self.then is None else self.then.as_json()}
        return call_json(self.call, self.now, self.event) | moment | told


@dataclass(frozen=True, slots=True)
class RunExplained:
    """A run: its calls in the order they began, and how it began and ended."""

    run_id: str
    calls: tuple[CallDetail, ...]
    now: LedgerFacts
    started: LedgerEvent | None = None
    finished: LedgerEvent | None = None
    cut: bool = False
    """Whether the run has more events than were read."""
    line: RunLine | None = None
    then: Then | None = None
    """What stood when it began."""

    def as_json(self) -> dict[str, Any]:
        """The document of ``peak why RUN --json``."""
        document = run_json(self.run_id, self.calls, self.started, self.finished, cut=self.cut)
        for told, call in zip(document["calls"], self.calls, strict=True):
            told["why"] = call_line(call)
        return document | {
            "line": None if self.line is None else line_json(self.line),
            "moment": None if self.then is None else self.then.as_json(),
        }


@dataclass(frozen=True, slots=True)
class EventShown:
    """An event that belongs to no call and no run, or a decision of the gate: who, when, why, what of it."""

    event: LedgerEvent
    change: Change | None = None
    gate: GateTold | None = None
    """Of a decision of the risk gate: what it decided and by which figures."""

    def as_json(self) -> dict[str, Any]:
        """The document of ``peak why EVENT --json`` for it."""
        changed = {} if self.change is None else self.change.as_json()
        gate = {} if self.gate is None else {"gate": self.gate.as_json()}
        return {"kind": "event", "event": event_json(self.event), **changed, **gate}


Explained = CallExplained | RunExplained | EventShown


def why(ws: Workspace, name: str, *, clock: Clock | None = None) -> Explained:
    """Explain ``name``: an event id, a place (``#123``), a call id, a run id, or ``last``: the newest one.

    Raises ``UsageWrong`` for an empty name, ``NotOnLedger`` for an unknown one, ``LedgerUnavailable``.
    """
    name = name.strip()
    if not name:
        raise UsageWrong("no id was given", remedy="name an event, a call, a run or #SEQ: peak ledger tail")
    now = (clock or SystemClock()).now()
    with LedgerReader(existing(ws).ledger) as reader:
        facts = _facts(ws, reader, now)
        found = _newest_call(reader) if name == LAST else _event_named(reader, name)
        explained = _explained(reader, name, found, facts)
        head, _ = reader.head()
    if explained is not None:
        return _with_moment(ws, explained)
    if name == LAST:
        raise NotOnLedger("no call was made on this workspace yet", remedy="make one: peak call --help")
    raise NotOnLedger(_unknown(name, head), remedy=_remedy(name, head), name=one_line(name, 80), head=head)


def _explained(
    reader: LedgerReader, name: str, found: LedgerEvent | None, facts: LedgerFacts
) -> Explained | None:
    if found is not None:
        return _of_event(reader, found, facts)
    events = reader.by_call(name)
    return _of_call(reader, name, events, facts) if events else _of_run(reader, name, facts)


def _with_moment(ws: Workspace, explained: Explained) -> Explained:
    """The explanation with what stood at its moment."""
    if isinstance(explained, EventShown):
        return replace(explained, change=change_of(ws, explained.event))
    if isinstance(explained, RunExplained):
        begun = explained.started
        return replace(explained, then=before_event(ws, begun, money=False)) if begun else explained
    opening = explained.opening
    return replace(explained, then=before_event(ws, opening)) if opening else explained


def _facts(ws: Workspace, reader: LedgerReader, now: datetime) -> LedgerFacts:
    """What stands now; without budgets while the configs cannot be used: the past is told all the same."""
    limits = None
    with contextlib.suppress(ConfigInvalid):
        limits = load_configs(ws, phase=rules_of(ws), today=now.date()).budgets.limits
    return ledger_facts(reader, limits, now)


def _newest_call(reader: LedgerReader) -> LedgerEvent | None:
    """The newest call that is not a critic's own; of the last ones only critics', the newest of those."""
    asked = EventFilter(kinds=(EventKind.CALL_REQUESTED.value, EventKind.CALL_REFUSED.value))
    found = [event for event in reader.find(asked, None, _NEWEST).events if event.call_id]
    return next((event for event in found if not _is_critics(reader, event)), found[0] if found else None)


def _is_critics(reader: LedgerReader, event: LedgerEvent) -> bool:
    """Whether an event is of a call in which a critic judged another."""
    if (event.body or {}).get("asked_role") == Role.CRITIC or event.role == Role.CRITIC:
        return True
    events = reader.by_call(event.call_id or "")
    return any(one.kind == EventKind.CRITIC_JUDGED for one in events)


def _event_named(reader: LedgerReader, name: str) -> LedgerEvent | None:
    place = _PLACE.fullmatch(name)
    return reader.by_seq(int(place[1])) if place else reader.by_event(name)


def _of_event(reader: LedgerReader, event: LedgerEvent, facts: LedgerFacts) -> Explained:
    if event.kind == EventKind.GATE_DECIDED:
        return EventShown(event, gate=gate_told(event))
    judged = (event.body or {}).get("judged_call_id") if event.kind == EventKind.CRITIC_JUDGED else None
    call_id = judged if isinstance(judged, str) and judged else event.call_id
    if call_id:
        events = reader.by_call(call_id)
        explained = _of_call(reader, call_id, events, facts)
        if not explained.call.missing:
            return replace(explained, event=event)
    if event.run_id:
        run = _of_run(reader, event.run_id, facts)
        if run is not None and run.calls:
            return run
    return EventShown(event)


def _of_call(
    reader: LedgerReader, call_id: str, events: Sequence[LedgerEvent], facts: LedgerFacts
) -> CallExplained:
    detail = detail_of(call_id, events)
    if not detail.missing:
        detail = whole_page(reader, detail, events)
    kinds = {EventKind.CALL_REQUESTED, EventKind.CALL_REFUSED}
    opening = next((one for one in events if one.kind in kinds), None)
    called = replace(detail, budgets=facts.budgets, breakers=facts.breakers)
    return CallExplained(called, facts, opening=opening)


def _of_run(reader: LedgerReader, run_id: str, facts: LedgerFacts) -> RunExplained | None:
    events: list[LedgerEvent] = []
    while page := reader.by_run(run_id, events[-1].seq if events else 0, _PAGE):
        events += page
        if len(events) >= _EVENTS_LISTED:
            break
    if not events:
        return None
    by_call: dict[str, list[LedgerEvent]] = {}
    for event in events:
        if event.call_id:
            by_call.setdefault(event.call_id, []).append(event)
    calls = (detail_of(call_id, own) for call_id, own in by_call.items())
    return RunExplained(
        run_id,
        tuple(call for call in calls if not call.missing),
        facts,
        next((one for one in events if one.kind == EventKind.RUN_STARTED), None),
        next((one for one in events if one.kind == EventKind.RUN_FINISHED), None),
        cut=len(events) >= _EVENTS_LISTED,
        line=run_line(run_id, events),
    )


def _unknown(name: str, head: int) -> str:
    shown = one_line(name, 80)
    if _PLACE.fullmatch(name):
        return f"there is no event {shown}: the ledger ends at #{head:,}"
    kind = "event" if name.startswith("ev_") else "call" if name.startswith("call_") else ""
    kind = kind or ("run" if is_run_id(name) else "event, call or run")
    return f"there is no {kind} {shown} on this ledger of {head:,} events"


def _remedy(name: str, head: int) -> str:
    listed = "peak ledger tail lists events with their ids, peak status says which workspace this is"
    if _PLACE.fullmatch(name):
        return f"name a place from #1 to #{head}; {listed}" if head else "make a call first: peak call --help"
    return f"give an id as it stands on the ledger (ev_…, call_…, a run id) or a place as #SEQ; {listed}"
