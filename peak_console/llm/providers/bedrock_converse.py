"""Amazon Bedrock's Converse. Pure.

Format: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html. It names no model
in its answers.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

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
from peak_console.llm.providers.failing import aws_code, failure, malformed, request_id
from peak_console.llm.providers.schemas import CONVERSE_RULES, schema_name, strict_schema
from peak_console.llm.providers.wire import Malformed, WireCall
from peak_console.net.messages import HttpRequest

_FINISHES: Final = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "tool_use": Finish.TOOL,
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "guardrail_intervened": Finish.FILTER,
    "content_filtered": Finish.FILTER,
    "malformed_model_output": Finish.ERROR,
    "malformed_tool_use": Finish.ERROR,
}
_PLAIN: Final = ":@!$&'()*,;=~"
"""Letters of a model id that the HTTP library sends as they are, whatever it is told: what is signed must be
what is sent. A slash is none of them."""
_EFFORTS: Final = {"minimal": "low"}
_UNSPOKEN: Final = frozenset({"reasoningContent", "toolResult"})
"""Blocks that are billed and are not the answer: thoughts, and results of tools the provider ran."""
_STREAM_HEADERS: Final = {
    **wire.JSON_HEADERS,
    "accept": "application/vnd.amazon.eventstream",
    "accept-encoding": "identity",
}


def build(call: WireCall) -> HttpRequest:
    """The request of ``call``, without its key or signature.

    Raises ``ValueError`` for what Converse has no place for: background work, provider-run tools with a
    bound, and a forbidden tool choice in a conversation that used tools.
    """
    if call.background:
        raise ValueError("Converse has no background mode")
    if call.hosted_tools:
        raise ValueError("Converse bounds no tools of the provider")
    body: dict[str, Any] = {
        "messages": _turns(call.messages),
        "inferenceConfig": _inference(call),
    }
    system = [{"text": message.content} for message in call.messages if message.role == "system"]
    if system:
        body["system"] = system
    tools = _tools(call)
    if tools:
        body["toolConfig"] = tools
    output = _output(call)
    if output:
        body["outputConfig"] = output
    operation = "converse-stream" if call.stream else "converse"
    url = f"{call.base_url.rstrip('/')}/model/{quote(call.model_id, safe=_PLAIN)}/{operation}"
    return HttpRequest(url, wire.encoded(body), _STREAM_HEADERS if call.stream else wire.JSON_HEADERS)


def parse(status: int, headers: Mapping[str, str], body: bytes) -> Answer | Failure:
    """The outcome of a response; never raises, whatever the bytes."""
    if not 200 <= status < 300:  # noqa: PLR2004 - the success class of RFC 9110
        return _failure(status, headers, body)
    usage: Usage | None = None
    try:
        root = wire.loaded(body)
        usage = read_usage(root.get("usage"))
        word = wire.a_text(root.get("stopReason"), "stopReason")
        output = wire.an_object(root.get("output"), "output")
        message = wire.an_object(output.get("message"), "output.message")
        text, calls = _spoken(message.get("content"))
        return outcome(word, text=text, calls=calls, usage=usage, status=status, headers=headers)
    except Malformed as error:
        return malformed(status, headers, str(error), usage=usage)


def outcome(
    word: str,
    *,
    text: str,
    calls: tuple[ToolCall, ...],
    usage: Usage | None,
    status: int,
    headers: Mapping[str, str],
) -> Answer | Failure:
    """What a stop reason makes of what was said; raises ``Malformed`` for one that is not known."""
    finish = _FINISHES.get(word)
    if finish is None:
        raise Malformed("stopReason", f"unknown word {one_line(word, 40)!r}")
    exchange = request_id(headers)
    if finish is Finish.FILTER:
        detail = f"the answer was withheld: {word}"
        reason, then = CallReason.CONTENT_FILTER, OutcomeClass.STOP
        return Failure(reason, then, detail, status=status, request_id=exchange, usage=usage)
    if finish is Finish.ERROR:
        reason, then = CallReason.MALFORMED, OutcomeClass.NEXT_CANDIDATE
        return Failure(reason, then, f"stopReason: {word}", status=status, request_id=exchange, usage=usage)
    if finish is Finish.TOOL and not calls:
        raise Malformed("output.message.content", "tool_use without a toolUse block")
    if finish is Finish.STOP and not text and not calls:
        raise Malformed("output.message.content", "a finished answer says nothing")
    return Answer(
        text=text,
        finish=Finish.TOOL if calls else finish,
        usage=usage,
        model_echo=None,
        tool_calls=calls,
        request_id=exchange,
    )


def read_usage(value: Any) -> Usage | None:
    """``inputTokens`` excludes what was read from or written to a cache; our total includes it."""
    if value is None:
        return None
    told = wire.an_object(value, "usage")
    if "inputTokens" not in told or "outputTokens" not in told:
        raise Malformed("usage", "inputTokens or outputTokens is missing")

    def count(name: str) -> int:
        return wire.tokens(told.get(name), f"usage.{name}")

    read, written = count("cacheReadInputTokens"), count("cacheWriteInputTokens")
    return Usage(
        input_total=count("inputTokens") + read + written,
        cache_read=read,
        cache_write=written,
        output_total=count("outputTokens"),
    )


def tool_call(identifier: Any, name: Any, arguments: Any, path: str) -> ToolCall:
    """A tool call from the parts of a ``toolUse`` block."""
    return ToolCall.model_construct(
        id=wire.a_text(identifier, f"{path}.toolUseId"),
        name=wire.a_text(name, f"{path}.name"),
        arguments=wire.arguments(arguments, f"{path}.input"),
    )


def _inference(call: WireCall) -> dict[str, Any]:
    asked = {
        "maxTokens": call.max_output_tokens,
        "temperature": call.temperature,
        "topP": call.top_p,
        "stopSequences": list(call.stop) or None,
    }
    return {name: value for name, value in asked.items() if value is not None}


def _output(call: WireCall) -> dict[str, Any]:
    output: dict[str, Any] = {}
    if call.reasoning_effort is not None:
        output["effort"] = _EFFORTS.get(call.reasoning_effort, call.reasoning_effort)
    if call.response_schema is not None:
        schema, _ = strict_schema(call.response_schema, CONVERSE_RULES)
        described = {
            "name": schema_name(call.response_schema_name),
            "schema": orjson.dumps(schema).decode(),
        }
        output["textFormat"] = {"type": "json_schema", "structure": {"jsonSchema": described}}
    return output


def _tools(call: WireCall) -> dict[str, Any]:
    used = any(message.tool_calls or message.role == "tool" for message in call.messages)
    if call.tool_choice == "none":
        if used:
            raise ValueError("Converse cannot forbid tools in a conversation that used them")
        return {}
    if not call.tools:
        return {}
    config: dict[str, Any] = {"tools": [{"toolSpec": _tool(tool)} for tool in call.tools]}
    if call.tool_choice is not None:
        config["toolChoice"] = {"any" if call.tool_choice == "required" else "auto": {}}
    return config


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    spec: dict[str, Any] = {"name": tool.name, "inputSchema": {"json": tool.parameters}}
    return spec | ({"description": tool.description} if tool.description else {})


def _turns(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Turns, neighbours of one role joined: Converse wants them to alternate."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        if message.role == "system":
            continue
        role = "assistant" if message.role == "assistant" else "user"
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"].extend(_blocks(message))
        else:
            turns.append({"role": role, "content": _blocks(message)})
    return turns


def _blocks(message: Message) -> list[dict[str, Any]]:
    if message.role == "tool":
        told = {"toolUseId": message.tool_call_id or "", "content": [{"text": message.content}]}
        return [{"toolResult": told}]
    text = [{"text": message.content}] if message.content or not message.tool_calls else []
    calls = [
        {"toolUse": {"toolUseId": call.id, "name": call.name, "input": call.arguments}}
        for call in message.tool_calls
    ]
    return [*text, *calls]


def _spoken(value: Any) -> tuple[str, tuple[ToolCall, ...]]:
    texts: list[str] = []
    calls: list[ToolCall] = []
    for index, item in enumerate(wire.a_list(value, "output.message.content")):
        path = f"output.message.content[{index}]"
        block = {name: inner for name, inner in wire.an_object(item, path).items() if inner is not None}
        if "text" in block:
            texts.append(wire.a_text(block["text"], f"{path}.text"))
        elif "toolUse" in block:
            use = wire.an_object(block["toolUse"], f"{path}.toolUse")
            if use.get("type") != "server_tool_use":
                arguments = use.get("input")
                one = tool_call(use.get("toolUseId"), use.get("name"), arguments, f"{path}.toolUse")
                calls.append(one)
        elif "citationsContent" in block:
            texts.append(_cited(block["citationsContent"], f"{path}.citationsContent"))
        elif not block.keys() <= _UNSPOKEN:
            raise Malformed(path, f"unknown block {one_line(', '.join(sorted(block)), 60)}")
    return "".join(texts), tuple(calls)


def _cited(value: Any, path: str) -> str:
    """The text that citations belong to."""
    listed = wire.a_list(wire.an_object(value, path).get("content") or [], f"{path}.content")
    pieces = [wire.an_object(piece, f"{path}.content[{index}]") for index, piece in enumerate(listed)]
    return "".join(
        wire.a_text(piece.get("text"), f"{path}.content[{index}].text") for index, piece in enumerate(pieces)
    )


def _failure(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    error = wire.error_object(body)
    told = (headers.get("x-amzn-errortype"), error.get("__type"), error.get("code"))
    message = error.get("message") or error.get("Message")
    return failure(
        status,
        headers,
        codes=tuple(aws_code(kind) for kind in told if isinstance(kind, str)),
        message=message if isinstance(message, str) else "",
    )
