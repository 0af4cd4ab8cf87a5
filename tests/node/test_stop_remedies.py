"""What a refusal for a stopped scope says to do is what lifts it: each remedy is run as it stands."""

import asyncio
import re
import shlex

import pytest
from node_world import World, node_here, soon

from peak_console.cli.entry import main
from peak_console.control.breakers import KINDS, Latches
from peak_console.control.scopes import Halts, Subject
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft
from peak_console.node.engine import Node
from peak_console.operations.enable import enable_scope

CALL = Subject(layer="L2", run_id="run_1", provider="acme", model_id="m")


def commands(remedy: str) -> list[list[str]]:
    """The commands that a remedy names, as a shell would take them."""
    return [shlex.split(one.strip())[1:] for one in re.findall(r"peak [^;]*", remedy)]


def run_all(world: World, remedy: str) -> None:
    """Run what a remedy names, in its order; each ends well."""
    found = commands(remedy)
    assert found
    for words in found:
        with pytest.raises(SystemExit) as ended:
            main([*words, "--root", str(world.ws.root)])
        assert ended.value.code == 0, words


def trip(number: int) -> EventDraft:
    """The burn breaker of a layer trips."""
    body = {"breaker": "burn", "scope": "layer:L2", "figures": {}, "limit": "1", "reason": "r"}
    return EventDraft(f"ev_trip_{number}", KINDS[0], body)


def lift(world: World, node: Node) -> None:
    """``peak enable --scope layer:L2``."""
    with world.client(node.socket_path) as client:
        enable_scope(world.ws, client, scope="layer:L2", reason="x", confirm="ENABLE", operator="anna")


async def test_each_remedy_lifts_what_it_is_about(world: World) -> None:
    """A person's stop by an enable that confirms; a breaker's by its reset, in the refusal of a lift too."""
    world.set_control(cooldown_s=0)
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        await node.lowering.lower("stop", scope="layer:L2")
        halt = Halts(node.state.stopped_scopes).of(CALL)
        assert halt is not None
        await asyncio.to_thread(run_all, world, halt.remedy)
        assert node.state.stopped_scopes == ()
        await node.server.append([trip(1)], actor="node")
        latches = node.state.latches
        assert node.state.stopped_scopes == ("layer:L2",)
        halt = Halts(node.state.stopped_scopes, (), latches.holding()).of(CALL)
        assert halt is not None
        with pytest.raises(PeakError) as refused:
            await asyncio.to_thread(lift, world, node)
        assert refused.value.code == "scope_not_stopped"
        assert "burn breaker holds it" in refused.value.message
        assert refused.value.remedy == halt.remedy
        await asyncio.to_thread(run_all, world, halt.remedy)
        await soon(lambda: node.state.stopped_scopes == (), "it is lifted")


def test_breakers_of_orders_hold_no_scope() -> None:
    """Their resets lift nothing that stops a call."""
    order = {"breaker": "daily_loss", "scope": "layer:L2", "figures": {}, "limit": "1", "reason": "r"}
    latches = Latches().after(KINDS[0], order, "t", 1)
    assert latches.latched()
    assert latches.holding() == ()
