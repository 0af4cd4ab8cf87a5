"""What stays over a recovery: what is stopped, latched or out of use, a lockout of arming, open incidents.

The proven part says what stands; lifts, resets and closes included. Of what is not proven only what lowers
is believed: a lift that nobody can prove lifts nothing, and an operator may lift it again. All of it is
carried, however much it is: what is left out would be laxer than what was. More scopes than a lease can name
keep everything stopped anyway.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import orjson

from peak_console.control.boot import boot_id
from peak_console.control.breakers import KINDS as BREAKER_KINDS
from peak_console.control.breakers import Latches
from peak_console.control.history import stop_draft
from peak_console.control.lowered import Lowered, Mark, is_drill, narrow_scope, reduce_draft
from peak_console.domain.arming import ArmEnd
from peak_console.domain.clock import Clock, from_unix_us, iso, unix_us
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft, EventKind, LedgerEvent
from peak_console.domain.ids import new_event_id
from peak_console.domain.incidents import Auto
from peak_console.domain.stopping import GLOBAL
from peak_console.domain.text import one_line
from peak_console.incidents.fold import KINDS as INCIDENT_KINDS
from peak_console.incidents.fold import fold_incidents
from peak_console.ledger.keeping.salvage import read_table
from peak_console.node.arm_record import lockout_left_us
from peak_console.node.facts import Facts

NAMED: Final = 256
"""How many of them the record of the recovery names; the ledger itself holds them all."""

FIGURES_MOST: Final = 32
"""Figures of one breaker or incident that are carried."""

_LOWERING: Final = (
    EventKind.CONTROL_STOPPED.value,
    EventKind.CONTROL_REDUCED.value,
    EventKind.BREAKER_TRIPPED.value,
    EventKind.MODEL_QUARANTINED.value,
)
_OPENED: Final = (EventKind.INCIDENT_OPENED.value,)
_REFUSED: Final = (EventKind.ARM_REFUSED.value,)
_EVENTS: Final = (
    "SELECT l.seq, l.kind, l.event_id, l.ts, l.actor, b.bytes FROM ledger l JOIN body b USING (seq) "
    "WHERE l.seq > {after} AND +l.kind IN ({kinds}) ORDER BY l.seq"
)
_TEXT: Final = 400


def lowered_over(
    broken: Path, prefix: Path | None, facts: Facts, proven: int, clock: Clock
) -> tuple[EventDraft, ...]:
    """The events that lower in the new ledger what was lowered in the old one, those that bind most first.

    ``facts`` are those of the proven part, which ends at ``proven`` and lies in ``prefix``.
    """
    latches = Latches()
    for one in _events(prefix, 0, BREAKER_KINDS):
        latches = latches.after(one.kind, one.body or {}, one.ts, one.seq)
    lowered, quarantined = facts.lowered, set(facts.quarantined)
    for one in _events(broken, proven, _LOWERING):
        body = one.body or {}
        lowered = lowered.after(one.kind, one.event_id, body, one.ts, 0)
        latches = latches.after(one.kind, body, one.ts, one.seq)
        if one.kind == EventKind.MODEL_QUARANTINED:
            quarantined.add(f"{body.get('provider')}:{body.get('model_id')}")
    return (
        *_lockout((*_events(prefix, 0, _REFUSED), *_events(broken, proven, _REFUSED)), clock),
        *_trips(latches),
        *_quarantines(quarantined),
        *_stops(lowered),
        *_incidents(broken, prefix, proven),
    )


def names_of(drafts: tuple[EventDraft, ...]) -> list[str]:
    """What is carried, in a word each, for the record of the recovery; of very many the first and a count."""
    names = [f"{one.kind} {_subject(one)}".strip() for one in drafts[:NAMED]]
    return names if len(drafts) <= NAMED else [*names, f"and {len(drafts) - NAMED} more"]


def _subject(draft: EventDraft) -> str:
    body = draft.body
    wanted = "incident_id" if draft.kind == EventKind.INCIDENT_OPENED else "scope"
    return str(body.get(wanted) or body.get("model_id") or "")


def _events(path: Path | None, after: int, kinds: tuple[str, ...]) -> Iterator[LedgerEvent]:
    """Events of ``kinds`` as far as they can be read; a damaged row is none. Their hashes are not asked."""
    listed = ", ".join(f"'{one}'" for one in kinds)
    rows = [] if path is None else read_table(path, _EVENTS.format(after=after, kinds=listed))
    for seq, kind, event_id, ts, actor, data in rows:
        with suppress(ValueError, TypeError):
            body = orjson.loads(data)
            if isinstance(body, dict) and type(seq) is int and all(map(_is_text, (event_id, ts, actor))):
                yield LedgerEvent(seq, event_id, ts, 0, kind, actor, "", "", "", body=body)


def _lockout(refusals: Iterable[LedgerEvent], clock: Clock) -> Iterator[EventDraft]:
    """The lockout of arming that lasts longest, as a refusal of this moment; none where all are over."""
    now = (boot_id(), clock.boot_us(), unix_us(clock.now()))
    found = [one.body or {} for one in refusals if (one.body or {}).get("why") == ArmEnd.TRIES_USED_UP]
    left_us = max((lockout_left_us(one, *now) for one in found), default=0)
    if left_us > 0:
        body = {
            "why": ArmEnd.TRIES_USED_UP.value,
            "operator": "node",
            "locked_until": iso(from_unix_us(now[2] + left_us)),
            "locked_until_us": now[1] + left_us,
            "boot_id": now[0],
            "carried_over": True,
        }
        yield EventDraft(new_event_id(secrets.token_bytes), EventKind.ARM_REFUSED.value, body)


def _incidents(broken: Path, prefix: Path | None, proven: int) -> Iterator[EventDraft]:
    """Incidents that nobody provably closed, opened again by their ids; tests are over."""
    known = fold_incidents(_events(prefix, 0, INCIDENT_KINDS))
    known = fold_incidents(_events(broken, proven, _OPENED), known)
    for one in known.values():
        if not one.is_open or one.test:
            continue
        body = {
            "incident_id": one.incident_id,
            "trigger": one.trigger.value,
            "cause": one.cause,
            "scope": one.scope,
            "summary": one.summary,
            "figures": _figures(one.figures),
            "auto": Auto.NONE.value,
            "next_action": one.next_action,
            "drill": one.drill,
            "note": "carried over a recovery",
            "opened_at": iso(one.opened_at),
            "carried_over": True,
        }
        yield EventDraft(new_event_id(secrets.token_bytes), EventKind.INCIDENT_OPENED.value, body)


def _figures(told: Mapping[str, Any] | None) -> dict[str, str]:
    """Figures as texts, so that no number of an unproven event keeps the new ledger from being written."""
    shown = list((told or {}).items())[:FIGURES_MOST]
    return {
        one_line(str(name).encode("ascii", "replace").decode(), 60): one_line(str(value), 200)
        for name, value in shown
    }


def _stops(lowered: Lowered) -> Iterator[EventDraft]:
    if (mark := lowered.reduce) is not None:
        yield reduce_draft(_stop_id("reduce"), reason=_reason(mark.reason), operator=_by(mark))
    for scope, mark in sorted(lowered.scopes.items()):
        if is_drill(scope):
            continue
        yield stop_draft(_stop_id("stop"), scope=scope, reason=_reason(mark.reason), operator=_by(mark))


def _trips(latches: Latches) -> Iterator[EventDraft]:
    for one in latches.latched():
        if one.scope != GLOBAL and narrow_scope(one.scope) is None:
            continue
        body = {
            "breaker": one.kind.value,
            "scope": one.scope,
            "figures": _figures(one.figures),
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
