import asyncio
from typing import Any

import orjson
import pytest
from loopback_server import Exchange, LoopbackServer
from road import MODELS, Road, answering, asking, chat, open_road, reasons, write_workspace
from streams import (
    END,
    HEAD,
    USAGE,
    Steered,
    chunk,
    ending,
    event,
    gemini_stream,
    sending,
    then_cut,
    tool_call,
    whole,
    words,
)
from support.loop_time import let_pass

from peak_console.domain.calls import Finish, ToolDefinition
from peak_console.domain.errors import (
    CallFailed,
    CallRefused,
    ControlRefused,
    PeakError,
    PolicyDenied,
    UsageWrong,
)
from peak_console.domain.vocabulary import Layer, Role
from peak_console.llm.handing import ROOM, CallStream

LOOKUP = ToolDefinition(name="lookup")
TIMEOUT_S = 25.0


def body(road: Road, kind: str, place: int = -1) -> dict[str, Any]:
    """The body of an event of this kind."""
    found = road.events(kind)[place].body
    assert found is not None
    return dict(found)


async def heard(stream: CallStream) -> tuple[list[str], PeakError]:
    """The texts that came before the error that ended a stream, and the error."""
    seen = []
    try:
        async for delta in stream:
            seen.append(delta.text)  # noqa: PERF401 - what came before the error counts
    except PeakError as error:
        return seen, error
    raise AssertionError("the stream ended well")


async def texts(stream: CallStream) -> list[str]:
    """The texts of all deltas."""
    return [delta.text async for delta in stream]


async def settled(road: Road, kind: str) -> dict[str, Any]:
    """The body of the first event of this kind, once it is recorded."""
    async with asyncio.timeout(25):
        while not road.events(kind):  # noqa: ASYNC110 - another process's database has no event to wait for
            await asyncio.sleep(0.01)
    return body(road, kind, 0)


async def test_an_answer_is_read_while_it_comes(road: Road, providers: LoopbackServer) -> None:
    """A delta is handed on before the provider has written the next; the result then is that of a call."""
    handler = Steered()
    providers.handler = handler
    handler.put(*words(["Calm"]))
    async with road.client.stream(layer="L2", messages="How is the market?") as stream:
        assert (await anext(stream)).text == "Calm"
        assert road.kinds() == ["llm.call.requested"]
        handler.put(*words([" seas"])[1:], *ending())
        assert await texts(stream) == [" seas"]
        result = await stream.result()
    assert (result.text, result.finish, result.served_model) == (
        "Calm seas",
        Finish.STOP,
        "gpt-5-mini-2025-08-07",
    )
    assert 0 < result.extra["ttft_ms"] <= result.latency_ms
    completed = body(road, "llm.call.completed")
    assert completed["streamed"] is True
    assert 0 < completed["ttft_us"] <= completed["latency_us"]
    assert completed["attempts"][0]["reason"] == "ok"
    assert orjson.loads(providers.seen[0].body)["stream"] is True
    road.check()


async def test_a_streamed_answer_costs_what_a_whole_one_costs(road: Road, providers: LoopbackServer) -> None:
    """The same usage is the same bill, however it came."""
    providers.handler = sending(*whole("fine"))
    async with road.client.stream(asking()) as stream:
        streamed = await stream.result()
    providers.handler = answering()
    plain = await road.client.call(asking())
    assert (streamed.usage, streamed.cost_eur) == (plain.usage, plain.cost_eur)
    assert streamed.extra["cost_basis"] == "usage"


async def test_gemini_streams_on_the_same_road(road: Road, providers: LoopbackServer) -> None:
    """Another wire format, the same deltas and record."""
    providers.handler = sending(google=gemini_stream("also ", "fine"))
    async with road.client.stream(asking(role=Role.FALLBACK)) as stream:
        assert await texts(stream) == ["also ", "fine"]
        assert (await stream.result()).provider == "google"
    road.check()


async def test_a_forbidden_model_is_heard_by_nobody(road: Road, providers: LoopbackServer) -> None:
    """The deny on the reported name comes before the first delta; the stream is left, the call denied."""
    providers.handler = sending(*whole("I am", " here", model="claude-opus-4"))
    async with road.client.stream(asking()) as stream:
        seen, error = await heard(stream)
    assert isinstance(error, PolicyDenied)
    assert (seen, error.code) == ([], "forbidden_echo")
    assert road.kinds() == ["llm.call.requested", "policy.denied", "llm.call.failed"]
    road.check()


