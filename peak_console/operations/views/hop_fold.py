"""Hops from their events: a line for lists, the facts for a call's page. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.operations.views.body_fields import (
    EPOCH,
    Body,
    listed,
    mapping,
    moment,
    ms,
    nano,
    text_of,
    time_of,
    whole,
)
from peak_console.operations.views.call_detail import Acceptance, AttemptLine, HopFacts, Settlement
from peak_console.operations.views.calls import PRUNED, CallLine

CLOSING: Final = {
    "ok": EventKind.CALL_COMPLETED.value,
    "failed": EventKind.CALL_FAILED.value,
    "refused": EventKind.CALL_REFUSED.value,
}
"""The kinds that close a hop, by the outcome they stand for."""
ENDED: Final = frozenset(CLOSING.values())
"""The kinds that end a hop."""
_OUTCOMES: Final = {kind: outcome for outcome, kind in CLOSING.items()} | {
    EventKind.CALL_REQUESTED.value: "open",
    EventKind.CALL_ACCEPTED.value: "open",
}


def line_of(event: LedgerEvent) -> CallLine | None:
    """The line of an event that closes a hop (or opens it); ``None`` for other kinds."""
    outcome = _OUTCOMES.get(event.kind)
    if outcome is None:
        return None
    body = event.body or {}
    usage = mapping(body.get("usage"))
    closed = outcome in {"ok", "failed"}
    hop = whole(body.get("hop")) or 0
    return CallLine(
        seq=event.seq,
        ts=time_of(event),
        call_id=event.call_id or "",
        run_id=event.run_id or "",
        layer=event.layer or "",
        role=event.role or "",
        provider=event.provider or "",
        model_id=event.model_id or "",
        outcome=outcome,
        reason="" if outcome == "ok" else str(body.get("reason", PRUNED if event.body is None else "")),
        latency_ms=ms(body.get("latency_us")) if closed else None,
        cost=nano(body.get("cost_eur")) if closed else None,
        tokens_in=whole(usage.get("input")) or 0,
        tokens_out=whole(usage.get("output")) or 0,
        hop=hop,
        fallback=body.get("fallback") is True or event.role == "fallback",
        degraded=body.get("degraded") is True,
        streamed=body.get("streamed") is True,
        background=body.get("background") is True or event.kind == EventKind.CALL_ACCEPTED,
        repair=body.get("repair") is True,
        pruned=event.body is None,
    )


def hops_of(events: Sequence[LedgerEvent]) -> Iterator[HopFacts]:
    """Each hop by its closing event, or by its opening one while it is in flight, in the order they began.

    A hop that a breaker or a budget refused was never opened: a later ``requested`` of the same call goes on.
    """
    numbers = _numbers(events)
    accepted = {numbers[one.seq]: one for one in events if one.kind == EventKind.CALL_ACCEPTED}
    settled = {numbers[one.seq]: one for one in events if one.kind == EventKind.BUDGET_SETTLED}
    opened: dict[int, LedgerEvent] = {}
    closed: dict[tuple[int, int], LedgerEvent] = {}
    for event in events:
        number = numbers[event.seq]
        if event.kind == EventKind.CALL_REQUESTED:
            opened[number] = event
        elif event.kind == EventKind.CALL_REFUSED:
            closed[number, event.seq] = event
        elif event.kind in _OUTCOMES and event.kind != EventKind.CALL_ACCEPTED:
            begun = opened.get(number)
            closed[number, begun.seq if begun else event.seq] = event  # a late answer replaces a loss
    for number, event in opened.items():
        closed.setdefault((number, event.seq), event)
    for (number, begun_at), event in sorted(closed.items(), key=lambda one: one[0][1]):
        line = line_of(event)
        if line is None:
            continue
        line = replace(line, hop=number) if line.pruned else line
        begun = opened.get(number)
        opening = begun if begun is not None and begun.seq == begun_at else None
        if opening is None:
            yield _hop(line, event, None)
        else:
            yield _with_background(_hop(line, event, opening), accepted.get(number), settled.get(number))


def _numbers(events: Sequence[LedgerEvent]) -> dict[int, int]:
    """The number of each event's hop, by its place; of those whose bodies were pruned as they follow."""
    found: dict[int, int] = {}
    opened = 0
    for event in events:
        number = whole((event.body or {}).get("hop")) or 0
        if event.kind == EventKind.CALL_REQUESTED:
            opened = number if event.body is not None else opened + 1
        if event.body is None:
            number = opened + (event.kind == EventKind.CALL_REFUSED)
        found[event.seq] = number
    return found


