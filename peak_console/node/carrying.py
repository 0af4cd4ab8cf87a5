"""What stays lowered over a recovery: scope stops, reduce, quarantined models and latched breakers of scopes.

The proven part says what stands, lifts and resets included. Of what is not proven only what lowers is
believed: a lift that nobody can prove lifts nothing, and an operator may lift it again.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import orjson

from peak_console.control.breakers import KINDS as BREAKER_KINDS
from peak_console.control.breakers import Latches
from peak_console.control.history import stop_draft
from peak_console.control.lowered import Lowered, Mark, narrow_scope, reduce_draft
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.domain.stopping import GLOBAL
from peak_console.domain.text import one_line
from peak_console.ledger.keeping.salvage import read_table
from peak_console.node.facts import Facts

MOST: Final = 256
"""More than a lease can say; beyond that a node is stopped anyway."""

_LOWERING: Final = (
    EventKind.CONTROL_STOPPED.value,
    EventKind.CONTROL_REDUCED.value,
    EventKind.BREAKER_TRIPPED.value,
    EventKind.MODEL_QUARANTINED.value,
)
_EVENTS: Final = (
    "SELECT l.seq, l.kind, l.event_id, l.ts, b.bytes FROM ledger l JOIN body b USING (seq) "
    "WHERE l.seq > {after} AND +l.kind IN ({kinds}) ORDER BY l.seq"
)
_TEXT: Final = 400


def lowered_over(broken: Path, prefix: Path | None, facts: Facts, proven: int) -> tuple[EventDraft, ...]:
    """The events that lower in the new ledger what was lowered in the old one.

    ``facts`` are those of the proven part, which ends at ``proven`` and lies in ``prefix``.
    """
    latches = Latches()
    for seq, kind, _, ts, body in _events(prefix, 0, BREAKER_KINDS):
        latches = latches.after(kind, body, ts, seq)
    lowered, quarantined = facts.lowered, set(facts.quarantined)
    for seq, kind, event_id, ts, body in _events(broken, proven, _LOWERING):
        lowered = lowered.after(kind, event_id, body, ts, 0)
        latches = latches.after(kind, body, ts, seq)
        if kind == EventKind.MODEL_QUARANTINED:
            quarantined.add(f"{body.get('provider')}:{body.get('model_id')}")
    return (*_stops(lowered), *_trips(latches), *_quarantines(quarantined))[:MOST]


def names_of(drafts: tuple[EventDraft, ...]) -> list[str]:
    """What is carried, in a word each, for the record of the recovery."""
    return [f"{one.kind} {one.body.get('scope') or one.body.get('model_id') or ''}".strip() for one in drafts]


def _events(
    path: Path | None, after: int, kinds: tuple[str, ...]
) -> Iterator[tuple[int, str, str, str, Mapping[str, Any]]]:
    """Events of ``kinds`` as far as they can be read; a damaged row is none."""
    listed = ", ".join(f"'{one}'" for one in kinds)
    rows = [] if path is None else read_table(path, _EVENTS.format(after=after, kinds=listed))
    for seq, kind, event_id, ts, data in rows:
        with suppress(ValueError, TypeError):
            body = orjson.loads(data)
            if isinstance(body, dict) and type(seq) is int and all(map(_is_text, (event_id, ts))):
                yield seq, kind, event_id, ts, body


def _stops(lowered: Lowered) -> Iterator[EventDraft]:
    if (mark := lowered.reduce) is not None:
        yield reduce_draft(_stop_id("reduce"), reason=_reason(mark.reason), operator=_by(mark))
    for scope, mark in sorted(lowered.scopes.items()):
        yield stop_draft(_stop_id("stop"), scope=scope, reason=_reason(mark.reason), operator=_by(mark))


def _trips(latches: Latches) -> Iterator[EventDraft]:
    for one in latches.latched():
        if one.scope != GLOBAL and narrow_scope(one.scope) is None:
            continue
        body = {
            "breaker": one.kind.value,
            "scope": one.scope,
            "figures": dict(one.figures or {}),
            "limit": one_line(one.limit, _TEXT),
            "reason": _reason(one.reason),
            "incident_id": one_line(one.incident_id, _TEXT),
            "carried_over": True,
        }
        yield EventDraft(new_event_id(secrets.token_bytes), EventKind.BREAKER_TRIPPED.value, body)


def _quarantines(models: set[str]) -> Iterator[EventDraft]:
    for name in sorted(filter(_is_model, models)):
        provider, _, model_id = name.partition(":")
        body = {
            "provider": provider,
            "model_id": model_id,
            "reason": _reason(""),
            "operator": "node",
            "carried_over": True,
        }
        yield EventDraft(
            new_event_id(secrets.token_bytes),
            EventKind.MODEL_QUARANTINED.value,
            body,
            provider=provider,
            model_id=model_id,
        )


def _is_model(name: str) -> bool:
    """Whether a scope can name it."""
    with suppress(PeakError):
        return narrow_scope(f"model:{name}") is not None
    return False


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _TEXT and value.isprintable()


def _stop_id(what: str) -> str:
    return f"{what}_{secrets.token_hex(12)}"


def _reason(before: str) -> str:
    return one_line(f"kept over a recovery{f': {before}' if before else ''}", _TEXT)


def _by(mark: Mark) -> str:
    return one_line(mark.operator, 100)
