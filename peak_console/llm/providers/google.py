"""Gemini's generateContent. Pure.

Format: https://ai.google.dev/api/generate-content
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote

from peak_console.domain.calls import (
    Answer,
    CallReason,
    Failure,
    Finish,
    Message,
    OutcomeClass,
    ToolCall,
    ToolDefinition,
    Usage,
)
from peak_console.domain.text import one_line
from peak_console.llm.providers import wire
from peak_console.llm.providers.failing import delays, error_codes, failure, malformed, request_id
from peak_console.llm.providers.schemas import gemini_schema, in_its_order
from peak_console.llm.providers.wire import Malformed, WireCall
from peak_console.net.messages import HttpRequest

_FINISHES: Final = {
    "STOP": Finish.STOP,
    "MAX_TOKENS": Finish.LENGTH,
    "SAFETY": Finish.FILTER,
    "RECITATION": Finish.FILTER,
    "LANGUAGE": Finish.FILTER,
    "BLOCKLIST": Finish.FILTER,
    "PROHIBITED_CONTENT": Finish.FILTER,
    "SPII": Finish.FILTER,
    "IMAGE_SAFETY": Finish.FILTER,
    "MODEL_ARMOR": Finish.FILTER,
    "MALFORMED_FUNCTION_CALL": Finish.ERROR,
    "UNEXPECTED_TOOL_CALL": Finish.ERROR,
    "TOO_MANY_TOOL_CALLS": Finish.ERROR,
    "MALFORMED_RESPONSE": Finish.ERROR,
    "MISSING_THOUGHT_SIGNATURE": Finish.ERROR,
    "OTHER": Finish.ERROR,
}


_FINISH: Final = "candidates[0].finishReason"
PARTS: Final = "candidates[0].content.parts"

_CHOICES: Final = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
_HOSTED: Final = frozenset({"google_search", "url_context", "code_execution"})
_THINKING_TOKENS: Final = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
"""Efforts as budgets, for generations before levels: https://ai.google.dev/gemini-api/docs/openai#thinking"""
_WITHOUT_LEVELS: Final = ("gemini-1", "gemini-2")
_FOREIGN_SIGNATURE: Final = "skip_thought_signature_validator"
"""Stands for the signature of a thought that was not kept:
https://ai.google.dev/gemini-api/docs/thought-signatures"""
_MOST_SEED: Final = 2**31
"""A seed is an int32 there; a larger one is taken modulo."""


def build(call: WireCall) -> HttpRequest:
    """The request of ``call``, without its key.

    Raises ``ValueError`` for what this interface does not offer: background work and tools it does not
    know; ``TypeError`` for text that has no JSON form.
    """
    if call.background:
        raise ValueError("generateContent has no background mode")
    body: dict[str, Any] = {
        "contents": _contents(call.messages, signed=not call.model_id.startswith(_WITHOUT_LEVELS)),
        "generationConfig": _config(call),
    }
    system = [{"text": message.content} for message in call.messages if message.role == "system"]
    if system:
        body["systemInstruction"] = {"parts": system}
    tools = _tools(call)
    if tools:
        body["tools"] = tools
    if call.tools and call.tool_choice is not None:
        body["toolConfig"] = {"functionCallingConfig": {"mode": _CHOICES[call.tool_choice]}}
    model = quote(call.model_id, safe="")
    method = "streamGenerateContent?alt=sse" if call.stream else "generateContent"
    headers = wire.STREAM_HEADERS if call.stream else wire.JSON_HEADERS
    return HttpRequest(f"{call.base_url.rstrip('/')}/models/{model}:{method}", wire.encoded(body), headers)


def _config(call: WireCall) -> dict[str, Any]:
    """What steers the model; what is not set is not sent."""
    asked = {
        "maxOutputTokens": call.max_output_tokens,
        "temperature": call.temperature,
        "topP": call.top_p,
        "seed": None if call.seed is None else call.seed % _MOST_SEED,
        "stopSequences": list(call.stop) or None,
        "thinkingConfig": _thinking(call),
    }
    config: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    if call.response_schema is not None:
        config["responseMimeType"] = "application/json"
        config["responseJsonSchema"] = in_its_order(gemini_schema(call.response_schema))
    return config


def _thinking(call: WireCall) -> dict[str, Any] | None:
    if call.reasoning_effort is None:
        return None
    if call.model_id.startswith(_WITHOUT_LEVELS):
        return {"thinkingBudget": _THINKING_TOKENS[call.reasoning_effort]}
    return {"thinkingLevel": call.reasoning_effort}


