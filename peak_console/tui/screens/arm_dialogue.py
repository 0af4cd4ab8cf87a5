"""What the dialogues of arming share: Cancel has the focus, Enter confirms nothing, ctrl+y does."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, ClassVar

from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Input

from peak_console.domain.text import one_line
from peak_console.tui.action import ActionState
from peak_console.tui.actions import BY_ID
from peak_console.tui.ink import EMPTY, Line, Span, Tone, fit
from peak_console.tui.long_work import LongWork, WorkDone
from peak_console.tui.screens.form_modal import FormModal
from peak_console.tui.widgets.form import Cancel
from peak_console.tui.widgets.key_bar import KeyBar
from peak_console.tui.widgets.lines import Lines

WIDTH = 72


class ArmDialogue(FormModal):
    """A subclass gives ``TITLE_TEXT``, ``CONFIRM``, what stands above, its fields, and what is missing."""

    NEEDS_ROOM = True
    AUTO_FOCUS = "#cancel"
    TITLE_TEXT: ClassVar[str] = ""
    CONFIRM: ClassVar[str] = ""
    """The action that does it."""
    DEFAULT_CSS = """
    ArmDialogue .panel { border: round $ink-warn; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._work: LongWork | None = None
        self._asking = False
        self._told: tuple[str, str] = ("", "")

    def head(self) -> list[Line]:
        """What will happen."""
        raise NotImplementedError

    def fields(self) -> Iterable[Widget]:
        """The fields."""
        raise NotImplementedError

    def answered(self, message: WorkDone) -> None:
        """It was done."""
        raise NotImplementedError

    def panel(self) -> Iterable[Widget]:
        """What will happen, the fields, Cancel, what is missing."""
        framed = Vertical(
            Lines(self.head(), id="arm-what"),
            *self.fields(),
            Cancel(),
            Lines([EMPTY, EMPTY], id="arm-state"),
            classes="panel",
        )
        framed.border_title = self.TITLE_TEXT
        yield framed

    def long_work(self) -> LongWork:
        """What asks the node."""
        if self._work is None:
            self._work = LongWork(self)
        return self._work

    def on_mount(self) -> None:
        """Say what is missing."""
        self.show_state()

    def value(self, field_id: str) -> str:
        """What a field holds."""
        return self.query_one(f"#{field_id}", Input).value.strip()

    def missing(self) -> str:
        """What is lacking, or that it is being done."""
        if self._asking:
            return "it is being asked"
        return self.lacking() if self.is_mounted else ""

    def action_state(self) -> ActionState:
        """With what is missing here."""
        return replace(super().action_state(), missing=self.missing())

    def tell(self, problem: str, remedy: str = "") -> None:
        """Show why it was not done, until something is typed."""
        self._told = (problem, remedy)
        self.show_state()

    def show_state(self) -> None:
        """What came back, what is missing, or the key that does it."""
        action = BY_ID[self.CONFIRM]
        problem, remedy = self._told
        lines: list[Line]
        if self._asking:
            lines = [(Span("asking the node …", Tone.WARN),), EMPTY]
        elif problem:
            lines = [
                fit((Span(f"✗ {one_line(problem, 200)}", Tone.BAD),), WIDTH),
                fit((Span(f"  {one_line(remedy, 200)}", Tone.WARN),), WIDTH),
            ]
        elif missing := self.lacking():
            lines = [
                (Span(" ctrl+y ", Tone.FAINT), Span(f"  {action.title}: not yet", Tone.DIM)),
                fit((Span(f"  {missing}", Tone.DIM),), WIDTH),
            ]
        else:
            lines = [
                (Span(" ctrl+y ", Tone.CHIP_WARN), Span(f"  {self.confirm_words()}", Tone.STRONG)),
                EMPTY,
            ]
            if self._asked_to_leave:
                told = "▲ Enter confirms nothing; once more here, or esc, cancels"
                lines[1] = (Span(told, Tone.WARN),)
        self.query_one("#arm-state", Lines).show_lines(lines)
        self.query_one(KeyBar).redraw()

    def confirm_words(self) -> str:
        """What ctrl+y does now."""
        return BY_ID[self.CONFIRM].title

    def begin(self, job: Callable[[], Any]) -> bool:
        """Do it in a thread, if nothing is missing and it is allowed here; whether it was begun."""
        if self._asking or self.lacking():
            self.show_state()
            return False
        reason = BY_ID[self.CONFIRM].why_disabled(self.action_state())
        if reason:
            self.tell(reason)
            return False
        self._asking, self._told = True, ("", "")
        self.show_state()
        self.long_work().begin(self.NAME, lambda _progress, _cancelled: job())
        return True

    def on_work_done(self, message: WorkDone) -> None:
        """It was done, or not and why."""
        self._asking = False
        self.peak.feed.poke()
        if message.problem:
            self.refused(message)
        else:
            self.answered(message)

    def refused(self, message: WorkDone) -> None:
        """It was refused: say why, and let it be mended."""
        self.peak.say(f"{self.TITLE_TEXT}: {one_line(message.problem, 200)}", severity="error")
        self.tell(message.problem, message.remedy)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say what is still missing."""
        event.stop()
        self._asked_to_leave, self._told = False, ("", "")
        self.show_state()

    def do_back(self) -> None:
        """Close; not while the node is being asked, since its answer may be a token that comes once."""
        if self._asking:
            self.peak.say("the node is being asked; its answer comes here")
            return
        self.dismiss()
