"""What operators do with an incident: see it, give it to somebody, write down, keep quiet, close.

Each is one event that an enrolled operator proves. Nothing here stops or permits anything.
"""

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore
from peak_console.domain.clock import Clock, SystemClock, iso
from peak_console.domain.errors import ControlRefused, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.domain.incidents import IncidentState, Trigger
from peak_console.domain.text import one_line
from peak_console.incidents.fold import NOTE_LIMIT, SILENCE_MOST_S, Incident
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.enable import append_proved, choose_operator
from peak_console.operations.incidents.reading import one_incident, only_open, read_incidents
from peak_console.operations.incidents.standing_cause import why_standing
from peak_console.operations.ledger import existing
from peak_console.operations.operators import keys_by
from peak_console.operations.status import status

SILENCE_MOST: Final = timedelta(seconds=SILENCE_MOST_S)


_UNITS: Final = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}


@dataclass(frozen=True, slots=True)
class Acted:
    """What was recorded; ``seq`` is ``None`` where it stood so already and nothing had to be."""

    incident_id: str
    what: str
    operator: str
    seq: int | None
    line: str
    warning: str = ""

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {
            "incident_id": self.incident_id,
            "what": self.what,
            "operator": self.operator,
            "seq": self.seq,
            "line": self.line,
            "warning": self.warning or None,
        }


@dataclass(frozen=True, slots=True)
class Hand:
    """Who acts, and through whom: the workspace, a client of its node, the operator and the clocks."""

    ws: Workspace
    client: BlockingLedgerClient
    by: str | None = None
    environ: Mapping[str, str] | None = None
    clock: Clock | None = None

    def now(self) -> datetime:
        """The wall clock."""
        return (self.clock or SystemClock()).now()

    def signer(self) -> tuple[KeyStore, str]:
        """The keys, and whose signs; raises ``ControlRefused`` (``no_operator_key``) without one."""
        store = KeyStore(self.ws.keys, os.environ if self.environ is None else self.environ)
        return store, choose_operator(store, self.by)

    def append(self, kind: EventKind, one: Incident, body: Mapping[str, Any]) -> tuple[int, str]:
        """Record one proved event; gives its place and who signed. Raises as the node refuses."""
        store, operator = self.signer()
        whole = {"incident_id": one.incident_id, **body, "operator": operator}
        draft = EventDraft(new_event_id(secrets.token_bytes), kind.value, whole)
        return append_proved(self.client, store, operator, draft), operator


def silence_of(text: str) -> timedelta:
    """``30m``, ``2h``, ``90s`` as a time; raises ``UsageWrong`` (``silence_malformed``)."""
    found = re.fullmatch(r"([1-9][0-9]{0,5})([smh])", text.strip())
    if found is None:
        raise UsageWrong(
            f"{text!r:.60} is no length of time",
            code="silence_malformed",
            remedy="write minutes or hours, at most 24h: 30m, 2h",
        )
    return int(found[1]) * _UNITS[found[2]]


def acknowledge(hand: Hand, incident: str, *, note: str = "") -> Acted:
    """Say that it is seen; it is the operator's then, unless somebody has it. Accepts a hand-over to them."""
    one = _open_one(hand, incident)
    _, operator = hand.signer()
    mine = one.state is IncidentState.ACKNOWLEDGED and one.acknowledged_by == operator
    if mine and one.handing_to != operator and not note.strip():
        return Acted(one.incident_id, "acknowledged", operator, None, f"{operator} acknowledged it already")
    seq, operator = hand.append(EventKind.INCIDENT_ACKNOWLEDGED, one, _with_note({}, note))
    taken = one.handing_to == operator
    line = f"{operator} took it over" if taken else f"acknowledged by {operator}"
    return Acted(one.incident_id, "accepted" if taken else "acknowledged", operator, seq, line)


def assign(hand: Hand, incident: str, to: str, *, note: str = "") -> Acted:
    """Say who works on it: an enrolled operator, the one who assigns too."""
    one = _open_one(hand, incident)
    name = _operator(hand, to)
    seq, operator = hand.append(EventKind.INCIDENT_ASSIGNED, one, _with_note({"to": name}, note))
    return Acted(one.incident_id, "assigned", operator, seq, f"assigned to {name}")


def add_note(hand: Hand, incident: str, note: str) -> Acted:
    """Write down what was found or done; after the close, too."""
    one = _one(hand, incident)
    body = {"note": _said(note, "note_missing", 'write it: peak incident note ID "what you saw"')}
    seq, operator = hand.append(EventKind.INCIDENT_NOTED, one, body)
    return Acted(one.incident_id, "noted", operator, seq, "noted")


