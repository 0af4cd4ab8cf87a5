"""What users of other gateways say of retries and fallbacks: late, hidden, never, or for the wrong reason."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial

import orjson
import pytest
from loopback_server import Exchange, LoopbackServer
from road import Road, asking, failing, open_road, openai_first
from support.loop_time import Trickle

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import CallFailed


async def test_hidden_retries_sleep_before_the_fallback(road: Road, providers: LoopbackServer) -> None:
    """LiteLLM #3274, #1583: the SDK's own retries slept 47 s before the fallback.

    Here every send is one we recorded.
    """
    providers.handler = failing(500)
    begun = asyncio.get_running_loop().time()
    result = await road.client.call(asking())
    assert asyncio.get_running_loop().time() - begun < 25
    assert result.fallback
    failed = road.events("llm.call.failed")[0].body or {}
    asked = [one for one in providers.seen if "chat" in one.path]
    assert len(failed["attempts"]) == len(asked) == 3


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (
            503,
            {"error": {"message": "The model is overloaded", "type": "server_error", "code": "overloaded"}},
        ),
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
        (500, {"error": {"message": "The server is currently overloaded", "type": "server_error"}}),
    ],
)
async def test_an_overloaded_provider_gets_no_fallback(
    road: Road, providers: LoopbackServer, status: int, body: dict[str, object]
) -> None:
    """LiteLLM #6957, #6532, #5512, #10972: overloaded is not seen as a failure to fall back from.

    Here it is.
    """
    providers.handler = failing(status, orjson.dumps(body))
    result = await road.client.call(asking())
    assert (result.provider, result.fallback) == ("google", True)


@pytest.mark.parametrize("status", [400, 422])
async def test_a_fallback_fires_on_any_status(road: Road, providers: LoopbackServer, status: int) -> None:
    """Portkey #855: a bad request goes to every model in turn.

    Here what no other candidate can mend stops.
    """
    providers.handler = failing(status)
    with pytest.raises(CallFailed):
        await road.client.call(asking())
    assert len(providers.seen) == 1


@pytest.mark.parametrize("spelling", ["retry-after-ms", "seconds", "date", "fraction", "reset"])
async def test_retry_after_is_ignored(road: Road, providers: LoopbackServer, spelling: str) -> None:
    """LiteLLM #7669: ``retry_after`` is ignored.

    Here each spelling of it is waited for before the next attempt.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    headers = {
        "retry-after-ms": {"retry-after-ms": "900"},
        "seconds": {"retry-after": "1"},
        "fraction": {"retry-after": "0.9"},
        "date": {
            "date": format_datetime(now, usegmt=True),
            "retry-after": format_datetime(now + timedelta(seconds=1), usegmt=True),
        },
        "reset": {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "900ms"},
    }[spelling]
    providers.handler = failing(429, b"{}", headers, times=1)
    result = await road.client.call(asking())
    assert [one.reason for one in result.attempts] == ["rate_limited", "ok"]
    assert result.attempts[1].waited_ms >= 900


async def test_retry_info_of_google_is_ignored(workspace: Workspace, providers: LoopbackServer) -> None:
    """LiteLLM #7669 for Gemini: the wait stands in the body, as ``RetryInfo.retryDelay``."""
    detail = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "60s"}
    body = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "slow", "details": [detail]}}
    swapped = workspace.matrix.read_text().replace('provider = "openai"\nmodel_id = "gpt-5-mini"', "PRIMARY")
    swapped = swapped.replace('provider = "google"\nmodel_id = "gemini-2.5-flash"', "SECOND")
    swapped = swapped.replace("PRIMARY", 'provider = "google"\nmodel_id = "gemini-2.5-flash"')
    workspace.matrix.write_text(swapped.replace("SECOND", 'provider = "openai"\nmodel_id = "gpt-5-mini"'))

    async def limited(exchange: Exchange) -> None:
        if "generateContent" in exchange.path:
            await exchange.answer(429, orjson.dumps(body))
        else:
            await failing(200, times=0)(exchange)

    providers.handler = limited
    async with open_road(workspace, providers.url) as road:
        begun = asyncio.get_running_loop().time()
        result = await road.client.call(asking())
    assert result.provider == "openai"
    assert asyncio.get_running_loop().time() - begun < 25
    assert len([one for one in providers.seen if "generateContent" in one.path]) == 1


async def test_keep_alives_defeat_the_timeout(workspace: Workspace, providers: LoopbackServer) -> None:
    """LiveKit agents #6171: a scalar timeout is per read, and a trickle resets it.

    Here the total deadline holds.
    """

    async def trickle(exchange: Exchange) -> None:
        await exchange.raw(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900000\r\n\r\n"
        )
        await trickled(partial(exchange.raw, b" "))

    trickled = Trickle(30.0)
    providers.handler = openai_first(trickle)
    async with open_road(workspace, providers.url) as road:
        result = await road.client.call(asking())
        assert not trickled.heard_out
        assert result.provider == "google"
        assert (road.events("llm.call.failed")[0].body or {})["reason"] == "timeout"
