"""A list to pick from, with a line to type in: models for a slot, words for the text, configs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Input

from peak_console.domain.text import one_line
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import Span, Tone
from peak_console.tui.screens.base import PeakModal
from peak_console.tui.widgets.lines import Lines
from peak_console.tui.widgets.prompt import PlainInput
from peak_console.tui.widgets.table import Column, ListRows, Table


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to pick: what is taken, and what is said of it."""

    value: str
    note: str = ""
    tone: Tone = Tone.TEXT


_COLUMNS: Sequence[Column[Choice]] = (
    Column("", 26, lambda one: Span(one_line(one.value, 120), one.tone), flex=2),
    Column("", 20, lambda one: Span(one_line(one.note, 160), Tone.DIM), flex=3),
)


def fitting(choices: Sequence[Choice], typed: str) -> list[Choice]:
    """The choices that hold every typed word; those that begin with it first. Pure."""
    words = typed.lower().split()
    found = [one for one in choices if all(word in f"{one.value} {one.note}".lower() for word in words)]
    start = words[0] if words else ""
    return sorted(found, key=lambda one: not one.value.lower().startswith(start))


class Picker(PeakModal):
    """Hands the picked value to ``taken``; what was typed, where ``free`` and nothing in the list fits."""

    NAME = "picker"
    AUTO_FOCUS = "#picker-input"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings_for("picker"),
        Binding("down", "step(1)", "down", show=False, priority=True),
        Binding("up", "step(-1)", "up", show=False, priority=True),
        Binding("pagedown", "step(10)", "page down", show=False, priority=True),
        Binding("pageup", "step(-10)", "page up", show=False, priority=True),
        Binding("tab", "fill", "complete", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    Picker .panel { height: auto; max-height: 20; }
    Picker #picker-list { height: 12; margin-top: 1; }
    Picker PlainInput {
        height: 1; border: none; padding: 0 1; background: $ink-bar; width: 100%;
        &:focus { border: none; background: $ink-bar; }
    }
    """

    def __init__(
        self,
        title: str,
        choices: Sequence[Choice],
        taken: Callable[[str], None],
        *,
        typed: str = "",
        free: bool = False,
        hint: str = "",
    ) -> None:
        super().__init__()
        self._title, self._choices, self._taken = title, choices, taken
        self._typed, self._free, self._hint = typed, free, hint

    def panel(self) -> Iterable[Widget]:
        """The line, the list, what the keys do."""
        keys = "↵ takes   tab completes   esc leaves"
        framed = Vertical(
            PlainInput(self._typed, id="picker-input", select_on_focus=False),
            Table(_COLUMNS, id="picker-list", empty="nothing fits"),
            Lines([(Span(f"{keys}   {self._hint}" if self._hint else keys, Tone.DIM),)]),
            classes="panel",
        )
        framed.border_title = one_line(self._title, 60).replace("[", "\\[")
        yield framed

    @property
    def _list(self) -> Table[Choice]:
        return self.query_one("#picker-list", Table)

    def on_mount(self) -> None:
        """Show what fits at the start."""
        self._list.can_focus = False
        self._list.always_cursor = True
        self._show(self._typed)

    def _show(self, typed: str) -> None:
        table = self._list
        table.show_rows(ListRows(fitting(self._choices, typed)))
        table.cursor = 0

    def key_hints(self) -> Sequence[tuple[str, str]]:
        """What the line and the list take."""
        return (("↵", "take"), ("tab", "complete"), ("↑↓", "choose"))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrow the list."""
        event.stop()
        self._show(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take what the cursor is on."""
        event.stop()
        self._take()

    def on_table_opened(self, event: Table.Opened) -> None:
        """A double click takes it too."""
        event.stop()
        self._take()

    def action_step(self, by: int) -> None:
        """Move in the list while typing."""
        self._list.action_move(by)

    def action_fill(self) -> None:
        """Put what the cursor is on into the line."""
        chosen = self._list.selected
        if chosen is not None:
            field = self.query_one(PlainInput)
            field.value = chosen.value
            field.cursor_position = len(chosen.value)

    def _take(self) -> None:
        chosen = self._list.selected
        typed = self.query_one(PlainInput).value.strip()
        value = chosen.value if chosen is not None else typed if self._free else ""
        if value:
            self.dismiss()
            self._taken(value)
