"""Explanations as JSON documents: ``peak why --json``. Pure; money as text in EUR, times in UTC."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from peak_console.domain.clock import iso
from peak_console.domain.events import LedgerEvent
from peak_console.domain.money import text_from_nano
from peak_console.operations.ledger_facts import LedgerFacts
from peak_console.operations.views.breakers import breaker_of
from peak_console.operations.views.budget_left import binding, left_json
from peak_console.operations.views.call_detail import CallDetail, HopFacts, RouteStep
from peak_console.operations.views.call_page import event_json


def call_json(call: CallDetail, now: LedgerFacts, event: LedgerEvent | None) -> dict[str, Any]:
    """A call: the slot and matrix asked, each candidate and why, hop by hop what happened, its events."""
    return {
        "kind": "call",
        "asked_for": None
        if event is None
        else {"seq": event.seq, "event_id": event.event_id, "kind": event.kind},
        **summary_json(call),
        "asked_by": call.actor,
        "asked_at": None if call.asked_at is None else iso(call.asked_at),
        "prompt": call.prompt,
        "purpose": call.purpose,
        "posture": call.posture,
        "phase": call.phase,
        "simulated": call.simulated,
        "selected_by": {"matrix_digest": call.matrix_digest, "slot": f"{call.layer}.{call.asked_role}"},
        "request_hash": call.request_hash,
        "route": [_step(step, call, now) for step in call.route],
        "hops": [_hop(hop) for hop in call.hops],
        "fallbacks": list(call.fallbacks),
        "denials": [_fields(one) for one in call.denials],
        "budget": {
            "then": [_fields(one) for one in call.budget_notes],
            "now": [left_json(one) for one in binding(now.budgets, call.layer)],
            "now_at": iso(now.at),
        },
        "judgements": [
            {
                "seq": one.seq,
                "verdict": one.verdict,
                "judge": one.judge,
                "judge_layer": one.judge_layer,
                "findings": [
                    {"category": category, "severity": severity, "rationale": rationale}
                    for category, severity, rationale in one.findings
                ],
                "notes": list(one.notes),
            }
            for one in call.judgements
        ],
        "chain": [_fields(one) for one in call.chain],
    }


def run_json(
    run_id: str,
    calls: Sequence[CallDetail],
    started: LedgerEvent | None,
    finished: LedgerEvent | None,
    *,
    cut: bool,
) -> dict[str, Any]:
    """A run: its calls, its totals, how it began and ended."""
    return {
        "kind": "run",
        "run_id": run_id,
        "started": None if started is None else event_json(started),
        "finished": None if finished is None else event_json(finished),
        "calls": [summary_json(call) for call in calls],
        "totals": totals(calls),
        "cut": cut,
    }


def totals(calls: Sequence[CallDetail]) -> dict[str, Any]:
    """How many calls, hops and failures, what they cost, tokens in and out."""
    hops = [hop for call in calls for hop in call.hops]
    sent = [hop for hop in hops if hop.line.outcome != "refused"]
    outcomes = [outcome_of(call) for call in calls]
    return {
        "calls": len(calls),
        "answered": outcomes.count("ok"),
        "failed": outcomes.count("failed"),
        "refused": outcomes.count("refused"),
        "open": outcomes.count("open"),
        "hops": len(sent),
        "fallbacks": sum(1 for call in calls if call.hops and call.hops[-1].line.fallback),
        "cost_eur": text_from_nano(sum(hop.line.cost or 0 for hop in hops)),
        "tokens_in": sum(hop.line.tokens_in for hop in hops),
        "tokens_out": sum(hop.line.tokens_out for hop in hops),
    }


def outcome_of(call: CallDetail) -> str:
    """How a call ended: by its last hop; ``open`` while one is under way."""
    return call.hops[-1].line.outcome if call.hops else "open"


def summary_json(call: CallDetail) -> dict[str, Any]:
    """A call in short: who answered in which slot, and what all its hops cost."""
    last = call.hops[-1] if call.hops else None
    line = last.line if last else None
    return {
        "call_id": call.call_id,
        "run_id": call.run_id,
        "layer": call.layer,
        "role": call.asked_role,
        "outcome": outcome_of(call),
        "reason": line.reason if line else "",
        "provider": line.provider if line else "",
        "model_id": line.model_id if line else "",
        "served_model": last.served_model if last else None,
        "fallback": bool(line and line.fallback),
        "hops": sum(1 for hop in call.hops if hop.line.outcome != "refused"),
        "latency_ms": line.latency_ms if line else None,
        "cost_eur": text_from_nano(sum(hop.line.cost or 0 for hop in call.hops)),
    }


def _step(step: RouteStep, call: CallDetail, now: LedgerFacts) -> dict[str, Any]:
    """A candidate; what its event does not tell of breaker is null, the one of now stands beside."""
    breaker = breaker_of(now.breakers, step.provider, step.model_id)
    asked = [
        hop for hop in call.hops if (hop.line.provider, hop.line.model_id) == (step.provider, step.model_id)
    ]
    return {
        "position": step.position,
        "provider": step.provider,
        "model_id": step.model_id,
        "role": step.role,
        "admitted": step.admitted,
        "asked": any(hop.line.outcome != "refused" for hop in asked),
        "reason": step.reason,
        "detail": step.detail,
        "input_usd_per_mtok": step.input_price or None,
        "output_usd_per_mtok": step.output_price or None,
        "price_source": step.price_source or None,
        "bound_eur": _euros(step.bound),
        "lifecycle": step.lifecycle or None,
        "verified": step.verified or None,
        "breaker": step.breaker or None,
        "breaker_now": None if breaker is None else breaker.as_json(now.at),
    }


def _hop(hop: HopFacts) -> dict[str, Any]:
    line = hop.line
    return {
        "hop": line.hop,
        "seq": line.seq,
        "requested_seq": hop.requested_seq,
        "at": iso(line.ts),
        "provider": line.provider,
        "model_id": line.model_id,
        "role": line.role,
        "outcome": line.outcome,
        "reason": line.reason,
        "detail": hop.detail,
        "then": hop.then,
        "fallback": line.fallback,
        "repair": line.repair,
        "streamed": line.streamed,
        "ttft_ms": hop.ttft_ms,
        "background": line.background,
        "accepted": None if hop.acceptance is None else _fields(hop.acceptance),
        "served_model": hop.served_model,
        "unechoed": hop.unechoed,
        "fingerprint": hop.fingerprint,
        "request_id": hop.request_id,
        "base_url": hop.base_url or None,
        "dropped": list(hop.dropped),
        "latency_ms": line.latency_ms,
        "tokens": dict(hop.tokens),
        "hosted_calls": hop.hosted_calls,
        "tool_calls": list(hop.tool_calls),
        "cost_eur": _euros(line.cost),
        "cost_basis": hop.cost_basis or None,
        "bound_eur": _euros(hop.bound),
        "price_source": hop.price_source or None,
        "price_as_of": hop.price_as_of or None,
        "settled": None if hop.settlement is None else _settled(hop),
        "retry_at": None if hop.retry_at is None else iso(hop.retry_at),
        "attempts": [_fields(one) for one in hop.attempts],
    }


def _settled(hop: HopFacts) -> Mapping[str, Any] | None:
    one = hop.settlement
    if one is None:
        return None
    return {
        "seq": one.seq,
        "cost_eur": _euros(one.cost),
        "was_eur": _euros(one.was),
        "reason": one.reason,
        "operator": one.operator,
    }


def _euros(amount: int | None) -> str | None:
    return None if amount is None else text_from_nano(amount)


def _fields(one: Any) -> dict[str, Any]:
    """A flat record as an object; times as text."""
    values = {name: getattr(one, name) for name in one.__dataclass_fields__}
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in values.items()}
