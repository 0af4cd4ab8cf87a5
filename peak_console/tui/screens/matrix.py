"""Matrix: which model does what. Grid and text side by side, live lint; other configs in tabs."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Final

from textual.binding import BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.events import DescendantFocus
from textual.widget import Widget
from textual.widgets import TextArea

from peak_console.config.lint.finding import LintFinding
from peak_console.domain.text import one_line
from peak_console.operations.views.matrix import GridRow, MatrixFacts, MatrixGrid, Place, joined
from peak_console.operations.views.source import Source
from peak_console.tui.actions import bindings_for
from peak_console.tui.editing import EditorState
from peak_console.tui.ink import EMPTY, Line, Span, Tone
from peak_console.tui.latest import Worked
from peak_console.tui.messages import SnapshotTaken
from peak_console.tui.screens.base import PeakScreen, age_line
from peak_console.tui.screens.changing import Changing
from peak_console.tui.screens.matrix_drawing import (
    GRID_COLUMNS,
    DetailFrame,
    Tab,
    detail_lines,
    finding_columns,
    finding_lines,
    slot_findings,
)
from peak_console.tui.screens.matrix_findings import FindingMoves
from peak_console.tui.screens.matrix_following import SlotFollowing
from peak_console.tui.screens.matrix_notes import findings_head, note_of
from peak_console.tui.screens.matrix_panes import Panes
from peak_console.tui.screens.matrix_slots import SlotEdits
from peak_console.tui.screens.matrix_words import Completing
from peak_console.tui.widgets.config_tabs import ConfigTabs
from peak_console.tui.widgets.drawn import Drawn
from peak_console.tui.widgets.editor import ConfigEditor
from peak_console.tui.widgets.table import ListRows, Table, TableHead
from peak_console.tui.workdesk import MATRIX, CheckedText, Listing

_BESIDE: Final = 116
"""Columns from which grid and text stand beside each other."""
_BROAD: Final = 170
"""Columns from which both get half."""


class MatrixScreen(Panes, Changing, SlotEdits, SlotFollowing, FindingMoves, Completing, PeakScreen):
    """The workbench. It owns an :class:`EditorState` for each config that was opened."""

    NAME = "matrix"
    AUTO_FOCUS = "#grid"
    CSS_PATH = "matrix.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("matrix")]

    def __init__(self) -> None:
        super().__init__()
        self._facts: MatrixFacts | None = None
        self._grid = MatrixGrid()
        self._grid_text: CheckedText | None = None
        self._grid_rows: int | None = None

    # -- lay-out

    def body(self) -> Iterable[Widget]:
        """Tabs, a note on the draft, the grid with a slot in full, the text with its findings."""
        yield ConfigTabs()
        yield Drawn("draft-note", lambda width, height: [self.note(width)] if height else [])
        with Horizontal(id="work"):
            with Vertical(id="slots-pane"):
                yield TableHead()
                yield Table(GRID_COLUMNS, id="grid", empty="reading the matrix …")
                yield Drawn("slot", self._slot_lines)
            with Vertical(id="text-pane"):
                yield Container(id="editors")
                yield Drawn("findings-head", self._findings_head)
                yield Table(finding_columns(""), id="findings", empty="")
                yield Drawn("remedy", lambda width, height: finding_lines(self.finding, width, height))

    @property
    def grid(self) -> Table[GridRow]:
        """The slots."""
        return self.query_one("#grid", Table)

    @property
    def places(self) -> tuple[Place, ...]:
        """The slots as they stand in the text that was checked last."""
        return () if self._grid_text is None else self._grid_text.places

    @property
    def shown_rows(self) -> tuple[GridRow, ...]:
        """The grid's rows."""
        return self._grid.rows

    @property
    def findings(self) -> Table[LintFinding]:
        """The findings on the open config."""
        return self.query_one("#findings", Table)

    @property
    def finding(self) -> LintFinding | None:
        """The finding under the cursor."""
        return self.findings.selected

    @property
    def row(self) -> GridRow | None:
        """The slot under the cursor, while the matrix is open."""
        return self.grid.selected if self.open_name == MATRIX else None

    def on_mount(self) -> None:
        """Begin with the matrix."""
        super().on_mount()
        self.query_one(TableHead).line = self.grid.head
        self.begin()

    def on_unmount(self) -> None:
        """Keep what is not kept yet."""
        self.end()

    def lay_out(self) -> None:
        """Beside each other from 116 columns on; what is not the matrix has no grid."""
        super().lay_out()
        width = self.app.size.width
        self.set_class(width >= _BESIDE, "-beside")
        self.set_class(width >= _BROAD, "-broad")

    # -- what is read and shown

    def subject(self) -> Callable[[Source], Any]:
        """What configs and ledger know of the models."""
        return lambda source: source.matrix()

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        """Take new facts into the grid."""
        self._facts = message.snapshot
        self._join()
        self.show_crumbs()

    def on_worked(self, message: Worked) -> None:
        """Something was read, checked or kept."""
        message.stop()
        if isinstance(message.result, CheckedText):
            with self.app.batch_update():  # one frame for grid, findings and tabs
                self.text_checked(message.result)
        elif isinstance(message.result, Listing):
            self.listed(message.result)
        elif isinstance(message.result, EditorState):
            self.run_worker(self.opened(message.result), exclusive=False)
        else:
            self.other_work(message)

    def text_checked(self, found: CheckedText) -> None:
        """Take what lint says, and the slots of the text it was asked about."""
        state = self.states.get(found.name)
        if state is None:
            return
        state.checked, state.checked_text = found.checked, found.text
        if found.name == MATRIX:
            self._grid_text = found
            self._join()
        if found.name == self.open_name:
            self.show_findings()
        self.show_tabs()
        self.show_crumbs()

    def _join(self) -> None:
        """Put slots and facts together; the cursor stays on its slot."""
        found = self._grid_text
        if found is None:
            return
        problems: dict[int, tuple[int, int]] = {}
        for one in found.checked.findings:
            errors, warnings = problems.get(one.line, (0, 0))
            grave = one.severity == "error"
            problems[one.line] = (errors + grave, warnings + (not grave))
        before = self.grid.selected
        self._grid = joined(found.places, self._facts, problems, found.broken)
        rows = self._grid.rows
        self.grid.empty = self._why_no_rows(found)
        self.grid.show_rows(ListRows(rows))
        self._fit_grid()
        if before is not None:
            keys = [row.place.key for row in rows]
            if before.place.key in keys:
                self.grid.cursor = keys.index(before.place.key)
        self.stand_together()
        self._redraw("slot")

    def on_config_editor_refused(self) -> None:
        """Why typing does nothing."""
        state = self.state
        if state is not None and state.locked:
            self.peak.say(f"read-only: {one_line(state.locked, 200)}", severity="warning")

    def nothing_known(self, name: str) -> None:
        """A config of which there is no text: no lock stands, or a replay's moment has none on record."""
        if name == MATRIX:
            state = self.states[name]
            self._grid_text, self._grid = None, MatrixGrid()
            self.grid.empty = [(Span(one_line(state.locked, 200), Tone.DIM),)]
            self.grid.show_rows(ListRows(()))
            self._redraw("slot")

    def _fit_grid(self) -> None:
        """Where the grid stands beside the text it is as high as its rows, and the slot has what is left."""
        tall = self.has_class("-beside") and self.has_class("-tall")
        rows = max(4, min(self.grid.row_count(), self.app.size.height // 2 + 2))
        wanted = rows if tall else None
        if self._grid_rows != wanted:
            self._grid_rows = wanted
            self.grid.styles.height = wanted

    def _why_no_rows(self, found: CheckedText) -> list[Line]:
        if not found.text:
            state = self.states.get(MATRIX)
            why = state.locked if state is not None and state.locked else "there is no matrix yet"
            words = [(Span(why, Tone.DIM),), (Span("e", Tone.KEY), Span(" writes one", Tone.DIM))]
            return words[:1] if state is not None and state.locked else words
        if found.broken:
            return [(Span("✗ not TOML: ", Tone.BAD), Span(found.broken, Tone.DIM))]
        return [(Span("the text holds no layer L0 to L4", Tone.DIM),)]

    def show_findings(self) -> None:
        """The findings of the open config: in the list, in the text, in the head."""
        state, editor = self.state, self.editor
        if state is None:
            return
        table = self.findings
        table.set_columns(finding_columns(state.target.path))
        table.empty = [(Span("✓ nothing found", Tone.OK),)] if state.current else [EMPTY]
        table.show_rows(ListRows(state.findings))
        if editor is not None:
            own = [one for one in state.findings if one.file == state.target.path]
            editor.show_findings(own)
        self._redraw("findings-head", "remedy")
        self.refresh_keys()

    def _redraw(self, *ids: str) -> None:
        for one in ids:
            for drawn in self.query(f"#{one}").results(Drawn):  # none before the panes stand
                drawn.redraw()

    def show_tabs(self) -> None:
        """The line of configs, with their marks."""
        self.query_one(ConfigTabs).show([self._tab(name) for name in self.targets], self.open_name)

    def _tab(self, name: str) -> Tab:
        state = self.states.get(name)
        if state is None:
            return Tab(name, draft=name in self.stored_drafts)
        return Tab(
            name,
            draft=state.dirty and not state.locked,
            errors=state.errors,
            warnings=state.warnings,
            absent=state.base is None and not state.text,
        )

    def note(self, width: int) -> Line:
        """What is to be known of the draft."""
        return note_of(self.state, self.peak.now(), self.keeping_problem, width)

    def show_note(self) -> None:
        """Draw the note anew; without one its line is given away."""
        for note in self.query("#draft-note").results(Drawn):
            note.set_class(not self.note(80), "-nothing")
            note.redraw()

    def _slot_lines(self, width: int, height: int) -> list[Line]:
        frame = DetailFrame(self.peak.now(), width, replay=self.peak.replay is not None)
        row, found = self.row, self._grid_text
        lines = detail_lines(row, self._facts, frame)
        if row is not None and found is not None:
            lines += slot_findings(found.checked.findings, row.place, width)
        return lines[:height]

    def _findings_head(self, width: int, height: int) -> list[Line]:
        return [findings_head(self.state, width)] if height else []

    def trail(self) -> list[str]:
        """Matrix, and the config where it is another."""
        return ["Matrix", *([self.open_name] if self.open_name not in {"", MATRIX} else [])]

    def note_line(self) -> Line:
        """The file."""
        state = self.state
        return EMPTY if state is None else (Span(state.target.path, Tone.DIM),)

    def state_line(self) -> Line:
        """How many findings, and how old the ledger's figures are."""
        if self._grid.broken and self.open_name == MATRIX:
            broken: Line = (Span("✗ not TOML: grid as far as it can be read  ", Tone.BAD),)
        else:
            broken = EMPTY
        if self.peak.replay is not None:
            broken = (*broken, Span("prices and lock: of now  ", Tone.DIM))
        if self._facts is None:
            return (*broken, Span("… reading", Tone.UNKNOWN))
        return (*broken, *age_line(self._facts.freshness, self.peak.now(), self.stale_s))

    def bar_taken(self) -> None:
        """The phase or another file may have changed, and with it what lint says."""
        super().bar_taken()
        self.world_moved()

    def tick(self) -> None:
        """A second has passed: ages move on."""
        super().tick()
        self._redraw("slot")
        self.show_note()

    # -- keys

    def missing(self) -> str:
        """Why the open config cannot be edited."""
        state = self.state
        return "it is being read" if state is None else state.locked

    def has_selection(self) -> bool:
        """Whether the cursor is on a finding or a slot."""
        if not self.is_mounted:
            return False
        return (self.finding if self.focused is self.findings else self.row) is not None

    def can_go_back(self) -> bool:
        """Whether ``esc`` leads anywhere: out of the text, to the grid."""
        return self.focused is not self.grid or super().can_go_back()

    async def do_back(self) -> None:
        """Out of the text, to the grid; from another config, to the matrix."""
        if self.open_name != MATRIX and not isinstance(self.focused, ConfigEditor):
            self.open_config(MATRIX)
            self.focus_pane("grid")
        elif self.focused is not self.grid:
            self.focus_pane("grid")
        else:
            await super().do_back()

    def on_descendant_focus(self, _: DescendantFocus) -> None:
        """What a key does may depend on where the focus is."""
        self.refresh_keys()

    def on_table_moved(self, message: Table.Moved) -> None:
        """Another slot, another finding; the text follows the grid."""
        if message.table is self.grid:
            self.lead_text()
        self._redraw("slot" if message.table is self.grid else "remedy")
        self.refresh_keys()

    def on_table_opened(self, message: Table.Opened) -> None:
        """Go to where it stands in the text."""
        if message.table is self.findings:
            self.jump(message.row)
        elif isinstance(message.row, GridRow):
            self.go_to_text(message.row.place.line)

    def do_open(self) -> None:
        """Go to where the finding or the slot stands in the text."""
        (self.findings if self.focused is self.findings else self.grid).open_selected()

    def do_read(self) -> None:
        """Read again: the ledger's figures, which configs there are, what lint says."""
        super().do_read()
        self.look_again()

    def do_copy(self) -> None:
        """Copy the finding, or the whole text as it stands here."""
        state = self.state
        if self.focused is self.findings and self.finding is not None:
            one = self.finding
            self.peak.copy(f"{one.file}:{one.line}:{one.column}: {one.message} ({one.rule})", "finding")
        elif state is not None:
            self.peak.copy(state.text, one_line(state.target.name, 40).replace("/", "-"))

    def on_config_tabs_chosen(self, message: ConfigTabs.Chosen) -> None:
        """A tab was clicked."""
        self.open_config(message.name)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """The text was edited: check it and keep it, both after a pause."""
        event.stop()
        self.text_changed(event.text_area)
