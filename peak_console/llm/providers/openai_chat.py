"""OpenAI's chat completions, and what speaks like it. Pure; differences are a table, not code.

Format: https://platform.openai.com/docs/api-reference/chat
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

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
from peak_console.llm.providers.waiting import rate_state
from peak_console.llm.providers.wire import Malformed, WireCall
from peak_console.net.messages import HttpRequest


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a provider's chat completions differ from OpenAI's."""

    path: str = "/chat/completions"
    output_limit: str = "max_completion_tokens"
    content_chunks: bool = False
    """Whether an answer's content may be a list of typed chunks."""
    finishes: Mapping[str, Finish] = field(default_factory=dict)
    """Finish reasons beside OpenAI's own."""


DIALECTS: Final[Mapping[str, Dialect]] = {"openai": Dialect()}
"""By provider. A further OpenAI-like provider is a further row."""

_FINISHES: Final = {
    "stop": Finish.STOP,
    "length": Finish.LENGTH,
    "tool_calls": Finish.TOOL,
    "function_call": Finish.TOOL,
    "content_filter": Finish.FILTER,
}


def build(call: WireCall, dialect: Dialect = DIALECTS["openai"]) -> HttpRequest:
    """The request of ``call``, without its key."""
    body: dict[str, Any] = {
        "model": call.model_id,
        "messages": [_message(message) for message in call.messages],
        dialect.output_limit: call.max_output_tokens,
    }
    if call.temperature is not None:
        body["temperature"] = call.temperature
    if call.tools:
        body["tools"] = [_tool(tool) for tool in call.tools]
    if call.response_schema is not None:
        schema = {"name": call.response_schema_name, "schema": call.response_schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return HttpRequest(call.base_url.rstrip("/") + dialect.path, wire.encoded(body), wire.JSON_HEADERS)


def parse(
    status: int, headers: Mapping[str, str], body: bytes, dialect: Dialect = DIALECTS["openai"]
) -> Answer | Failure:
    """The outcome of a response; never raises, whatever the bytes."""
    if not 200 <= status < 300:  # noqa: PLR2004 - the success class of RFC 9110
        return _failure(status, headers, body)
    try:
        return _answer(wire.loaded(body), status, headers, dialect)
    except Malformed as error:
        return malformed(status, headers, str(error))


def _message(message: Message) -> dict[str, Any]:
    sent: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.name is not None and message.role != "tool":
        sent["name"] = message.name
    if message.tool_call_id is not None:
        sent["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        sent["content"] = message.content or None
        sent["tool_calls"] = [_tool_call(call) for call in message.tool_calls]
    return sent


def _tool_call(call: ToolCall) -> dict[str, Any]:
    arguments = orjson.dumps(call.arguments, option=orjson.OPT_SORT_KEYS).decode()
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _answer(
    root: dict[str, Any], status: int, headers: Mapping[str, str], dialect: Dialect
) -> Answer | Failure:
    choices = wire.a_list(root.get("choices"), "choices")
    if not choices:
        raise Malformed("choices", "the list is empty")
    choice = wire.an_object(choices[0], "choices[0]")
    finish = _finish(choice.get("finish_reason"), dialect)
    usage = _usage(root.get("usage"))
    echo = wire.maybe_text(root.get("model"), "model")
    if finish is Finish.FILTER:
        return Failure(
            CallReason.CONTENT_FILTER,
            OutcomeClass.STOP,
            "the provider's content filter withheld the answer",
            status=status,
            request_id=request_id(headers),
            rate=rate_state(headers),
            usage=usage,
            model_echo=echo,
        )
    message = wire.an_object(choice.get("message"), "choices[0].message")
    calls = _tool_calls(message.get("tool_calls"))
    refusal = wire.maybe_text(message.get("refusal"), "choices[0].message.refusal") or None
    optional = bool(calls or refusal) or finish is not Finish.STOP
    return Answer(
        text=_content(message.get("content"), dialect, optional=optional),
        finish=finish,
        usage=usage,
        model_echo=echo,
        tool_calls=calls,
        fingerprint=wire.maybe_text(root.get("system_fingerprint"), "system_fingerprint"),
        request_id=request_id(headers),
        refusal=refusal,
        rate=rate_state(headers),
    )


def _finish(value: Any, dialect: Dialect) -> Finish:
    name = wire.a_text(value, "choices[0].finish_reason")
    finish = _FINISHES.get(name) or dialect.finishes.get(name)
    if finish is None:
        raise Malformed("choices[0].finish_reason", f"unknown word {one_line(name, 40)!r}")
    return finish


def _content(value: Any, dialect: Dialect, *, optional: bool) -> str:
    path = "choices[0].message.content"
    if value is None and optional:
        return ""
    if dialect.content_chunks and isinstance(value, list):
        return "".join(_chunk(chunk, f"{path}[{index}]") for index, chunk in enumerate(value))
    return wire.a_text(value, path)


def _chunk(value: Any, path: str) -> str:
    """A chunk's text; thinking and references are not part of the answer."""
    chunk = wire.an_object(value, path)
    return wire.a_text(chunk.get("text"), f"{path}.text") if chunk.get("type") == "text" else ""


def _tool_calls(value: Any) -> tuple[ToolCall, ...]:
    path = "choices[0].message.tool_calls"
    calls = [] if value is None else wire.a_list(value, path)
    return tuple(_one_tool_call(call, f"{path}[{index}]") for index, call in enumerate(calls))


def _one_tool_call(value: Any, path: str) -> ToolCall:
    call = wire.an_object(value, path)
    function = wire.an_object(call.get("function"), f"{path}.function")
    text = wire.a_text(function.get("arguments"), f"{path}.function.arguments")
    try:
        arguments = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        raise Malformed(f"{path}.function.arguments", "not JSON") from None
    return ToolCall.model_construct(
        id=wire.a_text(call.get("id"), f"{path}.id"),
        name=wire.a_text(function.get("name"), f"{path}.function.name"),
        arguments=wire.an_object(arguments, f"{path}.function.arguments"),
    )


def _usage(value: Any) -> Usage | None:
    if value is None:
        return None
    usage = wire.an_object(value, "usage")
    read = wire.an_object(usage.get("prompt_tokens_details") or {}, "usage.prompt_tokens_details")
    made = wire.an_object(usage.get("completion_tokens_details") or {}, "usage.completion_tokens_details")
    if "prompt_tokens" not in usage or "completion_tokens" not in usage:
        raise Malformed("usage", "prompt_tokens or completion_tokens is missing")
    result = Usage(
        input_total=wire.tokens(usage["prompt_tokens"], "usage.prompt_tokens"),
        cache_read=wire.tokens(read.get("cached_tokens"), "usage.prompt_tokens_details.cached_tokens"),
        cache_write=wire.tokens(
            read.get("cache_write_tokens"), "usage.prompt_tokens_details.cache_write_tokens"
        ),
        output_total=wire.tokens(usage["completion_tokens"], "usage.completion_tokens"),
        reasoning=wire.tokens(
            made.get("reasoning_tokens"), "usage.completion_tokens_details.reasoning_tokens"
        ),
    )
    return wire.consistent(result, "usage")


def _failure(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """An error response. Its body may be anything (a proxy's HTML): what cannot be read is not used."""
    error = wire.error_object(body)
    texts = (error.get("code"), error.get("type"))
    message = error.get("message")
    return failure(
        status,
        headers,
        codes=tuple(one_line(text, 80) for text in texts if isinstance(text, str)),
        message=message if isinstance(message, str) else "",
    )
