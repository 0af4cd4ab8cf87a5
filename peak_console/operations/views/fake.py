"""A source over snapshots that are handed to it: for tests, pictures, and screens without a workspace."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from peak_console.domain.clock import Clock
from peak_console.operations.views.arming import ArmFacts
from peak_console.operations.views.bar import BarSnapshot
from peak_console.operations.views.call_detail import CallDetail
from peak_console.operations.views.call_filter import read_call_filter
from peak_console.operations.views.calls import CallLine, CallsPage
from peak_console.operations.views.checklists import Checklist
from peak_console.operations.views.freshness import NEVER, Freshness
from peak_console.operations.views.incidents import IncidentDetail, IncidentsFacts
from peak_console.operations.views.live import LiveSnapshot, Window
from peak_console.operations.views.log import LogLine, LogPage
from peak_console.operations.views.log_filter import read_log_filter
from peak_console.operations.views.matrix import MatrixFacts
from peak_console.operations.views.packs import PackRow, PacksPage
from peak_console.operations.views.run_detail import EventDetail, RunDetail
from peak_console.operations.views.run_filter import read_run_filter
from peak_console.operations.views.runs import IndexState, RunLine, RunsPage
from peak_console.operations.views.shadow import ShadowFacts
from peak_console.operations.views.terms import FilterInvalid

_WHOLE_INDEX: Final = IndexState()


@dataclass(slots=True)
class FakeSource:
    """Answers from what it was given, with the real filters and the real paging. Lines are newest first."""

    clock: Clock
    bar_snapshot: BarSnapshot
    live_snapshot: LiveSnapshot
    lines: Sequence[CallLine] = ()
    details: Mapping[str, CallDetail] = field(default_factory=dict)
    log_lines: Sequence[LogLine] = ()
    freshness: Freshness = NEVER
    run_lines: Sequence[RunLine] = ()
    run_pages: Mapping[str, RunDetail] = field(default_factory=dict)
    event_pages: Mapping[int, EventDetail] = field(default_factory=dict)
    pack_rows: Sequence[PackRow] = ()
    index: IndexState = _WHOLE_INDEX
    matrix_facts: MatrixFacts | None = None
    incidents_facts: IncidentsFacts | None = None
    incident_pages: Mapping[str, IncidentDetail] = field(default_factory=dict)
    checklists: Mapping[str, Checklist] = field(default_factory=dict)
    arm_facts: ArmFacts | None = None
    shadow_facts: ShadowFacts | None = None
    closed: bool = False

    def bar(self) -> BarSnapshot:
        """The bar it was given."""
        return self.bar_snapshot

    def live(self, window: Window | None) -> LiveSnapshot:
        """The Live snapshot it was given, under the window asked for."""
        return self.live_snapshot if window is None else replace(self.live_snapshot, window=window)

    def calls(self, text: str = "", before: int | None = None, limit: int = 200) -> CallsPage:
        """A page of its lines."""
        head = self.lines[0].seq if self.lines else 0
        try:
            wanted = read_call_filter(text, self.clock.now())
        except FilterInvalid as error:
            return CallsPage(
                problem=f"{error.message}; {error.remedy}", head_seq=head, freshness=self.freshness
            )
        older = [line for line in self.lines if before is None or line.seq < before]
        found = [line for line in older if wanted.matches(line)]
        page = tuple(found[:limit])
        more = page[-1].seq if len(found) > limit else None
        return CallsPage(page, more, scanned_to=1, head_seq=head, freshness=self.freshness)

    def call(self, call_id: str) -> CallDetail:
        """The call's page, or one that says it is not there."""
        found = self.details.get(call_id)
        return found or CallDetail(
            call_id, missing=f"{call_id} is not in the ledger", freshness=self.freshness
        )

    def log(self, text: str = "", limit: int = 500) -> LogPage:
        """Its log lines."""
        try:
            wanted = read_log_filter(text, self.clock.now())
        except FilterInvalid as error:
            return LogPage(problem=f"{error.message}; {error.remedy}", freshness=self.freshness)
        found = tuple(line for line in self.log_lines if wanted.matches(line))
        skipped = len(self.log_lines) - len(found)
        return LogPage(found[:limit], skipped, "audits/logs/peak.log", self.freshness)

    def runs(self, text: str = "", before: int | None = None, limit: int = 200) -> RunsPage:
        """A page of its runs."""
        head = self.index.head
        try:
            wanted = read_run_filter(text, self.clock.now())
        except FilterInvalid as error:
            return RunsPage(problem=f"{error.message}; {error.remedy}", freshness=self.freshness)
        older = [line for line in self.run_lines if before is None or line.seq < before]
        found = [line for line in older if wanted.matches(line)]
        page = tuple(found[:limit])
        more = page[-1].seq if len(found) > limit else None
        return RunsPage(page, more, 1, head, self.index, self.freshness)

    def run(self, run_id: str, events: int = 1000) -> RunDetail:
        """The run's page, or one that says it is not there."""
        found = self.run_pages.get(run_id)
        if found is None:
            missing = f"no event of run {run_id} is in the ledger"
            return RunDetail(run_id, missing=missing, freshness=self.freshness)
        cut = found.events[:events]
        return replace(found, events=cut, more=found.more or len(cut) < len(found.events))

    def event(self, seq: int) -> EventDetail:
        """The event's page, or one that says it is not there."""
        found = self.event_pages.get(seq)
        return found or EventDetail(seq, missing=f"there is no event #{seq:,}", freshness=self.freshness)

    def packs(self) -> PacksPage:
        """Its packs."""
        return PacksPage(tuple(self.pack_rows), self.freshness)

    def matrix(self) -> MatrixFacts:
        """The facts it was given."""
        return self.matrix_facts or MatrixFacts(self.clock.now(), self.freshness)

    def arming(self) -> ArmFacts:
        """The facts of arming it was given."""
        return self.arm_facts or ArmFacts(self.clock.now(), freshness=self.freshness)

    def checklist(self, name: str) -> Checklist:
        """The checklist it was given under this name, else one that says nothing."""
        given = self.checklists.get(name)
        return given or Checklist.unknown(name, self.clock.now(), "none was given")

    def alarm(self) -> int:
        """The newest incident of its bar."""
        return max((one.seq for one in self.bar_snapshot.incidents), default=0)

    def incidents(self) -> IncidentsFacts:
        """The incidents it was given."""
        return self.incidents_facts or IncidentsFacts(self.clock.now(), freshness=self.freshness)

    def incident(self, incident_id: str) -> IncidentDetail:
        """The incident's page; one without timeline where only its line was given, or nothing."""
        page = self.incident_pages.get(incident_id)
        if page is not None:
            return page
        lines = {one.incident_id: one for one in self.incidents().incidents}
        return IncidentDetail(self.clock.now(), lines.get(incident_id), freshness=self.freshness)

    def shadow(self) -> ShadowFacts:
        """The facts of shadow it was given."""
        return self.shadow_facts or ShadowFacts(self.clock.now(), freshness=self.freshness)

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True
