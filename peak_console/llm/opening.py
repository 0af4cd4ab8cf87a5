"""The road for other programs: find the workspace, reach its node, make calls."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from peak_console.config.workspace import Workspace, find_workspace
from peak_console.control.sockets import find_socket
from peak_console.ledger.service.client import SocketLedgerClient
from peak_console.llm.client import Client
from peak_console.llm.waits import Told


@asynccontextmanager
async def open_client(
    root: Workspace | Path | str | None = None,
    *,
    name: str = "llm client",
    actor: str | None = None,
    told: Told | None = None,
) -> AsyncIterator[Client]:
    """A client of the workspace at ``root`` (else ``PEAK_ROOT``, else the nearest above), closed at the end.

    ``name`` tells the node's status who calls; ``actor`` (``agent:…`` or ``job:…``) stands on the events.
    ``told`` is given a line of words before each wait of more than a second, and of a call cancelled
    in mid-send. Raises ``EnvironmentUnfit``
    without a workspace, ``NodeUnreachable`` without a node.
    """
    ws = root if isinstance(root, Workspace) else find_workspace(Path(root) if root is not None else None)
    ledger = await SocketLedgerClient.connect(find_socket(ws.control), name=name, actor=actor, worker=True)
    async with ledger, Client(ws, ledger, actor=actor, told=told) as client:
        yield client