async def test_another_model_is_heard_by_nobody(road: Road, providers: LoopbackServer) -> None:
    """A model that was not asked is no answer: its deltas are held back, the next candidate's are not."""
    providers.handler = sending(*whole("wrong", " one", model="gpt-4o-2024-08-06"))
    async with road.client.stream(asking()) as stream:
        assert await texts(stream) == ["also ", "fine"]
        result = await stream.result()
    assert (result.provider, result.fallback, result.hop) == ("google", True, 2)
    assert reasons(road.events("llm.call.failed")) == ["unexpected_echo"]
    road.check()


async def test_a_model_that_changes_in_mid_stream_ends_the_call(
    road: Road, providers: LoopbackServer
) -> None:
    """Once deltas were handed on nobody else is asked, and another model's words are not handed on."""
    handler = Steered()
    providers.handler = handler
    handler.put(*words(["me"]))
    async with road.client.stream(asking()) as stream:
        assert (await anext(stream)).text == "me"
        handler.put(*words([" not me"], model="gpt-4o-2024-08-06"), *ending())
        with pytest.raises(CallFailed) as caught:
            await anext(stream)
    assert caught.value.code == "unexpected_echo"
    assert caught.value.details["handed_on"] == 1
    assert road.kinds() == ["llm.call.requested", "llm.call.failed"]
    assert body(road, "llm.call.failed")["outcome"] == "stop"
    road.check()


@pytest.mark.parametrize(("model", "code"), [("gpt-4o", "unexpected_echo"), ("claude-3", "forbidden_echo")])
async def test_a_model_between_two_others_does_not_pass_unseen(
    road: Road, providers: LoopbackServer, model: str, code: str
) -> None:
    """Every name is judged, also one that stands between two right ones within the same bytes."""
    own = "gpt-5-nano-2025-08-07"
    pieces = [*words(["me"], own), *words(["not me"], model), *words(["me"], own), *ending(model=own)]
    providers.handler = sending(b"".join([HEAD, *pieces]))
    with pytest.raises(PeakError) as caught:
        async with road.client.stream(asking(layer=Layer.L4)) as stream:
            await stream.result()
    assert caught.value.code == code


async def test_a_cut_before_the_first_delta_is_the_next_candidates_turn(
    road: Road, providers: LoopbackServer
) -> None:
    """A stream that breaks before anything was handed on is spent at its bound; somebody else answers."""
    providers.handler = then_cut(HEAD, chunk({"role": "assistant", "content": ""}))
    async with road.client.stream(asking()) as stream:
        assert await texts(stream) == ["also ", "fine"]
    failed = body(road, "llm.call.failed")
    assert (failed["reason"], failed["cost_basis"], failed["then"]) == ("stream_cut", "worst_case", "next")
    assert body(road, "llm.fallback.taken")["reason"] == "stream_cut"
    road.check()


async def test_a_cut_afterwards_is_told_as_cut(road: Road, providers: LoopbackServer) -> None:
    """After a delta was handed on nobody else answers: the reader would get a second beginning."""
    providers.handler = then_cut(HEAD, *words(["half", " an"]))
    async with road.client.stream(asking()) as stream:
        seen, error = await heard(stream)
    assert isinstance(error, CallFailed)
    assert (seen, error.code) == (["half", " an"], "stream_cut")
    assert error.remedy
    failed = body(road, "llm.call.failed")
    assert (failed["reason"], failed["cost_basis"], failed["handed_on"]) == ("stream_cut", "worst_case", 2)
    assert len(providers.seen) == 1
    road.check()


async def test_a_stream_without_its_end_mark_is_cut(road: Road, providers: LoopbackServer) -> None:
    """A body that ends in good order, but without the format's own end, is not taken for an answer."""
    providers.handler = sending(HEAD, *words(["half"]), END)
    with pytest.raises(CallFailed, match="end mark") as caught:
        async with road.client.stream(asking()) as stream:
            await stream.result()
    assert caught.value.code == "stream_cut"


