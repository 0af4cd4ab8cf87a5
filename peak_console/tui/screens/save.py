"""The save dialogue: what a change does, what stands against it, who makes it and why.

Cancel has the focus; what is typed there goes into the first empty field. Enter leads on and confirms
nothing; ``ctrl+y`` does, once nothing is missing. Whatever is refused, the draft stays.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Input

from peak_console.config.editing.targets import Target
from peak_console.domain.text import one_line
from peak_console.operations.views.bench import Bench, SaveAsked, Signer
from peak_console.operations.workbench.shapes import Preview, Saved
from peak_console.tui.action import ActionState
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import EMPTY, Line, Span, Tone, fit
from peak_console.tui.long_work import LongWork, WorkDone
from peak_console.tui.screens.base import PeakModal
from peak_console.tui.screens.save_drawing import copied, number, preview_lines, summary
from peak_console.tui.widgets.canvas import Canvas
from peak_console.tui.widgets.document import Document
from peak_console.tui.widgets.form import Cancel, RowField, type_into
from peak_console.tui.widgets.key_bar import KeyBar
from peak_console.tui.widgets.lines import Lines
from peak_console.tui.widgets.prompt import PlainInput

WORD = "CHANGE"
_STALE = frozenset({"file_changed", "confirmation_needed", "lint_failed", "approval_required"})
"""Refusals after which what is shown is weighed anew."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A text that is to become a config. ``back_to`` is the version that a rollback goes to."""

    target: Target
    text: str
    base: str | None
    back_to: str | None = None


class _Summary(Canvas):
    """How much changes, in one line."""

    def __init__(self) -> None:
        super().__init__(id="save-summary")
        self._seen: Preview | None = None

    def show(self, seen: Preview) -> None:
        """Show it of another preview."""
        self._seen = seen
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """The line."""
        return [summary(self._seen, width)] if height and self._seen is not None else []


