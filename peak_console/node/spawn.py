"""Starting, finding and ending the node from outside; and becoming it for one command."""

import asyncio
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.control.files import NODE, decode
from peak_console.control.folder import read_file
from peak_console.control.running import MODULE, running_nodes
from peak_console.control.service import environment_file as usual_environment_file
from peak_console.control.sockets import find_socket
from peak_console.domain.errors import EnvironmentUnfit, LedgerUnavailable, NodeUnreachable
from peak_console.domain.events import EventKind
from peak_console.domain.vocabulary import PhaseLevel
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.ledger.service.wire import error_from_wire
from peak_console.node.admission import MADE_BY_INIT
from peak_console.node.children import clean_environment
from peak_console.node.engine import Node
from peak_console.node.genesis import Genesis

START_WAIT_S: Final = 20.0
_END_WAIT_S: Final = 10.0
_HELLO_S: Final = 2.0
_PAUSE_S = 0.02

_started: list[subprocess.Popen[bytes]] = []
"""Nodes that this process started and that outlive it; kept so that their end can be waited for."""


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """A node that answers."""

    pid: int
    socket: Path
    started: bool
    """Whether this call started it."""


def connect_node(
    ws: Workspace, *, name: str, actor: str | None = None, deadline_s: float = _HELLO_S
) -> BlockingLedgerClient:
    """A client of the workspace's node; raises ``NodeUnreachable`` when none answers."""
    place = find_socket(ws.control)
    return BlockingLedgerClient.connect(place, name=name, actor=actor, deadline_s=deadline_s)


def ensure_node(
    ws: Workspace,
    *,
    simulated: bool = False,
    with_parent: bool = False,
    environment_file: Path | None = None,
    wait_s: float = START_WAIT_S,
) -> NodeInfo:
    """The workspace's node, started in the background by exec in a new session when none answers.

    ``with_parent`` has a node that this call starts end with this process, however it ends;
    ``environment_file`` is what its jobs get (:mod:`peak_console.node.key_file`); not given, it is the file
    that ``peak node install`` names, and none for a simulated one. Raises ``EnvironmentUnfit`` with what kept
    it from starting, or ``node_silent`` after ``wait_s``.
    """
    until = time.monotonic() + wait_s
    found = _answering(ws)
    if found is not None:
        return found
    _refuse_where_a_service_is_needed(ws)
    try:
        options = ["--simulated"] if simulated else []
        options += ["--with-parent"] if with_parent else []
        keys = environment_file or (None if simulated else usual_environment_file(ws.root, os.environ))
        options += ["--environment-file", os.fspath(keys.absolute())] if keys else []
        said = _start(ws, options, until=until)
    except EnvironmentUnfit as error:
        if error.code != "node_running":
            raise
        return _await_other(ws, until)
    return NodeInfo(int(said["pid"]), Path(said["socket"]), started=True)


def stop_node(ws: Workspace, *, force: bool = False, wait_s: float = _END_WAIT_S) -> int | None:
    """End the workspace's node; gives its process id, ``None`` when none ran.

    With ``force`` one that does not answer is killed. Raises ``EnvironmentUnfit`` (``node_hung``) when it
    does not end. What is enabled stays enabled: the next node goes on with it. To stop calls: ``peak stop``.
    """
    pid = _pid(ws)
    try:
        with connect_node(ws, name="peak node stop") as client:
            client.request("stop", deadline_s=_HELLO_S)
    except NodeUnreachable:
        if pid is None:
            return None
    if pid is None or _await_end(pid, 1.0 if force else wait_s):
        return pid
    if not force:
        raise EnvironmentUnfit(
            f"the node (pid {pid}) does not end",
            code="node_hung",
            remedy="end it with: peak node stop --force",
        )
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    _await_end(pid, wait_s)
    return pid


def node_status(ws: Workspace) -> dict[str, Any]:
    """The node's own report; raises ``NodeUnreachable``."""
    with connect_node(ws, name="peak node status") as client:
        reply = client.request("status", deadline_s=_HELLO_S)
    return {name: value for name, value in reply.items() if name != "id"}


