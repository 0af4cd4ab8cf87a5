import asyncio
import datetime as dt
import gzip
import ipaddress
import socket
import ssl
import zlib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from loopback_server import Exchange, Handler, LoopbackServer
from support.loop_time import Trickle, let_pass

from peak_console.net.http import HttpTransport
from peak_console.net.messages import Deadlines, HttpRequest, NetError, NetErrorKind

BODY = b'{"model":"gpt-5-mini"}'
PATIENCE_S = 60.0


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    """A transport with a small limit, closed at the end."""
    made = HttpTransport(max_bytes=100_000)
    yield made
    await made.aclose()


async def failure(
    transport: HttpTransport, handler: Handler, deadlines: Deadlines | None = None
) -> tuple[NetError, LoopbackServer]:
    """The error that a request to a server with this handler ends in."""
    async with LoopbackServer(handler) as server:
        request = HttpRequest(server.url + "/v1/x", BODY, {"authorization": "Bearer canary-secret"})
        with pytest.raises(NetError) as caught:
            await transport.send(request, deadlines=deadlines or Deadlines(total_s=PATIENCE_S))
    assert "canary-secret" not in str(caught.value)
    return caught.value, server


async def test_a_response_comes_back_whole(transport: HttpTransport) -> None:
    """Status, headers in lower case and the whole body come back; method, headers and body went out."""

    async def handler(exchange: Exchange) -> None:
        await exchange.answer(200, b'{"ok":true}', {"X-Request-Id": "req_1"})

    async with LoopbackServer(handler) as server:
        request = HttpRequest(server.url + "/v1/x", BODY, {"content-type": "application/json"})
        response = await transport.send(request, deadlines=Deadlines(total_s=PATIENCE_S))
    assert (response.status, response.body) == (200, b'{"ok":true}')
    assert response.headers["x-request-id"] == "req_1"
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.body) == ("POST", "/v1/x", BODY)


@pytest.mark.parametrize("query", ["alt=sse", "api-version=2024-10-21", "pageSize=1000&pageToken=a-b%3D%3D"])
async def test_a_query_of_an_adapter_goes_out_as_written(transport: HttpTransport, query: str) -> None:
    """Gemini's stream, Azure's classic version, a page of a list; other parameters are refused below."""

    async def handler(exchange: Exchange) -> None:
        await exchange.answer(200, b"{}")

    async with LoopbackServer(handler) as server:
        request = HttpRequest(f"{server.url}/v1/x?{query}", BODY)
        await transport.send(request, deadlines=Deadlines(total_s=PATIENCE_S))
    assert server.seen[0].path == f"/v1/x?{query}"


async def test_connections_are_kept_and_cookies_are_not(transport: HttpTransport) -> None:
    """Two requests share a connection, and what one response sets the next request does not carry."""
    ports = []

    async def handler(exchange: Exchange) -> None:
        ports.append(exchange.writer.get_extra_info("peername")[1])
        await exchange.answer(200, b"{}", {"set-cookie": "spy=1; Path=/"})

    async with LoopbackServer(handler) as server:
        for _ in range(2):
            await transport.send(HttpRequest(server.url, BODY), deadlines=Deadlines(total_s=PATIENCE_S))
    assert len(set(ports)) == 1
    assert all("cookie" not in one.headers for one in server.seen)


