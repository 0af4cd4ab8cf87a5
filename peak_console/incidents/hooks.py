"""Telling hooks of incidents: whom, of what, in which words, how often. Pure.

Webhooks follow Standard Webhooks 1.0 (standardwebhooks.com): ``webhook-id``, ``webhook-timestamp`` and
``webhook-signature`` with ``v1a``, Ed25519 over ``id.timestamp.body``, by the workspace's key.
"""

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from peak_console.config.incidents import Hook
from peak_console.domain.canonical import canonical
from peak_console.domain.clock import iso
from peak_console.domain.events import EventKind
from peak_console.domain.incidents import IncidentState
from peak_console.domain.signing import Signer
from peak_console.incidents.fold import Incident
from peak_console.incidents.guidance import GUIDANCE

ESCALATED: Final = "incident.escalated"
"""Told once where nobody acknowledged within :data:`UNSEEN`."""

SILENCE_OVER: Final = "incident.silence_over"
"""Told once where a silence has ended and the incident is open still."""

UNSEEN: Final = timedelta(minutes=15)
"""How long an incident may stay unacknowledged before its hooks are told again."""

STALE: Final = timedelta(hours=1)
"""What is older is not told any more."""

TOLD_OF: Final = (
    EventKind.INCIDENT_OPENED.value,
    EventKind.INCIDENT_HANDED_OVER.value,
    EventKind.INCIDENT_CLOSED.value,
)
"""Kinds of events that hooks are told of, besides the escalation."""

TEST_TRIES: Final = 2
TEST_TIMEOUT_S: Final = 6
"""A test alert is waited for, so its hooks have less time."""

_FIRST_PAUSE_S: Final = 2.0
_GROWTH: Final = 3.0
_LONGEST_PAUSE_S: Final = 300.0
_SHORT_PAUSE_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Telling:
    """One thing that one hook is to be told: how often it was tried, and when it is due."""

    hook: str
    about: str
    incident_id: str
    seq: int
    """The event that it is about; of an escalation the opening."""
    due: datetime
    tries: int = 0

    @property
    def key(self) -> tuple[str, str, int]:
        """What makes it the same again."""
        return self.hook, self.about, self.seq

    @property
    def message_id(self) -> str:
        """The same for every try, so that a receiver sees a repetition."""
        return f"msg_{self.seq}_{self.about.rpartition('.')[2]}_{self.hook}"

    def again(self, due: datetime) -> "Telling":
        """The same after one more try."""
        return replace(self, tries=self.tries + 1, due=due)

    def as_json(self) -> dict[str, Any]:
        """As the file of what is due keeps it."""
        return {
            "hook": self.hook,
            "about": self.about,
            "incident_id": self.incident_id,
            "seq": self.seq,
            "due": iso(self.due),
            "tries": self.tries,
        }


def tellings_of(
    events: Iterable[tuple[str, int, datetime]], one: Incident, hooks: Iterable[Hook], now: datetime
) -> list[Telling]:
    """What ``hooks`` are to be told of an incident, by its new ``events`` (kind, place, time)."""
    if one.drill:
        return []
    fresh = [(kind, seq) for kind, seq, at in events if kind in TOLD_OF and now - at < STALE]
    if one.test:
        fresh = [(kind, seq) for kind, seq in fresh if kind == EventKind.INCIDENT_OPENED]
    return [
        Telling(hook.name, kind, one.incident_id, seq, now)
        for kind, seq in fresh
        for hook in hooks
        if wants(hook, one)
    ]


def escalations(known: Iterable[Incident], hooks: Iterable[Hook], now: datetime) -> list[Telling]:
    """What hooks are told again of, because nobody acknowledged it; not what was silent when it was due."""
    hooks = tuple(hooks)
    return [
        Telling(hook.name, ESCALATED, one.incident_id, one.seq, now)
        for one in known
        if one.state is IncidentState.OPEN and one.counts and UNSEEN <= now - one.opened_at < UNSEEN + STALE
        if not one.silent(one.opened_at + UNSEEN)
        for hook in hooks
        if wants(hook, one) and not was_told(one, hook.name, ESCALATED)
    ]


def unsilenced(known: Iterable[Incident], hooks: Iterable[Hook], now: datetime) -> list[Telling]:
    """What hooks are told of once its silence is over: it is open still, and they heard nothing since."""
    hooks = tuple(hooks)
    return [
        Telling(hook.name, SILENCE_OVER, one.incident_id, one.silence_seq, now)
        for one in known
        if one.is_open and one.counts and one.silence_ends is not None
        if timedelta() <= now - one.silence_ends < STALE
        for hook in hooks
        if wants(hook, one) and not _told_since(one, hook.name, one.silence_ends)
    ]


def begun_with(known: Iterable[Incident], hook: Hook, now: datetime) -> list[Telling]:
    """What a hook is told of that is new here: what is open and not silent now, and of the last hour."""
    return [
        Telling(hook.name, EventKind.INCIDENT_OPENED.value, one.incident_id, one.seq, now)
        for one in known
        if one.is_open and not one.drill and not one.silent(now) and now - one.opened_at < STALE
        if wants(hook, one)
    ]


