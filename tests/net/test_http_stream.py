import asyncio
import gzip
from collections.abc import AsyncIterator
from functools import partial

import pytest
from loopback_server import Exchange, Handler, LoopbackServer
from support.loop_time import Trickle, let_pass

from peak_console.net.http import HttpTransport
from peak_console.net.messages import Deadlines, HttpRequest, NetError, NetErrorKind

LIMIT = 100_000
PATIENCE_S = 60.0


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    """A transport with a small limit, closed at the end."""
    made = HttpTransport(max_bytes=LIMIT)
    yield made
    await made.aclose()


def chunked(*pieces: bytes, end: bool = True, headers: str = "") -> bytes:
    """A response in HTTP chunks."""
    head = f"HTTP/1.1 200 OK\r\nX-Request-Id: r1\r\ntransfer-encoding: chunked\r\n{headers}\r\n".encode()
    body = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in pieces)
    return head + body + (b"0\r\n\r\n" if end else b"")


def piece(data: bytes) -> bytes:
    """One HTTP chunk."""
    return b"%x\r\n%s\r\n" % (len(data), data)


async def taken(
    transport: HttpTransport, handler: Handler, deadlines: Deadlines | None = None
) -> tuple[int, list[bytes]]:
    """Status and pieces of the response of a server with this handler."""
    async with LoopbackServer(handler) as server:
        request = HttpRequest(server.url + "/v1/x", b"{}", {"authorization": "Bearer canary-secret"})
        async with transport.stream(request, deadlines=deadlines or Deadlines(total_s=PATIENCE_S)) as stream:
            return stream.status, [chunk async for chunk in stream.chunks]


async def failure(transport: HttpTransport, handler: Handler, deadlines: Deadlines | None = None) -> NetError:
    """The error that streaming from a server with this handler ends in."""
    with pytest.raises(NetError) as caught:
        await taken(transport, handler, deadlines)
    assert "canary-secret" not in str(caught.value)
    return caught.value


def until_gone(exchange: Exchange, data: bytes, gone: asyncio.Event) -> asyncio.Task[None]:
    """Writes ``data`` for ever, a few milliseconds apart, and sets ``gone`` when nobody takes it."""

    async def write() -> None:
        try:
            while True:
                await exchange.raw(data)
                await asyncio.sleep(0.005)
        except ConnectionError:
            gone.set()

    return asyncio.create_task(write())


async def test_pieces_arrive_while_the_body_is_still_coming(transport: HttpTransport) -> None:
    """A piece is handed on before the server has written the next; status and headers stand before all."""
    read = asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        await exchange.raw(chunked(b"first", end=False))
        await asyncio.wait_for(read.wait(), PATIENCE_S)
        await exchange.raw(piece(b"second") + b"0\r\n\r\n")

    seen = []
    async with LoopbackServer(handler) as server:
        request = HttpRequest(server.url, b"{}")
        async with transport.stream(request, deadlines=Deadlines(total_s=PATIENCE_S)) as stream:
            assert (stream.status, stream.headers["x-request-id"]) == (200, "r1")
            async for chunk in stream.chunks:
                seen.append(chunk)
                read.set()
    assert seen == [b"first", b"second"]


async def test_a_stream_read_to_its_end_keeps_the_connection(transport: HttpTransport) -> None:
    """Two streams read whole share a connection."""
    ports = []

    async def handler(exchange: Exchange) -> None:
        ports.append(exchange.writer.get_extra_info("peername")[1])
        await exchange.raw(chunked(b"x"))

    async with LoopbackServer(handler) as server:
        for _ in range(2):
            request = HttpRequest(server.url, b"{}")
            async with transport.stream(request, deadlines=Deadlines(total_s=PATIENCE_S)) as stream:
                assert [chunk async for chunk in stream.chunks] == [b"x"]
    assert len(set(ports)) == 1


async def test_leaving_early_closes_the_connection(transport: HttpTransport) -> None:
    """Whoever leaves in the middle of a body takes the connection with them: the server notices."""
    gone = asyncio.Event()
    writers = []

    async def handler(exchange: Exchange) -> None:
        await exchange.raw(chunked(b"x", end=False))
        writers.append(until_gone(exchange, piece(b"more" * 1000), gone))
        await writers[-1]

    async with LoopbackServer(handler) as server:
        request = HttpRequest(server.url, b"{}")
        async with transport.stream(request, deadlines=Deadlines(total_s=PATIENCE_S)) as stream:
            async for _ in stream.chunks:
                break
        await asyncio.wait_for(gone.wait(), PATIENCE_S / 2)


