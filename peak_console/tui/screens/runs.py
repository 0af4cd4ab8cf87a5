"""Runs: every run, newest first, by pages; a filter over figures and words; verifying what is shown."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from textual.binding import BindingType

from peak_console.operations.runs import RunLine
from peak_console.operations.views.run_filter import KEYS, read_run_filter
from peak_console.operations.views.runs import IndexState, RunsPage
from peak_console.operations.views.source import Source
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import Line, Span, Tone
from peak_console.tui.screens.chain_check import ChainChecking
from peak_console.tui.screens.paged import PAGE, PagedScreen
from peak_console.tui.screens.runs_drawing import RUN_COLUMNS, index_line
from peak_console.tui.widgets.table import Table


class RunsScreen(ChainChecking, PagedScreen[RunLine]):
    """The list of runs."""

    NAME = "runs"
    AUTO_FOCUS = "#runs"
    DEFAULT_CSS = "RunsScreen #runs { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("runs")]
    COLUMNS = RUN_COLUMNS
    KEYS = KEYS

    def __init__(self) -> None:
        super().__init__()
        self._index = IndexState()

    def read_page(self, source: Source, text: str, before: int | None) -> Any:
        """A page of runs."""
        return source.runs(text, before, PAGE)

    def check_filter(self, text: str, now: datetime) -> None:
        """Raise ``FilterInvalid`` for what is no filter over runs."""
        read_run_filter(text, now)

    def page_taken(self, page: RunsPage) -> None:
        """Keep how far the index reaches."""
        self._index = page.index

    def state_line(self) -> Line:
        """A verification, the index where it is not up, and what every list says."""
        chain = self.chain_line(short=self.narrow)
        index = () if chain and self.narrow else self._index_line()
        return (*chain, *index, *super().state_line())

    def _index_line(self) -> Line:
        return index_line(self._index, short=self.narrow, past=self.peak.replay is not None)

    def why_empty(self, page: RunsPage) -> Sequence[Line]:
        """Why no run is listed."""
        if page.problem:
            return [(Span(page.problem, Tone.BAD),)]
        if self._text:
            return [*self.nothing_matches(page, "run"), *self._unindexed(page)]
        if page.freshness.as_of is None and page.freshness.why:
            return [(Span(page.freshness.why, Tone.BAD),), (Span(page.freshness.remedy, Tone.DIM),)]
        if page.index.behind or not page.index.usable:
            return self._unindexed(page)
        return [
            (Span("No run was ever begun in this workspace.", Tone.DIM),),
            (Span("for example:  ", Tone.DIM), Span("peak demo", Tone.ACCENT)),
        ]

    def _unindexed(self, page: RunsPage) -> Sequence[Line]:
        """That runs may be there which the index does not have yet."""
        state = page.index
        if not state.usable:
            return [(Span(f"{state.problem}; {state.remedy}", Tone.WARN),)]
        if not state.behind:
            return []
        text = f"the index is {state.behind:,} events behind; what is newer is not found yet"
        return [(Span(text, Tone.WARN),)]

    def on_table_opened(self, message: Table.Opened) -> None:
        """A run's page."""
        from peak_console.tui.screens.run import RunScreen  # noqa: PLC0415 - loaded when it is first opened

        self.app.push_screen(RunScreen(message.row.run_id))

    def shown_range(self) -> tuple[int, int] | None:
        """From the first event of the oldest run in view to the last event of the newest."""
        table = self.table
        top = table.scroll_offset.y
        seen = [self._rows.row(at) for at in range(top, min(self._rows.count(), top + table.size.height))]
        lines = [line for line in seen if line is not None]
        if not lines:
            return None
        return min(line.seq for line in lines), max(line.last_seq for line in lines)

    def do_run_why(self) -> None:
        """The page of the run's first call, with the run's own below it."""
        from peak_console.tui.screens.run import RunScreen  # noqa: PLC0415 - loaded when it is first opened

        line: RunLine | None = self.table.selected
        if line is not None:
            self.app.push_screen(RunScreen(line.run_id, why=True))

    def do_evidence_show(self) -> None:
        """The evidence browser."""
        from peak_console.tui.screens.evidence import EvidenceScreen  # noqa: PLC0415 - likewise

        self.app.push_screen(EvidenceScreen())

    def do_copy(self) -> None:
        """Copy the line and its id."""
        line: RunLine | None = self.table.selected
        if line is not None:
            text = self.drawn_selection()
            self.peak.copy(f"{text}\n{line.run_id} #{line.seq}-#{line.last_seq}\n", line.run_id)