async def test_a_bill_told_before_the_cut_counts(road: Road, providers: LoopbackServer) -> None:
    """Usage that came before the connection broke is the cost, not the bound."""
    bill = orjson.dumps({"id": "c", "model": "gpt-5-mini", "choices": [], "usage": USAGE})
    providers.handler = then_cut(HEAD, *words(["all"]), chunk({}, "stop"), event(bill))
    with pytest.raises(CallFailed):
        async with road.client.stream(asking()) as stream:
            await stream.result()
    failed = body(road, "llm.call.failed")
    assert (failed["reason"], failed["cost_basis"]) == ("stream_cut", "usage")
    assert failed["usage"]["output"] == 20
    road.check()


async def test_a_whole_answer_counts_however_its_connection_ends(
    road: Road, providers: LoopbackServer
) -> None:
    """A reset after the end mark takes nothing away from an answer that is there."""
    providers.handler = then_cut(*whole("fine")[:-1])
    async with road.client.stream(asking()) as stream:
        assert (await stream.result()).text == "fine"
    assert road.kinds() == ["llm.call.requested", "llm.call.completed"]


async def test_a_stream_without_usage_costs_its_bound(road: Road, providers: LoopbackServer) -> None:
    """Nobody told the bill: the hop is booked at its bound, and says so."""
    providers.handler = sending(*whole("fine", usage=None))
    async with road.client.stream(asking()) as stream:
        result = await stream.result()
    completed = body(road, "llm.call.completed")
    assert completed["cost_basis"] == result.extra["cost_basis"] == "worst_case"
    assert completed["cost_eur"] == completed["bound_eur"]


async def test_leaving_early_cancels_and_is_recorded(road: Road, providers: LoopbackServer) -> None:
    """A reader that has enough ends the request at the provider; what it cost is booked at its bound."""
    handler = Steered()
    providers.handler = handler
    handler.put(*words(["enough", " and", " more"]))
    async with road.client.stream(asking()) as stream:
        async for _ in stream:
            break
    await asyncio.wait_for(handler.gone.wait(), 25)
    failed = await settled(road, "llm.call.failed")
    assert (failed["reason"], failed["cost_basis"]) == ("cancelled", "worst_case")
    assert failed["handed_on"] >= 1
    with pytest.raises(UsageWrong, match="left before its end"):
        await stream.result()
    road.check()


async def test_a_reader_that_is_cancelled_takes_its_call_with_it(
    road: Road, providers: LoopbackServer
) -> None:
    """A client that disconnects: its task is cancelled, the provider is left, the hop is recorded."""
    handler = Steered()
    providers.handler = handler
    handler.put(*words(["one"]))
    reading = asyncio.Event()

    async def read() -> None:
        async with road.client.stream(asking()) as stream:
            async for _ in stream:
                reading.set()

    task = asyncio.create_task(read())
    await asyncio.wait_for(reading.wait(), 25)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(handler.gone.wait(), 25)
    assert (await settled(road, "llm.call.failed"))["reason"] == "cancelled"
    road.check()


async def test_a_stop_ends_a_stream_in_flight(road: Road, providers: LoopbackServer) -> None:
    """A stop closes the stream at the provider and reaches its reader, however long it says nothing."""
    handler = Steered()
    providers.handler = handler
    handler.put(*words(["one"]))
    async with road.client.stream(asking()) as stream:
        await anext(stream)
        (road.ws.control / "ENABLED").unlink()
        with pytest.raises(ControlRefused) as caught:
            await anext(stream)
    assert caught.value.code == "stopped"
    await asyncio.wait_for(handler.gone.wait(), 25)
    assert reasons(road.events("llm.call.failed")) == ["stopped"]
    road.check()


async def test_keep_alives_stretch_no_deadline(road: Road, providers: LoopbackServer) -> None:
    """A provider that trickles comments for ever is left when the call's own deadline passes."""
    handler = Steered()
    providers.handler = handler
    handler.passing_s = TIMEOUT_S
    with pytest.raises(CallFailed) as caught:
        async with road.client.stream(layer="L2", messages="?", timeout_s=TIMEOUT_S) as stream:
            await stream.result()
    assert caught.value.code == "timeout"
    assert handler.gone.is_set() or await asyncio.wait_for(handler.gone.wait(), 25)


