"""One description of each call: as neutral data for the SDKs, and as what our adapters build from."""

from dataclasses import dataclass
from typing import Any

from peak_console.domain.calls import Message, ToolCall, ToolDefinition
from peak_console.llm.providers.wire import WireCall

MODEL = "some-model"
TOOL = ToolDefinition(
    name="quote",
    description="The last price",
    parameters={
        "type": "object",
        "properties": {"symbol": {"type": "string"}},
        "required": ["symbol"],
        "additionalProperties": False,
    },
)
ASKED = (Message(role="system", content="Be brief."), Message(role="user", content="How is the market?"))
CALLED = (
    *ASKED,
    Message(
        role="assistant",
        content="",
        tool_calls=(ToolCall(id="call00001", name="quote", arguments={"symbol": "DAX", "depth": 2}),),
    ),
    Message(role="tool", content='{"price": 1}', tool_call_id="call00001", name="quote"),
)


@dataclass(frozen=True)
class Case:
    """A call under its name; ``changes`` are fields of ``WireCall``."""

    name: str
    messages: tuple[Message, ...] = ASKED
    changes: dict[str, Any] | None = None

    def wire(self, base_url: str, **more: Any) -> WireCall:
        """What our adapter is given."""
        fields: dict[str, Any] = {"model_id": MODEL} | (self.changes or {}) | more
        return WireCall(base_url=base_url, messages=self.messages, max_output_tokens=100, **fields)

    def neutral(self) -> dict[str, Any]:
        """What the SDK's caller is given."""
        call = self.wire("")
        told: dict[str, Any] = {
            "case": self.name,
            "model": call.model_id,
            "maximum": call.max_output_tokens,
            "messages": [_neutral(message) for message in call.messages],
        }
        values = {
            "temperature": call.temperature,
            "top_p": call.top_p,
            "seed": call.seed,
            "stop": list(call.stop) or None,
            "effort": call.reasoning_effort,
            "tool_choice": call.tool_choice,
            "tools": [tool.model_dump() for tool in call.tools] or None,
            "schema": call.response_schema,
            "stream": call.stream or None,
            "background": call.background or None,
        }
        return told | {name: value for name, value in values.items() if value is not None}


def _neutral(message: Message) -> dict[str, Any]:
    return message.model_dump(exclude_none=True, exclude_defaults=True) | {"content": message.content}


PLAIN = Case("plain")
SAMPLING = Case("sampling", changes={"temperature": 0.5, "top_p": 0.9, "stop": ("END",), "seed": 7})
NO_SEED = Case("sampling", changes={"temperature": 0.5, "top_p": 0.9, "stop": ("END",)})
SAMPLING_ONLY = Case("sampling", changes={"temperature": 0.5, "top_p": 0.9})
TOOLS = Case("tools", CALLED, {"tools": (TOOL,), "tool_choice": "required"})
CHOICE = Case("choice", changes={"tools": (TOOL,), "tool_choice": "auto"})
SCHEMA = Case("schema", changes={"response_schema": TOOL.parameters})
STREAM = Case("stream", changes={"stream": True})
EFFORT = Case("effort", changes={"reasoning_effort": "low"})
BACKGROUND = Case("background", changes={"background": True})
ODD_MODEL = Case("odd model", changes={"model_id": "eu.amazon.nova-lite-v1:0"})
PROFILE = Case(
    "profile",
    changes={
        "model_id": "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0"
    },
)

CHAT = (PLAIN, SAMPLING, TOOLS, CHOICE, SCHEMA, STREAM, EFFORT)
RESPONSES = (PLAIN, SAMPLING_ONLY, TOOLS, CHOICE, SCHEMA, STREAM, EFFORT, BACKGROUND)
