"""Stopped scopes and quarantined models on the road: before each send, in flight, in background work."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from background_road import COST_EUR, QUICK_POLLS, bodies, research, until, write_background_workspace
from loopback_server import Exchange, LoopbackServer
from road import Permit, Road, answering, asking, failing, open_road, reasons, write_workspace
from support.background_provider import USAGE, BackgroundProvider

from peak_console.control.gate import CallGate
from peak_console.control.stop import stop_now
from peak_console.domain.calls import CallReason
from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import CallFailed, CallRefused, ControlRefused
from peak_console.domain.events import EventKind
from peak_console.domain.ledgering import Refusal
from peak_console.domain.vocabulary import Layer

PATIENCE_S = 60.0
MANY = 200


class Held:
    """A handler under which openai answers nobody, and google all; says when all that are wanted arrived."""

    def __init__(self, wanted: int = 1) -> None:
        self.arrived = asyncio.Event()
        self._left = wanted
        self._good = answering()

    async def __call__(self, exchange: Exchange) -> None:
        """Answer google."""
        if "generateContent" in exchange.path:
            await self._good(exchange)
            return
        self._left -= 1
        if self._left <= 0:
            self.arrived.set()
        await asyncio.Event().wait()


RUN = "20261122_120000_abcdef"


async def _streamed(road: Road, **more: Any) -> None:
    async with road.client.stream(asking(**more)) as stream:
        await stream.result()


@pytest.mark.parametrize(("scope", "more"), [("layer:L2", {}), (f"run:{RUN}", {"run_id": RUN})])
async def test_a_stopped_layer_or_run_refuses_its_calls_and_no_others(
    road: Road, providers: LoopbackServer, scope: str, more: dict[str, Any]
) -> None:
    """Nothing leaves, the refusal says which stop and what lifts it, and it is on record."""
    road.permit.halt(scope)
    for refused in (road.client.call(asking(**more)), _streamed(road, **more)):
        with pytest.raises(ControlRefused) as caught:
            await refused
        assert caught.value.code == CallReason.SCOPE_STOPPED
        assert f"{scope} is stopped" in caught.value.message
        assert f"peak enable --scope {scope}" in caught.value.remedy
        assert caught.value.details["recorded"]
    assert providers.seen == []
    assert reasons(road.events(EventKind.CALL_REFUSED)) == ["scope_stopped"] * 2
    assert (await road.client.call(asking(layer=Layer.L3))).text
    road.check()


@pytest.mark.parametrize(
    ("scopes", "quarantined", "reason"),
    [
        (("provider:openai",), (), "scope_stopped"),
        (("model:openai:gpt-5-mini",), (), "scope_stopped"),
        ((), ("openai:gpt-5-mini",), "model_quarantined"),
    ],
)
async def test_a_halted_model_is_passed_over_and_the_route_says_why(
    road: Road, scopes: tuple[str, ...], quarantined: tuple[str, ...], reason: str
) -> None:
    """The fallback answers; the row of the candidate and the fallback's event name the reason."""
    road.permit.halt(*scopes, quarantined=quarantined)
    result = await road.client.call(asking())
    assert result.provider == "google"
    (requested,) = bodies(road, EventKind.CALL_REQUESTED)
    assert (requested["route"][0]["admitted"], requested["route"][0]["reason"]) == (False, reason)
    assert reasons(road.events(EventKind.FALLBACK_TAKEN)) == [reason]
    road.check()


async def test_where_every_candidate_is_halted_the_call_is_refused(road: Road) -> None:
    """One reason, with its remedy, and a record."""
    road.permit.halt("provider:openai", quarantined=("google:gemini-2.5-flash",))
    with pytest.raises(ControlRefused, match="provider:openai is stopped"):
        await road.client.call(asking())
    road.permit.halt(quarantined=("openai:gpt-5-mini", "google:gemini-2.5-flash"))
    with pytest.raises(CallRefused, match="quarantined"):
        await road.client.call(asking())
    assert reasons(road.events(EventKind.CALL_REFUSED)) == ["scope_stopped", "model_quarantined"]


async def test_a_stop_between_attempts_ends_the_retries(road: Road, providers: LoopbackServer) -> None:
    """What answered 503 is not asked again once its layer is stopped."""
    bad = failing(503)

    async def handler(exchange: Exchange) -> None:
        road.permit.halt("layer:L2")
        await bad(exchange)

    providers.handler = handler
    with pytest.raises(ControlRefused) as caught:
        await road.client.call(asking())
    assert caught.value.code in {CallReason.STOPPED, CallReason.SCOPE_STOPPED}
    assert len(providers.seen) == 1
    road.check()


async def test_a_stop_between_hops_keeps_the_next_one_back(road: Road, providers: LoopbackServer) -> None:
    """A primary that fails for good under a stop of the fallback's provider has no fallback."""
    bad = failing(404)

    async def handler(exchange: Exchange) -> None:
        road.permit.halt("provider:google")
        await bad(exchange)

    providers.handler = handler
    with pytest.raises(CallFailed):
        await road.client.call(asking())
    assert len(providers.seen) == 1
    road.check()


