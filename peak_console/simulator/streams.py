"""Streamed answers as each provider writes them: the pieces of a body, in order."""

import binascii
import struct
from typing import Any, Final

import orjson

from peak_console.simulator.exchange import Written

_PIECE: Final = 24
"""Characters of a piece, about six tokens."""
EVENT_STREAM: Final = "text/event-stream; charset=utf-8"
AWS_STREAM: Final = "application/vnd.amazon.eventstream"


def parts(text: str) -> list[str]:
    """``text`` cut as a model would give it, at least one piece."""
    return [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)] or [""]


def event(value: dict[str, Any], name: str = "") -> bytes:
    """One server-sent event."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + orjson.dumps(value) + b"\n\n"


def chat(answer: Written, finish: str, *, usage: dict[str, Any] | None, usage_apart: bool) -> list[bytes]:
    """Chat completion chunks; the usage in a chunk of its own behind the last, or in the last itself."""
    head: dict[str, Any] = {"id": f"chatcmpl-Sim{answer.serial:010d}", "object": "chat.completion.chunk"}
    head |= {"created": answer.created, "model": answer.served_as}
    if answer.fingerprint:
        head["system_fingerprint"] = answer.fingerprint
    place = "refusal" if answer.refused else "content"

    def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        return head | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    pieces = [event(chunk({"role": "assistant", "content": ""}))]
    pieces += [event(chunk({place: piece})) for piece in parts(answer.text)]
    last = chunk({}, finish)
    if usage is not None and usage_apart:
        pieces += [event(last), event(head | {"choices": [], "usage": usage})]
    else:
        pieces.append(event(last if usage is None else last | {"usage": usage}))
    return [*pieces, b"data: [DONE]\n\n"]


def gemini(answer: Written, body: dict[str, Any]) -> list[bytes]:
    """Chunks of generateContent: each a whole response with a piece of the text, the usage cumulative."""
    candidate = body["candidates"][0]
    if "content" not in candidate:
        return [event(body)]
    pieces = parts(answer.text)
    chunks = []
    for place, piece in enumerate(pieces):
        one: dict[str, Any] = {"content": {"parts": [{"text": piece}], "role": "model"}, "index": 0}
        if place == len(pieces) - 1:
            one["finishReason"] = candidate["finishReason"]
        usage = {"promptTokenCount": answer.input_tokens, "totalTokenCount": answer.input_tokens}
        last = place == len(pieces) - 1
        chunks.append(
            event({**body, "candidates": [one], "usageMetadata": body["usageMetadata"] if last else usage})
        )
    return chunks


def responses(answer: Written, whole: dict[str, Any]) -> list[bytes]:
    """Events of the Responses interface, numbered."""
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    where = {"item_id": f"msg_sim{answer.serial:010d}", "output_index": 0, "content_index": 0}
    said: list[tuple[str, dict[str, Any]]] = [
        ("response.created", {"response": begun}),
        ("response.in_progress", {"response": begun}),
    ]
    place = "refusal" if answer.refused else "output_text"
    said += [(f"response.{place}.delta", where | {"delta": piece}) for piece in parts(answer.text)]
    done = {"refusal" if answer.refused else "text": answer.text}
    said.append((f"response.{place}.done", where | done))
    end = "response.incomplete" if whole["status"] == "incomplete" else "response.completed"
    said.append((end, {"response": whole}))
    return [
        event({"type": name, "sequence_number": place, **body}, name)
        for place, (name, body) in enumerate(said)
    ]


def converse(answer: Written, whole: dict[str, Any]) -> list[bytes]:
    """Frames of Bedrock's converse-stream."""
    said: list[tuple[str, dict[str, Any]]] = [("messageStart", {"role": "assistant"})]
    said += [
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": piece}})
        for piece in parts(answer.text)
    ]
    said += [
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": whole["stopReason"]}),
        ("metadata", {"usage": whole["usage"], "metrics": whole["metrics"]}),
    ]
    return [frame(name, body) for name, body in said]


def frame(name: str, body: dict[str, Any]) -> bytes:
    """One message of an AWS event stream: prelude, headers, payload, each with its checksum."""
    headers = b"".join(
        _header(key, value)
        for key, value in (
            (":event-type", name),
            (":content-type", "application/json"),
            (":message-type", "event"),
        )
    )
    payload = orjson.dumps(body)
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    head = prelude + struct.pack("!I", binascii.crc32(prelude))
    message = head + headers + payload
    return message + struct.pack("!I", binascii.crc32(message))


def _header(name: str, value: str) -> bytes:
    text = value.encode()
    return bytes([len(name)]) + name.encode() + b"\x07" + struct.pack("!H", len(text)) + text
