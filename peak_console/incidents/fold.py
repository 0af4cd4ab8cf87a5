"""Where every incident stands, folded from the ledger's events. Pure; no event can break it.

An event that names no incident, names one that was never opened, or whose fields are not what they should be
changes nothing but what it tells well. What an event does not say stays as it was.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from peak_console.domain.clock import from_iso
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.ids import is_incident_id
from peak_console.domain.incidents import IncidentState, Trigger
from peak_console.domain.text import one_line
from peak_console.ledger.service.privileges import is_open

KINDS: Final = (
    *(one.value for one in EventKind if one.value.startswith("incident.")),
    EventKind.EVIDENCE_SEALED.value,
)
"""Every kind that the fold reads."""

SILENCE_MOST_S: Final = 86_400
"""The longest silence, in seconds; a longer one ends here, whoever recorded it."""

SEEN: Final = "seen"
"""``incident.action_taken`` with this action: the cause was there again (``times`` in all, where it says)."""

TOLD: Final = "told"
"""… a hook was told, or could not be (``hook``, ``ok``, ``tries``, ``detail``)."""

NODE: Final = "node"
"""The actor of what the node itself records; only its word counts of what it saw, did or told."""

NOT_TOLD: Final = "not_told"
"""… it was not to be told any more."""

TOLD_ID: Final = "ev_told_"
"""What the ids of both begin with."""

TEST_OVER: Final = "test_over"
"""… a test alert was waited for long enough; it closes a test, and nothing else."""

OPENING: Final = "incident.opened"
"""What a hook was told of where its event does not say."""

NOTE_LIMIT: Final = 2000
"""Characters of a note."""

NOTES_KEPT: Final = 500
"""How many of the newest notes of one incident are kept in mind; the ledger keeps all."""

TIMES_MOST: Final = (1 << 53) - 1
"""The largest count that an event may tell."""

EDITION_MOST: Final = 9999
"""The highest number of a capture that is believed."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_AUTOS: Final = frozenset({"disarm", "stop_scope", "stop", "quarantine"})


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody said or did of an incident."""

    at: datetime
    seq: int
    what: str
    """``acknowledged``, ``assigned``, ``noted``, ``handed_over``, ``silenced``, ``closed`` or an action."""
    who: str
    text: str
    ok: bool | None = None
    """Whether an action succeeded; ``None`` where that is no question."""


@dataclass(frozen=True, slots=True)
class Told:
    """What became of telling one hook."""

    hook: str
    about: str
    """The kind of what it was told of."""
    ok: bool
    tries: int
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident as its events leave it."""

    incident_id: str
    trigger: Trigger
    opened_at: datetime
    seq: int
    summary: str = ""
    cause: str = ""
    scope: str = ""
    auto: str = ""
    """What is to happen by itself, as its opening said."""
    acted: str = ""
    """What did happen by itself, with how it came out."""
    next_action: str = ""
    figures: Mapping[str, Any] | None = None
    opened_by: str = ""
    state: IncidentState = IncidentState.OPEN
    acknowledged_by: str = ""
    assignee: str = ""
    handing_to: str = ""
    """Who was asked to take it over and has not accepted yet."""
    times: int = 1
    last_at: datetime | None = None
    silenced_until: datetime | None = None
    silence_ends: datetime | None = None
    """When the last silence ends or ended; a close leaves it, so that it stays silent until then."""
    silence_seq: int = 0
    captured: str = ""
    closed_at: datetime | None = None
    closed_seq: int = 0
    closed_by: str = ""
    drill: bool = False
    notes: tuple[Note, ...] = ()
    told: tuple[Told, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether nobody has closed it."""
        return self.state is not IncidentState.CLOSED

    @property
    def test(self) -> bool:
        """Whether it only proves the way to a person."""
        return self.trigger is Trigger.TEST

    @property
    def counts(self) -> bool:
        """Whether it is a real one: neither test nor drill."""
        return not (self.test or self.drill)

    def silent(self, now: datetime) -> bool:
        """Whether nobody is to be told of it at ``now``."""
        return self.silence_ends is not None and now < self.silence_ends


def fold_incidents(
    events: Iterable[LedgerEvent], begun: Mapping[str, Incident] | None = None
) -> dict[str, Incident]:
    """Every incident by its id, in the order of opening; ``events`` ascend and follow those of ``begun``."""
    found = dict(begun or {})
    for event in events:
        one = after(found, event)
        if one is not None:
            found[one.incident_id] = one
    return found


def after(known: Mapping[str, Incident], event: LedgerEvent) -> Incident | None:
    """The incident that ``event`` changes, changed; ``None`` where it changes none."""
    body = event.body if isinstance(event.body, Mapping) else {}
    if event.kind == EventKind.INCIDENT_OPENED:
        incident_id = _word(body, "incident_id", 80) or event.event_id
        before = known.get(incident_id)
        return _opened(event, body, incident_id) if before is None else _again(before, event, body)
    step = _STEPS.get(event.kind)
    one = known.get(_word(body, "incident_id", 80))
    return step(one, event, body) if step is not None and one is not None else None


def find_incident(known: Mapping[str, Incident], text: str) -> tuple[Incident, ...]:
    """Those that ``text`` may mean: the one of this id, else those whose id, or its last part, begins so."""
    exact = known.get(text)
    if exact is not None:
        return (exact,)
    if not text:
        return ()
    return tuple(
        one
        for name, one in known.items()
        if name.startswith(text) or name.removeprefix("inc_").startswith(text) or name.endswith(f"_{text}")
    )


def _opened(event: LedgerEvent, body: Mapping[str, Any], incident_id: str) -> Incident:
    figures = body.get("figures")
    auto = _word(body, "auto", 40)
    return Incident(
        incident_id=incident_id,
        trigger=_trigger(body.get("trigger")),
        opened_at=_at(event),
        seq=event.seq,
        summary=_word(body, "summary", 400),
        cause=_word(body, "cause", 200),
        scope=_word(body, "scope", 160),
        auto="" if auto == "none" else auto,
        next_action=_word(body, "next_action", 300),
        figures=figures if isinstance(figures, Mapping) else None,
        opened_by=_who(event, body),
        drill=body.get("drill") is True,
    )


def _trigger(value: Any) -> Trigger:
    """The trigger that an opening names; one that nobody knows was somebody's word."""
    return Trigger(value) if isinstance(value, str) and value in set(Trigger) else Trigger.OPERATOR


def _again(one: Incident, event: LedgerEvent, body: Mapping[str, Any]) -> Incident:
    return replace(one, times=_times(one, body), last_at=_at(event))


def _times(one: Incident, body: Mapping[str, Any]) -> int:
    told = body.get("times")
    if isinstance(told, int) and not isinstance(told, bool) and 0 < told <= TIMES_MOST:
        return max(one.times, told)
    return one.times + 1


def _acknowledged(one: Incident, event: LedgerEvent, body: Mapping[str, Any]) -> Incident:
    who = _who(event, body)
    taken = one.handing_to == who
    one = replace(
        one,
        state=IncidentState.ACKNOWLEDGED if one.is_open else one.state,
        acknowledged_by=who if taken else one.acknowledged_by or who,
        assignee=who if taken else one.assignee or who,
        handing_to="" if taken else one.handing_to,
    )
    return _noted_as(one, event, body, "accepted" if taken else "acknowledged", _word(body, "note"))


def _assigned(one: Incident, event: LedgerEvent, body: Mapping[str, Any]) -> Incident:
    to = _word(body, "to", 100)
    if not to:
        return one
    one = replace(one, assignee=to, handing_to="")
    return _noted_as(one, event, body, "assigned", _joined(f"to {to}", _word(body, "note")))


def _handed_over(one: Incident, event: LedgerEvent, body: Mapping[str, Any]) -> Incident:
    to = _word(body, "to", 100)
    if not to:
        return one
    one = replace(one, handing_to=to)
    return _noted_as(one, event, body, "handed_over", _joined(f"to {to}", _word(body, "note")))


def _noted(one: Incident, event: LedgerEvent, body: Mapping[str, Any]) -> Incident:
    text = _word(body, "note")
    return _noted_as(one, event, body, "noted", text) if text else one


def _silenced(one: Incident, event: LedgerEvent, body: Mapping[str, Any]) -> Incident:
    at = _at(event)
    try:
        until = from_iso(str(body.get("until")))
        until = min(until, at + timedelta(seconds=SILENCE_MOST_S)) if until.tzinfo else at
    except (ValueError, OverflowError):
        return one
    if until > at:
        one = replace(one, silenced_until=until, silence_ends=until, silence_seq=event.seq)
    elif one.silent(at):
        one = replace(one, silenced_until=None, silence_ends=at)
    else:
        one = replace(one, silenced_until=None)
    reason = _word(body, "reason") or _word(body, "note")
    return _noted_as(one, event, body, "silenced", _joined(f"until {until:%Y-%m-%d %H:%M:%S}Z", reason))


def _closed(one: Incident, event: LedgerEvent, body: Mapping[str, Any]) -> Incident:
    if not one.is_open:
        return one
    who = _who(event, body)
    one = replace(
        one,
        state=IncidentState.CLOSED,
        closed_at=_at(event),
        closed_seq=event.seq,
        closed_by=who,
        handing_to="",
        silenced_until=None,
    )
    return _noted_as(one, event, body, "closed", _word(body, "note"))


def _action_taken(one: Incident, event: LedgerEvent, body: Mapping[str, Any]) -> Incident:
    action = _word(body, "action", 60)
    nodes = event.actor == NODE
    if action == SEEN:
        return _again(one, event, body) if nodes else one
    if not action:
        return one
    ok = body["ok"] if isinstance(body.get("ok"), bool) else None
    if action == TOLD and nodes:
        one = _told(one, event, body)
    elif action == TEST_OVER:
        return _closed(one, event, body) if one.test and nodes else one
    if nodes and action in _AUTOS and one.auto == action and not one.acted:
        one = replace(one, acted=action if ok is not False else f"{action} failed")
    subject = _word(body, "hook", 80) or _word(body, "scope", 160) or _word(body, "path", 400)
    return _noted_as(one, event, body, action, _joined(subject, _word(body, "detail", 400)), ok=ok)


def _sealed(one: Incident, _: LedgerEvent, body: Mapping[str, Any]) -> Incident:
    """A capture of it was sealed. Where it lies follows from its number; the first stays the one shown."""
    number = body.get("edition")
    if type(number) is not int or not 0 < number <= EDITION_MOST:
        return one
    if one.captured or not is_incident_id(one.incident_id):
        return one
    name = "capture" if number == 1 else f"capture-{number}"
    return replace(one, captured=f"audits/{one.incident_id}/{name}")


def _told(one: Incident, event: LedgerEvent, body: Mapping[str, Any]) -> Incident:
    tries = body.get("tries")
    told = Told(
        hook=_word(body, "hook", 80),
        about=_word(body, "about", 80) or OPENING,
        ok=body.get("ok") is True,
        tries=tries if isinstance(tries, int) and not isinstance(tries, bool) and tries >= 0 else 0,
        detail=_word(body, "detail", 400),
        at=_at(event),
    )
    return replace(one, told=(*one.told[-(NOTES_KEPT - 1) :], told))


def _noted_as(
    one: Incident,
    event: LedgerEvent,
    body: Mapping[str, Any],
    what: str,
    text: str,
    *,
    ok: bool | None = None,
) -> Incident:
    note = Note(_at(event), event.seq, what, _who(event, body), text, ok)
    return replace(one, notes=(*one.notes[-(NOTES_KEPT - 1) :], note))


def _joined(*parts: str) -> str:
    return ": ".join(part for part in parts if part)


def _who(event: LedgerEvent, body: Mapping[str, Any]) -> str:
    """Who did it: of what needed a proof the operator who gave it, of all else who the kernel says it was."""
    said = _word(body, "operator", 100)
    return shown_actor(event.kind, event.actor, said)


def shown_actor(kind: str, actor: str, said: str) -> str:
    """Who an event is shown to be by: ``said`` where the kind needs a proof of it, else an annotation."""
    if said and not is_open(kind):
        return said
    who = one_line(actor, 100)
    return who if said in {"", who} else f"{who} (says: {one_line(said, 60)})"


def _word(body: Mapping[str, Any], name: str, limit: int = NOTE_LIMIT) -> str:
    value = body.get(name)
    return one_line(value, limit) if isinstance(value, str) else ""


def _at(event: LedgerEvent) -> datetime:
    try:
        found = from_iso(event.ts)
    except ValueError:
        return _EPOCH
    return found if found.tzinfo else found.replace(tzinfo=UTC)


_Step = Callable[[Incident, LedgerEvent, Mapping[str, Any]], Incident]

_STEPS: Final[dict[str, _Step]] = {
    EventKind.INCIDENT_ACKNOWLEDGED.value: _acknowledged,
    EventKind.INCIDENT_ASSIGNED.value: _assigned,
    EventKind.INCIDENT_NOTED.value: _noted,
    EventKind.INCIDENT_HANDED_OVER.value: _handed_over,
    EventKind.INCIDENT_SILENCED.value: _silenced,
    EventKind.INCIDENT_ACTION_TAKEN.value: _action_taken,
    EventKind.INCIDENT_CLOSED.value: _closed,
    EventKind.EVIDENCE_SEALED.value: _sealed,
}
