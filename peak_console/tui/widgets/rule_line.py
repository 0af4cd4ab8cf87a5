"""A head over a list: its title, a rule, and what stands at the right."""

from collections.abc import Sequence

from peak_console.tui.ink import EMPTY, Line, Span, rule
from peak_console.tui.widgets.canvas import Canvas


class RuleLine(Canvas):
    """A head over a list."""

    DEFAULT_CSS = "RuleLine { height: 1; margin: 0 1; }"

    def __init__(self, title: str, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.title: Line = (Span(title),)
        self.right: Line = EMPTY

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """The rule."""
        return [rule(self.title, width, self.right)] if height else []
