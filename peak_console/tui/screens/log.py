"""Log: the program's own log and what this console has said, newest first. Its twin is ``peak logs``."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from textual.binding import BindingType
from textual.widget import Widget

from peak_console.domain.clock import iso
from peak_console.domain.text import one_line
from peak_console.operations.views.log import LogLine, LogPage
from peak_console.operations.views.log_filter import KEYS, LogFilter, read_log_filter
from peak_console.operations.views.source import Source
from peak_console.operations.views.terms import FilterInvalid
from peak_console.tui import figures as fig
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import EMPTY, Line, Span, Tone
from peak_console.tui.messages import SnapshotTaken
from peak_console.tui.screens.base import PeakScreen, age_line
from peak_console.tui.widgets.document import Document, wrapped
from peak_console.tui.widgets.table import Column, ListRows, Table, TableHead

_LEVELS: Final = {
    "debug": ("·", Tone.FAINT),
    "info": ("·", Tone.DIM),
    "warning": ("▲", Tone.WARN),
    "error": ("✗", Tone.BAD),
    "critical": ("✗", Tone.BAD),
    "unreadable": ("?", Tone.UNKNOWN),
}
_LIMIT: Final = 1000


def _level(line: LogLine) -> Span:
    sign, tone = _LEVELS.get(line.level, ("?", Tone.UNKNOWN))
    word = "no JSON" if line.level == "unreadable" else one_line(line.level, 8)
    return Span(f"{sign} {word}", tone)


_FIRST: Final = ("layer", "role", "provider", "model_id", "outcome", "reason")
"""Fields whose value says by itself what it is."""
_LAST: Final = frozenset({"seq", "event_id", "run_id", "call_id", "actor", "request_hash", *_FIRST})
"""Fields that a row tells otherwise, or leaves to the line's own page."""


def _what(line: LogLine) -> Span:
    if not line.event and line.raw:
        return Span(one_line(line.raw, 300), Tone.DIM)
    words = [line.event, *_facts(line.fields)]
    return Span(one_line("  ".join(words), 400), Tone.TEXT)


def _facts(fields: Mapping[str, Any]) -> Iterator[str]:
    """What a row tells of a line's fields: who and how first, then the rest by name."""
    model = ":".join(str(fields[name]) for name in ("provider", "model_id") if fields.get(name))
    who = (*(fields.get(name) for name in ("layer", "role")), model)
    known = " ".join(str(word) for word in (*who, fields.get("outcome"), fields.get("reason")) if word)
    if known:
        yield known
    if isinstance(latency := fields.get("latency_ms"), int | float):
        yield fig.latency(latency)
    if isinstance(cost := fields.get("cost_eur"), str):
        yield f"€ {cost.rstrip('0').rstrip('.') or '0'}"
    rest = [name for name in fields if name not in _LAST | {"latency_ms", "cost_eur"}]
    yield from (
        f"{name}={one_line(str(fields[name]), 60)}"
        for name in rest
        if fields[name] is not None and fields[name] != ""
    )


COLUMNS: Final[tuple[Column[LogLine], ...]] = (
    Column("TIME", 8, lambda line: Span(f"{line.ts:%H:%M:%S}" if line.ts else fig.NONE, Tone.DIM)),
    Column("LEVEL", 10, _level),
    Column("LOGGER", 11, lambda line: Span(one_line(line.logger, 40), Tone.ACCENT)),
    Column("WHAT", 20, _what, flex=1),
)