def _tools(call: WireCall) -> list[dict[str, Any]]:
    tools: list[dict[str, Any]] = []
    if call.tools:
        tools.append({"functionDeclarations": [_declaration(tool) for tool in call.tools]})
    for hosted in call.hosted_tools:
        if hosted.wire_type not in _HOSTED:
            raise ValueError(f"generateContent runs no tool {hosted.wire_type!r}")
        tools.append({hosted.wire_type: {}})
    return tools


def parse(status: int, headers: Mapping[str, str], body: bytes) -> Answer | Failure:
    """The outcome of a response; never raises, whatever the bytes.

    A response whose answer cannot be read still has its bill and its model's name, where these can.
    """
    if not 200 <= status < 300:  # noqa: PLR2004 - the success class of RFC 9110
        return _failure(status, headers, body)
    root: dict[str, Any] = {}
    try:
        root = wire.loaded(body)
        return _answer(root, status, headers)
    except Malformed as error:
        usage, echo = None, None
        with suppress(Malformed):
            usage = usage_of(root.get("usageMetadata"))
        with suppress(Malformed):
            echo = echo_of(root.get("modelVersion"))
        return malformed(status, headers, str(error), usage=usage, model_echo=echo)


def _contents(messages: Sequence[Message], *, signed: bool) -> list[dict[str, Any]]:
    """Turns, neighbours of one role joined: several tool results answer several calls in one turn."""
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    turns: list[dict[str, Any]] = []
    for message in messages:
        if message.role == "system":
            continue
        role = "model" if message.role == "assistant" else "user"
        parts = _parts(message, names, signed=signed)
        if turns and turns[-1]["role"] == role:
            turns[-1]["parts"].extend(parts)
        else:
            turns.append({"role": role, "parts": parts})
    return turns


def _parts(message: Message, names: Mapping[str, str], *, signed: bool) -> list[dict[str, Any]]:
    if message.role == "tool":
        name = message.name or names.get(message.tool_call_id or "", "tool")
        return [{"functionResponse": {"name": name, "response": {"result": message.content}}}]
    text = [{"text": message.content}] if message.content or not message.tool_calls else []
    calls: list[dict[str, Any]] = [
        {"functionCall": {"name": call.name, "args": call.arguments}} for call in message.tool_calls
    ]
    if calls and signed:
        calls[0]["thoughtSignature"] = _FOREIGN_SIGNATURE
    return [*text, *calls]


def _declaration(tool: ToolDefinition) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "parametersJsonSchema": tool.parameters}


def _answer(root: dict[str, Any], status: int, headers: Mapping[str, str]) -> Answer | Failure:
    usage = usage_of(root.get("usageMetadata"))
    echo = echo_of(root.get("modelVersion"))
    exchange = request_id(headers) or wire.maybe_text(root.get("responseId"), "responseId")
    billed = Billed(status, exchange, usage, echo)
    candidates = root.get("candidates")
    blocked = block_reason(root.get("promptFeedback"))
    if not candidates and blocked is not None:
        return billed.blocked(blocked)
    listed = wire.a_list(candidates, "candidates")
    if not listed:
        raise Malformed("candidates", "the list is empty and no promptFeedback says why")
    candidate = wire.an_object(listed[0], "candidates[0]")
    word = wire.a_text(candidate.get("finishReason"), _FINISH)
    finish = finish_of(word)
    billed = billed.with_runs(hosted_runs(candidate.get("groundingMetadata")))
    if finish in {Finish.FILTER, Finish.ERROR}:
        return billed.withheld(finish, word)
    text, calls = _spoken(candidate.get("content"), required=finish is Finish.STOP)
    return Answer(
        text=text,
        finish=Finish.TOOL if calls else finish,
        usage=billed.usage,
        model_echo=echo,
        tool_calls=calls,
        request_id=exchange,
    )


@dataclass(frozen=True, slots=True)
class Billed:
    """What a response without an answer says all the same."""

    status: int
    exchange: str | None
    usage: Usage | None
    echo: str | None

    def with_runs(self, runs: int) -> "Billed":
        """The same with so many runs of the provider's tools on the bill."""
        if self.usage is None or not runs:
            return self
        return replace(self, usage=replace(self.usage, hosted_calls=runs))

    def blocked(self, word: str) -> Failure:
        """The prompt did not pass the provider's filter."""
        return self._failure(
            CallReason.CONTENT_FILTER, f"the prompt was blocked: {one_line(word, 60) or 'no word why'}"
        )

    def withheld(self, finish: Finish, word: str) -> Failure:
        """The answer did not pass the provider's filter, or the model did not bring it to an end."""
        if finish is Finish.FILTER:
            return self._failure(CallReason.CONTENT_FILTER, f"the answer was withheld: {word}")
        return self._failure(CallReason.MALFORMED, f"{_FINISH}: {word}")

    def _failure(self, reason: CallReason, detail: str) -> Failure:
        stops = reason is CallReason.CONTENT_FILTER
        outcome = OutcomeClass.STOP if stops else OutcomeClass.NEXT_CANDIDATE
        return Failure(
            reason,
            outcome,
            detail,
            status=self.status,
            request_id=self.exchange,
            usage=self.usage,
            model_echo=self.echo,
        )


