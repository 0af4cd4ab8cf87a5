"""Chat completions, the way back: a whole response of an OpenAI-like provider as an outcome. Pure.

Format: https://platform.openai.com/docs/api-reference/chat/object
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson

from peak_console.domain.calls import (
    Answer,
    CallReason,
    Failure,
    Finish,
    OutcomeClass,
    ToolCall,
    Usage,
)
from peak_console.domain.text import one_line
from peak_console.llm.providers import wire
from peak_console.llm.providers.chat_dialects import FINISHES, OPENAI, Dialect
from peak_console.llm.providers.failing import error_codes, failure, malformed, request_id
from peak_console.llm.providers.waiting import rate_state
from peak_console.llm.providers.wire import Malformed

Headers = Mapping[str, str]


def parse(status: int, headers: Headers, body: bytes, dialect: Dialect = OPENAI) -> Answer | Failure:
    """The outcome of a response; never raises, whatever the bytes.

    A response whose answer cannot be read still has its bill and its model's name, where these can.
    """
    if not 200 <= status < 300:  # noqa: PLR2004 - the success class of RFC 9110
        error = wire.error_object(body)
        return failure(status, headers, codes=error_codes(error), message=wire.error_message(error))
    root: dict[str, Any] = {}
    try:
        root = wire.loaded(body)
        return _answer(root, status, headers, dialect)
    except Malformed as error:
        usage: Usage | None = None
        with suppress(Malformed):
            usage = usage_of(root.get("usage"))
        echo = root.get("model")
        named = echo if isinstance(echo, str) else None
        return malformed(status, headers, str(error), usage=usage, model_echo=named)


def _answer(root: dict[str, Any], status: int, headers: Headers, dialect: Dialect) -> Answer | Failure:
    choices = wire.a_list(root.get("choices"), "choices")
    if not choices:
        raise Malformed("choices", "the list is empty")
    choice = wire.an_object(choices[0], "choices[0]")
    finish = finish_of(choice.get("finish_reason"), dialect)
    usage = usage_of(root.get("usage"))
    echo = wire.maybe_text(root.get("model"), "model")
    if finish in {Finish.FILTER, Finish.ERROR}:
        return withheld(finish, status, headers, usage=usage, echo=echo)
    message = wire.an_object(choice.get("message"), "choices[0].message")
    calls = _tool_calls(message.get("tool_calls"))
    refusal = wire.maybe_text(message.get("refusal"), "choices[0].message.refusal") or None
    optional = bool(calls or refusal) or finish is not Finish.STOP
    return Answer(
        text=_content(message.get("content"), dialect, optional=optional),
        finish=Finish.TOOL if calls and finish is Finish.STOP else finish,
        usage=usage,
        model_echo=echo,
        tool_calls=calls,
        fingerprint=wire.maybe_text(root.get("system_fingerprint"), "system_fingerprint"),
        request_id=request_id(headers),
        refusal=refusal,
        rate=rate_state(headers),
    )


def withheld(
    finish: Finish, status: int, headers: Headers, *, usage: Usage | None, echo: str | None
) -> Failure:
    """An answer that the provider's filter kept back, or that the model did not bring to an end."""
    if finish is Finish.FILTER:
        reason, outcome = CallReason.CONTENT_FILTER, OutcomeClass.STOP
        detail = "the provider's content filter withheld the answer"
    else:
        reason, outcome = CallReason.MALFORMED, OutcomeClass.NEXT_CANDIDATE
        detail = "choices[0].finish_reason: the model ended in an error"
    return Failure(
        reason,
        outcome,
        detail,
        status=status,
        request_id=request_id(headers),
        rate=rate_state(headers),
        usage=usage,
        model_echo=echo,
    )


def finish_of(value: Any, dialect: Dialect) -> Finish:
    """Why the model stopped, in our words."""
    name = wire.a_text(value, "choices[0].finish_reason")
    finish = FINISHES.get(name) or dialect.finishes.get(name)
    if finish is None:
        raise Malformed("choices[0].finish_reason", f"unknown word {one_line(name, 40)!r}")
    return finish


def text_of_chunks(chunks: list[Any], path: str) -> str:
    """The text of a content that is a list of chunks; thinking and references are not part of the answer."""
    return "".join(_chunk(chunk, f"{path}[{index}]") for index, chunk in enumerate(chunks))


def arguments_of(text: str, path: str) -> dict[str, Any]:
    """The arguments of a tool call; none at all is an empty object."""
    try:
        arguments = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        raise Malformed(path, "not JSON") from None
    return wire.arguments(arguments, path)


def usage_of(value: Any) -> Usage | None:
    """What was billed; ``None`` when nothing is told. A zero that is told is a zero."""
    if value is None:
        return None
    return wire.openai_usage(wire.an_object(value, "usage"), ("prompt", "completion"))


def _content(value: Any, dialect: Dialect, *, optional: bool) -> str:
    path = "choices[0].message.content"
    if value is None and optional:
        return ""
    if dialect.content_chunks and isinstance(value, list):
        return text_of_chunks(value, path)
    return wire.a_text(value, path)


def _chunk(value: Any, path: str) -> str:
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
    return ToolCall.model_construct(
        id=wire.a_text(call.get("id"), f"{path}.id"),
        name=wire.a_text(function.get("name"), f"{path}.function.name"),
        arguments=arguments_of(text, f"{path}.function.arguments"),
    )