async def test_no_proxy_variable_leads_around_the_deny(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxy variables in the environment are not read."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async def handler(exchange: Exchange) -> None:
        await exchange.answer(200, b"{}")

    async with LoopbackServer(handler) as server:
        response = await transport.send(
            HttpRequest(server.url, BODY), deadlines=Deadlines(total_s=PATIENCE_S)
        )
    assert response.status == 200


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_recorded_and_never_followed(transport: HttpTransport, status: int) -> None:
    """A 3xx is an error with its target; the target is not asked."""

    async def handler(exchange: Exchange) -> None:
        await exchange.answer(status, b"", {"location": "https://example.com/elsewhere?key=secret"})

    error, server = await failure(transport, handler)
    assert (error.kind, error.status) == (NetErrorKind.REDIRECT, status)
    assert error.location == "https://example.com/elsewhere?key=secret"
    assert error.message == f"answered {status}, which points to https://example.com/elsewhere"
    assert [one.path for one in server.seen] == ["/v1/x"]


@pytest.mark.parametrize(
    ("location", "path"), [("/elsewhere", "/elsewhere"), ("y?z=1", "/v1/y"), ("../v2", "/v2"), ("", "/v1/x")]
)
async def test_a_relative_redirect_is_told_in_full(
    transport: HttpTransport, location: str, path: str
) -> None:
    """Where it points is read against the address that was asked, before anybody sees or denies it."""

    async def handler(exchange: Exchange) -> None:
        await exchange.answer(302, b"", {"location": location})

    error, server = await failure(transport, handler)
    assert error.location is not None
    assert error.location.partition("?")[0] == server.url + path
    assert error.message == f"answered 302, which points to {server.url}{path}"


async def test_an_unreadable_redirect_is_an_error_all_the_same(transport: HttpTransport) -> None:
    """A location no URL parser takes does not break the transport."""

    async def handler(exchange: Exchange) -> None:
        await exchange.answer(302, b"", {"location": "https://exa mple:99999999/\\"})

    error, _ = await failure(transport, handler)
    assert error.sent
    assert error.kind in {NetErrorKind.REDIRECT, NetErrorKind.LOST}


@pytest.mark.parametrize(
    "url",
    [
        "https://api.anthropic.com/v1/messages",
        "https://API.Anthropic.COM./v1",
        "https://example.com/anthropic/v1",
        "https://example.com/v1/models/%63laude-3",
    ],
)
async def test_a_denied_address_is_never_sent_to(transport: HttpTransport, url: str) -> None:
    """The hard deny runs on every address before anything leaves."""
    with pytest.raises(NetError) as caught:
        await transport.send(HttpRequest(url, BODY), deadlines=Deadlines(total_s=PATIENCE_S))
    assert (caught.value.kind, caught.value.sent) == (NetErrorKind.DENIED, False)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.openai.com/v1",
        "ftp://127.0.0.1/x",
        "https://user:pass@example.com/",
        "https://example.com/?key=1",
        "https://example.com/?alt=sse&key=1",
        "https://example.com/?alt=sse#key",
        "https://",
        "nonsense",
        "http://[::1",
    ],
)
async def test_an_unfit_address_is_never_sent_to(transport: HttpTransport, url: str) -> None:
    """No key goes out without TLS, except on this machine; no address carries secrets itself."""
    with pytest.raises(NetError) as caught:
        await transport.send(HttpRequest(url, BODY), deadlines=Deadlines(total_s=PATIENCE_S))
    assert (caught.value.kind, caught.value.sent) == (NetErrorKind.ADDRESS, False)


async def test_a_refused_connection_sent_nothing(transport: HttpTransport) -> None:
    """A connect error is unambiguous: nothing left."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(NetError) as caught:
        await transport.send(
            HttpRequest(f"http://127.0.0.1:{port}", BODY), deadlines=Deadlines(total_s=PATIENCE_S)
        )
    assert (caught.value.kind, caught.value.sent) == (NetErrorKind.CONNECT, False)


async def test_a_server_that_does_not_accept_is_a_connect_timeout(transport: HttpTransport) -> None:
    """Without a connection within the connect deadline nothing left."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        address = deaf.getsockname()
        fillers = [socket.socket() for _ in range(3)]
        try:
            for one in fillers:
                one.setblocking(False)  # noqa: FBT003 - the socket's own signature
                one.connect_ex(address)
            with pytest.raises(NetError) as caught:
                await transport.send(
                    HttpRequest(f"http://127.0.0.1:{address[1]}", BODY),
                    deadlines=Deadlines(total_s=PATIENCE_S, connect_s=0.2),
                )
        finally:
            for one in fillers:
                one.close()
    assert (caught.value.kind, caught.value.sent) == (NetErrorKind.TIMEOUT_CONNECT, False)


async def test_a_server_that_hangs_is_ambiguous(transport: HttpTransport) -> None:
    """The request was sent and no answer began: what it costs nobody knows."""

    async def handler(exchange: Exchange) -> None:
        let_pass(PATIENCE_S / 2)
        await asyncio.Event().wait()

    deadlines = Deadlines(total_s=PATIENCE_S, first_byte_s=PATIENCE_S / 2)
    error, _ = await failure(transport, handler, deadlines)
    assert (error.kind, error.sent, error.status) == (NetErrorKind.TIMEOUT_FIRST_BYTE, True, None)
    error, _ = await failure(transport, handler, Deadlines(total_s=PATIENCE_S / 2))
    assert (error.kind, error.sent) == (NetErrorKind.TIMEOUT_TOTAL, True)


async def test_a_dribble_of_bytes_cannot_stretch_the_total(transport: HttpTransport) -> None:
    """Keep-alive bytes in head or body do not move a deadline."""

    async def body(exchange: Exchange) -> None:
        await exchange.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 90000\r\n\r\n")
        await trickle(partial(exchange.raw, b" "))

    async def header(exchange: Exchange) -> None:
        await exchange.raw(b"HTTP/1.1 200 OK\r\nx-slow: ")
        await trickle(partial(exchange.raw, b" "))

    for handler, status in ((body, 200), (header, None)):
        trickle = Trickle(PATIENCE_S)
        error, _ = await failure(transport, handler, Deadlines(total_s=PATIENCE_S))
        assert not trickle.heard_out
        assert (error.kind, error.sent, error.status) == (NetErrorKind.TIMEOUT_TOTAL, True, status)


