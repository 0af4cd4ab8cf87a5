"""A latched budget breaker on the road: passed over at once, never waited for, until somebody resets it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from background_road import bodies
from loopback_server import LoopbackServer
from road import Road, answering, asking, chat, open_road, write_workspace

from peak_console.domain.calls import CallReason
from peak_console.domain.errors import CallRefused
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.vocabulary import Layer

MODELS = {Layer.L2: "gpt-5-mini", Layer.L4: "gpt-5-nano"}
MUCH = {"prompt_tokens": 10**6, "completion_tokens": 1, "total_tokens": 10**6 + 1}


@pytest.fixture
async def providers() -> AsyncIterator[LoopbackServer]:
    """Both providers; openai bills a million tokens for a word."""
    async with LoopbackServer(answering()) as server:
        yield server


@pytest.fixture(params=[True, False], ids=["told by the lease", "told by the writer"])
async def latched(
    request: pytest.FixtureRequest, tmp_path: Path, providers: LoopbackServer
) -> AsyncIterator[Road]:
    """A road whose models of openai on L2 and L4 have latched budget breakers."""
    async with open_road(write_workspace(tmp_path / "ws"), providers.url) as road:
        road.permit.tells = request.param
        for layer in (Layer.L2, Layer.L4):
            providers.handler = answering(openai=chat(model=MODELS[layer], usage=MUCH))
            await road.client.call(asking(layer=layer))
        providers.handler = answering()
        road.permit.renew()
        providers.seen.clear()
        yield road


async def test_the_fallback_answers_and_the_row_says_latched(
    latched: Road, providers: LoopbackServer
) -> None:
    """Nothing goes to the model, and no time is told for it."""
    result = await latched.client.call(asking())
    assert (result.provider, result.fallback) == ("google", True)
    assert all("generateContent" in one.path for one in providers.seen)
    row = bodies(latched, "llm.call.requested")[-1]["route"][0]
    assert (row["admitted"], row["reason"], row["breaker"]) == (False, "breaker_open", "latched")
    latched.check()


async def test_alone_it_is_refused_at_once_with_what_helps(latched: Road, providers: LoopbackServer) -> None:
    """However much time the call has: it does not cool down."""
    async with asyncio.timeout(25):
        with pytest.raises(CallRefused) as caught:
            await latched.client.call(asking(layer=Layer.L4, timeout_s=60))
    assert caught.value.code == CallReason.BREAKER_OPEN
    assert "peak breaker reset budget" in caught.value.remedy
    assert "retry_after_ms" not in caught.value.details
    assert providers.seen == []


async def test_a_reset_is_seen_within_seconds(latched: Road, providers: LoopbackServer) -> None:
    """By whoever was refused before."""
    model = MODELS[Layer.L4]
    with pytest.raises(CallRefused):
        await latched.client.call(asking(layer=Layer.L4))
    body = {
        "breaker": "budget", "provider": "openai", "model_id": model, "reason": "mended", "operator": "alice",
    }  # fmt: skip
    draft = EventDraft("ev_reset", EventKind.BREAKER_RESET, body, provider="openai", model_id=model)
    await latched.server.append([draft], actor="alice")
    latched.permit.renew()
    async with asyncio.timeout(25):
        while True:
            try:
                await latched.client.call(asking(layer=Layer.L4))
                break
            except CallRefused:
                await asyncio.sleep(0.05)
    assert len(providers.seen) == 1
