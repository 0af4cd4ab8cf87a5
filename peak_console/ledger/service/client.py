"""The asynchronous client of the ledger's server: it batches, reconnects, repeats by event id."""

import asyncio
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self, cast

from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft
from peak_console.domain.ledgering import Ack
from peak_console.ledger.service.privileges import Proof
from peak_console.ledger.service.wire import (
    DEADLINE_S,
    PROTOCOL,
    FrameBroken,
    FrameReader,
    Message,
    ack_from_wire,
    answer,
    draft_to_wire,
    frame,
    unreachable,
)

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 1.0

Notice = Callable[[Message], object]
"""Takes what the server says without being asked; short work only."""


@dataclass(slots=True)
class _Pending:
    message: Message
    future: "asyncio.Future[Message]"
    timer: asyncio.TimerHandle | None = field(default=None)


class SocketLedgerClient:
    """A connection to the node's ledger. Safe for many tasks of one loop."""

    def __init__(
        self,
        socket_path: Path,
        *,
        name: str,
        actor: str | None,
        deadline_s: float,
        worker: bool = False,
        claim: str = "",
    ) -> None:
        self._path = socket_path
        self._deadline_s = deadline_s
        self._hello_fields: Message = {
            "op": "hello",
            "protocol": PROTOCOL,
            "client_id": secrets.token_hex(12),
            "pid": os.getpid(),
            "name": name,
            **({"actor": actor} if actor else {}),
            **({"worker": True} if worker else {}),
            **({"claim": claim} if claim else {}),
        }
        self._heeding: list[Notice] = []
        self._pending: dict[int, _Pending] = {}
        self._unsent: list[Message] = []
        self._next_id = 1
        self._line: _Line | None = None
        self._reconnecting: asyncio.Task[None] | None = None
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self.server: Message = {}
        """What the server said of itself in its hello: protocol, schema, sqlite, actor, head."""

    @classmethod
    async def connect(
        cls,
        socket_path: Path,
        *,
        name: str,
        actor: str | None = None,
        deadline_s: float = DEADLINE_S,
        worker: bool = False,
        claim: str = "",
    ) -> Self:
        """Connect and say hello; ``actor`` is ``agent:<name>`` or ``job:<name>`` where it is one.

        A ``worker`` makes calls: it is told of stops, and answers them (see :meth:`heed`). ``claim`` is the
        token that the node gave the worker of a job's run.

        Raises ``NodeUnreachable`` when no node answers.
        """
        client = cls(socket_path, name=name, actor=actor, deadline_s=deadline_s, worker=worker, claim=claim)
        try:
            async with asyncio.timeout(deadline_s):
                await client._open()
        except TimeoutError:
            raise unreachable(socket_path, "it does not answer") from None
        return client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def client_id(self) -> str:
        """This client's id, the same over reconnections."""
        return cast("str", self._hello_fields["client_id"])

    @property
    def connected(self) -> bool:
        """Whether the line stands right now."""
        return self._line is not None

    @property
    def notice(self) -> str:
        """Why this client can only read; empty when it may write."""
        return str(self.server.get("notice", ""))

    async def append(
        self, drafts: Sequence[EventDraft], proof: Proof | None = None, *, deadline_s: float | None = None
    ) -> list[Ack]:
        """Append ``drafts`` in order, in one transaction; returns when they are durable.

        Raises ``NodeUnreachable`` when nobody acknowledged within the deadline (repeating with the same ids
        is safe), ``LedgerUnavailable`` when the node cannot write, ``ControlRefused`` without the proof a
        kind needs, and what is wrong with a draft.
        """
        message: Message = {"op": "append", "events": [draft_to_wire(draft) for draft in drafts]}
        if proof is not None:
            message["proof"] = asdict(proof)
        reply = await self._ask(message, deadline_s)
        return [ack_from_wire(fields) for fields in reply["acks"]]

    async def request(self, op: str, *, deadline_s: float | None = None, **fields: Any) -> Message:
        """Any other operation of the server; raises as :meth:`append` does."""
        return await self._ask({"op": op, **fields}, deadline_s)

    def heed(self, on_notice: Notice) -> Callable[[], None]:
        """Call ``on_notice`` on the loop with each notice of the server; gives what ends that."""
        self._heeding.append(on_notice)
        return lambda: self._heeding.remove(on_notice) if on_notice in self._heeding else None

    async def close(self) -> None:
        """End the connection; whoever still waits gets ``NodeUnreachable``."""
        self._closed = True
        if self._reconnecting is not None:
            self._reconnecting.cancel()
            with suppress(asyncio.CancelledError):
                await self._reconnecting
        if self._line is not None:
            self._line.close()
            await self._line.ended
        self._line = None
        for identity in list(self._pending):
            self._fail(identity, "the client was closed")

    # -- asking

    async def _ask(self, message: Message, deadline_s: float | None) -> Message:
        if self._closed:
            raise unreachable(self._path, "the client was closed")
        identity = self._next_id
        self._next_id += 1
        message["id"] = identity
        pending = _Pending(message, self._loop.create_future())
        wait = self._deadline_s if deadline_s is None else deadline_s
        pending.timer = self._loop.call_later(
            wait, self._fail, identity, f"no acknowledgement within {wait:g} s"
        )
        self._pending[identity] = pending
        if self._line is not None:
            if not self._unsent:
                self._loop.call_soon(self._send)
            self._unsent.append(message)
        try:
            reply = await pending.future
        finally:
            self._pending.pop(identity, None)
            pending.timer.cancel()
        return answer(reply)

    def _send(self) -> None:
        messages, self._unsent = self._unsent, []
        if messages and self._line is not None:
            self._line.write(frame(messages))

    def _fail(self, identity: int, why: str) -> None:
        pending = self._pending.get(identity)
        if pending is not None and not pending.future.done():
            pending.future.set_exception(unreachable(self._path, why))

    # -- the line

    async def _open(self) -> None:
        try:
            _, line = await self._loop.create_unix_connection(lambda: _Line(self), str(self._path))
        except OSError as error:
            raise unreachable(self._path, error.strerror or str(error)) from error
        try:
            line.write(frame([{**self._hello_fields, "id": 0}]))
            reply = answer(await line.hello)
        except BaseException:
            line.close()
            raise
        self.server = reply
        self._line = line
        waiting = [pending.message for pending in self._pending.values()]
        self._unsent.clear()
        for message in waiting:
            line.write(frame([message]))

    def received(self, message: Message) -> None:
        """A reply or a notice arrived."""
        if "id" not in message:
            for heeding in tuple(self._heeding) if "notice" in message else ():
                heeding(message)
            return
        pending = self._pending.get(cast("int", message.get("id")))
        if pending is not None and not pending.future.done():
            pending.future.set_result(message)

    def lost(self, line: "_Line") -> None:
        """The line ended; another is sought while anyone waits, and for the next who asks."""
        if self._line is not line:
            return
        self._line = None
        self._unsent.clear()
        if not self._closed:
            self._reconnecting = self._loop.create_task(self._reconnect())

    async def _reconnect(self) -> None:
        pause = _FIRST_PAUSE_S
        while not self._closed:
            try:
                async with asyncio.timeout(self._deadline_s):
                    await self._open()
            except (PeakError, TimeoutError):
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)
            else:
                return


class _Line(asyncio.Protocol):
    """The bytes of one connection."""

    def __init__(self, client: SocketLedgerClient) -> None:
        self._client = client
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None
        self.hello: asyncio.Future[Message] = client._loop.create_future()  # noqa: SLF001 - its other half
        self.ended: asyncio.Future[None] = client._loop.create_future()  # noqa: SLF001 - its other half

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        try:
            for message in self._reader.feed(data):
                if message.get("id") == 0:
                    if not self.hello.done():
                        self.hello.set_result(message)
                else:
                    self._client.received(message)
        except FrameBroken:
            self.close()

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None
        if not self.hello.done():
            self.hello.set_result({"error": _GONE})
        if not self.ended.done():
            self.ended.set_result(None)
        self._client.lost(self)


_GONE: Mapping[str, str] = {
    "type": "NodeUnreachable",
    "code": "node_unreachable",
    "message": "the node ended the connection",
}
