"""The token and the phrase, typed: the step that arms. Hidden field, tries that are left, its clock."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from rich.cells import cached_cell_len
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input

from peak_console.domain.arming import ArmState
from peak_console.domain.text import one_line
from peak_console.operations.views.arming import ArmFacts, ArmLine, ArmRequestLine
from peak_console.tui import figures
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import EMPTY, Line, Span, Tone, fit
from peak_console.tui.long_work import WorkDone
from peak_console.tui.messages import SnapshotTaken
from peak_console.tui.screens.arm_dialogue import WIDTH, ArmDialogue
from peak_console.tui.widgets.form import RowField
from peak_console.tui.widgets.lines import Lines
from peak_console.tui.widgets.prompt import PlainInput

if TYPE_CHECKING:
    from peak_console.operations.views.source import Source

_OVER = frozenset({"arm_locked", "tries_used_up", "arm_no_request", "changed_meanwhile"})
"""Refusals after which nothing can be mended here."""


class TokenInput(PlainInput):
    """A field that shows dots, and lets nothing be copied out of it."""

    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__("", placeholder="hidden; it was shown once", password=True, id="token")

    def action_copy(self) -> None:
        """Nothing is copied from here."""

    def action_cut(self) -> None:
        """Nothing is copied from here: what is selected is taken out alone."""
        self.delete_selection()

    def forget(self) -> None:
        """Empty it, and let go of widths that were kept by text."""
        self.value = ""
        cached_cell_len.cache_clear()


class TokenField(Horizontal):
    """Its name beside the hidden field."""

    DEFAULT_CSS = """
    TokenField { height: 1; }
    TokenField Lines { width: 10; }
    TokenField TokenInput {
        height: 1; border: none; padding: 0 1; background: $ink-bar; width: 1fr;
        &:focus { border: none; background: $ink-cursor; color: $ink-cursor-text; }
        &>.input--placeholder { color: $ink-dim; text-style: none; }
        &:focus>.input--placeholder { color: $ink-cursor-text; }
    }
    """

    def compose(self) -> Iterable[Widget]:
        """Name and input."""
        yield Lines([(Span("token", Tone.STRONG),)])
        yield TokenInput()


class ArmConfirm(ArmDialogue):
    """Takes token and phrase; what is armed then stands on every screen."""

    NAME = "arm-confirm"
    TITLE_TEXT = "confirm with the token"
    CONFIRM = "arm.confirm"
    FIELDS = ("token", "phrase")
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("arm-confirm")]

    def __init__(self, request: ArmRequestLine) -> None:
        super().__init__()
        self._request = request

    def head(self) -> list[Line]:
        """What will be armed, for how long; how long the token holds, how often it may be tried."""
        one = self._request
        if one.drill:
            chip, what = Span(" DRILL ", Tone.CHIP_INFO), "nothing is armed by it"
        else:
            chip, what = Span(" ▲ LIVE ", Tone.CHIP_WARN), "live orders may be sent from then on"
        run = f", run {one_line(one.run_id, 30)}" if one.run_id else ""
        scope = f"{one_line(one.scope, 40)}{run}, {figures.duration(one.ttl_s)}"
        tries = f"{one.tries_left} {'try' if one.tries_left == 1 else 'tries'} left"
        few = one.tries_left <= 1
        return [
            (chip, Span(f"  {what}", Tone.STRONG)),
            fit((Span(scope),), WIDTH),
            (
                Span(f"token holds for {figures.countdown(self._left_s())}", self._clock_tone()),
                Span(f"   {tries}", Tone.BAD if few else Tone.DIM),
                Span(", then arming is locked" if few else "", Tone.BAD),
            ),
            EMPTY,
            (Span("phrase  ", Tone.DIM), *fit((Span(one_line(one.phrase, 120), Tone.STRONG),), WIDTH - 8)),
        ]

    def _left_s(self) -> float:
        until = self._request.token_until
        return 0.0 if until is None else max(0.0, (until - self.peak.now()).total_seconds())

    def _clock_tone(self) -> Tone:
        soon = 20
        return Tone.WARN if self._left_s() < soon else Tone.TEXT

    def fields(self) -> Iterable[Widget]:
        """Token, phrase."""
        yield TokenField()
        yield RowField("phrase", "phrase", "", "type the phrase above")

    def lacking(self) -> str:
        """What is missing; the token itself is judged by the node alone."""
        one = self._request
        if one.needs_approval and not one.approved_by:
            return "another operator must approve it first"
        if one.token_until is not None and not self._left_s():
            return "the token's time is over: esc, and ask anew"
        if not self.value("token"):
            return "the token is missing"
        typed = " ".join(self.value("phrase").split())
        return "" if typed == " ".join(one.phrase.split()) else "the phrase is not typed as it stands above"

    def confirm_words(self) -> str:
        """What it arms."""
        return "begins the drill" if self._request.drill else "ARMS it now"

    # -- following the node

    def subject(self) -> "Callable[[Source], Any]":
        """Tries and time are the node's."""
        return lambda source: source.arming()

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        """What stands now; the request may be gone."""
        facts = message.snapshot
        if not isinstance(facts, ArmFacts) or facts.freshness.as_of is None or self._asking:
            return
        if facts.request is not None and facts.request.request_id == self._request.request_id:
            self._request = facts.request
            self._draw_head()
        elif facts.state is ArmState.LOCKED:
            self._leave("arming is locked after too many wrong tokens or phrases; stopping never is")
        elif facts.request is None and facts.lease is None:
            self._leave("what was asked for does not stand any more: ask anew")

    def _draw_head(self) -> None:
        self.query_one("#arm-what", Lines).show_lines(self.head())
        self.show_state()

    def tick(self) -> None:
        """A second has passed: so has one of the token's."""
        super().tick()
        self._draw_head()

    # -- doing

    def do_arm_confirm(self) -> None:
        """Confirm, if nothing is missing. The token leaves the field as it leaves for the node."""
        desk, operator = self.peak.arm_desk(), self._request.requester
        if desk is None or self.missing():
            self.show_state()
            return
        name, phrase, typed = self._request.request_id, self.value("phrase"), [self.value("token")]
        if self.begin(lambda: desk.confirm(name, typed.pop(), phrase, operator)):
            with self.prevent(Input.Changed):
                self.query_one(TokenInput).forget()

    def answered(self, message: WorkDone) -> None:
        """It is armed, or the drill runs."""
        lease = message.result
        self._forget()
        self.dismiss()
        if isinstance(lease, ArmLine):
            until = figures.clock(lease.expires_at)
            said = (
                f"drill until {until}: nothing is armed" if lease.drill else f"ARMED until {until}; x disarms"
            )
            self.peak.say(said, severity="information" if lease.drill else "warning")

    def refused(self, message: WorkDone) -> None:
        """A wrong token costs a try; a lock ends it here."""
        if message.code in _OVER:
            self._leave(message.problem)
            return
        super().refused(message)
        self.query_one(TokenInput).focus()

    def _leave(self, why: str) -> None:
        self._forget()
        self.peak.say(one_line(why, 200), severity="warning")
        self.dismiss()

    def do_back(self) -> None:
        """Close; what was asked for stands until its time is over."""
        if not self._asking:
            self._forget()
        super().do_back()

    def _forget(self) -> None:
        if self.is_mounted:
            with self.prevent(Input.Changed):
                self.query_one(TokenInput).forget()
