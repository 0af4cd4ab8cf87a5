"""What became of an answer: judged, kept as text, handed to the caller. Pure."""

from dataclasses import replace
from typing import Any

import orjson

from peak_console.domain.calls import Answer, CallResult, Failure, OutcomeClass, Usage
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.money import text_from_nano
from peak_console.domain.text import one_line
from peak_console.llm import structured
from peak_console.llm.attempting import Exchange
from peak_console.llm.bodies import ECHO_LIMIT, Settled
from peak_console.llm.drafting import Call, Passage
from peak_console.llm.identity import misanswered
from peak_console.llm.scoping import left_empty
from peak_console.llm.streamed import cut
from peak_console.llm.striking import Secrets, struck
from peak_console.llm.tooling import misasked


def judged(at: Passage, outcome: Answer | Failure, exchange: Exchange) -> Answer | Failure:
    """``outcome``, unless it may not reach the caller as an answer.

    It may not where another model gave it than was asked, where it asks for tools that were not offered, and
    where it is not of the shape asked for. Such an answer is paid for all the same. Once a reader has a part
    of it, nobody else is asked.

    Once the name was judged as it came, every key of ours is struck out of what the provider said: nothing
    behind this sees one.
    """
    call, secrets = at.call, exchange.secrets
    call.parsed = call.invalid = None
    misnamed = _misnamed(at, outcome, secrets)
    outcome = struck(outcome, secrets)
    exchange.location = secrets.struck_or_none(exchange.location)
    refused = _refused(at, outcome, misnamed)
    if refused is not None:
        exchange.unanswered |= outcome.usage is None
        outcome = refused
    if isinstance(outcome, Failure) and call.handed_on:
        return cut(outcome)
    return outcome


def _misnamed(at: Passage, outcome: Answer | Failure, secrets: Secrets) -> Failure | None:
    if outcome.model_echo is None:
        return None
    request_id = secrets.struck_or_none(outcome.request_id)
    return misanswered(at.hop, outcome.model_echo, secrets, usage=outcome.usage, request_id=request_id)


def _refused(at: Passage, outcome: Answer | Failure, misnamed: Failure | None) -> Failure | None:
    if isinstance(outcome, Failure):
        # a failure stays what it is, unless a forbidden model had a part in it
        return misnamed if misnamed and misnamed.outcome is OutcomeClass.STOP else None
    if misnamed is not None:
        return misnamed
    refused = misasked(outcome, at.call.request) or _misshaped(at.call, outcome)
    if refused is None:
        return None
    return replace(
        refused,
        usage=outcome.usage,
        model_echo=outcome.model_echo,
        request_id=outcome.request_id,
        rate=outcome.rate,
    )


def _misshaped(call: Call, answer: Answer) -> Failure | None:
    if call.shape is None:
        return None
    found = structured.read(answer, call.shape)
    if not isinstance(found, structured.Invalid):
        call.parsed = found
        return None
    if structured.can_be_repaired(answer):
        call.invalid = found
    return found.failure


def kept_text(answer: Answer) -> tuple[str, str]:
    """The text that a run keeps of an answer, and its SHA-256; with tool calls it is a JSON object."""
    text = answer.text or answer.refusal or ""
    if answer.tool_calls:
        calls = [{"id": one.id, "name": one.name, "arguments": one.arguments} for one in answer.tool_calls]
        text = orjson.dumps({"text": text, "tool_calls": calls}).decode()
    return text, sha256_hex(text.encode())


def result(
    at: Passage,
    answer: Answer,
    *,
    bill: Settled,
    exchange: Exchange,
    latency_us: int,
    seq: int | None,
    text_kept: bool,
) -> CallResult:
    """What the caller gets. ``extra`` holds ``refusal`` where the model declined, and other facts."""
    entry = at.hop.candidate.entry
    extra: dict[str, Any] = {
        "refusal": answer.refusal,
        "fingerprint": answer.fingerprint,
        "request_id": answer.request_id,
        "text_kept": text_kept,
        "simulated": at.call.simulated,
        "family": at.hop.usable.model.family,
        "cost_basis": bill.basis,
        "bound_eur": text_from_nano(at.hop.bound),
    }
    if empty := left_empty(at.call.scope, answer):
        extra["log_missing"] = empty
    ttft_us = at.call.ttft_us(at.call.started_us)
    if ttft_us is not None:
        extra["ttft_ms"] = ttft_us / 1000
    return CallResult(
        call_id=at.call.call_id,
        run_id=at.call.run_id,
        layer=entry.layer.value,
        role=entry.role.value,
        provider=entry.provider,
        model_id=entry.model_id,
        served_model=None if answer.model_echo is None else one_line(answer.model_echo, ECHO_LIMIT),
        text=answer.text,
        finish=answer.finish,
        usage=bill.usage or Usage(),
        cost_eur=text_from_nano(bill.cost),
        latency_ms=latency_us / 1000,
        hop=at.number,
        fallback=entry.position > 0,
        degraded=entry.degraded,
        tool_calls=answer.tool_calls,
        attempts=tuple(exchange.attempts),
        recorded=seq is not None,
        seq=seq,
        parsed=at.call.parsed,
        extra=extra,
    )