async def test_cancelling_in_mid_stream_closes_the_connection(transport: HttpTransport) -> None:
    """A reader that is cancelled gets its cancelling, and the server notices."""
    gone, begun = asyncio.Event(), asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        await exchange.raw(chunked(b"x", end=False))
        await until_gone(exchange, piece(b"more" * 1000), gone)

    async with LoopbackServer(handler) as server:

        async def read() -> None:
            request = HttpRequest(server.url, b"{}")
            async with transport.stream(request, deadlines=Deadlines(total_s=PATIENCE_S)) as stream:
                async for _ in stream.chunks:
                    begun.set()

        task = asyncio.create_task(read())
        await asyncio.wait_for(begun.wait(), PATIENCE_S)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(gone.wait(), PATIENCE_S / 2)


async def test_trickled_keep_alives_stretch_no_deadline(transport: HttpTransport) -> None:
    """A server that writes a comment every few seconds is left when the total deadline passes."""
    trickle = Trickle(PATIENCE_S)

    async def handler(exchange: Exchange) -> None:
        await exchange.raw(chunked(b": hello\n\n", end=False))
        await trickle(partial(exchange.raw, piece(b": ping\n\n")))

    error = await failure(transport, handler, Deadlines(total_s=PATIENCE_S))
    assert not trickle.heard_out
    assert (error.kind, error.sent, error.status) == (NetErrorKind.TIMEOUT_TOTAL, True, 200)


async def test_the_deadline_holds_while_the_reader_does_something_else(transport: HttpTransport) -> None:
    """The total deadline is one of the whole context: a reader that dawdles in it is interrupted."""

    async def handler(exchange: Exchange) -> None:
        await exchange.raw(chunked(b"x", end=False))
        await asyncio.Event().wait()

    async def dawdled() -> None:
        let_pass(PATIENCE_S)
        await asyncio.Event().wait()

    async with LoopbackServer(handler) as server:
        request = HttpRequest(server.url, b"{}")
        with pytest.raises(NetError) as caught:
            async with transport.stream(request, deadlines=Deadlines(total_s=PATIENCE_S)):
                await dawdled()
    assert caught.value.kind is NetErrorKind.TIMEOUT_TOTAL


async def test_the_readers_own_timeout_is_its_own(transport: HttpTransport) -> None:
    """A ``TimeoutError`` of whoever reads is not taken for one of the transport's deadlines."""

    async def handler(exchange: Exchange) -> None:
        await exchange.raw(chunked(b"x", end=False))
        await asyncio.Event().wait()

    async with LoopbackServer(handler) as server:
        request = HttpRequest(server.url, b"{}")
        with pytest.raises(TimeoutError):
            async with (
                transport.stream(request, deadlines=Deadlines(total_s=PATIENCE_S)),
                asyncio.timeout(0.05),
            ):
                await asyncio.Event().wait()


async def test_no_head_in_time(transport: HttpTransport) -> None:
    """A server that answers nothing is left at the first-byte deadline; something was sent."""

    async def handler(exchange: Exchange) -> None:
        let_pass(PATIENCE_S / 2)
        await asyncio.Event().wait()

    deadlines = Deadlines(total_s=PATIENCE_S, first_byte_s=PATIENCE_S / 2)
    error = await failure(transport, handler, deadlines)
    assert (error.kind, error.sent, error.status) == (NetErrorKind.TIMEOUT_FIRST_BYTE, True, None)


async def test_a_head_in_time_frees_the_body_from_the_first_deadline(transport: HttpTransport) -> None:
    """Once the head is there only the total deadline holds."""
    read = asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        await exchange.raw(chunked(b"x", end=False))
        await read.wait()
        await exchange.raw(piece(b"y") + b"0\r\n\r\n")

    deadlines = Deadlines(total_s=2 * PATIENCE_S, first_byte_s=PATIENCE_S / 2)
    seen = []
    async with (
        LoopbackServer(handler) as server,
        transport.stream(HttpRequest(server.url, b"{}"), deadlines=deadlines) as stream,
    ):
        async for chunk in stream.chunks:
            seen.append(chunk)
            if not read.is_set():
                let_pass(PATIENCE_S)
                await asyncio.sleep(0.01)  # what was due by then would have come
                read.set()
    assert seen == [b"x", b"y"]


