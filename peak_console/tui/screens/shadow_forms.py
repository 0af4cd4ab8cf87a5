"""The forms of the Shadow screen: run now, resume a job, release a model. Enter confirms nothing."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import ClassVar, Final

from textual.binding import BindingType
from textual.widget import Widget

from peak_console.domain.text import one_line
from peak_console.operations.views.shadow import DriftLine, JobLine
from peak_console.tui import figures
from peak_console.tui.actions import BY_ID, bindings_for
from peak_console.tui.ink import EMPTY, Line, Span, Tone, cell, fit, text_of
from peak_console.tui.long_work import WorkDone
from peak_console.tui.screens.arm_dialogue import WIDTH, ArmDialogue
from peak_console.tui.screens.shadow_drawing import kind_word, run_words, schedule_words
from peak_console.tui.screens.shadow_drift_drawing import (
    check_span,
    gauge_span,
    gold_since_span,
    served_span,
    state_span,
)
from peak_console.tui.widgets.form import RowField

WORD: Final = "RELEASE"
"""What is typed to release a model."""


class ShadowForm(ArmDialogue):
    """Reason and operator, under what will happen."""

    NAME = "shadow-act"
    CONFIRM = "shadow.confirm"
    ASKED_BY: ClassVar[str] = ""
    FIELDS: ClassVar[tuple[str, ...]] = ("reason", "operator")
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("shadow-act")]

    WHY: ClassVar[str] = "why; it stands on the ledger"

    def fields(self) -> Iterable[Widget]:
        """Why, and who."""
        yield RowField("reason", "reason", "", self.WHY)
        yield RowField("operator", "operator", self.peak.bar.operator or "", "whose enrolled key signs it")

    def lacking(self) -> str:
        """What is missing."""
        if not self.value("reason"):
            return "a reason is missing"
        return (
            ""
            if self.value("operator")
            else "an operator is missing; enroll one with: peak operator enroll NAME"
        )

    def command(self, name: str, subject: str) -> Line:
        """The command line that does the same."""
        cli = BY_ID[self.ASKED_BY].cli.replace(name, one_line(subject, 60))
        return fit((Span("$ ", Tone.FAINT), Span(cli, Tone.ACCENT)), WIDTH)

    def answered(self, message: WorkDone) -> None:
        """It was done: say so."""
        self.dismiss()
        self.peak.say(one_line(str(message.result), 300))


def job_words(job: JobLine) -> list[Line]:
    """A job in one line: name, kind, schedule."""
    return [
        fit(
            (
                Span(one_line(job.name, 48), Tone.STRONG),
                Span(f"   {kind_word(job)}   {one_line(schedule_words(job), 60)}", Tone.DIM),
            ),
            WIDTH,
        )
    ]


class RunForm(ShadowForm):
    """Runs a job now; it makes real calls within the job's budget."""

    TITLE_TEXT = "run now"
    ASKED_BY = "shadow.run"
    WHY = "why now; it stands on the ledger"

    def __init__(self, job: JobLine, begun: Callable[[str], None]) -> None:
        super().__init__()
        self._job, self._begun = job, begun

    def head(self) -> list[Line]:
        """Which job, how its last run came out."""
        last = run_words(self._job.last, self.peak.now())
        return [
            *job_words(self._job),
            fit((Span("last  ", Tone.DIM), last), WIDTH),
            (Span("It makes real calls within its budget; it sends no order.", Tone.DIM),),
            self.command("JOB", self._job.name),
            EMPTY,
        ]

    def confirm_words(self) -> str:
        """What ctrl+y does."""
        return f"runs {one_line(self._job.name, 48)} now"

    def do_shadow_confirm(self) -> None:
        """Ask for it."""
        desk, job = self.peak.shadow_desk(), self._job.name
        reason, operator = self.value("reason"), self.value("operator")
        if desk is not None:
            self.begin(lambda: desk.run_now(job, reason, operator))

    def answered(self, message: WorkDone) -> None:
        """It was taken: watch it."""
        self.dismiss()
        self._begun(str(message.result))


class ResumeForm(ShadowForm):
    """Lets a paused job run again by its schedule."""

    TITLE_TEXT = "resume a job"
    ASKED_BY = "shadow.resume"
    WHY = "why it may run again; it stands on the ledger"

    def __init__(self, job: JobLine) -> None:
        super().__init__()
        self._job = job

    def head(self) -> list[Line]:
        """Which job, and why it is paused."""
        note = fit((Span(one_line(self._job.note, 160) or "paused", Tone.WARN),), WIDTH)
        return [*job_words(self._job), note, self.command("JOB", self._job.name), EMPTY]

    def confirm_words(self) -> str:
        """What ctrl+y does."""
        return f"resumes {one_line(self._job.name, 48)}"

    def do_shadow_confirm(self) -> None:
        """Resume it."""
        desk, job = self.peak.shadow_desk(), self._job.name
        reason, operator = self.value("reason"), self.value("operator")
        if desk is not None:
            self.begin(lambda: desk.resume(job, reason, operator))


def _for_words(one: DriftLine, now: datetime) -> str:
    """For how long a model has stood as it does, where that is known."""
    return "" if one.since is None else f" for {figures.age(max(0.0, (now - one.since).total_seconds()))}"


class ReleaseForm(ShadowForm):
    """Lets a quarantined model be asked again: with the evidence before one's eyes, a reason and a word."""

    TITLE_TEXT = "release a model"
    ASKED_BY = "shadow.release"
    FIELDS = ("reason", "operator", "word")
    WHY = "what was found, and why it may answer again"

    def __init__(self, model: DriftLine) -> None:
        super().__init__()
        self._model = model

    def head(self) -> list[Line]:
        """What is known of the model now."""
        one, now = self._model, self.peak.now()
        rows = (
            ("why", Span(one_line(one.why, 200) or "no reason is on record", Tone.WARN)),
            ("since then", gold_since_span(one, now)),
            ("canary", check_span(one.canary, now)),
            ("two-sample", check_span(one.two_sample, now)),
            ("evidence", gauge_span(one)),
            ("served", served_span(one)),
        )
        return [
            fit(
                (
                    Span(one_line(one.name, 60), Tone.STRONG),
                    Span("   "),
                    state_span(one, now),
                    Span(_for_words(one, now), Tone.DIM),
                    Span(f"   {one_line(', '.join(one.slots), 60)}", Tone.DIM),
                ),
                WIDTH,
            ),
            *(fit((cell(name, 12, Tone.DIM), value), WIDTH) for name, value in rows),
            (Span("Once released the router asks it again; its tests begin anew.", Tone.DIM),),
            self.command("PROVIDER:MODEL", one.name),
            EMPTY,
        ]

    def fields(self) -> Iterable[Widget]:
        """Why, who, and the word."""
        yield from super().fields()
        yield RowField("word", "word", "", f"type {WORD}")

    def lacking(self) -> str:
        """What is missing."""
        if missing := super().lacking():
            return missing
        return "" if self.value("word") == WORD else f"the word {WORD} is missing"

    def confirm_words(self) -> str:
        """What ctrl+y does."""
        return text_of(fit((Span(f"releases {one_line(self._model.name, 60)}"),), WIDTH - 12))

    def do_shadow_confirm(self) -> None:
        """Release it."""
        desk, model = self.peak.shadow_desk(), self._model.name
        reason, operator = self.value("reason"), self.value("operator")
        if desk is not None:
            self.begin(lambda: desk.release(model, reason, operator))
