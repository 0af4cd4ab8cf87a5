"""An event's page: header, body, place in the chain, and in a line why it stands there."""

from dataclasses import replace
from typing import Any

from peak_console.domain.clock import from_iso
from peak_console.domain.errors import LedgerUnavailable
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.shadow.words import word, words
from peak_console.operations.views.body_fields import Body, listed, mapping, time_of
from peak_console.operations.views.call_page import event_json
from peak_console.operations.views.chain import place_of
from peak_console.operations.views.freshness import Freshness
from peak_console.operations.views.run_detail import EventDetail
from peak_console.operations.views.timeline import line_of_event


def event_page(
    reader: LedgerReader, seq: int, freshness: Freshness, known: EventDetail | None = None
) -> EventDetail:
    """The page of the event at ``seq``; ``known`` is what it said before. Raises ``LedgerUnavailable``."""
    head = reader.head()[0]
    if known is not None and not known.missing and not known.pruned:
        return replace(known, head_seq=head, freshness=freshness)
    event = _event(reader, seq)
    if event is None:
        missing = f"there is no event #{seq:,}; the newest is #{head:,}"
        return EventDetail(seq, head_seq=head, missing=missing, freshness=freshness)
    began = _began(reader, event)
    return EventDetail(
        seq,
        kind=event.kind,
        at=time_of(event),
        event=event_json(event),
        pruned=event.body is None,
        run_id=event.run_id or "",
        call_id=event.call_id or "",
        place=place_of(event, _hash_before(reader, seq)),
        head_seq=head,
        why=why_in_a_line(event),
        line=line_of_event(event, began),
        freshness=freshness,
    )


def _event(reader: LedgerReader, seq: int) -> LedgerEvent | None:
    try:
        return reader.by_seq(seq)
    except ValueError as error:
        raise LedgerUnavailable(
            f"the body of event #{seq:,} cannot be read: {error}",
            code="ledger_corrupt",
            remedy="run: peak ledger verify",
        ) from error


def _hash_before(reader: LedgerReader, seq: int) -> str | None:
    before = reader.read(seq - 2, 1, bodies=False) if seq > 1 else []
    return before[0].hash if before and before[0].seq == seq - 1 else None


def _began(reader: LedgerReader, event: LedgerEvent) -> Any:
    first = reader.by_run(event.run_id, 0, 1) if event.run_id else []
    return from_iso(first[0].ts) if first else time_of(event)


def why_in_a_line(event: LedgerEvent) -> str:
    """Why this event came about, as far as it says so itself."""
    body = event.body or {}
    if event.kind in {EventKind.CALL_REQUESTED, EventKind.CALL_REFUSED}:
        return _of_route(body)
    if event.kind == EventKind.FALLBACK_TAKEN:
        return f"the candidate before it could not be used: {body.get('reason', '?')}"
    if event.kind == EventKind.CALL_FAILED:
        then = {"next": "the next candidate is asked", "stop": "the chain ends here"}
        return f"{body.get('reason', '?')}; {then.get(str(body.get('then')), 'what followed stands below')}"
    if event.kind == EventKind.CRITIC_JUDGED:
        count = len(listed(body.get("findings")))
        found = f"{count} finding{'s' if count != 1 else ''}"
        return f"it judged call {body.get('judged_call_id', '?')} with {found}"
    if event.kind == EventKind.GATE_DECIDED:
        return _of_gate(body)
    if event.kind == EventKind.SHADOW_CYCLE_FINISHED:
        return _of_cycle(body)
    reason = body.get("reason")
    return f"{reason}, by {event.actor}" if reason else f"written by {event.actor}"


def _of_gate(body: Body) -> str:
    reasons = ", ".join(words(body.get("reasons"))) or "no reason to block"
    digest = word(body.get("inputs_digest"), 8).rstrip("…")
    return f"{reasons}; decided on inputs {digest or '?'}, again with: peak gate replay"


def _of_cycle(body: Body) -> str:
    reasons = ", ".join(words(body.get("reasons"))) or "no reason given"
    return f"job {word(body.get('job')) or '?'}, data of {word(body.get('as_of')) or '?'}: {reasons}"


def _of_route(body: Body) -> str:
    route = [mapping(one) for one in listed(body.get("route"))]
    admitted = sum(one.get("admitted") is True for one in route)
    digest = str(body.get("matrix_digest") or "")[:8]
    by = f"the matrix {digest}" if digest else "the matrix"
    if body.get("message"):
        return f"{body.get('reason', '')}: {body['message']}"
    return f"{by} names {len(route)} candidates, {admitted} of them admitted; hop {body.get('hop', 1)}"
