"""Keys struck out of what enters a pack: texts, JSON values, names, and bytes that are no text. Pure."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import orjson

from peak_console.domain.redaction import STRUCK

Strike = Callable[[str], str]
"""Gives a text without keys; the same text where there are none. See ``domain.redaction.redactor``."""

_SHORT: Final = 200
_REMEMBERED: Final = 20_000


def remembering(strike: Strike) -> Strike:
    """``strike`` for many values that are mostly the same short texts: it is asked once for each of those."""
    known = lru_cache(_REMEMBERED)(strike)
    return lambda text: known(text) if len(text) <= _SHORT else strike(text)


def struck_value(value: Any, strike: Strike) -> Any:
    """A JSON value without keys: in its names, in its texts, and where a name says that its text is one."""
    if isinstance(value, str):
        return strike(value)
    if isinstance(value, dict):
        return {strike(name): _named(name, inner, strike) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [struck_value(inner, strike) for inner in value]
    return value


def struck_bytes(data: bytes, strike: Strike) -> bytes | None:
    """A file without keys; ``None`` where one stands in bytes that are no text, which cannot be mended."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        seen = data.decode("latin-1")
        return data if strike(seen) == seen else None
    shown = strike(text)
    return data if shown == text else shown.encode()


def struck_lines(data: bytes, strike: Strike) -> bytes:
    """A file of JSON lines without keys; a line that held one says ``"redacted": true``."""
    return b"".join(_struck_line(line, strike) for line in data.splitlines(keepends=True))


def _struck_line(line: bytes, strike: Strike) -> bytes:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        shown = struck_bytes(line, strike)
        return STRUCK.encode() + b"\n" if shown is None else shown
    better = struck_value(value, strike)
    if better == value:
        return line
    if isinstance(better, dict):
        better["redacted"] = True
    return orjson.dumps(better) + b"\n"


def _named(name: str, inner: Any, strike: Strike) -> Any:
    """A member's value; a text under a name like ``api_key`` is struck as it would be in a config file."""
    if isinstance(inner, str):
        before = f"{name}="
        whole = strike(before + inner)
        if whole.startswith(before):
            return whole.removeprefix(before)
        return strike(inner)
    return struck_value(inner, strike)
