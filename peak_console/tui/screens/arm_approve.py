"""The approval of what another operator asked for, where two must agree."""

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from peak_console.domain.text import one_line
from peak_console.operations.views.arming import ArmRequestLine
from peak_console.tui import figures
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import EMPTY, Line, Span, Tone, fit
from peak_console.tui.long_work import WorkDone
from peak_console.tui.screens.arm_dialogue import WIDTH, ArmDialogue
from peak_console.tui.widgets.form import RowField


class ArmApprove(ArmDialogue):
    """Approves with another operator's key; nothing is armed by it alone."""

    NAME = "arm-approve"
    TITLE_TEXT = "approve a request"
    CONFIRM = "arm.agree"
    FIELDS = ("reason", "operator")
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("arm-approve")]

    def __init__(self, request: ArmRequestLine) -> None:
        super().__init__()
        self._request = request

    def head(self) -> list[Line]:
        """What was asked for, by whom and why."""
        one = self._request
        run = f", run {one_line(one.run_id, 30)}" if one.run_id else ""
        chip = Span(" DRILL ", Tone.CHIP_INFO) if one.drill else Span(" LIVE ", Tone.CHIP_WARN)
        what = f"  {one_line(one.scope, 40)}{run}, {figures.duration(one.ttl_s)}"
        return [
            fit((chip, Span(what, Tone.STRONG)), WIDTH),
            fit(
                (Span(f"asked for by {one_line(one.requester, 20)}: “{one_line(one.purpose, 120)}”"),), WIDTH
            ),
            (Span("Once approved, whoever asked confirms with the token.", Tone.DIM),),
            EMPTY,
        ]

    def fields(self) -> Iterable[Widget]:
        """Why, and who."""
        mine = self.peak.bar.operator or ""
        shown = "" if mine == self._request.requester else mine
        yield RowField("reason", "reason", "", "why it may be; it stands on the ledger")
        yield RowField("operator", "operator", shown, "whose enrolled key signs it; not who asked")

    def lacking(self) -> str:
        """What is missing."""
        if not self.value("reason"):
            return "a reason is missing"
        if not self.value("operator"):
            return "an operator is missing"
        if self.value("operator") == self._request.requester:
            return "another operator than the one who asked must approve it"
        return ""

    def confirm_words(self) -> str:
        """Whose approval it is."""
        return f"approves it as {one_line(self.value('operator'), 20)}"

    def do_arm_agree(self) -> None:
        """Approve, if nothing is missing."""
        desk = self.peak.arm_desk()
        if desk is None:
            return
        name, reason, operator = self._request.request_id, self.value("reason"), self.value("operator")
        self.begin(lambda: desk.approve(name, reason, operator))

    def answered(self, message: WorkDone) -> None:
        """It is approved."""
        del message
        self.dismiss()
        who = one_line(self._request.requester, 20)
        self.peak.say(f"approved; {who} confirms with the token now")
