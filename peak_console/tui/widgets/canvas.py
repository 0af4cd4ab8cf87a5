"""Widgets that draw lines of :mod:`peak_console.tui.ink` and repaint only the spans that changed.

Textual repaints whole widgets; over ssh that is the budget that matters. A :class:`Canvas` keeps what it has
drawn and marks the differing part of each row dirty. It is the one door to the terminal for foreign text:
every span passes ``plain()`` here, and no markup is ever parsed.
"""

import re
from collections.abc import Sequence
from itertools import zip_longest
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from peak_console.domain.text import plain
from peak_console.tui.ink import EMPTY, Line, Tone

_BREAKS = re.compile(r"[\n\t]")
_CHUNK = 12
"""Longest segment in cells: Textual repaints whole segments, so a long one would cost a whole row."""

TONES: frozenset[str] = frozenset(f"ink--{tone.value}" for tone in Tone)


_BOLD = "text-style: bold;"


def ink_css(widget: str) -> str:
    """The style sheet that gives each tone of ``widget`` its colours."""
    plain_tones = [tone for tone in Tone if not tone.value.startswith("chip-") and tone not in _SPECIAL]
    rules = [f"&>.ink--{tone.value} {{ color: $ink-{tone.value}; }}" for tone in plain_tones]
    rules += [
        "&>.ink--strong { color: $ink-strong; text-style: bold; }",
        "&>.ink--cursor { color: $ink-cursor-text; background: $ink-cursor; }",
        *(
            f"&>.ink--{tone.value} {{ color: $ink-chip-text; background: $ink-{tone.value}; {_BOLD} }}"
            for tone in Tone
            if tone.value.startswith("chip-")
        ),
    ]
    return f"{widget} {{ {' '.join(rules)} }}"


_SPECIAL = frozenset({Tone.TEXT, Tone.STRONG, Tone.CURSOR})


def clean(text: str) -> str:
    """``text`` on one line, without anything a terminal would obey."""
    if text.isascii() and text.isprintable():
        return text
    return _BREAKS.sub(" ", plain(text))


def segments_of(spans: Line, styles: dict[Tone, Style]) -> list[Segment]:
    """The spans as segments of at most ``_CHUNK`` cells."""
    segments: list[Segment] = []
    for text, tone in spans:
        safe, style = clean(text), styles[tone]
        if len(safe) <= _CHUNK:
            segments.append(Segment(safe, style))
        else:
            segments.extend(Segment(safe[at : at + _CHUNK], style) for at in range(0, len(safe), _CHUNK))
    return segments


def changed_span(old: Strip, new: Strip) -> tuple[int, int] | None:
    """The cells from the first to the last segment that differ; ``None`` when nothing does."""
    before, after = list(old), list(new)
    start = left = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        left += cell_len(after[start].text)
        start += 1
    if start == len(before) == len(after):
        return None
    right, back = max(old.cell_length, new.cell_length), 1
    while back <= min(len(before), len(after)) - start and before[-back] == after[-back]:
        right -= cell_len(after[-back].text)
        back += 1
    return left, max(right, left + 1)


class _Palette:
    """The styles of a widget's tones, read from its style sheet once and again after a change of theme."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._styles: dict[Tone, Style] = {}
        self._over: dict[Tone, Style] = {}

    def clear(self) -> None:
        """Forget the styles."""
        self._styles = {}
        self._over = {}

    def styles(self) -> dict[Tone, Style]:
        """Tone → style."""
        if not self._styles:
            self._styles = {
                tone: self._widget.get_component_rich_style(f"ink--{tone.value}") for tone in Tone
            }
        return self._styles

    def over_cursor(self) -> dict[Tone, Style]:
        """The same styles on the cursor's background."""
        if not self._over:
            cursor = self.styles()[Tone.CURSOR]
            ground = Style(bgcolor=cursor.bgcolor)
            chips = {tone for tone in Tone if tone.value.startswith("chip-")}
            self._over = {
                tone: style if tone in chips else style + ground for tone, style in self.styles().items()
            }
            for tone in (Tone.TEXT, Tone.DIM, Tone.FAINT, Tone.CURSOR):
                self._over[tone] = cursor
        return self._over

    def strip(self, spans: Line, width: int, *, cursor: bool = False) -> Strip:
        """A strip of exactly ``width`` cells."""
        styles = self.over_cursor() if cursor else self.styles()
        ground = styles[Tone.CURSOR if cursor else Tone.TEXT]
        return Strip(segments_of(spans, styles)).adjust_cell_length(width, ground)


