"""The node's triggers: what they see opens one incident, acts by itself, and is on the ledger within a second."""

import asyncio
from typing import Any

from node_world import World, node_here, soon

from peak_console.control.gate import CallGate
from peak_console.domain.clock import SystemClock
from peak_console.domain.events import EventDraft, LedgerEvent
from peak_console.node.engine import Node


def stopped(world: World) -> tuple[str, ...]:
    """The scopes that a worker's gate reads in the lease as stopped."""
    lease = CallGate(world.ws.control, SystemClock(), {}).lease()
    return lease.stopped_scopes if lease else ()


def quarantined(world: World) -> tuple[str, ...]:
    """The models that it reads there as out of use."""
    lease = CallGate(world.ws.control, SystemClock(), {}).lease()
    return lease.quarantined if lease else ()


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


async def test_a_violation_stops_its_layer_and_is_told_once(world: World) -> None:
    """The lease names the layer before a second has passed; a second denial counts and opens nothing."""
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        await soon(world.calls, "calls are permitted")
        await append(node, denied("d1"))
        await soon(lambda: stopped(world) == ("layer:L1",), "the layer is stopped", 1)
        await soon(lambda: opened(world, "policy_violation"), "it is on record", 1)
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
