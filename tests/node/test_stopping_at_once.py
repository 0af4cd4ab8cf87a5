"""Four processes stop and recover at once on one node; a frozen worker is named in red by ``peak stop``."""

import asyncio
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node_world import PATIENCE_S, World, node_here, soon

from peak_console.control.files import ENABLED, ENABLING
from peak_console.domain.posture import PostureState
from peak_console.ledger.verifying.verify import verify

_HERE = Path(__file__).parent
PROCESSES, ROUNDS = 4, 4
REFUSED = {"unsettled", "enable_in_progress", "stopped_meanwhile", "enabled_meanwhile", "changed_meanwhile"}
"""What an operator is told who is not alone."""


def at_once(world: World) -> list[list[str]]:
    """The steps of each process, as it told them."""
    words = [sys.executable, str(_HERE / "stopping_process.py"), str(world.ws.root), str(ROUNDS)]
    running = [
        subprocess.Popen([*words, str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for seed in range(PROCESSES)
    ]
    try:
        for one in running:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        told = []
        for one in running:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        for one in running:
            out, _ = one.communicate(timeout=2 * PATIENCE_S)
            assert one.returncode == 0
            told.append(out.splitlines())
        return told
    finally:
        for one in running:
            one.kill()
            one.communicate()


async def test_four_processes_stop_and_recover_at_once(world: World) -> None:
    """No stop is on record twice, nobody is refused but for another's doing; the last word is a stop."""
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        told = [line.split() for lines in await asyncio.to_thread(at_once, world) for line in lines]
        stops = {word for kind, word in told if kind == "stop"}
        assert len(stops) == PROCESSES * (ROUNDS + 1)
        assert {word for kind, word in told if kind == "refused"} <= REFUSED
        assert not world.calls()
        assert not (world.ws.control / ENABLED).exists()
        assert not (world.ws.control / ENABLING).exists()
        await soon(lambda: world.kinds().count("control.stopped") > 1, "stops on record")
    async with node_here(world):
        assert world.posture().state is PostureState.STOPPED
        events = world.events()
        enabled = {one.event_id for one in events if one.kind == "control.enabled"}
        assert {word for kind, word in told if kind == "enable"} <= enabled
        recorded = [(one.body or {})["stop_id"] for one in events if one.kind == "control.stopped"]
        assert len(recorded) == len(set(recorded))
        assert verify(world.ws.ledger).ok


def printed(root: Path) -> str:
    """What ``peak stop`` writes to a terminal."""
    ours, theirs = pty.openpty()
    environ = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    words = [sys.executable, "-m", "peak_console", "stop", "--reason", "drill", "--root", str(root)]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env=environ)
    os.close(theirs)
    data = b""
    try:
        while part := os.read(ours, 4096):
            data += part
    except OSError:  # the terminal's other end is gone: all was read
        pass
    finally:
        os.close(ours)
    assert process.wait(PATIENCE_S) == 0
    return data.decode()


@contextmanager
def frozen_worker(world: World) -> Iterator[int]:
    """A worker of its own process that has connected and does nothing more; its pid."""
    words = [sys.executable, str(_HERE / "worker_process.py"), str(world.ws.root)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        worker.send_signal(signal.SIGSTOP)
        try:
            yield worker.pid
        finally:
            worker.kill()


async def test_a_frozen_worker_is_named_in_red(world: World) -> None:
    """SIGSTOP: everything is stopped all the same; who has not acknowledged stands there in red."""
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)

        def work() -> None:
            with frozen_worker(world) as pid:
                out = printed(world.ws.root)
            assert out.startswith("STOPPED")
            assert f"\x1b[31m  workers: no word from frozen job (pid {pid})\x1b[0m" in out

        await asyncio.to_thread(work)
        assert not world.calls()