def _with_background(hop: HopFacts, accepted: LedgerEvent | None, settled: LedgerEvent | None) -> HopFacts:
    """The hop with what stands beside its own events: that it was taken on, that its cost was settled."""
    if accepted is not None:
        hop = replace(hop, acceptance=_acceptance(accepted), line=replace(hop.line, background=True))
    if settled is not None:
        settlement = _settlement(settled)
        hop = replace(hop, settlement=settlement)
        if settlement.cost is not None:
            hop = replace(hop, line=replace(hop.line, cost=settlement.cost))
    return hop


def _acceptance(event: LedgerEvent) -> Acceptance:
    body = event.body or {}
    return Acceptance(
        seq=event.seq,
        at=time_of(event),
        response_id=text_of(body.get("response_id")) or "",
        status=text_of(body.get("status")) or "",
        base_url=text_of(body.get("base_url")) or "",
        expires_at=moment(body.get("expires_at")),
    )


def _settlement(event: LedgerEvent) -> Settlement:
    body = event.body or {}
    return Settlement(
        seq=event.seq,
        cost=nano(body.get("cost_eur")),
        was=nano(body.get("was_eur")),
        reason=str(body.get("reason", "")),
        operator=str(body.get("operator") or event.actor),
    )


def _hop(line: CallLine, event: LedgerEvent, opening: LedgerEvent | None) -> HopFacts:
    body, asked = event.body or {}, (opening.body if opening else None) or {}
    usage = mapping(body.get("usage"))
    told = " · ".join(str(body[name]) for name in ("detail", "message", "remedy") if body.get(name))
    return HopFacts(
        replace(
            line,
            background=line.background or asked.get("background") is True,
            streamed=line.streamed or asked.get("stream") is True,
            repair=line.repair or asked.get("repair") is True,
        ),
        requested_seq=opening.seq if opening else None,
        served_model=text_of(body.get("served_model")),
        unechoed=body.get("unechoed") is True,
        fingerprint=text_of(body.get("fingerprint")),
        finish=str(body.get("finish", "")),
        detail=told,
        tokens=tuple(
            (str(name), count)
            for name, one in usage.items()
            if (count := whole(one)) and name != "hosted_calls"
        ),
        bound=nano(asked.get("bound_eur", body.get("bound_eur"))),
        cost_basis=str(body.get("cost_basis", "")),
        price_source=str(body.get("price_source", "")),
        price_as_of=str(body.get("price_as_of", "")),
        eur_per_usd=str(body.get("eur_per_usd", "")),
        request_id=text_of(body.get("request_id")),
        base_url=str(asked.get("base_url", "")),
        attempts=tuple(_attempts(body.get("attempts"))),
        tool_calls=tuple(str(mapping(one).get("name", "")) for one in listed(body.get("tool_calls"))),
        hosted_calls=whole(usage.get("hosted_calls")) or 0,
        ttft_ms=ms(body.get("ttft_us")),
        dropped=tuple(str(one) for one in listed(asked.get("dropped"))),
        then=str(body.get("then", "")),
        retry_at=_retry_at(body),
    )


def _retry_at(body: Body) -> datetime | None:
    """When a refusing breaker lets a probe through, where the event says so."""
    until = whole(body.get("until_us", mapping(body.get("details")).get("until_us")))
    return None if until is None else EPOCH + timedelta(microseconds=until)


def _attempts(told: Any) -> Iterator[AttemptLine]:
    for at, one in enumerate(listed(told)):
        if isinstance(one, Mapping):
            yield AttemptLine(
                number=whole(one.get("number")) or at + 1,
                reason=str(one.get("reason", "")),
                status=whole(one.get("status")),
                latency_ms=ms(one.get("latency_us")) or 0.0,
                waited_ms=whole(one.get("waited_ms")) or 0,
            )
