"""The line of configs that can be opened, with marks of unsaved drafts and findings."""

from collections.abc import Sequence

from textual.events import Click
from textual.message import Message

from peak_console.tui.ink import Line
from peak_console.tui.screens.matrix_drawing import Tab, tabs_line
from peak_console.tui.widgets.canvas import Canvas


class ConfigTabs(Canvas):
    """Draws the tabs around the one that is open; a click opens another."""

    class Chosen(Message):
        """A tab was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self) -> None:
        super().__init__(id="config-tabs")
        self._tabs: Sequence[Tab] = ()
        self._here = ""
        self._places: list[tuple[int, int, str]] = []

    def show(self, tabs: Sequence[Tab], here: str) -> None:
        """Show ``tabs``, with ``here`` open."""
        self._tabs, self._here = tabs, here
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """One line."""
        spans, self._places = tabs_line(self._tabs, self._here, width)
        return [spans] if height else []

    def on_click(self, event: Click) -> None:
        """Open what stands under the pointer."""
        for left, right, name in self._places:
            if left <= event.x < right:
                self.post_message(self.Chosen(name))
