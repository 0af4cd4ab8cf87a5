"""Widgets that draw lines of :mod:`peak_console.tui.ink` and repaint only the spans that changed.

Textual repaints whole widgets; over ssh that is the budget that matters. A :class:`Canvas` keeps what it has
drawn and marks the differing part of each row dirty. It is the one door to the terminal for foreign text:
every span passes ``plain()`` here, and no markup is ever parsed.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import zip_longest
from typing import Final

from rich.cells import cell_len
from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from peak_console.domain.text import plain
from peak_console.tui.ink import EMPTY, Line, Tone

_BREAKS = re.compile(r"[\n\t]")
_NEAR = 8
"""Unchanged cells between two changed ones that are cheaper to write again than to jump over."""

Styles = dict[Tone, Style]


@lru_cache(maxsize=64)
def styles_on(ground: Style, variables: tuple[tuple[str, str], ...]) -> Styles:
    """The style of each tone on ``ground``, by the theme's ``ink-*`` variables."""
    named = dict(variables)

    def colour(name: str) -> RichColor:
        return Color.parse(named[name]).rich_color

    chip_text = colour("ink-chip-text")
    found: Styles = {}
    for tone in Tone:
        name = f"ink-{tone.value}"
        if tone is Tone.TEXT:
            found[tone] = ground
        elif tone is Tone.CURSOR:
            found[tone] = ground + Style(color=colour("ink-cursor-text"), bgcolor=colour(name))
        elif tone.value.startswith("chip-"):
            found[tone] = ground + Style(color=chip_text, bgcolor=colour(name), bold=True)
        else:
            found[tone] = ground + Style(color=colour(name), bold=True if tone is Tone.STRONG else None)
    return found


_READABLE: Final = 4.5
"""Contrast of text that can be read (WCAG 2.2, criterion 1.4.3)."""


def contrast(one: str, other: str) -> float:
    """Ratio of contrast of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""

    def luminance(name: str) -> float:
        parts = (part / 255 for part in Color.parse(name).rgb)
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]  # noqa: PLR2004 - sRGB
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def readable(text: str, ground: str) -> bool:
    """Whether ``text`` can be read on ``ground``; of a terminal's own colours nobody knows, so never."""
    if text.startswith("ansi_") or ground.startswith("ansi_"):
        return False
    return contrast(text, ground) >= _READABLE


@lru_cache(maxsize=64)
def styles_under_cursor(ground: Style, variables: tuple[tuple[str, str], ...]) -> Styles:
    """The same styles on the cursor's background; chips keep their own.

    A tone that cannot be read there takes the cursor's colour.
    """
    styles = styles_on(ground, variables)
    named = dict(variables)
    cursor = styles[Tone.CURSOR]
    below = Style(bgcolor=cursor.bgcolor)
    plain_tones = {Tone.TEXT, Tone.DIM, Tone.FAINT, Tone.CURSOR}

    def under(tone: Tone, style: Style) -> Style:
        if tone.value.startswith("chip-"):
            return style
        if tone in plain_tones or not readable(named[f"ink-{tone.value}"], named["ink-cursor"]):
            return cursor
        return style + below

    return {tone: under(tone, style) for tone, style in styles.items()}


def clean(text: str) -> str:
    """``text`` on one line, without anything a terminal would obey."""
    if text.isascii() and text.isprintable():
        return text
    return _BREAKS.sub(" ", plain(text))


def segments_of(spans: Line, styles: Styles) -> list[Segment]:
    """The spans as segments; neighbours of one style are one segment."""
    segments: list[Segment] = []
    for text, tone in spans:
        safe, style = clean(text), styles[tone]
        if segments and segments[-1].style is style:
            segments[-1] = Segment(segments[-1].text + safe, style)
        elif safe:
            segments.append(Segment(safe, style))
    return segments


Cell = tuple[str, Style | None]


def cells_of(strip: Iterable[Segment]) -> list[Cell]:
    """The strip cell by cell; the second cell of a wide character is empty."""
    cells: list[Cell] = []
    for segment in strip:
        text, style = segment.text, segment.style
        if text.isascii():
            cells.extend((char, style) for char in text)
            continue
        for char in text:
            width = cell_len(char)
            if width:
                cells.append((char, style))
                cells.extend([("", style)] * (width - 1))
            elif cells:
                cells[-1] = (cells[-1][0] + char, cells[-1][1])
    return cells


def changes(old: Strip, new: Strip) -> list[tuple[int, int]]:
    """The runs of cells that differ, those close to each other as one; never through a wide character."""
    first, last, skipped = _unlike(old, new)
    before, after = cells_of(list(old)[first : len(old) - last]), cells_of(list(new)[first : len(new) - last])
    return [(start + skipped, end + skipped) for start, end in _runs(before, after)]


