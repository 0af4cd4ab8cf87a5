"""One config file as read: its data, the place of each key, its digest, and what was wrong with the text."""

import errno
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Any, Final

from peak_console.config.positions import Path, Place, toml_places
from peak_console.domain.canonical import sha256_hex

MAX_BYTES: Final = 1_000_000
"""A config file larger than this is not read."""

MAX_VALUES: Final = 100_000
"""Nor one with more keys and list elements than this."""

_KEPT_BYTES: Final = 32_768
"""Files up to this size are parsed once while they stay the same: configs are read often, seldom changed."""

_DEEPEST: Final = 32
_KEY_PART = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+"""
_LONG_KEY = re.compile(rf"(?<![A-Za-z0-9_-])(?:{_KEY_PART}){{{_DEEPEST}}}")
_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a file has no data: the lint rule it breaks, where, and in which words."""

    rule: str
    message: str
    place: Place = (1, 1)


@dataclass(frozen=True, slots=True)
class Document:
    """A config file. ``data`` is ``None`` exactly when ``trouble`` says why."""

    name: str
    """The file as findings name it: its path from the workspace, with slashes."""
    text: str = ""
    sha256: str = ""
    data: dict[str, Any] | None = None
    places: Mapping[Path, Place] = field(default_factory=dict)
    trouble: Trouble | None = None

    def place(self, path: Path) -> Place:
        """The place of a key, or of the nearest table around it that stands in the file."""
        for length in range(len(path), 0, -1):
            if (found := self.places.get(path[:length])) is not None:
                return found
        return 1, 1


def read_document(file: FilePath, name: str) -> Document:
    """Read and parse a TOML or YAML file. Never raises on what the file holds or is."""
    raw = _bytes_of(file)
    return raw.named(name) if isinstance(raw, _Unreadable) else parse_document(raw, name)


def parse_document(raw: bytes, name: str) -> Document:
    """Parse a file's bytes: TOML where its name ends in ``.toml`` or ``.lock``, YAML, or plain text.

    The same bytes under the same name give the same document, which nobody changes.
    """
    return _parsed_once(raw, name) if len(raw) <= _KEPT_BYTES else _parsed(raw, name)


@lru_cache(maxsize=128)
def _parsed_once(raw: bytes, name: str) -> Document:
    return _parsed(raw, name)


def _parsed(raw: bytes, name: str) -> Document:
    digest = sha256_hex(raw)
    if len(raw) > MAX_BYTES:
        trouble = Trouble("file.too_large", f"the file has {len(raw)} bytes; at most {MAX_BYTES} are read")
        return Document(name, sha256=digest, trouble=trouble)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return Document(name, sha256=digest, trouble=_not_utf8(raw, error.start))
    if name.endswith((".yaml", ".yml")):
        data, places, found = _parse_yaml(text)
    elif name.endswith((".toml", ".lock")):
        data, places, found = _parse_toml(text)
    else:
        data, places, found = {}, {}, None
    if len(places) > MAX_VALUES:
        found = Trouble(
            "file.too_large", f"the file holds {len(places)} values; at most {MAX_VALUES} are read"
        )
        return Document(name, text, digest, trouble=found)
    return Document(name, text, digest, data, places, found)


@dataclass(frozen=True, slots=True)
class _Unreadable:
    rule: str
    message: str

    def named(self, name: str) -> Document:
        return Document(name, trouble=Trouble(self.rule, self.message))


def _bytes_of(file: FilePath) -> bytes | _Unreadable:
    try:
        # non-blocking, so that a FIFO in the place of a file is named and not waited for
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return _Unreadable("file.missing", "the file is not there")
        return _Unreadable("file.unreadable", f"the file cannot be read: {error.strerror}")
    except ValueError:
        return _Unreadable("file.unreadable", "the file's name holds a NUL character")
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return _Unreadable("file.unreadable", "this is not a regular file")
        with os.fdopen(os.dup(descriptor), "rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        return _Unreadable("file.unreadable", f"the file cannot be read: {error.strerror}")
    finally:
        os.close(descriptor)


def _not_utf8(raw: bytes, offset: int) -> Trouble:
    before = raw[:offset]
    line = before.count(b"\n") + 1
    column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
    return Trouble(
        "file.not_utf8", f"byte 0x{raw[offset]:02x} at offset {offset} is not UTF-8", (line, column)
    )


_Parsed = tuple[dict[str, Any] | None, Mapping[Path, Place], Trouble | None]


def _parse_toml(text: str) -> _Parsed:
    if (deep := _long_key(text)) is not None:
        return None, {}, Trouble("file.syntax", "not TOML that can be read: a key of too many parts", deep)
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        return None, {}, _toml_trouble(str(error), text)
    except RecursionError:
        return None, {}, Trouble("file.syntax", "not TOML that can be read: nested too deeply")
    except (ValueError, ArithmeticError):
        return None, {}, Trouble("file.syntax", "not TOML that can be read: a number is out of all range")
    if _too_deep(data):
        return None, {}, Trouble("file.syntax", "not TOML that can be read: nested too deeply")
    return data, toml_places(text), None


def _long_key(text: str) -> Place | None:
    """A dotted key of very many parts, over which tomllib would spend quadratic time."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.count(".") > _DEEPEST and (match := _LONG_KEY.search(line)):
            return number, match.start() + 1
    return None


def _too_deep(data: Any) -> bool:
    """Whether data nest deeper than any config does; rules may then walk it by recursion."""
    level = [data]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


def _toml_trouble(message: str, text: str) -> Trouble:
    match = _TOML_PLACE.search(message)
    if match is None:
        return Trouble("file.syntax", f"not TOML: {message}")
    if match[1]:
        place = (int(match[1]), int(match[2]))
    else:
        lines = text.split("\n")
        place = (len(lines), len(lines[-1]) + 1)
    return Trouble("file.syntax", f"not TOML: {message[: match.start()]}", place)


def _parse_yaml(text: str) -> _Parsed:
    from peak_console.config.yaml_document import parse_yaml  # noqa: PLC0415 - PyYAML loads only where YAML is used

    return parse_yaml(text)
