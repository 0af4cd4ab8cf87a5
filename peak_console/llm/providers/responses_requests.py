"""OpenAI's Responses, the way there: a call as a request, and what is asked of background work. Pure.

Format: https://platform.openai.com/docs/api-reference/responses/create
"""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

import orjson

from peak_console.domain.calls import Message, ToolDefinition
from peak_console.llm.providers import wire
from peak_console.llm.providers.chat_dialects import azure_root
from peak_console.llm.providers.schemas import in_its_order, schema_name, strict_schema
from peak_console.llm.providers.wire import WireCall, WireHostedTool
from peak_console.net.messages import HttpRequest

MOST_DOMAINS: Final = 100
"""Of one list (https://platform.openai.com/docs/guides/tools-web-search, domain filtering)."""

_FILTERED: Final = ("web_search", "web_search_2025_08_26")
"""Tools that take a list of domains; ``web_search_preview`` takes none."""


def filters_domains(wire_type: str, domains: Sequence[str]) -> bool:
    """Whether a tool can be kept to these domains."""
    return wire_type in _FILTERED and len(domains) <= MOST_DOMAINS


def openai_address(base_url: str) -> str:
    """Where OpenAI's own Responses are."""
    return base_url.rstrip("/") + "/responses"


def azure_address(base_url: str) -> str:
    """Where an Azure resource's Responses are: on its v1 interface, which has no version."""
    return azure_root(base_url) + "/openai/v1/responses"


def written(call: WireCall, address: str) -> HttpRequest:
    """The request of ``call``, without its key; raises ``TypeError`` for text that has no JSON form.

    Only background work is kept by the provider, for it cannot be asked after otherwise.
    """
    first, rest = _instructions(call.messages)
    body: dict[str, Any] = {
        "model": call.model_id,
        "input": [item for message in rest for item in _items(message)],
        "max_output_tokens": call.max_output_tokens,
        "store": call.background,
    }
    if first:
        body["instructions"] = first
    body.update(_steering(call))
    if tools := _tools(call):
        body["tools"] = tools
        if call.tool_choice is not None:
            body["tool_choice"] = call.tool_choice
    if call.hosted_tools:
        body["max_tool_calls"] = sum(tool.max_calls for tool in call.hosted_tools)
    if call.response_schema is not None:
        body["text"] = {"format": _format(call)}
    if call.background:
        body["background"] = True
    if call.stream:
        body["stream"] = True
    headers = wire.STREAM_HEADERS if call.stream else wire.JSON_HEADERS
    return HttpRequest(address, wire.encoded(body), headers)


def asking_after(address: str, response_id: str) -> HttpRequest:
    """The request for the state of background work."""
    return HttpRequest(f"{address}/{quote(response_id, safe='')}", b"", wire.JSON_HEADERS, "GET")


def cancelling(address: str, response_id: str) -> HttpRequest:
    """The request that ends background work; its answer tells what it cost so far."""
    return HttpRequest(f"{address}/{quote(response_id, safe='')}/cancel", b"", wire.JSON_HEADERS)


def _steering(call: WireCall) -> dict[str, Any]:
    """What steers the model; what is not set is not sent. There is no seed and no stop sequence here."""
    effort = call.reasoning_effort
    asked = {
        "temperature": call.temperature,
        "top_p": call.top_p,
        "reasoning": None if effort is None else {"effort": effort},
    }
    return {name: value for name, value in asked.items() if value is not None}


def _instructions(messages: Sequence[Message]) -> tuple[str, Sequence[Message]]:
    """The system's words at the beginning, and the conversation behind them."""
    count = next((at for at, one in enumerate(messages) if one.role != "system"), len(messages))
    if count == len(messages):
        return "", messages  # nothing but the system speaks: an input must not be empty
    return "\n\n".join(message.content for message in messages[:count]), messages[count:]


def _items(message: Message) -> list[dict[str, Any]]:
    if message.role == "tool":
        call_id = message.tool_call_id or ""
        return [{"type": "function_call_output", "call_id": call_id, "output": message.content}]
    said = {"role": message.role, "content": message.content}
    calls = [
        {
            "type": "function_call",
            "call_id": call.id,
            "name": call.name,
            "arguments": orjson.dumps(call.arguments, option=orjson.OPT_SORT_KEYS).decode(),
        }
        for call in message.tool_calls
    ]
    return [*([said] if message.content or not calls else []), *calls]


def _tools(call: WireCall) -> list[dict[str, Any]]:
    return [*(_tool(tool) for tool in call.tools), *(_hosted(tool) for tool in call.hosted_tools)]


def _hosted(tool: WireHostedTool) -> dict[str, Any]:
    """A tool that the provider runs. Its domains take in what lies below them, ``*.`` or not."""
    if not tool.domains:
        return {"type": tool.wire_type}
    domains = list(dict.fromkeys(one.removeprefix("*.") for one in tool.domains))
    return {"type": tool.wire_type, "filters": {"allowed_domains": domains}}


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    """A function; said not to be strict, which it would be here unless told, and is not in chat."""
    described = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "strict": False, **described}


def _format(call: WireCall) -> dict[str, Any]:
    schema, strict = strict_schema(call.response_schema or {})
    name = schema_name(call.response_schema_name)
    return {"type": "json_schema", "name": name, "schema": in_its_order(schema), "strict": strict}
