"""Streamed answers as OpenAI and Gemini write them, and servers that send and break them."""

import asyncio
from collections.abc import Iterable
from typing import Any

import orjson
from loopback_server import Exchange, Handler
from road import answering
from support.loop_time import let_pass

MODEL = "gpt-5-mini-2025-08-07"
USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 40},
    "completion_tokens_details": {"reasoning_tokens": 5},
}
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def event(data: bytes) -> bytes:
    """One server-sent event, as one HTTP chunk."""
    body = b"data: " + data + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(body), body)


def comment(text: bytes = b"keep-alive") -> bytes:
    """A comment, which servers trickle to keep a connection alive."""
    body = b": " + text + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(body), body)


def chunk(delta: dict[str, Any], finish: str | None = None, model: str = MODEL, **more: Any) -> bytes:
    """A chat completion chunk with one choice."""
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    return event(orjson.dumps(body | more))


def words(text: Iterable[str], model: str = MODEL) -> list[bytes]:
    """Chunks of an answer's text, a word each, without its end."""
    first = chunk({"role": "assistant", "content": ""}, model=model)
    return [first, *(chunk({"content": one}, model=model) for one in text)]


def ending(finish: str = "stop", model: str = MODEL, usage: dict[str, Any] | None = USAGE) -> list[bytes]:
    """The last chunks: why it stopped, the bill, the end mark."""
    bill = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "model": model,
        "choices": [],
        "usage": usage,
    }
    told = [event(orjson.dumps(bill))] if usage is not None else []
    return [chunk({}, finish, model), *told, event(b"[DONE]"), END]


def whole(*text: str, model: str = MODEL, usage: dict[str, Any] | None = USAGE) -> list[bytes]:
    """All chunks of an answer."""
    return [HEAD, *words(text, model), *ending(model=model, usage=usage)]


def tool_call(name: str, *arguments: str, id_: str = "call_1") -> list[bytes]:
    """All chunks of an answer that asks for a tool."""
    first = {"index": 0, "id": id_, "type": "function", "function": {"name": name, "arguments": ""}}
    pieces = [chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}) for piece in arguments]
    return [HEAD, chunk({"role": "assistant", "tool_calls": [first]}), *pieces, *ending("tool_calls")]


def gemini_stream(*text: str, model: str = "gemini-2.5-flash") -> bytes:
    """A streamed generateContent answer, whole."""
    pieces = [HEAD]
    for place, one in enumerate(text):
        last = place == len(text) - 1
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": one}]}, "index": 0}
        if last:
            candidate["finishReason"] = "STOP"
        usage = {"promptTokenCount": 100, "candidatesTokenCount": 20, "totalTokenCount": 120}
        body = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": model, "responseId": "r1"}
        pieces.append(event(orjson.dumps(body)))
    return b"".join([*pieces, END])


def sending(*pieces: bytes, google: bytes | None = None) -> Handler:
    """A handler under which openai streams ``pieces``, and google a short answer."""
    gemini = google or gemini_stream("also ", "fine")
    plain = answering()

    async def handler(exchange: Exchange) -> None:
        if "streamGenerateContent" in exchange.path:
            await exchange.raw(gemini)
        elif "generateContent" in exchange.path or not orjson.loads(exchange.body).get("stream"):
            await plain(exchange)
        else:
            for piece in pieces:
                await exchange.raw(piece)

    return handler


def then_cut(*pieces: bytes) -> Handler:
    """A handler under which openai streams ``pieces`` and resets the connection; google answers."""
    good = sending(*pieces)

    async def handler(exchange: Exchange) -> None:
        await good(exchange)
        if "generateContent" not in exchange.path.replace("streamG", "g"):
            await asyncio.sleep(0.05)  # what was written is read before the reset overtakes it
            exchange.cut()

    return handler


class Steered:
    """A handler under which openai streams what the test puts in, until it says that it is over."""

    def __init__(self) -> None:
        self.pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.asked = asyncio.Event()
        self.gone = asyncio.Event()
        self.passing_s = 0.0
        """Seconds that pass, little by little, while only comments are sent."""

    def put(self, *pieces: bytes) -> None:
        """Send ``pieces``."""
        for piece in pieces:
            self.pieces.put_nowait(piece)

    async def __call__(self, exchange: Exchange) -> None:
        """Send what comes; notices when nobody listens any more."""
        self.asked.set()
        passed_s = 0.0
        await exchange.raw(HEAD)
        try:
            while True:
                try:
                    piece = await asyncio.wait_for(self.pieces.get(), 0.01)
                except TimeoutError:
                    piece = comment()
                    passed_s += self.passing_s / 20
                    let_pass(self.passing_s / 20 if passed_s <= self.passing_s * 1.1 else 0.0)
                if piece is None:
                    return
                await exchange.raw(piece)
        except ConnectionError:
            self.gone.set()
