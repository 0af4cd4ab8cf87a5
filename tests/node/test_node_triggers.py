"""The node's triggers: what they see opens one incident, acts by itself, and is on record within a second."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from node_calls import completed, failed, requested
from node_world import World, node_here, soon

from peak_console.control.breakers import Latch, TradingFigures
from peak_console.control.gate import CallGate
from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import ControlRefused
from peak_console.domain.events import EventDraft, LedgerEvent
from peak_console.node.engine import Node
from peak_console.node.status import report
from peak_console.operations.breakers import list_breakers, reset_breaker


def stopped(world: World) -> tuple[str, ...]:
    """The scopes that a worker's gate reads in the lease as stopped."""
    lease = CallGate(world.ws.control, SystemClock(), {}).lease()
    return lease.stopped_scopes if lease else ()


def quarantined(world: World) -> tuple[str, ...]:
    """The models that it reads there as out of use."""
    lease = CallGate(world.ws.control, SystemClock(), {}).lease()
    return lease.quarantined if lease else ()


def latched(world: World) -> tuple[Latch, ...]:
    """What `peak breaker list` shows as latched on a scope."""
    return list_breakers(world.ws).latches.latched()


def opened(world: World, trigger: str) -> list[LedgerEvent]:
    """Incidents of a trigger."""
    found = [one for one in world.events() if one.kind == "incident.opened"]
    return [one for one in found if (one.body or {})["trigger"] == trigger]


async def append(node: Node, *drafts: EventDraft) -> list[Any]:
    """Append as the node takes in what clients send."""
    return await node.server.append(drafts, actor="worker")


def denied(event_id: str, layer: str = "L1") -> EventDraft:
    """A denial."""
    body = {"rule": "forbidden_model", "where": "echo", "field": "model", "subject": "x"}
    return EventDraft(event_id, "policy.denied", body, layer=layer, call_id=f"call_{event_id}")


@pytest.mark.usefixtures("_lasting_lease")
async def test_a_violation_stops_its_layer_and_is_told_once(world: World) -> None:
    """The lease names the layer before it would be renewed; a second denial counts and opens nothing."""
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        await soon(world.calls, "calls are permitted")
        await append(node, denied("d1"))
        await soon(lambda: stopped(world) == ("layer:L1",), "the layer is stopped")
        await soon(lambda: opened(world, "policy_violation"), "it is on record")
        assert world.calls(), "other layers go on"
        await append(node, denied("d2"))
        await node.opening.settle()
        (incident,) = opened(world, "policy_violation")
        body = incident.body or {}
        assert (body["cause"], body["scope"], body["auto"]) == ("layer:L1", "layer:L1", "stop_scope")
        assert body["next_action"].startswith("layer:L1 is stopped by itself")
        assert incident.actor == "node"
        acted = [one.body or {} for one in world.events() if one.kind == "incident.action_taken"]
        assert [(one["action"], one["ok"]) for one in acted] == [("stop_scope", True)]
        assert world.kinds().count("control.stopped") == 1
    async with node_here(world) as node:
        assert len(opened(world, "policy_violation")) == 1, "a restart tells nothing twice"
        assert stopped(world) == ("layer:L1",)


async def test_a_runaway_latches_a_breaker_that_only_an_operator_resets(world: World) -> None:
    """The layer that spends is stopped, over a restart too, until its burn breaker is reset with a reason."""
    windows = "[[budget_runaway.windows]]\nfactor = 2.0\nlong_s = 900\nshort_s = 180\n"
    (world.ws.root / "configs/incidents.toml").write_text(windows, encoding="utf-8")
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        await soon(world.calls, "calls are permitted")
        for number in range(12):
            await append(node, *spent(f"b{number}", "0.250000000"))
        await soon(lambda: stopped(world) == ("layer:L2",), "the layer that spends is stopped")
        await soon(lambda: opened(world, "budget_runaway"), "it is on record")
        (ack,) = await append(node, requested("late"))
        assert ack.refusal is not None
        assert ack.refusal.code == "scope_stopped"
        await node.opening.settle()
    async with node_here(world) as node:
        assert stopped(world) == ("layer:L2",)
        (latch,) = latched(world)
        assert (latch.kind, latch.scope, latch.trips) == ("burn", "layer:L2", 1)
        assert latch.incident_id == (opened(world, "budget_runaway")[-1].body or {})["incident_id"]
        await asyncio.to_thread(reset, world, node)
        await soon(lambda: not stopped(world), "it is lifted")
        with pytest.raises(ControlRefused, match="closed"):
            await asyncio.to_thread(reset, world, node)
        assert world.kinds().count("breaker.tripped") == 1, "its incident is open: what is known is not new"


def spent(call_id: str, cost_eur: str) -> list[EventDraft]:
    """A call of L2 that cost so much."""
    end = completed(call_id)
    return [requested(call_id, cost_eur), replace(end, body={**end.body, "cost_eur": cost_eur})]


def reset(world: World, node: Node) -> None:
    """``peak breaker reset burn layer:L2``."""
    with world.client(node.socket_path) as client:
        reset_breaker(world.ws, client, "burn", "layer:L2", reason="the run was ended")


@pytest.mark.usefixtures("_lasting_lease")
async def test_another_models_answer_takes_the_model_out_of_use(world: World) -> None:
    """An unexpected echo quarantines its model; nothing else is stopped."""
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        await soon(world.calls, "calls are permitted")
        end = failed("e1")
        body = {**end.body, "reason": "unexpected_echo", "served_model": "gpt-4"}
        await append(node, requested("e1"), replace(end, body=body))
        await soon(lambda: quarantined(world) == ("openai:gpt-5",), "the model is out of use")
        assert not stopped(world)
        (incident,) = opened(world, "model_drift")
        assert (incident.body or {})["scope"] == "model:openai:gpt-5"
        node.order_breakers.figures = lambda: TradingFigures(day_pnl_eur=Decimal(-1_000_000))
        latches = await soon(lambda: latched(world), "the loss is latched")
        assert [(one.kind.value, one.scope) for one in latches] == [("daily_loss", "global")]
        assert not stopped(world), "a breaker of orders stops no calls"
        assert report(node)["latches"][0]["breaker"] == "daily_loss"
        assert report(node)["order_breakers"][0]["says"] == "tripped"


class Later(SystemClock):
    """The clock of somebody who comes an hour later."""

    def now(self) -> datetime:
        """An hour later."""
        return super().now() + timedelta(hours=1)


async def test_the_next_node_tells_of_the_lapse(world: World) -> None:
    """Nobody held a lease for an hour while calls were enabled: told once, stopped by nothing."""
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        await soon(world.calls, "calls are permitted")
    for _ in range(2):
        async with node_here(world, clock=Later()) as node:
            await node.opening.settle()
    (incident,) = opened(world, "lapse")
    assert (incident.body or {})["figures"]["clean_end"] is True
    assert world.kinds().count("control.stopped") == 0
