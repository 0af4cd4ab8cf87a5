"""Workers of a real node acknowledge stops; one that is frozen stays missing until it runs again."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from node_world import World, node_here, soon

from peak_console.control.stop import stop_now
from peak_console.llm.opening import open_client
from peak_console.operations.workers import workers_of

_SCRIPT = Path(__file__).with_name("worker_process.py")


@contextlib.contextmanager
def worker_process(world: World) -> Iterator[subprocess.Popen[str]]:
    """A worker in a process of its own, from when it is connected."""
    process = subprocess.Popen(
        [sys.executable, str(_SCRIPT), str(world.ws.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.communicate(timeout=30)


def told(world: World, stop_id: str) -> list[dict[str, Any]]:
    """What is on record of who acknowledged a stop."""
    bodies = [dict(one.body or {}) for one in world.events() if one.kind == "control.acknowledged"]
    return [body for body in bodies if body["stop_id"] == stop_id]


async def test_a_frozen_worker_is_missing_until_it_runs_again(world: World) -> None:
    """A scope stop and a global one: acknowledged within the watch; SIGSTOP is told by name and pid."""
    (world.ws.root / "configs" / "incidents.toml").write_text("[worker_lost]\nack_s = 1\n")
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        process_here = worker_process(world)
        process = await asyncio.to_thread(process_here.__enter__)
        try:
            async with open_client(world.ws, name="live job"):
                answer = await node.lowering.lower("stop", scope="layer:L2")
                assert answer.recorded
                stopped = next(one.body or {} for one in world.events() if one.seq == answer.seq)
                (body,) = await soon(lambda: told(world, stopped["stop_id"]), "an acknowledged scope stop")
                assert [one["name"] for one in body["workers"]] == ["frozen job", "live job"]
                assert (body["scope"], body["missing"]) == ("layer:L2", [])
                assert {one["pid"] for one in body["workers"]} == {process.pid, os.getpid()}
                process.send_signal(signal.SIGSTOP)
                stop_id = stop_now(world.ws.control, reason="drill").stop_id
                (body,) = await soon(lambda: told(world, stop_id), "who acknowledged the stop")
                assert [one["name"] for one in body["workers"]] == ["live job"]
                assert [(one["name"], one["pid"]) for one in body["missing"]] == [("frozen job", process.pid)]
                assert [(one.name, one.why) for one in node.notices.workers.missing()] == [
                    ("frozen job", "not_acknowledged")
                ]
                lines = {one.name: one for one in await asyncio.to_thread(workers_of, world.ws)}
                assert (lines["frozen job"].missing, lines["frozen job"].acknowledged_ms) == (True, None)
                assert lines["live job"].acknowledged_ms is not None
                opened = await soon(
                    lambda: [one for one in world.events() if one.kind == "incident.opened"], "an incident"
                )
                assert [(one.body or {})["trigger"] for one in opened] == ["worker_lost"]
                process.send_signal(signal.SIGCONT)
                _, late = await soon(
                    lambda: records if len(records := told(world, stop_id)) > 1 else None, "a late answer"
                )
                assert late["missing"] == []
        finally:
            await asyncio.to_thread(process_here.__exit__, None, None, None)
