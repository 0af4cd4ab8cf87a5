"""The page of figures that the node serves, asked for as a monitor would; loopback only."""

import socket
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from peak_console.domain.text import one_line

_LOOPBACK: Final = "127.0.0.1"
_PATIENCE_S: Final = 2.0
_MOST: Final = 4 * 1024 * 1024
_CHUNK: Final = 65_536
_FIGURE: Final = b"ledger_events_total"
"""A figure that every page of ours holds."""


@dataclass(frozen=True, slots=True)
class Scraped:
    """A page of figures; ``problem`` says why there is none."""

    text: bytes = b""
    problem: str = ""


def scraped(url: str) -> Scraped:
    """The page at a loopback ``url``; never raises."""
    parts = urlsplit(url)
    if parts.hostname != _LOOPBACK or parts.port is None:
        return Scraped(problem="is not on loopback")
    asked = f"GET {parts.path} HTTP/1.0\r\nHost: {_LOOPBACK}\r\nAccept: text/plain\r\n\r\n"
    answer = b""
    try:
        with socket.create_connection((_LOOPBACK, parts.port), timeout=_PATIENCE_S) as line:
            line.sendall(asked.encode("ascii"))
            while len(answer) < _MOST and (more := line.recv(_CHUNK)):
                answer += more
    except OSError as error:
        return Scraped(problem=f"does not answer: {error.strerror or error}")
    head, _, page = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head.partition(b"\r\n")[0]:
        return Scraped(problem=f"answers {one_line(answer[:60].decode('latin-1'), 40)!r}")
    return Scraped(page) if _FIGURE in page else Scraped(problem=f"holds no {_FIGURE.decode()}")
