"""Background work with the real node in a process of its own: killed, started again, stopped."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from background_road import COST_EUR, MATRIX, QUICK_POLLS, research, write_background_workspace
from road import environment
from support.background_provider import USAGE, BackgroundProvider

sys.path.append(str(Path(__file__).parent.parent / "node"))

from node_world import World, node_process, soon

from peak_console.control.stop import stop_now
from peak_console.domain.vocabulary import Layer
from peak_console.ledger.service.client import SocketLedgerClient
from peak_console.ledger.verifying.verify import verify
from peak_console.llm.client import Client
from peak_console.node.spawn import begin_ledger
from peak_console.operations.init import init_workspace


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A new workspace with operator anna, whose L4 works in the background."""
    monkeypatch.setenv("PEAK_KEYS_DIR", str(tmp_path / "keys"))
    made = init_workspace(tmp_path / "w", operator="anna")
    model = write_background_workspace(tmp_path / "model")
    for name in ("matrix", "models", "prices", "budgets"):
        getattr(made.ws, name).write_text(getattr(model, name).read_text())
    assert made.ws.matrix.read_text() == MATRIX
    begin_ledger(made.ws, operator=made.operator, public_key=made.public_key)
    return World(made.ws)


@asynccontextmanager
async def calling(world: World, socket: Path, url: str) -> AsyncIterator[Client]:
    """A client of the node at ``socket`` whose provider is at ``url``."""
    ledger = await SocketLedgerClient.connect(socket, name="test")
    client = Client(world.ws, ledger, environ=environment(url), polls=QUICK_POLLS)
    try:
        yield client
    finally:
        await client.close()
        await ledger.close()


async def test_accepted_work_outlives_its_node_and_is_settled_under_a_stop(world: World) -> None:
    """Begun under one node, fetched under the next; another one cancelled while STOPPED, with its bill."""
    async with BackgroundProvider(polls_until_done=None, bill_of_cancelled=USAGE) as provider:
        with node_process(world) as node:
            async with calling(world, node.socket, provider.url) as client:
                await asyncio.to_thread(world.enable, node.socket)
                await soon(world.calls, "calls are permitted")
                first = await client.submit(research(layer=Layer.L4))
                second = await client.submit(research(layer=Layer.L4))
        with node_process(world) as node:
            async with calling(world, node.socket, provider.url) as client:
                assert {one.call_id for one in await client.pending()} == {first, second}
                provider.begun[0].status = "completed"
                await asyncio.to_thread(stop_now, os.fspath(world.ws.control))
                assert (await client.resume(first)).cost_eur == COST_EUR
                ending = await client.cancel(second)
                assert (ending.outcome, ending.cost_eur, ending.recorded) == ("cancelled", COST_EUR, True)
                assert await client.pending() == []
        assert (provider.posts, provider.begun[1].status) == (2, "cancelled")
    calls = [kind for kind in world.kinds() if kind.startswith("llm.call.")]
    assert calls == [
        "llm.call.requested",
        "llm.call.accepted",
        "llm.call.requested",
        "llm.call.accepted",
        "llm.call.completed",
        "llm.call.failed",
    ]
    assert verify(world.ws.ledger).ok