class LogScreen(PeakScreen):
    """The newest lines of the log, this console's own messages among them."""

    NAME = "log"
    CSS_PATH = "log.tcss"
    AUTO_FOCUS = "#log"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("log")]

    def __init__(self) -> None:
        super().__init__()
        self._filter = LogFilter()
        self._page = LogPage()
        self.following = True

    def body(self) -> Iterable[Widget]:
        """The list and its head."""
        yield TableHead()
        yield Table(COLUMNS, id="log")

    @property
    def table(self) -> Table[Any]:
        """The list."""
        return self.query_one("#log", Table)

    def on_mount(self) -> None:
        """Say that nothing has been read yet."""
        super().on_mount()
        self.table.empty = [(Span("reading the log …", Tone.DIM),)]
        self.query_one(TableHead).line = self.table.head

    def subject(self) -> Callable[[Source], Any]:
        """The newest lines under the filter."""
        text = self._filter.text
        return lambda source: (text, source.log(text, _LIMIT))

    def note_line(self) -> Line:
        """The filter."""
        if not self._filter.text:
            return (Span("all", Tone.DIM), Span("   / filters", Tone.FAINT))
        skipped = f"   {self._page.skipped:,} left out" if self._page.skipped else ""
        return (Span("/ ", Tone.KEY), Span(self._filter.text, Tone.ACCENT), Span(skipped, Tone.DIM))

    def state_line(self) -> Line:
        """Whether the list follows, and how old it is."""
        state = (
            (Span("following  ", Tone.OK),)
            if self.following
            else (Span("held", Tone.WARN), Span(" · f follows  ", Tone.DIM))
        )
        return (*state, *age_line(self._page.freshness, self.peak.now(), self.stale_s, word="log"))

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        """Show the page, this console's messages among its lines."""
        text, page = message.snapshot
        if text != self._filter.text:
            return
        first = not self.table.row_count()
        self._page = page if self.following or first else self._page
        if self.following and not self.paused:
            self.table.empty = self._why_empty(page)
            self.table.show_rows(ListRows(self._merged(page)))
        self.show_crumbs()
        self.refresh_keys()

    def _merged(self, page: LogPage) -> list[LogLine]:
        said = [line for line in self.peak.notices if self._filter.matches(line)]
        if not said:
            return list(page.lines)
        lines: list[LogLine] = []
        for line in page.lines:
            while said and line.ts is not None and said[0].ts is not None and said[0].ts >= line.ts:
                lines.append(said.pop(0))
            lines.append(line)
        return [*lines, *said]

    def _why_empty(self, page: LogPage) -> Sequence[Line]:
        if page.problem:
            return [(Span(page.problem, Tone.BAD),)]
        if self._filter.text:
            return [
                (Span("no line matches  / ", Tone.DIM), Span(self._filter.text, Tone.ACCENT)),
                (Span("esc", Tone.KEY), Span(" clears the filter", Tone.DIM)),
            ]
        where = one_line(page.path, 60) or "the log"
        return [
            (Span(f"{where} is empty: the node writes it once it runs.", Tone.DIM),),
            (Span("for example:  ", Tone.DIM), Span("peak node start", Tone.ACCENT)),
        ]

    def on_table_moved(self, message: Table.Moved) -> None:
        """Away from the newest line the list is held."""
        if (message.index == 0) != self.following:
            self.following = message.index == 0
            if self.following:
                self.peak.feed.poke()
            self.show_crumbs()

    def on_table_opened(self, message: Table.Opened) -> None:
        """The whole line."""
        self.app.push_screen(RecordScreen(message.row))

    def do_open(self) -> None:
        """Open the line under the cursor."""
        self.table.open_selected()

    def do_follow(self) -> None:
        """Go to the newest line."""
        self.paused, self.following = False, True
        self.table.cursor = 0
        self.peak.feed.poke()
        self.show_crumbs()

    def filter_keys(self) -> Sequence[str]:
        """The keys of log lines."""
        return KEYS

    def filter_text(self) -> str:
        """The filter that stands."""
        return self._filter.text

    def set_filter(self, text: str) -> str:
        """Filter the lines."""
        try:
            self._filter = read_log_filter(text, self.peak.now())
        except FilterInvalid as error:
            return f"{error.message}; {error.remedy}"
        self.following, self.paused = True, False
        self.table.cursor = 0
        self.peak.feed.watch(self, self.subject())
        self.show_crumbs()
        return ""

    def has_selection(self) -> bool:
        """Whether a line is under the cursor."""
        return self.table.selected is not None if self.is_mounted else False

    def do_copy(self) -> None:
        """Copy the line."""
        line: LogLine | None = self.table.selected
        if line is not None:
            self.peak.copy(record_text(line), "log-line")


def record_text(line: LogLine) -> str:
    """A log line as indented JSON, or as it stands where it is none."""
    if line.raw:
        return line.raw + "\n"
    shown = {
        "ts": iso(line.ts) if line.ts else None,
        "level": line.level,
        "logger": line.logger,
        "event": line.event,
        **line.fields,
    }
    return json.dumps(shown, indent=2, ensure_ascii=False, default=str) + "\n"


class RecordScreen(PeakScreen):
    """One log line, whole."""

    NAME = "record"
    AUTO_FOCUS = "#page"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("record")]
    DEFAULT_CSS = "RecordScreen #page { height: 1fr; padding: 0 1; }"

    def __init__(self, line: LogLine) -> None:
        super().__init__()
        self._line = line

    def body(self) -> Iterable[Widget]:
        """The page."""
        yield Document(id="page")

    def on_mount(self) -> None:
        """Show the line."""
        super().on_mount()
        text = record_text(self._line)
        self.query_one(Document).show_lines(lambda width: [EMPTY, *wrapped(text, width)])

    def trail(self) -> list[str]:
        """The log, and the line's time."""
        return ["Log", f"{self._line.ts:%H:%M:%S}" if self._line.ts else "unreadable line"]

    def do_copy(self) -> None:
        """Copy the line."""
        self.peak.copy(record_text(self._line), "log-line")
