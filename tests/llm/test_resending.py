"""A request that left and was not answered: sent once more, as a hop with a reservation of its own."""

import asyncio
import os
from pathlib import Path
from typing import Any

import orjson
import pytest
from background_road import bodies
from loopback_server import Exchange, Handler, LoopbackServer
from pydantic import BaseModel
from road import LEDGER_S, QUICK, Road, answering, asking, open_road, write_workspace
from streams import HEAD, chunk, sending, whole
from support.loop_time import let_pass
from wire_shapes import chat

from peak_console.config.workspace import Workspace
from peak_console.control.stop import stop_now
from peak_console.domain.calls import CallReason, Failure, OutcomeClass
from peak_console.domain.errors import (
    BudgetExceeded,
    CallFailed,
    CallRefused,
    ControlRefused,
    EnvironmentUnfit,
)
from peak_console.domain.money import nano_from_text
from peak_console.domain.vocabulary import Layer
from peak_console.ledger.reader import LedgerReader
from peak_console.llm.attempting import RetryRule
from peak_console.llm.refusing import Ended, refused_midway
from peak_console.policy.breaker import BreakerRules

LOST = "lost"


class Named(BaseModel):
    """A shape."""

    name: str


def at_openai(*becomes: str | int | bytes, then: Handler | None = None) -> Handler:
    """A handler that cuts openai's connections, or answers a status or a body, in turn; then it answers."""
    left, good = list(becomes), then or answering()

    async def handler(exchange: Exchange) -> None:
        if "enerateContent" in exchange.path or not left:
            await good(exchange)
            return
        one = left.pop(0)
        if one == LOST:
            exchange.cut()
        elif isinstance(one, int):
            await exchange.answer(one, b"{}")
        else:
            assert isinstance(one, bytes)
            await exchange.answer(200, one)

    return handler


def attempts(body: dict[str, Any]) -> list[str]:
    """Why each attempt of a hop ended."""
    return [one["reason"] for one in body["attempts"]]


def booked(road: Road) -> int:
    """Nano-EUR that all ended hops cost."""
    ends = bodies(road, "llm.call.failed") + bodies(road, "llm.call.completed")
    return sum(nano_from_text(one["cost_eur"]) for one in ends)


async def test_what_was_not_answered_is_a_hop_of_its_own(road: Road, providers: LoopbackServer) -> None:
    """Lost, then answered: the lost one is booked at its bound, the answer at its price; no fallback."""
    providers.handler = at_openai(LOST)
    result = await road.client.call(asking())
    assert (result.text, result.provider, result.hop, result.fallback) == ("fine", "openai", 2, False)
    assert road.kinds() == [
        "llm.call.requested",
        "llm.call.failed",
        "llm.call.requested",
        "llm.call.completed",
    ]
    first, second = bodies(road, "llm.call.requested")
    (failed,) = bodies(road, "llm.call.failed")
    assert (failed["reason"], failed["cost_basis"], failed["then"]) == (
        "connection_lost",
        "worst_case",
        "next",
    )
    assert failed["cost_eur"] == failed["bound_eur"] == first["bound_eur"] == second["bound_eur"]
    assert ("resend" in first, second["resend"]) == (False, True)
    assert result.attempts[0].waited_ms > 0
    assert booked(road) == nano_from_text(first["bound_eur"]) + nano_from_text(result.cost_eur)
    assert len({event.call_id for event in road.events()}) == 1
    road.check()


async def test_every_send_is_reserved_while_it_is_out(road: Road, providers: LoopbackServer) -> None:
    """When a request arrives, one hop is in flight, and every one before it has ended at its bound."""
    seen: list[tuple[int, int]] = []
    inner = at_openai(LOST, LOST)

    async def looking(exchange: Exchange) -> None:
        with LedgerReader(road.ws.ledger) as reader:
            seen.append((reader.in_flight(), len(bodies(road, "llm.call.failed"))))
        await inner(exchange)

    providers.handler = looking
    await road.client.call(asking())
    assert seen == [(1, 0), (1, 1), (1, 2)]
    assert booked(road) > 2 * nano_from_text(bodies(road, "llm.call.requested")[0]["bound_eur"])
    road.check()