class Canvas(Widget):
    """A fixed area drawn by :meth:`draw`; call :meth:`redraw` when what it draws may have changed."""

    COMPONENT_CLASSES: ClassVar[set[str]] = set(TONES)
    DEFAULT_CSS: ClassVar[str] = ink_css("Canvas")

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._palette = _Palette(self)
        self._strips: list[Strip] = []
        self._drawn_for = Size(-1, -1)

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """The lines for an area of ``width`` by ``height`` cells."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Draw again and repaint what changed."""
        if not self.is_mounted or self.size.width <= 0:
            return
        if self._drawn_for != self.size:
            self._strips = []
            self.refresh()
            return
        fresh = self._draw_strips()
        for y, (old, new) in enumerate(zip_longest(self._strips, fresh, fillvalue=Strip([]))):
            span = changed_span(old, new)
            if span is not None:
                left, right = span
                self.refresh(Region(left, y, right - left, 1))
        self._strips = fresh

    def _draw_strips(self) -> list[Strip]:
        width, height = self.size
        lines = list(self.draw(width, height))[:height]
        lines += [EMPTY] * (height - len(lines))
        return [self._palette.strip(spans, width) for spans in lines]

    def render_line(self, y: int) -> Strip:
        """One drawn row."""
        if self._drawn_for != self.size or not self._strips:
            self._drawn_for = self.size
            self._strips = self._draw_strips()
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width)

    def notify_style_update(self) -> None:
        """Forget styles and drawing after a change of theme or focus."""
        super().notify_style_update()
        self._palette.clear()
        self._strips = []


class ScrollCanvas(ScrollView):
    """A scrolling area drawn row by row by :meth:`draw_row`; only rows in view are ever drawn."""

    COMPONENT_CLASSES: ClassVar[set[str]] = set(TONES)
    DEFAULT_CSS: ClassVar[str] = (
        ink_css("ScrollCanvas")
        + "ScrollCanvas { overflow: hidden auto; scrollbar-gutter: stable; scrollbar-size: 0 1; }"
    )

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._palette = _Palette(self)
        self._shown: dict[int, Strip] = {}
        self._shown_for: tuple[Size, int] = (Size(-1, -1), 0)

    @property
    def inner_width(self) -> int:
        """Cells of a row: the width without the scroll bar's gutter."""
        return self.scrollable_content_region.width

    def row_count(self) -> int:
        """Rows of the content."""
        raise NotImplementedError

    def draw_row(self, row: int, width: int) -> tuple[Line, bool]:
        """A row's line, and whether the cursor stands on it."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Take the content's new height and repaint the rows in view that changed."""
        if not self.is_mounted or self.size.width <= 0:
            return
        needed = Size(self.inner_width, max(1, self.row_count()))
        if self.virtual_size != needed:
            self.virtual_size = needed
        where = (self.size, self.scroll_offset.y)
        if self._shown_for != where:
            self._shown = {}
            self.refresh()
            return
        for y, old in list(self._shown.items()):
            new = self._strip(y)
            span = changed_span(old, new)
            if span is not None:
                self._shown[y] = new
                self.refresh(Region(span[0], y, span[1] - span[0], 1))

    def _strip(self, y: int) -> Strip:
        row = y + self.scroll_offset.y
        if row >= self.row_count():
            return self._palette.strip(EMPTY, self.inner_width)
        spans, cursor = self.draw_row(row, self.inner_width)
        return self._palette.strip(spans, self.inner_width, cursor=cursor)

    def render_line(self, y: int) -> Strip:
        """One drawn row of the view."""
        where = (self.size, self.scroll_offset.y)
        if self._shown_for != where:
            self._shown_for, self._shown = where, {}
        if y not in self._shown:
            self._shown[y] = self._strip(y)
        return self._shown[y]

    def notify_style_update(self) -> None:
        """Forget styles and drawing after a change of theme or focus."""
        super().notify_style_update()
        self._palette.clear()
        self._shown = {}
