"""The second line: where one is, what is filtered, and how old what is shown is."""

from collections.abc import Sequence

from peak_console.tui.ink import EMPTY, Line, Span, Tone, apart
from peak_console.tui.widgets.canvas import Canvas


class Crumbs(Canvas):
    """Breadcrumbs at the left, state and age at the right."""

    DEFAULT_CSS = """
    Crumbs {
        height: 1;
        padding: 0 1;
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._left: Line = EMPTY
        self._right: Line = EMPTY

    def show(self, trail: Sequence[str], note: Line = EMPTY, right: Line = EMPTY) -> None:
        """Show ``trail`` (the last one is here), a ``note`` beside it, and the ``right`` end."""
        spans: list[Span] = []
        for at, word in enumerate(trail):
            if at:
                spans.append(Span(" \u203a ", Tone.STROKE))
            spans.append(Span(word, Tone.STRONG if at == len(trail) - 1 else Tone.DIM))
        left = (*spans, Span("  "), *note) if note else tuple(spans)
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """One line."""
        return [apart(self._left, self._right, width)] if height else []
