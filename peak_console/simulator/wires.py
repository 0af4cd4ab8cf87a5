"""The wire formats by provider: how a request is read, an answer and an error written. A table."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import orjson

from peak_console.simulator import chat_wire, converse_wire, gemini_wire, responses_wire, streams
from peak_console.simulator.exchange import Ask, Rejected, Reply, Written
from peak_console.simulator.rates import RateLimit

Errors = Callable[[Rejected, int | None], Reply]


@dataclass(frozen=True, slots=True)
class Wire:
    """One provider's interface. ``read`` takes the model that the address names, and the body."""

    provider: str
    read: Callable[[str | None, bytes, bool], Ask]
    write: Callable[[Written, Ask], Reply]
    error: Errors
    limits: Callable[[RateLimit], dict[str, str]]


def _chat_read(provider: str, model: str | None, body: bytes, _stream: bool) -> Ask:  # noqa: FBT001 - the table's shape
    return chat_wire.read(provider, chat_wire.an_object(body), len(body), model)


def _responses_read(provider: str, _model: str | None, body: bytes, _stream: bool) -> Ask:  # noqa: FBT001 - the table's shape
    return responses_wire.read(provider, chat_wire.an_object(body), len(body))


def _gemini_read(model: str | None, body: bytes, stream: bool) -> Ask:  # noqa: FBT001 - the table's shape
    return gemini_wire.read(model or "", body, stream=stream)


def _converse_read(model: str | None, body: bytes, stream: bool) -> Ask:  # noqa: FBT001 - the table's shape
    return converse_wire.read(model or "", chat_wire.an_object(body), len(body), stream=stream)


def _openai_write(written: Written, ask: Ask) -> Reply:
    return _chat_reply(chat_wire.openai_answer(written), written, ask, apart=True)


def _azure_write(written: Written, ask: Ask) -> Reply:
    return _chat_reply(chat_wire.azure_answer(written), written, ask, apart=True)


def _mistral_write(written: Written, ask: Ask) -> Reply:
    return _chat_reply(chat_wire.plain_answer(written), written, ask, apart=False)


def _together_write(written: Written, ask: Ask) -> Reply:
    body = chat_wire.plain_answer(written)
    body["choices"][0]["finish_reason"] = chat_wire.together_finish(written)
    return _chat_reply(body, written, ask, apart=False)


def _chat_reply(body: dict[str, Any], written: Written, ask: Ask, *, apart: bool) -> Reply:
    whole = Reply(200, orjson.dumps(body))
    if not ask.stream:
        return whole
    finish = body["choices"][0]["finish_reason"]
    usage = body["usage"] if ask.usage_wanted else None
    pieces = streams.chat(written, finish, usage=usage, usage_apart=apart)
    return replace(whole, content_type=streams.EVENT_STREAM, pieces=tuple(pieces))


def _responses_write(written: Written, ask: Ask) -> Reply:
    body = responses_wire.answer(written)
    whole = responses_wire.reply(body)
    if not ask.stream:
        return whole
    pieces = tuple(streams.responses(written, body))
    return replace(whole, content_type=streams.EVENT_STREAM, pieces=pieces)


def _gemini_write(written: Written, ask: Ask) -> Reply:
    body = gemini_wire.answer(written)
    whole = Reply(200, orjson.dumps(body))
    if not ask.stream:
        return whole
    return replace(whole, content_type=streams.EVENT_STREAM, pieces=tuple(streams.gemini(written, body)))


def _converse_write(written: Written, ask: Ask) -> Reply:
    body = converse_wire.answer(written)
    whole = converse_wire.reply(body)
    if not ask.stream:
        return whole
    return replace(whole, content_type=streams.AWS_STREAM, pieces=tuple(streams.converse(written, body)))


def _openai_error(rejected: Rejected, wait_s: int | None) -> Reply:
    reply = chat_wire.openai_error(rejected.trouble, rejected.message, rejected.param)
    return _waiting(reply, wait_s, milliseconds="retry-after-ms")


def _azure_error(rejected: Rejected, wait_s: int | None) -> Reply:
    reply = chat_wire.openai_error(rejected.trouble, rejected.message, rejected.param)
    return _waiting(reply, wait_s, milliseconds="x-ms-retry-after-ms")


def _together_error(rejected: Rejected, wait_s: int | None) -> Reply:
    return _waiting(chat_wire.openai_error(rejected.trouble, rejected.message, rejected.param), wait_s)


def _mistral_error(rejected: Rejected, wait_s: int | None) -> Reply:
    return _waiting(chat_wire.mistral_error(rejected.trouble, rejected.message, rejected.param), wait_s)


def _gemini_error(rejected: Rejected, wait_s: int | None) -> Reply:
    return gemini_wire.error(rejected.trouble, rejected.message, wait_s)


def _converse_error(rejected: Rejected, _wait_s: int | None) -> Reply:
    return converse_wire.error(rejected.trouble, rejected.message)


def _waiting(reply: Reply, wait_s: int | None, *, milliseconds: str = "") -> Reply:
    if wait_s is None:
        return reply
    headers = {"retry-after": str(wait_s)}
    if milliseconds:
        headers[milliseconds] = str(wait_s * 1000)
    return replace(reply, headers={**reply.headers, **headers})


def _no_limits(_limit: RateLimit) -> dict[str, str]:
    return {}


def _chat(provider: str, write: Callable[[Written, Ask], Reply], error: Errors, limits: Any) -> Wire:
    return Wire(provider, partial(_chat_read, provider), write, error, limits)


WIRES: Final = {
    ("openai", "chat"): _chat("openai", _openai_write, _openai_error, chat_wire.openai_limits),
    ("openai", "responses"): Wire(
        "openai",
        partial(_responses_read, "openai"),
        _responses_write,
        _openai_error,
        chat_wire.openai_limits,
    ),
    ("mistral", "chat"): _chat("mistral", _mistral_write, _mistral_error, chat_wire.mistral_limits),
    ("together", "chat"): _chat("together", _together_write, _together_error, chat_wire.together_limits),
    ("azure", "chat"): _chat("azure", _azure_write, _azure_error, chat_wire.azure_limits),
    ("azure", "responses"): Wire(
        "azure", partial(_responses_read, "azure"), _responses_write, _azure_error, chat_wire.azure_limits
    ),
    ("bedrock", "chat"): _chat("bedrock", _together_write, _together_error, _no_limits),
    ("bedrock", "converse"): Wire("bedrock", _converse_read, _converse_write, _converse_error, _no_limits),
    ("google", "generate_content"): Wire("google", _gemini_read, _gemini_write, _gemini_error, _no_limits),
}
"""By provider and interface."""
