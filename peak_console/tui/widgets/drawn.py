"""An area whose lines somebody else makes: a screen that has what they are made of."""

from collections.abc import Callable

from peak_console.tui.ink import Line
from peak_console.tui.widgets.canvas import Canvas


class Drawn(Canvas):
    """Lines that the screen gives it."""

    def __init__(self, id: str, make: Callable[[int, int], list[Line]]) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._make = make

    def draw(self, width: int, height: int) -> list[Line]:
        """What the screen wants here."""
        return self._make(width, height)
