"""Gemini's generateContent. Pure.

Format: https://ai.google.dev/api/generate-content
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypedDict
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
from peak_console.llm.providers.failing import failure, malformed, request_id
from peak_console.llm.providers.wire import Malformed, WireCall
from peak_console.net.messages import HttpRequest


class _Billed(TypedDict):
    """What a response without an answer says all the same."""

    status: int
    exchange: str | None
    usage: Usage | None
    echo: str | None


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


def build(call: WireCall) -> HttpRequest:
    """The request of ``call``, without its key."""
    config: dict[str, Any] = {"maxOutputTokens": call.max_output_tokens}
    if call.temperature is not None:
        config["temperature"] = call.temperature
    if call.response_schema is not None:
        config["responseMimeType"] = "application/json"
        config["responseJsonSchema"] = call.response_schema
    body: dict[str, Any] = {"contents": _contents(call.messages), "generationConfig": config}
    system = [{"text": message.content} for message in call.messages if message.role == "system"]
    if system:
        body["systemInstruction"] = {"parts": system}
    if call.tools:
        body["tools"] = [{"functionDeclarations": [_declaration(tool) for tool in call.tools]}]
    model = quote(call.model_id, safe="")
    url = f"{call.base_url.rstrip('/')}/models/{model}:generateContent"
    return HttpRequest(url, wire.encoded(body), wire.JSON_HEADERS)


def parse(status: int, headers: Mapping[str, str], body: bytes) -> Answer | Failure:
    """The outcome of a response; never raises, whatever the bytes."""
    if not 200 <= status < 300:  # noqa: PLR2004 - the success class of RFC 9110
        return _failure(status, headers, body)
    try:
        return _answer(wire.loaded(body), status, headers)
    except Malformed as error:
        return malformed(status, headers, str(error))


def _contents(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Turns, neighbours of one role joined: several tool results answer several calls in one turn."""
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    turns: list[dict[str, Any]] = []
    for message in messages:
        if message.role == "system":
            continue
        role = "model" if message.role == "assistant" else "user"
        parts = _parts(message, names)
        if turns and turns[-1]["role"] == role:
            turns[-1]["parts"].extend(parts)
        else:
            turns.append({"role": role, "parts": parts})
    return turns


def _parts(message: Message, names: Mapping[str, str]) -> list[dict[str, Any]]:
    if message.role == "tool":
        name = message.name or names.get(message.tool_call_id or "", "tool")
        return [{"functionResponse": {"name": name, "response": {"result": message.content}}}]
    text = [{"text": message.content}] if message.content or not message.tool_calls else []
    calls = [{"functionCall": {"name": call.name, "args": call.arguments}} for call in message.tool_calls]
    return [*text, *calls]


def _declaration(tool: ToolDefinition) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "parametersJsonSchema": tool.parameters}


def _answer(root: dict[str, Any], status: int, headers: Mapping[str, str]) -> Answer | Failure:
    usage = _usage(root.get("usageMetadata"))
    echo = _echo(root.get("modelVersion"))
    exchange = request_id(headers) or wire.maybe_text(root.get("responseId"), "responseId")
    billed: _Billed = {"status": status, "exchange": exchange, "usage": usage, "echo": echo}
    candidates = root.get("candidates")
    blocked = _block_reason(root.get("promptFeedback"))
    if not candidates and blocked is not None:
        detail = f"the prompt was blocked: {one_line(blocked, 60)}"
        return _withheld(CallReason.CONTENT_FILTER, detail, **billed)
    listed = wire.a_list(candidates, "candidates")
    if not listed:
        raise Malformed("candidates", "the list is empty and no promptFeedback says why")
    candidate = wire.an_object(listed[0], "candidates[0]")
    word = wire.a_text(candidate.get("finishReason"), "candidates[0].finishReason")
    finish = _FINISHES.get(word)
    if finish is None:
        raise Malformed("candidates[0].finishReason", f"unknown word {one_line(word, 40)!r}")
    if finish is Finish.FILTER:
        detail = f"the answer was withheld: {word}"
        return _withheld(CallReason.CONTENT_FILTER, detail, **billed)
    if finish is Finish.ERROR:
        detail = f"candidates[0].finishReason: {word}"
        return _withheld(CallReason.MALFORMED, detail, **billed)
    text, calls = _spoken(candidate.get("content"), required=finish is Finish.STOP)
    return Answer(
        text=text,
        finish=Finish.TOOL if calls else finish,
        usage=usage,
        model_echo=echo,
        tool_calls=calls,
        request_id=exchange,
    )


def _withheld(
    reason: CallReason,
    detail: str,
    *,
    status: int,
    exchange: str | None,
    usage: Usage | None,
    echo: str | None,
) -> Failure:
    stops = reason is CallReason.CONTENT_FILTER
    outcome = OutcomeClass.STOP if stops else OutcomeClass.NEXT_CANDIDATE
    return Failure(reason, outcome, detail, status=status, request_id=exchange, usage=usage, model_echo=echo)


def _echo(value: Any) -> str | None:
    name = wire.maybe_text(value, "modelVersion")
    return name.removeprefix("models/") if name else None


def _block_reason(value: Any) -> str | None:
    if value is None:
        return None
    feedback = wire.an_object(value, "promptFeedback")
    return wire.maybe_text(feedback.get("blockReason"), "promptFeedback.blockReason")


def _spoken(value: Any, *, required: bool) -> tuple[str, tuple[ToolCall, ...]]:
    """The answer's text and calls; thoughts are billed, but they are not the answer."""
    path = "candidates[0].content.parts"
    content = wire.an_object(value or {}, "candidates[0].content")
    parts = wire.a_list(content.get("parts") or [], path)
    if required and not parts:
        raise Malformed(path, "a finished answer has no parts")
    texts: list[str] = []
    calls: list[ToolCall] = []
    for index, item in enumerate(parts):
        part = wire.an_object(item, f"{path}[{index}]")
        if part.get("thought") is True:
            continue
        if part.get("functionCall") is not None:
            calls.append(_call(part["functionCall"], f"{path}[{index}].functionCall", len(calls)))
        elif "text" in part:
            texts.append(wire.a_text(part["text"], f"{path}[{index}].text"))
        elif set(part) - {"thoughtSignature", "thought"}:
            raise Malformed(f"{path}[{index}]", f"unknown part {one_line(', '.join(sorted(part)), 60)}")
    return "".join(texts), tuple(calls)


def _call(value: Any, path: str, index: int) -> ToolCall:
    call = wire.an_object(value, path)
    return ToolCall.model_construct(
        id=wire.maybe_text(call.get("id"), f"{path}.id") or f"call_{index}",
        name=wire.a_text(call.get("name"), f"{path}.name"),
        arguments=wire.an_object(call.get("args") or {}, f"{path}.args"),
    )


def _usage(value: Any) -> Usage | None:
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
    listed = error.get("details")
    details = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    words = [*(one.get("reason") for one in details), error.get("status")]
    delays = [one.get("retryDelay") for one in details]
    message = error.get("message")
    return failure(
        status,
        headers,
        codes=tuple(one_line(word, 80) for word in words if isinstance(word, str)),
        message=message if isinstance(message, str) else "",
        retry_info=next((delay for delay in delays if isinstance(delay, str)), None),
    )