@contextlib.contextmanager
def temporary_node(ws: Workspace, *, genesis: Genesis | None = None) -> Iterator[Path]:
    """Be the workspace's node while inside: the same class, the same lock, no lease; gives its socket.

    Raises ``EnvironmentUnfit`` as :meth:`Node.start` does.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="peak-node", daemon=True)
    thread.start()

    def do(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    async def make() -> Node:
        node = Node(ws, genesis=genesis, leasing=False)
        await node.start()
        return node

    try:
        node: Node = do(make())
        try:
            yield node.socket_path
        finally:
            do(node.close())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextlib.contextmanager
def ledger_client(
    ws: Workspace, *, name: str, genesis: Genesis | None = None, deadline_s: float = _HELLO_S
) -> Iterator[BlockingLedgerClient]:
    """A client that may write: of the running node or, where none runs, of this process as the node.

    A request to the running node may take ``deadline_s``.
    """
    try:
        client = connect_node(ws, name=name, deadline_s=deadline_s)
    except NodeUnreachable:
        with (
            temporary_node(ws, genesis=genesis) as socket,
            BlockingLedgerClient.connect(socket, name=name) as own,
        ):
            yield own
        return
    with client:
        yield client


def begin_ledger(ws: Workspace, *, operator: str, public_key: str, simulated: bool = False) -> None:
    """The last step of ``peak init``: the genesis and the first operator, written as the node.

    A ledger that has begun is left as it is; its first operator is enrolled only where it has none. Raises
    ``EnvironmentUnfit`` (``node_running``) beside a running node.
    """
    genesis = Genesis(MADE_BY_INIT, simulated=simulated, operator=operator, public_key=public_key)
    with temporary_node(ws, genesis=genesis):
        pass


def _start(ws: Workspace, options: list[str], *, until: float) -> dict[str, Any]:
    reading, writing = os.pipe()
    words = [sys.executable, "-m", MODULE, "--root", os.fspath(ws.root), "--ready-fd", str(writing), *options]
    try:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(writing,),
            env=clean_environment(os.environ),
            cwd="/",
        )
    finally:
        os.close(writing)
    _started.append(process)
    try:
        said = _line(reading, until)
    finally:
        os.close(reading)
    if said is None:
        raise EnvironmentUnfit(
            "the node was started and does not say that it serves",
            code="node_silent",
            remedy=f"see why in the foreground: peak node run --root {ws.root}",
        )
    if "error" in said:
        raise error_from_wire(said["error"])
    return said


def _line(reading: int, until: float) -> dict[str, Any] | None:
    """The line of JSON that the node writes once it serves, or why it cannot."""
    data = b""
    while b"\n" not in data:
        left = until - time.monotonic()
        ready, _, _ = select.select([reading], [], [], max(left, 0))
        chunk = os.read(reading, 65536) if ready else b""
        if not chunk:
            return None
        data += chunk
    said = json.loads(data)
    return said if isinstance(said, dict) else None


def _answering(ws: Workspace) -> NodeInfo | None:
    try:
        with connect_node(ws, name="peak") as client:
            client.request("control", deadline_s=_HELLO_S)
    except NodeUnreachable:
        return None
    return NodeInfo(_pid(ws) or 0, find_socket(ws.control), started=False)


def _await_other(ws: Workspace, until: float) -> NodeInfo:
    """Another process starts the node at this moment: it will answer soon."""
    while True:
        found = _answering(ws)
        if found is not None:
            return found
        if time.monotonic() >= until:
            raise EnvironmentUnfit(
                "another node holds this workspace and does not answer",
                code="node_hung",
                remedy="end it with: peak node stop --force",
            )
        time.sleep(_PAUSE_S)


def _pid(ws: Workspace) -> int | None:
    """The node's process: as ``node.json`` says, where the process table agrees; else by its command line."""
    nodes = [one.pid for one in running_nodes() if _same(one.root, ws.root)]
    with contextlib.suppress(OSError):
        said = (decode(read_file(os.fspath(ws.control / NODE))) or {}).get("pid")
        if said in nodes:
            return int(said)
    return nodes[0] if nodes else None


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _await_end(pid: int, wait_s: float) -> bool:
    """Whether the process has ended by then; one that only waits for its parent to look has."""
    until = time.monotonic() + wait_s
    while any(one.pid == pid for one in running_nodes()):
        if time.monotonic() >= until:
            return False
        time.sleep(_PAUSE_S)
    _started[:] = [one for one in _started if one.poll() is None]
    return True


def _refuse_where_a_service_is_needed(ws: Workspace) -> None:
    """From shadow on a node is a service's work; simulated workspaces are exempt."""
    if not ws.ledger.exists():
        return
    try:
        with LedgerReader(ws.ledger) as reader:
            changed = reader.last(EventKind.PHASE_CHANGED)
            begun = reader.last(EventKind.WORKSPACE_INITIALISED)
    except LedgerUnavailable:
        return  # the node itself says what is wrong with it
    phase = str((changed.body or {}).get("to")) if changed else ""
    simulated = begun is not None and (begun.body or {}).get("simulated") is True
    if not simulated and phase in {PhaseLevel.SHADOW, PhaseLevel.TESTNET, PhaseLevel.LIVE}:
        raise EnvironmentUnfit(
            f"in phase {phase} the node is started by a service manager",
            code="node_by_service",
            remedy="put it in service: peak node install --start; or in the foreground: peak node run",
        )
