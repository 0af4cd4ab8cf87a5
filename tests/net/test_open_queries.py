"""An address with an operator's own query: sent as written, under every other rule of addresses, not told."""

from collections.abc import AsyncIterator

import pytest
from loopback_server import Exchange, LoopbackServer

from peak_console.net.addresses import unfit
from peak_console.net.http import HttpTransport, _in_words
from peak_console.net.messages import Deadlines, HttpRequest, NetError, NetErrorKind

PATIENCE = Deadlines(total_s=60)


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    """A transport, closed at the end."""
    made = HttpTransport()
    yield made
    await made.aclose()


def asking(url: str) -> HttpRequest:
    """A request whose query its writer answers for."""
    return HttpRequest(url, b"", method="GET", open_query=True).with_headers({"accept": "text/csv"})


async def test_a_query_goes_out_as_written(transport: HttpTransport) -> None:
    """Nothing that means something is decoded, ordered or left out; other requests may not carry it."""
    query = "symbol=A%26B%2BC%3D&interval=1h&from=2026-11-01T00:00:00Z&b=2&a=1+1"

    async def handler(exchange: Exchange) -> None:
        await exchange.answer(200, b"[]")

    async with LoopbackServer(handler) as server:
        url = f"{server.url}/klines?{query}"
        await transport.send(asking(url), deadlines=PATIENCE)
        with pytest.raises(NetError, match="carries a query") as told:
            await transport.send(HttpRequest(url, b"", method="GET"), deadlines=PATIENCE)
    assert told.value.kind is NetErrorKind.ADDRESS
    assert [one.path for one in server.seen] == [f"/klines?{query}"]


@pytest.mark.parametrize(
    ("url", "kind", "why"),
    [
        ("http://host.example/k?a=hidden", NetErrorKind.ADDRESS, "TLS"),
        ("https://u:p@host.example/k?a=hidden", NetErrorKind.ADDRESS, "user information"),
        ("https://host.example/k?a=hidden#b", NetErrorKind.ADDRESS, "fragment"),
        ("https://host.example/k?a=hidden#", NetErrorKind.ADDRESS, "fragment"),
        ("ftp://host.example/k?a=hidden", NetErrorKind.ADDRESS, "scheme"),
        (f"https://{'a' * 70}.example/k?a=hidden", NetErrorKind.ADDRESS, "unreadable address"),
        ("https://host.example/k?api_key=hidden", NetErrorKind.ADDRESS, "named like a secret"),
        ("https://api.anthropic.com/k?a=hidden", NetErrorKind.DENIED, "never allowed"),
        ("https://host.example/k?a=hidden&b=claude", NetErrorKind.DENIED, "the query of"),
        ("https://host.example/k?a=hidden&b=%63laude", NetErrorKind.DENIED, "the query of"),
    ],
)
async def test_every_other_rule_of_addresses_holds(
    transport: HttpTransport, url: str, kind: NetErrorKind, why: str
) -> None:
    """TLS, no user, no fragment, the deny of the whole address; what is said repeats no value."""
    with pytest.raises(NetError, match=why) as told:
        await transport.send(asking(url), deadlines=PATIENCE)
    assert (told.value.kind, told.value.sent) == (kind, False)
    assert "hidden" not in f"{told.value.message} {told.value.details} {asking(url)!r}"


async def test_no_failure_tells_the_query(transport: HttpTransport) -> None:
    """Neither a redirect, nor a connection that breaks, nor a library's own words."""

    async def handler(exchange: Exchange) -> None:
        if "moved" in exchange.path:
            await exchange.answer(302, b"", {"location": "/other?a=hidden"})
        exchange.cut()

    async with LoopbackServer(handler) as server:
        for path in ("moved", "cut"):
            with pytest.raises(NetError) as told:
                await transport.send(asking(f"{server.url}/{path}?a=hidden"), deadlines=PATIENCE)
            assert "hidden" not in told.value.message
    assert [one.path for one in server.seen] == ["/moved?a=hidden", "/cut?a=hidden"]
    assert _in_words("https://h/k?a=hidden - no host") == "https://h/k - no host"
    assert _in_words("Bad status line: b'GARBAGE /k?a=hidden'") == "Bad status line: b'GARBAGE /k"


def test_a_provider_takes_no_query_all_the_same() -> None:
    """Only who asks for it may carry one."""
    assert unfit("https://host.example/v1?a=b") == "it carries a query or a fragment"
    assert unfit("https://host.example/v1?a=b", query=True) is None