async def test_a_cut_body_is_lost(transport: HttpTransport) -> None:
    """A connection reset in mid-body is told as lost, with the status that had arrived."""

    async def handler(exchange: Exchange) -> None:
        await exchange.raw(chunked(b"x", end=False))
        exchange.cut()

    error = await failure(transport, handler)
    assert (error.kind, error.sent, error.status) == (NetErrorKind.LOST, True, 200)


async def test_nobody_there(transport: HttpTransport) -> None:
    """No connection: nothing was sent."""
    async with LoopbackServer(lambda _: asyncio.sleep(0)) as server:
        address = server.url
    with pytest.raises(NetError) as caught:
        async with transport.stream(HttpRequest(address, b"{}"), deadlines=Deadlines(total_s=PATIENCE_S)):
            pass
    assert (caught.value.kind, caught.value.sent) == (NetErrorKind.CONNECT, False)


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("https://api.anthropic.com/v1/messages", NetErrorKind.DENIED),
        ("http://example.com/v1", NetErrorKind.ADDRESS),
        ("https://user:secret@example.com/", NetErrorKind.ADDRESS),
    ],
)
async def test_addresses_are_checked_as_for_a_whole_response(
    transport: HttpTransport, address: str, kind: NetErrorKind
) -> None:
    """The deny and the rules for addresses hold for streams too; nothing is sent."""
    with pytest.raises(NetError) as caught:
        async with transport.stream(HttpRequest(address, b"{}"), deadlines=Deadlines(total_s=PATIENCE_S)):
            pass
    assert (caught.value.kind, caught.value.sent) == (kind, False)


async def test_a_redirect_is_not_followed(transport: HttpTransport) -> None:
    """A 3xx is an error with its target."""

    async def handler(exchange: Exchange) -> None:
        await exchange.answer(307, b"", {"location": "https://api.anthropic.com/v1"})

    error = await failure(transport, handler)
    assert (error.kind, error.location) == (NetErrorKind.REDIRECT, "https://api.anthropic.com/v1")


async def test_an_error_response_is_read_like_any_other(transport: HttpTransport) -> None:
    """Status and body of an error come through: what they mean is not the transport's to say."""

    async def handler(exchange: Exchange) -> None:
        await exchange.answer(429, b'{"error":1}')

    assert await taken(transport, handler) == (429, [b'{"error":1}'])


async def test_gzip_is_decoded_as_it_comes(transport: HttpTransport) -> None:
    """Compressed pieces that were flushed are readable before the stream has ended."""
    import zlib  # noqa: PLC0415 - needed by this test alone

    packer = zlib.compressobj(wbits=31)
    first = packer.compress(b"data: one\n\n") + packer.flush(zlib.Z_SYNC_FLUSH)
    rest = packer.compress(b"data: two\n\n") + packer.flush()
    read = asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        await exchange.raw(chunked(first, end=False, headers="content-encoding: gzip\r\n"))
        await asyncio.wait_for(read.wait(), PATIENCE_S)
        await exchange.raw(piece(rest) + b"0\r\n\r\n")

    seen = []
    async with LoopbackServer(handler) as server:
        request = HttpRequest(server.url, b"{}")
        async with transport.stream(request, deadlines=Deadlines(total_s=PATIENCE_S)) as stream:
            async for chunk in stream.chunks:
                seen.append(chunk)
                read.set()
    assert b"".join(seen) == b"data: one\n\ndata: two\n\n"
    assert seen[0] == b"data: one\n\n"


async def test_a_cut_gzip_stream_is_lost(transport: HttpTransport) -> None:
    """A compressed stream without its end is not taken for whole, even where HTTP says so."""
    data = gzip.compress(b"data: one\n\n" * 100)[:-10]

    async def handler(exchange: Exchange) -> None:
        await exchange.raw(chunked(data, headers="content-encoding: gzip\r\n"))

    assert (await failure(transport, handler)).kind is NetErrorKind.LOST


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip bomb"])
async def test_the_size_limit_holds_over_the_whole_stream(transport: HttpTransport, packed: bool) -> None:  # noqa: FBT001 - a parameter
    """Beyond the limit of decoded bytes the stream is left, compressed or not."""
    data = b"x" * (LIMIT + 1)
    sent = gzip.compress(data) if packed else data
    header = "content-encoding: gzip\r\n" if packed else ""

    async def handler(exchange: Exchange) -> None:
        await exchange.raw(
            chunked(*(sent[at : at + 4096] for at in range(0, len(sent), 4096)), headers=header)
        )

    error = await failure(transport, handler)
    assert (error.kind, error.sent) == (NetErrorKind.TOO_LARGE, True)
