"""A page of text that scrolls: sections of lines, long texts wrapped, drawn row by row."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.cells import chop_cells
from textual.binding import Binding, BindingType

from peak_console.tui.ink import EMPTY, Line, Span, Tone, width_of
from peak_console.tui.widgets.canvas import ScrollCanvas, clean

MakeLines = Callable[[int], Sequence[Line]]
"""Lines for a width."""


def wrapped(
    text: str, width: int, *, indent: str = "  ", tone: Tone = Tone.TEXT, most: int = 2000
) -> list[Line]:
    """Foreign text in lines of at most ``width`` cells, its line breaks kept; cut after ``most`` lines."""
    room = max(8, width - len(indent))
    lines: list[Line] = []
    for paragraph in text.split("\n"):
        for piece in _pieces(clean(paragraph.expandtabs(4)), room):
            lines.append((Span(indent), Span(piece, tone)))
            if len(lines) >= most:
                return [*lines, (Span(f"{indent}… cut after {most} lines; y copies the whole", Tone.WARN),)]
    return lines


def _pieces(text: str, room: int) -> list[str]:
    """The paragraph broken at blanks where there are any, else anywhere."""
    if len(text) <= room and text.isascii():
        return [text]
    pieces, current = [], ""
    for word in text.split(" "):
        joined = f"{current} {word}" if current else word
        if width_of((Span(joined),)) <= room:
            current = joined
            continue
        if current:
            pieces.append(current)
        chopped = chop_cells(word, room) or [""]
        pieces.extend(chopped[:-1])
        current = chopped[-1]
    return [*pieces, current]


class Document(ScrollCanvas, can_focus=True):
    """Lines made anew for each width; ``j``/``k``, page keys, ``g``/``G`` scroll."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "down", show=False),
        Binding("k", "scroll_up", "up", show=False),
        Binding("g", "scroll_home", "top", show=False),
        Binding("G", "scroll_end", "end", show=False),
        Binding("ctrl+f", "page_down", "page down", show=False),
        Binding("ctrl+b", "page_up", "page up", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._make: MakeLines = lambda _: []
        self._lines: tuple[int, list[Line]] = (-1, [])

    def show_lines(self, make: MakeLines, *, top: bool = False) -> None:
        """Show what ``make`` gives for the width at hand."""
        self._make = make
        self._lines = (-1, [])
        if top:
            self.scroll_to(y=0, animate=False, immediate=True)
        self.redraw()

    @property
    def lines(self) -> list[Line]:
        """The lines for the present width."""
        width = self.inner_width
        if self._lines[0] != width and width > 0:
            self._lines = (width, list(self._make(width)))
        return self._lines[1]

    def row_count(self) -> int:
        """Lines."""
        return len(self.lines)

    def draw_row(self, row: int, width: int) -> tuple[Line, bool]:
        """A line."""
        return (self.lines[row] if width else EMPTY), False

    def on_resize(self) -> None:
        """Take the new width."""
        self.call_after_refresh(self.redraw)

    def action_page_down(self) -> None:
        """Scroll by a page at once."""
        self.scroll_to(y=self.scroll_offset.y + self.size.height - 1, animate=False)

    def action_page_up(self) -> None:
        """Scroll back by a page at once."""
        self.scroll_to(y=max(0, self.scroll_offset.y - self.size.height + 1), animate=False)

    def action_scroll_down(self) -> None:
        """Scroll by a line at once."""
        self.scroll_to(y=self.scroll_offset.y + 1, animate=False)

    def action_scroll_up(self) -> None:
        """Scroll back by a line at once."""
        self.scroll_to(y=max(0, self.scroll_offset.y - 1), animate=False)
