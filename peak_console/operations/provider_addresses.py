"""Addresses of providers that are not their own: where the environment points, and where requests went."""

import contextlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from peak_console.domain.events import EventKind
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.views.bar import SeenUrl
from peak_console.operations.views.body_fields import time_of

_BASE_URL: Final = ("PEAK_PROVIDER_", "_BASE_URL")
_LOOPBACK: Final = ("http://127.", "http://localhost", "http://[::1]")
_SEEN_CALLS: Final = 30
_SEEN_S: Final = 3600.0
"""How many of the newest requests, and how old ones, are looked at for addresses of other processes."""
_OWN_HOSTS: Final = {"azure": ".azure.com", "bedrock": ".amazonaws.com"}
"""Where providers are at home whose address the environment always tells a part of."""


def foreign_urls(environ: Mapping[str, str], *, simulated: bool) -> tuple[tuple[str, str], ...]:
    """Providers that the environment points elsewhere; a simulated workspace's loopback is not foreign."""
    head, tail = _BASE_URL
    found = [
        (name[len(head) : -len(tail)].lower(), url)
        for name, url in sorted(environ.items())
        if name.startswith(head) and name.endswith(tail) and url
    ]
    foreign = ((name, url) for name, url in found if not (simulated and url.startswith(_LOOPBACK)))
    return tuple((name, shown_url(url)) for name, url in foreign)


def seen_urls(reader: LedgerReader) -> tuple[SeenUrl, ...]:
    """Addresses of no provider's own that the newest requests went to; raises ``LedgerUnavailable``."""
    wanted = EventFilter(kinds=(EventKind.CALL_REQUESTED.value,))
    found: dict[tuple[str, str], SeenUrl] = {}
    for event in reader.find(wanted, None, _SEEN_CALLS).events:
        url, provider = (event.body or {}).get("base_url"), event.provider or ""
        if isinstance(url, str) and url and not _at_home(provider, url):
            shown = shown_url(url)
            found.setdefault((provider, shown), SeenUrl(provider, shown, time_of(event)))
    return tuple(found.values())


def used_by_others(
    seen: tuple[SeenUrl, ...], own: tuple[tuple[str, str], ...], now: datetime
) -> tuple[SeenUrl, ...]:
    """Addresses that other processes used lately; those of this process stand on their own."""
    return tuple(
        one
        for one in seen
        if (one.provider, one.url) not in own and (now - one.at).total_seconds() <= _SEEN_S
    )


def _at_home(provider: str, url: str) -> bool:
    """Whether an address that the environment told is one of its provider's own."""
    own = _OWN_HOSTS.get(provider)
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        return own is not None and parts.scheme == "https" and (parts.hostname or "").endswith(own)
    return False


def shown_url(url: str) -> str:
    """An address without what may be secret in it: no user, no password, no query."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "?", parts.port
    except ValueError:
        return "(unreadable address)"
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}"
