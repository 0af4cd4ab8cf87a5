"""``peak call`` under SIGTERM and SIGINT: a process of its own on a road's workspace."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from background_road import bodies
from loopback_server import Exchange, LoopbackServer
from road import environment, open_road, write_workspace

from peak_console.control.files import encode


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_signal_cancels_the_call_and_its_run(
    tmp_path: Path, number: signal.Signals, code: int, *, streamed: bool
) -> None:
    """Recorded as cancelled, the run as aborted; one line on standard error says what is booked."""
    asked = asyncio.Event()

    async def hang(exchange: Exchange) -> None:
        asked.set()
        await asyncio.sleep(60)
        await exchange.answer(200, b"{}")

    ws = write_workspace(tmp_path / "ws")
    async with LoopbackServer(hang) as server, open_road(ws, server.url) as road:
        (ws.control / "node.json").write_bytes(encode({"socket": os.fspath(road.server.socket_path)}))
        words = ["call", "L2", "--prompt", "?", "--root", os.fspath(ws.root), *(["--stream"] * streamed)]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "peak_console",
            *words,
            env={**os.environ, **environment(server.url)},
            stderr=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
        )
        await asyncio.wait_for(asked.wait(), 30)
        process.send_signal(number)
        _, told = await asyncio.wait_for(process.communicate(), 30)
        (failed,) = road.events("llm.call.failed")
        body = failed.body or {}
        assert (process.returncode, body["reason"]) == (code, "cancelled")
        assert [one["outcome"] for one in bodies(road, "run.finished")] == ["aborted"]
        booked = f"€ {body['cost_eur']} booked, its bound: nobody told the usage"
        line = f"peak: call {failed.call_id} is cancelled: {booked}; see: peak why {failed.call_id}"
        assert told.decode().splitlines() == [line]
        road.check()
