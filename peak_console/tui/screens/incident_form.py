"""One form for all that is recorded about an incident: who, what, how long. ``ctrl+y`` records it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from textual.binding import BindingType
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Input

from peak_console.domain.text import one_line
from peak_console.operations.views.incident_desk import ActAsked
from peak_console.operations.views.incidents import IncidentLine
from peak_console.tui.action import ActionState
from peak_console.tui.actions import BY_ID, bindings_for
from peak_console.tui.ink import EMPTY, Line, Span, Tone, fit
from peak_console.tui.long_work import LongWork, WorkDone
from peak_console.tui.screens.base import PeakModal
from peak_console.tui.screens.incident_panel_drawing import incident_line
from peak_console.tui.widgets.form import Cancel, Field, type_into
from peak_console.tui.widgets.key_bar import KeyBar
from peak_console.tui.widgets.lines import Lines
from peak_console.tui.widgets.prompt import PlainInput

_WIDTH: Final = 72
_LONGEST_MINUTES: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class Asking:
    """What a form asks for: its fields as name, hint and what stands in them; those that may be empty."""

    act: str
    title: str
    fields: tuple[tuple[str, str, str], ...]
    optional: frozenset[str] = frozenset()
    done: str = "recorded"


_NOTE: Final = "note"
FORMS: Final = {
    one.act: one
    for one in (
        Asking(
            "acknowledge",
            "acknowledge: I see it",
            ((_NOTE, "what you will do first; may be empty", ""),),
            frozenset({_NOTE}),
        ),
        Asking(
            "assign",
            "assign",
            (("who", "the name of an operator: who works on it", ""), (_NOTE, "may be empty", "")),
            frozenset({_NOTE}),
        ),
        Asking("note", "note", ((_NOTE, "what you found or did; it stands in the timeline", ""),)),
        Asking(
            "handover",
            "hand over",
            (("who", "the name of an operator", ""), (_NOTE, "what they need to know", "")),
        ),
        Asking(
            "silence",
            "silence the alert",
            (
                ("minutes", "then it sounds again; it stays on every screen", "30"),
                (_NOTE, "why it may be silent", ""),
            ),
        ),
        Asking(
            "close",
            "close",
            ((_NOTE, "what it was, and what keeps it from coming back", ""),),
        ),
    )
}
"""The forms by what they record."""


class IncidentForm(PeakModal):
    """Asks for what ``asking`` needs; records it as an operator's word."""

    NAME = "act"
    NEEDS_ROOM = True
    AUTO_FOCUS = "Field PlainInput"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("act")]

    def __init__(self, asking: Asking, incident: IncidentLine, text: str = "") -> None:
        """``text`` is what was typed with the command: it stands in the first field."""
        super().__init__()
        self._asking, self._incident, self._text = asking, incident, text
        self._work: LongWork | None = None
        self._busy = False
        self._told_enter = False
        self._anyway = False

    def panel(self) -> Iterable[Widget]:
        """The incident, the fields, Cancel, what is missing."""
        fields = list(self._asking.fields)
        if self._text:
            fields[0] = (fields[0][0], fields[0][1], self._text)
        cli = BY_ID[f"incident.{self._asking.act}"].cli
        command = cli.replace("INCIDENT_ID", one_line(self._incident.incident_id, 40))
        framed = Vertical(
            Lines(
                [
                    incident_line(self._incident, self.peak.now(), _WIDTH),
                    fit((Span("$ ", Tone.FAINT), Span(command, Tone.ACCENT)), _WIDTH),
                    EMPTY,
                ]
            ),
            *(Field(name, name, value, hint) for name, hint, value in fields),
            Field("operator", "operator", self.peak.bar.operator or "", "whose enrolled key signs it"),
            Cancel(),
            Lines([EMPTY, EMPTY], id="act-state"),
            classes="panel",
        )
        framed.border_title = self._asking.title
        yield framed

    def on_mount(self) -> None:
        """Say what is missing."""
        self._show()

    def _value(self, field_id: str) -> str:
        return self.query_one(f"#{field_id}", PlainInput).value.strip()

    def _names(self) -> list[str]:
        return [name for name, _, _ in self._asking.fields]

    def action_state(self) -> ActionState:
        """With what is missing here."""
        return replace(super().action_state(), missing=self.missing())

    def missing(self) -> str:
        """What is not filled in yet."""
        if self._busy:
            return "it is being recorded"
        for name in self._names():
            if not self._value(name) and name not in self._asking.optional:
                return f"{name} is missing"
        if "minutes" in self._names() and self._minutes() is None:
            return f"minutes: a number from 1 to {_LONGEST_MINUTES}"
        if not self._value("operator"):
            return "an operator is missing; enroll one with: peak operator enroll NAME"
        return ""

    def _minutes(self) -> int | None:
        text = self._value("minutes").removesuffix("m").strip()
        return int(text) if text.isdecimal() and 1 <= int(text) <= _LONGEST_MINUTES else None

    def _show(self, problem: str = "", remedy: str = "") -> None:
        lines: list[Line]
        if problem:
            lines = [(Span(f"✗ {problem}", Tone.BAD),), (Span(f"  {remedy}", Tone.WARN),)]
        elif self._busy:
            lines = [(Span("recording …", Tone.WARN),), EMPTY]
        elif missing := self.missing():
            lines = [
                (Span(" ctrl+y ", Tone.FAINT), Span("  records it; not yet: ", Tone.DIM), Span(missing)),
                EMPTY,
            ]
        else:
            hint = "ctrl+y, since Enter only leads on" if self._told_enter else ""
            lines = [
                (Span(" ctrl+y ", Tone.CHIP_INFO), Span("  records it", Tone.STRONG)),
                (Span(hint, Tone.WARN),),
            ]
        self.query_one("#act-state", Lines).show_lines([fit(one, _WIDTH) for one in lines])
        self.query_one(KeyBar).redraw()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say what is still missing."""
        event.stop()
        self._told_enter = self._anyway = False
        self._show()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Lead on to the next field that is empty; from the last say which key records."""
        event.stop()
        names = [*self._names(), "operator"]
        following = next((one for one in names if not self._value(one) and one != event.input.id), None)
        if following is not None:
            self.query_one(f"#{following}", PlainInput).focus()
            return
        self._told_enter = True
        self._show()

    def type_on(self, text: str) -> None:
        """What is typed on Cancel goes into the first field that is empty."""
        type_into([self.query_one(f"#{one}", PlainInput) for one in self._names()], text)

    def typing(self) -> bool:
        """On Cancel as in a field: what is printable is typed."""
        return True

    def key_hints(self) -> Sequence[tuple[str, str]]:
        """Where ``tab`` leads."""
        return (("tab", "next field"),)

    def key_words(self) -> Mapping[str, str]:
        """What leaving means here."""
        return {"back": "cancel"}

    def leave_by_enter(self) -> None:
        """Close."""
        self.do_back()

    def do_back(self) -> None:
        """Close; what was typed was recorded nowhere, which is said."""
        if self._busy:
            self.peak.say("it is being recorded; wait for what comes of it", severity="warning")
            return
        if any(self._value(name) != value for name, _, value in self._asking.fields):
            self.peak.say("not recorded: the form was left")
        self.dismiss()

    def do_act_confirm(self) -> None:
        """Record it, if nothing is missing."""
        desk = self.peak.desk()
        if desk is None or self.missing():
            self._show()
            return
        names = self._names()
        asked = ActAsked(
            self._asking.act,
            self._incident.incident_id,
            self._value("operator"),
            self._value(_NOTE) if _NOTE in names else "",
            self._value("who") if "who" in names else "",
            (self._minutes() or 0) if "minutes" in names else 0,
            self._anyway,
        )
        self._busy = True
        self._show()
        self.long_work().begin(self._asking.act, lambda _progress, _cancelled: desk.act(asked))

    def long_work(self) -> LongWork:
        """What records."""
        if self._work is None:
            self._work = LongWork(self)
        return self._work

    def on_work_done(self, message: WorkDone) -> None:
        """Close where it is recorded; else say what kept it, and let it be mended."""
        self._busy = False
        self.peak.feed.poke()
        if message.code == "cause_stands" and not self._anyway:
            self._anyway = True
            self._show(one_line(message.problem, 200), "mend it first; ctrl+y again closes it all the same")
            return
        if message.problem:
            self._show(one_line(message.problem, 200), one_line(message.remedy, 200))
            self.peak.say(f"not recorded: {message.problem}", severity="error")
            return
        self.peak.say(one_line(str(message.result), 300))
        self.dismiss()
