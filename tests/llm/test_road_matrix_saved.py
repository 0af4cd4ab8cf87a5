"""A matrix saved in the workbench while a call is on its way: it binds the next one whole."""

import asyncio
import sys
from pathlib import Path

import pytest
from loopback_server import Exchange, LoopbackServer
from road import answering, asking
from test_road_with_node import calling, model_asked

sys.path.append(str(Path(__file__).parent.parent / "node"))

from node_world import World, node_process, soon

from peak_console.config.editing.targets import target_named
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.errors import PeakError
from peak_console.node.spawn import begin_ledger
from peak_console.operations.init import init_workspace
from peak_console.operations.workbench.saving import save

OLD_FALLBACK, NEW_FALLBACK, NEW_PRIMARY = "gemini-2.5-flash", "gemini-3.8-flash", "gpt-6-luna"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A new workspace with operator anna, and a state folder of its own."""
    monkeypatch.setenv("PEAK_KEYS_DIR", str(tmp_path / "keys"))
    monkeypatch.setenv("PEAK_STATE_DIR", str(tmp_path / "state"))
    made = init_workspace(tmp_path / "w", operator="anna")
    begin_ledger(made.ws, operator=made.operator, public_key=made.public_key)
    return World(made.ws)


def replace_models(world: World, socket: Path) -> str:
    """Save a matrix with other models in L2; gives its digest."""
    text = world.ws.matrix.read_text()
    base = sha256_hex(world.ws.matrix.read_bytes())
    start, end = text.index("[L2.primary]"), text.index("[L2.critic]")
    chain = text[start:end].replace("gpt-5-mini", NEW_PRIMARY).replace(OLD_FALLBACK, NEW_FALLBACK)
    codes = ("cost_rises", "fallback_lost", "sod_weakened", "only_verified_removed")
    with world.client(socket) as client:
        saved = save(
            world.ws,
            client,
            target_named("matrix"),
            text[:start] + chain + text[end:],
            base=base,
            reason="models near their end",
            confirmed=codes,
        )
    return saved.new


async def test_a_call_on_its_way_never_mixes_two_matrices(world: World) -> None:
    """Its first hop ends as planned, its second is refused; the next call is of the new matrix alone."""
    replaced, seen_paths = asyncio.Event(), list[str]()
    good = answering()

    async def handler(exchange: Exchange) -> None:
        seen_paths.append(f"{exchange.path} {exchange.body[:400]!r}")
        if b'"gpt-5-mini"' in exchange.body:
            arrived.set()
            await replaced.wait()
            await exchange.answer(500, b"{}")
            return
        await good(exchange)

    arrived = asyncio.Event()
    async with LoopbackServer(handler) as provider:
        with node_process(world) as node:
            async with calling(world, node.socket, provider.url) as client:
                await asyncio.to_thread(world.enable, node.socket)
                await soon(world.calls, "calls are permitted")
                old = sha256_hex(world.ws.matrix.read_bytes())
                call = asyncio.create_task(client.call(asking()))
                await asyncio.wait_for(arrived.wait(), 30)
                new = await asyncio.to_thread(replace_models, world, node.socket)
                await soon(lambda: _in_force(world, new), "the node saw it")
                replaced.set()
                with pytest.raises(PeakError) as caught:
                    await call
                assert caught.value.code == "matrix_changed"
                asked = [path for path in seen_paths if NEW_FALLBACK in path or NEW_PRIMARY in path]
                assert not asked
                requested = [one for one in world.events() if one.kind == "llm.call.requested"]
                assert {(one.body or {})["matrix_digest"] for one in requested} == {old}
                models: list[str | None] = [None]
                while models[-1] is None and len(models) < 100:
                    models.append(await model_asked(client))
                assert models[-1] == NEW_PRIMARY
    last = [one for one in world.events() if one.kind == "llm.call.requested"][-1]
    assert (last.body or {})["matrix_digest"] == new


def _in_force(world: World, digest: str) -> bool:
    return any(
        (one.body or {}).get("new") == digest for one in world.events() if one.kind == "config.changed"
    )
