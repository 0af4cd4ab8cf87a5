"""The enable dialogue: it goes more dangerous, so it names what will happen and asks for a typed word.

Cancel has the focus. Enter confirms nothing; ctrl+y does, once every field says what it must.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Input

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import PeakError
from peak_console.domain.text import one_line
from peak_console.tui.actions import BY_ID, bindings_for
from peak_console.tui.ink import EMPTY, Line, Span, Tone, cell, fit
from peak_console.tui.messages import ActionDone, StepShown
from peak_console.tui.screens.base import PeakModal
from peak_console.tui.widgets.canvas import Canvas
from peak_console.tui.widgets.lines import Lines
from peak_console.tui.widgets.prompt import PlainInput

WORD = "ENABLE"
_WIDTH = 72


class _Field(Vertical):
    """A name over an input."""

    DEFAULT_CSS = """
    _Field { height: 2; }
    _Field PlainInput {
        height: 1; border: none; padding: 0 1; background: $ink-bar; width: 100%;
        &:focus { border: none; background: $ink-cursor; }
    }
    """

    def __init__(self, name: str, field_id: str, value: str = "", hint: str = "") -> None:
        super().__init__()
        self._title, self._field_id, self._value, self._hint = name, field_id, value, hint

    def compose(self) -> ComposeResult:
        yield Lines([(Span(self._title, Tone.STRONG), Span(f"  {self._hint}", Tone.DIM))])
        yield PlainInput(self._value, id=self._field_id, select_on_focus=False)


class Cancel(Canvas, can_focus=True):
    """What has the focus at first: Enter on it leaves, and that is all Enter does."""

    DEFAULT_CSS = "Cancel { height: 1; width: 14; margin-top: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "leave", "cancel", show=False)]

    def __init__(self) -> None:
        super().__init__(id="cancel")

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """The word; marked while it has the focus."""
        here = self.has_focus
        text = f"{'▸' if here else ' '} esc cancel "
        return [(cell(text, width, Tone.CURSOR if here else Tone.DIM),)] if height else []

    def action_leave(self) -> None:
        """Close the dialogue."""
        self.screen.dismiss()

    def on_click(self) -> None:
        """Close the dialogue."""
        self.action_leave()

    def on_focus(self) -> None:
        """Show the mark."""
        self.redraw()

    def on_blur(self) -> None:
        """Hide the mark."""
        self.redraw()


class EnableDialog(PeakModal):
    """Asks for operator, reason and the typed word; enables through the node."""

    NAME = "enable"
    AUTO_FOCUS = "#cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings_for("enable"),
        Binding("ctrl+y", "confirm", "enable", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    EnableDialog .panel { border: round $ink-warn; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._busy = False

    def panel(self) -> Iterable[Widget]:
        """What will happen, the fields, Cancel, what is missing."""
        framed = Vertical(
            Lines(_what_happens(self.peak.bar.workspace)),
            _Field("operator", "operator", self.peak.bar.operator or "", "whose enrolled key signs it"),
            _Field("reason", "reason", "", "why calls may be made now; it stands on the ledger"),
            _Field("word", "word", "", f"type {WORD}"),
            Cancel(),
            Lines([EMPTY], id="enable-state"),
            classes="panel",
        )
        framed.border_title = "enable calls"
        yield framed

    def on_mount(self) -> None:
        """Say what is missing."""
        self._show_state()

    def _value(self, field_id: str) -> str:
        return self.query_one(f"#{field_id}", PlainInput).value.strip()

    def _missing(self) -> str:
        if not self._value("operator"):
            return "an operator is missing; enroll one with: peak operator enroll NAME"
        if not self._value("reason"):
            return "a reason is missing"
        return "" if self._value("word") == WORD else f"the word {WORD} is missing"

    def _show_state(self, problem: str = "", remedy: str = "") -> None:
        lines: list[Line]
        if self._busy:
            lines = [(Span("enabling …", Tone.WARN),)]
        elif problem:
            lines = [
                fit((Span(f"✗ {problem}", Tone.BAD),), _WIDTH),
                fit((Span(f"  {remedy}", Tone.WARN),), _WIDTH),
            ]
        elif missing := self._missing():
            lines = [(Span(missing, Tone.DIM),)]
        else:
            lines = [(Span(" ctrl+y ", Tone.CHIP_WARN), Span("  enables calls now", Tone.STRONG))]
        self.query_one("#enable-state", Lines).show_lines(lines)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say what is still missing."""
        event.stop()
        self._show_state()

    def action_confirm(self) -> None:
        """Enable, if nothing is missing."""
        workspace = self.peak.opening.workspace
        if self._busy or workspace is None or self._missing():
            self._show_state()
            return
        reason = BY_ID["control.enable"].why_disabled(self.action_state())
        if reason:
            self._show_state(reason)
            return
        self._busy = True
        self._show_state()
        operator, why = self._value("operator"), self._value("reason")
        self.run_worker(lambda: self._enable(workspace, why, operator), thread=True, exclusive=False)

    def _enable(self, workspace: Workspace, reason: str, operator: str) -> None:
        self.post_message(enable_and_read_back(workspace, reason, operator))

    def on_action_done(self, message: ActionDone) -> None:
        """Close when it holds; else say what kept it, and let it be mended."""
        self._busy = False
        self.peak.feed.poke()
        if message.ok:
            self.peak.say(message.summary)
            self.dismiss()
            return
        step = message.steps[0]
        self.peak.say(f"{message.summary}: {step.detail}", severity="error")
        self._show_state(step.detail, step.remedy)


def enable_and_read_back(workspace: Workspace, reason: str, operator: str) -> ActionDone:
    """Enable and say what the gate reads afterwards."""
    from peak_console.operations.console_enable import enable_through_node  # noqa: PLC0415 - loads the keys

    try:
        enabled = enable_through_node(workspace, reason=reason, confirm=WORD, operator=operator)
    except PeakError as error:
        step = StepShown("enable", ok=False, detail=error.message, remedy=error.remedy)
        return ActionDone("control.enable", ok=False, summary="not enabled", steps=[step])
    state = enabled.posture.state.value
    summary = f"enabled by {enabled.operator}, on record as #{enabled.seq:,}; posture {state}"
    return ActionDone("control.enable", ok=True, summary=summary)


def _what_happens(workspace: str) -> list[Line]:
    name = one_line(workspace, 40)
    return [
        fit(
            (
                Span("Calls to models may leave "),
                Span(name, Tone.STRONG),
                Span(" again, within its budgets."),
            ),
            _WIDTH,
        ),
        (
            Span("No live order is permitted by it. ", Tone.DIM),
            Span("! s", Tone.KEY),
            Span(" stops again.", Tone.DIM),
        ),
        (Span("$ ", Tone.FAINT), Span(BY_ID["control.enable"].cli, Tone.ACCENT)),
        EMPTY,
    ]
