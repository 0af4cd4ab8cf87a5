"""A table that draws only the rows in view and holds only the pages near them; rows come by key."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from textual.binding import Binding, BindingType
from textual.events import Click
from textual.message import Message
from textual.reactive import reactive

from peak_console.tui.ink import EMPTY, Line, Span, Tone, cell
from peak_console.tui.widgets.canvas import Canvas, ScrollCanvas

RowT_co = TypeVar("RowT_co", covariant=True)
RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True)
class Column(Generic[RowT]):
    """A column: ``draw`` gives a row's text and tone.

    ``flex`` shares the left-over width; a column is left out below ``least`` and above ``most`` total width.
    """

    title: str
    width: int
    draw: Callable[[RowT], Span]
    right: bool = False
    flex: int = 0
    least: int = 0
    most: int = 1 << 30


def lay_out(columns: Sequence[Column[RowT]], width: int) -> list[tuple[Column[RowT], int]]:
    """The columns that stand at ``width``, each with its width; one blank between two."""
    kept = [column for column in columns if column.least <= width <= column.most]
    room = width - 1 - sum(column.width + 1 for column in kept) + 1
    shares = sum(column.flex for column in kept)
    if room <= 0 or not shares:
        return [(column, column.width) for column in kept]
    return [(column, column.width + room * column.flex // shares) for column in kept]


def row_line(row: RowT, layout: Sequence[tuple[Column[RowT], int]]) -> Line:
    """A row as a line."""
    spans: list[Span] = [Span(" ")]
    for column, width in layout:
        text, tone = column.draw(row)
        spans.append(Span(cell(text, width, tone, right=column.right).text + " ", tone))
    return tuple(spans)


def head_line(layout: Sequence[tuple[Column[RowT], int]], sorted_by: str = "", *, down: bool = True) -> Line:
    """The titles; the sorted column carries an arrow."""
    spans: list[Span] = [Span(" ")]
    for column, width in layout:
        here = column.title == sorted_by
        title = f"{column.title}{'▾' if down else '▴'}" if here else column.title
        spans.append(cell(title, width, Tone.ACCENT if here else Tone.DIM, right=column.right))
        spans.append(Span(" "))
    return tuple(spans)


class Rows(Protocol[RowT_co]):
    """Where a table's rows come from."""

    def count(self) -> int:
        """Rows known so far."""
        ...

    def row(self, index: int) -> RowT_co | None:
        """The row, or ``None`` while it is being fetched."""
        ...


class ListRows(Generic[RowT]):
    """Rows that are all at hand."""

    def __init__(self, rows: Sequence[RowT] = ()) -> None:
        self.rows = rows

    def count(self) -> int:
        """Rows."""
        return len(self.rows)

    def row(self, index: int) -> RowT | None:
        """The row at ``index``."""
        return self.rows[index] if 0 <= index < len(self.rows) else None


_AHEAD = 60
"""Rows before the end of what is known from which the next page is asked for."""


class PagedRows(Generic[RowT]):
    """Rows by keyset pages: page *n* begins below key *n*. Pages far from what is looked at are dropped.

    ``fetch(page, before)`` asks for a page; :meth:`put` brings the answer. What was dropped is asked for
    again by its key when it comes into view.
    """

    def __init__(self, fetch: Callable[[int, int | None], None], keep: int = 50) -> None:
        self._fetch, self._keep = fetch, keep
        self._keys: list[int | None] = [None]
        self._sizes: list[int] = []
        self._pages: OrderedDict[int, Sequence[RowT]] = OrderedDict()
        self._asked: set[int] = set()
        self.complete = False

    def count(self) -> int:
        """Rows of the pages known so far."""
        return sum(self._sizes)

    def row(self, index: int) -> RowT | None:
        """The row at ``index``; asks for its page, and for the next one near the end."""
        page, place = self._locate(index)
        if page is None:
            return None
        near_end = place >= self._sizes[page] - _AHEAD
        if page == len(self._sizes) - 1 and near_end and not self.complete:
            self._ask(page + 1)
        rows = self._pages.get(page)
        if rows is None:
            self._ask(page)
            return None
        self._pages.move_to_end(page)
        return rows[place] if place < len(rows) else None

    def begin(self) -> None:
        """Ask for the first page."""
        self._ask(0)

    def put(self, page: int, rows: Sequence[RowT], next_before: int | None) -> None:
        """The answer for ``page``; ``next_before`` is the key of the page after it."""
        self._asked.discard(page)
        if page > len(self._sizes):
            return
        if page == len(self._sizes):
            self._sizes.append(len(rows))
            if next_before is None:
                self.complete = True
            else:
                self._keys.append(next_before)
        self._pages[page] = rows
        self._pages.move_to_end(page)
        while len(self._pages) > self._keep:
            self._pages.popitem(last=False)

    @property
    def pages_held(self) -> int:
        """Pages in memory."""
        return len(self._pages)

    def _ask(self, page: int) -> None:
        if page in self._asked or page >= len(self._keys):
            return
        self._asked.add(page)
        self._fetch(page, self._keys[page])

    def _locate(self, index: int) -> tuple[int | None, int]:
        for page, size in enumerate(self._sizes):
            if index < size:
                return page, index
            index -= size
        return None, 0