def _unlike(old: Strip, new: Strip) -> tuple[int, int, int]:
    """How many segments are the same at the beginning and at the end, and the cells of the former.

    The end is left out of account only where it stands in the same columns.
    """
    were, are = list(old), list(new)
    shorter = min(len(were), len(are))
    first = _alike(were, are)
    while first and not (_begins_a_cell(were[first:]) and _begins_a_cell(are[first:])):
        first -= 1  # what begins there may stand over the cell before
    last = 0
    if old.cell_length == new.cell_length:
        last = min(_alike(were[::-1], are[::-1]), shorter - first)
    return first, last, sum(one.cell_length for one in are[:first])


def _begins_a_cell(segments: list[Segment]) -> bool:
    return not segments or (segments[0].text[:1].isascii() and bool(segments[0].text))


def _alike(were: list[Segment], are: list[Segment]) -> int:
    pairs = enumerate(zip(were, are, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(were), len(are)))


def _runs(before: list[Cell], after: list[Cell]) -> list[tuple[int, int]]:
    width = max(len(before), len(after))
    filler: Cell = ("", None)
    before += [filler] * (width - len(before))
    after += [filler] * (width - len(after))
    runs: list[tuple[int, int]] = []
    for at, (left, right) in enumerate(zip(before, after, strict=True)):
        if left == right:
            continue
        start, end = at, at + 1
        while start > 0 and (after[start][0] == "" or before[start][0] == "") and at < len(after):
            start -= 1
        while end < width and (after[end][0] == "" or before[end][0] == ""):
            end += 1
        if runs and start - runs[-1][1] <= _NEAR:
            runs[-1] = (runs[-1][0], max(end, runs[-1][1]))
        else:
            runs.append((start, end))
    return runs


class _Palette:
    """A widget's styles by tone, asked of its theme once and again after a change of it.

    Component classes would do the same, at a third of a second for a screen's widgets when it is first shown.
    """

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._key: tuple[Style, tuple[tuple[str, str], ...]] | None = None

    def clear(self) -> None:
        """Forget the styles."""
        self._key = None

    def strip(self, spans: Line, width: int, *, cursor: bool = False) -> Strip:
        """A strip of exactly ``width`` cells."""
        if self._key is None:
            variables = self._widget.app.theme_variables
            inks = tuple((name, value) for name, value in variables.items() if name.startswith("ink-"))
            self._key = (self._widget.rich_style, inks)
        styles = styles_under_cursor(*self._key) if cursor else styles_on(*self._key)
        ground = styles[Tone.CURSOR if cursor else Tone.TEXT]
        return Strip(segments_of(spans, styles)).adjust_cell_length(width, ground)


class Canvas(Widget):
    """A fixed area drawn by :meth:`draw`; call :meth:`redraw` when what it draws may have changed."""

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
        if not self.is_mounted:
            return
        if self._drawn_for != self.size or self.size.width <= 0:
            self._strips = []  # what is hidden is drawn anew when it is shown
            self.refresh()
            return
        fresh = self._draw_strips()
        for y, (old, new) in enumerate(zip_longest(self._strips, fresh, fillvalue=Strip([]))):
            if old != new and (runs := changes(old, new)):
                self.refresh(*(Region(left, y, right - left, 1) for left, right in runs))
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

    DEFAULT_CSS = """
    ScrollCanvas { overflow: hidden auto; scrollbar-gutter: stable; scrollbar-size: 0 1; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._palette = _Palette(self)
        self._shown: dict[int, Strip] = {}
        self._drawn: dict[int, tuple[Line, bool]] = {}
        """What those rows were made of."""
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
        width = self.inner_width
        needed = Size(width, max(1, self.row_count()))
        if self.virtual_size != needed:
            self.virtual_size = needed
        where = (self.size, self.scroll_offset.y)
        if self._shown_for != where:
            self._shown = {}
            self.refresh()
            return
        for y in range(self.size.height):
            old, drawn = self._shown.get(y), self._line(y, width)
            if old is None:  # forgotten with the styles, or never asked for
                self.refresh(Region(0, y, self.size.width, 1))
                continue
            if drawn == self._drawn.get(y):
                continue
            new, self._drawn[y] = self._palette.strip(drawn[0], width, cursor=drawn[1]), drawn
            if old != new and (runs := changes(old, new)):
                self._shown[y] = new
                self.refresh(*(Region(left, y, right - left, 1) for left, right in runs))

    def _line(self, y: int, width: int) -> tuple[Line, bool]:
        row = y + self.scroll_offset.y
        return (EMPTY, False) if row >= self.row_count() else self.draw_row(row, width)

    def render_line(self, y: int) -> Strip:
        """One drawn row of the view."""
        where = (self.size, self.scroll_offset.y)
        if self._shown_for != where:
            self._shown_for, self._shown = where, {}
        if y not in self._shown:
            width = self.inner_width
            self._drawn[y] = spans, cursor = self._line(y, width)
            self._shown[y] = self._palette.strip(spans, width, cursor=cursor)
        return self._shown[y]

    def notify_style_update(self) -> None:
        """Forget styles and drawing after a change of theme or focus."""
        super().notify_style_update()
        self._palette.clear()
        self._shown = {}
