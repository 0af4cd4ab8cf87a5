"""How JSON looks: indented, keys and values told apart, long lines wrapped below themselves. Pure."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from peak_console.tui.ink import Line, Span, Tone
from peak_console.tui.widgets.document import wrapped

_KEYED: Final = re.compile(r'(\s*)("(?:[^"\\]|\\.)*"): (.*)')
_MOST: Final = 4000
"""Lines that are drawn; the whole is copied."""


def json_lines(value: Any, width: int, *, indent: str = "  ") -> Iterator[Line]:
    """A JSON value, one line a member."""
    yield from text_lines(json.dumps(value, indent=2, ensure_ascii=False, default=str), width, indent=indent)


def text_lines(text: str, width: int, *, indent: str = "  ") -> Iterator[Line]:
    """Indented JSON as lines."""
    lines = text.split("\n")
    for line in lines[:_MOST]:
        yield from _drawn(line, width, indent)
    if len(lines) > _MOST:
        yield (Span(f"{indent}… cut after {_MOST:,} lines; y copies the whole", Tone.WARN),)


def _drawn(line: str, width: int, indent: str) -> Iterator[Line]:
    found = _KEYED.fullmatch(line)
    if found is None:
        yield from wrapped(line, width, indent=indent, tone=Tone.TEXT)
        return
    blank, key, value = found.groups()
    lead = f"{indent}{blank}"
    if len(lead) + len(key) + 2 + len(value) <= width and value.isascii():
        yield (Span(lead), Span(key, Tone.ACCENT), Span(": ", Tone.FAINT), Span(value))
        return
    below = wrapped(value, width, indent=f"{lead}    ")
    yield (Span(lead), Span(key, Tone.ACCENT), Span(":", Tone.FAINT))
    yield from below
