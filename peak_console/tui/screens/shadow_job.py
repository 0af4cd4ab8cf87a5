"""A job's page: where it stands, when it runs next, its settings, its runs."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from peak_console.operations.views.freshness import Health
from peak_console.operations.views.shadow import JobLine, JobRunLine, ShadowFacts
from peak_console.operations.views.shadow_desk import JobAbout
from peak_console.tui.action import ActionState, ShadowChosen
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import Line, Span, Tone
from peak_console.tui.long_work import LongWork, WorkDone
from peak_console.tui.messages import SnapshotTaken
from peak_console.tui.screens.base import PeakScreen, age_line
from peak_console.tui.screens.shadow_doing import ShadowDoing
from peak_console.tui.screens.shadow_job_drawing import JobShown, job_lines, run_columns
from peak_console.tui.widgets.document import Document
from peak_console.tui.widgets.table import ListRows, Table, TableHead

if TYPE_CHECKING:
    from peak_console.operations.views.source import Source

_ABOUT = "about"
_HEAD, _HEAD_TALL = 10, 24
"""Lines of the page above the runs, at most."""


class ShadowJobScreen(ShadowDoing, PeakScreen):
    """Opened from the Shadow screen. Enter on a run opens the run's page."""

    NAME = "shadow-job"
    AUTO_FOCUS = "#shadow-runs"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("shadow-job")]
    DEFAULT_CSS = """
    ShadowJobScreen #shadow-job { height: 10; padding: 0 1; }
    ShadowJobScreen #shadow-runs { height: 1fr; }
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.job_name = name
        self._facts: ShadowFacts | None = None
        self._about: JobAbout | None = None
        self._problem = ""
        self._reading: LongWork | None = None

    def body(self) -> Iterable[Widget]:
        """The page, the runs."""
        yield Document(id="shadow-job")
        yield TableHead()
        yield Table(run_columns(self.peak.now()), id="shadow-runs")

    @property
    def table(self) -> Table[JobRunLine]:
        """The runs."""
        return self.query_one("#shadow-runs", Table)

    def reading(self) -> LongWork:
        """What reads the settings."""
        if self._reading is None:
            self._reading = LongWork(self)
        return self._reading

    def on_mount(self) -> None:
        """Say that it is being read, and read the settings meanwhile."""
        super().on_mount()
        self.table.empty = [(Span("reading …", Tone.DIM),)]
        self.query_one(TableHead).line = self.table.head
        self._read_settings()

    def _read_settings(self) -> None:
        desk, name, now = self.peak.shadow_desk(), self.job_name, self.peak.now()
        if desk is not None:
            self.reading().begin(_ABOUT, lambda _progress, _cancelled: desk.about(name, now))

    def subject(self) -> "Callable[[Source], Any]":
        """All facts of shadow."""
        return lambda source: source.shadow()

    @property
    def job(self) -> JobLine | None:
        """The job as it stands."""
        found = self._facts.jobs if self._facts else ()
        return next((one for one in found if one.name == self.job_name), None)

    def trail(self) -> list[str]:
        """Shadow, and the job."""
        return ["Shadow", self.job_name]

    def state_line(self) -> Line:
        """A run that is watched, and the age of the facts."""
        if self._facts is None:
            return (*self.doing_line(), Span("reading …", Tone.UNKNOWN))
        return (*self.doing_line(), *age_line(self._facts.freshness, self.peak.now(), self.stale_s))

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        """Show job and runs; the cursor stays on its run."""
        if not isinstance(message.snapshot, ShadowFacts):
            return
        self._facts = message.snapshot
        self._show()
        self.show_crumbs()
        self.refresh_keys()

    def on_work_done(self, message: WorkDone) -> None:
        """The settings, or what came of an action."""
        if message.topic != _ABOUT:
            super().on_work_done(message)
            return
        self._about = message.result if isinstance(message.result, JobAbout) else None
        self._problem = "; ".join(part for part in (message.problem, message.remedy) if part)
        self._show()

    def tick(self) -> None:
        """A second has passed; what was due is so no more."""
        super().tick()
        if not self.is_mounted or self._facts is None:
            return
        self._show()
        if self._about is not None and self._about.due and self._about.due[0] <= self.peak.now():
            self._about = None
            self._read_settings()

    def _show(self) -> None:
        facts, job, about, now = self._facts, self.job, self._about, self.peak.now()
        if facts is None:
            return
        stale = self.peak.replay is None and facts.freshness.health(now, self.stale_s) is not Health.FRESH
        name = self.job_name
        shown = JobShown(name, job, about, self._problem)
        page = self.query_one("#shadow-job", Document)
        page.show_lines(lambda width: list(job_lines(shown, now, width)))
        page.styles.height = max(
            2, min(len(page.lines) or _HEAD, _HEAD_TALL if self.has_class("-tall") else _HEAD)
        )
        runs = [one for one in facts.runs if one.job == name]
        known = {one.key for one in runs}
        under_way = [one for one in (job.running if job else ()) if one.key not in known]
        self._show_runs([*under_way, *runs], now, stale=stale)

    def _show_runs(self, runs: list[JobRunLine], now: datetime, *, stale: bool) -> None:
        table, here = self.table, self.table.selected
        table.empty = [(Span("it never ran, as far as is kept; n runs it now", Tone.DIM),)]
        table.set_columns(run_columns(now, stale=stale))
        table.show_rows(ListRows(runs))
        keys = [one.key for one in runs]
        if here is not None and here.key in keys:
            table.cursor = keys.index(here.key)
        self.query_one(TableHead).redraw()

    def chosen(self) -> ShadowChosen:
        """The job, and the run under the cursor."""
        run = self.table.selected
        return ShadowChosen(self.job, None, run.run_id if run is not None else "")

    def action_state(self) -> ActionState:
        """With the job."""
        state = super().action_state()
        return self.with_chosen(state) if self.is_mounted and self._facts is not None else state

    def busy(self) -> bool:
        """Whether a run is being watched."""
        return bool(self._watched_key)

    def has_selection(self) -> bool:
        """Whether a run is under the cursor."""
        return self.is_mounted and self.table.selected is not None

    def on_table_moved(self, message: Table.Moved) -> None:
        """What keys do depends on the run."""
        message.stop()
        self.refresh_keys()

    def on_table_opened(self, message: Table.Opened) -> None:
        """The run's page."""
        message.stop()
        self.do_shadow_timeline()

    def do_shadow_timeline(self) -> None:
        """The page of the run under the cursor."""
        from peak_console.tui.screens.run import RunScreen  # noqa: PLC0415 - when it is opened

        run = self.table.selected
        if run is not None and run.run_id:
            self.app.push_screen(RunScreen(run.run_id))
        elif run is not None:
            self.peak.say("this run began nothing on the ledger: there is no page of it")

    def do_copy(self) -> None:
        """Copy the run's key."""
        run = self.table.selected
        if run is not None:
            self.peak.copy(run.key, "run-key")
