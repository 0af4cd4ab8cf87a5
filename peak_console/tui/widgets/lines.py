"""Lines that are as high as they are many; for panels."""

from collections.abc import Sequence

from peak_console.tui.ink import Line
from peak_console.tui.widgets.canvas import Canvas


class Lines(Canvas):
    """Shows lines, and takes the height they need."""

    def __init__(self, lines: Sequence[Line] = (), *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._lines = list(lines)
        self.styles.height = max(1, len(self._lines))

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Show other lines."""
        if len(lines) != len(self._lines):
            self.styles.height = max(1, len(lines))
        self._lines = list(lines)
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """The lines."""
        return self._lines[:height] if width else []
