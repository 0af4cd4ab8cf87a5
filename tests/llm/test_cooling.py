import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from background_road import bodies
from loopback_server import Exchange, LoopbackServer
from road import QUICK, Road, answering, asking, environment, failing, open_road, write_workspace

from peak_console.config.workspace import Workspace
from peak_console.control.stop import stop_now
from peak_console.domain.calls import CallReason
from peak_console.domain.errors import CallFailed, CallRefused, ControlRefused
from peak_console.domain.vocabulary import Layer
from peak_console.llm.attempting import RetryRule
from peak_console.llm.client import Client
from peak_console.policy.breaker import SECOND_US, BreakerRules

ONCE = RetryRule(attempts=1)
RULES = BreakerRules(
    failures=2, window_us=60 * SECOND_US, open_us=SECOND_US * 6 // 10, longest_open_us=2 * SECOND_US
)
LONG = BreakerRules(failures=2, open_us=600 * SECOND_US, longest_open_us=600 * SECOND_US)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """L2 with a fallback, L4 with one model alone."""
    return write_workspace(tmp_path / "ws")


@pytest.fixture
async def providers() -> AsyncIterator[LoopbackServer]:
    """Both providers; openai fails."""
    async with LoopbackServer(failing(500)) as server:
        yield server


@asynccontextmanager
async def tripped(
    workspace: Workspace,
    providers: LoopbackServer,
    layer: Layer,
    rules: BreakerRules,
    *,
    tells: bool = True,
    retry: RetryRule = ONCE,
) -> AsyncIterator[Road]:
    """A road whose primary on ``layer`` has just tripped its breaker; ``tells``: the lease says so."""
    async with open_road(workspace, providers.url, retry=retry, breaker_rules=rules) as road:
        road.permit.tells = tells
        while not road.events("breaker.tripped"):
            with suppress(CallFailed):
                await road.client.call(asking(layer=layer))
        road.permit.renew()
        providers.seen.clear()
        yield road


def asked(providers: LoopbackServer, provider: str) -> int:
    """How often a provider was asked."""
    google = sum("generateContent" in one.path for one in providers.seen)
    return google if provider == "google" else len(providers.seen) - google


def rows(road: Road, kind: str) -> list[dict[str, Any]]:
    """The route of the last event of a kind."""
    return list(bodies(road, kind)[-1]["route"])


@pytest.mark.parametrize("tells", [True, False])
async def test_an_open_breaker_skips_its_model_and_is_seen_in_the_route(
    workspace: Workspace, providers: LoopbackServer, *, tells: bool
) -> None:
    """By the lease's word or the writer's: it is not asked, the fallback answers, the row says until when."""
    async with tripped(workspace, providers, Layer.L2, LONG, tells=tells) as road:
        result = await road.client.call(asking())
        assert (result.provider, result.fallback) == ("google", True)
        assert asked(providers, "openai") == 0
        first, second = rows(road, "llm.call.requested")
        assert (first["admitted"], first["reason"]) == (False, "breaker_open")
        assert first["breaker"].startswith("open until 2")
        assert (second["admitted"], second["breaker"]) == (True, "closed")
        (taken,) = [body for body in bodies(road, "llm.fallback.taken") if body["reason"] == "breaker_open"]
        assert taken["to"]["provider"] == "google"
        refused = bodies(road, "llm.call.refused")
        assert [body["reason"] for body in refused] == ([] if tells else ["breaker_open"])
        assert result.hop == 1  # what the writer refused was no send
        road.check()


