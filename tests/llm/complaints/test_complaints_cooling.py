"""What users of other gateways say of cooling down: not noticed, never ended, or an error for everybody."""

import asyncio

import pytest
from loopback_server import LoopbackServer
from road import Road, asking, failing, open_road

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import PeakError
from peak_console.domain.vocabulary import Role
from peak_console.llm.attempting import RetryRule
from peak_console.policy.breaker import BreakerRules

ONCE = RetryRule(attempts=1)
QUICK = BreakerRules(failures=3, window_us=60_000_000, open_us=700_000, longest_open_us=2_000_000)
LONG = BreakerRules(failures=3, window_us=60_000_000, open_us=60_000_000, longest_open_us=900_000_000)


def openai_asked(providers: LoopbackServer) -> int:
    """How many requests openai got."""
    return sum("chat" in one.path for one in providers.seen)


async def failures(road: Road, calls: int) -> None:
    """Calls that fail at openai and are answered by google."""
    for number in range(calls):
        assert (await road.client.call(asking(f"call {number}"))).provider == "google"


async def test_25_failures_leave_the_deployment_in_rotation(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """LiteLLM PR #34836: after 25 times 500 the deployment is still asked.

    Here it is left alone after three.
    """
    providers.handler = failing(500)
    async with open_road(workspace, providers.url, retry=ONCE, breaker_rules=LONG) as road:
        await failures(road, 25)
        assert openai_asked(providers) == 3
        tripped = [event.body or {} for event in road.events("breaker.tripped")]
        assert [(one["breaker"], one["state_to"]) for one in tripped] == [("provider", "open")]
        road.check()


async def test_the_breaker_does_not_skip(workspace: Workspace, providers: LoopbackServer) -> None:
    """Portkey #1289: an open breaker is asked all the same. Here the next call goes by, and says why."""
    providers.handler = failing(500)
    async with open_road(workspace, providers.url, retry=ONCE, breaker_rules=LONG) as road:
        await failures(road, 3)
        before = openai_asked(providers)
        road.permit.renew()  # the lease tells of it
        result = await road.client.call(asking("by now open"))
        assert (result.provider, result.hop, result.fallback) == ("google", 1, True)
        assert openai_asked(providers) == before
        rows = (road.events("llm.call.requested")[-1].body or {})["route"]
        assert rows[0]["reason"] == "breaker_open"


async def test_later_failures_are_skipped_as_known(workspace: Workspace, providers: LoopbackServer) -> None:
    """LiteLLM #32574: a flag against duplicates drops later failures. Here each opens the breaker again."""
    providers.handler = failing(500)
    async with open_road(workspace, providers.url, retry=ONCE, breaker_rules=QUICK) as road:
        await failures(road, 3)
        async with asyncio.timeout(25):
            while len(road.events("breaker.tripped")) < 2:
                await road.client.call(asking("again"))
                road.permit.renew()
        first, second = (event.body or {} for event in road.events("breaker.tripped")[:2])
        assert first["until"] < second["until"]


async def test_a_cooldown_outlives_its_cause(workspace: Workspace, providers: LoopbackServer) -> None:
    """LiteLLM PR #34416: a stale entry keeps a healthy deployment out for ten minutes.

    Here one answer closes it.
    """
    providers.handler = failing(500, times=3)
    async with open_road(workspace, providers.url, retry=ONCE, breaker_rules=QUICK) as road:
        await failures(road, 3)
        async with asyncio.timeout(25):
            while (await road.client.call(asking("healthy?"))).provider != "openai":
                road.permit.renew()
        assert [event.body or {} for event in road.events("breaker.reset")]
        assert (await road.client.call(asking("healthy"))).provider == "openai"
        road.check()


async def test_all_cooling_down_is_an_error(workspace: Workspace, providers: LoopbackServer) -> None:
    """LiteLLM #3646: with every deployment cooling down the call fails.

    Here it waits for the first, if it can.
    """
    providers.handler = failing(500, times=3)
    async with open_road(workspace, providers.url, retry=ONCE, breaker_rules=QUICK) as road:
        for _ in range(3):
            with pytest.raises(PeakError):
                await road.client.call(asking("failing", role=Role.CRITIC))
        result = await road.client.call(asking("waits", role=Role.CRITIC, timeout_s=60.0))
        assert result.provider == "openai"


async def test_all_cooling_down_for_too_long_says_when(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """LiteLLM #3646: where the wait does not fit the deadline, the error says when to come back, at once."""
    providers.handler = failing(500)
    async with open_road(workspace, providers.url, retry=ONCE, breaker_rules=LONG) as road:
        for _ in range(3):
            with pytest.raises(PeakError):
                await road.client.call(asking("failing", role=Role.CRITIC))
        begun = asyncio.get_running_loop().time()
        with pytest.raises(PeakError) as caught:
            await road.client.call(asking("too long", role=Role.CRITIC, timeout_s=30.0))
        assert caught.value.code == "breaker_open"
        assert asyncio.get_running_loop().time() - begun < 25


async def test_a_told_wait_is_not_kept_between_calls(workspace: Workspace, providers: LoopbackServer) -> None:
    """LiteLLM #7669: the wait a provider tells is forgotten by the next call. Here the breaker keeps it."""
    providers.handler = failing(429, b"{}", {"retry-after": "120"})
    async with open_road(workspace, providers.url, retry=ONCE, breaker_rules=QUICK) as road:
        await failures(road, 3)
        before = openai_asked(providers)
        await failures(road, 3)
        assert openai_asked(providers) == before
        tripped = road.events("breaker.tripped")[0]
        assert tripped.body is not None
        assert str(tripped.body["until"]) > tripped.ts
