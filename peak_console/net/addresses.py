"""Which addresses a request may go to at all. Pure; the hard deny itself lives in ``policy``."""

from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(url: str) -> bool:
    """Whether ``url`` names this machine: a loopback address as a literal, or ``localhost``.

    No name is resolved: a name that happens to point here is not loopback.
    """
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=256)
def unfit(url: str) -> str | None:
    """Why no request may go to ``url``, or ``None``.

    Keys travel over TLS only, except on this machine; user information, queries and fragments have no place
    in a provider's address.
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
    if parts.query or parts.fragment:
        return "it carries a query or a fragment"
    if parts.scheme == "http" and not is_loopback(url):
        return "it is not https, and only this machine may be reached without TLS"
    return None