def hand_over(hand: Hand, incident: str, to: str, *, note: str) -> Acted:
    """Ask another operator to take it, saying how it stands. It stays with who has it until they accept."""
    one = _open_one(hand, incident)
    name = _operator(hand, to)
    said = _said(note, "note_missing", 'say how it stands: --note "..."')
    _, operator = hand.signer()
    if name == operator:
        raise UsageWrong(
            "it cannot be handed over to yourself",
            code="handover_to_self",
            remedy=f"take it: peak incident ack {one.incident_id}",
        )
    seq, operator = hand.append(EventKind.INCIDENT_HANDED_OVER, one, {"to": name, "note": said})
    line = f"handed over to {name}, who accepts with: peak incident ack {one.incident_id}"
    return Acted(one.incident_id, "handed_over", operator, seq, line)


def silence(hand: Hand, incident: str, length: timedelta, *, reason: str) -> Acted:
    """Keep its alert quiet for ``length``, at most a day; a length of nothing ends the silence.

    It stays on every screen; only bell and hooks are silent.
    """
    one = _open_one(hand, incident)
    if length > SILENCE_MOST:
        raise UsageWrong(
            "a silence lasts a day at most",
            code="silence_too_long",
            remedy="write 24h or less; it can be renewed, and close the incident when it is over",
        )
    until = hand.now() + max(length, timedelta())
    body = {"until": iso(until), "reason": _said(reason, "reason_missing", 'say why: --reason "..."')}
    seq, operator = hand.append(EventKind.INCIDENT_SILENCED, one, body)
    ended = length <= timedelta()
    line = "no longer silent" if ended else f"silent until {until:%Y-%m-%d %H:%M:%S}Z"
    return Acted(one.incident_id, "silenced", operator, seq, line)


def close(hand: Hand, incident: str, *, note: str, anyway: bool = False) -> Acted:
    """Close it, saying what it was. Raises ``ControlRefused`` (``cause_stands``) while its cause stands.

    With ``anyway`` it is closed all the same, and the event says that the cause stood.
    """
    one = _open_one(hand, incident)
    said = _said(note, "note_missing", 'say what it was: --note "..."')
    now = hand.now()
    bar = status(hand.ws, clock=hand.clock, environ=hand.environ)
    stands = why_standing(one, bar, now) or _arming_locked(hand, one)
    if stands and not anyway:
        raise ControlRefused(
            f"its cause still stands: {stands}",
            code="cause_stands",
            remedy="mend it first; or, if you know better, close it with --anyway",
            incident_id=one.incident_id,
        )
    body = {"note": said, **({"cause_stood": one_line(stands, 300)} if stands else {})}
    seq, operator = hand.append(EventKind.INCIDENT_CLOSED, one, body)
    done = Acted(one.incident_id, "closed", operator, seq, f"closed by {operator}")
    return replace(done, warning=f"its cause still stands: {stands}") if stands else done


def _arming_locked(hand: Hand, one: Incident) -> str:
    """Of a lockout the node alone knows whether it lasts; empty where arming is free, or nothing tells."""
    if one.trigger is not Trigger.ARM_LOCKOUT:
        return ""
    until = hand.client.request("arm.status").get("locked_until")
    return f"arming is locked until {one_line(str(until), 40)}" if until else ""


def _one(hand: Hand, incident: str) -> Incident:
    with LedgerReader(existing(hand.ws).ledger) as reader:
        known = read_incidents(reader)
        return one_incident(known, incident) if incident.strip() else only_open(known)


def _open_one(hand: Hand, incident: str) -> Incident:
    """The incident meant; raises ``ControlRefused`` (``incident_closed``) where nothing is left to do."""
    one = _one(hand, incident)
    if one.is_open:
        return one
    when = "" if one.closed_at is None else f" at {one.closed_at:%Y-%m-%d %H:%M}Z"
    who = f" by {one.closed_by}" if one.closed_by else ""
    raise ControlRefused(
        f"{one.incident_id} was closed{who}{when}",
        code="incident_closed",
        remedy=f'add to it: peak incident note {one.incident_id} "..."; if it is back: peak incident now',
    )


def _operator(hand: Hand, name: str) -> str:
    with LedgerReader(existing(hand.ws).ledger) as reader:
        known = keys_by(reader)
    if name in known:
        return name
    named = ", ".join(sorted(known)) or "nobody"
    raise UsageWrong(
        f"{name!r:.60} is no enrolled operator",
        code="operator_unknown",
        remedy=f"choose one of: {named}; see: peak operator list",
    )


def _said(text: str, code: str, remedy: str) -> str:
    said = one_line(text, NOTE_LIMIT).strip()
    if not said:
        raise UsageWrong("it needs some words", code=code, remedy=remedy)
    return said


def _with_note(body: dict[str, Any], note: str) -> dict[str, Any]:
    said = one_line(note, NOTE_LIMIT).strip()
    return {**body, "note": said} if said else body
