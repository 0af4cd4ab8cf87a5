"""A compositor that writes the cells that changed, and no others.

Textual 8.2.8 writes a changed span from the left edge of its widget on, every segment with its full style and
a reset; over ssh that is the budget that matters. This one begins at the span and sends of a style only what
differs from the one before. It leans on parts of Textual that are its own affair; the version is pinned, and
a test holds what is written against a plain repaint.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from rich.color import ColorSystem
from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate, Compositor
from textual.strip import Strip

_CODES = re.compile(
    r"(?:^|;)(?:(?P<fg>38;(?:5;\d+|2;\d+;\d+;\d+))|(?P<bg>48;(?:5;\d+|2;\d+;\d+;\d+))|(?P<one>\d+))"
)
_FOREGROUND = frozenset(str(code) for code in (*range(30, 38), 39, *range(90, 98)))
_BACKGROUND = frozenset(str(code) for code in (*range(40, 48), 49, *range(100, 108)))


class Look(NamedTuple):
    """A style as its SGR codes (ECMA-48): attributes, foreground, background."""

    attributes: tuple[str, ...] = ()
    foreground: str = ""
    background: str = ""


@lru_cache(maxsize=4096)
def look_of(codes: str) -> Look:
    """The parts of a sequence such as ``1;38;2;1;2;3;48;5;4``."""
    attributes: list[str] = []
    foreground = background = ""
    for found in _CODES.finditer(codes):
        one = found["one"]
        if found["fg"] or one in _FOREGROUND:
            foreground = found["fg"] or one
        elif found["bg"] or one in _BACKGROUND:
            background = found["bg"] or one
        else:
            attributes.append(one)
    return Look(tuple(attributes), foreground, background)


@lru_cache(maxsize=4096)
def turn(before: Look, after: Look) -> str:
    """The sequence that turns one look into the other."""
    if before == after:
        return ""
    lost = (before.foreground and not after.foreground) or (before.background and not after.background)
    if before.attributes != after.attributes or lost:
        codes = ";".join(("0", *after.attributes, *(part for part in after[1:] if part)))
        return f"\x1b[{codes}m"
    changed = [new for old, new in zip(before[1:], after[1:], strict=True) if new != old]
    return f"\x1b[{';'.join(changed)}m"


class SpanUpdate(ChopsUpdate):
    """Writes exactly the spans."""

    def render_segments(self, console: Console) -> str:
        """The terminal sequences of the spans."""
        system = console._color_system or ColorSystem.TRUECOLOR  # noqa: SLF001 - as Textual's own does
        parts: list[str] = []
        look = Look()
        for x, y, strip in self._pieces():
            parts.append(Control.move_to(x, y).segment.text)
            for text, style, control in strip:
                if control or not text:
                    continue
                codes = ""
                if style is not None:
                    codes = style._ansi or Strip.render_ansi(style, system)  # noqa: SLF001 - likewise
                after = look_of(codes)
                parts += (turn(look, after), text)
                look = after
        parts.append("\x1b[0m")
        return "".join(parts)

    def _pieces(self) -> Iterator[tuple[int, int, Strip]]:
        """The strips of the spans, each with its place."""
        for y, x1, x2 in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                if strip is not None and x < x2 and end > x1:
                    left, right = max(x1, x), min(end, x2)
                    yield left, y, strip.crop(left - x, right - x)


class SpanCompositor(Compositor):
    """Textual's compositor with :class:`SpanUpdate` for what changed."""

    def render_partial_update(self) -> ChopsUpdate | None:
        """What changed, to be written span by span."""
        update = super().render_partial_update()
        return None if update is None else SpanUpdate(update.chops, update.spans, update.chop_ends)
