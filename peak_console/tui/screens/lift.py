"""The dialogue that lifts one stop alone: of a layer, a run, a model, or *reduce*. Cancel has the focus.

Where a latched breaker holds the scope, no enable lifts it: the dialogue says so and resets the breaker.
"""

from typing import ClassVar, Final

from textual.binding import BindingType

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import PeakError
from peak_console.domain.stopping import REDUCE
from peak_console.domain.text import one_line
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import EMPTY, Line, Span, Tone, fit
from peak_console.tui.lifting import Lowered
from peak_console.tui.messages import ActionDone, StepShown
from peak_console.tui.screens.enable import WIDTH, WORD, EnableDialog

_ACTION: Final = "control.lift"


class LiftDialog(EnableDialog):
    """Asks for operator, reason and the typed word; lifts through the node."""

    NAME = "lift"
    AUTO_FOCUS = "#cancel"
    ASKED_BY = _ACTION
    UNDONE = "not lifted"
    WHY = "why it may act again; it stands on the ledger"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("lift")]

    def __init__(self, lowered: Lowered) -> None:
        super().__init__()
        self.lowered = lowered
        name = one_line(lowered.scope, 48)
        self.title_shown = f"reset the {lowered.breaker} breaker" if lowered.breaker else f"lift {name}"
        self.does = f"resets the {lowered.breaker} breaker" if lowered.breaker else f"lifts {name}"

    def words(self) -> list[Line]:
        """What will act again, what stays as it is, and the command."""
        one = self.lowered
        name = Span(one_line(one.scope, 48), Tone.STRONG)
        if one.breaker:
            said: Line = (
                Span(f"The {one.breaker} breaker holds "),
                name,
                Span(": its reset lifts that."),
            )
        elif one.scope == REDUCE:
            said = (Span("Orders that raise a position pass again, where orders may."),)
        else:
            said = (Span("The stop of "), name, Span(" alone is lifted: it may act again."))
        stays = "Its cause should be mended first. " if one.breaker else "Every other stop stays as it is. "
        again = (Span("! s", Tone.KEY), Span(" stops everything.", Tone.DIM))
        return [
            fit(said, WIDTH),
            (Span(stays, Tone.DIM), *again),
            fit((Span("$ ", Tone.FAINT), Span(one.cli, Tone.ACCENT)), WIDTH),
            EMPTY,
        ]

    def read_cooldown_of(self, workspace: Workspace) -> int:
        """Seconds that its stop's cooldown has left; a reset needs none."""
        from peak_console.operations.console_lift import scope_cooldown_left_s  # noqa: PLC0415 - loads the keys

        if self.lowered.breaker:
            return 0
        try:
            return scope_cooldown_left_s(workspace, self.lowered.scope)
        except (PeakError, OSError):
            return 0

    def do_lift_confirm(self) -> None:
        """Lift it, if nothing is missing."""
        self.begin()

    def carry_out(self, workspace: Workspace, reason: str, operator: str) -> ActionDone:
        """Lift it and say what holds afterwards."""
        return lift_and_read_back(workspace, self.lowered, reason, operator)


def lift_and_read_back(workspace: Workspace, lowered: Lowered, reason: str, operator: str) -> ActionDone:
    """Lift through the node; never raises for what keeps it from being lifted."""
    from peak_console.operations.console_lift import lift_through_node  # noqa: PLC0415 - loads the keys

    try:
        done = lift_through_node(
            workspace,
            lowered.scope,
            reason=reason,
            confirm=WORD,
            operator=operator,
            breaker=lowered.breaker,
        )
    except PeakError as error:
        step = StepShown("lift", ok=False, detail=error.message, remedy=error.remedy)
        return ActionDone(_ACTION, ok=False, summary="not lifted", steps=[step])
    name = one_line(done.scope, 60)
    what = f"{done.breaker} breaker of {name} reset" if done.breaker else f"{name} lifted"
    held = "" if done.shown else "; the node still says that it holds (peak node status)"
    return ActionDone(
        _ACTION, ok=True, summary=f"{what} by {done.operator}, on record as #{done.seq:,}{held}"
    )