def needless(telling: Telling, one: Incident, now: datetime) -> str:
    """Why something that is due is not told, in words; empty where it is."""
    closed = telling.about == EventKind.INCIDENT_CLOSED
    if not one.test and (one.silent(now) or (closed and one.closed_at and one.silent(one.closed_at))):
        return f"silent until {one.silence_ends:%Y-%m-%d %H:%M}Z"
    if not (one.is_open or closed or one.test):
        return "it was closed before it could be told"
    if telling.about == ESCALATED and one.acknowledged_by:
        return f"{one.acknowledged_by} acknowledged it meanwhile"
    return ""


def wants(hook: Hook, one: Incident) -> bool:
    """Whether a hook is told of this incident's trigger; a test reaches all."""
    return one.test or not hook.triggers or one.trigger in hook.triggers


def was_told(one: Incident, hook: str, about: str) -> bool:
    """Whether the ledger says already what became of it; hand-overs and silences may come again."""
    if about in {EventKind.INCIDENT_HANDED_OVER, SILENCE_OVER}:
        return False
    return any(told.hook == hook and told.about == about for told in one.told)


def _told_since(one: Incident, hook: str, since: datetime) -> bool:
    return any(told.hook == hook and told.at >= since for told in one.told)


def tries_of(hook: Hook, one: Incident) -> int:
    """How often a hook is tried."""
    return min(hook.tries, TEST_TRIES) if one.test else hook.tries


def timeout_of(hook: Hook, one: Incident) -> int:
    """Seconds for one try."""
    return min(hook.timeout_s, TEST_TIMEOUT_S) if one.test else hook.timeout_s


def pause_s(tries: int, share: float, *, test: bool = False) -> float:
    """Seconds until the next try after ``tries``: three times as long each time, at most five minutes.

    ``share`` in [0, 1) spreads it between half and one and a half, so that many hooks do not come at once.
    """
    if test:
        return _SHORT_PAUSE_S
    longest = min(_FIRST_PAUSE_S * _GROWTH ** min(max(tries - 1, 0), 10), _LONGEST_PAUSE_S)
    return longest * (0.5 + share)


def message(telling: Telling, one: Incident, workspace: str) -> bytes:
    """What is told, as canonical JSON: ``{"type", "timestamp", "data"}``; no field of it is a secret."""
    data: dict[str, Any] = {
        "workspace": workspace,
        "incident_id": one.incident_id,
        "trigger": one.trigger.value,
        "title": GUIDANCE[one.trigger].title,
        "state": _state(telling, one).value,
        "opened_at": iso(one.opened_at),
        "summary": one.summary,
        "cause": one.cause,
        "scope": one.scope,
        "auto": one.acted or one.auto,
        "next_action": one.next_action or GUIDANCE[one.trigger].next,
        "acknowledged_by": one.acknowledged_by,
        "assignee": one.assignee,
        "handing_to": one.handing_to,
        "times": one.times,
        "test": one.test,
        "show": f"peak incident show {one.incident_id}",
    }
    return canonical({"type": telling.about, "timestamp": iso(_moment(telling, one)), "data": data})


def _state(telling: Telling, one: Incident) -> IncidentState:
    """How it stood when what is told happened: an opening is never told as closed."""
    if telling.about == EventKind.INCIDENT_CLOSED:
        return one.state
    opening = telling.about in {EventKind.INCIDENT_OPENED, ESCALATED}
    return IncidentState.OPEN if opening or not one.acknowledged_by else IncidentState.ACKNOWLEDGED


def _moment(telling: Telling, one: Incident) -> datetime:
    """When it happened, the same for every try."""
    if telling.about == EventKind.INCIDENT_CLOSED and one.closed_at is not None:
        return one.closed_at
    if telling.about == ESCALATED:
        return one.opened_at + UNSEEN
    if telling.about == SILENCE_OVER and one.silence_ends is not None:
        return one.silence_ends
    return next((note.at for note in one.notes if note.seq == telling.seq), one.opened_at)


def signed_headers(message_id: str, body: bytes, now: datetime, signer: Signer) -> dict[str, str]:
    """The headers of a webhook: id, timestamp in Unix seconds, and ``v1a`` with the signature."""
    stamp = str(int(now.timestamp()))
    signature = signer.sign(b".".join((message_id.encode(), stamp.encode(), body)))
    return {
        "content-type": "application/json",
        "user-agent": "peak-console",
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1a,{base64.b64encode(signature).decode('ascii')}",
    }


def telling_from(fields: Any, moment: Callable[[str], datetime]) -> Telling | None:
    """A telling as :meth:`Telling.as_json` wrote it; ``None`` for anything else."""
    if not isinstance(fields, Mapping):
        return None
    texts = [fields.get(name) for name in ("hook", "about", "incident_id", "due")]
    numbers = [fields.get(name) for name in ("seq", "tries")]
    if not all(isinstance(one, str) for one in texts) or not all(type(one) is int for one in numbers):
        return None
    hook, about, incident_id, due = (str(one) for one in texts)
    try:
        when = moment(due)
    except ValueError:
        return None
    if when.tzinfo is None:
        return None
    return Telling(hook, about, incident_id, int(fields["seq"]), when, max(0, int(fields["tries"])))
