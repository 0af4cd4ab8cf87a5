"""Going back, from the incident panel: the last known good matrix or the previous lock, with what differs.

Choosing changes nothing: the workbench's own dialogue follows, which asks for reason and word.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar, Final

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widget import Widget

from peak_console.config.editing.targets import target_named
from peak_console.domain.errors import PeakError
from peak_console.domain.text import one_line
from peak_console.operations.views.bench import Bench
from peak_console.operations.views.lock_bench import LockBench
from peak_console.tui import figures
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import EMPTY, Line, Span, Tone, fit, rule
from peak_console.tui.long_work import LongWork, WorkDone
from peak_console.tui.screens.base import PeakModal
from peak_console.tui.screens.diff_drawing import counted, diff_lines
from peak_console.tui.screens.save import Proposal, SaveDialog
from peak_console.tui.widgets.document import Document
from peak_console.tui.widgets.lines import Lines
from peak_console.tui.widgets.table import Column, ListRows, Table

_MATRIX: Final = "matrix"
_LOCK: Final = "lock"


@dataclass(frozen=True, slots=True)
class WayBack:
    """Something to go back to: what it is, its text and the difference; or why there is none."""

    name: str
    what: str
    note: str
    proposal: Proposal | None = None
    diff: str = ""
    problem: str = ""


def ways_back(bench: Bench, lock: LockBench | None, now: datetime) -> tuple[WayBack, ...]:
    """What there is to go back to; never raises for what a workspace can come to."""
    return (_matrix(bench, now), _lock(lock, now))


def _matrix(bench: Bench, now: datetime) -> WayBack:
    what = "last known good matrix"
    try:
        target = target_named(_MATRIX)
        standing = bench.standing(target)
        good = next((one for one in bench.history(target, now) if one.known_good), None)
        if good is None:
            why = "none was in force long enough without an incident or a stop"
            return WayBack(_MATRIX, what, "", problem=why)
        if good.digest == standing.digest:
            return WayBack(_MATRIX, what, "", problem="it is in force: the matrix on disk is known good")
        text = bench.version_text(target, good.digest)
        since = f"since {figures.day_and_clock(good.since, now)}"
        return _way(bench, now, WayBack(_MATRIX, what, since), Proposal(target, text, None, good.digest))
    except (PeakError, OSError) as error:
        return WayBack(_MATRIX, what, "", problem=_said(error))


def _lock(bench: LockBench | None, now: datetime) -> WayBack:
    what = "previous lock"
    if bench is None:
        return WayBack(_LOCK, what, "", problem="no workspace is open")
    try:
        digest, text = bench.previous()
        return _way(bench, now, WayBack(_LOCK, what, ""), Proposal(target_named(_LOCK), text, None, digest))
    except (PeakError, OSError) as error:
        return WayBack(_LOCK, what, "", problem=_said(error))


def _way(bench: Bench, now: datetime, way: WayBack, proposal: Proposal) -> WayBack:
    """``way`` with what it would change."""
    seen = bench.preview(proposal.target, proposal.text, now)
    came, gone = counted(seen.diff)
    note = "  ".join(part for part in (seen.new[:12], way.note, f"+{came} -{gone} lines") if part)
    return replace(way, note=note, proposal=replace(proposal, base=seen.base), diff=seen.diff)


def _said(error: Exception) -> str:
    if isinstance(error, PeakError):
        return f"{error.message}; {error.remedy}" if error.remedy else error.message
    return str(error)


def _what(one: WayBack) -> Span:
    return Span(one.what, Tone.STRONG if one.proposal else Tone.DIM)


def _note(one: WayBack) -> Span:
    return Span(one_line(one.problem or one.note, 200), Tone.DIM)


class RollbackChooser(PeakModal):
    """The ways back, and what the one under the cursor would change. ``esc`` leaves all as it is."""

    NAME = "picker"
    AUTO_FOCUS = "#ways"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings_for("picker"),
        Binding("enter", "take", "take", show=False),
    ]
    DEFAULT_CSS = """
    RollbackChooser .panel { width: 100%; max-width: 116; height: 100%; border: round $ink-warn; }
    RollbackChooser #ways { height: 2; margin-bottom: 1; }
    RollbackChooser #way-diff { height: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._ways: tuple[WayBack, ...] = ()
        self._work: LongWork | None = None
        self._lock: LockBench | None = None

    def panel(self) -> Iterable[Widget]:
        """The ways, the difference, what the keys do."""
        framed = Vertical(
            Table((Column("", 23, _what), Column("", 30, _note, flex=1)), id="ways"),
            Document(id="way-diff"),
            Lines(
                [(Span("↑ ↓ choose   tab to the difference   ↵ goes on to confirm   esc leaves", Tone.DIM),)]
            ),
            classes="panel",
        )
        framed.border_title = "roll back"
        yield framed

    @property
    def _list(self) -> Table[WayBack]:
        return self.query_one("#ways", Table)

    def on_mount(self) -> None:
        """Look what there is."""
        self._list.always_cursor = True
        self._list.empty = [(Span("looking what is known good …", Tone.DIM),)]
        bench, workspace, now = self.peak.bench(), self.peak.opening.workspace, self.peak.now()
        if bench is None:
            self._list.empty = [(Span("no workspace is open", Tone.DIM),)]
            return
        self._lock = lock = None if workspace is None else LockBench(workspace)
        self.long_work().begin("ways", lambda _progress, _cancelled: ways_back(bench, lock, now))

    def long_work(self) -> LongWork:
        """What looks."""
        if self._work is None:
            self._work = LongWork(self)
        return self._work

    def on_work_done(self, message: WorkDone) -> None:
        """Show the ways."""
        self._ways = message.result or ()
        self._list.show_rows(ListRows(self._ways))
        self._show()

    def on_table_moved(self, message: Table.Moved) -> None:
        """Another way: its difference."""
        message.stop()
        self._show()

    def _show(self) -> None:
        one = self._list.selected
        self.query_one("#way-diff", Document).show_lines(lambda width: _drawn(one, width), top=True)

    def action_take(self) -> None:
        """On to the dialogue that confirms."""
        one = self._list.selected
        if one is None or one.proposal is None:
            self.peak.say(
                one.problem if one is not None else "there is nothing to go back to", severity="warning"
            )
            return
        self.dismiss()
        self.app.push_screen(SaveDialog(one.proposal, bench=self._lock if one.name == _LOCK else None))

    def on_table_opened(self, event: Table.Opened) -> None:
        """A double click goes on too."""
        event.stop()
        self.action_take()


def _drawn(one: WayBack | None, width: int) -> list[Line]:
    if one is None:
        return [EMPTY]
    head = rule((Span(f"{one.name}: now and then", Tone.DIM),), width)
    if one.proposal is None:
        return [head, fit((Span(f"nothing to go back to: {one_line(one.problem, 300)}", Tone.WARN),), width)]
    return [head, *(diff_lines(one.diff, width) if one.diff else [(Span("the same text", Tone.DIM),)])]