async def test_in_flight_a_stop_of_the_layer_cancels_and_of_the_model_goes_on(
    road: Road, providers: LoopbackServer
) -> None:
    """Cancelled within the watch, booked at its bound; under a stop of one model the fallback answers."""
    providers.handler = held = Held(2)
    calls = [asyncio.create_task(road.client.call(asking(layer=one))) for one in (Layer.L2, Layer.L3)]
    async with asyncio.timeout(PATIENCE_S):
        await held.arrived.wait()
        road.permit.halt("layer:L2", "model:openai:gpt-5.2")
        with pytest.raises(ControlRefused) as caught:
            await calls[0]
        assert (await calls[1]).provider == "google"
    assert caught.value.code == CallReason.STOPPED
    failed = {one["asked_role"] + one["detail"]: one for one in bodies(road, EventKind.CALL_FAILED)}
    assert {one["then"] for one in failed.values()} == {"stop", "next"}
    assert {one["cost_basis"] for one in failed.values()} == {"worst_case"}
    assert any("layer:L2 is stopped" in name for name in failed)
    road.check()


async def test_a_stop_cancels_two_hundred_calls_in_flight_and_records_each(
    road: Road, providers: LoopbackServer
) -> None:
    """Every one of them ends, on record, with its reservation settled; none is sent again."""
    providers.handler = held = Held(MANY)
    calls = [asyncio.create_task(road.client.call(asking())) for _ in range(MANY)]
    async with asyncio.timeout(PATIENCE_S):
        await held.arrived.wait()
        await asyncio.to_thread(stop_now, road.ws.control)
        ended = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(one) for one in ended} == {ControlRefused}
    failed = road.events(EventKind.CALL_FAILED)
    assert reasons(failed) == ["stopped"] * MANY
    assert len({one.call_id for one in failed}) == MANY == len(providers.seen)
    road.check()


async def test_the_writers_refusal_of_one_candidate_passes_it_over(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the lease does not say so yet, the node's memory does: the next candidate is asked."""
    refusal = Refusal("scope_stopped", "provider:openai is stopped", "", {"passes_over": True})
    told: list[Refusal | None] = [refusal, None]
    monkeypatch.setattr(road.server.writer, "_guards", (lambda _: told.pop(0) if told else None,))
    assert (await road.client.call(asking())).provider == "google"
    assert reasons(road.events(EventKind.CALL_REFUSED)) == ["scope_stopped"]
    road.check()


async def test_the_writers_refusal_of_the_last_candidate_refuses_the_call(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is left: the call is refused with the writer's words, once on record for each."""
    refusal = Refusal("model_quarantined", "it is quarantined", "", {"passes_over": True})
    monkeypatch.setattr(road.server.writer, "_guards", (lambda _: refusal,))
    with pytest.raises(CallRefused, match="it is quarantined"):
        await road.client.call(asking())
    assert reasons(road.events(EventKind.CALL_REFUSED)) == ["model_quarantined"] * 2
    road.check()


async def test_background_work_of_a_stopped_scope_is_ended_and_none_is_begun(tmp_path: Path) -> None:
    """In flight it is cancelled at its provider with its bill; nothing new is begun; cancelling goes on."""
    ws = write_background_workspace(tmp_path / "ws")
    async with (
        BackgroundProvider() as provider,
        open_road(ws, provider.url, polls=QUICK_POLLS) as road,
        asyncio.timeout(PATIENCE_S),
    ):
        provider.polls_until_done = None
        provider.bill_of_cancelled = USAGE
        waiting = await road.client.submit(research())
        task = asyncio.create_task(road.client.call(research()))
        await until(lambda: provider.polls > 1)
        road.permit.halt("layer:L1")
        with pytest.raises(ControlRefused):
            await task
        assert (provider.cancels, bodies(road, "llm.call.failed")[0]["cost_eur"]) == (1, COST_EUR)
        with pytest.raises(ControlRefused, match="layer:L1 is stopped"):
            await road.client.submit(research())
        with pytest.raises(ControlRefused) as caught:
            await road.client.resume(waiting)
        assert (caught.value.code, provider.cancels) == (CallReason.SCOPE_STOPPED, 1)
        assert (await road.client.cancel(waiting)).outcome == "cancelled"
        road.check()


def test_a_gate_gives_the_same_halts_while_nothing_changed(tmp_path: Path) -> None:
    """Each is judged once by what holds, however often the lease is renewed."""
    ws = write_workspace(tmp_path / "ws")
    permit = Permit(ws)
    gate = CallGate(ws.control, SystemClock(), {})
    permit.halt("layer:L2")
    halts = gate.halts()
    permit.renew()
    assert gate.halts() is halts