class TableHead(Canvas):
    """A table's titles, above it."""

    DEFAULT_CSS = "TableHead { height: 1; padding-right: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.line: Callable[[int], Line] = lambda _: EMPTY

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """The titles."""
        return [self.line(width)] if height else []


class Table(ScrollCanvas, Generic[RowT], can_focus=True):
    """Rows with a cursor. Posts :class:`Opened` on Enter or click, :class:`Moved` when the cursor moves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("down,j", "move(1)", "down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "page up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "page down", show=False),
        Binding("home,g", "ends(False)", "first", show=False),
        Binding("end,G", "ends(True)", "last", show=False),
    ]

    cursor: reactive[int] = reactive(0, repaint=False)

    class Opened(Message):
        """The row under the cursor is to be opened."""

        def __init__(self, table: "Table[Any]", row: Any) -> None:
            super().__init__()
            self.table, self.row = table, row

    class Moved(Message):
        """The cursor stands on another row."""

        def __init__(self, table: "Table[Any]", index: int) -> None:
            super().__init__()
            self.table, self.index = table, index

    def __init__(self, columns: Sequence[Column[RowT]], *, id: str | None = None, empty: str = "") -> None:  # noqa: A002
        super().__init__(id=id)
        self._columns = columns
        self._rows: Rows[RowT] = ListRows[RowT]()
        self._layout: tuple[int, list[tuple[Column[RowT], int]]] = (-1, [])
        self.empty: Sequence[Line] = [(Span(empty, Tone.DIM),)]
        self.always_cursor = False
        """Whether the cursor shows without the focus, which then is with a line that narrows the rows."""

    @property
    def layout_columns(self) -> list[tuple[Column[RowT], int]]:
        """The columns that stand now, with their widths."""
        width = self.inner_width
        if self._layout[0] != width:
            self._layout = (width, lay_out(self._columns, width))
        return self._layout[1]

    def head(self, width: int, sorted_by: str = "", *, down: bool = True) -> Line:
        """The titles for a head of ``width`` cells."""
        return head_line(lay_out(self._columns, width), sorted_by, down=down)

    def show_rows(self, rows: Rows[RowT]) -> None:
        """Show ``rows``; the cursor stays where it is, as far as there are rows."""
        self._rows = rows
        last = max(0, rows.count() - 1)
        self.cursor = min(self.cursor, last)
        self.redraw()

    def set_columns(self, columns: Sequence[Column[RowT]]) -> None:
        """Show other columns from the next rows on."""
        self._columns, self._layout = columns, (-1, [])

    @property
    def selected(self) -> RowT | None:
        """The row under the cursor."""
        return self._rows.row(self.cursor) if self._rows.count() else None

    def row_count(self) -> int:
        """Rows, or the lines that say why there are none."""
        return self._rows.count() or len(self.empty)

    def draw_row(self, row: int, width: int) -> tuple[Line, bool]:
        """A row; the cursor shows while the table has the focus."""
        if not self._rows.count():
            return (Span(" "), *self.empty[row]), False
        cursor = row == self.cursor and (self.has_focus or self.always_cursor)
        found = self._rows.row(row)
        if found is None:
            return (Span(" …", Tone.FAINT),), cursor
        return row_line(found, self.layout_columns if width else []), cursor

    def watch_cursor(self, old: int, new: int) -> None:
        """Keep the cursor in view and tell."""
        if old == new:
            return
        self.reveal()
        self.redraw()
        self.post_message(self.Moved(self, new))

    def reveal(self) -> None:
        """Scroll as little as brings the cursor into view."""
        top, height = self.scroll_offset.y, self.size.height
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, immediate=True)
        elif height and self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False, immediate=True)

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self.cursor = max(0, min(self._rows.count() - 1, self.cursor + by))

    def action_page(self, by: int) -> None:
        """Move the cursor by what is in view."""
        self.action_move(by * max(1, self.size.height - 1))

    def action_ends(self, last: bool) -> None:  # noqa: FBT001 - a key binding's argument
        """Move the cursor to the first row or the last known."""
        self.cursor = max(0, self._rows.count() - 1) if last else 0

    def open_selected(self) -> None:
        """Post :class:`Opened` for the row under the cursor."""
        row = self.selected
        if row is not None:
            self.post_message(self.Opened(self, row))

    def on_click(self, event: Click) -> None:
        """Put the cursor there; a click on the cursor's row opens it."""
        row = event.y + self.scroll_offset.y
        if not 0 <= row < self._rows.count():
            return
        if row == self.cursor and self.has_focus and event.chain > 1:
            self.open_selected()
        self.cursor = row

    def on_focus(self) -> None:
        """Show the cursor."""
        self.redraw()

    def on_blur(self) -> None:
        """Hide the cursor."""
        self.redraw()
