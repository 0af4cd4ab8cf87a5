"""Calls: every call, newest first, by pages; a filter; following the newest."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from peak_console.operations.views.call_filter import KEYS, read_call_filter
from peak_console.operations.views.calls import CallLine, CallsPage
from peak_console.operations.views.freshness import NEVER, Freshness
from peak_console.operations.views.source import Source
from peak_console.operations.views.terms import FilterInvalid
from peak_console.tui import figures as fig
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import Line, Span, Tone
from peak_console.tui.messages import AnswerTaken, SnapshotTaken
from peak_console.tui.screens.base import PeakScreen, age_line
from peak_console.tui.screens.live_drawing import CALL_COLUMNS
from peak_console.tui.widgets.table import PagedRows, Table, TableHead

PAGE = 200
"""Rows asked for at a time."""


class CallsScreen(PeakScreen):
    """The list of calls. With the cursor on the newest line it follows; moving down holds it."""

    NAME = "calls"
    CSS_PATH = "calls.tcss"
    AUTO_FOCUS = "#calls"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("calls")]

    def __init__(self) -> None:
        super().__init__()
        self._text = ""
        self._rows: PagedRows[CallLine] = PagedRows(self._fetch)
        self._freshness: Freshness = NEVER
        self._generation = 0
        self._head = 0
        self._top_seq = 0
        self._scanned = 0
        self.following = True

    def body(self) -> Iterable[Widget]:
        """The list and its head."""
        yield TableHead()
        yield Table(CALL_COLUMNS, id="calls")

    @property
    def table(self) -> Table[Any]:
        """The list."""
        return self.query_one("#calls", Table)

    def on_mount(self) -> None:
        """Say that nothing has been read yet."""
        super().on_mount()
        self.table.empty = [(Span("reading the ledger …", Tone.DIM),)]
        self.query_one(TableHead).line = self.table.head

    def subject(self) -> Callable[[Source], Any]:
        """The newest page under the filter."""
        text = self._text
        return lambda source: (text, source.calls(text, None, PAGE))

    def trail(self) -> list[str]:
        """Where one came from, and here."""
        return [*([self.came_from.capitalize()] if self.came_from else []), "Calls"]

    def note_line(self) -> Line:
        """The filter."""
        if not self._text:
            return (Span("all", Tone.DIM), Span("   / filters", Tone.FAINT))
        return (Span("/ ", Tone.KEY), Span(self._text, Tone.ACCENT))

    def state_line(self) -> Line:
        """Whether the list follows, and how old it is."""
        behind = self._head - self._top_seq
        held = (Span("held", Tone.WARN), Span(f" · {fig.count(behind)} newer events · f follows  ", Tone.DIM))
        state = (Span("following  ", Tone.OK),) if self.following else held
        return (*state, *age_line(self._freshness, self.peak.now(), self.stale_s))

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        """The newest page was read."""
        text, page = message.snapshot
        if text != self._text:
            return
        self._freshness, self._head = page.freshness, page.head_seq
        if self.following and not self.paused:
            self._take_newest(page)
        self.show_crumbs()
        self.refresh_keys()

    def _take_newest(self, page: CallsPage) -> None:
        """Begin the list anew with the newest page, unless nothing has changed."""
        newest = page.lines[0].seq if page.lines else 0
        if newest == self._top_seq and self._rows.count() >= len(page.lines) and page.lines:
            self._top_seq = newest
            return
        self._generation += 1
        self._rows = PagedRows(self._fetch)
        self._rows.put(0, page.lines, page.next_before)
        self._top_seq, self._scanned = newest, page.scanned_to
        self.table.empty = self._why_empty(page)
        self.table.show_rows(self._rows)

    def _fetch(self, page: int, before: int | None) -> None:
        text, generation = self._text, self._generation
        self.peak.feed.ask(self, f"page {generation} {page}", lambda source: source.calls(text, before, PAGE))

    def on_answer_taken(self, message: AnswerTaken) -> None:
        """A page that was scrolled to."""
        _, generation, number = message.topic.split()
        page: CallsPage = message.answer
        if int(generation) != self._generation:
            return
        self._rows.put(int(number), page.lines, page.next_before)
        self.table.redraw()

    def _why_empty(self, page: CallsPage) -> Sequence[Line]:
        if page.problem:
            return [(Span(page.problem, Tone.BAD),)]
        if self._text and page.next_before is not None:
            looked = (
                f"no call matches / {self._text} back to event #{page.scanned_to:,}; end (G) looks further"
            )
            return [(Span(looked, Tone.DIM),)]
        if self._text:
            return [
                (Span("no call matches  / ", Tone.DIM), Span(self._text, Tone.ACCENT)),
                (Span("esc", Tone.KEY), Span(" clears the filter", Tone.DIM)),
            ]
        if page.freshness.as_of is None and page.freshness.why:
            return [(Span(page.freshness.why, Tone.BAD),), (Span(page.freshness.remedy, Tone.DIM),)]
        return [
            (Span("No call has ever been made in this workspace.", Tone.DIM),),
            (Span("for example:  ", Tone.DIM), Span("peak call L0 primary --prompt hello", Tone.ACCENT)),
        ]

    def on_table_moved(self, message: Table.Moved) -> None:
        """Away from the newest line the list is held; back on it, it follows."""
        following = message.index == 0
        if following != self.following:
            self.following = following
            if following:
                self.peak.feed.poke()
            self.show_crumbs()

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

    def do_open(self) -> None:
        """Open the call under the cursor."""
        self.table.open_selected()

    def do_follow(self) -> None:
        """Go to the newest line."""
        self.paused = False
        self.table.cursor = 0
        self.following = True
        self.peak.feed.poke()
        self.show_crumbs()

    def filter_keys(self) -> Sequence[str]:
        """The keys of calls."""
        return KEYS

    def filter_text(self) -> str:
        """The filter that stands."""
        return self._text

    def set_filter(self, text: str) -> str:
        """Filter the list."""
        try:
            read_call_filter(text, self.peak.now())
        except FilterInvalid as error:
            return f"{error.message}; {error.remedy}"
        if text == self._text:
            return ""
        self._text, self.following, self.paused = text, True, False
        self._top_seq, self._generation = -1, self._generation + 1
        self._rows = PagedRows(self._fetch)
        self.table.cursor = 0
        self.table.empty = [(Span("looking …", Tone.DIM),)]
        self.table.show_rows(self._rows)
        self.peak.feed.watch(self, self.subject())
        self.show_crumbs()
        return ""

    def has_selection(self) -> bool:
        """Whether a call is under the cursor."""
        return self.table.selected is not None if self.is_mounted else False

    def do_copy(self) -> None:
        """Copy the line and its ids."""
        line: CallLine | None = self.table.selected
        if line is not None:
            drawn, _ = self.table.draw_row(self.table.cursor, self.table.inner_width)
            text = "".join(span.text for span in drawn).strip()
            self.peak.copy(f"{text}\n{line.call_id} {line.run_id} #{line.seq}\n", line.call_id)
