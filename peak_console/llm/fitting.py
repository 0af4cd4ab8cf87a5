"""What of a request one candidate takes: what is left out of it, what bounds its tools, or why not at all.

Pure. A parameter that only steers is left out and named; what would change the request's meaning by its
absence (tools, a schema, streaming, background work) makes the next candidate be asked. So does a limit of
output below the least that an interface takes: it is the caller's or the matrix's, and is never raised.
"""

from dataclasses import dataclass
from typing import Final

from peak_console.domain.calls import CallReason, CallRequest
from peak_console.llm.candidates import Candidate, CandidateRefusal, Usable
from peak_console.llm.providers.wire import WireCall, WireHostedTool

STEERING: Final = ("temperature", "top_p", "seed", "stop", "reasoning_effort", "tool_choice")
"""Parameters that are left out where a model or its interface does not take them."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a candidate takes a request: the output it may give, and the provider's own tools."""

    max_output_tokens: int
    hosted_tools: tuple[WireHostedTool, ...] = ()
    hosted_calls: int = 0
    """Most runs of tools that the provider runs."""
    hosted_tokens: int = 0
    """Most input tokens that those runs add."""
    unfiltered: tuple[str, ...] = ()
    """Lists of domains that the caller's scope names, and that are not sent because nobody takes them."""


def agreed(
    candidate: Candidate, usable: Usable, request: CallRequest, *, streamed: bool, least_input: int = 0
) -> Terms | CandidateRefusal:
    """The terms on which this candidate takes ``request``, or why it cannot be asked; nothing is written.

    ``least_input`` is what the request holds at least, in bytes: who has no room for so much is refused now,
    who has is judged by :func:`too_long` once the request is written.
    """
    refusal = _untaken(candidate, usable, request, streamed=streamed)
    if refusal is not None:
        return refusal
    output = min(usable.max_output_tokens, request.limits.max_output_tokens or usable.max_output_tokens)
    least = usable.adapter.least_output_tokens
    if output < least:
        name = f"{candidate.entry.provider}:{candidate.entry.model_id}"
        return CandidateRefusal(
            CallReason.ENDPOINT_UNSUPPORTED,
            f"{name} takes no limit of output below {least} tokens, and {output} are allowed",
            f"allow {least} output tokens or more, or ask another slot",
        )
    terms = _hosted(candidate, usable, request, output) if request.hosted_tools else Terms(output)
    if isinstance(terms, CandidateRefusal):
        return terms
    return too_long(candidate, usable, terms, least_input) or terms


def too_long(candidate: Candidate, usable: Usable, terms: Terms, input_bytes: int) -> CandidateRefusal | None:
    """Why a request of so many bytes has no place in the candidate's context; ``None`` where it has.

    A token is at least one byte, so bytes bound the tokens: what is admitted never exceeds
    ``context_tokens``, beyond which the provider refuses, or charges more than the price table says.
    """
    context = usable.model.context_tokens
    most = input_bytes + terms.hosted_tokens + terms.max_output_tokens
    if most <= context:
        return None
    name = f"{candidate.entry.provider}:{candidate.entry.model_id}"
    tools = f" + {terms.hosted_tokens:,} of hosted tools" if terms.hosted_tokens else ""
    return CandidateRefusal(
        CallReason.CONTEXT_LENGTH,
        f"{name} has a context of {context:,} tokens; this may be {most:,}: "
        f"{input_bytes:,} bytes of request{tools} + {terms.max_output_tokens:,} of output",
        "shorten the messages, allow less output, or ask a model with a longer context",
    )


