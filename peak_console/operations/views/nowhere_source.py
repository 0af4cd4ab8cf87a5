"""The source where there is no workspace."""

from dataclasses import replace

from peak_console.domain.clock import Clock
from peak_console.operations.status import no_workspace
from peak_console.operations.views.arming import ArmFacts
from peak_console.operations.views.bar import BarSnapshot
from peak_console.operations.views.call_detail import CallDetail
from peak_console.operations.views.calls import CallsPage
from peak_console.operations.views.checklists import Checklist
from peak_console.operations.views.freshness import Freshness
from peak_console.operations.views.incidents import IncidentDetail, IncidentsFacts
from peak_console.operations.views.live import LiveSeries, LiveSnapshot, Window
from peak_console.operations.views.live_ledger import LiveLedger
from peak_console.operations.views.log import LogPage
from peak_console.operations.views.matrix import MatrixFacts
from peak_console.operations.views.packs import PacksPage
from peak_console.operations.views.run_detail import EventDetail, RunDetail
from peak_console.operations.views.runs import RunsPage
from peak_console.operations.views.shadow import ShadowFacts


class NowhereSource:
    """Every screen says that there is none."""

    def __init__(self, problem: str, clock: Clock) -> None:
        self._problem = problem or "no workspace is open"
        self._clock = clock
        self._live = LiveLedger()

    def _fresh(self) -> Freshness:
        return Freshness(None, self._problem, "make one with: peak init DIR")

    def bar(self) -> BarSnapshot:
        """Unknown, which acts as stopped."""
        return no_workspace(self._problem, self._clock.now())

    def live(self, window: Window | None) -> LiveSnapshot:
        """Nothing but the alert."""
        now, window = self._clock.now(), window or Window.for_age(0.0)
        empty = LiveSnapshot(now, window, LiveSeries(now, window.step_s), self._fresh())
        return replace(empty, alerts=self._live.alerts_for(empty, self.bar()))

    def calls(self, text: str = "", before: int | None = None, limit: int = 200) -> CallsPage:  # noqa: ARG002
        """No calls."""
        return CallsPage(freshness=self._fresh())

    def call(self, call_id: str) -> CallDetail:
        """No call."""
        return CallDetail(call_id, missing=self._problem, freshness=self._fresh())

    def runs(self, text: str = "", before: int | None = None, limit: int = 200) -> RunsPage:  # noqa: ARG002
        """No runs."""
        return RunsPage(freshness=self._fresh())

    def run(self, run_id: str, events: int = 1000) -> RunDetail:  # noqa: ARG002
        """No run."""
        return RunDetail(run_id, missing=self._problem, freshness=self._fresh())

    def event(self, seq: int) -> EventDetail:
        """No event."""
        return EventDetail(seq, missing=self._problem, freshness=self._fresh())

    def packs(self) -> PacksPage:
        """No packs."""
        return PacksPage(freshness=self._fresh(), problem=self._problem)

    def matrix(self) -> MatrixFacts:
        """Nothing is known."""
        return MatrixFacts(self._clock.now(), self._fresh())

    def log(self, text: str = "", limit: int = 500) -> LogPage:  # noqa: ARG002
        """No log."""
        return LogPage(problem=self._problem, freshness=self._fresh())

    def arming(self) -> ArmFacts:
        """Nothing can be armed."""
        why = (self._problem,)
        return ArmFacts(self._clock.now(), refusals=why, drill_refusals=why, freshness=self._fresh())

    def checklist(self, name: str) -> Checklist:
        """Nothing to judge."""
        return Checklist.unknown(name, self._clock.now(), self._problem, "make one with: peak init DIR")

    def alarm(self) -> int:
        """None."""
        return 0

    def incidents(self) -> IncidentsFacts:
        """No incidents, and nobody to call."""
        return IncidentsFacts(self._clock.now(), contacts_problem=self._problem, freshness=self._fresh())

    def incident(self, incident_id: str) -> IncidentDetail:  # noqa: ARG002
        """No incident."""
        return IncidentDetail(self._clock.now(), None, freshness=self._fresh())

    def shadow(self) -> ShadowFacts:
        """Nothing runs."""
        return ShadowFacts(self._clock.now(), problem=self._problem, freshness=self._fresh())

    def close(self) -> None:
        """Nothing is held."""
