"""Events for tests of the ledger: small, complete, and in the form their contracts ask."""

import itertools
from decimal import Decimal
from typing import Any

from peak_console.budget.limits import BudgetLimits, Limit, Scope
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.money import NanoEur, text_from_nano

_numbers = itertools.count(1)

GENESIS = EventDraft("ev_genesis", EventKind.WORKSPACE_INITIALISED, {"simulated": True, "made_by": "test"})
HEADER = {"layer": "L2", "role": "primary", "provider": "openai", "model_id": "gpt-5"}


def event_id() -> str:
    """An id of its own."""
    return f"ev_test_{next(_numbers)}"


def note(text: str = "x", **fields: Any) -> EventDraft:
    """An event that no figure is made of."""
    return EventDraft(event_id(), EventKind.RUN_STARTED, {"purpose": text, "phase": "bootstrap"}, **fields)


def requested(
    call_id: str = "c1", *, hop: int = 1, bound: int = 100, run_id: str = "r1", **fields: Any
) -> EventDraft:
    """A request whose bound is ``bound`` nano-EUR and tokens."""
    body = {
        "hop": hop,
        "asked_role": "primary",
        "request_hash": "0" * 64,
        "bound_eur": text_from_nano(bound),
        "bound_tokens": bound,
        "simulated": True,
        "route": [],
    }
    header = {**HEADER, "call_id": call_id, "run_id": run_id, **fields}
    return EventDraft(event_id(), EventKind.CALL_REQUESTED, body, **header)


def completed(
    call_id: str = "c1",
    *,
    hop: int = 1,
    cost: int = 50,
    latency_us: int = 1000,
    run_id: str = "r1",
    body: dict[str, Any] | None = None,
    **fields: Any,
) -> EventDraft:
    """An answer that cost ``cost`` nano-EUR: 30 tokens in, 10 of them cached, 20 out, 5 of them reasoning."""
    whole = {
        "hop": hop,
        "outcome": "ok",
        "cost_eur": text_from_nano(cost),
        "cost_basis": "usage",
        "latency_us": latency_us,
        "usage": {"input": 30, "cached": 10, "cache_write": 0, "output": 20, "reasoning": 5},
        "attempts": [{"number": 1, "reason": "ok", "status": 200, "latency_us": latency_us, "waited_ms": 0}],
        "fallback": False,
        **(body or {}),
    }
    header = {**HEADER, "call_id": call_id, "run_id": run_id, **fields}
    return EventDraft(event_id(), EventKind.CALL_COMPLETED, whole, **header)


def failed(
    call_id: str = "c1",
    *,
    hop: int = 1,
    reason: str = "timeout",
    cost: int = 0,
    basis: str = "none",
    sent: bool = True,
    run_id: str = "r1",
    **fields: Any,
) -> EventDraft:
    """A hop that gave no answer."""
    body = {
        "hop": hop,
        "reason": reason,
        "outcome": "next_candidate",
        "detail": "",
        "cost_eur": text_from_nano(cost),
        "cost_basis": basis,
        "latency_us": 10,
        "attempts": [{"number": 1, "reason": reason, "status": None, "latency_us": 10, "waited_ms": 0}]
        if sent
        else [],
    }
    header = {**HEADER, "call_id": call_id, "run_id": run_id, **fields}
    return EventDraft(event_id(), EventKind.CALL_FAILED, body, **header)


def began(run_id: str = "r1", **limits: Any) -> EventDraft:
    """A run that sets itself limits."""
    return EventDraft(
        event_id(), EventKind.RUN_STARTED, {"purpose": "x", "phase": "bootstrap", "limits": limits}, run_id
    )


def accepted(
    call_id: str = "c1",
    *,
    hop: int = 1,
    expires: str = "2026-11-22T13:00:00.000000Z",
    run_id: str = "r1",
    **fields: Any,
) -> EventDraft:
    """A hop that its provider took to work on unattended."""
    body = {
        "hop": hop,
        "response_id": "resp_1",
        "status": "queued",
        "base_url": "https://api.openai.com",
        "endpoint": "responses",
        "asked_role": "primary",
        "request_hash": "0" * 64,
        "expires_at": expires,
        "simulated": True,
    }
    header = {**HEADER, "call_id": call_id, "run_id": run_id, **fields}
    return EventDraft(event_id(), EventKind.CALL_ACCEPTED, body, **header)


def settled(
    call_id: str = "c1", *, cost: int, was: int, hop: int = 1, run_id: str = "r1", **fields: Any
) -> EventDraft:
    """A bill that an operator found out."""
    body = {
        "hop": hop,
        "cost_eur": text_from_nano(cost),
        "was_eur": text_from_nano(was),
        "reason": "read on the invoice",
        "operator": "alice",
    }
    header = {**HEADER, "call_id": call_id, "run_id": run_id, **fields}
    return EventDraft(event_id(), EventKind.BUDGET_SETTLED, body, **header)


def judged(verdict: str = "PASS", layer: str = "L3") -> EventDraft:
    """A critic's verdict."""
    body = {"verdict": verdict, "judged_layer": layer, "findings": []}
    return EventDraft(event_id(), EventKind.CRITIC_JUDGED, body, layer=layer, role="critic")


def denied(rule: str = "forbidden_model", where: str = "client") -> EventDraft:
    """A policy denial."""
    return EventDraft(
        event_id(), EventKind.POLICY_DENIED, {"rule": rule, "field": "x", "subject": "y", "where": where}
    )


def budget(
    *limits: Limit,
    run: int = 10**9,
    day: int = 10**9,
    warn: int = 80,
    digest: str = "d1",
    timezone: str = "Europe/Berlin",
) -> BudgetLimits:
    """Limits on the money of a run and a day in nano-EUR, and whatever else."""
    base = (Limit(Scope.RUN, max_cost=NanoEur(run)), Limit(Scope.DAY, max_cost=NanoEur(day)))
    return BudgetLimits((*base, *limits), Decimal(warn), timezone, digest)
