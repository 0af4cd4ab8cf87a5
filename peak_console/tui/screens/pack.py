"""One evidence pack: verified at this opening, its files, the critic's report, an archive to take away."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import Line, Span, Tone
from peak_console.tui.long_work import WorkDone, WorkMoved
from peak_console.tui.screens.base import PeakScreen
from peak_console.tui.screens.pack_drawing import FILE_COLUMNS, files_in_order, pack_text, verified_lines
from peak_console.tui.screens.pack_export import PackExporting
from peak_console.tui.widgets.document import Document, wrapped
from peak_console.tui.widgets.table import ListRows, Table, TableHead

if TYPE_CHECKING:
    from peak_console.operations.evidence import FileState, PackVerified

REPORT = "critic_report.md"


class PackScreen(PackExporting, PeakScreen):
    """A pack. Nothing of it is shown as good before it was verified here."""

    NAME = "pack"
    AUTO_FOCUS = "#pack"
    DEFAULT_CSS = """
    PackScreen #pack-head { height: auto; max-height: 11; }
    PackScreen #pack { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("pack")]

    def __init__(
        self, run_id: str, edition: int, verified: Callable[[str, int, datetime], None] | None = None
    ) -> None:
        super().__init__()
        self.run_id, self.edition = run_id, edition
        self._told = verified
        self._found: PackVerified | None = None
        self._at: datetime | None = None
        self._problem = ""

    def body(self) -> Iterable[Widget]:
        """What verifying gave, and the files."""
        yield Document(id="pack-head")
        yield TableHead()
        yield Table(FILE_COLUMNS, id="pack")

    @property
    def table(self) -> Table[Any]:
        """The files."""
        return self.query_one("#pack", Table)

    def on_mount(self) -> None:
        """Begin to verify."""
        super().on_mount()
        self.query_one("#pack-head", Document).can_focus = False
        self.query_one(TableHead).line = self.table.head
        self.do_pack_verify()

    def trail(self) -> list[str]:
        """Evidence, and the run."""
        return ["Runs", "Evidence", self.run_id]

    def note_line(self) -> Line:
        """Which edition."""
        return (Span(f"edition {self.edition}", Tone.DIM),) if self.edition > 1 else ()

    def state_line(self) -> Line:
        """What is being done."""
        return self.export_line()

    def do_pack_verify(self) -> None:
        """Verify the pack anew."""
        work = self.peak.work()
        if work is None:
            self._problem = "no workspace is open"
            self._show()
            return
        self._found, self._problem = None, ""
        self._moved = WorkMoved("pack", "verifying", 0, 0)
        self.long_work().begin(
            f"pack {self.run_id}",
            lambda progress, cancelled: work.verify_pack(self.run_id, self.edition, progress, cancelled),
        )
        self._show()

    def on_work_done(self, message: WorkDone) -> None:
        """Show what verifying gave; exports are told by the mix-in."""
        if not message.topic.startswith("pack"):
            return
        if message.cancelled:
            self._problem = "the verification was cancelled; v begins it again"
        elif message.problem:
            self._problem = " ".join(part for part in (message.problem, message.remedy) if part)
        else:
            self._found, self._at = message.result, self.peak.now()
            if self._told is not None and self._found is not None and self._found.ok:
                self._told(self.run_id, self.edition, self._at)
        self._show()

    def tick(self) -> None:
        """The verification's age moves on."""
        super().tick()
        if self._found is not None:
            self._show_head()

    def _show(self) -> None:
        self._show_head()
        found = self._found
        self.table.empty = [(Span(self._problem or "verifying every file …", Tone.DIM),)]
        self.table.show_rows(ListRows(files_in_order(found) if found is not None else []))
        self.show_crumbs()
        self.refresh_keys()

    def _show_head(self) -> None:
        found, at, now = self._found, self._at, self.peak.now()

        def lines(width: int) -> list[Line]:
            if found is not None and at is not None:
                return list(verified_lines(found, (self.run_id, self.edition), at, width, now))
            if self._problem:
                return [
                    (Span(" ? not verified", Tone.UNKNOWN),),
                    *wrapped(self._problem, width, indent="   "),
                ]
            return [(Span(" … verifying", Tone.UNKNOWN),)]

        head = self.query_one("#pack-head", Document)
        head.show_lines(lines)
        head.styles.height = max(1, min(11, len(lines(self.app.size.width))))

    def on_table_opened(self, message: Table.Opened) -> None:
        """A file of the pack."""
        file: FileState = message.row
        if file.state.value == "missing":
            self.peak.say(f"{file.path} is missing from the pack", severity="error")
            return
        self._open(file.path, file.state.value)

    def _open(self, path: str, state: str) -> None:
        from peak_console.tui.screens.packed import PackedScreen  # noqa: PLC0415 - loaded when first opened

        self.app.push_screen(PackedScreen(self.run_id, self.edition, path, state))

    def do_open(self) -> None:
        """Open the file under the cursor."""
        self.table.open_selected()

    def do_pack_report(self) -> None:
        """The critic's report."""
        found = self._found
        report = next((file for file in found.files if file.path == REPORT), None) if found else None
        if report is None:
            self.peak.say("this pack holds no critic's report", severity="warning")
            return
        self._open(report.path, report.state.value)

    def exported(self) -> tuple[str, int] | None:
        """This pack."""
        return self.run_id, self.edition

    def has_selection(self) -> bool:
        """Whether there is a pack to copy and to export."""
        return self._found is not None

    def do_copy(self) -> None:
        """Copy what verifying gave."""
        if self._found is not None:
            self.peak.copy(pack_text(self._found, self.run_id, self.edition), self.run_id)
