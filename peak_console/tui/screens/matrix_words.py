"""Completion in the text of the Matrix screen: what fits where the cursor stands, from a small list."""

from typing import TYPE_CHECKING, cast

from textual.message import Message

from peak_console.tui.screens.picker import Choice, Picker
from peak_console.tui.widgets.editor import ConfigEditor

if TYPE_CHECKING:
    from peak_console.operations.views.completing import Suggestion
    from peak_console.tui.screens.matrix import MatrixScreen


class Suggested(Message):
    """What may stand at the cursor was found out."""

    def __init__(self, typed: str, found: "tuple[Suggestion, ...]", row: int) -> None:
        super().__init__()
        self.typed, self.found, self.row = typed, found, row


class Completing:
    """``ctrl+space``."""

    @property
    def _writing(self) -> "MatrixScreen":
        return cast("MatrixScreen", self)

    def key_words(self) -> dict[str, str]:
        """What esc and tab mean in the text."""
        if isinstance(self._writing.focused, ConfigEditor):
            return {"back": "grid", "matrix.pane": "findings", "matrix.finding.next": "next"}
        return {}

    def do_matrix_complete(self) -> None:
        """Look up what fits here: providers, models, keys, words of a choice."""
        screen = self._writing
        state, editor, workspace = screen.state, screen.editor, screen.peak.opening.workspace
        if state is None or editor is None or workspace is None:
            return
        if not isinstance(screen.focused, ConfigEditor):
            screen.focus_pane("editor")
        target, text, now = state.target, "\n".join(editor.document.lines), screen.peak.now()
        row, column = editor.cursor_location

        def read() -> None:
            from peak_console.operations.catalogue import catalogue  # noqa: PLC0415 - reads the configs
            from peak_console.operations.views.completing import suggestions  # noqa: PLC0415 - likewise

            typed, found = suggestions(target, text, row, column, catalogue(workspace, now))
            screen.post_message(Suggested(typed, found, row))

        screen.run_worker(read, thread=True, exclusive=True, group="catalogue")

    def on_suggested(self, message: Suggested) -> None:
        """Show the list; one that fits alone is taken at once."""
        message.stop()
        screen = self._writing
        if not message.found:
            screen.peak.say("nothing to complete here")
            return
        choices = [Choice(one.word, one.note) for one in message.found]
        lines = {one.word: one for one in message.found}

        def taken(word: str) -> None:
            editor, chosen = screen.editor, lines[word]
            if editor is None:
                return
            line = editor.document.get_line(message.row)
            editor.replace(chosen.line, (message.row, 0), (message.row, len(line)))
            editor.move_cursor((message.row, chosen.column))

        screen.app.push_screen(Picker("complete", choices, taken, typed=message.typed))
