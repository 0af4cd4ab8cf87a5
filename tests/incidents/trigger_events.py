"""Events for the tests of triggers."""

import itertools
from typing import Any

from peak_console.domain.events import EventKind
from peak_console.ledger.headers import Header

_numbers = itertools.count(1)


def header(kind: str, *, layer: str = "L2", call_id: str | None = None, model: str = "gpt-5") -> Header:
    """A header of a call's event; every one has its own place and call."""
    seq = next(_numbers)
    call = call_id or f"c{seq}"
    return Header(
        seq, f"ev_{seq}", "2026-11-22T12:00:00.000000Z", 0, kind, "w", "r1", call, layer, "primary",
        "openai", model, "", "", "",
    )  # fmt: skip


def completed(cost_eur: str = "0.000000000", latency_us: int = 1000, **body: Any) -> dict[str, Any]:
    """The body of an answer."""
    usage = {"input": 5, "output": 5}
    told = {"hop": 1, "cost_eur": cost_eur, "cost_basis": "usage", "latency_us": latency_us, "usage": usage}
    return {**told, "attempts": [], **body}


def failed(reason: str, cost_eur: str = "0.000000000", **body: Any) -> dict[str, Any]:
    """The body of a hop that failed, which had left."""
    attempts = [{"number": 1, "reason": reason}]
    return {"hop": 1, "reason": reason, "cost_eur": cost_eur, "latency_us": 1, "attempts": attempts, **body}


COMPLETED = EventKind.CALL_COMPLETED.value
FAILED = EventKind.CALL_FAILED.value
REFUSED = EventKind.CALL_REFUSED.value
DENIED = EventKind.POLICY_DENIED.value
JUDGED = EventKind.CRITIC_JUDGED.value
SETTLED = EventKind.BUDGET_SETTLED.value
