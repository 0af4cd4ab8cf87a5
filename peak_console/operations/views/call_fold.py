"""A call's page from its events. Pure; a body that is not as it should be gives what can be read."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.money import NanoEur, text_from_nano
from peak_console.domain.text import one_line
from peak_console.operations.views.body_fields import Body, listed, mapping, nano, text_of, time_of, whole
from peak_console.operations.views.call_detail import (
    BudgetNote,
    CallDetail,
    DenialLine,
    JudgementLine,
    RouteStep,
)
from peak_console.operations.views.hop_fold import hops_of

_BUDGET_NOTES: Final = {
    EventKind.BUDGET_WARNED.value: "warned",
    EventKind.BUDGET_EXCEEDED.value: "exceeded",
}


def detail_of(call_id: str, events: Sequence[LedgerEvent]) -> CallDetail:
    """A call's page from its events, ascending; texts, chain and judgements of it are added by the source."""
    requested = _first(events, EventKind.CALL_REQUESTED)
    opening = requested or _first(events, EventKind.CALL_REFUSED)
    if opening is None:
        return CallDetail(call_id, missing=f"{one_line(call_id, 60)} is not in the ledger")
    body = opening.body or {}
    route = _last_route(events)
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
        asked_at=time_of(opening),
        hops=tuple(hops_of(events)),
        route=tuple(route_of(route)),
        fallbacks=tuple(_fallbacks(events)),
        denials=tuple(_denials(events)),
        budget_notes=tuple(_budget_notes(events)),
        judgements=judged,
        pruned=sum(event.body is None for event in events),
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
    findings = [one for one in listed(body.get("findings")) if isinstance(one, Mapping)]
    sod = mapping(body.get("sod"))
    notes = [word for word in ("malformed", "degraded", "capped") if body.get(word) is True]
    if sod.get("ok") is False:
        notes.append(f"separation of duties: {sod.get('detail', '')}")
    if retry := mapping(body.get("retry")):
        notes.append(f"asked twice: {retry.get('reason', '')}")
    if (against := mapping(body.get("against"))).get("agrees") is False:
        notes.append(f"disagrees with {against.get('verdict', '')}: {against.get('pair', '')}")
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
        judged=text_of(body.get("judged_call_id")) or "",
    )


def route_of(told: Any) -> Iterator[RouteStep]:
    """The candidates of a route as an event or a plan lists them."""
    for at, one in enumerate(told if isinstance(told, list | tuple) else ()):
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
                bound=nano(one.get("bound_eur")),
                lifecycle=_lifecycle(one.get("lifecycle")),
                input_price=str(one.get("input_usd_per_mtok") or ""),
                output_price=str(one.get("output_usd_per_mtok") or ""),
                breaker=str(one.get("breaker") or ""),
                verified=str(one.get("verified") or ""),
                estimate=nano(one.get("estimate_eur")),
                remedy=str(one.get("remedy") or ""),
            )


def _last_route(events: Sequence[LedgerEvent]) -> Any:
    """The route as it was judged last: later candidates get their bounds when they are reached."""
    routes = [
        route
        for event in events
        if event.kind in {EventKind.CALL_REQUESTED, EventKind.CALL_REFUSED}
        and isinstance(route := (event.body or {}).get("route"), list)
        and route
    ]
    return routes[-1] if routes else []


def _denials(events: Sequence[LedgerEvent]) -> Iterator[DenialLine]:
    for event in events:
        if event.kind == EventKind.POLICY_DENIED:
            body = event.body or {}
            yield DenialLine(
                seq=event.seq,
                rule=str(body.get("rule", "")),
                field=str(body.get("field", "")),
                subject=str(body.get("subject", "")),
                where=str(body.get("where", "")),
                who=" ".join(part for part in (event.provider, event.model_id) if part),
            )


def _budget_notes(events: Sequence[LedgerEvent]) -> Iterator[BudgetNote]:
    for event in events:
        kind = _BUDGET_NOTES.get(event.kind)
        if kind is None:
            continue
        body = event.body or {}
        unit = str(body.get("unit", ""))
        yield BudgetNote(
            seq=event.seq,
            kind=kind,
            scope=str(body.get("scope", "")),
            key=str(body.get("key", "")),
            unit=unit,
            spent=str(body.get("spent", "")),
            reserved=str(body.get("reserved", "")),
            limit=str(body.get("limit", "")),
            left=_left(body, unit),
        )


def _left(body: Body, unit: str) -> str:
    """Limit less spent and reserved, as the event told them."""
    read = nano if unit == "eur" else whole
    figures = [read(body.get(name)) for name in ("limit", "spent", "reserved")]
    if None in figures:
        return ""
    limit, spent, reserved = (figure or 0 for figure in figures)
    left = max(0, limit - spent - reserved)
    return text_from_nano(NanoEur(left)) if unit == "eur" else str(left)


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
    one = mapping(told)
    return f"{one.get('provider', '?')} {one.get('model_id', '?')}"


def _prompt(body: Body) -> str:
    name = body.get("prompt_name")
    return f"{name}@{body.get('prompt_version', '?')}" if name else ""


def _first(events: Sequence[LedgerEvent], kind: EventKind) -> LedgerEvent | None:
    return next((event for event in events if event.kind == kind), None)
