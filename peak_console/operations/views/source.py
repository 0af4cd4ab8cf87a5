"""Where a screen's snapshots come from. A source never raises: it tells the last good figure and why."""

from typing import TYPE_CHECKING, Protocol

from peak_console.operations.views.bar import BarSnapshot
from peak_console.operations.views.call_detail import CallDetail
from peak_console.operations.views.calls import CallsPage
from peak_console.operations.views.live import LiveSnapshot, Window
from peak_console.operations.views.log import LogPage

if TYPE_CHECKING:
    from peak_console.operations.views.arming import ArmFacts
    from peak_console.operations.views.checklists import Checklist
    from peak_console.operations.views.incidents import IncidentDetail, IncidentsFacts
    from peak_console.operations.views.matrix import MatrixFacts
    from peak_console.operations.views.packs import PacksPage
    from peak_console.operations.views.run_detail import EventDetail, RunDetail
    from peak_console.operations.views.runs import RunsPage
    from peak_console.operations.views.shadow import ShadowFacts


class Source(Protocol):
    """The reads that screens need. One thread asks at a time; every answer is frozen."""

    def bar(self) -> BarSnapshot:
        """The posture bar's facts, now."""
        ...

    def live(self, window: Window | None) -> LiveSnapshot:
        """The Live screen over ``window``; over the one that suits the ledger's age where there is none."""
        ...

    def calls(self, text: str = "", before: int | None = None, limit: int = 200) -> CallsPage:
        """A page of calls that the filter ``text`` lets through, older than ``before``."""
        ...

    def call(self, call_id: str) -> CallDetail:
        """One call's page."""
        ...

    def log(self, text: str = "", limit: int = 500) -> LogPage:
        """The newest log lines that the filter ``text`` lets through."""
        ...

    def runs(self, text: str = "", before: int | None = None, limit: int = 200) -> "RunsPage":
        """A page of runs that the filter ``text`` lets through, begun before place ``before``."""
        ...

    def run(self, run_id: str, events: int = 1000) -> "RunDetail":
        """One run's page, with its first ``events`` events."""
        ...

    def event(self, seq: int) -> "EventDetail":
        """One event's page."""
        ...

    def packs(self) -> "PacksPage":
        """The evidence packs; none of them is verified by listing it."""
        ...

    def matrix(self) -> "MatrixFacts":
        """What configs and ledger know of the models in the matrix."""
        ...

    def arming(self) -> "ArmFacts":
        """What is armed, asked for, refused, and how it ended before."""
        ...

    def alarm(self) -> int:
        """The place of the newest opened incident, 0 where none is known: asked more often than the bar."""
        ...

    def incidents(self) -> "IncidentsFacts":
        """Every incident, open ones first, and whom to call."""
        ...

    def incident(self, incident_id: str) -> "IncidentDetail":
        """One incident with its timeline, its card, what it touches and the runs that were alive."""
        ...

    def checklist(self, name: str) -> "Checklist":
        """A checklist of the runbook, judged now; takes a moment."""
        ...

    def shadow(self) -> "ShadowFacts":
        """Jobs and their runs, cycles, drift, and readiness for the next phase; takes a moment."""
        ...

    def close(self) -> None:
        """Let go of files."""
        ...