async def test_three_sends_are_all(road: Road, providers: LoopbackServer) -> None:
    """Then the next candidate is asked, which alone is a fallback."""
    providers.handler = at_openai(LOST, LOST, LOST, LOST)
    result = await road.client.call(asking())
    assert (result.provider, result.hop) == ("google", 4)
    assert len(providers.seen) == 4
    failed = bodies(road, "llm.call.failed")
    assert [one["cost_basis"] for one in failed] == ["worst_case"] * 3
    assert [one["outcome"] for one in failed] == ["retry_here", "retry_here", "next_candidate"]
    (taken,) = bodies(road, "llm.fallback.taken")
    assert (taken["reason"], taken["hop"]) == ("connection_lost", 4)
    road.check()


async def test_a_chain_of_one_that_is_lost_says_so(road: Road, providers: LoopbackServer) -> None:
    """Three hops of one candidate are no exhausted chain: the reason is the lost connection."""
    providers.handler = at_openai(LOST, LOST, LOST)
    with pytest.raises(CallFailed) as caught:
        await road.client.call(asking(layer=Layer.L4))
    assert caught.value.code == "connection_lost"
    hops = caught.value.details["hops"]
    bound = bodies(road, "llm.call.requested")[0]["bound_eur"]
    assert [(one["cost_eur"], one["cost_basis"]) for one in hops] == [(bound, "worst_case")] * 3
    assert bodies(road, "llm.call.failed")[-1]["then"] == "abort"


@pytest.mark.parametrize(
    ("becomes", "hops"),
    [
        ((503, LOST), [["overloaded", "connection_lost"], ["ok"]]),
        ((LOST, 503), [["connection_lost"], ["overloaded", "ok"]]),
        ((LOST, 503, 503), [["connection_lost"], ["overloaded", "overloaded"], ["ok"]]),
        ((503, 503, LOST), [["overloaded", "overloaded", "connection_lost"], ["ok"]]),
        ((503, LOST, LOST), [["overloaded", "connection_lost"], ["connection_lost"], ["ok"]]),
    ],
)
async def test_errors_stay_within_their_hop_and_count_all_the_same(
    road: Road, providers: LoopbackServer, becomes: tuple[Any, ...], hops: list[list[str]]
) -> None:
    """What reached no model costs nothing and needs no hop; three attempts over all hops, not each."""
    providers.handler = at_openai(*becomes)
    await road.client.call(asking())
    ended = bodies(road, "llm.call.failed") + bodies(road, "llm.call.completed")
    assert [attempts(one) for one in ended] == hops
    for one in ended[:-1]:
        lost = "connection_lost" in attempts(one)
        assert one["cost_basis"] == ("worst_case" if lost else "none")
    road.check()


async def test_a_budget_may_refuse_it_and_what_was_sent_is_told(
    tmp_path: Path, providers: LoopbackServer
) -> None:
    """One bound fits, two do not: the error names the call, and the hop that was sent, with its bill."""
    budgets = (
        'timezone = "UTC"\n[currency]\neur_per_usd = 0.9\nas_of = 2026-11-01\n'
        "[run]\nmax_cost_eur = 0.0003\n[day]\nmax_cost_eur = 1.0\n"
    )
    providers.handler = at_openai(LOST)
    async with open_road(write_workspace(tmp_path / "ws", budgets=budgets), providers.url) as road:
        with pytest.raises(BudgetExceeded) as caught:
            await road.client.call(asking())
        (requested,) = road.events("llm.call.requested")
        assert len(providers.seen) == 1
        details = caught.value.details
        assert details["call_id"] == requested.call_id
        (hop,) = details["hops"]
        assert (hop["model_id"], hop["reason"], hop["cost_basis"]) == (
            "gpt-5-mini",
            "connection_lost",
            "worst_case",
        )
        assert hop["cost_eur"] == (requested.body or {})["bound_eur"]
        assert "sent before that: openai:gpt-5-mini connection_lost" in str(caught.value)
        road.check()


