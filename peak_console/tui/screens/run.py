"""One run's page: what it came to, and its timeline from input to order."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Final

from textual.binding import BindingType
from textual.widget import Widget

from peak_console.operations.views.run_detail import RunDetail
from peak_console.operations.views.source import Source
from peak_console.operations.views.timeline import TimelineLine
from peak_console.tui import figures as fig
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import Line, Span, Tone, text_of
from peak_console.tui.long_work import WorkDone, WorkMoved
from peak_console.tui.messages import SnapshotTaken
from peak_console.tui.screens.base import PeakScreen, age_line
from peak_console.tui.screens.chain_check import ChainChecking
from peak_console.tui.screens.run_drawing import TIMELINE_COLUMNS, artefact_lines, head_lines
from peak_console.tui.widgets.document import Document
from peak_console.tui.widgets.table import ListRows, Table, TableHead

_PAGE: Final = 1000
_MOST: Final = 20_000
"""Events that a page holds; a run of more is looked through by ``peak runs show``."""
_NEAR: Final = 60


class RunScreen(ChainChecking, PeakScreen):
    """A run. The timeline grows while the run goes on."""

    NAME = "run"
    AUTO_FOCUS = "#run"
    DEFAULT_CSS = """
    RunScreen #run-head { height: 6; }
    RunScreen #run { height: 1fr; }
    RunScreen #run-artefacts { height: 1fr; display: none; }
    RunScreen.-artefacts #run-artefacts { display: block; }
    RunScreen.-artefacts #run, RunScreen.-artefacts TableHead { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("run")]

    def __init__(self, run_id: str, *, why: bool = False) -> None:
        """``why`` goes on to the run's first call as soon as it is read."""
        super().__init__()
        self.run_id = run_id
        self._to_call = why
        self._asked_for = ""
        """What is missing, where sealing without it was asked for."""
        self._detail: RunDetail | None = None
        self._asked = _PAGE

    def body(self) -> Iterable[Widget]:
        """What it came to, the timeline, the artefacts."""
        yield Document(id="run-head")
        yield TableHead()
        yield Table(TIMELINE_COLUMNS, id="run")
        yield Document(id="run-artefacts")

    @property
    def table(self) -> Table[Any]:
        """The timeline."""
        return self.query_one("#run", Table)

    def on_mount(self) -> None:
        """Say that it is being read."""
        super().on_mount()
        self.query_one("#run-head", Document).can_focus = False
        self.table.empty = [(Span("reading the ledger …", Tone.DIM),)]
        self.query_one(TableHead).line = self.table.head

    def subject(self) -> Callable[[Source], Any]:
        """The run: one under way goes on."""
        run_id, asked = self.run_id, self._asked
        return lambda source: source.run(run_id, asked)

    def trail(self) -> list[str]:
        """The list it was opened from, and the run."""
        below = self.app.screen_stack[0]
        origin = below.trail() if isinstance(below, PeakScreen) and below is not self else []
        return [*origin, self.run_id]

    def note_line(self) -> Line:
        """How many events are shown of how many."""
        run = self._detail
        if run is None or run.line is None:
            return ()
        more = " and more" if run.more else ""
        return (Span(f"{len(run.events):,} events{more}", Tone.DIM),)

    def state_line(self) -> Line:
        """A verification, and how old the page is."""
        if self._detail is None:
            return (Span("reading …", Tone.UNKNOWN),)
        return (*self.chain_line(), *age_line(self._detail.freshness, self.peak.now(), self.stale_s))

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        """Show the run; the cursor stays on its event."""
        run: RunDetail = message.snapshot
        if run.run_id != self.run_id:
            return
        before, self._detail = self._detail, run
        if before is None or (run.line, run.events, run.artefacts, run.pack) != (
            before.line,
            before.events,
            before.artefacts,
            before.pack,
        ):
            self._show(run, before)
        self.show_crumbs()
        self.refresh_keys()
        if self._to_call and not run.missing:
            self._to_call = False
            self._go_to_call(run)

    def _go_to_call(self, run: RunDetail) -> None:
        """On to the first call, where there is one."""
        place = next((at for at, line in enumerate(run.events) if line.call_id), None)
        if place is None:
            self.peak.say("this run made no call yet")
            return
        self.table.cursor = place
        self.do_run_why()

    def _show(self, run: RunDetail, before: RunDetail | None) -> None:
        now = self.peak.now()
        self.query_one("#run-head", Document).show_lines(
            lambda width: head_lines(run, width, now, self._asked_for)
        )
        self.query_one("#run-artefacts", Document).show_lines(lambda width: artefact_lines(run, width))
        here = self.table.selected if before is not None else None
        self.table.empty = [()] if run.missing else [(Span("no event", Tone.DIM),)]
        self.table.show_rows(ListRows(run.events))
        if here is not None:
            places = [line.seq for line in run.events]
            self.table.cursor = places.index(here.seq) if here.seq in places else self.table.cursor

    def on_table_moved(self, message: Table.Moved) -> None:
        """Near the end of what was read, read on."""
        run = self._detail
        near = run is not None and run.more and message.index >= len(run.events) - _NEAR
        if near and self._asked < _MOST:
            self._asked += _PAGE
            self.peak.feed.watch(self, self.subject())
        self.refresh_keys()

    def on_table_opened(self, message: Table.Opened) -> None:
        """An event's page."""
        from peak_console.tui.screens.event import EventScreen  # noqa: PLC0415 - loaded when it is first opened

        self.app.push_screen(EventScreen(message.row.seq, neighbours=self.neighbour))

    def neighbour(self, by: int) -> int | None:
        """Move the cursor to the event ``by`` lines down or up; its place."""
        index = self.table.cursor + by
        run = self._detail
        if run is None or not 0 <= index < len(run.events):
            return None
        self.table.cursor = index
        return run.events[index].seq

    def shown_range(self) -> tuple[int, int] | None:
        """From the first to the last event that is shown."""
        run = self._detail
        return (run.first_seq, run.last_seq) if run is not None and run.events else None

    def missing(self) -> str:
        """What keeps the run from being sealed."""
        run = self._detail
        if run is None or run.line is None:
            return "the run is not read yet"
        return "" if run.line.finished else "the run has not ended"

    def do_open(self) -> None:
        """Open the event under the cursor."""
        self.table.open_selected()

    def do_run_why(self) -> None:
        """The page of the call under the cursor."""
        line: TimelineLine | None = self.table.selected
        if line is None or not line.call_id:
            self.peak.say("this event belongs to no call; move to one that does")
            return
        from peak_console.tui.screens.call import CallScreen  # noqa: PLC0415 - loaded when it is first opened

        self.app.push_screen(CallScreen(line.call_id))

    def do_run_calls(self) -> None:
        """All calls of this run."""
        self.peak.go("calls", f"run:{self.run_id}")

    def do_run_artefacts(self) -> None:
        """The artefacts in the timeline's place, and back."""
        self.toggle_class("-artefacts")
        shown = self.query_one("#run-artefacts" if self.has_class("-artefacts") else "#run")
        shown.focus()

    def do_evidence_show(self) -> None:
        """The run's own pack; without one, the way to one."""
        from peak_console.tui.screens.pack import PackScreen  # noqa: PLC0415 - loaded when it is first opened

        run = self._detail
        if run is not None and run.pack.state != "none":
            self.app.push_screen(PackScreen(self.run_id, run.pack.edition))
            return
        past = self.peak.replay is not None
        told = "was sealed up to this moment; act in: peak console" if past else "is sealed; b seals one"
        self.peak.say(f"no pack of this run {told}", severity="warning")

    def do_pack_build(self) -> None:
        """Seal the run's pack; pressed again where something is missing, without that."""
        work = self.peak.work()
        if work is None:
            return
        incomplete, self._asked_for = bool(self._asked_for), ""
        if self._detail is not None:
            self._show(self._detail, self._detail)
        self._moved = WorkMoved("seal", "sealing the evidence", 0, 0)
        self.long_work().begin(
            f"seal {self.run_id}",
            lambda _progress, _cancelled: work.build(self.run_id, incomplete=incomplete),
        )
        self.show_crumbs()
        self.refresh_keys()

    def on_work_done(self, message: WorkDone) -> None:
        """Say where a pack was sealed; verifications are told by the mix-in."""
        if not message.topic.startswith("seal"):
            return
        if message.code == "pack_incomplete" and self._detail is not None:
            self._asked_for = message.problem
            self._show(self._detail, self._detail)
        elif isinstance(message.result, str):
            self.peak.say("sealed; e opens and verifies it", whole=f"sealed: {message.result}")
            self.peak.feed.poke()

    def has_selection(self) -> bool:
        """Whether an event is under the cursor."""
        return self.table.selected is not None if self.is_mounted else False

    def do_copy(self) -> None:
        """Copy the page."""
        run, now = self._detail, self.peak.now()
        if run is None:
            return
        lines = [text_of(line) for line in head_lines(run, 200, now)]
        lines += [_copied(line) for line in run.events]
        lines += [text_of(line) for line in artefact_lines(run, 200)]
        self.peak.copy("\n".join(line.rstrip() for line in lines) + "\n", self.run_id)


def _copied(line: TimelineLine) -> str:
    cost = "" if line.cost is None else f"€ {fig.exact_euros(line.cost)}"
    return f"#{line.seq} {line.at:%H:%M:%S.%f} {line.kind} {line.title} {line.words} {cost}".rstrip()
