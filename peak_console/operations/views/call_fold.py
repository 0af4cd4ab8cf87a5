"""Events of calls as lines and pages. Pure; a body that is not as it should be gives what can be read."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import InvalidOperation
from typing import Any, Final

from peak_console.domain.clock import from_iso
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.money import nano_from_text
from peak_console.operations.views.call_detail import (
    AttemptLine,
    CallDetail,
    HopFacts,
    JudgementLine,
    RouteStep,
)
from peak_console.operations.views.calls import CallLine

CLOSING: Final = {
    "ok": EventKind.CALL_COMPLETED.value,
    "failed": EventKind.CALL_FAILED.value,
    "refused": EventKind.CALL_REFUSED.value,
}
"""The kinds that close a hop, by the outcome they stand for."""
_OUTCOMES: Final = {kind: outcome for outcome, kind in CLOSING.items()} | {
    EventKind.CALL_REQUESTED.value: "open"
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Body = Mapping[str, Any]


def line_of(event: LedgerEvent) -> CallLine | None:
    """The line of an event that closes a hop (or opens it); ``None`` for other kinds."""
    outcome = _OUTCOMES.get(event.kind)
    if outcome is None:
        return None
    body = event.body or {}
    usage = _mapping(body.get("usage"))
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
        reason="" if outcome == "ok" else str(body.get("reason", "")),
        latency_ms=_ms(body.get("latency_us")) if closed else None,
        cost=_nano(body.get("cost_eur")) if closed else None,
        tokens_in=whole(usage.get("input")) or 0,
        tokens_out=whole(usage.get("output")) or 0,
        hop=hop,
        fallback=body.get("fallback") is True or event.role == "fallback",
        degraded=body.get("degraded") is True,
    )


def detail_of(call_id: str, events: Sequence[LedgerEvent]) -> CallDetail:
    """A call's page from its events, ascending; texts, chain and judgements of it are added by the source."""
    requested = _first(events, EventKind.CALL_REQUESTED)
    opening = requested or _first(events, EventKind.CALL_REFUSED)
    if opening is None:
        return CallDetail(call_id, missing=f"{call_id} is not in the ledger")
    body = opening.body or {}
    judged = tuple(judgement_of(event) for event in events if event.kind == EventKind.CRITIC_JUDGED)
    return CallDetail(
        call_id,
        run_id=opening.run_id or "",
        layer=str(body.get("asked_layer") or opening.layer or ""),
        asked_role=str(body.get("asked_role") or opening.role or ""),
        prompt=_prompt(body),
        purpose=str(body.get("purpose", "")),
        posture=str(body.get("posture", "")),
        phase=str(body.get("phase", "")),
        simulated=body.get("simulated") is True,
        matrix_digest=str(body.get("matrix_digest", "")),
        request_hash=str(body.get("request_hash", "")),
        actor=opening.actor,
        hops=tuple(_hops(events)),
        route=tuple(_route(body.get("route"))),
        fallbacks=tuple(_fallbacks(events)),
        judgements=judged,
    )


def text_hashes(events: Sequence[LedgerEvent]) -> list[tuple[str, str]]:
    """The kinds and hashes of the texts that the events name, in order, each once."""
    found: dict[tuple[str, str], None] = {}
    for event in events:
        body = event.body or {}
        for kind in ("request", "answer"):
            sha256 = body.get(f"{kind}_text_sha256")
            if isinstance(sha256, str) and sha256:
                found[kind, sha256] = None
    return list(found)


def judgement_of(event: LedgerEvent) -> JudgementLine:
    """A critic's word."""
    body = event.body or {}
    listed = body.get("findings")
    findings = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    sod = _mapping(body.get("sod"))
    notes = [word for word in ("malformed", "degraded", "capped") if body.get(word) is True]
    if sod.get("ok") is False:
        notes.append(f"separation of duties: {sod.get('detail', '')}")
    said = " ".join(str(body.get(name, "")) for name in ("reason", "detail")).strip()
    return JudgementLine(
        seq=event.seq,
        verdict=str(body.get("verdict", "?")),
        judge=f"{event.provider or '?'} {event.model_id or '?'}",
        judge_layer=str(body.get("judge_layer", "")),
        findings=tuple(
            (str(one.get("category", "")), str(one.get("severity", "")), str(one.get("rationale", "")))
            for one in findings
        ),
        notes=(*notes, *([said] if said not in {"", "None", "answered"} else [])),
    )


