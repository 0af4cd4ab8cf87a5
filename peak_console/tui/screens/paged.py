"""A list by pages, newest first: it follows the newest line, is held away from it, and takes a filter."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from textual.widget import Widget

from peak_console.operations.views.freshness import NEVER, Freshness
from peak_console.operations.views.source import Source
from peak_console.operations.views.terms import FilterInvalid
from peak_console.tui import figures as fig
from peak_console.tui.ink import Line, Span, Tone
from peak_console.tui.messages import AnswerTaken, SnapshotTaken
from peak_console.tui.screens.base import PeakScreen, age_line
from peak_console.tui.widgets.table import Column, PagedRows, Table, TableHead

PAGE = 200
"""Rows asked for at a time."""
_WIDE_LINE = 110
"""Cells from which the second line has room for whole words."""


class Keyed(Protocol):
    """A line of a list, known by the place that lists go on from."""

    @property
    def seq(self) -> int:
        """Its place."""
        ...


LineT = TypeVar("LineT", bound=Keyed)


class PagedScreen(PeakScreen, Generic[LineT]):
    """A list. With the cursor on the newest line it follows; moving down holds it."""

    COLUMNS: ClassVar[Sequence[Column[Any]]] = ()
    KEYS: ClassVar[Sequence[str]] = ()

    def __init__(self) -> None:
        super().__init__()
        self._text = ""
        self._rows: PagedRows[LineT] = PagedRows(self._fetch)
        self._freshness: Freshness = NEVER
        self._generation = 0
        self._head = 0
        self._first: tuple[LineT, ...] = ()
        """The first page as it is shown; rows are not asked for it, as that reads further pages."""
        self._top_seq = 0
        self.following = True

    # -- what a list is of

    def read_page(self, source: Source, text: str, before: int | None) -> Any:
        """A page from the source."""
        raise NotImplementedError

    def check_filter(self, text: str, now: datetime) -> None:
        """Raise ``FilterInvalid`` for a filter that cannot be read."""
        raise NotImplementedError

    def why_empty(self, page: Any) -> Sequence[Line]:
        """Why there is nothing to list."""
        raise NotImplementedError

    def page_taken(self, page: Any) -> None:
        """The newest page was read, whether it is shown or not."""

    # -- the list

    def body(self) -> Iterable[Widget]:
        """The list and its head."""
        yield TableHead()
        yield Table(self.COLUMNS, id=self.NAME)

    @property
    def table(self) -> Table[Any]:
        """The list."""
        return self.query_one(f"#{self.NAME}", Table)

    def on_mount(self) -> None:
        """Say that nothing has been read yet."""
        super().on_mount()
        self.table.empty = [(Span("reading the ledger …", Tone.DIM),)]
        self.query_one(TableHead).line = self.table.head

    def subject(self) -> Callable[[Source], Any]:
        """The newest page under the filter."""
        text = self._text
        return lambda source: (text, self.read_page(source, text, None))

    def trail(self) -> list[str]:
        """Where one came from, and here."""
        return [*([self.came_from.capitalize()] if self.came_from else []), self.NAME.capitalize()]

    def note_line(self) -> Line:
        """The filter."""
        if not self._text:
            return (Span("all", Tone.DIM), Span("   / filters", Tone.FAINT))
        return (Span("/ ", Tone.KEY), Span(self._text, Tone.ACCENT))

    def state_line(self) -> Line:
        """Whether the list follows, and how old it is."""
        behind = fig.count(self._head - self._top_seq)
        more = f" · {behind} newer  " if self.narrow else f" · {behind} newer events · f follows  "
        held = (Span("held", Tone.WARN), Span(more, Tone.DIM))
        state = (Span("following  ", Tone.OK),) if self.following else held
        return (*state, *age_line(self._freshness, self.peak.now(), self.stale_s))

    @property
    def narrow(self) -> bool:
        """Whether the second line has room for short words only."""
        return self.app.size.width < _WIDE_LINE

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        """The newest page was read. Away from the newest line nothing moves: the cursor keeps its line."""
        text, page = message.snapshot
        if text != self._text:
            return
        self._freshness, self._head = page.freshness, page.head_seq
        self.page_taken(page)
        if self.following and not self.paused and not self.table.cursor:
            self._take_newest(page)
        self.show_crumbs()
        self.refresh_keys()

    def _take_newest(self, page: Any) -> None:
        """Begin the list anew with the newest page, unless nothing has changed."""
        newest = page.lines[0] if page.lines else None
        if newest is not None and tuple(page.lines) == self._first:
            return
        self._generation += 1
        self._rows = PagedRows(self._fetch)
        self._rows.put(0, page.lines, page.next_before)
        self._first, self._top_seq = tuple(page.lines), newest.seq if newest is not None else 0
        self.table.empty = self.why_empty(page)
        self.table.show_rows(self._rows)

    def _fetch(self, page: int, before: int | None) -> None:
        text, generation = self._text, self._generation
        self.peak.feed.ask(
            self, f"page {generation} {page}", lambda source: self.read_page(source, text, before)
        )

    def on_answer_taken(self, message: AnswerTaken) -> None:
        """A page that was scrolled to."""
        _, generation, number = message.topic.split()
        page = message.answer
        if int(generation) != self._generation:
            return
        self._rows.put(int(number), page.lines, page.next_before)
        self.table.redraw()

    def nothing_matches(self, page: Any, what: str) -> Sequence[Line]:
        """That a filter lets nothing through, and how far it looked."""
        if page.next_before is not None:
            looked = (
                f"no {what} matches / {self._text} back to event #{page.scanned_to:,}; end (G) looks further"
            )
            return [(Span(looked, Tone.DIM),)]
        return [
            (Span(f"no {what} matches  / ", Tone.DIM), Span(self._text, Tone.ACCENT)),
            (Span("esc", Tone.KEY), Span(" clears the filter", Tone.DIM)),
        ]

    def on_table_moved(self, message: Table.Moved) -> None:
        """Away from the newest line the list is held; back on it, it follows."""
        following = message.index == 0
        if following != self.following:
            self.following = following
            if following:
                self.peak.feed.poke()
            self.show_crumbs()

    def do_open(self) -> None:
        """Open what the cursor is on."""
        self.table.open_selected()

    def do_follow(self) -> None:
        """Go to the newest line."""
        self.paused = False
        self.table.cursor = 0
        self.following = True
        self.peak.feed.poke()
        self.show_crumbs()

    def filter_keys(self) -> Sequence[str]:
        """The keys of this list's filter."""
        return self.KEYS

    def filter_text(self) -> str:
        """The filter that stands."""
        return self._text

    def set_filter(self, text: str) -> str:
        """Filter the list."""
        try:
            self.check_filter(text, self.peak.now())
        except FilterInvalid as error:
            return f"{error.message}; {error.remedy}"
        if text == self._text:
            return ""
        self._text, self.following, self.paused = text, True, False
        self._first, self._top_seq, self._generation = (), -1, self._generation + 1
        self._rows = PagedRows(self._fetch)
        self.table.cursor = 0
        self.table.empty = [(Span("looking …", Tone.DIM),)]
        self.table.show_rows(self._rows)
        self.peak.feed.watch(self, self.subject())
        self.show_crumbs()
        return ""

    def has_selection(self) -> bool:
        """Whether a line is under the cursor."""
        return self.table.selected is not None if self.is_mounted else False

    def drawn_selection(self) -> str:
        """The line under the cursor as it stands on the screen."""
        drawn, _ = self.table.draw_row(self.table.cursor, self.table.inner_width)
        return "".join(span.text for span in drawn).strip()
