"""What users of other gateways say of streams: bills lost on odd endings, cuts that look like answers."""

import asyncio
from decimal import Decimal

import orjson
import pytest
from loopback_server import LoopbackServer
from road import Road, asking
from streams import END, HEAD, USAGE, Steered, chunk, comment, ending, event, sending, then_cut, whole, words

from peak_console.domain.errors import CallFailed, PeakError


def told(road: Road, kind: str) -> dict[str, object]:
    """The body of the first event of this kind."""
    return dict(road.events(kind)[0].body or {})


async def all_of(road: Road) -> str:
    """The whole text of a streamed answer."""
    async with road.client.stream(asking()) as stream:
        text = "".join([delta.text async for delta in stream])
        await stream.result()
    return text


async def into(seen: list[str], road: Road, **more: float) -> None:
    """Read a streamed answer into ``seen``, piece by piece."""
    async with road.client.stream(asking(**more)) as stream:
        async for delta in stream:
            seen.append(delta.text)  # noqa: PERF401 - what came before an error counts
        await stream.result()


async def test_usage_in_a_chunk_that_has_choices_is_dropped(road: Road, providers: LoopbackServer) -> None:
    """LiteLLM #36168: usage is read only where ``choices`` is empty; else the cost is wrong by four times."""
    last = chunk({}, "stop", usage=USAGE)
    providers.handler = sending(HEAD, *words(["Calm", "."]), last, event(b"[DONE]"), END)
    assert await all_of(road) == "Calm."
    done = told(road, "llm.call.completed")
    assert done.get("cost_basis", "usage") == "usage"
    assert done["usage"]["input"] == 100  # type: ignore[index]


async def test_usage_is_not_asked_for(road: Road, providers: LoopbackServer) -> None:
    """LiteLLM PR #35290: without ``include_usage`` the estimate misses most reasoning tokens.

    Here it is asked for.
    """
    providers.handler = sending(*whole("Calm", "."))
    await all_of(road)
    sent = orjson.loads(providers.seen[0].body)
    assert sent["stream_options"] == {"include_usage": True}
    assert told(road, "llm.call.completed")["usage"]["reasoning"] == 5  # type: ignore[index]


async def test_a_stream_without_usage_is_free(road: Road, providers: LoopbackServer) -> None:
    """LiteLLM #8349, #36523: a stream that tells no usage is logged at $0. Here it costs its bound."""
    providers.handler = sending(*whole("Calm", ".", usage=None))
    await all_of(road)
    assert told(road, "llm.call.completed")["cost_eur"] == told(road, "llm.call.requested")["bound_eur"]


async def test_an_explicit_zero_in_a_stream_is_replaced(road: Road, providers: LoopbackServer) -> None:
    """LiteLLM #37992: a told count of zero is taken for none and estimated. Here zero is zero."""
    usage = {"prompt_tokens": 100, "completion_tokens": 0, "total_tokens": 100}
    providers.handler = sending(*whole("", usage=usage))
    await all_of(road)
    usd = Decimal(100) * Decimal("0.25") / 1_000_000
    assert Decimal(str(told(road, "llm.call.completed")["cost_eur"])) == usd * Decimal("0.90")


async def test_usage_is_lost_when_the_stream_is_cut(road: Road, providers: LoopbackServer) -> None:
    """LiteLLM #40404: a cut stream's bill is lost.

    Here the bill told before the cut counts, else the bound.
    """
    providers.handler = then_cut(HEAD, *words(["Calm"]))
    with pytest.raises(CallFailed) as caught:
        await all_of(road)
    assert caught.value.code == "stream_cut"
    failed = told(road, "llm.call.failed")
    assert failed["cost_basis"] == "worst_case"
    assert failed["cost_eur"] == told(road, "llm.call.requested")["bound_eur"]
    road.check()


@pytest.mark.parametrize("ending_", ["cut", "malformed"])
async def test_a_broken_stream_gives_the_fallback_nothing(
    road: Road, providers: LoopbackServer, ending_: str
) -> None:
    """LiteLLM #40404: after a cut or malformed chunk the fallback gets no request.

    Here it answers, unheard before.
    """
    pieces = [HEAD, comment(), event(b"{broken")] if ending_ == "malformed" else [HEAD, comment()]
    providers.handler = then_cut(*pieces)
    assert await all_of(road) == "also fine"
    assert [one.path.partition(":")[2] for one in providers.seen[-1:]] == ["streamGenerateContent?alt=sse"]
    assert told(road, "llm.call.failed")["reason"] in {"stream_cut", "malformed", "connection_lost"}
    road.check()


async def test_a_429_in_the_stream_is_an_answer(road: Road, providers: LoopbackServer) -> None:
    """LiteLLM #22296: an error that comes as an event of a 200 fires no fallback. Here it does."""
    error = {"error": {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}}
    providers.handler = sending(HEAD, event(orjson.dumps(error)), END)
    assert await all_of(road) == "also fine"
    assert told(road, "llm.call.failed")["reason"] == "rate_limited"


async def test_a_cut_stream_ends_clean(road: Road, providers: LoopbackServer) -> None:
    """Portkey #1797: a stream that lacks its ``[DONE]`` ends like a whole one. Here its reader is told."""
    providers.handler = sending(HEAD, *words(["Calm", ","]), END)
    seen: list[str] = []
    with pytest.raises(CallFailed) as caught:
        await into(seen, road)
    assert "".join(seen) == "Calm,"
    assert caught.value.code == "stream_cut"


async def test_a_client_that_leaves_leaves_no_bill(road: Road, providers: LoopbackServer) -> None:
    """LiteLLM PR #37734, #39893, #36008: a client that disconnects is logged at nothing, or never."""
    steered = Steered()
    providers.handler = steered
    async with road.client.stream(asking()) as stream:
        steered.put(*words(["Calm"]))
        async for _ in stream:
            break
    async with asyncio.timeout(25):
        while not road.events("llm.call.failed"):  # noqa: ASYNC110 - another process's database
            await asyncio.sleep(0.01)
    failed = told(road, "llm.call.failed")
    assert (failed["reason"], failed["cost_basis"]) == ("cancelled", "worst_case")
    assert Decimal(str(failed["cost_eur"])) > 0
    road.check()


async def test_keep_alives_defeat_the_deadline_of_a_stream(road: Road, providers: LoopbackServer) -> None:
    """LiveKit agents #6171: comments reset a timeout per read. Here time to the first token has a total."""
    steered = Steered()
    providers.handler = steered

    steered.passing_s = 25.0
    with pytest.raises(PeakError):
        await into([], road, timeout_s=25.0)
    await asyncio.wait_for(steered.gone.wait(), 25)


async def test_the_last_chunk_comes_after_the_bill(road: Road, providers: LoopbackServer) -> None:
    """LiteLLM #36168 again: a bill before the finish, twice told, or after it, is one bill, the last."""
    early = event(orjson.dumps({"choices": [], "model": "gpt-5-mini-2025-08-07", "usage": USAGE}))
    providers.handler = sending(HEAD, *words(["Calm", "."]), early, *ending())
    await all_of(road)
    assert told(road, "llm.call.completed")["usage"]["input"] == 100  # type: ignore[index]
