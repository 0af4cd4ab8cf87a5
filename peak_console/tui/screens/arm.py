"""Arm (5): what may be armed and why not, what was asked for, the countdown of what is armed; x disarms."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from peak_console.domain.text import one_line
from peak_console.operations.views.arming import ArmFacts
from peak_console.operations.views.checklists import Checklist, ChecklistItem, ItemState
from peak_console.operations.views.freshness import Health
from peak_console.tui import figures
from peak_console.tui.action import ActionState
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import EMPTY, Line, Span, Tone
from peak_console.tui.long_work import LongWork, WorkDone
from peak_console.tui.messages import SnapshotTaken
from peak_console.tui.screens.arm_drawing import (
    ArmShown,
    checklist_columns,
    checklist_words,
    head_lines,
    item_lines,
    live_refusals,
    past_lines,
)
from peak_console.tui.screens.base import PeakScreen, age_line
from peak_console.tui.screens.working import Working
from peak_console.tui.widgets.drawn import Drawn
from peak_console.tui.widgets.table import ListRows, Table, TableHead

if TYPE_CHECKING:
    from datetime import datetime

    from peak_console.operations.views.source import Source

_JUDGED_EVERY_S = 30.0
"""How old the checklist may be while the screen is open before it is judged again."""
_URGENCY = (ItemState.RED, ItemState.UNKNOWN, ItemState.AMBER, ItemState.GREEN)


class ArmScreen(Working, PeakScreen):
    """The state in big digits, the pre-live checklist, and how arming ended before."""

    NAME = "arm"
    AUTO_FOCUS = "#arm-checklist"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("arm")]
    DEFAULT_CSS = """
    ArmScreen #arm-head { height: 6; }
    ArmScreen #arm-checklist { height: 1fr; min-height: 3; }
    ArmScreen #arm-item { height: 3; }
    ArmScreen #arm-past { height: 5; margin-top: 1; }
    ArmScreen.-tall #arm-head { height: 8; }
    ArmScreen.-tall #arm-item { height: 4; }
    ArmScreen.-tall #arm-past { height: 11; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._facts: ArmFacts | None = None
        self._problem = ""
        self._checklist: Checklist | None = None
        self._judged_at: datetime | None = None
        self._doing: LongWork | None = None

    def body(self) -> Iterable[Widget]:
        """State, checklist, its item, the past."""
        yield Drawn("arm-head", self._draw_head)
        yield TableHead()
        yield Table(checklist_columns(None), id="arm-checklist")
        yield Drawn("arm-item", self._draw_item)
        yield Drawn("arm-past", self._draw_past)

    @property
    def table(self) -> Table[ChecklistItem]:
        """The checklist."""
        return self.query_one("#arm-checklist", Table)

    def proving(self) -> LongWork:
        """What takes back and disarms."""
        if self._doing is None:
            self._doing = LongWork(self)
        return self._doing

    # -- reading

    def on_mount(self) -> None:
        """Say that nothing was read yet."""
        super().on_mount()
        self.table.empty = [(Span("the checklist is being judged …", Tone.DIM),)]
        self.query_one(TableHead).line = lambda width: self.table.head(width, "-")

    def subject(self) -> "Callable[[Source], Any]":
        """What the node says of arming."""
        return lambda source: source.arming()

    def on_screen_resume(self) -> None:
        """Judge the checklist; the base feeds the rest."""
        self._judge()

    def do_read(self) -> None:
        """Read everything again, the checklist too."""
        self.peak.feed.poke()
        self._judge()

    def _judge(self) -> None:
        desk = self.peak.arm_desk()
        if self.peak.replay is not None or desk is None:
            what = "the checklist is judged of the present alone" if desk else "no workspace is open"
            self.table.empty = [(Span(what, Tone.DIM),)]
            self.table.redraw()
            return
        if not self.long_work().busy:
            self.long_work().begin("checklist", lambda _progress, _cancelled: desk.checklist())

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        """What the node says; where it says nothing, what it said last, and why."""
        facts = message.snapshot
        if not isinstance(facts, ArmFacts):
            return
        if self._facts is not None and facts.past[:1] != self._facts.past[:1]:
            self._judge()  # an arming or a drill of it is evidence too
        fresh = facts.freshness
        if fresh.as_of is None and self._facts is not None and self._facts.freshness.as_of is not None:
            kept = replace(self._facts.freshness, why=fresh.why, remedy=fresh.remedy)
            self._facts = replace(self._facts, freshness=kept, past=facts.past or self._facts.past)
        else:
            self._facts = facts
        self._problem = "; ".join(part for part in (fresh.why, fresh.remedy) if part)
        self._redraw()

    def on_work_done(self, message: WorkDone) -> None:
        """The checklist came, or what was done from here."""
        if message.topic == "checklist":
            self._take_checklist(message)
        elif message.topic == "withdraw":
            stood = "taken back" if message.result else "it did not stand any more"
            self._say(message, f"what was asked for: {stood}")
        else:
            self._disarmed(message)

    def _take_checklist(self, message: WorkDone) -> None:
        self._judged_at = self.peak.now()
        if isinstance(message.result, Checklist):
            self._checklist = message.result
            self.table.set_columns(checklist_columns(self.peak.now()))
            order = sorted(message.result.items, key=lambda one: _URGENCY.index(one.state))
            self.table.show_rows(ListRows(order))
        else:
            why = ": ".join(one_line(part, 200) for part in (message.problem, message.remedy) if part)
            self.table.empty = [(Span(f"✗ the checklist cannot be judged: {why}", Tone.BAD),)]
            self.table.redraw()
        self._redraw()

    def _say(self, message: WorkDone, done: str) -> None:
        self.peak.feed.poke()
        if message.problem:
            remedy = f"; {message.remedy}" if message.remedy else ""
            self.peak.say(f"{one_line(message.problem, 200)}{remedy}", severity="error")
        else:
            self.peak.say(done)

    def _disarmed(self, message: WorkDone) -> None:
        """What the disarm did, step by step in the log, in one line here."""
        self.peak.feed.poke()
        done = message.result
        if done is None:
            self.peak.say(
                f"disarm: {message.problem}; {message.remedy}: ! s stops everything", severity="error"
            )
            return
        steps = ", ".join(f"{one.step} {'ok' if one.ok else 'FAILED ' + one.detail}" for one in done.steps)
        worse = done.escalated or not done.effective
        said = f"{done.line}; {done.remedy}" if worse and done.remedy else done.line
        if self.peak.replay is not None:
            said = f"the live workspace, now: {said}"
        self.peak.say(said, severity="error" if worse else "information", whole=f"{said} ({steps})")

    # -- drawing

    def _redraw(self) -> None:
        for one in ("arm-head", "arm-item", "arm-past"):
            self.query_one(f"#{one}", Drawn).redraw()
        self.query_one(TableHead).redraw()
        self.table.redraw()
        self.show_crumbs()
        self.refresh_keys()

    def tick(self) -> None:
        """A second has passed, of every countdown too; a checklist that is old is judged again."""
        super().tick()
        if not self.is_mounted:
            return
        self.query_one("#arm-head", Drawn).redraw()
        if self._judged_at is not None:
            age = (self.peak.now() - self._judged_at).total_seconds()
            if age > _JUDGED_EVERY_S and self.peak.replay is None:
                self._judge()

    def _draw_head(self, width: int, height: int) -> list[Line]:
        facts = self._facts
        if facts is None:
            return [EMPTY, (Span("  reading …", Tone.UNKNOWN),)][:height]
        now, huge = self.peak.now(), height > 7  # noqa: PLR2004 - five lines of digits, one above, two below
        shown = ArmShown(facts, now, self._problem, self._checklist)
        return head_lines(shown, width, huge=huge)[:height]

    def _draw_item(self, width: int, height: int) -> list[Line]:
        return item_lines(self.table.selected, width, height) if self._checklist else []

    def _draw_past(self, width: int, height: int) -> list[Line]:
        return [] if self._facts is None else past_lines(self._facts.past, self.peak.now(), width, height)

    def on_table_moved(self) -> None:
        """Another item stands under the cursor."""
        self.query_one("#arm-item", Drawn).redraw()

    def note_line(self) -> Line:
        """How the checklist stands, and how long ago it was judged."""
        if self.peak.replay is not None:
            return EMPTY
        words = checklist_words(self._checklist)
        if self._judged_at is None:
            return words
        age = (self.peak.now() - self._judged_at).total_seconds()
        return (*words, Span(f"  judged {figures.age(age)} ago", Tone.DIM))

    def state_line(self) -> Line:
        """How old what the node said is."""
        if self._facts is None:
            return (Span("reading …", Tone.UNKNOWN),)
        fresh = self._facts.freshness
        if fresh.health(self.peak.now(), self.stale_s) is Health.UNKNOWN:
            return (Span("? the node does not answer", Tone.UNKNOWN),)
        return age_line(replace(fresh, why=""), self.peak.now(), self.stale_s, word="arming")

    # -- doing

    def action_state(self) -> ActionState:
        """With what is known of arming."""
        return replace(super().action_state(), arm=self._facts)

    def do_arm_ask(self) -> None:
        """Open the request."""
        from peak_console.tui.screens.arm_request import ArmRequest  # noqa: PLC0415 - when it is asked for

        if self._facts is not None:
            facts = replace(self._facts, refusals=live_refusals(self._facts, self._checklist))
            self.app.push_screen(ArmRequest(facts, self.peak.bar.phase or ""))

    def do_arm_token(self) -> None:
        """Open the dialogue that takes the token."""
        from peak_console.tui.screens.arm_confirm import ArmConfirm  # noqa: PLC0415 - when it is asked for

        request = None if self._facts is None else self._facts.request
        if request is not None:
            self.app.push_screen(ArmConfirm(request))

    def do_arm_approve(self) -> None:
        """Open the approval."""
        from peak_console.tui.screens.arm_approve import ArmApprove  # noqa: PLC0415 - when it is asked for

        request = None if self._facts is None else self._facts.request
        if request is not None:
            self.app.push_screen(ArmApprove(request))

    def do_arm_withdraw(self) -> None:
        """Take back what was asked for."""
        desk, request = self.peak.arm_desk(), None if self._facts is None else self._facts.request
        if desk is None or request is None:
            self.peak.say("nothing was asked for that could be taken back")
            return
        name = request.request_id
        self.proving().begin("withdraw", lambda _progress, _cancelled: desk.withdraw(name))

    def do_arm_disarm(self) -> None:
        """Disarm, in a thread of its own: nothing on the screen can hold it up."""
        desk, operator = self.peak.arm_desk(), self.peak.bar.operator or ""
        if desk is None:
            return
        self.peak.say("disarming …")
        self.proving().begin(
            "disarm", lambda _progress, _cancelled: desk.disarm("disarmed on the Arm screen", operator)
        )

    def do_copy(self) -> None:
        """Copy the checklist as it stands."""
        checklist = self._checklist
        items = () if checklist is None else checklist.items
        lines = [f"{one.state.value:8}{one.title}: {one.evidence}; {one.remedy}" for one in items]
        self.peak.copy("\n".join(lines), "checklist")

    def has_selection(self) -> bool:
        """Whether there is something to copy."""
        return self._checklist is not None
