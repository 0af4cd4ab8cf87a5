import asyncio
import json
import os
import signal
import sys
from typing import Any

COMMAND = (sys.executable, "-m", "peak_console.demo.traffic")


async def started(demo: Any, *arguments: str) -> asyncio.subprocess.Process:
    """A traffic process in the demo's workspace."""
    environ = os.environ | demo.environ
    return await asyncio.create_subprocess_exec(
        *COMMAND,
        "--root",
        str(demo.ws.root),
        *arguments,
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_it_ends_after_its_time_with_a_summary(demo: Any) -> None:
    """The last line is one JSON object that agrees with the ledger; nothing is said on standard error."""
    process = await started(demo, "--rate", "30", "--seed", "5", "--seconds", "3")
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, err) == (0, b"")
    summary = json.loads(out.splitlines()[-1])
    assert summary["calls"] == len(demo.events("llm.call.completed"))
    assert summary["calls"] > 20
    assert summary["runs"] > 0
    await demo.check()


async def test_it_ends_cleanly_on_a_signal(demo: Any) -> None:
    """SIGTERM ends it within seconds, with its summary, and leaves no call open."""
    process = await started(demo, "--rate", "30")
    async with asyncio.timeout(30):
        while demo.simulation.serial < 10:  # noqa: ASYNC110 - another process makes it true
            await asyncio.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, err) == (0, b"")
    assert json.loads(out.splitlines()[-1])["calls"] > 0
    await demo.check()


async def test_a_real_workspace_is_refused(demo: Any) -> None:
    """Exit 1 with reason and remedy, no traceback, no call."""
    demo.permission.make_real()
    process = await started(demo)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, out) == (1, b"")
    assert b"not_simulated" in err
    assert b"Traceback" not in err
    assert demo.simulation.serial == 0


async def test_no_workspace_is_an_environment_error(demo: Any, tmp_path: Any) -> None:
    """Exit 3 where there is nothing to work in."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "--root", str(tmp_path / "nowhere"), stderr=asyncio.subprocess.PIPE
    )
    _, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 3
    assert b"no_workspace" in err
