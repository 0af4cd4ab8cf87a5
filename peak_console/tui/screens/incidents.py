"""The Incident screen: what is open first, and of the chosen one next action, timeline and card."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Final

from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from peak_console.domain.text import one_line
from peak_console.operations.views.incidents import IncidentDetail, IncidentLine, IncidentsFacts
from peak_console.operations.views.source import Source
from peak_console.tui.actions import bindings_for
from peak_console.tui.containing import PartState
from peak_console.tui.ink import Line, Span, Tone, text_of
from peak_console.tui.long_work import WorkDone, WorkMoved
from peak_console.tui.messages import SnapshotTaken
from peak_console.tui.screens.base import PeakScreen, age_line
from peak_console.tui.screens.chain_check import progress_words
from peak_console.tui.screens.incident_form import FORMS, IncidentForm
from peak_console.tui.screens.incidents_drawing import (
    incident_columns,
    no_incidents,
    page_lines,
    side_lines,
)
from peak_console.tui.screens.working import Working
from peak_console.tui.widgets.document import Document
from peak_console.tui.widgets.table import ListRows, Table, TableHead

_DRILL: Final = "drill"
_TEST: Final = "test alert"
_ROWS, _ROWS_TALL = 4, 9
"""Incidents that the list shows at once."""


class IncidentsScreen(Working, PeakScreen):
    """Incidents: the list, and the page of the one under the cursor."""

    NAME = "incidents"
    AUTO_FOCUS = "#incidents"
    CSS_PATH = "incidents.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("incidents")]

    def __init__(self) -> None:
        super().__init__()
        self._facts: IncidentsFacts | None = None
        self._detail: IncidentDetail | None = None
        self._wanted = ""

    def body(self) -> Iterable[Widget]:
        """The list, the page, the card."""
        yield TableHead()
        yield Table(incident_columns(self.peak.now()), id="incidents")
        yield Horizontal(Document(id="incident-page"), Document(id="incident-side"), id="incident-pages")

    @property
    def table(self) -> Table[IncidentLine]:
        """The list."""
        return self.query_one("#incidents", Table)

    @property
    def chosen(self) -> IncidentLine | None:
        """The incident under the cursor."""
        return self.table.selected if self.is_mounted else None

    def on_mount(self) -> None:
        """Say that it is being read."""
        super().on_mount()
        self.add_class("-alone")
        self.table.empty = [(Span("reading the ledger …", Tone.DIM),)]
        self.query_one(TableHead).line = self.table.head

    def trail(self) -> list[str]:
        """The list, and the incident."""
        one = self.chosen
        return ["Incident"] if one is None else ["Incident", one.incident_id]

    def note_line(self) -> Line:
        """How many are open."""
        facts = self._facts
        if facts is None or not facts.incidents:
            return ()
        count = len(facts.open)
        tone = Tone.BAD if count else Tone.OK
        return (
            Span(f"{count} open" if count else "none open", tone),
            Span(f" of {len(facts.incidents)}", Tone.DIM),
        )

    def state_line(self) -> Line:
        """What is being done, and how old the list is."""
        doing = (Span(f"{progress_words(self._moved)}  ", Tone.ACCENT),) if self._moved else ()
        if self._facts is None:
            return (*doing, Span("reading …", Tone.UNKNOWN))
        return (*doing, *age_line(self._facts.freshness, self.peak.now(), self.stale_s))

    # -- reading

    def subject(self) -> Callable[[Source], Any]:
        """The list, and the page of the incident under the cursor."""
        wanted = self._wanted

        def read(source: Source) -> tuple[IncidentsFacts, IncidentDetail | None]:
            facts = source.incidents()
            known = [one.incident_id for one in facts.incidents]
            chosen = wanted if wanted in known else known[0] if known else ""
            return facts, source.incident(chosen) if chosen else None

        return read

    def show_incident(self, incident_id: str) -> None:
        """Put the cursor on an incident."""
        self._wanted = incident_id
        self.peak.feed.watch(self, self.subject())

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        """Show the list; the cursor stays on its incident."""
        facts, detail = message.snapshot
        self._facts, self._detail = facts, detail
        self.set_class(not facts.incidents, "-alone")
        self.table.empty = no_incidents(facts, self.peak.bar)
        self.table.set_columns(incident_columns(self.peak.now()))
        ids = [one.incident_id for one in facts.incidents]
        here = detail.line.incident_id if detail is not None and detail.line is not None else ""
        self._wanted = here or self._wanted
        self._size_list()
        self.table.show_rows(ListRows(facts.incidents))
        if here in ids:
            self.table.cursor = ids.index(here)
        self._show()
        self.show_crumbs()
        self.refresh_keys()

    def _size_list(self) -> None:
        """As high as it has incidents, up to a few: the page below has the rest."""
        facts = self._facts
        if facts is not None and facts.incidents:
            most = _ROWS_TALL if self.has_class("-tall") else _ROWS
            self.table.styles.height = min(most, max(2, len(facts.incidents)))

    def _show(self) -> None:
        detail, facts, now = self._detail, self._facts, self.peak.now()
        page, side = self.query_one("#incident-page", Document), self.query_one("#incident-side", Document)
        if detail is None:
            page.show_lines(lambda _: [])
            return
        progress, bar = self._capture_progress(), self.peak.bar

        def whole(width: int) -> list[Line]:
            lines = page_lines(detail, bar, now, width, progress)
            return lines if self.has_class("-wide") else [*lines, (), *side_lines(detail, facts, width)]

        page.show_lines(whole)
        side.show_lines(lambda width: side_lines(detail, facts, width))

    def _capture_progress(self) -> str:
        part = self.peak.contained.get("capture")
        return part.summary or "under way" if part is not None and part.state is PartState.DOING else ""

    def bar_taken(self) -> None:
        """The posture is new: the recovery says so."""
        super().bar_taken()
        if self.query("#incident-page"):
            self._show()

    def tick(self) -> None:
        """Ages move on."""
        super().tick()
        self.table.set_columns(incident_columns(self.peak.now()))
        self.table.redraw()

    def on_resize(self) -> None:
        """The card moves beside the page, or below it."""
        super().on_resize()
        if self.is_mounted:
            self._size_list()
            self._show()

    def on_table_moved(self, message: Table.Moved) -> None:
        """Another incident: its page."""
        message.stop()
        one = self.table.selected
        if one is not None and one.incident_id != self._wanted:
            self.show_incident(one.incident_id)

    def on_table_opened(self, message: Table.Opened) -> None:
        """Go down into the page."""
        message.stop()
        self.query_one("#incident-page", Document).focus()

    def do_open(self) -> None:
        """Go down into the page, to scroll it."""
        self.table.open_selected()

    def has_selection(self) -> bool:
        """Whether an incident is under the cursor."""
        return self.chosen is not None

    def missing(self) -> str:
        """Why nothing can be done about the one under the cursor."""
        one = self.chosen
        if one is None:
            return "no incident is listed"
        return "" if one.is_open else "it is closed"

    # -- what is done

    def _form(self, name: str, text: str = "") -> None:
        one = self.chosen
        if one is not None:
            self.app.push_screen(IncidentForm(FORMS[name], one, text))

    def do_incident_acknowledge(self, text: str = "") -> None:
        """Say that one has seen it."""
        self._form("acknowledge", text)

    def do_incident_assign(self, text: str = "") -> None:
        """Say who works on it."""
        self._form("assign", text)

    def do_incident_note(self, text: str = "") -> None:
        """Write something down."""
        self._form("note", text)

    def do_incident_handover(self, text: str = "") -> None:
        """Give it to somebody else."""
        self._form("handover", text)

    def do_incident_silence(self, text: str = "") -> None:
        """Make its alert silent for a while."""
        self._form("silence", text)

    def do_incident_close(self, text: str = "") -> None:
        """Close it."""
        self._form("close", text)

    async def do_incident_capture(self, reason: str = "") -> None:
        """Capture this one: in the panel, where its progress stands."""
        one = self.chosen
        self.peak.contain(("capture",), reason, "" if one is None or not one.is_open else one.incident_id)
        self.peak.do_incident_open()

    def do_incident_test(self) -> None:
        """Send a test alert along the whole way."""
        desk = self.peak.desk()
        if desk is not None:
            self._begin(_TEST, lambda progress, _cancelled: desk.test_alert(progress))

    def do_incident_drill(self) -> None:
        """Disarm, stop and capture on a mirror."""
        desk = self.peak.desk()
        if desk is not None:
            self._begin(_DRILL, lambda progress, _cancelled: desk.drill(progress))

    def _begin(self, topic: str, job: Callable[..., Any]) -> None:
        if self.busy():
            self.peak.say(f"wait: {topic} is under way", severity="warning")
            return
        self._moved = WorkMoved(topic, topic, 0, 0)
        self.long_work().begin(topic, job)
        self.show_crumbs()

    def on_work_moved(self, message: WorkMoved) -> None:
        """Show how far it is."""
        if self._moved is not None:
            self._moved = message
            self.show_crumbs()

    def on_work_done(self, message: WorkDone) -> None:
        """Say what came of it."""
        self._moved = None
        self.show_crumbs()
        if message.problem:
            said = ": ".join(part for part in (message.problem, message.remedy) if part)
            self.peak.say(f"{message.topic}: {said}", severity="error")
        elif isinstance(message.result, str):
            self.peak.say(one_line(message.result, 400), timeout=10)
        self.peak.feed.poke()

    def do_copy(self) -> None:
        """Copy the page with its timeline."""
        detail = self._detail
        if detail is None or detail.line is None:
            return
        lines = page_lines(detail, self.peak.bar, self.peak.now(), 200)
        text = "\n".join(text_of(line).rstrip() for line in lines)
        self.peak.copy(f"{text}\n\n{detail.card}\n", detail.line.incident_id)
