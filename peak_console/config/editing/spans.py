"""Where the parts of a TOML text lie, from offset to offset: headers, pairs, values and what is in them.

The scanner walks text that tomllib has accepted. Unlike ``config/positions.py`` it keeps ends, too, and the
text's own line ends, so that a part can be replaced and all around it stays as it is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from peak_console.config.positions import Path
from peak_console.config.toml_tokens import BARE_KEY, BASIC, BLANK, GAP, LITERAL, PLAIN, STRINGS, unquoted


@dataclass(frozen=True, slots=True)
class Value:
    """A value. ``items`` are those of an array or inline table; ``opening`` is its bracket, else empty."""

    start: int
    end: int
    opening: str = ""
    items: tuple["Item", ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """An element of an array, or a pair: ``key`` holds the names (or the index) from its table to it."""

    key: Path
    start: int
    value: Value


@dataclass(frozen=True, slots=True)
class Section:
    """A header with the pairs below it, up to the next header; the first section has none.

    ``path`` has the index of each array of tables on the way.
    """

    path: Path
    start: int
    end: int
    """The header from bracket to bracket; both 0 for the first section."""
    array: bool
    pairs: list[Item] = field(default_factory=list)

    @property
    def last(self) -> int:
        """The end of the last pair, or of the header."""
        return self.pairs[-1].value.end if self.pairs else self.end


def sections_of(text: str) -> list[Section]:
    """The sections of a TOML text. Raises ``ValueError`` on what is none."""
    return _Scanner(text).document()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self._arrays: dict[Path, int] = {}

    def document(self) -> list[Section]:
        sections = [Section((), 0, 0, array=False)]
        self._skip(GAP)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                sections.append(self._header())
            else:
                sections[-1].pairs.append(self._pair())
            self._skip(GAP)
        return sections

    def _header(self) -> Section:
        start = self.at
        array = self.text.startswith("[[", start)
        self.at += 1 + array
        names = self._names()
        self.at += 1 + array
        path: Path = ()
        for depth, name in enumerate(names, start=1):
            path = (*path, name)
            if array and depth == len(names):
                self._arrays[path] = self._arrays.get(path, 0) + 1
            if path in self._arrays:
                path = (*path, self._arrays[path] - 1)
        return Section(path, start, self.at, array)

    def _pair(self) -> Item:
        start = self.at
        names = self._names()
        self.at += 1  # the equals sign
        self._skip(BLANK)
        return Item(tuple(names), start, self._value())

    def _names(self) -> list[str]:
        names = []
        while True:
            self._skip(BLANK)
            quote = self.text[self.at : self.at + 1]
            names.append(
                unquoted(self._take(LITERAL if quote == "'" else BASIC if quote == '"' else BARE_KEY))
            )
            self._skip(BLANK)
            if self.text[self.at : self.at + 1] != ".":
                return names
            self.at += 1

    def _value(self) -> Value:
        start = self.at
        for opening, pattern in STRINGS:
            if self.text.startswith(opening, start):
                self._take(pattern)
                return Value(start, self.at)
        opening = self.text[start : start + 1]
        if opening in {"[", "{"}:
            return self._inner(opening)
        plain = self._take(PLAIN)
        self.at -= len(plain) - len(plain.rstrip())
        return Value(start, self.at)

    def _inner(self, opening: str) -> Value:
        start = self.at
        closing = "]" if opening == "[" else "}"
        items: list[Item] = []
        self.at += 1
        while True:
            self._skip(GAP)
            if self.text[self.at : self.at + 1] == closing:
                self.at += 1
                return Value(start, self.at, opening, tuple(items))
            if opening == "[":
                items.append(Item((len(items),), self.at, self._value()))
            else:
                items.append(self._pair())
            self._skip(GAP)
            if self.text[self.at : self.at + 1] == ",":
                self.at += 1

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise ValueError(f"no TOML at offset {self.at}")
        self.at = match.end()
        return match.group()


def values_of(sections: list[Section]) -> Iterator[tuple[Path, Item, Value | None]]:
    """Every pair and element with its full path, and the array or inline table it stands in."""
    for section in sections:
        for pair in section.pairs:
            yield from _values((*section.path, *pair.key), pair, None)


def _values(path: Path, item: Item, around: Value | None) -> Iterator[tuple[Path, Item, Value | None]]:
    yield path, item, around
    for inner in item.value.items:
        yield from _values((*path, *inner.key), inner, item.value)
