"""Providers that put our key wherever an answer has room for it: it stays nowhere."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from background_road import QUICK_POLLS, research, write_background_workspace
from loopback_server import Handler, LoopbackServer
from pydantic import BaseModel
from road import GOOGLE_KEY, KEY, Road, answering, asking, failing, open_road, openai_first
from streams import HEAD, MODEL, chunk, ending, sending, tool_call, whole
from support.background_provider import BackgroundProvider
from wire_shapes import chat

from peak_console.domain.calls import Delta, ToolDefinition
from peak_console.domain.errors import PeakError

ESCAPED = "\\u0073" + KEY[1:]
"""The key as a JSON parser reads it, and a search through bytes does not."""

LOOKUP = ToolDefinition(name="lookup")


class Named(BaseModel):
    """A shape."""

    name: str


def said(message: dict[str, Any], finish: str = "stop") -> bytes:
    """A whole answer with this message."""
    choice = {"index": 0, "message": {"role": "assistant", "content": None} | message}
    return chat(choices=[choice | {"finish_reason": finish}])


def tool(name: str = "lookup", arguments: str = "{}", id_: str = "call_1") -> bytes:
    """A whole answer that asks for a tool."""
    call = {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}
    return said({"tool_calls": [call]}, "tool_calls")


WHOLE: dict[str, Handler] = {
    "model": answering(chat(model=KEY)),
    "model_within": answering(chat(model=f"gpt-5-mini-{KEY}")),
    "model_cut": answering(chat(model="x" * 100 + KEY)),
    "model_denied": answering(chat(model=f"claude-{KEY}")),
    "model_denied_cut": answering(chat(model="claude-" + "x" * 95 + KEY)),
    "model_escaped": answering(chat(model=KEY).replace(KEY.encode(), ESCAPED.encode())),
    "fingerprint": answering(chat(system_fingerprint=KEY)),
    "text": answering(chat(f"your key is {KEY}")),
    "json_text": answering(chat(orjson.dumps({"name": KEY}).decode())),
    "refusal": answering(said({"refusal": f"I will not tell {KEY}"})),
    "tool_name": answering(tool(name=KEY)),
    "tool_arguments": answering(tool(arguments=orjson.dumps({"a": [{KEY: KEY}]}).decode())),
    "tool_id": answering(tool(id_=KEY)),
    "finish_reason": answering(said({"content": "x"}, KEY)),
    "error": failing(400, orjson.dumps({"error": {"message": f"bad key {KEY}"}})),
    "error_cut": failing(400, orjson.dumps({"error": {"message": "x" * 280 + KEY}})),
    "error_code": failing(400, orjson.dumps({"error": {"message": "no", "code": KEY, "type": KEY}})),
    "error_of_another": failing(401, orjson.dumps({"error": {"message": GOOGLE_KEY}})),
    "redirect": failing(307, b"", {"location": f"https://api.anthropic.com/{KEY}?key={KEY}"}),
}


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the caller got to see, by and by."""
    caplog.set_level(logging.DEBUG)
    return []


def clean(road: Road, told: list[str], caplog: pytest.LogCaptureFixture) -> None:
    """No file of the workspace, nothing that was told, no line of a log holds a key or most of one."""
    told.extend(record.getMessage() for record in caplog.records)
    places = {str(path): path.read_bytes() for path in road.ws.root.rglob("*") if path.is_file()}
    assert any(path.endswith("ledger.db") for path in places)
    places |= {f"told {number}": one.encode() for number, one in enumerate(told)}
    for place, data in places.items():
        for key in (KEY, GOOGLE_KEY):
            assert key[:14].encode() not in data, place


def of_error(error: PeakError) -> list[str]:
    """Everything an error says."""
    return [str(error), repr(error), orjson.dumps(error.as_dict(), default=str).decode()]


@pytest.mark.parametrize("where", WHOLE)
async def test_a_whole_answer_leaves_no_key(
    road: Road, providers: LoopbackServer, told: list[str], caplog: pytest.LogCaptureFixture, where: str
) -> None:
    """Whatever field it stands in: not in the ledger, the texts, a log, an error, the result."""
    first = WHOLE[where]
    providers.handler = openai_first(first)
    for request in (asking(), asking(tools=(LOOKUP,))):
        try:
            told.append(repr(await road.client.call(request)))
        except PeakError as error:
            told.extend(of_error(error))
    clean(road, told, caplog)
    road.check()


