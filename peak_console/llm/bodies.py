"""The bodies of a call's events (contract "Ledger event"). Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from peak_console.budget.prices import cost
from peak_console.domain.calls import (
    Answer,
    Attempt,
    CallRequest,
    Failure,
    Message,
    RateState,
    ToolCall,
    Usage,
)
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.money import NanoEur, text_from_nano
from peak_console.domain.text import one_line
from peak_console.llm.router import Hop, least_input

ECHO_LIMIT: Final = 120
"""Longest name of a model or tool that is kept of what a provider reports."""

TOOLS_LISTED: Final = 64


@dataclass(frozen=True, slots=True)
class Settled:
    """What a hop costs, and from what that is known: ``usage``, ``worst_case`` or ``none``."""

    cost: NanoEur
    basis: str
    usage: Usage | None = None

    def words(self) -> str:
        """What is booked, for a person."""
        most = ", its bound: nobody told the usage" if self.basis == "worst_case" else ""
        return f"€ {text_from_nano(self.cost)} booked{most}"


def settled(hop: Hop, usage: Usage | None, *, may_be_billed: bool, misnamed: bool = False) -> Settled:
    """The cost of a hop: by its bill, at its bound where no bill came, nothing where nothing left.

    An answer of another model than was asked, ``misnamed``, has a price that we do not know: its bound is
    taken, or what its usage costs by the price of the model asked, whichever is more.
    """
    if usage is not None:
        told = cost(hop.usable.price, usage, hop.usable.eur_per_usd)
        if misnamed:
            return Settled(max(told, hop.bound), "worst_case", usage)
        return Settled(told, "usage", usage)
    return Settled(hop.bound, "worst_case") if may_be_billed else Settled(NanoEur(0), "none")


def requested(
    hop: Hop,
    request: CallRequest,
    *,
    number: int,
    rows: Sequence[Mapping[str, Any]],
    matrix_digest: str,
    lock_digest: str,
    posture: str,
    phase: str,
    simulated: bool,
    resend: bool = False,
    streamed: bool = False,
) -> dict[str, Any]:
    """The body of ``llm.call.requested``: what will be sent to whom and why, and what it may cost at most."""
    body: dict[str, Any] = {
        "hop": number,
        "asked_layer": request.layer.value,
        "asked_role": request.role.value,
        "request_hash": hop.request_hash,
        "request_text_sha256": hop.body_sha256,
        "prompt_name": one_line(request.prompt_name),
        "prompt_version": one_line(request.prompt_version),
        "purpose": shown_purpose(request),
        "matrix_digest": matrix_digest,
        "lock_digest": lock_digest,
        "bound_eur": text_from_nano(hop.bound),
        "bound_tokens": hop.bound_tokens,
        "max_output_tokens": hop.max_output_tokens,
        "route": list(rows),
        "posture": posture,
        "phase": phase,
        "simulated": simulated,
        **asked_terms(request, streamed=streamed),
    }
    if hop.usable.base_url_overridden:
        body["base_url"] = hop.usable.base_url
    if hop.dropped:
        body["dropped"] = list(hop.dropped)
    if request.tools:
        body["tools"] = [tool.name for tool in request.tools[:TOOLS_LISTED]]
    if results := _tool_results(request.messages):
        body["tool_results"] = results
    if hop.repair:
        body["repair"] = True
    if resend:
        body["resend"] = True
    return body


def completed(
    hop: Hop,
    answer: Answer,
    *,
    number: int,
    asked_role: str,
    bill: Settled,
    attempts: Sequence[Attempt],
    latency_us: int,
    answer_sha256: str,
    simulated: bool,
    ttft_us: int | None = None,
    streamed: bool = False,
) -> dict[str, Any]:
    """The body of ``llm.call.completed``; ``ttft_us`` is the time to the first delta handed on."""
    price = hop.usable.price
    body: dict[str, Any] = {
        "hop": number,
        "asked_role": asked_role,
        "request_hash": hop.request_hash,
        "outcome": "ok",
        "served_model": _shown(answer.model_echo),
        "unechoed": answer.model_echo is None,
        "fingerprint": _shown(answer.fingerprint),
        "finish": answer.finish.value,
        "refusal": answer.refusal is not None,
        "usage": usage_body(bill.usage or Usage()),
        "cost_eur": text_from_nano(bill.cost),
        "cost_basis": bill.basis,
        "bound_eur": text_from_nano(hop.bound),
        "price_source": price.source,
        "price_as_of": price.as_of.isoformat(),
        "eur_per_usd": str(hop.usable.eur_per_usd),
        "latency_us": latency_us,
        "attempts": attempts_body(attempts),
        "tool_calls": [_tool_call(call) for call in answer.tool_calls[:TOOLS_LISTED]],
        "answer_text_sha256": answer_sha256,
        "request_id": answer.request_id,
        "rate": rate_body(answer.rate),
        "fallback": hop.candidate.entry.position > 0,
        "degraded": hop.candidate.entry.degraded,
        "simulated": simulated,
    }
    if not hop.usable.lock_knows(answer.model_echo):
        body["unlocked_echo"] = True
    if streamed:
        body["streamed"] = True
        body["ttft_us"] = ttft_us
    return body


def failed(
    hop: Hop,
    failure: Failure,
    *,
    number: int,
    asked_role: str,
    bill: Settled,
    attempts: Sequence[Attempt],
    latency_us: int,
    then: str,
    simulated: bool,
    handed_on: int = 0,
) -> dict[str, Any]:
    """The body of ``llm.call.failed``; ``then`` says what followed: ``next``, ``stop`` or the chain's end.

    ``handed_on`` counts the deltas that a reader had of the answer before it was cut.
    """
    body: dict[str, Any] = {
        "hop": number,
        "asked_role": asked_role,
        "request_hash": hop.request_hash,
        "reason": failure.reason.value,
        "outcome": failure.outcome.value,
        "detail": failure.detail,
        "cost_eur": text_from_nano(bill.cost),
        "cost_basis": bill.basis,
        "bound_eur": text_from_nano(hop.bound),
        "latency_us": latency_us,
        "attempts": attempts_body(attempts),
        "request_id": failure.request_id,
        "then": then,
        "simulated": simulated,
    }
    if bill.usage is not None:
        body["usage"] = usage_body(bill.usage)
    if failure.model_echo is not None:
        body["served_model"] = _shown(failure.model_echo)
    if handed_on:
        body["handed_on"] = handed_on
    if failure.retry_after_s is not None:
        body["retry_after_ms"] = math.ceil(failure.retry_after_s * 1000)
    if (rate := rate_body(failure.rate)) is not None:
        body["rate"] = rate
    return body


def asked_terms(request: CallRequest, *, streamed: bool) -> dict[str, Any]:
    """What of a request decides who can take it, so that its route can be judged again from the record.

    ``content_bytes`` is what its messages hold in any wire format; the rest stands there only where it is so.
    """
    limits = request.limits
    told: dict[str, Any] = {
        "stream": streamed,
        "background": request.background,
        "schema": request.response_schema is not None,
        "hosted": {tool.name: tool.max_calls for tool in request.hosted_tools},
        "hosted_domains": {
            tool.name: {"domains": list(tool.allowed_domains), "required": tool.domains_required}
            for tool in request.hosted_tools
            if tool.allowed_domains
        },
        "own_max_output_tokens": limits.max_output_tokens,
        "own_max_cost_eur": limits.max_cost_eur,
    }
    return {"content_bytes": least_input(request)} | {name: one for name, one in told.items() if one}


def shown_purpose(request: CallRequest) -> str:
    """The purpose as an event carries it: one line."""
    return one_line(request.purpose)


def attempts_body(attempts: Sequence[Attempt]) -> list[dict[str, Any]]:
    """Attempts as an event lists them."""
    return [
        {
            "number": one.number,
            "reason": one.reason,
            "status": one.status,
            "latency_us": one.latency_us,
            "waited_ms": one.waited_ms,
        }
        for one in attempts
    ]


def usage_body(usage: Usage) -> dict[str, int]:
    """Tokens as an event names them; ``input`` includes the cached, ``output`` the reasoning ones."""
    hosted = {"hosted_calls": usage.hosted_calls} if usage.hosted_calls else {}
    return hosted | {
        "input": usage.input_total,
        "cached": usage.cache_read,
        "cache_write": usage.cache_write,
        "output": usage.output_total,
        "reasoning": usage.reasoning,
    }


def rate_body(rate: RateState | None) -> dict[str, int] | None:
    """What the provider said of its rate limit; ``None`` when nothing."""
    if rate is None:
        return None
    named = {
        "remaining_requests": rate.remaining_requests,
        "remaining_tokens": rate.remaining_tokens,
        "reset_ms": None if rate.reset_s is None else round(rate.reset_s * 1000),
        "limit_requests": rate.limit_requests,
        "limit_tokens": rate.limit_tokens,
    }
    return {name: value for name, value in named.items() if value is not None} or None


def _tool_call(call: ToolCall) -> dict[str, str]:
    """A tool call as an event carries it: what was asked stands in the run's texts, by this hash."""
    arguments = orjson.dumps(call.arguments, option=orjson.OPT_SORT_KEYS)
    return {
        "id": one_line(call.id, ECHO_LIMIT),
        "name": one_line(call.name, ECHO_LIMIT),
        "arguments_sha256": sha256_hex(arguments),
    }


def _tool_results(messages: Sequence[Message]) -> list[dict[str, str]]:
    """What tools gave since the model last spoke."""
    results: list[dict[str, str]] = []
    for message in reversed(messages):
        if message.role != "tool" or len(results) == TOOLS_LISTED:
            break
        name = one_line(message.tool_call_id or "", ECHO_LIMIT)
        content = message.content.encode("utf-8", "replace")
        results.append({"tool_call_id": name, "sha256": sha256_hex(content)})
    return results[::-1]


def _shown(name: str | None) -> str | None:
    return None if name is None else one_line(name, ECHO_LIMIT)
