"""The top line of every screen and every panel over it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from peak_console.tui.bar_drawing import draw_bar
from peak_console.tui.ink import Line, Span
from peak_console.tui.widgets.canvas import Canvas

if TYPE_CHECKING:
    from peak_console.tui.app import PeakApp


class PostureBar(Canvas):
    """Draws the app's bar snapshot each second; only the cells that changed are written."""

    DEFAULT_CSS = """
    PostureBar {
        dock: top;
        height: 1;
        background: $ink-bar;
    }
    """

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """The bar, one cell in from the edge."""
        app = cast("PeakApp", self.app)
        spans = draw_bar(app.bar, app.clock.now(), width - 1, app.flags, app.zone) if height else ()
        return [(*spans, Span(" "))]
