"""A server of a ledger under test, with its socket in a folder whose name is short enough for one."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledger_desk import Desk

from peak_console.domain.claims import JobClaim
from peak_console.ledger.service.client import SocketLedgerClient
from peak_console.ledger.service.privileges import Proof
from peak_console.ledger.service.server import Handler, LedgerServer
from peak_console.ledger.service.wire import FrameReader, frame


def signed(proof: Proof, message: bytes) -> bool:
    """A stand-in for signatures: alice signs with the message's own text."""
    return proof.operator == "alice" and proof.signature == message.decode()


@dataclass
class Service:
    """A desk and its server; ``restart`` is what a node's restart is to its clients."""

    desk: Desk
    socket_path: Path
    handlers: dict[str, Handler] = field(default_factory=dict)
    claims: dict[str, JobClaim] = field(default_factory=dict)
    """What is claimed by the tokens that workers show."""

    async def start(self) -> "Service":
        """Listen."""
        self.server = LedgerServer(
            self.desk.writer,
            self.socket_path,
            authorise=signed,
            clock=self.desk.clock,
            handlers=self.handlers,
            open_calls=self.desk.reservations,
            claims=self.claims.get,
        )
        await self.server.start()
        return self

    async def restart(self) -> None:
        """End the server and the writer, and start both again on the same file and socket."""
        await self.server.close()
        self.desk.reopen()
        await self.start()

    async def client(self, **fields: Any) -> SocketLedgerClient:
        """A client of this server."""
        return await SocketLedgerClient.connect(self.socket_path, name="test", **fields)


class RawLine:
    """A connection without a client's manners."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.setblocking(False)  # noqa: FBT003 - the standard library's own signature
        self.path = path
        self.frames = FrameReader()
        self.waiting: list[dict[str, Any]] = []

    async def open(self, **hello: Any) -> "RawLine":
        """Connect, and say hello where one is given."""
        await asyncio.get_running_loop().sock_connect(self.socket, str(self.path))
        if hello:
            await self.send({"op": "hello", "id": 0, "protocol": 1, "client_id": "raw_client", **hello})
            assert (await self.receive())["id"] == 0
        return self

    async def send(self, *messages: Any) -> None:
        """Send messages in one frame."""
        await self.send_bytes(frame(messages))

    async def send_bytes(self, data: bytes) -> None:
        """Send whatever."""
        await asyncio.get_running_loop().sock_sendall(self.socket, data)

    async def receive(self) -> dict[str, Any]:
        """The next message; raises ``EOFError`` at the end."""
        while not self.waiting:
            data = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.socket, 65536), 60)
            if not data:
                raise EOFError
            self.waiting += self.frames.feed(data)
        return self.waiting.pop(0)

    def close(self) -> None:
        """Hang up."""
        self.socket.close()


async def until(condition: Callable[[], bool | Awaitable[bool]], *, within_s: float = 30) -> None:
    """Wait for a condition, with a deadline."""
    async with asyncio.timeout(within_s):
        while True:
            holds = condition()
            if holds if isinstance(holds, bool) else await holds:
                return
            await asyncio.sleep(0.005)
