"""The request to be armed: scope, run, purpose, time, drill or live. Nothing is armed by it."""

from collections.abc import Iterable
from datetime import timedelta
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from peak_console.domain.arming import TOKEN_TRIES
from peak_console.domain.text import one_line
from peak_console.domain.vocabulary import Phase
from peak_console.operations.views.arm_desk import ArmAsked
from peak_console.operations.views.arming import ArmFacts, ArmRequestLine
from peak_console.tui import figures
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import EMPTY, Line, Span, Tone, fit
from peak_console.tui.long_work import WorkDone
from peak_console.tui.screens.arm_dialogue import WIDTH, ArmDialogue
from peak_console.tui.widgets.form import RowField
from peak_console.tui.widgets.lines import Lines

_UNITS = {"s": 1, "m": 60, "h": 3600}
_LONGEST_TEXT = 6


class ArmRequest(ArmDialogue):
    """Asks the node; its answer is a token that is shown once."""

    NAME = "arm-request"
    TITLE_TEXT = "ask to be armed"
    CONFIRM = "arm.request"
    FIELDS = ("scope", "run", "purpose", "time", "operator")
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("arm-request")]

    def __init__(self, facts: ArmFacts, phase: str) -> None:
        super().__init__()
        self._facts = facts
        self._asked: ArmAsked | None = None
        self.drill = phase != Phase.LIVE.value or bool(facts.refusals)

    def head(self) -> list[Line]:
        """A drill or live, what it means, and what stands against it."""
        if self.drill:
            chip, what = Span(" DRILL ", Tone.CHIP_INFO), "the whole way, with a lease that no gate accepts"
        else:
            chip, what = Span(" LIVE ", Tone.CHIP_WARN), "live orders may be sent once it is confirmed"
        refusals = self._facts.drill_refusals if self.drill else self._facts.refusals
        against: Line = (Span("✓ may be asked for", Tone.OK),)
        if refusals:
            more = f" (+{len(refusals) - 1})" if len(refusals) > 1 else ""
            against = fit((Span(f"✗ {one_line(refusals[0], 200)}{more}", Tone.BAD),), WIDTH)
        return [
            (chip, Span(f"  {what}"), Span("   ctrl+t", Tone.KEY), Span(" changes", Tone.DIM)),
            against,
            EMPTY,
        ]

    def fields(self) -> Iterable[Widget]:
        """What is asked for."""
        usual, most = _typed(self._facts.default_ttl_s), _typed(self._facts.max_ttl_s)
        yield RowField("scope", "scope", "", "what is armed: venue:NAME or global; in a drill any scope")
        yield RowField("run", "run", "", "the run that may send orders; a drill needs none")
        yield RowField("purpose", "purpose", "", "why now; it stands on the ledger")
        yield RowField("time", "time", usual, f"30s, 15m, at most {most}; it ends by itself then")
        yield RowField("operator", "operator", self.peak.bar.operator or "", "whose enrolled key signs it")

    def lacking(self) -> str:
        """What is missing."""
        refusals = self._facts.drill_refusals if self.drill else self._facts.refusals
        if refusals:
            return one_line(refusals[0], 200)
        if not self.value("operator"):
            return "an operator is missing; enroll one with: peak operator enroll NAME"
        if not self.value("scope"):
            return "a scope is missing"
        if not self.drill and not self.value("run"):
            return "a run is missing"
        if not self.value("purpose"):
            return "a purpose is missing"
        good = 0 < self._seconds() <= self._facts.max_ttl_s
        return "" if good else f"time: as 30s or 15m, at most {_typed(self._facts.max_ttl_s)}"

    def _seconds(self) -> int:
        """The time that was typed; 0 for what is none."""
        text = self.value("time")
        number, unit = text[:-1], text[-1:]
        good = number.isascii() and number.isdecimal() and unit in _UNITS and len(text) <= _LONGEST_TEXT
        return int(number) * _UNITS[unit] if good else 0

    def confirm_words(self) -> str:
        """What is asked for."""
        what = "a drill of arming" if self.drill else "to be armed for LIVE orders"
        return f"asks for {what}, {figures.duration(self._seconds())}; the token comes next"

    def do_arm_drill(self) -> None:
        """A drill, or live."""
        self.drill = not self.drill
        self._told = ("", "")
        self.query_one("#arm-what", Lines).show_lines(self.head())
        self.show_state()

    def do_arm_request(self) -> None:
        """Ask, if nothing is missing."""
        desk = self.peak.arm_desk()
        if desk is None or self.lacking():
            self.show_state()
            return
        self._asked = asked = ArmAsked(
            scope=self.value("scope"),
            run_id=self.value("run"),
            purpose=self.value("purpose"),
            ttl_s=self._seconds(),
            drill=self.drill,
            operator=self.value("operator"),
        )
        self.begin(lambda: desk.request(asked))

    def answered(self, message: WorkDone) -> None:
        """The token, once."""
        from peak_console.tui.screens.arm_token import ArmToken  # noqa: PLC0415 - when there is one

        requested, asked, now = message.result, self._asked, self.peak.now()
        until = now + timedelta(seconds=requested.token_valid_s)
        message.result = None
        self.dismiss()
        if asked is None:
            return
        line = ArmRequestLine(
            request_id=requested.request_id,
            scope=asked.scope,
            run_id=asked.run_id,
            purpose=asked.purpose,
            requester=asked.operator,
            ttl_s=asked.ttl_s or self._facts.default_ttl_s,
            drill=asked.drill,
            requested_at=now,
            token_until=None if requested.needs_approval else until,
            tries_left=TOKEN_TRIES,
            phrase=requested.phrase,
            needs_approval=requested.needs_approval,
        )
        self.app.push_screen(ArmToken(line, requested.token))


def _typed(seconds: int) -> str:
    """A time as it is typed here."""
    return f"{seconds}s" if seconds % _UNITS["m"] else f"{seconds // _UNITS['m']}m"
