"""An event of control, operators, configs, breakers or the ledger explained: who, why, what it changed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.text import one_line
from peak_console.ledger.as_of.reader import AsOfReader
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.explaining.why_then import cause_of, standing
from peak_console.operations.views.body_fields import text_of
from peak_console.operations.why_moment import Cause, Then

_ASIDE: Final = frozenset({"reason", "operator", "public_key", "by", "diff", "keys"})
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Change:
    """What an event changed: pairs of what and its value before and after; ``told`` is all it says itself."""

    cause: Cause
    changed: tuple[tuple[str, str, str], ...]
    told: tuple[tuple[str, str], ...]
    standing: Then
    """What held once it was written."""
    pruned: bool = False

    def as_json(self) -> dict[str, Any]:
        """As documents show it."""
        return {
            "by": self.cause.as_json(),
            "changed": [
                {"what": what, "before": before, "after": after} for what, before, after in self.changed
            ],
            "says": dict(self.told),
            "moment": self.standing.as_json(),
            "pruned": self.pruned,
        }


def change_of(ws: Workspace, event: LedgerEvent) -> Change | None:
    """What an event changed; raises ``LedgerUnavailable``."""
    cause = cause_of(event)
    if cause is None:
        return None
    with AsOfReader(ws.ledger, event.seq - 1) as reader:
        before = standing(reader, event)
        earlier = _earlier(reader, event)
        reader.move(event.seq)
        after = standing(reader, event)
    changed = tuple(
        (what, one, other)
        for what, one, other in (*_held(before, after), *_own(event, earlier))
        if one != other
    )
    return Change(cause, changed, tuple(_told(event)), after, pruned=event.body is None)


def _held(before: Then, after: Then) -> Iterator[tuple[str, str, str]]:
    """What holds of the whole workspace, before and after."""
    yield "posture", before.posture, after.posture
    yield "phase", before.phase, after.phase
    yield "operators", ", ".join(before.operators), ", ".join(after.operators)
    yield "node session", before.session, after.session


def _own(event: LedgerEvent, earlier: LedgerEvent | None) -> Iterator[tuple[str, str, str]]:
    """What the event itself names as old and new."""
    body = event.body or {}
    for what, old, new in (("file", "old", "new"), ("breaker", "state_from", "state_to"), ("", "from", "to")):
        one, other = body.get(old), body.get(new)
        if isinstance(one, str | None) and isinstance(other, str | None) and (one or other):
            named = "path" if what == "file" and "file" not in body else what
            subject = " ".join(
                _word(body.get(name)) for name in (named, "provider", "model_id") if body.get(name)
            )
            yield subject or event.kind, _word(one) or "none", _word(other) or "none"
    yield from _keys(body.get("keys"))
    if event.kind == EventKind.NODE_STARTED and earlier is not None:
        yield "version", _word((earlier.body or {}).get("version")), _word(body.get("version"))


def _keys(told: Any) -> Iterator[tuple[str, str, str]]:
    """The keys that a save of a config names as changed."""
    for one in told if isinstance(told, list) else ():
        if isinstance(one, Mapping):
            yield _word(one.get("key")), _word(one.get("old")) or "none", _word(one.get("new")) or "none"


def _earlier(reader: LedgerReader, event: LedgerEvent) -> LedgerEvent | None:
    """The event of the same kind before this one, where its kind is rare."""
    if event.kind in {EventKind.CALL_REQUESTED, EventKind.CALL_COMPLETED}:
        return None
    found = reader.find(EventFilter(kinds=(event.kind,)), None, 1).events
    return found[0] if found else None


def _told(event: LedgerEvent) -> Iterator[tuple[str, str]]:
    """The plain fields of the event's body; what is nested is told by its size."""
    for name, value in sorted((event.body or {}).items()):
        if name in _ASIDE or value in (None, ""):
            continue
        if isinstance(value, Mapping | list | tuple):
            yield one_line(str(name), 40), f"{len(value)} entries"
        else:
            yield one_line(str(name), 40), _word(value)


def _word(value: Any) -> str:
    return one_line(text_of(value) or ("" if value is None else str(value)), _LONGEST)
