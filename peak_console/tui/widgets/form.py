"""What dialogues that go more dangerous are made of: fields, and a Cancel that Enter leaves by."""

from collections.abc import Sequence
from typing import ClassVar, Protocol, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Key, Paste

from peak_console.tui.ink import Line, Span, Tone, cell
from peak_console.tui.widgets.canvas import Canvas
from peak_console.tui.widgets.lines import Lines
from peak_console.tui.widgets.prompt import PlainInput


class Leavable(Protocol):
    """A dialogue with a :class:`Cancel`."""

    def leave_by_enter(self) -> None:
        """Enter was pressed on Cancel."""
        ...

    def do_back(self) -> None:
        """Leave."""
        ...

    def type_on(self, text: str) -> None:
        """Something was typed while no field had the focus."""
        ...


def type_into(fields: Sequence[PlainInput], text: str) -> None:
    """Put ``text`` into the first of ``fields`` that is empty, else on into the first, and go there."""
    field = next((one for one in fields if not one.value.strip()), fields[0])
    field.screen.set_focus(field)
    field.cursor_position = len(field.value)
    field.insert_text_at_cursor(text)


class Field(Vertical):
    """A name over an input."""

    DEFAULT_CSS = """
    Field { height: 2; }
    Field PlainInput {
        height: 1; border: none; padding: 0 1; background: $ink-bar; width: 100%;
        &:focus { border: none; background: $ink-cursor; color: $ink-cursor-text; }
    }
    """

    def __init__(self, name: str, field_id: str, value: str = "", hint: str = "") -> None:
        super().__init__()
        self._title, self._field_id, self._value, self._hint = name, field_id, value, hint

    def compose(self) -> ComposeResult:
        """The name with its hint, the input."""
        yield Lines([(Span(self._title, Tone.STRONG), Span(f"  {self._hint}", Tone.DIM))])
        yield PlainInput(self._value, id=self._field_id, select_on_focus=False)


class RowField(Horizontal):
    """A name beside an input, on one line; the hint stands in the empty input."""

    DEFAULT_CSS = """
    RowField { height: 1; }
    RowField Lines { width: 10; }
    RowField PlainInput {
        height: 1; border: none; padding: 0 1; background: $ink-bar; width: 1fr;
        &:focus { border: none; background: $ink-cursor; color: $ink-cursor-text; }
        &>.input--placeholder { color: $ink-dim; text-style: none; }
        &:focus>.input--placeholder { color: $ink-cursor-text; }
    }
    """

    def __init__(self, name: str, field_id: str, value: str = "", hint: str = "") -> None:
        super().__init__(id=f"row-{field_id}")
        self._title, self._field_id, self._value, self._hint = name, field_id, value, hint

    def compose(self) -> ComposeResult:
        """Name and input."""
        yield Lines([(Span(self._title, Tone.STRONG),)])
        yield PlainInput(self._value, placeholder=self._hint, id=self._field_id, select_on_focus=False)


class Cancel(Canvas, can_focus=True):
    """The stop of ``tab`` that leaves: Enter on it; where all is filled in, only when pressed twice.

    What is typed on it is typed into the dialogue's fields and does nothing else; ``!`` alone acts.
    """

    DEFAULT_CSS = "Cancel { height: 1; width: 14; margin-top: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "leave", "cancel", show=False)]

    def __init__(self) -> None:
        super().__init__(id="cancel")

    @property
    def _dialogue(self) -> Leavable:
        return cast("Leavable", self.screen)

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """The word; marked while it has the focus."""
        here = self.has_focus
        text = f"{'▸' if here else ' '} esc cancel "
        return [(cell(text, width, Tone.CURSOR if here else Tone.DIM),)] if height else []

    def action_leave(self) -> None:
        """Close the dialogue, or have it asked again."""
        self._dialogue.leave_by_enter()

    def on_key(self, event: Key) -> None:
        """Hand on what is typed, so that it acts as no key."""
        if event.is_printable and event.character and event.character != "!":
            event.stop()
            event.prevent_default()
            self._dialogue.type_on(event.character)

    def on_paste(self, event: Paste) -> None:
        """Hand on what is pasted: its first line."""
        event.stop()
        line = next(iter(event.text.splitlines()), "")
        if line:
            self._dialogue.type_on(line)

    def on_click(self) -> None:
        """Close the dialogue."""
        self._dialogue.do_back()

    def on_focus(self) -> None:
        """Show the mark."""
        self.redraw()

    def on_blur(self) -> None:
        """Hide the mark."""
        self.redraw()
