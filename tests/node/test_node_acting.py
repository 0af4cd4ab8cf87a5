"""What a trigger does by itself ends what waits to be armed, and what its incident says did happen."""

import asyncio
from typing import Any, cast

import pytest
from node_world import World, node_here, soon

from peak_console.domain.arming import ArmState
from peak_console.domain.clock import SystemClock
from peak_console.domain.incidents import Auto, Trigger
from peak_console.node.acting import NodeActing
from peak_console.node.engine import Node
from peak_console.operations import arming


class _Nothing:
    """A node's state in which no lease is armed."""

    arm = None


@pytest.mark.parametrize("state", ArmState)
def test_a_disarm_stands_only_where_nothing_waits_to_be_armed(state: ArmState) -> None:
    """Not while a request waits for its token, nor while a grant is being recorded."""
    acting = NodeActing(cast("Any", _Nothing()), *cast("Any", (None, None, None)), lambda: state)
    assert acting.stands(Auto.DISARM, "global") is (state in {ArmState.IDLE, ArmState.LOCKED})


def _ask(world: World, node: Node) -> arming.Requested:
    with world.client(node.socket_path) as client:
        return arming.request(
            world.ws,
            client,
            scope="venue:paper",
            run_id="",
            purpose="x",
            reason="x",
            drill=True,
            ttl_s=600,
            operator="anna",
        )


async def test_an_incident_that_acts_ends_a_request_that_waits(world: World) -> None:
    """By its disarm, and by any other act of its own: asked again, not confirmed. Each end is on record."""
    auto = '[latency_spike]\nauto = "disarm"\n'
    (world.ws.root / "configs/incidents.toml").write_text(auto, encoding="utf-8")
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        await soon(world.calls, "calls are permitted")
        for trigger, scope in ((Trigger.LATENCY_SPIKE, "global"), (Trigger.POLICY_VIOLATION, "layer:L3")):
            got = await asyncio.to_thread(_ask, world, node)
            assert node.arming.machine.state is ArmState.CONFIRMABLE
            incident_id = node.opening.open(trigger, "x", scope, "it happened")
            await node.opening.settle()
            await soon(lambda: node.arming.machine.state is ArmState.IDLE, "nothing waits any more")

            def ends(asked: str = got.request_id) -> list[str]:
                ended = [one.body or {} for one in world.events() if one.kind == "control.arm.ended"]
                return [one["why"] for one in ended if one["request_id"] == asked]

            await soon(ends, "its end is on record")
            assert ends()[0] in {"disarmed", "posture_fell"}
            acts = [one.body or {} for one in world.events() if one.kind == "incident.action_taken"]
            assert [one["ok"] for one in acts if one["incident_id"] == incident_id] == [True]
        assert arming.arm_facts(world.ws, SystemClock()).state is ArmState.IDLE
