"""A ledger of made-up calls, written by the real writer with its rollups: for tests, benchmarks and looks."""

# ruff: noqa: E501 - tables of made-up figures read better in one line

import hashlib
import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from peak_console.domain.clock import ManualClock
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.money import text_from_nano
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.writer import LedgerWriter

SLOTS = (
    ("L0", "primary", "openai", "gpt-5-nano", 0.45, 60),
    ("L0", "critic", "google", "gemini-2.5-flash-lite", 0.5, 4),
    ("L1", "primary", "openai", "gpt-5-mini", 2.1, 14),
    ("L2", "primary", "openai", "gpt-5.2", 3.0, 16),
    ("L2", "critic", "google", "gemini-2.5-pro", 2.2, 7),
    ("L3", "primary", "openai", "gpt-5.2-pro", 4.6, 6),
    ("L4", "primary", "google", "gemini-2.5-pro", 2.6, 7),
)
TEXT = "Direction: sideways. Confidence 0.55."


def seed_ledger(
    path: Path, *, end: datetime, calls: int, per_second: float = 5.0, seed: int = 1, batch: int = 20
) -> datetime:
    """Write a ledger with ``calls`` calls that ends at ``end``; gives when it began."""
    path.parent.mkdir(parents=True, exist_ok=True)
    start = end - timedelta(seconds=calls / per_second + 2)
    clock = ManualClock(start)
    with LedgerWriter(path, clock=clock, projections=[Rollups()]) as writer:
        waiting: list[tuple[EventDraft, str]] = [(_genesis(), "node")]
        for number, drafts in enumerate(_calls(calls, seed)):
            waiting.extend((draft, "mara agent:demo") for draft in drafts)
            if number % batch == batch - 1 or number == calls - 1:
                results = writer.append(waiting)
                assert not [one for one in results if isinstance(one, Exception)], results[0]
                waiting = []
            clock.advance(1 / per_second)
        if waiting:
            writer.append(waiting)
    return start


def _genesis() -> EventDraft:
    body = {"simulated": True, "version": "0", "sqlite_version": "3", "made_by": "test"}
    return EventDraft("ev_genesis", EventKind.WORKSPACE_INITIALISED, body)


def _calls(count: int, seed: int) -> Iterator[list[EventDraft]]:
    dice = random.Random(seed)  # noqa: S311 - made-up figures
    weights = [slot[5] for slot in SLOTS]
    for number in range(count):
        yield one_call(number, dice.choices(SLOTS, weights)[0], dice)


def one_call(
    number: int, slot: tuple[str, str, str, str, float, int], dice: random.Random
) -> list[EventDraft]:
    """The events of one call: requested, then completed or failed, now and then refused; a verdict after a critic."""
    layer, role, provider, model, seconds, _ = slot
    call_id, run_id = f"call_{number:012d}", f"20261122_{number // 3600 % 24:02d}0000_abc{number % 1000:03d}"
    where = {
        "run_id": run_id,
        "call_id": call_id,
        "layer": layer,
        "role": role,
        "provider": provider,
        "model_id": model,
    }
    latency = round(seconds * 1e6 * math.exp(dice.gauss(0, 0.4)))
    tokens = dice.randint(400, 5000)
    cost = text_from_nano(tokens * 2500)
    roll = dice.random()
    if roll < 0.005:
        refused = {
            "hop": 1,
            "asked_role": role,
            "reason": "budget_exceeded",
            "message": "over",
            "remedy": "",
            "route": _route(where),
        }
        return [EventDraft(f"ev_{number}_x", EventKind.CALL_REFUSED, refused, **where)]
    drafts = [EventDraft(f"ev_{number}_r", EventKind.CALL_REQUESTED, requested_body(where, role), **where)]
    attempts = [{"number": 1, "reason": "ok", "status": 200, "latency_us": latency, "waited_ms": 0}]
    if roll < 0.02:
        attempts[0] |= {"reason": "server_error", "status": 500}
        failed = {
            "hop": 1,
            "asked_role": role,
            "request_hash": "aa",
            "reason": "server_error",
            "outcome": "next_candidate",
            "detail": "",
            "cost_eur": "0.000000000",
            "cost_basis": "none",
            "latency_us": latency,
            "attempts": attempts,
            "simulated": True,
        }
        return [*drafts, EventDraft(f"ev_{number}_f", EventKind.CALL_FAILED, failed, **where)]
    completed = {
        "hop": 1, "asked_role": role, "request_hash": "aa", "outcome": "ok", "served_model": model, "unechoed": False,
        "fingerprint": None, "finish": "stop", "usage": {"input": tokens * 3 // 4, "cached": 0, "cache_write": 0, "output": tokens // 4, "reasoning": 0},
        "cost_eur": cost, "cost_basis": "usage", "bound_eur": "0.100000000", "price_source": "test", "price_as_of": "2026-11-01",
        "eur_per_usd": "0.86", "latency_us": latency, "attempts": attempts, "tool_calls": [],
        "answer_text_sha256": hashlib.sha256(TEXT.encode()).hexdigest(), "request_id": None, "rate": None,
        "fallback": False, "degraded": False, "simulated": True,
    }  # fmt: skip
    drafts.append(EventDraft(f"ev_{number}_c", EventKind.CALL_COMPLETED, completed, **where))
    if role == "critic":
        verdict = {
            "verdict": dice.choices(["PASS", "REVIEW", "FAIL"], [85, 10, 5])[0],
            "judged_layer": layer,
            "judged_call_id": call_id,
            "judge_layer": layer,
            "findings": [],
            "malformed": False,
            "degraded": False,
            "capped": False,
            "sod": {"rule": "model", "ok": True, "detail": ""},
            "reason": "answered",
        }
        drafts.append(EventDraft(f"ev_{number}_j", EventKind.CRITIC_JUDGED, verdict, **where))
    return drafts


def requested_body(where: dict[str, str], role: str) -> dict[str, object]:
    """The body of ``llm.call.requested``."""
    return {
        "hop": 1, "asked_layer": where["layer"], "asked_role": role, "request_hash": "aa", "prompt_name": "market-outlook", "prompt_version": "1",
        "matrix_digest": "bb", "bound_eur": "0.100000000", "bound_tokens": 6000, "max_output_tokens": 1000, "simulated": True,
        "route": _route(where), "request_text_sha256": "cc", "purpose": "seeded", "posture": "DISARMED", "phase": "bootstrap",
    }  # fmt: skip


def _route(where: dict[str, str]) -> list[dict[str, object]]:
    return [
        {
            "provider": where["provider"],
            "model_id": where["model_id"],
            "role": where["role"],
            "position": 0,
            "admitted": True,
            "reason": "",
            "detail": "",
            "price_source": "test",
            "bound_eur": "0.100000000",
        }
    ]


NOW = datetime(2026, 11, 22, 14, 5, 9, tzinfo=UTC)
