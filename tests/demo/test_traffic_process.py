import asyncio
import json
import os
import signal
from subprocess import PIPE
from typing import Any

from support import forking

COMMAND = ("-m", "peak_console.demo.traffic")


def started(demo: Any, *arguments: str) -> forking.Forked:
    """A traffic process in the demo's workspace."""
    words = [*COMMAND, "--root", demo.ws.root, *arguments]
    return forking.start(words, env=os.environ | demo.environ, stdout=PIPE, stderr=PIPE)


async def said(process: forking.Forked) -> tuple[bytes, bytes]:
    """What it writes until it ends."""
    return await asyncio.to_thread(process.communicate)


async def test_it_ends_after_its_time_with_a_summary(demo: Any) -> None:
    """The last line is one JSON object that agrees with the ledger; nothing is said on standard error."""
    process = started(demo, "--rate", "30", "--seed", "5", "--seconds", "3")
    out, err = await said(process)
    assert (process.returncode, err) == (0, b"")
    summary = json.loads(out.splitlines()[-1])
    assert summary["calls"] == len(demo.events("llm.call.completed"))
    assert summary["calls"] > 20
    assert summary["runs"] > 0
    await demo.check()


async def test_it_ends_cleanly_on_a_signal(demo: Any) -> None:
    """SIGTERM ends it within seconds, with its summary, and leaves no call open."""
    process = started(demo, "--rate", "30")
    async with asyncio.timeout(30):
        while demo.simulation.serial < 10:  # noqa: ASYNC110 - another process makes it true
            await asyncio.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    out, err = await said(process)
    assert (process.returncode, err) == (0, b"")
    assert json.loads(out.splitlines()[-1])["calls"] > 0
    await demo.check()


async def test_a_real_workspace_is_refused(demo: Any) -> None:
    """Exit 1 with reason and remedy, no traceback, no call."""
    demo.permission.make_real()
    process = started(demo)
    out, err = await said(process)
    assert (process.returncode, out) == (1, b"")
    assert b"not_simulated" in err
    assert b"Traceback" not in err
    assert demo.simulation.serial == 0


async def test_no_workspace_is_an_environment_error(demo: Any, tmp_path: Any) -> None:
    """Exit 3 where there is nothing to work in."""
    done = await asyncio.to_thread(forking.run, [*COMMAND, "--root", tmp_path / "nowhere"])
    assert done.code == 3
    assert b"no_workspace" in done.err