def fitted(
    candidate: Candidate, usable: Usable, request: CallRequest, terms: Terms, *, streamed: bool
) -> tuple[WireCall, tuple[str, ...]]:
    """``request`` as it goes to this candidate on ``terms``, and what the caller set that is not sent."""
    steering = (name for name in STEERING if _set(request, name) and _refuses(usable, name))
    dropped = (*steering, *terms.unfiltered)
    call = WireCall(
        base_url=usable.base_url,
        model_id=candidate.entry.deployment or candidate.entry.model_id,
        messages=request.messages,
        max_output_tokens=terms.max_output_tokens,
        tools=request.tools,
        temperature=None if "temperature" in dropped else request.temperature,
        response_schema=request.response_schema,
        response_schema_name=request.response_schema_name,
        api_version=usable.model.api_version,
        top_p=None if "top_p" in dropped else request.top_p,
        seed=None if "seed" in dropped else request.seed,
        stop=() if "stop" in dropped else request.stop,
        reasoning_effort=None if "reasoning_effort" in dropped else request.reasoning_effort,
        tool_choice=None if "tool_choice" in dropped else request.tool_choice,
        hosted_tools=terms.hosted_tools,
        stream=streamed,
        background=request.background,
    )
    return call, dropped


def _untaken(
    candidate: Candidate, usable: Usable, request: CallRequest, *, streamed: bool
) -> CandidateRefusal | None:
    """What the request holds that the candidate does not take."""
    adapter, model = usable.adapter, usable.model
    name = f"{candidate.entry.provider}:{candidate.entry.model_id}"
    if streamed and (adapter.reader is None or _refuses(usable, "stream")):
        what = f"{name} does not stream its answers"
    elif request.background and (
        adapter.background is None or not model.background or _refuses(usable, "background")
    ):
        what = f"{name} does no background work"
    else:
        wanted = (
            ("tools", request.tools),
            ("response_format", request.response_schema is not None),
            ("hosted_tools", request.hosted_tools),
        )
        refused = next((one for one, asked in wanted if asked and _refuses(usable, one)), None)
        if refused is None:
            return None
        what = f"{name} does not take {refused}"
    return CandidateRefusal(CallReason.ENDPOINT_UNSUPPORTED, what, "ask another slot")


def _hosted(
    candidate: Candidate, usable: Usable, request: CallRequest, output: int
) -> Terms | CandidateRefusal:
    """The terms with the provider-run tools as they are sent; each has a cap and a price."""
    name = f"{candidate.entry.provider}:{candidate.entry.model_id}"
    tools, tokens = [], 0
    unfiltered: list[str] = []
    for asked in request.hosted_tools:
        rule = usable.model.hosted_tool(asked.name)
        if rule is None:
            detail = f"{name} has no rule for the hosted tool {asked.name}"
            remedy = "add it to the model's hosted_tools in configs/ai/models.toml, or ask without it"
            return CandidateRefusal(CallReason.HOSTED_TOOL_UNPRICED, detail, remedy)
        if usable.price.hosted_call_usd is None:
            detail = f"no price for a run of {asked.name} by {name}"
            remedy = "add hosted_call_usd to its row in configs/ai/prices.toml, or ask without it"
            return CandidateRefusal(CallReason.HOSTED_TOOL_UNPRICED, detail, remedy)
        domains = asked.allowed_domains
        if domains and not usable.adapter.filters_domains(rule.wire_type, domains):
            if asked.domains_required:
                detail = f"{name} takes no list of domains for {asked.name}, or none so long"
                remedy = 'ask another slot, or set on_unfiltered = "note" in the layer\'s scope'
                return CandidateRefusal(CallReason.DOMAINS_UNFILTERED, detail, remedy)
            unfiltered.append(f"{asked.name}.allowed_domains")
            domains = ()
        tools.append(WireHostedTool(rule.wire_type, asked.max_calls, domains))
        tokens += asked.max_calls * rule.max_input_tokens
    runs = sum(tool.max_calls for tool in tools)
    return Terms(output, tuple(tools), runs, tokens, tuple(unfiltered))


def _set(request: CallRequest, parameter: str) -> bool:
    """Whether the caller said anything of it; a zero is something."""
    value = getattr(request, parameter)
    return value is not None and value != ()


def _refuses(usable: Usable, parameter: str) -> bool:
    return parameter in usable.model.refuses or parameter in usable.adapter.lacks
