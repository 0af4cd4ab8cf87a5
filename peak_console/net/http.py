"""The one importer of httpx: requests over its aiohttp transport, with deadlines, limits and the deny.

Nothing here retries, follows a redirect, reads proxy variables or keeps cookies: what left, left once, to
the address it was built for. ``httpx.AsyncClient`` would stand between only to do such things (ADR 0004).
"""

import asyncio
import re
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, Final, cast
from urllib.parse import urljoin

import aiohttp

from peak_console.net.lean_httpx import httpx  # isort: skip - first: httpx_aiohttp imports httpx too
from httpx_aiohttp import AiohttpTransport

from peak_console.domain.text import one_line
from peak_console.net.addresses import unfit
from peak_console.net.decoding import BodyDecoder, BodyReader
from peak_console.net.messages import (
    Deadlines,
    HttpRequest,
    HttpResponse,
    HttpStream,
    NetError,
    NetErrorKind,
    bare_url,
    lowered,
)
from peak_console.policy.deny import hard_deny

DEFAULT_MAX_BYTES: Final = 8 * 1024 * 1024
"""The largest decoded response body that is taken in."""

_KEEPALIVE_S: Final = 15.0

_QUERIES: Final = frozenset({"alt", "api-version", "maxResults", "nextToken", "pageSize", "pageToken"})
"""The parameters of a request's own query: Gemini's stream, Azure's classic version, pages of a list."""

_NO_ADDRESS: Final = (aiohttp.InvalidURL, httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError)
"""What says that an address cannot be read; ``UnicodeError`` of a host with a label of over 63 characters."""

_FOREIGN: Final = (httpx.HTTPError, httpx.StreamError, OSError, aiohttp.ClientError, *_NO_ADDRESS)
"""What httpx, aiohttp and the system raise when a request fails."""


@dataclass(slots=True)
class _Progress:
    """How far one request got; written by aiohttp's trace, read when the request fails."""

    sent: bool = False
    status: int | None = None
    """The status of the response once its head has arrived."""

    @property
    def head_seen(self) -> bool:
        return self.status is not None


_PROGRESS: ContextVar[_Progress] = ContextVar("progress")


async def _headers_sent(_session: Any, _context: SimpleNamespace, _params: Any) -> None:
    _PROGRESS.get().sent = True


