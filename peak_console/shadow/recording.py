"""What a cycle leaves on the ledger: the gate's decision, and how the cycle ended. Pure.

Bodies are canonical JSON: decimals as text, whole numbers of milliseconds. What models wrote stands on one
line, cut; the whole of it lies in the texts and artefacts of the run.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from peak_console.config.configs import Configs
from peak_console.domain.calls import CallResult
from peak_console.domain.clock import iso
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import RandomBytes, new_event_id
from peak_console.domain.text import one_line
from peak_console.domain.trading import GateDecision, OrderIntent
from peak_console.domain.vocabulary import Layer
from peak_console.policy.sod import ModelIdentity, sod_conflict
from peak_console.risk.document import number_text
from peak_console.risk.recorded import decided_body
from peak_console.shadow.material import Ended, Material
from peak_console.shadow.working import Working

_MOST_SCORED = 50


def gate_draft(material: Material, now: datetime, random: RandomBytes) -> EventDraft | None:
    """The gate's decision as an event; ``None`` where it was not asked."""
    decision, document = material.decision, material.document
    if decision is None or document is None:
        return None
    material.decided_as = new_event_id(random, now)
    return EventDraft(
        material.decided_as,
        EventKind.GATE_DECIDED.value,
        decided_body(document, decision),
        run_id=material.run_id,
        layer=Layer.L5.value,
    )


def finished_draft(
    working: Working, material: Material, end: Ended, *, taken_at: datetime, duration_ms: int
) -> EventDraft:
    """The cycle's end as an event, with the book that it leaves."""
    body = finished_body(working, material, end, taken_at=taken_at, duration_ms=duration_ms)
    return EventDraft(
        new_event_id(working.random, working.clock.now()),
        EventKind.SHADOW_CYCLE_FINISHED.value,
        body,
        run_id=material.run_id,
    )


def finished_body(
    working: Working, material: Material, end: Ended, *, taken_at: datetime, duration_ms: int
) -> dict[str, Any]:
    """The body of ``shadow.cycle.finished``."""
    settings, seen = working.job.shadow_cycle, material.snapshot
    return {
        "job": working.job.name,
        "key": working.key,
        "attempt": working.attempt,
        "instrument": settings.instrument if settings else "",
        "outcome": end.outcome,
        "reasons": [one_line(one, 80) for one in end.reasons],
        "as_of": iso(seen.as_of) if seen else None,
        "details": [one_line(one, 240) for one in material.details],
        "taken_at": iso(taken_at),
        "replayed": settings is not None and settings.replay is not None,
        "stale": seen.stale if seen else None,
        "source": seen.facts() if seen else None,
        "outlook": _outlook_json(material),
        "hypothesis": _hypothesis_json(material),
        "critic": {
            "verdict": material.verdict.value if material.verdict else None,
            "degraded": material.degraded,
            "reports": [
                {"layer": layer.value, "judge": one.judge_layer, "verdict": one.verdict.value, "seq": one.seq}
                for layer, one in material.reports
            ],
        },
        "sod_ok": not material.sod_detail,
        "sod_detail": one_line(material.sod_detail, 200),
        "gate": (
            {"event_id": material.decided_as, **_decision_json(material.decision)}
            if material.decision
            else None
        ),
        "intent": intent_json(material.intent),
        "no_intent": material.no_intent,
        "fill": _fill_json(material),
        "exits": [one.to_json() for one in material.exits],
        "review": [one.to_json() for one in material.scored[:_MOST_SCORED]],
        "book": material.book.to_json(),
        "book_before": material.book_before,
        "models": [_model_json(one) for one in material.answers.values()],
        "steps": [{"what": what, "ms": ms} for what, ms in material.steps],
        "cost_eur": format(material.cost_eur.quantize(Decimal("1e-9")), "f"),
        "duration_ms": duration_ms,
        "notes": [one_line(one, 200) for one in material.notes],
        "problem": one_line(material.problem.message, 200) if material.problem else "",
    }


