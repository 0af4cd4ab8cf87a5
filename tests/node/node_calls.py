"""Events of calls for the node's tests."""

import itertools
from typing import Any

from peak_console.domain.events import EventDraft, EventKind

_numbers = itertools.count(1)
HEADER = {"layer": "L2", "role": "primary", "provider": "openai", "model_id": "gpt-5", "run_id": "r1"}


def requested(call_id: str, bound_eur: str = "0.000000100") -> EventDraft:
    """A request."""
    body = {
        "hop": 1,
        "asked_role": "primary",
        "request_hash": "0" * 64,
        "bound_eur": bound_eur,
        "bound_tokens": 10,
        "simulated": True,
        "route": [],
    }
    return _draft(EventKind.CALL_REQUESTED, body, call_id)


def failed(
    call_id: str, *, cost_eur: str = "0.000000000", basis: str = "none", model_id: str = "gpt-5"
) -> EventDraft:
    """A server error."""
    body = {
        "hop": 1,
        "reason": "server_error",
        "outcome": "next_candidate",
        "detail": "",
        "cost_eur": cost_eur,
        "cost_basis": basis,
        "latency_us": 5,
        "attempts": [{"number": 1, "reason": "server_error", "status": 500, "latency_us": 5, "waited_ms": 0}],
    }
    return _draft(EventKind.CALL_FAILED, body, call_id, model_id)


def completed(call_id: str) -> EventDraft:
    """An answer that cost nothing."""
    body = {
        "hop": 1,
        "outcome": "ok",
        "cost_eur": "0.000000000",
        "cost_basis": "usage",
        "latency_us": 5,
        "usage": {"input": 1, "output": 1},
        "attempts": [{"number": 1, "reason": "ok", "status": 200, "latency_us": 5, "waited_ms": 0}],
    }
    return _draft(EventKind.CALL_COMPLETED, body, call_id)


def _draft(kind: EventKind, body: dict[str, Any], call_id: str, model_id: str = "gpt-5") -> EventDraft:
    return EventDraft(
        f"ev_node_{next(_numbers)}", kind, body, call_id=call_id, **{**HEADER, "model_id": model_id}
    )
