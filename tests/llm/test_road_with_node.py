"""The road with the real node in a process of its own, on a workspace as ``peak init`` makes it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from loopback_server import Exchange, LoopbackServer
from road import QUICK, answering, asking, environment

sys.path.append(str(Path(__file__).parent.parent / "node"))

from node_world import World, node_process, soon

from peak_console.control.stop import stop_now
from peak_console.domain.errors import CallRefused, ControlRefused
from peak_console.ledger.service.client import SocketLedgerClient
from peak_console.ledger.verifying.verify import verify
from peak_console.llm.client import Client
from peak_console.node.spawn import begin_ledger
from peak_console.operations.init import init_workspace


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A new workspace with operator anna."""
    monkeypatch.setenv("PEAK_KEYS_DIR", str(tmp_path / "keys"))
    made = init_workspace(tmp_path / "w", operator="anna")
    begin_ledger(made.ws, operator=made.operator, public_key=made.public_key)
    return World(made.ws)


@asynccontextmanager
async def calling(world: World, socket: Path, url: str) -> AsyncIterator[Client]:
    """A client of the node at ``socket`` whose providers are at ``url``."""
    ledger = await SocketLedgerClient.connect(socket, name="test")
    client = Client(world.ws, ledger, environ=environment(url), retry=QUICK)
    try:
        yield client
    finally:
        await client.close()
        await ledger.close()


async def model_asked(client: Client) -> str | None:
    """Which model answered; ``None`` when the node has taken another matrix than the call was planned by."""
    try:
        return (await client.call(asking())).model_id
    except CallRefused as error:
        if error.code != "matrix_changed":
            raise
        await asyncio.sleep(0.05)
        return None


async def test_a_new_workspace_refuses_calls_until_it_is_enabled_and_after_it_is_stopped(
    world: World,
) -> None:
    """Refused, enabled, answered, stopped in mid-call, refused again: each on the ledger, the chain whole."""
    arrived = asyncio.Event()
    hanging = [False]
    good = answering()

    async def handler(exchange: Exchange) -> None:
        if hanging[0]:
            arrived.set()
            await asyncio.Event().wait()
        await good(exchange)

    async with LoopbackServer(handler) as provider:
        with node_process(world) as node:
            async with calling(world, node.socket, provider.url) as client:
                with pytest.raises(ControlRefused):
                    await client.call(asking())
                assert not provider.seen
                await asyncio.to_thread(world.enable, node.socket)
                await soon(world.calls, "calls are permitted")
                result = await client.call(asking())
                assert (result.text, result.recorded) == ("fine", True)
                hanging[0] = True
                call = asyncio.create_task(client.call(asking()))
                await asyncio.wait_for(arrived.wait(), 25)
                await asyncio.to_thread(stop_now, os.fspath(world.ws.control))
                with pytest.raises(ControlRefused) as caught:
                    await asyncio.wait_for(call, 25)
                assert caught.value.code == "stopped"
                with pytest.raises(ControlRefused):
                    await client.call(asking())
    kinds = [kind for kind in world.kinds() if kind.startswith("llm.")]
    assert kinds == [
        "llm.call.refused",
        "llm.call.requested",
        "llm.call.completed",
        "llm.call.requested",
        "llm.call.failed",
        "llm.call.refused",
    ]
    assert verify(world.ws.ledger).ok


async def test_a_matrix_edited_meanwhile_binds_the_next_call(world: World) -> None:
    """A call after an edit follows the new matrix, or is refused as planned under the old one; never else."""
    async with LoopbackServer(answering()) as provider:
        with node_process(world) as node:
            async with calling(world, node.socket, provider.url) as client:
                await asyncio.to_thread(world.enable, node.socket)
                await soon(world.calls, "calls are permitted")
                assert (await client.call(asking())).model_id == "gpt-5-mini"
                text = world.ws.matrix.read_text()
                start = text.index("[L2.primary]")
                edited = text[:start] + text[start:].replace('"gpt-5-mini"', '"gpt-5-nano"', 1)
                world.ws.matrix.write_text(edited)
                asked: list[str | None] = [None]
                while asked[-1] is None and len(asked) < 100:
                    asked.append(await model_asked(client))
                assert asked[-1] == "gpt-5-nano"
