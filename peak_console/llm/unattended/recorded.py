"""An end as it stands in the ledger: where, and what its caller would have got of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from peak_console.domain.calls import Attempt, CallResult, Finish, ToolCall, Usage
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft, LedgerEvent
from peak_console.ledger.reader import LedgerReader
from peak_console.llm.texts import SEGMENT

_LONGEST_LINE: Final = 64 * 1024**2


def recorded_result(completed: LedgerEvent, runs: Path) -> CallResult:
    """The result of an ``llm.call.completed``; its text is read from the run, and empty where it is gone.

    ``extra["text_kept"]`` says whether the text was found, with the hash that the event names.
    """
    body: Mapping[str, Any] = completed.body or {}
    text = _text(runs / (completed.run_id or ""), str(body.get("answer_text_sha256", "")))
    said, tool_calls = _parts(text or "", with_tools=bool(body.get("tool_calls")))
    usage = body.get("usage") or {}
    return CallResult(
        call_id=completed.call_id or "",
        run_id=completed.run_id or "",
        layer=completed.layer or "",
        role=completed.role or "",
        provider=completed.provider or "",
        model_id=completed.model_id or "",
        served_model=body.get("served_model"),
        text="" if body.get("refusal") else said,
        finish=Finish(body.get("finish", Finish.STOP)),
        usage=Usage(
            input_total=usage.get("input", 0),
            cache_read=usage.get("cached", 0),
            cache_write=usage.get("cache_write", 0),
            output_total=usage.get("output", 0),
            reasoning=usage.get("reasoning", 0),
            hosted_calls=usage.get("hosted_calls", 0),
        ),
        cost_eur=str(body.get("cost_eur", "")),
        latency_ms=body.get("latency_us", 0) / 1000,
        hop=body.get("hop", 1),
        fallback=body.get("fallback") is True,
        degraded=body.get("degraded") is True,
        tool_calls=tool_calls,
        attempts=tuple(_attempt(one) for one in body.get("attempts", ())),
        seq=completed.seq,
        extra={
            "refusal": said if body.get("refusal") else None,
            "fingerprint": body.get("fingerprint"),
            "request_id": body.get("request_id"),
            "text_kept": text is not None,
            "simulated": body.get("simulated") is True,
            "cost_basis": body.get("cost_basis", ""),
            "bound_eur": body.get("bound_eur"),
        },
    )


def place_of(ledger: Path, draft: EventDraft) -> int | None:
    """Where the same end stands that another process recorded first; ``None`` where it told another end."""
    try:
        with LedgerReader(ledger) as reader:
            found = reader.by_event(draft.event_id)
    except PeakError:
        return None
    return found.seq if found is not None and found.kind == draft.kind else None


def _text(folder: Path, sha256: str) -> str | None:
    """The text with this hash among a run's texts; ``None`` where it is not, or is another by now."""
    mark = sha256.encode()
    try:
        with (folder / SEGMENT).open("rb") as file:
            while raw := file.readline(_LONGEST_LINE):
                if mark and mark in raw and (text := _answer_in(raw, sha256)) is not None:
                    return text
    except OSError:
        return None
    return None


def _answer_in(raw: bytes, sha256: str) -> str | None:
    try:
        line = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    text = line.get("text") if isinstance(line, dict) and line.get("kind") == "answer" else None
    return text if isinstance(text, str) and sha256_hex(text.encode()) == sha256 else None


def _parts(text: str, *, with_tools: bool) -> tuple[str, tuple[ToolCall, ...]]:
    """The text and the tool calls that :func:`~peak_console.llm.answering.kept_text` wrote as one."""
    if not with_tools or not text:
        return text, ()
    kept = orjson.loads(text)
    return kept["text"], tuple(ToolCall(**one) for one in kept["tool_calls"])


def _attempt(body: Mapping[str, Any]) -> Attempt:
    return Attempt(
        number=body.get("number", 1),
        reason=body.get("reason", ""),
        status=body.get("status"),
        latency_us=body.get("latency_us", 0),
        waited_ms=body.get("waited_ms", 0),
    )
