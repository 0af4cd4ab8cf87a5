"""The panes of the Matrix screen, grid, text, findings: which has the focus, which is seen."""

from typing import TYPE_CHECKING, cast

from textual.widget import Widget

from peak_console.tui.widgets.editor import ConfigEditor
from peak_console.tui.workdesk import MATRIX

if TYPE_CHECKING:
    from peak_console.tui.screens.matrix import MatrixScreen


class Panes:
    """From pane to pane."""

    @property
    def _over(self) -> "MatrixScreen":
        return cast("MatrixScreen", self)

    def do_matrix_pane(self) -> None:
        """Grid, text, findings, and round again."""
        screen = self._over
        panes = ["grid", "editor", "findings"] if screen.open_name == MATRIX else ["editor", "findings"]
        here = next((one for one in panes if self._pane(one) is screen.focused), panes[-1])
        self.focus_pane(panes[(panes.index(here) + 1) % len(panes)])

    def do_matrix_edit(self) -> None:
        """Go to the text."""
        self.focus_pane("editor")

    def _pane(self, name: str) -> Widget | None:
        screen = self._over
        return screen.editor if name == "editor" else screen.query_one(f"#{name}")

    def focus_pane(self, name: str) -> None:
        """Give a pane the focus, and show it where only one fits."""
        screen = self._over
        if name == "grid" and screen.open_name != MATRIX:
            name = "findings"
        screen.set_class(name != "grid", "-text")
        pane = self._pane(name)
        if pane is not None:
            screen.call_after_refresh(_enter, pane)


def _enter(pane: Widget) -> None:
    """Give ``pane`` the focus; a text that was out of sight, or narrower, shows its cursor's line."""
    pane.focus()
    if isinstance(pane, ConfigEditor) and not pane.in_view(pane.cursor_location[0] + 1):
        pane.scroll_cursor_visible(center=True)