def finish_of(word: str) -> Finish:
    """Why the model stopped, in our words."""
    finish = _FINISHES.get(word)
    if finish is None:
        raise Malformed(_FINISH, f"unknown word {one_line(word, 40)!r}")
    return finish


def echo_of(value: Any) -> str | None:
    """The name of the model that answered."""
    name = wire.maybe_text(value, "modelVersion")
    return name.removeprefix("models/") if name else None


def block_reason(value: Any) -> str | None:
    """Why a prompt was blocked; ``None`` when it was not."""
    if value is None:
        return None
    feedback = wire.an_object(value, "promptFeedback")
    return wire.maybe_text(feedback.get("blockReason"), "promptFeedback.blockReason")


def hosted_runs(value: Any) -> int:
    """How many searches the provider ran for an answer."""
    if value is None:
        return 0
    path = "candidates[0].groundingMetadata"
    queries = wire.an_object(value, path).get("webSearchQueries")
    return 0 if queries is None else len(wire.a_list(queries, f"{path}.webSearchQueries"))


def parts_of(content: Any) -> list[Any]:
    """The parts of a candidate's content, which may be missing."""
    if content is None:
        return []
    parts = wire.an_object(content, "candidates[0].content").get("parts")
    return [] if parts is None else wire.a_list(parts, PARTS)


def read_part(item: Any, place: int, calls: int) -> str | ToolCall | None:
    """The text or the tool call of a part; ``None`` for thoughts, which are billed, but no answer.

    ``calls`` is how many tool calls came before it: those without an id are numbered.
    """
    path = f"{PARTS}[{place}]"
    part = wire.an_object(item, path)
    if part.get("thought") is True:
        return None
    if part.get("functionCall") is not None:
        return _call(part["functionCall"], f"{path}.functionCall", calls)
    if "text" in part:
        return wire.a_text(part["text"], f"{path}.text")
    if set(part) - {"thoughtSignature", "thought"}:
        raise Malformed(path, f"unknown part {one_line(', '.join(sorted(part)), 60)}")
    return None


def _spoken(content: Any, *, required: bool) -> tuple[str, tuple[ToolCall, ...]]:
    parts = parts_of(content)
    if required and not parts:
        raise Malformed(PARTS, "a finished answer has no parts")
    texts: list[str] = []
    calls: list[ToolCall] = []
    for place, item in enumerate(parts):
        found = read_part(item, place, len(calls))
        if isinstance(found, str):
            texts.append(found)
        elif found is not None:
            calls.append(found)
    return "".join(texts), tuple(calls)


def _call(value: Any, path: str, index: int) -> ToolCall:
    call = wire.an_object(value, path)
    return ToolCall.model_construct(
        id=wire.maybe_text(call.get("id"), f"{path}.id") or f"call_{index}",
        name=wire.a_text(call.get("name"), f"{path}.name"),
        arguments=wire.arguments(call.get("args") or {}, f"{path}.args"),
    )


def usage_of(value: Any) -> Usage | None:
    """``promptTokenCount`` includes the cached tokens; what the model thought is output as well."""
    if value is None:
        return None
    usage = wire.an_object(value, "usageMetadata")
    if "promptTokenCount" not in usage:
        return None

    def count(name: str) -> int:
        return wire.tokens(usage.get(name), f"usageMetadata.{name}")

    thoughts = count("thoughtsTokenCount")
    result = Usage(
        input_total=count("promptTokenCount") + count("toolUsePromptTokenCount"),
        cache_read=count("cachedContentTokenCount"),
        output_total=count("candidatesTokenCount") + thoughts,
        reasoning=thoughts,
    )
    return wire.consistent(result, "usageMetadata")


def _failure(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    error = wire.error_object(body)
    return failure(
        status,
        headers,
        codes=error_codes(error),
        message=wire.error_message(error),
        retry_info=next(iter(delays(error)), None),
    )
