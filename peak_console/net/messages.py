"""What goes out and what comes back: requests, responses, deadlines and the one network error. Pure."""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from peak_console.domain.errors import PeakError
from peak_console.domain.text import one_line

REDACTED: Final = "[redacted]"

_PUBLIC_HEADERS: Final = frozenset(
    {
        "accept",
        "accept-encoding",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "retry-after",
        "retry-after-ms",
        "server",
        "transfer-encoding",
        "user-agent",
        "x-request-id",
        "x-should-retry",
    }
)


def redacted(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers fit for a log: values of headers that are not known to be harmless are struck out.

    An allow-list, because every provider names its key header as it likes.
    """
    return {name: value if _is_public(name) else REDACTED for name, value in headers.items()}


def _is_public(name: str) -> bool:
    lowered = name.lower()
    return lowered in _PUBLIC_HEADERS or lowered.startswith("x-ratelimit-")


def bare_url(url: str) -> str:
    """``url`` on one line and without user information, query and fragment, where secrets stand."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "[unreadable address]"
    host = f"[{host}]" if ":" in host else host
    return one_line(f"{parts.scheme}://{host}{port}{parts.path}")


@dataclass(frozen=True, slots=True, repr=False)
class HttpRequest:
    """A request to a provider. Its ``repr`` shows neither query, header values nor the body."""

    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    open_query: bool = False
    """Whether the address may carry any query without a secret: one that an operator wrote, no adapter."""

    def with_headers(self, more: Mapping[str, str]) -> "HttpRequest":
        """The same request with ``more`` headers, for example the provider's key."""
        return replace(self, headers={**self.headers, **more})

    def __repr__(self) -> str:
        names = ", ".join(self.headers)
        return f"<HttpRequest {self.method} {bare_url(self.url)} ({names}) {len(self.body)} bytes>"


@dataclass(frozen=True, slots=True, repr=False)
class HttpResponse:
    """A whole response: status, headers (names in lower case, the last of equal names), decoded body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"<HttpResponse {self.status} {redacted(self.headers)} {len(self.body)} bytes>"


@dataclass(frozen=True, slots=True, repr=False)
class HttpStream:
    """A response whose body is still coming; ``chunks`` gives it decoded, as it arrives, once.

    Reading raises :class:`NetError`, as does leaving its context.
    """

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]

    def __repr__(self) -> str:
        return f"<HttpStream {self.status} {redacted(self.headers)}>"


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds from now: until connected, until the response's head has arrived, until it is complete.

    No byte that a server trickles stretches any of them.
    """

    total_s: float
    connect_s: float = 5.0
    first_byte_s: float | None = None
    """``None``: the response's head may take as long as the whole."""


class NetErrorKind(StrEnum):
    """How a request failed below the provider's own words."""

    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT_CONNECT = "timeout_connect"
    TIMEOUT_FIRST_BYTE = "timeout_first_byte"
    TIMEOUT_TOTAL = "timeout_total"
    LOST = "lost"
    TOO_LARGE = "too_large"
    REDIRECT = "redirect"
    ENCODING = "encoding"
    DENIED = "denied"
    ADDRESS = "address"


class NetError(PeakError):
    """A request that got no usable response.

    ``sent`` says whether any of it may have left: then the provider may bill it. ``status`` is that of the
    response whose head arrived, if one did. ``location`` is a redirect's target, recorded and never followed.
    """

    default_code = "network"

    def __init__(
        self,
        kind: NetErrorKind,
        message: str,
        *,
        sent: bool,
        status: int | None = None,
        location: str | None = None,
    ) -> None:
        super().__init__(message, code=f"network_{kind.value}", sent=sent)
        self.kind = kind
        self.sent = sent
        self.status = status
        self.location = location


def lowered(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Header pairs off the wire as text with names in lower case; bytes beyond ASCII read as Latin-1."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw}
