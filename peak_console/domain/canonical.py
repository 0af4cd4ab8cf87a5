"""Canonical JSON: RFC 8785 over a domain in which its number and key rules are trivial.

Allowed: ``None``, ``bool``, integers below 2^53 in size, strings without lone surrogates, lists, and objects
with ASCII keys. No floats: decimals travel as strings. Within this domain orjson's sorted output is the
RFC 8785 form byte for byte; a property test holds it against the ``rfc8785`` package.
"""

import hashlib
from typing import Any

import orjson

from peak_console.domain.errors import PeakError

_LIMIT = 2**53


class NotCanonical(PeakError):
    """A value lies outside the canonical domain; ``details['path']`` says where."""

    default_code = "not_canonical"


def canonical(value: Any) -> bytes:
    """The canonical bytes of ``value``; raises :class:`NotCanonical` outside the domain."""
    _check(value, "$")
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def digest(value: Any) -> str:
    """SHA-256 of the canonical bytes, in hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


def sha256_hex(data: bytes) -> str:
    """SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _check(value: Any, path: str) -> None:
    kind = type(value)
    if kind is str:
        if not value.isascii():
            _check_text(value, path)
    elif kind is int:
        if not -_LIMIT < value < _LIMIT:
            raise NotCanonical(f"integer at {path} is not below 2^53 in size", path=path)
    elif kind is dict:
        _check_object(value, path)
    elif kind is list or kind is tuple:
        for index, inner in enumerate(value):
            _check(inner, f"{path}[{index}]")
    elif value is not None and kind is not bool:
        _check_subclass(value, path)


def _check_object(value: dict[Any, Any], path: str) -> None:
    for key, inner in value.items():
        if type(key) is not str or not key.isascii():
            raise NotCanonical(f"key {key!r} at {path} is not ASCII text", path=path)
        _check(inner, f"{path}.{key}")


def _check_text(value: str, path: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise NotCanonical(f"text at {path} holds a lone surrogate", path=path) from None


def _check_subclass(value: Any, path: str) -> None:
    """Enums of strings pass as their text; everything else is refused."""
    if isinstance(value, str):
        _check(str(value), path)
        return
    raise NotCanonical(f"{type(value).__name__} at {path} has no canonical form", path=path)