class HttpTransport:
    """Sends requests; takes whole responses in, or hands a body on as it comes.

    ``verify`` replaces the TLS trust store (tests, a company's own root); certificates are always verified.
    ``max_bytes`` bounds a response's body after decoding. Bound to the event loop of its first send.
    """

    def __init__(self, *, verify: ssl.SSLContext | None = None, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self._verify = verify
        self._max_bytes = max_bytes
        self._transport: AiohttpTransport | None = None

    async def send(self, request: HttpRequest, *, deadlines: Deadlines) -> HttpResponse:
        """The response to ``request``; raises :class:`NetError`. Safe to cancel at any point."""
        prepared = self._prepared(request, deadlines)
        progress = _Progress()
        token = _PROGRESS.set(progress)
        try:
            return await self._exchange(prepared, deadlines, progress)
        except _FOREIGN as error:
            raise _net_error(error, progress) from error
        finally:
            _PROGRESS.reset(token)

    @asynccontextmanager
    async def stream(self, request: HttpRequest, *, deadlines: Deadlines) -> AsyncIterator[HttpStream]:
        """The response to ``request`` once its head has arrived; its body is read inside the context.

        Raises :class:`NetError` on entering, while the body is read, and out of the whole context when a
        deadline passes: the total one holds until the context is left, whatever is done meanwhile. Leaving
        before the end of the body closes the connection. Safe to cancel at any point.
        """
        prepared = self._prepared(request, deadlines)
        progress = _Progress()
        loop_time = asyncio.get_running_loop().time()
        total_at = loop_time + deadlines.total_s
        head_s = deadlines.total_s if deadlines.first_byte_s is None else deadlines.first_byte_s
        try:
            async with asyncio.timeout_at(min(total_at, loop_time + head_s)) as deadline:
                response = await self._begun(prepared, progress)
                deadline.reschedule(total_at)
                body = cast("httpx.AsyncByteStream", response.stream)
                try:
                    headers = lowered(response.headers.raw)
                    _no_redirect(response, headers, str(prepared.url))
                    decoder = BodyDecoder(headers, self._max_bytes, status=response.status_code)
                    async with aclosing(_chunks(body, decoder, progress)) as chunks:
                        yield HttpStream(response.status_code, headers, chunks)
                finally:
                    with suppress(*_FOREIGN):
                        await body.aclose()
        except TimeoutError:
            if not deadline.expired():  # one of the caller's own, from within the context
                raise
            raise _timed_out(progress, head_first=head_s < deadlines.total_s) from None

    async def aclose(self) -> None:
        """Close all connections."""
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = None

    def _prepared(self, request: HttpRequest, deadlines: Deadlines) -> httpx.Request:
        url = _admitted(request.url, open_query=request.open_query)
        connect_s = min(deadlines.connect_s, deadlines.total_s)
        prepared = httpx.Request(
            request.method,
            url,
            headers=_headers(tuple(request.headers.items())),
            content=request.body,
            extensions={"timeout": {"connect": connect_s, "pool": connect_s}},
        )
        prepared.headers.encoding = "ascii"  # said once, or httpx finds it out anew for every header it reads
        return prepared

    async def _begun(self, request: httpx.Request, progress: _Progress) -> httpx.Response:
        """The response whose head has arrived."""
        token = _PROGRESS.set(progress)
        try:
            response = await self._open().handle_async_request(request)
        except _FOREIGN as error:
            raise _net_error(error, progress) from error
        finally:
            _PROGRESS.reset(token)
        progress.status = response.status_code
        return response

    async def _exchange(
        self, request: httpx.Request, deadlines: Deadlines, progress: _Progress
    ) -> HttpResponse:
        loop_time = asyncio.get_running_loop().time()
        total_at = loop_time + deadlines.total_s
        head_s = deadlines.total_s if deadlines.first_byte_s is None else deadlines.first_byte_s
        try:
            async with asyncio.timeout_at(min(total_at, loop_time + head_s)) as deadline:
                response = await self._open().handle_async_request(request)
                stream = cast("httpx.AsyncByteStream", response.stream)
                try:
                    progress.status = response.status_code
                    if head_s < deadlines.total_s:
                        deadline.reschedule(total_at)
                    return await self._taken_in(response, stream, str(request.url))
                finally:
                    await stream.aclose()
        except TimeoutError:
            raise _timed_out(progress, head_first=head_s < deadlines.total_s) from None

    async def _taken_in(
        self, response: httpx.Response, stream: httpx.AsyncByteStream, address: str
    ) -> HttpResponse:
        headers = lowered(response.headers.raw)
        status = response.status_code
        _no_redirect(response, headers, address)
        reader = BodyReader(headers, self._max_bytes, status=status)
        async for chunk in stream:
            reader.feed(chunk)
        return HttpResponse(status, headers, reader.close())

    def _open(self) -> AiohttpTransport:
        if self._transport is None:
            context = self._verify or httpx.create_ssl_context(trust_env=False)
            self._transport = AiohttpTransport(
                verify=context, trust_env=False, client=lambda: _session(context)
            )
        return self._transport


async def _chunks(
    body: httpx.AsyncByteStream, decoder: BodyDecoder, progress: _Progress
) -> AsyncGenerator[bytes, None]:
    """The decoded pieces of a body, none of them empty."""
    try:
        async for chunk in body:
            if data := decoder.decoded(chunk):
                yield data
    except _FOREIGN as error:
        raise _net_error(error, progress) from error
    decoder.finish()


def _no_redirect(response: httpx.Response, headers: Mapping[str, str], address: str) -> None:
    """Raise for a redirect, which is told and never followed."""
    status = response.status_code
    if not 300 <= status < 400:  # noqa: PLR2004 - the redirect class of RFC 9110
        return
    target = _resolved(address, headers.get("location"))
    raise NetError(
        NetErrorKind.REDIRECT,
        f"answered {status}, which points to {bare_url(target or '')}",
        sent=True,
        status=status,
        location=target,
    )


def _session(context: ssl.SSLContext) -> aiohttp.ClientSession:
    """An aiohttp session without cookies, proxies, decompression or a ceiling on connections."""
    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(_headers_sent)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context, limit=0, keepalive_timeout=_KEEPALIVE_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None),
        trace_configs=[trace],
    )


