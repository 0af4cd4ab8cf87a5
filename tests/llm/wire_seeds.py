"""What the fuzz tests begin with: right bodies and right streams of every interface, to be made wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from struct import pack
from typing import Any
from zlib import crc32

import orjson
from wire_shapes import (
    AZURE_FILTERED,
    CHAT_STREAMS,
    GEMINI_LIMITED,
    GEMINI_STREAMS,
    MISTRAL_INVALID,
    MISTRAL_LIMITED,
    chat,
    gemini,
)

_QUOTE = {"pair": "EURUSD"}
_CHAT_CALLS = [{"id": "a", "type": "function", "function": {"name": "q", "arguments": '{"x":1}'}}]
_GEMINI_CALLS = [{"text": "hm", "thought": True}, {"functionCall": {"name": "q", "args": _QUOTE}}]
_RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "error": None,
    "incomplete_details": None,
    "model": "gpt-5.2-2025-12-11",
    "output": [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "q", "arguments": '{"x":1}'},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "fine", "annotations": []}],
        },
    ],
    "usage": {
        "input_tokens": 328,
        "input_tokens_details": {"cached_tokens": 100},
        "output_tokens": 52,
        "output_tokens_details": {"reasoning_tokens": 40},
        "total_tokens": 380,
    },
}
_CONVERSE: dict[str, Any] = {
    "metrics": {"latencyMs": 1275},
    "output": {
        "message": {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "x"}}},
                {"text": "fine"},
                {"toolUse": {"toolUseId": "t1", "name": "q", "input": _QUOTE}},
            ],
        }
    },
    "stopReason": "tool_use",
    "usage": {"inputTokens": 125, "outputTokens": 60, "totalTokens": 185, "cacheReadInputTokens": 5},
}

BODIES: dict[str, list[bytes]] = {
    "chat": [
        chat(),
        chat(choices=[{"message": {"tool_calls": _CHAT_CALLS}, "finish_reason": "tool_calls"}]),
        orjson.dumps(AZURE_FILTERED),
        orjson.dumps(MISTRAL_LIMITED),
        orjson.dumps(MISTRAL_INVALID),
    ],
    "generate_content": [
        gemini(),
        gemini(candidates=[{"content": {"parts": _GEMINI_CALLS}, "finishReason": "STOP"}]),
        orjson.dumps({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 9}}),
        orjson.dumps(GEMINI_LIMITED),
    ],
    "responses": [
        orjson.dumps(_RESPONSE),
        orjson.dumps(_RESPONSE | {"status": "queued", "output": [], "usage": None}),
        orjson.dumps(
            _RESPONSE | {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}
        ),
        orjson.dumps(_RESPONSE | {"status": "failed", "error": {"code": "server_error", "message": "no"}}),
    ],
    "converse": [
        orjson.dumps(_CONVERSE),
        orjson.dumps({"__type": "com.amazon#ThrottlingException", "message": "slow down"}),
    ],
}
"""By endpoint."""


@dataclass(frozen=True)
class StreamSeed:
    """A right stream: its events, each a name and a payload, and how one is written."""

    events: tuple[tuple[str, bytes], ...]
    written: Callable[[str, bytes], bytes]

    @property
    def whole(self) -> bytes:
        """The stream's bytes."""
        return b"".join(self.written(*event) for event in self.events)


def _as_sse(_: str, payload: bytes) -> bytes:
    return b"data: " + payload + b"\n\n"


def _as_aws_event(name: str, payload: bytes) -> bytes:
    told = {":message-type": "event", ":event-type": name, ":content-type": "application/json"}
    headers = b"".join(
        bytes([len(key)]) + key.encode() + b"\x07" + pack("!H", len(value)) + value.encode()
        for key, value in told.items()
    )
    prelude = pack("!II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + pack("!I", crc32(prelude)) + headers + payload
    return message + pack("!I", crc32(message))


def _from_sse(stream: bytes) -> StreamSeed:
    payloads = (event.removeprefix(b"data: ") for event in stream.split(b"\n\n") if event)
    return StreamSeed(tuple(("", payload) for payload in payloads), _as_sse)


def _of(written: Callable[[str, bytes], bytes], *events: tuple[str, Any]) -> StreamSeed:
    return StreamSeed(tuple((name, orjson.dumps(payload)) for name, payload in events), written)


_RESPONSES_STREAM = _of(
    _as_sse,
    ("", {"type": "response.created", "response": _RESPONSE | {"status": "in_progress", "output": []}}),
    ("", {"type": "response.output_text.delta", "output_index": 3, "content_index": 0, "delta": "fine"}),
    ("", {"type": "response.output_item.added", "output_index": 2, "item": _RESPONSE["output"][2]}),
    ("", {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": '{"x":1}'}),
    ("", {"type": "response.completed", "response": _RESPONSE}),
)
_CONVERSE_STREAM = _of(
    _as_aws_event,
    ("messageStart", {"role": "assistant"}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "fine"}}),
    ("contentBlockStop", {"contentBlockIndex": 0}),
    ("contentBlockStart", {"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "t", "name": "q"}}}),
    ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolUse": {"input": '{"x":1}'}}}),
    ("contentBlockStop", {"contentBlockIndex": 1}),
    ("messageStop", {"stopReason": "tool_use"}),
    ("metadata", {"usage": _CONVERSE["usage"], "metrics": {"latencyMs": 9}}),
)


def streams(provider: str, endpoint: str) -> list[StreamSeed]:
    """The right streams of an interface."""
    if endpoint == "chat":
        return [_from_sse(stream) for stream in CHAT_STREAMS[provider]]
    if endpoint == "generate_content":
        return [_from_sse(stream) for stream in GEMINI_STREAMS]
    return [_CONVERSE_STREAM if endpoint == "converse" else _RESPONSES_STREAM]