async def test_what_the_writer_refused_is_not_asked_again_meanwhile(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """The lease lags a second behind: the process remembers, and the ledger holds one refusal, not ten."""
    async with tripped(workspace, providers, Layer.L2, LONG, tells=False) as road:
        for _ in range(10):
            assert (await road.client.call(asking())).provider == "google"
        assert len(bodies(road, "llm.call.refused")) == 1


async def test_everything_cooling_down_is_waited_for(workspace: Workspace, providers: LoopbackServer) -> None:
    """All that may be asked cools down for less than the call's deadline: it waits, and is answered."""
    async with tripped(workspace, providers, Layer.L4, RULES) as road:
        providers.handler = answering()
        result = await road.client.call(asking(layer=Layer.L4, timeout_s=60))
        assert (result.text, result.fallback) == ("fine", False)
        assert len(providers.seen) == 1
        assert road.kinds()[-1] == "breaker.reset"
        assert rows(road, "llm.call.requested")[0]["breaker"] == "closed"
        road.check()


@pytest.mark.parametrize("tells", [True, False])
async def test_a_wait_that_does_not_fit_is_refused_at_once_and_told(
    workspace: Workspace, providers: LoopbackServer, *, tells: bool
) -> None:
    """Cooling for longer than the call has: an error now, with the wait in it; one refusal on the ledger."""
    async with tripped(workspace, providers, Layer.L4, LONG, tells=tells) as road:
        begun = asyncio.get_running_loop().time()
        with pytest.raises(CallRefused) as caught:
            await road.client.call(asking(layer=Layer.L4))
        assert asyncio.get_running_loop().time() - begun < 25
        assert caught.value.code == CallReason.BREAKER_OPEN
        assert "ask again in" in caught.value.remedy
        assert 500_000 < caught.value.details["retry_after_ms"] <= 600_000
        assert providers.seen == []
        assert [body["reason"] for body in bodies(road, "llm.call.refused")] == ["breaker_open"]
        road.check()


async def test_half_open_lets_one_probe_through(workspace: Workspace, providers: LoopbackServer) -> None:
    """Ten callers after the time of an opening: one asks the model, nine the fallback, until it is closed."""
    probing, go_on = asyncio.Event(), asyncio.Event()
    good = answering()

    async def slow(exchange: Exchange) -> None:
        if "generateContent" not in exchange.path:
            probing.set()
            await go_on.wait()
        await good(exchange)

    async with tripped(workspace, providers, Layer.L2, RULES, tells=False) as road:
        providers.handler = slow
        probe = asyncio.create_task(_until_openai(road))
        await asyncio.wait_for(probing.wait(), 25)
        others = await asyncio.gather(*(road.client.call(asking()) for _ in range(9)))
        assert {one.provider for one in others} == {"google"}
        assert asked(providers, "openai") == 1
        go_on.set()
        assert await probe == "openai"
        assert road.kinds()[-1] == "breaker.reset"
        road.check()


@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize("status", [500, None])
async def test_a_probe_is_one_request(
    workspace: Workspace, providers: LoopbackServer, *, tells: bool, status: int | None
) -> None:
    """Whoever tries a model whose breaker was open sends once: neither an error nor a cut is tried again."""
    good = answering()

    async def fails(exchange: Exchange) -> None:
        if "generateContent" in exchange.path:
            await good(exchange)
        elif status is None:
            exchange.cut()
        else:
            await exchange.answer(status)

    async with tripped(workspace, providers, Layer.L2, RULES, tells=tells, retry=QUICK) as road:
        providers.handler = fails
        async with asyncio.timeout(25):
            while not asked(providers, "openai"):
                assert (await road.client.call(asking())).provider == "google"
        assert asked(providers, "openai") == 1
        assert [one["number"] for one in bodies(road, "llm.call.failed")[-1]["attempts"]] == [1]
        providers.handler = good
        async with asyncio.timeout(25):
            await _until_openai(road)
        providers.handler = failing(500, times=1)
        result = await road.client.call(asking())
        assert [one.reason for one in result.attempts] == ["server_error", "ok"]  # closed: retries are back
        road.check()


async def _until_openai(road: Road) -> str:
    """Call until the model itself answers."""
    while True:
        result = await road.client.call(asking())
        if result.provider == "openai":
            return result.provider
        await asyncio.sleep(0.05)


async def test_callers_of_one_process_that_wait_send_one_probe(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """Twenty calls wait for one model: one probes, the others follow its answer; few refusals are written."""
    async with tripped(workspace, providers, Layer.L4, RULES) as road:
        providers.handler = answering()
        calls = [road.client.call(asking(layer=Layer.L4, timeout_s=60)) for _ in range(20)]
        results = await asyncio.gather(*calls)
        assert {one.text for one in results} == {"fine"}
        assert len(bodies(road, "llm.call.refused")) <= 3
        road.check()


async def test_a_failed_last_candidate_waits_for_one_that_only_cools(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """The fallback fails while the primary cools down: the primary is asked once it is free."""
    good = answering()

    async def google_fails(exchange: Exchange) -> None:
        if "generateContent" in exchange.path:
            await exchange.answer(404)
        else:
            await good(exchange)

    async with tripped(workspace, providers, Layer.L2, RULES) as road:
        providers.handler = google_fails
        result = await road.client.call(asking(timeout_s=60))
        assert (result.provider, result.hop, result.fallback) == ("openai", 2, False)
        assert bodies(road, "llm.call.failed")[-1]["then"] == "next"
        assert asked(providers, "google") == 1
        road.check()


@pytest.mark.parametrize("scope", ["global", "layer:L4"])
async def test_a_stop_ends_the_wait(workspace: Workspace, providers: LoopbackServer, scope: str) -> None:
    """Whoever waits for a breaker is not in flight, and must hear of a stop all the same."""
    rules = BreakerRules(failures=2, open_us=80 * SECOND_US)
    async with tripped(workspace, providers, Layer.L4, rules) as road:
        call = asyncio.create_task(road.client.call(asking(layer=Layer.L4, timeout_s=200)))
        await asyncio.sleep(0.1)
        assert not call.done()
        if scope == "global":
            await asyncio.to_thread(stop_now, road.ws.control)
        else:
            road.permit.halt(scope)
        with pytest.raises(ControlRefused):
            await asyncio.wait_for(call, 60)
        assert providers.seen == []
        road.check()


async def test_a_breaker_that_closes_early_ends_the_wait(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """The lease no longer names it: nobody waits out the rest."""
    rules = BreakerRules(failures=2, open_us=80 * SECOND_US)
    async with tripped(workspace, providers, Layer.L4, rules) as road:
        call = asyncio.create_task(road.client.call(asking(layer=Layer.L4, timeout_s=200)))
        await asyncio.sleep(0.1)
        assert road.permit.breakers is not None
        road.permit.breakers.reset()
        road.permit.renew()
        providers.handler = answering()
        assert (await asyncio.wait_for(call, 60)).text == "fine"


async def test_a_told_wait_opens_the_breaker_for_as_long(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """Retry-After of the failure that trips is on the ledger; the breaker stays open at least that long."""
    providers.handler = failing(429, headers={"retry-after": "300"})
    async with tripped(workspace, providers, Layer.L4, RULES) as road:
        assert bodies(road, "llm.call.failed")[-1]["retry_after_ms"] == 300_000
        with pytest.raises(CallRefused) as caught:
            await road.client.call(asking(layer=Layer.L4))
        assert caught.value.details["retry_after_ms"] > 250_000


async def test_a_told_wait_that_does_not_fit_is_not_slept(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """No hidden retries before a fallback: a wait beyond the deadline sends the next candidate at once."""
    providers.handler = failing(429, headers={"retry-after": "60"})
    async with open_road(workspace, providers.url) as road:
        begun = asyncio.get_running_loop().time()
        result = await road.client.call(asking(timeout_s=50))
        assert result.provider == "google"
        assert asyncio.get_running_loop().time() - begun < 25
        assert asked(providers, "openai") == 1


async def test_a_refused_key_downs_the_provider_not_the_breaker_alone(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """A key that is refused once is not shown again by this process, whatever the breaker says."""
    providers.handler = failing(401)
    async with open_road(workspace, providers.url) as road:
        for _ in range(3):
            assert (await road.client.call(asking())).provider == "google"
        assert asked(providers, "openai") == 1
        assert rows(road, "llm.call.requested")[0]["reason"] == "provider_down"


async def test_a_wait_for_anothers_probe_writes_one_refusal(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """While it is out the ledger is read, not asked: one refused record, and hop 1 is the send."""
    probing, go_on = asyncio.Event(), asyncio.Event()
    good = answering()

    async def slow(exchange: Exchange) -> None:
        probing.set()
        await go_on.wait()
        await good(exchange)

    async with tripped(workspace, providers, Layer.L4, RULES, tells=False) as road:
        other = Client(workspace, road.ledger, environ=environment(providers.url), retry=ONCE)
        providers.handler = slow
        async with other:
            probe = asyncio.create_task(other.call(asking(layer=Layer.L4, timeout_s=60)))
            await asyncio.wait_for(probing.wait(), 25)
            before = len(bodies(road, "llm.call.refused"))
            waiting = asyncio.create_task(road.client.call(asking(layer=Layer.L4, timeout_s=60)))
            async with asyncio.timeout(25):
                while len(bodies(road, "llm.call.refused")) == before:  # noqa: ASYNC110 - the database tells
                    await asyncio.sleep(0.02)
            await asyncio.sleep(2.5)  # the writer would have been asked three times
            assert not waiting.done()
            go_on.set()
            assert (await asyncio.wait_for(probe, 25)).text == "fine"
            assert (await asyncio.wait_for(waiting, 25)).hop == 1
        assert len(bodies(road, "llm.call.refused")) == before + 1
        assert not road.events("llm.fallback.taken")
        road.check()