def _admitted(address: str, *, open_query: bool = False) -> httpx.URL:
    """The URL of ``address``; raises :class:`NetError` for one that no request may go to.

    The deny is asked here for every request, of the address as written and as it goes out. Of queries
    only those parameters pass that adapters write: none of them can carry a key. With ``open_query`` any
    query passes that holds no secret; it is denied as the rest is, and never repeated.
    """
    place, _, query = address.partition("?")
    names = {one.partition("=")[0] for one in query.split("&")} if query else set()
    ours = names <= _QUERIES and "#" not in query
    reason = unfit(address, query=True) if open_query else unfit(place if ours else address)
    if reason is not None:
        raise NetError(NetErrorKind.ADDRESS, f"{bare_url(address)} is refused: {reason}", sent=False)
    url, text = _parsed(address)
    denial = hard_deny(base_url=address) or (hard_deny(base_url=text) if text != address else None)
    if denial is not None:
        told = hard_deny(base_url=bare_url(address)) if open_query else denial
        message = f"the query of {bare_url(address)} is denied" if told is None else told.message
        raise NetError(NetErrorKind.DENIED, message, sent=False)
    return url


@lru_cache(maxsize=64)
def _headers(items: tuple[tuple[str, str], ...]) -> httpx.Headers:
    return httpx.Headers(items)


@lru_cache(maxsize=256)
def _parsed(address: str) -> tuple[httpx.URL, str]:
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL as error:
        message = f"unreadable address: {one_line(str(error))}"
        raise NetError(NetErrorKind.ADDRESS, message, sent=False) from None
    return url, str(url)


def _resolved(address: str, location: str | None) -> str | None:
    """Where a redirect points, in full: a location may be relative to the address that was asked."""
    if location is None:
        return None
    try:
        return urljoin(address, location)
    except ValueError:
        return location


def _timed_out(progress: _Progress, *, head_first: bool) -> NetError:
    if not progress.sent:
        return NetError(NetErrorKind.TIMEOUT_CONNECT, "no connection within the deadline", sent=False)
    kind = NetErrorKind.TIMEOUT_TOTAL
    if not progress.head_seen and head_first:
        kind = NetErrorKind.TIMEOUT_FIRST_BYTE
    what = "the answer was not complete" if progress.head_seen else "no answer began"
    return NetError(kind, f"{what} within the deadline", sent=True, status=progress.status)


def _in_words(text: str) -> str:
    """What a library says of a connection, without what only its authors can read."""
    text = re.sub(r": <\w+Error: .*>$", "", text)
    text = re.sub(r"^\w+Error: \d{3}, message=['\"]?|^\d{3}, message:?=?\s*['\"]?|['\"]?, url=.*$", "", text)
    text = re.sub(r"^Cannot connect to host (\S+) ssl:\S+", r"\1", text)
    text = re.sub(r"(/[^\s?]*)\?\S*", r"\1", text)  # an address, or its path in an echo, without its query
    return text.replace(" ssl:default", "").strip()


def _net_error(error: Exception, progress: _Progress) -> NetError:
    """What httpx or aiohttp raised, as one of ours. The cause tells more than httpx's own class."""
    if isinstance(error, NetError):
        return error
    cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
    detail = _in_words(one_line(str(cause))) or type(cause).__name__
    if progress.sent:
        message = f"the connection was lost: {detail}"
        return NetError(NetErrorKind.LOST, message, sent=True, status=progress.status)
    if isinstance(cause, (aiohttp.ClientSSLError, ssl.SSLError, aiohttp.ServerFingerprintMismatch)):
        return NetError(NetErrorKind.TLS, f"TLS failed: {detail}", sent=False)
    if isinstance(cause, TimeoutError):
        return NetError(NetErrorKind.TIMEOUT_CONNECT, "no connection within the deadline", sent=False)
    if isinstance(cause, _NO_ADDRESS):
        return NetError(NetErrorKind.ADDRESS, f"unreadable address: {detail}", sent=False)
    return NetError(NetErrorKind.CONNECT, f"no connection: {detail}", sent=False)
