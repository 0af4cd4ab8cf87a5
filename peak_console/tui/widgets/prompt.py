"""The line at the bottom where a filter (``/``) or a command (``:``) is typed, with a hint above it."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input

from peak_console.tui.ink import Line, Span, Tone
from peak_console.tui.widgets.canvas import Canvas, clean
from peak_console.tui.widgets.document import wrapped

_HINT_MOST = 6
"""Lines that a hint may take."""


class PlainInput(Input):
    """An input whose text holds nothing that a terminal would obey, pasted text included."""

    def validate_value(self, value: str) -> str:
        """The text made plain."""
        return clean(value)


class _Completion(Suggester):
    def __init__(self, complete: Callable[[str], str | None]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._complete = complete

    async def get_suggestion(self, value: str) -> str | None:
        return self._complete(value)


class _Hint(Canvas):
    """As many lines as its words take."""

    DEFAULT_CSS = "_Hint { height: 1; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__(id="prompt-hint")
        self._text, self._tone = "", Tone.DIM

    def show(self, text: str, tone: Tone) -> None:
        """Show ``text``."""
        self._text, self._tone = text, tone
        self._fit()
        self.redraw()

    def on_resize(self) -> None:
        """Take the height that the new width needs."""
        self._fit()

    def _fit(self) -> None:
        lines = min(_HINT_MOST, len(self._lines(max(20, self.app.size.width - 2))))
        if self.styles.height is None or self.styles.height.value != lines:
            self.styles.height = lines

    def _lines(self, width: int) -> Sequence[Line]:
        return wrapped(self._text, width, indent="", tone=self._tone)

    def draw(self, width: int, height: int) -> Sequence[Line]:
        return self._lines(width)[:height] if width and height else []


class _Sign(Canvas):
    DEFAULT_CSS = "_Sign { width: 3; height: 1; }"

    def __init__(self) -> None:
        super().__init__(id="prompt-sign")
        self.sign = ":"

    def draw(self, width: int, height: int) -> Sequence[Line]:
        return [(Span(f" {self.sign}", Tone.KEY),)] if width and height else []


class Prompt(Vertical):
    """Hidden until opened. Posts :class:`Entered` on Enter and :class:`Left` on Escape."""

    DEFAULT_CSS = """
    Prompt {
        dock: bottom;
        height: auto;
        margin-bottom: 1;
        background: $ink-bar;
        display: none;
        &.-open { display: block; }
        Horizontal { height: 1; }
        PlainInput {
            width: 1fr; height: 1; border: none; padding: 0; background: $ink-bar;
            &:focus { border: none; background: $ink-bar; }
        }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave", show=False),
        Binding("tab", "accept", "complete", show=False, priority=True),
    ]

    class Entered(Message):
        """The line was entered; ``kind`` is ``:`` or ``/``."""

        def __init__(self, prompt: "Prompt", text: str) -> None:
            super().__init__()
            self.prompt, self.kind, self.text = prompt, prompt.kind, text

    class Left(Message):
        """The line was left without entering it."""

        def __init__(self, prompt: "Prompt") -> None:
            super().__init__()
            self.prompt = prompt

    def __init__(self) -> None:
        super().__init__(id="prompt")
        self.kind = ":"

    def compose(self) -> ComposeResult:
        """Hint, sign, input."""
        yield _Hint()
        with Horizontal():
            yield _Sign()
            yield PlainInput(id="prompt-input", select_on_focus=False)

    @property
    def input(self) -> PlainInput:
        """The field."""
        return self.query_one(PlainInput)

    def open(self, kind: str, text: str, hint: str, complete: Callable[[str], str | None]) -> None:
        """Show the line with ``text`` in it and take the focus."""
        self.kind = kind
        sign = self.query_one(_Sign)
        sign.sign = kind
        sign.redraw()
        self.say(hint)
        self.input.suggester = _Completion(complete)
        self.input.value = text
        self.input.cursor_position = len(text)
        self.add_class("-open")
        self.input.focus()

    def say(self, hint: str, tone: Tone = Tone.DIM) -> None:
        """Show ``hint`` above the input."""
        self.query_one(_Hint).show(hint, tone)

    def close(self) -> None:
        """Hide the line."""
        self.remove_class("-open")

    @property
    def is_open(self) -> bool:
        """Whether the line is shown."""
        return self.has_class("-open")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hand the line to the screen."""
        event.stop()
        self.post_message(self.Entered(self, event.value))

    def action_leave(self) -> None:
        """Hand back without entering."""
        self.post_message(self.Left(self))

    def action_accept(self) -> None:
        """Take the completion that is shown."""
        self.input.action_cursor_right()
