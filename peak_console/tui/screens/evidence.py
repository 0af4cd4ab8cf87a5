"""The evidence browser: every sealed pack; opening one verifies it."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from peak_console.operations.views.packs import PackRow, PacksPage
from peak_console.operations.views.source import Source
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import Line, Span, Tone
from peak_console.tui.messages import SnapshotTaken
from peak_console.tui.screens.base import PeakScreen, age_line
from peak_console.tui.screens.pack_drawing import no_packs, pack_columns
from peak_console.tui.screens.pack_export import PackExporting
from peak_console.tui.widgets.table import ListRows, Table, TableHead


class EvidenceScreen(PackExporting, PeakScreen):
    """The packs, newest first. A state is shown only while the files are as they were verified."""

    NAME = "evidence"
    AUTO_FOCUS = "#evidence"
    DEFAULT_CSS = "EvidenceScreen #evidence { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("evidence")]

    def __init__(self) -> None:
        super().__init__()
        self._page = PacksPage()
        self._verified: dict[tuple[str, int], datetime] = {}

    def body(self) -> Iterable[Widget]:
        """The list and its head."""
        yield TableHead()
        yield Table(pack_columns(self._now, self._verified_at), id="evidence")

    def _now(self) -> datetime:
        return self.peak.now()

    def _verified_at(self, row: PackRow) -> datetime | None:
        return self._verified.get((row.run_id, row.edition))

    @property
    def table(self) -> Table[Any]:
        """The list."""
        return self.query_one("#evidence", Table)

    def on_mount(self) -> None:
        """Say that nothing has been read yet."""
        super().on_mount()
        self.table.empty = [(Span("looking into audits/ …", Tone.DIM),)]
        self.query_one(TableHead).line = self.table.head

    def subject(self) -> Callable[[Source], Any]:
        """The packs."""
        return lambda source: source.packs()

    def trail(self) -> list[str]:
        """Runs, and here."""
        return ["Runs", "Evidence"]

    def note_line(self) -> Line:
        """How many there are."""
        return (Span(f"{len(self._page.rows):,} packs", Tone.DIM),) if self._page.rows else ()

    def state_line(self) -> Line:
        """An export, and how old the list is."""
        return (*self.export_line(), *age_line(self._page.freshness, self.peak.now(), self.stale_s))

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        """Show the list."""
        page: PacksPage = message.snapshot
        self._page = page
        self.table.empty = no_packs(page.problem)
        self.table.show_rows(ListRows(page.rows))
        self.show_crumbs()
        self.refresh_keys()

    def tick(self) -> None:
        """Ages move on."""
        super().tick()
        self.table.redraw()

    def on_table_opened(self, message: Table.Opened) -> None:
        """A pack's page, which verifies it."""
        from peak_console.tui.screens.pack import PackScreen  # noqa: PLC0415 - loaded when it is first opened

        row: PackRow = message.row
        self.app.push_screen(PackScreen(row.run_id, row.edition, verified=self._told_verified))

    def _told_verified(self, run_id: str, edition: int, at: datetime) -> None:
        self._verified[run_id, edition] = at

    def do_open(self) -> None:
        """Open the pack under the cursor."""
        self.table.open_selected()

    def exported(self) -> tuple[str, int] | None:
        """The pack under the cursor."""
        row: PackRow | None = self.table.selected
        return None if row is None else (row.run_id, row.edition)

    def has_selection(self) -> bool:
        """Whether a pack is under the cursor."""
        return self.table.selected is not None if self.is_mounted else False

    def do_copy(self) -> None:
        """Copy where the pack lies."""
        row: PackRow | None = self.table.selected
        if row is not None:
            self.peak.copy(f"{row.run_id} edition {row.edition}\n{row.path}\n", row.run_id)
