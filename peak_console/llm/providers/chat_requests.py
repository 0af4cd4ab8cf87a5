"""Chat completions, the way there: a call as the request of an OpenAI-like provider. Pure.

Format: https://platform.openai.com/docs/api-reference/chat/create
"""

from typing import Any

import orjson

from peak_console.domain.calls import Message, ToolCall, ToolDefinition
from peak_console.llm.providers import wire
from peak_console.llm.providers.chat_dialects import OPENAI, Dialect
from peak_console.llm.providers.schemas import in_its_order, schema_name, strict_schema
from peak_console.llm.providers.wire import WireCall
from peak_console.net.messages import HttpRequest


def build(call: WireCall, dialect: Dialect = OPENAI) -> HttpRequest:
    """The request of ``call``, without its key.

    Raises ``ValueError`` for what chat completions do not offer: background work and tools that the
    provider runs; ``TypeError`` for text that has no JSON form.
    """
    if call.background:
        raise ValueError("chat completions have no background mode")
    if call.hosted_tools:
        raise ValueError("chat completions run no tools of the provider")
    body: dict[str, Any] = {
        "model": call.model_id,
        "messages": [_message(message, dialect) for message in call.messages],
        dialect.output_limit: call.max_output_tokens,
    }
    if dialect.store and call.api_version is None:
        body["store"] = False
    body.update(_sampling(call, dialect))
    if call.tools:
        body["tools"] = [_tool(tool) for tool in call.tools]
        if call.tool_choice is not None:
            body["tool_choice"] = dialect.required if call.tool_choice == "required" else call.tool_choice
    if call.response_schema is not None:
        body["response_format"] = _response_format(call)
    if call.stream:
        body["stream"] = True
        if dialect.usage_on_request:
            body["stream_options"] = {"include_usage": True}
    headers = wire.STREAM_HEADERS if call.stream else wire.JSON_HEADERS
    return HttpRequest(dialect.address(call), wire.encoded(body), headers)


def _sampling(call: WireCall, dialect: Dialect) -> dict[str, Any]:
    """What steers the model, under the provider's names; what is not set is not sent."""
    effort = call.reasoning_effort
    asked = {
        "temperature": call.temperature,
        "top_p": call.top_p,
        dialect.seed: call.seed,
        "stop": list(call.stop) or None,
        "reasoning_effort": None if effort is None else dialect.efforts.get(effort, effort),
    }
    return {name: value for name, value in asked.items() if value is not None}


def _response_format(call: WireCall) -> dict[str, Any]:
    schema, strict = strict_schema(call.response_schema or {})
    name = schema_name(call.response_schema_name)
    described = {"name": name, "schema": in_its_order(schema), "strict": strict}
    return {"type": "json_schema", "json_schema": described}


def _message(message: Message, dialect: Dialect) -> dict[str, Any]:
    sent: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.name is not None and message.role != "tool" and dialect.message_names:
        sent["name"] = message.name
    if message.tool_call_id is not None:
        sent["tool_call_id"] = dialect.tool_call_id(message.tool_call_id)
    if message.tool_calls:
        sent["content"] = message.content or None
        sent["tool_calls"] = [_tool_call(call, dialect) for call in message.tool_calls]
    return sent


def _tool_call(call: ToolCall, dialect: Dialect) -> dict[str, Any]:
    arguments = orjson.dumps(call.arguments, option=orjson.OPT_SORT_KEYS).decode()
    function = {"name": call.name, "arguments": arguments}
    return {"id": dialect.tool_call_id(call.id), "type": "function", "function": function}


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}
