"""One connection to the ledger's server: who it is, what it waits for, and what was said to it."""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

from peak_console.domain.errors import ControlRefused, PeakError, UsageWrong
from peak_console.domain.ledgering import Ack
from peak_console.domain.text import one_line
from peak_console.ledger.service.peers import Credentials, credentials
from peak_console.ledger.service.wire import (
    PROTOCOL,
    FrameBroken,
    FrameReader,
    Message,
    error_to_wire,
    frame,
    results_to_wire,
)
from peak_console.ledger.writer import Entry

QUEUE_HIGH: Final = 1000
"""Appends that may wait in one connection before its socket is no longer read."""

_QUEUE_LOW = QUEUE_HIGH // 2
_NONCES = 16
_AGENT = re.compile(r"(agent|job):[A-Za-z0-9_.-]{1,64}")
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


@dataclass(slots=True)
class Waiting:
    """One append that waits for its commit; ``since_us`` on the boot clock."""

    entries: list[Entry]
    done: Callable[[list[Ack | PeakError]], None]
    since_us: int


class Hub(Protocol):
    """What a session needs of its server."""

    def joined(self, session: "Session") -> bool:
        """A connection was made; false when there are too many."""
        ...

    def left(self, session: "Session") -> None:
        """The connection ended."""
        ...

    def receive(self, session: "Session", message: Message) -> None:
        """A request arrived."""
        ...


class Session(asyncio.Protocol):
    """A connection. Its actor is the peer's login by the kernel's word; a hello only annotates it."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._reader = FrameReader()
        self._replies: list[Message] = []
        self._transport: asyncio.Transport | None = None
        self._paused = False
        self._clogged = False
        self.queue: deque[Waiting] = deque()
        self.nonces: dict[str, int] = {}
        self.credentials = Credentials(-1, "unknown", 0)
        self.actor = ""
        self.client_id = ""
        self.name = ""
        self.worker = False
        """Whether it said that it makes calls: then it is told of stops and answers each."""
        self.token = ""
        """Of the run that this is the worker of, as the node gave it; empty for others."""
        self.pid = 0
        """Its process, by the kernel's word where that tells it, else by its own."""
        self.read_only: str | None = None
        """Why this client may only read; ``None`` when it may write."""

    # -- the transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask the kernel who this is."""
        self._transport = cast("asyncio.Transport", transport)
        self.credentials = credentials(transport.get_extra_info("socket"))
        self.actor = self.credentials.login
        if not self._hub.joined(self):
            self._transport.abort()

    def connection_lost(self, _: Exception | None) -> None:
        """The peer is gone; what it had sent completely is still written."""
        self._transport = None
        self._hub.left(self)

    def data_received(self, data: bytes) -> None:
        """Requests, or the end of a connection that speaks another language."""
        try:
            for message in self._reader.feed(data):
                self._hub.receive(self, message)
        except FrameBroken as error:
            self.reply({"id": None, "error": error_to_wire(error)})
            self.close()
        if len(self.queue) > QUEUE_HIGH:
            self._hold(clogged=self._clogged)

    def pause_writing(self) -> None:
        """The peer does not read its replies: then its requests are not read either."""
        self._hold(clogged=True)

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._clogged = False
        self._go_on()

    # -- the server's side

    @property
    def is_agent(self) -> bool:
        """Whether this client called itself an agent or a job: such never do what needs an operator."""
        return "/agent:" in self.actor or "/job:" in self.actor

    def introduce(self, hello: Message) -> None:
        """Take a hello in; raises ``UsageWrong``."""
        client_id, protocol, claimed = hello.get("client_id"), hello.get("protocol"), hello.get("actor")
        if not isinstance(client_id, str) or not _CLIENT_ID.fullmatch(client_id):
            raise UsageWrong("hello needs a client_id of 8 to 64 letters and digits", code="hello_malformed")
        if type(protocol) is not int:
            raise UsageWrong("hello needs a protocol number", code="hello_malformed")
        if claimed is not None and not (isinstance(claimed, str) and _AGENT.fullmatch(claimed)):
            raise UsageWrong("an actor is agent:<name> or job:<name>", code="hello_malformed")
        self.client_id = client_id
        self.name = one_line(str(hello.get("name", "")), 64)
        self.worker = hello.get("worker") is True
        said = hello.get("pid")
        self.pid = self.credentials.pid or (said if type(said) is int and said > 0 else 0)
        self.actor = f"{self.credentials.login}/{claimed}" if claimed else self.credentials.login
        if protocol != PROTOCOL:
            older, remedy = (
                ("this client", "restart it")
                if protocol < PROTOCOL
                else ("the node", "run: peak node stop, then start")
            )
            self.read_only = f"{older} is of an older Peak Console, so this client can only read; {remedy}"

    def require_hello(self) -> None:
        """Refuse a request before the hello."""
        if not self.client_id:
            raise UsageWrong("say hello first", code="hello_missing")

    def require_writing(self) -> None:
        """Refuse an append of a client that may only read."""
        if self.read_only is not None:
            raise ControlRefused(self.read_only, code="protocol_mismatch")

    def answer_challenge(self, nonce: str, now_us: int) -> bool:
        """Use up a nonce; false when it was never given, is used or too old."""
        return self.nonces.pop(nonce, 0) > now_us

    def remember_nonce(self, nonce: str, until_us: int) -> None:
        """Keep a nonce until it is answered; the oldest gives way when there are too many."""
        if len(self.nonces) >= _NONCES:
            del self.nonces[next(iter(self.nonces))]
        self.nonces[nonce] = until_us

    def finished(self, request: Any, results: Sequence[Ack | PeakError]) -> None:
        """An append's outcome, said with the next :meth:`flush`."""
        self._replies.append(results_to_wire(request, results))

    def reply(self, message: Message) -> None:
        """Say something now."""
        self._replies.append(message)
        self.flush()

    def push(self, notice: Message) -> bool:
        """Say something that was not asked for: a message with ``notice`` and no ``id``.

        Whether it was handed to the connection; a peer that does not read gets none.
        """
        if self._clogged or self._transport is None or self._transport.is_closing():
            return False
        self.reply(notice)
        return True

    def flush(self) -> None:
        """Send the replies that wait, in one frame."""
        if self._replies:
            replies, self._replies = self._replies, []
            if self._transport is not None and not self._transport.is_closing():
                self._transport.write(frame(replies))
        if self._paused and len(self.queue) < _QUEUE_LOW:
            self._go_on()

    def close(self) -> None:
        """End the connection after what was said."""
        self.flush()
        if self._transport is not None:
            self._transport.close()

    def _hold(self, *, clogged: bool) -> None:
        self._clogged = clogged
        if not self._paused and self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()
            self._paused = True

    def _go_on(self) -> None:
        if self._paused and not self._clogged and self._transport is not None:
            self._transport.resume_reading()
            self._paused = False