async def test_a_deadline_in_mid_answer_is_a_cut(road: Road, providers: LoopbackServer) -> None:
    """A deadline after deltas were handed on ends the call as a cut stream."""
    handler = Steered()
    providers.handler = handler
    handler.put(*words(["slow"]))
    handler.passing_s = TIMEOUT_S
    with pytest.raises(CallFailed) as caught:
        async with road.client.stream(layer="L2", messages="?", timeout_s=TIMEOUT_S) as stream:
            await stream.result()
    assert caught.value.code == "stream_cut"


async def test_a_reader_that_does_not_read_is_waited_for_and_no_longer(
    road: Road, providers: LoopbackServer
) -> None:
    """The provider is held up, not memory filled; the deadline holds all the same, and says who was slow."""
    number = 20 * ROOM
    providers.handler = sending(*whole(*(["word "] * number)))
    async with road.client.stream(layer="L2", messages="?", timeout_s=TIMEOUT_S) as stream:
        await anext(stream)
        while stream._handing._road is None:  # noqa: ASYNC110 - the road does not say that it waits
            await asyncio.sleep(0.005)
        let_pass(TIMEOUT_S)
        await asyncio.wait({stream._running()}, timeout=25)
        seen, error = await heard(stream)
    assert "kept it waiting" in error.message
    assert ROOM <= len(seen) < number // 4


async def test_a_slow_reader_misses_nothing(road: Road, providers: LoopbackServer) -> None:
    """Held up many times over, a stream still comes whole and in order."""
    number = 8 * ROOM
    providers.handler = sending(HEAD, *words(f"{place} " for place in range(number)), *ending())
    seen = []
    async with road.client.stream(asking()) as stream:
        async for delta in stream:
            seen.append(delta.text)
            if len(seen) % 100 == 0:
                await asyncio.sleep(0.001)
        result = await stream.result()
    assert "".join(seen) == result.text == "".join(f"{place} " for place in range(number))


async def test_nobody_has_to_read(road: Road, providers: LoopbackServer) -> None:
    """The result alone is enough, however long the answer: what nobody reads is thrown away."""
    providers.handler = sending(*whole(*(["word "] * (4 * ROOM))))
    async with road.client.stream(asking()) as stream:
        result = await asyncio.wait_for(stream.result(), 25)
    assert len(result.text) == 5 * 4 * ROOM
    assert await stream.result() is result


async def test_an_error_before_the_stream_is_tried_again(road: Road, providers: LoopbackServer) -> None:
    """Attempts before a stream begins are the road's: each on the record, none hidden before a fallback."""
    good = sending(*whole("fine"))
    left = [2]

    async def handler(exchange: Exchange) -> None:
        if left[0]:
            left[0] -= 1
            await exchange.answer(503, b"{}")
        else:
            await good(exchange)

    providers.handler = handler
    async with road.client.stream(asking()) as stream:
        assert await texts(stream) == ["fine"]
        result = await stream.result()
    assert [one.reason for one in result.attempts] == ["overloaded", "overloaded", "ok"]
    assert len(providers.seen) == 3


async def test_an_answer_that_is_no_stream_is_malformed(road: Road, providers: LoopbackServer) -> None:
    """A server that ignores the wish to stream has not answered it; the next candidate is asked."""

    async def handler(exchange: Exchange) -> None:
        if "streamGenerateContent" in exchange.path:
            await exchange.raw(gemini_stream("fine"))
        else:
            await exchange.answer(200, chat())

    providers.handler = handler
    async with road.client.stream(asking()) as stream:
        assert await texts(stream) == ["fine"]
    assert reasons(road.events("llm.call.failed")) == ["malformed"]
    road.check()


async def test_tools_come_in_pieces(road: Road, providers: LoopbackServer) -> None:
    """A call's name and arguments come as they are made; the result has them parsed, the ledger a hash."""
    providers.handler = sending(*tool_call("lookup", '{"pair":', '"EURUSD"}'))
    async with road.client.stream(asking(tools=(LOOKUP,))) as stream:
        deltas = [delta async for delta in stream]
        result = await stream.result()
    assert [delta.tool_name for delta in deltas if delta.tool_name] == ["lookup"]
    assert "".join(delta.arguments for delta in deltas) == '{"pair":"EURUSD"}'
    assert result.finish is Finish.TOOL
    assert result.tool_calls[0].arguments == {"pair": "EURUSD"}
    assert body(road, "llm.call.requested")["tools"] == ["lookup"]
    assert set(body(road, "llm.call.completed")["tool_calls"][0]) == {"id", "name", "arguments_sha256"}


