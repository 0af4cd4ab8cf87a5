"""A workspace with an operator, and its node: in this process or as one of its own."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peak_console.config.workspace import Workspace
from peak_console.control.gate import CallGate
from peak_console.control.keys import KeyStore
from peak_console.domain.clock import SystemClock
from peak_console.domain.events import LedgerEvent
from peak_console.domain.posture import Posture
from peak_console.ledger.heads.checkpoint_files import CheckpointFiles
from peak_console.ledger.heads.merkle import Frontier
from peak_console.ledger.heads.notes import Checkpoint, origin_of
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.node.engine import Node
from peak_console.operations.enable import Enabled, enable_workspace

PATIENCE_S = 60.0


def until(holds: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Wait until ``holds()`` is true; gives what it gave."""
    end, pause_s = time.monotonic() + patience_s, 0.005
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < end, f"not within {patience_s} s: {what}"
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.3, 0.05)  # asking costs, the node too: the longer it takes, the seldomer


async def soon(holds: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """:func:`until`, with the loop running meanwhile."""
    return await asyncio.to_thread(until, holds, what, patience_s)


@dataclass
class World:
    """A workspace, and what an operator and a worker do in it."""

    ws: Workspace

    def posture(self) -> Posture:
        """What a worker's gate says now."""
        return CallGate(self.ws.control, SystemClock(), {}).posture()

    def calls(self) -> bool:
        """Whether a worker may call now."""
        return self.posture().calls

    def client(self, socket: Path) -> BlockingLedgerClient:
        """A client of the node."""
        return BlockingLedgerClient.connect(socket, name="test", deadline_s=PATIENCE_S)

    def enable(self, socket: Path, **changes: Any) -> Enabled:
        """``peak enable``."""
        asked = {"reason": "test", "confirm": "ENABLE", "operator": "anna", **changes}
        with self.client(socket) as client:
            return enable_workspace(self.ws, client, **asked)

    def events(self) -> list[LedgerEvent]:
        """Everything on the ledger."""
        with LedgerReader(self.ws.ledger) as reader:
            return reader.read(limit=10_000)

    def kinds(self) -> list[str]:
        """The kinds of everything on the ledger."""
        return [event.kind for event in self.events()]

    def set_control(self, **values: int) -> None:
        """Write ``configs/control.toml``."""
        lines = ["[enable]", *(f"{name} = {value}" for name, value in values.items())]
        self.ws.control_config.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def without_metrics(self) -> None:
        """Have its nodes start no child that serves ``/metrics``."""
        config = self.ws.root / "configs" / "console.toml"
        config.write_text("[exporters.metrics]\nenabled = false\n", encoding="utf-8")

    def set_breaker(self, **values: int) -> None:
        """Write ``[provider_breaker]`` beside what stands in ``configs/control.toml``."""
        lines = ["[provider_breaker]", *(f"{name} = {value}" for name, value in values.items())]
        with self.ws.control_config.open("a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")


def sign(world: World) -> int:
    """Sign the head, as the notary does; gives how many events."""
    events = world.events()
    frontier = Frontier()
    frontier.extend(bytes.fromhex(one.hash) for one in events)
    signer = KeyStore(world.ws.keys).signer()
    head = Checkpoint(origin_of(signer.public, events[0].hash), len(events), frontier.root())
    CheckpointFiles(world.ws.checkpoints).append(head.signed(signer), SystemClock().now())
    return len(events)


@contextlib.asynccontextmanager
async def node_here(world: World, **options: Any) -> AsyncIterator[Node]:
    """A node in this process, without children."""
    node = Node(world.ws, **{"children": False, **options})
    await node.start()
    try:
        yield node
    finally:
        await node.close()


@contextlib.contextmanager
def node_beside(world: World, node: Callable[[], Node] | None = None) -> Iterator[Node]:
    """A node in a thread of this process, without children unless ``node`` makes another one.

    For tests that do not run in a loop, and in which it is neither killed nor held.
    """
    one = node() if node is not None else Node(world.ws, children=False)
    started: Future[asyncio.AbstractEventLoop] = Future()

    async def serve() -> None:
        try:
            await one.start()
        except BaseException as error:
            started.set_exception(error)
            raise
        started.set_result(asyncio.get_running_loop())
        await one.run()

    with ThreadPoolExecutor(1, thread_name_prefix="node") as pool:
        served = pool.submit(asyncio.run, serve())
        loop = started.result(PATIENCE_S)
        try:
            yield one
        finally:
            loop.call_soon_threadsafe(one.ask_to_end, "the test is over")
            served.result(PATIENCE_S)


@dataclass
class NodeProcess:
    """A node of its own process."""

    process: subprocess.Popen[bytes]
    socket: Path

    def kill(self) -> None:
        """SIGKILL, as the kernel's out-of-memory killer does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)


@contextlib.contextmanager
def node_process(
    world: World, *, children: bool = False, program: Sequence[str] = ("-m", "peak_console.node")
) -> Iterator[NodeProcess]:
    """``python -m peak_console.node``, from when it serves; ended when the test is over."""
    reading, writing = os.pipe()
    words = [sys.executable, *program, "--root", str(world.ws.root)]
    words += ["--ready-fd", str(writing), *([] if children else ["--no-children"])]
    process = subprocess.Popen(words, pass_fds=(writing,), stdin=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading, "rb") as said:
        first = json.loads(said.readline() or b"{}")
    try:
        assert first.get("ready"), first
        yield NodeProcess(process, Path(first["socket"]))
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(PATIENCE_S)
