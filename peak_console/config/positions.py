"""Where each key of a TOML text stands. tomllib reads values and keeps no places; this keeps only places.

The scanner walks text that tomllib has accepted (TOML 1.0), so it decides nothing about validity.
"""

import contextlib
import re
from collections.abc import Mapping
from typing import Final

from peak_console.config.toml_tokens import BARE_KEY, BASIC, BLANK, GAP, LITERAL, PLAIN, STRINGS, unquoted

Path = tuple[str | int, ...]
"""Keys and list indices from the document's root to a value."""

Place = tuple[int, int]
"""Line and column, both from 1; columns count characters."""


_PLAIN_LINE: Final = re.compile(
    r"([A-Za-z0-9_-]+)[ \t]*=[ \t]*"
    r"""(?:"[^"\\\n]*"(?!")|'[^'\n]*'(?!')|[^\s"'\[{#][^\n#]*)"""
    r"[ \t]*(?:#[^\n]*)?\n"
)
"""A whole line with one bare key and a value without an inside, as nearly all are: it is taken at one go."""


def toml_places(text: str) -> Mapping[Path, Place]:
    """The place of every key, and of every element of an array, by path.

    A table is where its name first occurs; an element of an array of tables where its header stands.
    """
    scan = _Scanner(text.replace("\r\n", "\n"))
    with contextlib.suppress(
        IndexError, RecursionError, ValueError
    ):  # not TOML, or nested beyond reason: what was found
        scan.document()
    return scan.places


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text + "\n"
        self.at = 0
        self.places: dict[Path, Place] = {}
        self._arrays: dict[Path, int] = {}
        self._line = 1
        self._line_start = 0
        self._counted = 0

    def document(self) -> None:
        """The whole text, line by line."""
        table: Path = ()
        while True:
            self._skip(GAP)
            if self.at >= len(self.text):
                return
            if self.text.startswith("[[", self.at):
                table = self._header(width=2)
            elif self.text[self.at] == "[":
                table = self._header(width=1)
            elif (line := _PLAIN_LINE.match(self.text, self.at)) is not None:
                self.places.setdefault((*table, line[1]), self._place(self.at))
                self.at = line.end()
                continue
            else:
                self._pair(table)
            if self.text[self.at] not in " \t\n#":
                raise IndexError

    def _header(self, width: int) -> Path:
        """``[a.b]`` or ``[[a.b]]``: the path that the following keys belong to."""
        start = self.at
        self.at += width
        parts = self._keys()
        self.at += width
        path: Path = ()
        for depth, (name, place) in enumerate(parts, start=1):
            path = (*path, name)
            self.places.setdefault(path, place)
            if width == 2 and depth == len(parts):  # noqa: PLR2004 - two brackets open an array of tables
                count = self._arrays.get(path, 0)
                self._arrays[path] = count + 1
                path = (*path, count)
                self.places[path] = self._place(start)
            elif path in self._arrays:
                path = (*path, self._arrays[path] - 1)
        return path

    def _pair(self, table: Path) -> None:
        """``a.b = value``, in a table or an inline table."""
        path = table
        for name, place in self._keys():
            path = (*path, name)
            self.places.setdefault(path, place)
        self.at += 1  # the equals sign
        self._value(path)

    def _keys(self) -> list[tuple[str, Place]]:
        """A dotted key, each part with its place; ends before ``=`` or ``]``."""
        parts = []
        while True:
            self._skip(BLANK)
            place = self._place(self.at)
            parts.append((self._key(), place))
            self._skip(BLANK)
            if self.text[self.at] != ".":
                return parts
            self.at += 1

    def _key(self) -> str:
        quote = self.text[self.at]
        return unquoted(self._take(LITERAL if quote == "'" else BASIC if quote == '"' else BARE_KEY))

    def _value(self, path: Path) -> None:
        self._skip(BLANK)
        for opening, pattern in STRINGS:
            if self.text.startswith(opening, self.at):
                self._take(pattern)
                return
        opening = self.text[self.at]
        if opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            self._take(PLAIN)

    def _array(self, path: Path) -> None:
        self.at += 1
        count = 0
        while True:
            self._skip(GAP)
            if self.text[self.at] == "]":
                self.at += 1
                return
            self.places[*path, count] = self._place(self.at)
            self._value((*path, count))
            count += 1
            self._skip(GAP)
            if self.text[self.at] == ",":
                self.at += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        while True:
            self._skip(GAP)
            if self.text[self.at] == "}":
                self.at += 1
                return
            self._pair(path)
            self._skip(GAP)
            if self.text[self.at] == ",":
                self.at += 1

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        if match:
            self.at = match.end()

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise IndexError
        self.at = match.end()
        return match.group()

    def _place(self, at: int) -> Place:
        """Line and column of an offset; offsets are asked in ascending order."""
        lines = self.text.count("\n", self._counted, at)
        if lines:
            self._line += lines
            self._line_start = self.text.rfind("\n", self._counted, at) + 1
        self._counted = max(self._counted, at)
        return self._line, at - self._line_start + 1
