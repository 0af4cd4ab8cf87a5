"""What became of an answer: checked for who gave it, kept as text, handed to the caller. Pure."""

import orjson

from peak_console.domain.calls import Answer, CallReason, CallResult, Failure, OutcomeClass, Usage
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.money import text_from_nano
from peak_console.domain.text import one_line
from peak_console.llm.bodies import ECHO_LIMIT, Settled
from peak_console.llm.drafting import Passage
from peak_console.llm.exchange import Exchange
from peak_console.llm.router import Hop
from peak_console.policy.deny import deny_echo


def echo_checked(hop: Hop, outcome: Answer | Failure, exchange: Exchange) -> Answer | Failure:
    """``outcome`` unless it came from a model that may not or should not have answered.

    The hard deny runs on the name a response reports, also on a failed one's. Another model than was asked
    for (an alias that moved, a silent re-route) is no answer either: it has another price and no approval.
    """
    echo = outcome.model_echo
    if echo is None:
        return outcome
    denial = deny_echo(echo)
    reason = CallReason.FORBIDDEN_ECHO if denial else CallReason.UNEXPECTED_ECHO
    if denial is None and (isinstance(outcome, Failure) or hop.usable.model.echoed_as(echo)):
        return outcome
    exchange.unanswered |= outcome.usage is None
    shown = one_line(echo, ECHO_LIMIT)
    detail = denial.message if denial else f"asked {hop.candidate.entry.model_id}, {shown!r} answered"
    return Failure(
        reason,
        OutcomeClass.STOP if denial else OutcomeClass.NEXT_CANDIDATE,
        detail,
        request_id=outcome.request_id,
        usage=outcome.usage,
        model_echo=echo,
    )


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
    extra = {
        "refusal": answer.refusal,
        "fingerprint": answer.fingerprint,
        "request_id": answer.request_id,
        "text_kept": text_kept,
        "simulated": at.call.simulated,
        "family": at.hop.usable.model.family,
        "cost_basis": bill.basis,
    }
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
        extra=extra,
    )
