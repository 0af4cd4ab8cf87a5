"""History: every version of a config, what was in force when, how two differ, and the way back."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from textual.binding import BindingType
from textual.widget import Widget

from peak_console.config.editing.targets import WRITTEN_APART, Target
from peak_console.domain.errors import PeakError, UsageWrong
from peak_console.domain.text import one_line
from peak_console.operations.views.bench import Bench
from peak_console.operations.views.lock_against import LockAgainst, against_lock
from peak_console.operations.views.matrix_facts import level_of
from peak_console.operations.workbench.shapes import Saved, Version
from peak_console.tui import figures
from peak_console.tui.actions import bindings_for
from peak_console.tui.editing import EditorState
from peak_console.tui.ink import EMPTY, Line, Span, Tone, fit
from peak_console.tui.long_work import LongWork, WorkDone
from peak_console.tui.screens.base import PeakScreen
from peak_console.tui.screens.history_comparing import (
    Against,
    Compared,
    HistoryRead,
    Sides,
    as_of,
    compared,
    difference_lines,
    other_of,
)
from peak_console.tui.screens.history_drawing import (
    compared_line,
    moment_in,
    no_versions,
    stamp,
    troubles,
    version_columns,
)
from peak_console.tui.screens.save import Proposal, SaveDialog
from peak_console.tui.screens.working import Working
from peak_console.tui.widgets.document import Document
from peak_console.tui.widgets.lines import Lines
from peak_console.tui.widgets.table import ListRows, Table, TableHead
from peak_console.tui.workdesk import MATRIX

if TYPE_CHECKING:
    from datetime import datetime


class OwnChanges(Protocol):
    """Who shows the config and is told what is put in its place from here, before and after."""

    def own_change(self, name: str, digest: str) -> None:
        """That version is about to be put in place."""

    def own_done(self, saved: Saved) -> None:
        """It was."""


@dataclass(slots=True)
class _Chosen:
    """What stands on the screen."""

    against: Against = Against.BEFORE
    marked: Version | None = None
    compared: Compared | None = None
    asked: int = 0
    read: HistoryRead = field(default_factory=lambda: HistoryRead((), None))


class HistoryScreen(Working, PeakScreen):
    """The versions of one config, newest first, over the difference of two."""

    NAME = "history"
    AUTO_FOCUS = "#history"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("history")]
    DEFAULT_CSS = """
    HistoryScreen #history { height: 2fr; min-height: 4; }
    HistoryScreen #history-compared { height: 1; }
    HistoryScreen #history-diff { height: 3fr; }
    """

    def __init__(
        self, target: Target, state: EditorState | None = None, changes: OwnChanges | None = None
    ) -> None:
        super().__init__()
        self.target, self._state, self._changes = target, state, changes
        self._chosen = _Chosen()
        self._problem = ""
        self._read_at: datetime | None = None
        self._comparing: LongWork | None = None

    def body(self) -> Iterable[Widget]:
        """The list, and the difference."""
        yield TableHead()
        yield Table(version_columns(self._is_marked), id="history")
        yield Lines([EMPTY], id="history-compared")
        yield Document(id="history-diff")

    def _is_marked(self, one: Version) -> bool:
        return one == self._chosen.marked

    @property
    def table(self) -> Table[Any]:
        """The list."""
        return self.query_one("#history", Table)

    @property
    def cursor(self) -> Version | None:
        """The version under the cursor."""
        return self.table.selected if self.is_mounted else None

    def proving(self) -> LongWork:
        """What compares two texts."""
        if self._comparing is None:
            self._comparing = LongWork(self)
        return self._comparing

    def on_mount(self) -> None:
        """Begin to read."""
        super().on_mount()
        self.table.empty = [(Span("reading the ledger …", Tone.DIM),)]
        self.query_one(TableHead).line = self.table.head
        self.do_read()

    def on_unmount(self) -> None:
        """Nobody waits any more."""
        for work in (self._work, self._comparing):
            if work is not None:
                work.cancel()

    # -- the frame

    def trail(self) -> list[str]:
        """Matrix, the config, here."""
        return ["Matrix", one_line(self.target.name, 40), "History"]

    def note_line(self) -> Line:
        """How many versions, and what is marked."""
        marked = self._chosen.marked
        count = len(self._chosen.read.versions)
        note: Line = (Span(f"{count:,} version{'' if count == 1 else 's'}", Tone.DIM),) if count else EMPTY
        if marked:
            return (*note, Span(f"   ◆ {marked.digest[:8]} marked", Tone.ACCENT))
        one = self.cursor
        return (*note, Span("   "), Span(troubles(one), Tone.WARN)) if one and one.incidents else note

    def state_line(self) -> Line:
        """How old the list is."""
        if self._read_at is None:
            return (Span("reading …", Tone.UNKNOWN),)
        age = (self.peak.now() - self._read_at).total_seconds()
        return (Span(f"read {figures.age(age)} ago", Tone.DIM),)

    def has_selection(self) -> bool:
        """Whether a version is under the cursor."""
        return self.cursor is not None

    def missing(self) -> str:
        """Why the version under the cursor cannot be put back."""
        if self.target.kind in WRITTEN_APART:
            return "the lock is signed as a whole: peak lock rollback"
        one = self.cursor
        if one is None:
            return ""
        if one.digest == self._chosen.read.disk:
            return "this version is on disk already"
        return (
            "" if one.kept else f"no copy of {one.digest[:12]} is kept; restore audits/versions from a backup"
        )

    # -- reading

    def do_read(self) -> None:
        """Read the versions again."""
        bench, target, now = self.peak.bench(), self.target, self.peak.now()
        if bench is None:
            self._problem = "no workspace is open"
            self._show_list()
            return
        self.long_work().begin(
            "history",
            lambda _progress, _cancelled: HistoryRead(
                as_of(bench.history(target, now), now), bench.standing(target).digest
            ),
        )

    def on_work_done(self, message: WorkDone) -> None:
        """Versions or a difference came."""
        if message.topic == "history":
            self._problem = ": ".join(part for part in (message.problem, message.remedy) if part)
            if isinstance(message.result, HistoryRead):
                self._chosen.read, self._read_at = message.result, self.peak.now()
            self._show_list()
            self.compare()
        elif message.topic == f"compare {self._chosen.asked}" and isinstance(message.result, Compared):
            self._chosen.compared = message.result
            self._show_difference(top=True)

    def _show_list(self) -> None:
        self.table.empty = no_versions(one_line(self.target.name, 40), self._problem)
        self.table.show_rows(ListRows(self._chosen.read.versions))
        self.show_crumbs()
        self.refresh_keys()

    # -- comparing

    def compare(self) -> None:
        """Compare the version under the cursor with the other side, in a thread."""
        one, bench = self.cursor, self.peak.bench()
        self._chosen.asked += 1
        if one is None or bench is None:
            self._chosen.compared = None
            self._show_difference()
            return
        job = self._comparison(one, bench)
        self.proving().begin(f"compare {self._chosen.asked}", lambda _progress, _cancelled: job())

    def _comparison(self, one: Version, bench: Bench) -> Callable[[], Compared]:
        chosen, workspace, now = self._chosen, self.peak.opening.workspace, self.peak.now()
        level = level_of(self.peak.bar.phase or "")
        sides = Sides(self.target, one, self._other(one), chosen.against, self._state)

        def locked(text: str) -> LockAgainst | None:
            return None if workspace is None else against_lock(workspace, text, level, now)

        return lambda: compared(bench, sides, locked)

    def _other(self, one: Version) -> Version | None:
        """The version on the other side, where the other side is one."""
        return (
            self._chosen.marked
            if self._chosen.against is Against.MARKED
            else (other_of(one, self._chosen.against, self._chosen.read.versions))
        )

    def _show_difference(self, *, top: bool = False) -> None:
        found = self._chosen.compared
        head = self.query_one("#history-compared", Lines)
        body = self.query_one("#history-diff", Document)
        if found is None:
            head.show_lines([EMPTY])
            body.show_lines(lambda _: [])
            return
        width = max(40, self.app.size.width - 1)
        head.show_lines([fit(compared_line(found.left, found.right, found.diff, width), width)])
        body.show_lines(lambda cells: difference_lines(found, cells), top=top)

    def on_resize(self) -> None:
        """Draw the head for the new width."""
        super().on_resize()
        if self.is_mounted:
            self._show_difference()

    def on_table_moved(self, message: Table.Moved) -> None:
        """Another version: another difference."""
        message.stop()
        self.compare()
        self.show_crumbs()
        self.refresh_keys()

    def do_history_mark(self) -> None:
        """Mark the version under the cursor, to compare others with; again, and it is not."""
        one = self.cursor
        if one is None:
            return
        chosen = self._chosen
        chosen.marked = None if chosen.marked == one else one
        chosen.against = Against.MARKED if chosen.marked else Against.BEFORE
        self.table.redraw()
        self.show_crumbs()
        self.compare()

    def do_history_against(self) -> None:
        """The next side to compare with, of those there are."""
        sides = [
            one
            for one in Against
            if (one is not Against.MARKED or self._chosen.marked)
            and (one is not Against.DRAFT or (self._state is not None and self._state.dirty))
            and (one is not Against.LOCK or self.target.name == MATRIX)
        ]
        here = sides.index(self._chosen.against) if self._chosen.against in sides else -1
        self._chosen.against = sides[(here + 1) % len(sides)]
        self.peak.say(f"compared with {self._chosen.against.value}")
        self.compare()

    async def do_history_at(self, text: str = "") -> None:
        """Go to the version that was in force at a moment."""
        if not text:
            await self.open_command("at ", "a moment, UTC: 03:12, -90m, 2026-11-22, 2026-11-22T03:12Z")
            return
        from peak_console.operations.workbench.timeline import in_force_at  # noqa: PLC0415 - seldom

        try:
            moment = moment_in(text, self.peak.now())
        except UsageWrong as error:
            self.peak.say(f"{error.message}; {error.remedy}", severity="warning")
            return
        versions = self._chosen.read.versions
        found = in_force_at(versions, moment)
        if found is None:
            self.peak.say(f"nothing is known to have been in force at {stamp(moment)}", severity="warning")
            return
        self.table.cursor = versions.index(found)
        self.peak.say(f"{found.digest[:12]} was in force at {stamp(moment)}")

    # -- a version

    def on_table_opened(self, message: Table.Opened) -> None:
        """The version's text."""
        from peak_console.tui.screens.version import VersionScreen  # noqa: PLC0415 - loaded when first opened

        self.app.push_screen(VersionScreen(self.target, message.row))

    def do_open(self) -> None:
        """Open the version under the cursor."""
        self.table.open_selected()

    def do_history_rollback(self) -> None:
        """Put the version under the cursor back: by the same dialogue as a save."""
        one, bench = self.cursor, self.peak.bench()
        if one is None or bench is None:
            return
        disk = self._chosen.read.disk
        try:
            text = bench.version_text(self.target, one.digest)
        except PeakError as error:
            self.peak.say(f"{error.message}; {error.remedy}", severity="error")
            return
        proposal = Proposal(self.target, text, disk, one.digest)
        if self._changes is not None:
            self._changes.own_change(self.target.name, one.digest)
        self.app.push_screen(SaveDialog(proposal, saved=self._rolled_back))

    def _rolled_back(self, saved: Saved) -> None:
        self.do_read()
        if self._changes is not None:
            self._changes.own_done(saved)
        self.peak.say(f"rolled back to {saved.new[:8]}, #{saved.seq:,}; the next call uses it", timeout=8)

    def do_copy(self) -> None:
        """Copy the difference that is shown."""
        found = self._chosen.compared
        if found is not None:
            self.peak.copy(found.diff or found.problem, f"{self.target.name}-diff")