def intent_json(intent: OrderIntent | None) -> dict[str, Any] | None:
    """An intent as the event carries it."""
    if intent is None:
        return None
    return {
        "intent_id": intent.intent_id,
        "instrument": intent.instrument,
        "side": intent.side.value,
        "quantity": number_text(intent.quantity),
        "order_type": intent.order_type.value,
        "limit_price": None if intent.limit_price is None else number_text(intent.limit_price),
        "venue_kind": intent.venue_kind,
        "reduce_only": intent.reduce_only,
    }


def intent_words(intent: OrderIntent) -> str:
    """An intent in words: ``buy 762.195122 EUR/USD at the market``."""
    at = "at the market" if intent.limit_price is None else f"at {number_text(intent.limit_price)} or better"
    only = ", only to lower what is held" if intent.reduce_only else ""
    return f"{intent.side} {number_text(intent.quantity)} {intent.instrument} {at}{only}"


def sod_problem(configs: Configs, working: Working, material: Material) -> str:
    """Why duties are not separate in this cycle; empty where they are (decided on the models that answered).

    What each report says of its own judge, and each model that judged in L4 against each that proposed: the
    author of the outlook proposes as well as the author of the hypothesis.
    """
    for _, report in material.reports:
        if report.sod and report.sod.get("ok") is not True:
            return str(report.sod.get("detail") or "separation of duties failed")
    proposers = [one for one in (material.outlook, material.hypothesis) if one is not None]
    judges = [one for one in material.answers.values() if one.layer == Layer.L4.value]
    for proposer in proposers:
        rule = configs.matrix.settings(Layer(proposer.layer), working.level()).sod
        for judge in judges:
            found = sod_conflict(rule, _identity(configs, proposer), _identity(configs, judge))
            if found:
                return f"{proposer.layer} and {judge.layer}: {found}"
    return ""


def _identity(configs: Configs, result: CallResult) -> ModelIdentity:
    entry = configs.models.find(result.provider, result.model_id)
    return ModelIdentity(
        result.provider, result.served_model or result.model_id, entry.family if entry else ""
    )


def _decision_json(decision: GateDecision) -> dict[str, Any]:
    return {"verdict": decision.verdict.value, "reasons": [one.value for one in decision.reasons]}


def _outlook_json(material: Material) -> dict[str, Any] | None:
    said, call = material.said, material.outlook
    if said is None or call is None:
        return None
    return {
        **_call_json(call),
        "confidence": said.confidence.value,
        "horizon_h": said.horizon_h,
        "reference_level": said.reference_level,
        "scenarios": [
            {
                "name": one_line(one.name, 80),
                "probability_pct": one.probability_pct,
                "closes_from": one.closes_from,
                "closes_below": one.closes_below,
            }
            for one in said.scenarios
        ],
    }


def _hypothesis_json(material: Material) -> dict[str, Any] | None:
    idea, call = material.idea, material.hypothesis
    if idea is None or call is None:
        return None
    return {
        **_call_json(call),
        "view": idea.view.value,
        "conviction": idea.conviction.value,
        "reference_level": idea.reference_level,
        "invalidation_level": idea.invalidation_level,
        "horizon_h": idea.horizon_h,
    }


def _call_json(call: CallResult) -> dict[str, Any]:
    return {"call_id": call.call_id, "seq": call.seq}


def _fill_json(material: Material) -> dict[str, Any] | None:
    fill = material.fill
    if fill is None:
        return None
    return {
        "price": number_text(fill.price),
        "fee_eur": number_text(fill.fee_eur),
        "eur_per_quote": number_text(fill.eur_per_quote),
        "at_us": fill.at_us,
    }


def _model_json(call: CallResult) -> dict[str, Any]:
    return {
        "layer": call.layer,
        "role": call.role,
        "provider": call.provider,
        "model_id": call.model_id,
        "served": one_line(call.served_model, 120) if call.served_model else None,
        "fallback": call.fallback,
        "degraded": call.degraded,
    }
