"""Whether the query of an address may stand in a config: plain parameters, none named like a key. Pure."""

import re
from typing import Final
from urllib.parse import unquote_plus

from peak_console.domain.redaction import holds_secret

_NAME: Final = re.compile(r"[A-Za-z0-9_.:$\[\]-]{1,64}")
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_WORDS: Final = frozenset(
    {"auth", "authorization", "authorisation", "bearer", "hmac", "jwt", "pass", "pwd", "sid", "sig", "sign"}
)
"""Words that no parameter's name may hold: ``X-Auth``, ``userPwd``."""
_PARTS: Final = (
    "apikey",
    "appid",
    "accesskey",
    "credential",
    "passphrase",
    "passwd",
    "password",
    "secret",
    "signature",
)
"""What no name may contain, its signs and capitals left out."""
_ENDS: Final = ("key", "token")
"""How no such name may end."""


def query_fault(url: str) -> str | None:
    """Why the query of ``url`` may not be written down, or ``None``; an address without a query has none.

    A config is in git, in versions and in evidence packs, so a key is no part of an address in it. A
    parameter is ``name=value``, its name ASCII; one that is named like a secret is refused whatever its
    value, and so is a value that has the form of a known key. No value is repeated in what is said.
    """
    _, sign, query = url.partition("#")[0].partition("?")
    if not sign:
        return None
    if not query.isascii() or not query.isprintable() or re.search(r"[\s\\]", query):
        return "its query holds characters that a query cannot"
    for part in re.split("[&;]", query):  # some servers take either
        if part and (why := _fault(*part.partition("=")[:2])):
            return why
    return "a value of its query has the form of a key" if holds_secret(unquote_plus(query)) else None


def _fault(name: str, sign: str) -> str | None:
    name = unquote_plus(name)
    if not sign or _NAME.fullmatch(name) is None:
        return "its query holds what is no name=value"
    if _is_secret(name):
        return f"its parameter {name} is named like a secret"
    return None


def _is_secret(name: str) -> bool:
    bare = "".join(letter for letter in name.casefold() if letter.isalnum()).rstrip("0123456789")
    words = {word.casefold() for word in _WORD.findall(name)}
    return bare.endswith(_ENDS) or any(part in bare for part in _PARTS) or not words.isdisjoint(_WORDS)