class SaveDialog(PeakModal):
    """Shows a proposal, asks for reason and, where there are concerns, for the typed word; then saves."""

    NAME = "save"
    NEEDS_ROOM = True
    AUTO_FOCUS = "#cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings_for("save"),
        Binding("down", "page('scroll_down')", "down", show=False),
        Binding("up", "page('scroll_up')", "up", show=False),
        Binding("pagedown", "page('page_down')", "page down", show=False),
        Binding("pageup", "page('page_up')", "page up", show=False),
    ]
    CSS_PATH = "save.tcss"

    def __init__(
        self,
        proposal: Proposal,
        *,
        saved: Callable[[Saved], None] | None = None,
        changed_outside: Callable[[], None] | None = None,
        bench: Bench | None = None,
    ) -> None:
        """``bench`` weighs and saves in the place of the console's own: of the lock, for example."""
        super().__init__()
        self.proposal = proposal
        self._bench = bench
        self._tell_saved, self._tell_changed = saved, changed_outside
        self._seen: Preview | None = None
        self._signer = Signer()
        self._work: LongWork | None = None
        self._doing = ""
        self._problem: tuple[str, str, str] | None = None
        self._asked_to_leave = False

    def panel(self) -> Iterable[Widget]:
        """The change, the fields, Cancel, what is missing."""
        framed = Vertical(
            _Summary(),
            Document(id="save-page"),
            RowField("reason", "reason", "", "why; it stands on the ledger"),
            RowField("word", "word", "", f"type {WORD} to confirm the figures above"),
            RowField("operator", "operator", "", "whose enrolled key signs it"),
            Cancel(),
            Lines([EMPTY, EMPTY], id="save-state"),
            classes="panel",
        )
        verb = "roll back" if self.proposal.back_to else "save"
        framed.border_title = f"{verb} {one_line(self.proposal.target.name, 60)}"
        framed.border_subtitle = one_line(self.proposal.target.path, 70)
        yield framed

    def on_mount(self) -> None:
        """Begin to weigh."""
        self.query_one("#row-word").add_class("-hidden")
        self.weigh()

    # -- work

    def work(self) -> LongWork:
        """What weighs and saves."""
        if self._work is None:
            self._work = LongWork(self)
        return self._work

    def busy(self) -> bool:
        """Whether it weighs or saves."""
        return bool(self._doing)

    def on_unmount(self) -> None:
        """Nobody waits for a weighing any more; a save that began goes on to its end."""
        if self._work is not None and self._doing != "saving":
            self._work.cancel()

    def weigh(self) -> None:
        """Find out anew what the change does and what stands against it."""
        bench = self._bench or self.peak.bench()
        if bench is None:
            self._problem = ("no workspace is open", "", "")
            self._show()
            return
        self._doing = "weighing"
        now, proposal, operator = self.peak.now(), self.proposal, self._value("operator")

        def found() -> tuple[Signer, Preview]:
            signer = Signer(operator) if operator else bench.signer()
            return signer, bench.preview(proposal.target, proposal.text, now, signer.name or None)

        self.work().begin("preview", lambda _progress, _cancelled: found())
        self._show()

    def do_save_confirm(self) -> None:
        """Save, if nothing is missing."""
        bench, seen = self._bench or self.peak.bench(), self._seen
        if self._doing or bench is None or seen is None or self.missing():
            self._show()
            return
        self._doing, self._problem = "saving", None
        asked = SaveAsked(
            self.proposal.target,
            self.proposal.text,
            self.proposal.base,
            self._value("reason"),
            self._value("operator"),
            frozenset(one.code for one in seen.concerns),
            self.proposal.back_to,
        )
        self._save(bench, asked)

    def _save(self, bench: Bench, asked: SaveAsked) -> None:
        self.work().begin("save", lambda _progress, _cancelled: bench.save(asked))
        self._show()

    def on_work_done(self, message: WorkDone) -> None:
        """Weighed, saved, or refused."""
        self._doing = ""
        if isinstance(message.result, Saved):
            self._saved(message.result)
            return
        if message.result is not None:
            self._weighed(*message.result)
        elif message.problem:
            self._refused(message)
        self._show()

    def _weighed(self, signer: Signer, seen: Preview) -> None:
        self._signer, first = signer, self._seen is None
        self._seen = seen
        field = self.query_one("#operator", PlainInput)
        if not field.value and signer.name:
            field.value = signer.name
        self.query_one("#row-word").set_class(not seen.concerns, "-hidden")
        self.query_one(_Summary).show(seen)
        page = self.query_one("#save-page", Document)
        sides = f"now to {self.proposal.back_to[:8]}" if self.proposal.back_to else "disk to draft"
        page.show_lines(lambda width: preview_lines(seen, width, sides), top=first)

    def _refused(self, message: WorkDone) -> None:
        code = message.code or "failed"
        self._problem = (code, message.problem, message.remedy)
        said = ": ".join(part for part in (f"not saved ({code})", message.problem) if part)
        self.peak.say(f"{said}; the draft is kept", severity="error")
        if code == "file_changed" and self._tell_changed is not None:
            self.dismiss()
            self._tell_changed()
        elif code in _STALE:
            self.weigh()

    def _saved(self, saved: Saved) -> None:
        verb = "rolled back" if self.proposal.back_to else "saved"
        self.peak.say(
            f"{verb} {one_line(saved.target.name, 40)} {saved.new[:12]}, read back, "
            f"on record as #{saved.seq:,}; the next call uses it",
            timeout=8,
        )
        self.dismiss()
        if self._tell_saved is not None:
            self._tell_saved(saved)
        self.peak.feed.poke()

    # -- what is shown

    def _value(self, field_id: str) -> str:
        return self.query_one(f"#{field_id}", PlainInput).value.strip()

    def action_state(self) -> ActionState:
        """With what is missing here."""
        return replace(super().action_state(), missing=self.missing())

    def missing(self) -> str:
        """What keeps it from being saved, the gravest first."""
        seen = self._seen
        if self._doing:
            return f"{self._doing} …"
        if seen is None:
            return self._problem[1] if self._problem else "nothing was weighed yet"
        return self._refused_by(seen) or self._unfilled(seen)

    def _refused_by(self, seen: Preview) -> str:
        """What of the change itself forbids it."""
        if not seen.changed:
            return "nothing changes: the file says this already"
        if seen.checked.errors:
            return f"lint has {number(seen.checked.errors, 'error')}; esc goes back to mend them"
        if seen.base != self.proposal.base and self._tell_changed is None:
            return "the file changed since this was opened; esc, and look again"
        return ""

    def _unfilled(self, seen: Preview) -> str:
        """What the operator has not typed yet."""
        if not self._value("operator"):
            why = self._signer.problem or "an operator is missing"
            return f"{why}; {self._signer.remedy or 'peak operator enroll NAME'}"
        if not self._value("reason"):
            return "a reason is missing"
        if seen.concerns and self._value("word") != WORD:
            return f"the word {WORD} is missing: it confirms the figures"
        return ""

    def _state_lines(self) -> list[Line]:
        if self._doing:
            words = "saving: recorded first, then written …" if self._doing == "saving" else "weighing …"
            return [(Span(words, Tone.WARN if self._doing == "saving" else Tone.DIM),)]
        if self._problem is not None:
            code, problem, remedy = self._problem
            said = (Span(f"✗ {code}" if code else "✗", Tone.BAD), Span(f"  {problem}", Tone.BAD))
            return [said, (Span(f"  {remedy}", Tone.WARN),)]
        if missing := self.missing():
            what, _, remedy = missing.partition("; ")
            head: Line = (
                Span(" ctrl+y ", Tone.FAINT),
                Span(f" {self._verb()}; not yet: ", Tone.DIM),
                Span(what),
            )
            return [head, (Span(f"  → {remedy}", Tone.WARN),) if remedy else EMPTY]
        lines: list[Line] = [(Span(" ctrl+y ", Tone.CHIP_WARN), Span(f" {self._verb()} now", Tone.STRONG))]
        if self._asked_to_leave:
            lines.append((Span("▲ Enter confirms nothing; once more on Cancel, or esc, leaves", Tone.WARN),))
        return lines

    def _verb(self) -> str:
        seen = self._seen
        if seen is not None and seen.needs_approval and seen.approved_by is None:
            return "proposes it to the other operator"
        return "rolls back" if self.proposal.back_to else "saves"

    def _show(self) -> None:
        page = self.query_one("#save-page", Document)
        width = page.size.width or max(40, min(116, self.app.size.width) - 4)
        lines = [fit(line, width) for line in self._state_lines()]
        self.query_one("#save-state", Lines).show_lines([*lines, EMPTY][:2])
        self.query_one(KeyBar).redraw()

    # -- keys

    def action_page(self, how: str) -> None:
        """Scroll the change from wherever the focus is."""
        getattr(self.query_one("#save-page", Document), f"action_{how}")()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say what is still missing."""
        event.stop()
        self._asked_to_leave, self._problem = False, None
        self._show()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Lead on to the next field; from the last one say that Enter confirms nothing."""
        event.stop()
        following = next((one for one in self._needed() if one is not event.input and not one.value), None)
        if following is not None:
            following.focus()
            return
        self._asked_to_leave = not self.missing()
        self._show()

    def _needed(self) -> list[PlainInput]:
        """The fields that must be filled in, in their order."""
        worded = self._seen is not None and self._seen.concerns
        names = ("reason", "word", "operator") if worded else ("reason", "operator")
        return [self.query_one(f"#{one}", PlainInput) for one in names]

    def type_on(self, text: str) -> None:
        """What is typed on Cancel goes into the first field that is needed and empty."""
        type_into(self._needed(), text)

    def typing(self) -> bool:
        """On Cancel as in a field: what is printable is typed."""
        return isinstance(self.focused, Cancel) or super().typing()

    def key_hints(self) -> Sequence[tuple[str, str]]:
        """Where ``tab`` leads."""
        return (("tab", "next field"),)

    def key_words(self) -> Mapping[str, str]:
        """What confirming and leaving mean here."""
        return {"save.confirm": "roll back" if self.proposal.back_to else "save", "back": "cancel"}

    def leave_by_enter(self) -> None:
        """Close; where all is filled in, ask once more, since Enter may have been meant to confirm."""
        if self.missing() or self._asked_to_leave:
            self.do_back()
            return
        self._asked_to_leave = True
        self._show()

    def do_back(self) -> None:
        """Close; a save that has begun is not given up by it."""
        if self._doing == "saving":
            self.peak.say("it is being saved; wait for what comes of it", severity="warning")
            return
        if self._value("reason") or self._value("word"):
            self.peak.say("not saved: the dialogue was left; the draft is kept")
        self.dismiss()

    def do_copy(self) -> None:
        """Copy the change: digests, concerns, difference."""
        if self._seen is not None:
            self.peak.copy(copied(self._seen), f"change-{self.proposal.target.name}")