async def test_a_refused_fallback_tells_what_was_sent_too(tmp_path: Path, providers: LoopbackServer) -> None:
    """The same for the next candidate, and for a workspace that was stopped meanwhile."""
    budgets = (
        'timezone = "UTC"\n[currency]\neur_per_usd = 0.9\nas_of = 2026-11-01\n'
        "[run]\nmax_cost_eur = 0.0003\n[day]\nmax_cost_eur = 1.0\n"
    )
    providers.handler = at_openai(b"<html>")
    async with open_road(write_workspace(tmp_path / "ws", budgets=budgets), providers.url) as road:
        with pytest.raises(BudgetExceeded) as caught:
            await road.client.call(asking())
        assert [one["reason"] for one in caught.value.details["hops"]] == ["malformed"]
        assert "llm.fallback.taken" not in road.kinds()
        assert caught.value.details["call_id"] == road.events()[0].call_id
        road.check()


def test_a_refusal_after_a_send_is_a_failed_call() -> None:
    """A refusal says that nothing was sent; where something was, it is no refusal, with the same code."""
    lost = Failure(CallReason.CONNECTION_LOST, OutcomeClass.RETRY_HERE)
    refused = CallRefused("the matrix has changed", code="matrix_changed", remedy="ask again")
    assert refused_midway(refused, [], call_id="call_1") is refused
    told = refused_midway(refused, [Ended("openai", "gpt-5-mini", lost)], call_id="call_1")
    assert (type(told), told.code, told.remedy) == (CallFailed, "matrix_changed", "ask again")
    assert (told.details["call_id"], told.details["hops"][0]["reason"]) == ("call_1", "connection_lost")


async def test_a_stop_between_two_hops_tells_what_was_sent(road: Road, providers: LoopbackServer) -> None:
    """The posture refuses the next hop; the error names the one before."""

    async def stopping(exchange: Exchange) -> None:
        await exchange.raw(b"HTTP/1.1 404 No\r\ncontent-length: 2\r\n\r\n{}")
        (road.ws.control / "lease").unlink()

    providers.handler = stopping
    with pytest.raises(ControlRefused) as caught:
        await road.client.call(asking())
    assert [one["reason"] for one in caught.value.details["hops"]] == ["model_not_found"]
    assert caught.value.details["hops"][0]["cost_basis"] == "none"
    assert caught.value.details["call_id"] == road.events()[0].call_id


async def test_without_a_ledger_what_was_sent_is_told(road: Road, providers: LoopbackServer) -> None:
    """The node is gone when the next hop is to be recorded."""

    async def ending(exchange: Exchange) -> None:
        await road.server.close()
        exchange.cut()

    providers.handler = ending
    call = asyncio.create_task(road.client.call(asking()))
    while not (providers.seen and road.ledger._pending):  # noqa: ASYNC110 - nothing tells that it waits
        await asyncio.sleep(0.005)
    let_pass(LEDGER_S)
    with pytest.raises(EnvironmentUnfit) as caught:
        await call
    assert [one["reason"] for one in caught.value.details["hops"]] == ["connection_lost"]
    assert len(providers.seen) == 1


async def test_the_calls_own_limit_holds_for_it(road: Road, providers: LoopbackServer) -> None:
    """A call that may cost one bound sends once."""
    await road.client.call(asking(layer=Layer.L4))
    bound = bodies(road, "llm.call.requested")[0]["bound_eur"]
    providers.seen.clear()
    providers.handler = at_openai(LOST)
    with pytest.raises(CallFailed) as caught:
        await road.client.call(
            layer="L4", messages="How is the market?", max_output_tokens=100, max_cost_eur=bound
        )
    assert caught.value.code == "connection_lost"
    assert len(providers.seen) == 1
    road.check()


