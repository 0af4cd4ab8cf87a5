"""A day of traffic as events: what the ledger's benchmarks append and fill large files with."""

import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from peak_console.domain.clock import ManualClock
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_call_id, new_event_id
from peak_console.ledger.bodies import parsed_body_bytes
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.writer import Entry, LedgerWriter, prepare

MODELS = (
    "gpt-5-nano",
    "gpt-5-mini",
    "gpt-5.2",
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "o4-mini",
    "mistral-large",
)


def request_of(call: str, number: int) -> EventDraft:
    """A request as the road writes it: three candidates, about a kilobyte."""
    body = {
        "hop": 1,
        "asked_role": "primary",
        "request_hash": "a" * 64,
        "prompt_name": "market-outlook",
        "prompt_version": "1",
        "matrix_digest": "b" * 64,
        "bound_eur": "0.000012345",
        "bound_tokens": 12345,
        "max_output_tokens": 4096,
        "simulated": True,
        "route": [
            {"provider": "openai", "model_id": MODELS[n], "role": "primary", "admitted": n == 0}
            for n in range(3)
        ],
        "request_text_sha256": "c" * 64,
        "purpose": "outlook",
        "posture": "DISARMED",
        "phase": "bootstrap",
    }
    return EventDraft(
        new_event_id(secrets.token_bytes, datetime.now(UTC)),
        EventKind.CALL_REQUESTED,
        body,
        **header_of(call, number),
    )


def answer_of(call: str, number: int) -> EventDraft:
    """An answer as the road writes it."""
    body = {
        "hop": 1,
        "asked_role": "primary",
        "request_hash": "a" * 64,
        "outcome": "ok",
        "served_model": "gpt-5-mini-2025-08-07",
        "finish": "stop",
        "usage": {"input": 900, "cached": 100, "cache_write": 0, "output": 300, "reasoning": 120},
        "cost_eur": "0.000004321",
        "cost_basis": "usage",
        "bound_eur": "0.000012345",
        "price_source": "genai-prices",
        "latency_us": 400_000 + number * 7919 % 3_000_000,
        "attempts": [{"number": 1, "reason": "ok", "status": 200, "latency_us": 400_000, "waited_ms": 0}],
        "answer_text_sha256": "d" * 64,
        "fallback": False,
        "simulated": True,
    }
    return EventDraft(
        new_event_id(secrets.token_bytes, datetime.now(UTC)),
        EventKind.CALL_COMPLETED,
        body,
        **header_of(call, number),
    )


def header_of(call: str, number: int) -> dict[str, Any]:
    """Layers, models and runs as traffic mixes them."""
    return {
        "call_id": call,
        "run_id": f"20261122_120000_{number // 200:06d}",
        "layer": f"L{number % 5}",
        "role": ("primary", "primary", "primary", "fallback", "critic")[number % 5],
        "provider": "google" if number % 7 in {3, 4} else "openai",
        "model_id": MODELS[number % 7],
    }


def fill(path: Path, events: int) -> float:
    """Write ``events`` events of a day of traffic in large batches; events/s."""
    clock = ManualClock()
    began = time.perf_counter()
    with LedgerWriter(path, clock=clock, projections=(Rollups(),)) as writer:
        writer.append([(EventDraft("ev_genesis", EventKind.WORKSPACE_INITIALISED, {}), "bench")])
        append_calls(writer, clock, events, 86_400 / max(events / 1000, 1))
    return events / (time.perf_counter() - began)


def append_calls(writer: LedgerWriter, clock: ManualClock, events: int, step_s: float) -> None:
    """Append ``events`` events of calls in transactions of a thousand; each takes ``step_s`` on the clock."""
    for number in range(0, events // 2, 500):
        batch = []
        for one in range(number, min(number + 500, events // 2)):
            call = new_call_id(secrets.token_bytes, datetime.now(UTC))
            batch += [entry_of(request_of(call, one)), entry_of(answer_of(call, one))]
        results = writer.append(batch)
        if not hasattr(results[-1], "seq"):
            raise SystemExit(f"the ledger could not be filled: {results[-1]}")
        clock.advance(step_s)


def entry_of(draft: EventDraft) -> Entry:
    """A draft prepared as the server does for what came over its socket."""
    return prepare(draft, "bench", data=parsed_body_bytes(draft.body))
