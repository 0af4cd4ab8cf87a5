"""AWS Signature Version 4: headers that prove who sends a request, from access keys. Pure.

Format: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlsplit

from peak_console.net.messages import HttpRequest

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_UNSIGNED: Final = frozenset(
    {
        "baggage",
        "connection",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "traceparent",
        "tracestate",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "x-amzn-trace-id",
    }
)
"""Headers that a hop in between may change; they are sent, but not signed."""
_REPLACED: Final = frozenset({"authorization", "date", "x-amz-date", "x-amz-security-token"})
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, repr=False)
class AccessKeys:
    """A pair of AWS access keys, with the session token of temporary ones. ``repr`` shows none of them."""

    key_id: str
    secret: str
    token: str | None = None

    def __repr__(self) -> str:
        return "<AccessKeys>"


def signature(
    request: HttpRequest, keys: AccessKeys, *, region: str, service: str, now: datetime
) -> dict[str, str]:
    """The headers to add to ``request``: date, authorisation and, for temporary keys, their token.

    ``now`` is an aware time; AWS takes the signature for five minutes around it. The request must go out
    with the address, headers and body that it has here.
    """
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    added = {"x-amz-date": stamp} | ({"x-amz-security-token": keys.token} if keys.token else {})
    signed = _signed_headers(request, added)
    names = ";".join(signed)
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    canonical = _canonical(request, signed, names)
    to_sign = "\n".join((_ALGORITHM, stamp, scope, _sha256(canonical.encode())))
    key = f"AWS4{keys.secret}".encode()
    for part in (stamp[:8], region, service, "aws4_request", to_sign):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    proof = f"{_ALGORITHM} Credential={keys.key_id}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
    return {**added, "authorization": proof}


def _canonical(request: HttpRequest, signed: Mapping[str, str], names: str) -> str:
    parts = urlsplit(request.url)
    query = "&".join(
        f"{name}={value}"
        for name, _, value in sorted(pair.partition("=") for pair in parts.query.split("&") if parts.query)
    )
    return "\n".join(
        (
            request.method.upper(),
            quote(_without_dots(parts.path), safe="/~"),  # what is encoded is encoded once more
            query,
            *(f"{name}:{value}" for name, value in signed.items()),
            "",
            names,
            _sha256(request.body),
        )
    )


def _signed_headers(request: HttpRequest, added: Mapping[str, str]) -> dict[str, str]:
    kept = {name.lower(): value for name, value in request.headers.items() if name.lower() not in _REPLACED}
    whole = {"host": _host(request.url)} | kept | dict(added)
    return {name: " ".join(whole[name].split()) for name in sorted(whole) if name not in _UNSIGNED}


def _host(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    implied = parts.port is None or parts.port == _DEFAULT_PORTS.get(parts.scheme)
    return host if implied else f"{host}:{parts.port}"


def _without_dots(path: str) -> str:
    """``path`` without dot segments (RFC 3986, 5.2.4) and, as AWS wants it, without empty ones."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in {"", "."}:
            kept.append(segment)
    first = "/" if path.startswith("/") or not path else ""
    last = "/" if path.endswith("/") and kept else ""
    return first + "/".join(kept) + last


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