@pytest.mark.parametrize("status", [200, 400, 401])
async def test_headers_leave_no_key(
    road: Road,
    providers: LoopbackServer,
    told: list[str],
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    """Of an answer, and of an error."""
    names = ["x-request-id", "x-ratelimit-reset-requests", "retry-after", "server"]

    async def handler(exchange: Any) -> None:
        await exchange.answer(status, chat() if status == 200 else b"{}", dict.fromkeys(names, KEY))

    providers.handler = openai_first(handler)
    try:
        told.append(repr(await road.client.call(asking())))
    except PeakError as error:
        told.extend(of_error(error))
    clean(road, told, caplog)


async def test_an_answer_with_a_key_in_it_is_an_answer_without(road: Road, providers: LoopbackServer) -> None:
    """It is paid for, so it is given, in text and as an object."""
    providers.handler = answering(chat(orjson.dumps({"name": f"a {KEY}"}).decode()))
    result = await road.client.call(asking(), answer=Named)
    assert result.parsed == Named(name="a [redacted]")
    assert result.text == '{"name":"a [redacted]"}'
    assert (result.provider, result.hop) == ("openai", 1)


async def test_a_model_that_a_key_names_is_judged_as_it_came(road: Road, providers: LoopbackServer) -> None:
    """A name is judged before it is struck: with a key in it, it is not the model that was asked."""
    providers.handler = openai_first(answering(chat(model=f"gpt-5-mini-{KEY}")))
    assert (await road.client.call(asking())).provider == "google"
    (failed,) = (event.body or {} for event in road.events("llm.call.failed"))
    assert (failed["reason"], failed["served_model"]) == ("unexpected_echo", "gpt-5-mini-[redacted]")
    providers.handler = openai_first(answering(chat(model=f"claude-{KEY}")))
    with pytest.raises(PeakError) as caught:
        await road.client.call(asking())
    assert caught.value.code == "forbidden_echo"
    (denied,) = (event.body or {} for event in road.events("policy.denied"))
    assert denied["subject"] == "claude-[redacted]"


STREAMS: dict[str, list[bytes]] = {
    "model": whole("a", model=KEY),
    "model_cut": whole("a", model="x" * 100 + KEY),
    "model_denied": whole("a", model="claude-" + "x" * 95 + KEY),
    "model_later": [HEAD, chunk({"content": "a"}), chunk({"content": "b"}, model=KEY), *ending(model=KEY)],
    "text": whole("a", f"your key is {KEY}", "b"),
    "fingerprint": [HEAD, chunk({"content": "a"}, system_fingerprint=KEY), *ending()],
    "refusal": [HEAD, chunk({"refusal": f"not {KEY}"}), *ending()],
    "tool_name": tool_call(KEY),
    "tool_arguments": tool_call("lookup", orjson.dumps({"a": KEY}).decode()),
    "tool_id": tool_call("lookup", "{}", id_=KEY),
    "finish": [HEAD, chunk({"content": "a"}), *ending(KEY)],
    "error": [HEAD, chunk({"content": "a"}), chunk({}, error={"message": KEY, "code": KEY})],
}


@pytest.mark.parametrize("where", STREAMS)
async def test_a_stream_leaves_no_key(
    road: Road, providers: LoopbackServer, told: list[str], caplog: pytest.LogCaptureFixture, where: str
) -> None:
    """Neither what is handed on delta by delta, where it stands whole in one, nor what is kept."""
    providers.handler = sending(*STREAMS[where])
    for request in (asking(), asking(tools=(LOOKUP,))):
        try:
            async with road.client.stream(request) as stream:
                told.extend([repr(delta) async for delta in stream])
                told.append(repr(await stream.result()))
        except PeakError as error:
            told.extend(of_error(error))
    assert told
    clean(road, told, caplog)


async def test_a_key_in_pieces_is_struck_from_what_is_kept(
    road: Road, providers: LoopbackServer, told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Who reads the deltas has its pieces; the result, the texts and the ledger have not."""
    providers.handler = sending(*whole("a ", KEY[:9], KEY[9:], " b", model=MODEL))
    async with road.client.stream(asking()) as stream:
        deltas = [delta async for delta in stream]
        result = await stream.result()
    assert Delta(KEY[:9]) in deltas
    assert result.text == "a [redacted] b"
    told.append(repr(result))
    clean(road, told, caplog)


@asynccontextmanager
async def behind(tmp_path: Path) -> AsyncIterator[tuple[Road, BackgroundProvider]]:
    """A road to who works in the background."""
    ws = write_background_workspace(tmp_path / "ws")
    async with BackgroundProvider() as provider, open_road(ws, provider.url, polls=QUICK_POLLS) as road:
        yield road, provider


@pytest.mark.parametrize("where", ["id", "echo", "echo_cut", "echo_at_end", "text", "error", "cancelled"])
async def test_background_work_leaves_no_key(
    tmp_path: Path, told: list[str], caplog: pytest.LogCaptureFixture, where: str
) -> None:
    """Neither its acceptance, nor a poll, nor its end; an id that is a key leads nowhere."""
    async with behind(tmp_path) as (road, provider):
        if where == "id":
            provider.on_post = lambda: setattr(provider.begun[-1], "response_id", KEY)
        elif where == "echo":
            provider.echo = lambda _: KEY
        elif where == "echo_cut":
            provider.echo = lambda _: "x" * 100 + KEY
        elif where == "echo_at_end":
            provider.echo_at_end = lambda _: KEY
        elif where == "text":
            provider.text = f"a {KEY}"
        elif where == "error":
            provider.failing = {"code": "server_error", "message": f"bad {KEY}"}
        else:
            provider.polls_until_done = None
            provider.echo_at_end = lambda _: KEY
        limits = {"timeout_s": 0.5} if where == "cancelled" else {}
        try:
            told.append(repr(await road.client.call(research(**limits))))
        except PeakError as error:
            told.extend(of_error(error))
        assert all(KEY not in path for _, path in provider.seen)
        clean(road, told, caplog)
        road.check()


async def test_what_is_resumed_leaves_no_key(
    tmp_path: Path, told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Another process fetches the answer, and strikes it as the first would have."""
    async with behind(tmp_path) as (road, provider):
        provider.polls_until_done = None
        call_id = await road.client.submit(research())
        provider.finish()
        provider.text = f"a {KEY}"
        result = await road.client.resume(call_id)
        assert result.text == "a [redacted]"
        told.append(repr(result))
        clean(road, told, caplog)
