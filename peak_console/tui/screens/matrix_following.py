"""Grid and text of the Matrix screen stand on the same slot: whichever has the focus leads the other."""

from typing import TYPE_CHECKING, cast

from peak_console.operations.views.matrix import Place
from peak_console.tui.widgets.editor import ConfigEditor
from peak_console.tui.workdesk import MATRIX

if TYPE_CHECKING:
    from textual.widgets import TextArea

    from peak_console.tui.screens.matrix import MatrixScreen


class SlotFollowing:
    """The cursors of grid and text. The text stays at its start until the grid's cursor is first moved."""

    _led = False

    @property
    def _both(self) -> "MatrixScreen":
        return cast("MatrixScreen", self)

    def follow(self, key: tuple[str, str, int]) -> None:
        """Put the cursor on a slot, if the grid has it."""
        grid = self._both.grid
        keys = [row.place.key for row in self._both.shown_rows]
        if key in keys:
            grid.cursor = keys.index(key)

    def stand_together(self) -> None:
        """The slots are known anew: lines may be others, and the cursors are brought together."""
        self._show_slot()
        if self._led and self._both.grid.has_focus:
            self._to_slot()
        self._lead_grid()

    def lead_text(self) -> None:
        """The grid's cursor moved: the text goes with it, the focus stays."""
        self._led = True
        self._show_slot()
        if self._both.open_name == MATRIX:
            self._to_slot()

    def _show_slot(self) -> None:
        """Set the lines of the grid's slot apart in the text."""
        editor, row = self._both.editor, self._both.row
        if editor is not None and self._both.open_name == MATRIX:
            missing = row is None or row.place.missing
            editor.show_slot(range(0) if row is None or missing else _lines_of(row.place))

    def _to_slot(self) -> None:
        """Put the text's cursor to the grid's slot, if it is not in it."""
        editor, row = self._both.editor, self._both.row
        if editor is None or row is None or self._text_leads():
            return
        if editor.cursor_location[0] not in _lines_of(row.place):
            editor.go_to(row.place.line, 1)

    def _lead_grid(self) -> None:
        """Put the grid's cursor to the slot in whose table the text's stands."""
        screen, editor = self._both, self._both.editor
        if editor is None or screen.open_name != MATRIX or not self._text_leads():
            return
        line = editor.cursor_location[0]
        found = next((one for one in screen.places if not one.missing and line in _lines_of(one)), None)
        if found is not None:
            self.follow(found.key)

    def _text_leads(self) -> bool:
        """Whether the text leads and the grid follows: while the text has the focus."""
        return isinstance(self._both.focused, ConfigEditor)

    def on_text_area_selection_changed(self, event: "TextArea.SelectionChanged") -> None:
        """The text's cursor moved: the grid's goes with it."""
        event.stop()
        if event.text_area is self._both.editor:
            self._lead_grid()


def _lines_of(place: Place) -> range:
    """The lines of a slot's table, counted from 0."""
    return range(place.line - 1, place.end)