def _hops(events: Sequence[LedgerEvent]) -> Iterator[HopFacts]:
    """Each hop by its closing event, or by its opening one while it is in flight."""
    opened: dict[int, LedgerEvent] = {}
    for event in events:
        number = whole((event.body or {}).get("hop")) or 0
        if event.kind == EventKind.CALL_REQUESTED:
            opened[number] = event
        elif event.kind in _OUTCOMES:
            line = line_of(event)
            if line is not None:
                yield _hop(line, event, opened.pop(number, None))
    for event in opened.values():
        line = line_of(event)
        if line is not None:
            yield _hop(line, event, event)


def _hop(line: CallLine, event: LedgerEvent, opening: LedgerEvent | None) -> HopFacts:
    body, asked = event.body or {}, (opening.body if opening else None) or {}
    usage = _mapping(body.get("usage"))
    told = " · ".join(str(body[name]) for name in ("detail", "message", "remedy") if body.get(name))
    tools = body.get("tool_calls")
    return HopFacts(
        line,
        requested_seq=opening.seq if opening else None,
        served_model=_text(body.get("served_model")),
        unechoed=body.get("unechoed") is True,
        fingerprint=_text(body.get("fingerprint")),
        finish=str(body.get("finish", "")),
        detail=told,
        tokens=tuple((str(name), count) for name, one in usage.items() if (count := whole(one))),
        bound=_nano(asked.get("bound_eur", body.get("bound_eur"))),
        cost_basis=str(body.get("cost_basis", "")),
        price_source=str(body.get("price_source", "")),
        price_as_of=str(body.get("price_as_of", "")),
        eur_per_usd=str(body.get("eur_per_usd", "")),
        request_id=_text(body.get("request_id")),
        base_url=str(asked.get("base_url", "")),
        attempts=tuple(_attempts(body.get("attempts"))),
        tool_calls=tuple(str(_mapping(one).get("name", "")) for one in tools)
        if isinstance(tools, list)
        else (),
    )


def _attempts(listed: Any) -> Iterator[AttemptLine]:
    for at, one in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(one, Mapping):
            yield AttemptLine(
                number=whole(one.get("number")) or at + 1,
                reason=str(one.get("reason", "")),
                status=whole(one.get("status")),
                latency_ms=_ms(one.get("latency_us")) or 0.0,
                waited_ms=whole(one.get("waited_ms")) or 0,
            )


def _route(listed: Any) -> Iterator[RouteStep]:
    for at, one in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(one, Mapping):
            place = whole(one.get("position"))
            yield RouteStep(
                position=at if place is None else place,
                provider=str(one.get("provider", "")),
                model_id=str(one.get("model_id", "")),
                role=str(one.get("role", "")),
                admitted=one.get("admitted") is True,
                reason=str(one.get("reason") or ""),
                detail=str(one.get("detail") or ""),
                price_source=str(one.get("price_source") or ""),
                bound=_nano(one.get("bound_eur")),
                lifecycle=_lifecycle(one.get("lifecycle")),
            )


def _lifecycle(told: Any) -> str:
    if isinstance(told, Mapping):
        return ", ".join(f"{name} {value}" for name, value in told.items() if value)
    return str(told) if told else ""


def _fallbacks(events: Sequence[LedgerEvent]) -> Iterator[str]:
    for event in events:
        if event.kind == EventKind.FALLBACK_TAKEN:
            body = event.body or {}
            yield f"{_model(body.get('from'))} → {_model(body.get('to'))}: {body.get('reason', '')}"


def _model(told: Any) -> str:
    one = _mapping(told)
    return f"{one.get('provider', '?')} {one.get('model_id', '?')}"


def _prompt(body: Body) -> str:
    name = body.get("prompt_name")
    return f"{name}@{body.get('prompt_version', '?')}" if name else ""


def _first(events: Sequence[LedgerEvent], kind: EventKind) -> LedgerEvent | None:
    return next((event for event in events if event.kind == kind), None)


def time_of(event: LedgerEvent) -> datetime:
    """When the event was written; the epoch where that cannot be read."""
    try:
        return from_iso(event.ts)
    except ValueError:
        return _EPOCH


def whole(value: Any) -> int | None:
    """``value`` where it is an integer and no truth value."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _ms(value: Any) -> float | None:
    number = whole(value)
    return None if number is None else number / 1000


def _nano(value: Any) -> int | None:
    if not isinstance(value, str):
        return None
    try:
        return nano_from_text(value)
    except (ArithmeticError, InvalidOperation, ValueError):
        return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
