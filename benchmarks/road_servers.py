"""The other processes of the road's benchmark: ``answers``, ``streams CHUNKS PAUSE_MS``, ``ledger ROOT``.

Each says when it serves.
"""

import asyncio
import sys
import time
from dataclasses import replace
from pathlib import Path

from peak_console.config.load import ConfigCache
from peak_console.config.workspace import Workspace
from peak_console.control import lease as leases
from peak_console.control.boot import boot_id
from peak_console.control.files import encode
from peak_console.domain.clock import SystemClock
from peak_console.domain.events import EventDraft
from peak_console.domain.posture import Orders, PostureState
from peak_console.ledger.folds.breakers import Breakers
from peak_console.ledger.folds.reservations import Reservations
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.service.server import LedgerServer
from peak_console.ledger.writer import LedgerWriter

ANSWER = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1764000000,"model":"gpt-5-mini-2025-08-07",'
    b'"choices":[{"index":0,"message":{"role":"assistant","content":"A range day; a close above the high '
    b'would disprove it.","refusal":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":42,'
    b'"completion_tokens":17,"total_tokens":59,"prompt_tokens_details":{"cached_tokens":0},'
    b'"completion_tokens_details":{"reasoning_tokens":0}},"system_fingerprint":"fp_1"}'
)
HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_1\r\ncontent-length: %d\r\n\r\n"
)


class Instant(asyncio.Protocol):
    """Answers every whole request at once."""

    response = HEAD % len(ANSWER) + ANSWER

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer what is complete."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            self.transport.write(self.response)  # type: ignore[attr-defined]


async def serve_answers() -> None:
    """The provider: print the port, serve until killed."""
    server = await asyncio.get_running_loop().create_server(Instant, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class Streaming(asyncio.Protocol):
    """Streams an answer in so many chunks, one at a time, so far apart."""

    chunks = 200
    pause_s = 0.01
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    one = (
        b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,'
        b'"model":"gpt-5-mini-2025-08-07","choices":[{"index":0,"delta":{"content":" a range day"},'
        b'"finish_reason":null}]}\n\n'
    )
    last = (
        b'data: {"id":"chatcmpl-1","model":"gpt-5-mini-2025-08-07","choices":[{"index":0,"delta":{},'
        b'"finish_reason":"stop"}]}\n\ndata: {"id":"chatcmpl-1","model":"gpt-5-mini-2025-08-07","choices":[],'
        b'"usage":{"prompt_tokens":42,"completion_tokens":400,"total_tokens":442}}\n\ndata: [DONE]\n\n'
    )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        """Begin once a request is whole."""
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        at = self.buffer[: max(end, 0)].lower().find(b"content-length:")
        if end < 0 or at < 0:
            return
        length = int(self.buffer[at + 15 : end].split(b"\r\n", 1)[0])
        if len(self.buffer) < end + 4 + length:
            return
        self.buffer = b""
        self.transport.write(self.head)  # type: ignore[attr-defined]
        loop = asyncio.get_running_loop()
        self.due = loop.time()
        self.give(loop, 0)

    def give(self, loop: asyncio.AbstractEventLoop, number: int) -> None:
        """The next chunk, then the one after it in time."""
        data = self.one if number < self.chunks else self.last
        self.transport.write(b"%x\r\n%b\r\n" % (len(data), data))  # type: ignore[attr-defined]
        if number == self.chunks:
            self.transport.write(b"0\r\n\r\n")  # type: ignore[attr-defined]
            return
        self.due += self.pause_s
        loop.call_at(self.due, self.give, loop, number + 1)


async def serve_streams(chunks: str, pause_ms: str) -> None:
    """A provider that streams: print the port, serve until killed."""
    Streaming.chunks, Streaming.pause_s = int(chunks), float(pause_ms) / 1000
    server = await asyncio.get_running_loop().create_server(Streaming, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def serve_ledger(root: str) -> None:
    """The ledger of a workspace with its budgets and figures, and a lease kept fresh, as the node does."""
    ws, clock = Workspace(Path(root)), SystemClock()
    ws.control.mkdir(parents=True)
    configs = ConfigCache(ws, clock=clock)
    reservations = Reservations(lambda: configs.current().budgets.limits, clock=clock)
    breakers = Breakers(lambda: configs.current().control.provider_breaker.rules())  # noqa: PLW0108 - asked anew
    writer = LedgerWriter(
        ws.ledger,
        clock=clock,
        projections=[Rollups(), breakers, reservations],
        conditions=[breakers.out_of_place, reservations.out_of_place],
    )
    writer.append([(EventDraft("ev_genesis", "workspace.initialised", {"simulated": True}), "benchmark")])
    server = LedgerServer(
        writer, ws.control / "s", authorise=lambda *_: False, clock=clock, open_calls=reservations
    )
    await server.start()
    (ws.control / "ENABLED").write_bytes(encode({"event_id": "ev_enabled"}))
    lease = leases.Lease(
        boot_id=boot_id(),
        session="benchmark",
        generation=1,
        issued_us=0,
        expires_us=0,
        phase="foundation",
        calls=True,
        orders=Orders.NONE,
        state=PostureState.DISARMED,
        reasons=("enabled",),
        enabled="ev_enabled",
        seq=1,
        simulated=True,
    )
    printed = False
    while True:
        now = clock.boot_us()
        fresh = replace(lease, issued_us=now, expires_us=now + leases.LIFETIME_US)
        leases.write(ws.control / "lease", leases.encode(fresh))
        if not printed:
            print("ready", flush=True)
            printed = True
        for _ in range(5):
            await asyncio.sleep(0.2)
            waits = list(server.recent_waits_us)
            server.recent_waits_us.clear()
            with (ws.root / "waits").open("a") as told:
                told.write(f"{time.time()} {max(waits, default=0) / 1000}\n")


if __name__ == "__main__":
    parts = {"answers": serve_answers, "streams": serve_streams, "ledger": serve_ledger}
    asyncio.run(parts[sys.argv[1]](*sys.argv[2:]))
