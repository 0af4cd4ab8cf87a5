"""The enable dialogue: it goes more dangerous, so it names what will happen and asks for a typed word.

The reason has the focus. Enter leads on and confirms nothing; ctrl+y does, once every field is filled in.
"""

import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import PeakError
from peak_console.domain.text import one_line
from peak_console.tui.action import ActionState
from peak_console.tui.actions import BY_ID, bindings_for
from peak_console.tui.ink import EMPTY, Line, Span, Tone, fit
from peak_console.tui.messages import ActionDone, StepShown
from peak_console.tui.screens.form_modal import FormModal
from peak_console.tui.widgets.form import Cancel, Field
from peak_console.tui.widgets.key_bar import KeyBar
from peak_console.tui.widgets.lines import Lines
from peak_console.tui.widgets.prompt import PlainInput

WORD = "ENABLE"
WIDTH = 72


class CooldownRead(Message):
    """What the node says of the cooldown."""

    def __init__(self, left_s: int) -> None:
        super().__init__()
        self.left_s = left_s


class EnableDialog(FormModal):
    """Asks for operator, reason and the typed word; enables through the node."""

    NAME = "enable"
    ASKED_BY = "control.enable"
    """The action that opened it."""
    UNDONE = "not enabled"
    WHY = "why calls may be made now; it stands on the ledger"
    NEEDS_ROOM = True
    AUTO_FOCUS = "#reason"
    FIELDS = ("reason", "word", "operator")
    LAST_FIELD = "word"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("enable")]
    DEFAULT_CSS = """
    EnableDialog .panel { border: round $ink-warn; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._busy = False
        self._ready_at: datetime | None = None
        self.title_shown = "enable calls"
        self.does = "enables calls"

    def panel(self) -> Iterable[Widget]:
        """What will happen, the fields, Cancel, what is missing."""
        framed = Vertical(
            Lines(self.words()),
            Field("operator", "operator", self.peak.bar.operator or "", "whose enrolled key signs it"),
            Field("reason", "reason", "", self.WHY),
            Field("word", "word", "", f"type {WORD}"),
            Cancel(),
            Lines([EMPTY], id="enable-state"),
            classes="panel",
        )
        framed.border_title = self.title_shown.replace("[", "\\[")
        yield framed

    def words(self) -> list[Line]:
        """What will happen, and the command."""
        return _what_happens(self.peak.bar.workspace)

    def on_mount(self) -> None:
        """Say what is missing; ask the node for the cooldown."""
        self.show_state()
        self._read_cooldown()

    def tick(self) -> None:
        """A second has passed: so has one of the cooldown."""
        super().tick()
        if self._ready_at is not None:
            if not self._cooldown_left():
                self._ready_at = None
            self.show_state()

    def _read_cooldown(self) -> None:
        workspace = self.peak.opening.workspace
        if workspace is not None:
            self.run_worker(lambda: self._ask_cooldown(workspace), thread=True, exclusive=False)

    def _ask_cooldown(self, workspace: Workspace) -> None:
        self.post_message(CooldownRead(self.read_cooldown_of(workspace)))

    def read_cooldown_of(self, workspace: Workspace) -> int:
        """Seconds of the cooldown that are left."""
        return read_cooldown(workspace)

    def on_cooldown_read(self, message: CooldownRead) -> None:
        """Count down from what the node says."""
        if message.left_s > 0:
            self._ready_at = self.peak.now() + timedelta(seconds=message.left_s)
            self.show_state()

    def _cooldown_left(self) -> int:
        if self._ready_at is None:
            return 0
        return max(0, math.ceil((self._ready_at - self.peak.now()).total_seconds()))

    def action_state(self) -> ActionState:
        """With what is missing here."""
        return replace(super().action_state(), missing=self.lacking())

    def _value(self, field_id: str) -> str:
        return self.query_one(f"#{field_id}", PlainInput).value.strip()

    def lacking(self) -> str:
        """What is missing, the cooldown first; empty where nothing is."""
        if left := self._cooldown_left():
            return f"the cooldown after the stop has {left} s left"
        return self._unfilled()

    def _unfilled(self) -> str:
        if not self._value("operator"):
            return "an operator is missing; enroll one with: peak operator enroll NAME"
        if not self._value("reason"):
            return "a reason is missing"
        return "" if self._value("word") == WORD else f"the word {WORD} is missing"

    def show_state(self, problem: str = "", remedy: str = "") -> None:
        """Say what is going on, what went wrong, what is missing, or by which key it is done."""
        lines: list[Line]
        if self._busy:
            lines = [(Span("under way …", Tone.WARN),)]
        elif problem:
            lines = [
                fit((Span(f"✗ {problem}", Tone.BAD),), WIDTH),
                fit((Span(f"  {remedy}", Tone.WARN),), WIDTH),
            ]
        elif missing := self.lacking():
            tone = Tone.WARN if self._cooldown_left() else Tone.DIM
            lines = [
                (Span(" ctrl+y ", Tone.FAINT), Span(f"  {self.does}; not yet:", Tone.DIM)),
                (Span(f"  {missing}", tone),),
            ]
        else:
            lines = [(Span(" ctrl+y ", Tone.CHIP_WARN), Span(f"  {self.does} now", Tone.STRONG))]
            if self._asked_to_leave:
                lines.append((Span("▲ Enter confirms nothing; once more here, or esc, cancels", Tone.WARN),))
        self.query_one("#enable-state", Lines).show_lines(lines)
        self.query_one(KeyBar).redraw()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say what is still missing."""
        event.stop()
        self._asked_to_leave = False
        self.show_state()

    def do_back(self) -> None:
        """Close, and say that nothing was done where something had been typed."""
        if self._value("reason") or self._value("word"):
            self.peak.say(f"{self.UNDONE}: the dialogue was cancelled")
        self.dismiss()

    def do_enable_confirm(self) -> None:
        """Enable, if nothing is missing."""
        self.begin()

    def begin(self) -> None:
        """Do it, if nothing is missing."""
        workspace = self.peak.opening.workspace
        if self._busy or workspace is None or self.lacking():
            self.show_state()
            return
        reason = BY_ID[self.ASKED_BY].why_disabled(self.action_state())
        if reason:
            self.show_state(reason)
            return
        self._busy = True
        self.show_state()
        operator, why = self._value("operator"), self._value("reason")
        self.run_worker(lambda: self._do(workspace, why, operator), thread=True, exclusive=False)

    def _do(self, workspace: Workspace, reason: str, operator: str) -> None:
        self.post_message(self.carry_out(workspace, reason, operator))

    def carry_out(self, workspace: Workspace, reason: str, operator: str) -> ActionDone:
        """Enable through the node, and say what came of it."""
        return enable_and_read_back(workspace, reason, operator)

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
        self.show_state(step.detail, step.remedy)
        self._read_cooldown()


def read_cooldown(workspace: Workspace) -> int:
    """Seconds of the cooldown that are left; 0 where nobody can say, as the node decides in the end."""
    from peak_console.operations.console_enable import cooldown_left_s  # noqa: PLC0415 - loads the keys

    try:
        return cooldown_left_s(workspace)
    except (PeakError, OSError):
        return 0


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
            WIDTH,
        ),
        (
            Span("No live order is permitted by it. ", Tone.DIM),
            Span("! s", Tone.KEY),
            Span(" stops again.", Tone.DIM),
        ),
        (Span("$ ", Tone.FAINT), Span(BY_ID["control.enable"].cli, Tone.ACCENT)),
        EMPTY,
    ]
