"""Calls: every call, newest first, by pages; a filter; following the newest."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from textual.binding import BindingType

from peak_console.operations.views.call_filter import KEYS, read_call_filter
from peak_console.operations.views.calls import CallLine, CallsPage
from peak_console.operations.views.source import Source
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import Line, Span, Tone
from peak_console.tui.screens.live_drawing import CALL_COLUMNS
from peak_console.tui.screens.paged import PAGE, PagedScreen
from peak_console.tui.widgets.table import Table


class CallsScreen(PagedScreen[CallLine]):
    """The list of calls."""

    NAME = "calls"
    CSS_PATH = "calls.tcss"
    AUTO_FOCUS = "#calls"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("calls")]
    COLUMNS = CALL_COLUMNS
    KEYS = KEYS

    def read_page(self, source: Source, text: str, before: int | None) -> Any:
        """A page of calls."""
        return source.calls(text, before, PAGE)

    def check_filter(self, text: str, now: datetime) -> None:
        """Raise ``FilterInvalid`` for what is no filter over calls."""
        read_call_filter(text, now)

    def why_empty(self, page: CallsPage) -> Sequence[Line]:
        """Why no call is listed."""
        if page.problem:
            return [(Span(page.problem, Tone.BAD),)]
        if self._text:
            return self.nothing_matches(page, "call")
        if page.freshness.as_of is None and page.freshness.why:
            return [(Span(page.freshness.why, Tone.BAD),), (Span(page.freshness.remedy, Tone.DIM),)]
        if self.peak.replay is not None:
            return [(Span("no call up to this moment", Tone.DIM),)]
        return [
            (Span("No call has ever been made in this workspace.", Tone.DIM),),
            (Span("for example:  ", Tone.DIM), Span("peak call L0 primary --prompt hello", Tone.ACCENT)),
        ]

    def on_table_opened(self, message: Table.Opened) -> None:
        """A call's page."""
        from peak_console.tui.screens.call import CallScreen  # noqa: PLC0415 - loaded when it is first opened

        self.app.push_screen(CallScreen(message.row.call_id, neighbours=self.neighbour))

    def neighbour(self, by: int) -> str | None:
        """Move the cursor to the next line of another call, ``by`` steps down or up; its call id."""
        here = self.table.selected
        index = self.table.cursor
        while here is not None:
            index += by
            line = self._rows.row(index) if 0 <= index < self._rows.count() else None
            if line is None:
                return None
            if line.call_id != here.call_id:
                self.table.cursor = index
                return line.call_id
        return None

    def do_copy(self) -> None:
        """Copy the line and its ids."""
        line: CallLine | None = self.table.selected
        if line is not None:
            text = self.drawn_selection()
            self.peak.copy(f"{text}\n{line.call_id} {line.run_id} #{line.seq}\n", line.call_id)
