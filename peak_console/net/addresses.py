"""Which addresses a request may go to at all. Pure; the hard deny itself lives in ``policy``."""

from functools import lru_cache
from urllib.parse import urlsplit

from peak_console.domain.addresses import is_loopback
from peak_console.domain.queries import query_fault


@lru_cache(maxsize=256)
def unfit(url: str, *, query: bool = False) -> str | None:
    """Why no request may go to ``url``, or ``None``.

    Keys travel over TLS only, except on this machine; user information, queries and fragments have no place
    in a provider's address. With ``query`` one may stand there, as far as
    :func:`~peak_console.domain.queries.query_fault` lets it.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "it is not a readable URL"
    if parts.scheme not in {"http", "https"}:
        return "its scheme is neither https nor http"
    if not host:
        return "it names no host"
    if parts.username is not None or parts.password is not None:
        return "it carries user information"
    if "#" in url or (parts.query and not query):
        return "it carries a query or a fragment"
    if parts.scheme == "http" and not is_loopback(url):
        return "it is not https, and only this machine may be reached without TLS"
    return query_fault(url) if query else None
