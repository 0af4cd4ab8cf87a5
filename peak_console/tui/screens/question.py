"""A plain question with a few answers: the first, which changes nothing, has the cursor."""

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widget import Widget

from peak_console.domain.text import one_line
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import Span, Tone
from peak_console.tui.screens.base import PeakModal
from peak_console.tui.screens.picker import Choice
from peak_console.tui.widgets.lines import Lines
from peak_console.tui.widgets.table import Column, ListRows, Table

_COLUMNS: Sequence[Column[Choice]] = (
    Column("", 18, lambda one: Span(one_line(one.value, 40), one.tone)),
    Column("", 20, lambda one: Span(one_line(one.note, 160), Tone.DIM), flex=1),
)


class Question(PeakModal):
    """Hands the chosen answer to ``taken``. Nothing is typed; ``esc`` answers nothing."""

    NAME = "picker"
    AUTO_FOCUS = "#answers"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings_for("picker"),
        Binding("enter", "take", "take", show=False),
        Binding("tab,right", "step(1)", "next", show=False, priority=True),
        Binding("shift+tab,left", "step(-1)", "last", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    Question .panel { height: auto; }
    Question #answers { height: 2; margin: 1 0; }
    """

    def __init__(self, title: str, answers: Sequence[Choice], taken: Callable[[str], None]) -> None:
        super().__init__()
        self._title, self._answers, self._taken = title, answers, taken

    def panel(self) -> Iterable[Widget]:
        """The answers, and what the keys do."""
        framed = Vertical(
            Table(_COLUMNS, id="answers"),
            Lines([(Span("↑ ↓ choose   ↵ takes   esc leaves all as it is", Tone.DIM),)]),
            classes="panel",
        )
        framed.border_title = one_line(self._title, 60).replace("[", "\\[")
        yield framed

    @property
    def _list(self) -> Table[Choice]:
        return self.query_one("#answers", Table)

    def on_mount(self) -> None:
        """Show the answers."""
        self._list.always_cursor = True
        self._list.show_rows(ListRows(self._answers))

    def action_step(self, by: int) -> None:
        """The next answer, and round again."""
        self._list.cursor = (self._list.cursor + by) % len(self._answers)

    def action_take(self) -> None:
        """Answer with what the cursor is on."""
        chosen = self._list.selected
        if chosen is not None:
            self.dismiss()
            self._taken(chosen.value)

    def on_table_opened(self, event: Table.Opened) -> None:
        """A double click answers too."""
        event.stop()
        self.action_take()