async def test_a_tool_that_was_not_offered_is_heard_by_nobody(road: Road, providers: LoopbackServer) -> None:
    """A call of a stranger's tool is not handed on, not even its name; the next candidate is asked."""
    providers.handler = sending(*tool_call("delete_everything", "{}"))
    async with road.client.stream(asking(tools=(LOOKUP,))) as stream:
        deltas = [delta async for delta in stream]
    assert all(delta.tool is None for delta in deltas)
    failed = body(road, "llm.call.failed")
    assert failed["reason"] == "malformed"
    assert "delete_everything" in failed["detail"]
    road.check()


async def test_what_is_refused_is_told_to_whoever_reads(road: Road, providers: LoopbackServer) -> None:
    """A refusal is raised by reading and by the result alike; nothing was sent."""
    async with road.client.stream(asking(layer=Layer.L5)) as stream:
        with pytest.raises(CallRefused) as caught:
            await anext(stream)
        with pytest.raises(CallRefused):
            await stream.result()
    assert caught.value.code == "layer_has_no_models"
    assert not providers.seen


async def test_a_model_that_does_not_stream_is_passed_over(tmp_path: Any, providers: LoopbackServer) -> None:
    """``refuses = ["stream"]`` in the registry sends a streamed call, and no other, to the next candidate."""
    models = MODELS.replace('refuses = ["temperature"]', 'refuses = ["temperature", "stream"]')
    ws = write_workspace(tmp_path / "ws", models=models)
    providers.handler = sending(*whole("fine"))
    async with open_road(ws, providers.url) as road:
        async with road.client.stream(asking()) as stream:
            assert (await stream.result()).provider == "google"
        assert (await road.client.call(asking())).provider == "openai"
        route = body(road, "llm.call.requested", 0)["route"]
    assert route[0]["reason"] == "endpoint_unsupported"


async def test_a_stream_is_used_as_it_is_meant(road: Road, providers: LoopbackServer) -> None:
    """Reading outside its context, entering twice, two readers, background work: each is told as misuse."""
    handler = Steered()
    providers.handler = handler
    with pytest.raises(UsageWrong, match="background"):
        road.client.stream(layer="L2", messages="?", background=True)
    stream = road.client.stream(asking())
    with pytest.raises(UsageWrong, match="context"):
        await stream.result()
    async with stream:
        with pytest.raises(UsageWrong, match="once"):
            await stream.__aenter__()
        first = asyncio.create_task(anext(stream))
        await asyncio.wait_for(handler.asked.wait(), 25)
        with pytest.raises(UsageWrong, match="two tasks"):
            await anext(stream)
        handler.put(*words(["one"]))
        assert (await first).text == "one"


async def test_many_streams_at_once_leave_a_whole_ledger(road: Road, providers: LoopbackServer) -> None:
    """Thirty at once: each with its own words, each recorded once, nothing open."""

    async def handler(exchange: Exchange) -> None:
        asked = orjson.loads(exchange.body)["messages"][0]["content"]
        for piece in whole(*asked):
            await exchange.raw(piece)

    providers.handler = handler

    async def one(text: str) -> str:
        async with road.client.stream(asking(text)) as stream:
            return "".join(await texts(stream))

    asked = [f"number {place}" for place in range(30)]
    assert await asyncio.gather(*map(one, asked)) == asked
    assert road.kinds().count("llm.call.completed") == 30
    road.check()


async def test_a_body_kept_open_after_the_end_mark_holds_nobody_up(
    road: Road, providers: LoopbackServer
) -> None:
    """The end mark ends the answer: what the connection does afterwards is waited for only briefly."""
    handler = Steered()
    providers.handler = handler
    handler.put(*whole("fine")[1:-1])
    async with asyncio.timeout(25), road.client.stream(asking(timeout_s=60)) as stream:
        result = await stream.result()
    assert (result.text, result.extra["cost_basis"]) == ("fine", "usage")
    road.check()