async def test_a_stop_during_the_wait_costs_nothing_more(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """The hop that was to send it again is recorded as stopped, at nothing."""
    providers.handler = at_openai(LOST)
    rule = RetryRule(first_wait_s=200, longest_wait_s=200)
    matrix = workspace.matrix.read_text().replace("timeout_s = 30", "timeout_s = 300")
    workspace.matrix.write_text(matrix)
    async with open_road(workspace, providers.url, retry=rule) as road:
        call = asyncio.create_task(road.client.call(asking()))
        async with asyncio.timeout(25):
            while len(bodies(road, "llm.call.requested")) < 2:  # noqa: ASYNC110 - another process's database
                await asyncio.sleep(0.01)
        await asyncio.to_thread(stop_now, os.fspath(road.ws.control))
        with pytest.raises(ControlRefused):
            await asyncio.wait_for(call, 60)
        ends = [(one["reason"], one["cost_basis"]) for one in bodies(road, "llm.call.failed")]
        assert ends == [("connection_lost", "worst_case"), ("stopped", "none")]
        assert len(providers.seen) == 1
        road.check()


async def test_a_breaker_that_trips_over_it_forbids_it(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """The writer refuses the second send; the next candidate answers, and nobody comes back to the first."""
    providers.handler = at_openai(LOST, LOST)
    rules = BreakerRules(failures=1, open_us=600_000_000)
    async with open_road(workspace, providers.url, breaker_rules=rules) as road:
        result = await road.client.call(asking())
        assert result.provider == "google"
        assert len(providers.seen) == 2
        assert [one["reason"] for one in bodies(road, "llm.call.refused")] == ["breaker_open"]
        (taken,) = bodies(road, "llm.fallback.taken")
        assert taken["to"]["provider"] == "google"
        road.check()


async def test_a_fallback_is_taken_once(road: Road, providers: LoopbackServer) -> None:
    """A fallback whose connection is lost is sent again, and is no second fallback."""
    lost = [LOST]

    async def handler(exchange: Exchange) -> None:
        if "generateContent" not in exchange.path:
            await exchange.answer(404)
        elif lost:
            lost.clear()
            exchange.cut()
        else:
            await answering()(exchange)

    providers.handler = handler
    result = await road.client.call(asking())
    assert (result.provider, result.hop, result.fallback) == ("google", 3, True)
    assert road.kinds().count("llm.fallback.taken") == 1
    road.check()


async def test_a_repair_is_sent_again_as_one(road: Road, providers: LoopbackServer) -> None:
    """It is the repairing request that leaves again."""
    good = answering(chat('{"name": "x"}', model="gpt-5-nano"))
    providers.handler = at_openai(chat("nonsense", model="gpt-5-nano"), LOST, then=good)
    result = await road.client.call(asking(layer=Layer.L4), answer=Named)
    assert (result.parsed, result.hop) == (Named(name="x"), 3)
    asked = bodies(road, "llm.call.requested")
    assert [(one.get("repair"), one.get("resend")) for one in asked] == [
        (None, None),
        (True, None),
        (True, True),
    ]
    assert providers.seen[1].body == providers.seen[2].body
    road.check()


async def test_a_stream_that_never_began_is_sent_again(road: Road, providers: LoopbackServer) -> None:
    """Its reader sees one answer."""
    providers.handler = at_openai(LOST, then=sending(*whole("all ", "fine")))
    async with road.client.stream(asking()) as stream:
        assert [delta.text async for delta in stream] == ["all ", "fine"]
        assert (await stream.result()).hop == 2
    assert [one["cost_basis"] for one in bodies(road, "llm.call.failed")] == ["worst_case"]
    road.check()


async def test_an_error_within_a_stream_is_a_send_of_its_own(road: Road, providers: LoopbackServer) -> None:
    """A stream had begun, and nobody told what it cost: what comes next has another reservation."""
    refused = orjson.dumps({"error": {"message": "slow down", "code": "rate_limit_exceeded"}})
    good = sending(*whole("fine"))
    first = [
        HEAD,
        chunk({"role": "assistant", "content": ""}),
        b"%x\r\ndata: %s\n\n\r\n" % (len(refused) + 8, refused),
    ]

    async def handler(exchange: Exchange) -> None:
        if exchange.number > 1:
            await good(exchange)
            return
        for piece in first:
            await exchange.raw(piece)

    providers.handler = handler
    async with road.client.stream(asking()) as stream:
        result = await stream.result()
    (failed,) = bodies(road, "llm.call.failed")
    assert (failed["reason"], failed["cost_basis"]) == ("rate_limited", "worst_case")
    assert (result.provider, result.hop) == ("openai", 2)
    assert len(providers.seen) == 2 <= QUICK.attempts
    road.check()