async def test_a_connection_lost_tells_whether_an_answer_had_begun(transport: HttpTransport) -> None:
    """Before the first byte there is no status, in mid-answer there is."""

    async def before(exchange: Exchange) -> None:
        exchange.cut()

    async def within(exchange: Exchange) -> None:
        await exchange.answer(200, b'{"half', length=5000)
        exchange.cut()

    async def closed(exchange: Exchange) -> None:
        await exchange.answer(200, b'{"half', length=5000)
        exchange.writer.close()

    for handler, status in ((before, None), (within, 200), (closed, 200)):
        error, _ = await failure(transport, handler)
        assert (error.kind, error.sent, error.status) == (NetErrorKind.LOST, True, status)


async def test_a_large_answer_is_not_taken_in(transport: HttpTransport) -> None:
    """Beyond the limit nothing is read, whether the length is told, hidden or a lie."""

    async def told(exchange: Exchange) -> None:
        await exchange.answer(200, b"x", length=10_000_000)

    async def chunked(exchange: Exchange) -> None:
        await exchange.raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(200):
            await exchange.raw(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")

    for handler in (told, chunked):
        error, _ = await failure(transport, handler)
        assert (error.kind, error.sent) == (NetErrorKind.TOO_LARGE, True)


async def test_compression_is_bounded(transport: HttpTransport) -> None:
    """A gzip body is decoded; a bomb, another encoding, broken and cut streams are typed errors."""
    sent = {"data": gzip.compress(b'{"ok":1}'), "encoding": "gzip"}

    async def handler(exchange: Exchange) -> None:
        await exchange.answer(200, sent["data"], {"content-encoding": sent["encoding"]})

    async with LoopbackServer(handler) as server:
        response = await transport.send(
            HttpRequest(server.url, BODY), deadlines=Deadlines(total_s=PATIENCE_S)
        )
    assert response.body == b'{"ok":1}'
    cases = [
        (gzip.compress(b"0" * 50_000_000, 9), "gzip", NetErrorKind.TOO_LARGE),
        (zlib.compress(b"{}"), "deflate", NetErrorKind.ENCODING),
        (b"{}", "br", NetErrorKind.ENCODING),
        (gzip.compress(gzip.compress(b"{}")), "gzip, gzip", NetErrorKind.ENCODING),
        (b"not gzip at all", "gzip", NetErrorKind.ENCODING),
        (gzip.compress(b'{"ok":1}')[:-9], "gzip", NetErrorKind.LOST),
    ]
    for data, encoding, kind in cases:
        sent.update(data=data, encoding=encoding)
        error, _ = await failure(transport, handler)
        assert error.kind is kind, encoding


async def test_garbage_for_http_is_a_lost_connection(transport: HttpTransport) -> None:
    """Bytes that are no HTTP, and a head without end, are errors of ours, not of a library."""

    async def garbage(exchange: Exchange) -> None:
        await exchange.raw(b"\x00\xff this is no http\r\n\r\n")
        exchange.writer.close()

    async def endless(exchange: Exchange) -> None:
        await exchange.raw(b"HTTP/1.1 200 OK\r\n" + b"x-a: " + b"y" * 70_000 + b"\r\n\r\n")

    for handler in (garbage, endless):
        error, _ = await failure(transport, handler)
        assert (error.kind, error.sent) == (NetErrorKind.LOST, True)


async def test_cancelling_is_safe(transport: HttpTransport) -> None:
    """A cancelled send ends at once, its connection with it, and the transport goes on."""
    arrived = asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        if exchange.number == 1:
            arrived.set()
            await asyncio.Event().wait()
        await exchange.answer(200, b"{}")

    async with LoopbackServer(handler) as server:
        request = HttpRequest(server.url, BODY)
        task = asyncio.create_task(transport.send(request, deadlines=Deadlines(total_s=PATIENCE_S)))
        await asyncio.wait_for(arrived.wait(), PATIENCE_S)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await transport.send(request, deadlines=Deadlines(total_s=PATIENCE_S))).status == 200


async def test_certificates_are_verified(transport: HttpTransport, tmp_path: Path) -> None:
    """An unknown certificate ends the attempt before anything is sent; a trusted one does not."""
    serving, trusting = _certificate(tmp_path)

    async def handler(exchange: Exchange) -> None:
        await exchange.answer(200, b"{}")

    async with LoopbackServer(handler, serving) as server:
        request = HttpRequest(server.url, BODY)
        with pytest.raises(NetError) as caught:
            await transport.send(request, deadlines=Deadlines(total_s=PATIENCE_S))
        assert (caught.value.kind, caught.value.sent) == (NetErrorKind.TLS, False)
        own = HttpTransport(verify=trusting)
        assert (await own.send(request, deadlines=Deadlines(total_s=PATIENCE_S))).status == 200
        await own.aclose()
    assert len(server.seen) == 1


def _certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    pem.write_bytes(private + public)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(pem)
    return serving, ssl.create_default_context(cadata=public.decode())
