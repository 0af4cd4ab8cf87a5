"""Canonical JSON: RFC 8785 over a domain in which its number and key rules are trivial.

Allowed: ``None``, ``bool``, integers below 2^53 in size, strings without lone surrogates, lists, and objects
with ASCII keys. No floats: decimals travel as strings. Within this domain orjson's sorted output is the
RFC 8785 form byte for byte; a property test holds it against the ``rfc8785`` package.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import orjson

from peak_console.domain.errors import PeakError

_LIMIT = 2**53
DEPTH_LIMIT = 64
"""How deep objects and lists may nest: far above any event, far below any parser's limit."""


class NotCanonical(PeakError):
    """A value lies outside the canonical domain; ``details['path']`` says where."""

    default_code = "not_canonical"


def canonical(value: Any) -> bytes:
    """The canonical bytes of ``value``; raises :class:`NotCanonical` outside the domain."""
    if not _within(value, DEPTH_LIMIT):
        _explain(value, "$", DEPTH_LIMIT)
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def digest(value: Any) -> str:
    """SHA-256 of the canonical bytes, in hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


def sha256_hex(data: bytes) -> str:
    """SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _within(value: Any, depth: int) -> bool:
    """Whether ``value`` lies in the domain; :func:`_explain` says where it does not."""
    kind = type(value)
    if kind is str:
        return value.isascii() or _encodable(value)
    if kind is int:
        return bool(-_LIMIT < value < _LIMIT)
    if value is None or kind is bool:
        return True
    if depth == 0:
        return False
    if kind is dict:
        for key in value:
            if type(key) is not str or not key.isascii():
                return False
        return _all_within(value.values(), depth - 1)
    if kind is list or kind is tuple:
        return _all_within(value, depth - 1)
    return isinstance(value, str) and _within(str(value), depth)


def _all_within(values: Iterable[Any], depth: int) -> bool:
    """:func:`_within` for each; plain text is most of what there is, and is settled without a call."""
    for value in values:
        if type(value) is str:
            if not value.isascii() and not _encodable(value):
                return False
        elif not _within(value, depth):
            return False
    return True


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _explain(value: Any, path: str, depth: int) -> None:
    """Raise :class:`NotCanonical` for the first part of ``value`` outside the domain."""
    if _within(value, depth):
        return
    if depth == 0 and type(value) in {dict, list, tuple}:
        raise NotCanonical(f"{path} is nested deeper than {DEPTH_LIMIT}", path=path)
    if type(value) is dict:
        for key, inner in value.items():
            if type(key) is not str or not key.isascii():
                raise NotCanonical(f"key {key!r} at {path} is not ASCII text", path=path)
            _explain(inner, f"{path}.{key}", depth - 1)
    elif type(value) in {list, tuple}:
        for index, inner in enumerate(value):
            _explain(inner, f"{path}[{index}]", depth - 1)
    elif isinstance(value, str):
        raise NotCanonical(f"text at {path} holds a lone surrogate", path=path)
    elif type(value) is int:
        raise NotCanonical(f"integer at {path} is not below 2^53 in size", path=path)
    else:
        raise NotCanonical(f"{type(value).__name__} at {path} has no canonical form", path=path)
