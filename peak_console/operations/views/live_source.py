"""The source over a real workspace: the ledger's rollups and events, the control folder, the log."""

from dataclasses import replace
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Final

from peak_console.config.workspace import Workspace
from peak_console.domain.clock import Clock, SystemClock, iso
from peak_console.domain.errors import LedgerUnavailable
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.logs import read_log
from peak_console.operations.status import StatusReader
from peak_console.operations.views.bar import BarSnapshot
from peak_console.operations.views.call_detail import CallDetail
from peak_console.operations.views.call_filter import CallFilter, read_call_filter
from peak_console.operations.views.call_fold import detail_of, text_hashes
from peak_console.operations.views.call_page import whole_page, with_moment
from peak_console.operations.views.calls import CallLine, CallsPage
from peak_console.operations.views.freshness import Freshness
from peak_console.operations.views.hop_fold import CLOSING, line_of
from peak_console.operations.views.ledger_door import LedgerDoor
from peak_console.operations.views.live import LiveSeries, LiveSnapshot, Window
from peak_console.operations.views.live_ledger import LiveLedger
from peak_console.operations.views.log import LogPage
from peak_console.operations.views.pending import background_hops, marked, with_pending
from peak_console.operations.views.source import Source
from peak_console.operations.views.terms import FilterInvalid
from peak_console.operations.views.texts import find_texts, segment_state

if TYPE_CHECKING:
    from peak_console.operations.incidents.watching import IncidentsReader
    from peak_console.operations.shadow.facts import ShadowReader
    from peak_console.operations.views.arming import ArmFacts
    from peak_console.operations.views.checklists import Checklist
    from peak_console.operations.views.incidents import IncidentDetail, IncidentsFacts
    from peak_console.operations.views.live_runs import LiveRuns
    from peak_console.operations.views.matrix import MatrixFacts
    from peak_console.operations.views.matrix_read import MatrixReader
    from peak_console.operations.views.packs import PacksPage
    from peak_console.operations.views.run_detail import EventDetail, RunDetail
    from peak_console.operations.views.runs import RunsPage
    from peak_console.operations.views.shadow import ShadowFacts

_PATIENCE_S: Final = 0.25
"""How long a page of calls looks for what its filter lets through before it says how far it got."""
_BATCH: Final = 400


def open_source(workspace: Workspace | None, *, problem: str = "", clock: Clock | None = None) -> Source:
    """The source over ``workspace``; without one, a source that says so everywhere."""
    clock = clock or SystemClock()
    if workspace is not None:
        return LiveSource(workspace, clock=clock)
    from peak_console.operations.views.nowhere_source import NowhereSource  # noqa: PLC0415 - seldom

    return NowhereSource(problem, clock)


class LiveSource:
    """Reads a workspace. Used by one thread; never raises for what a workspace can come to."""

    def __init__(self, ws: Workspace, *, clock: Clock | None = None, door: LedgerDoor | None = None) -> None:
        self._ws = ws
        self._clock = clock or SystemClock()
        self._door = door or LedgerDoor(ws.ledger)
        self._status = StatusReader(ws, clock=self._clock, door=self._door, shadow=True)
        self._live = LiveLedger()
        self._bar: BarSnapshot | None = None
        self._good: dict[Window | None, LiveSnapshot] = {}
        self._page: CallsPage | None = None
        self._details: dict[str, tuple[tuple[int, ...], CallDetail]] = {}
        self._runs: LiveRuns | None = None
        self._matrix: MatrixReader | None = None
        self._incidents: IncidentsReader | None = None
        self._shadow: ShadowReader | None = None
        self._log: tuple[tuple[str, int, int, int], LogPage] | None = None

    def close(self) -> None:
        """Let go of the ledger and the index."""
        self._status.close()
        if self._runs is not None:
            self._runs.close()

    def bar(self) -> BarSnapshot:
        """The posture bar's facts; the first ones before the configs are read, which takes a moment."""
        first = self._bar is None
        self._bar = self._status.read(configs=not first)
        return self._bar

    def live(self, window: Window | None) -> LiveSnapshot:
        """The Live screen over ``window``; over the one that suits the ledger's age where there is none."""
        now = self._clock.now()
        bar = self._bar or self.bar()
        try:
            snapshot = self._live.snapshot(self._door.reader(), self._door.generation, bar, window, now)
        except LedgerUnavailable as error:
            self._door.close()
            return self._live_without(error, bar, window, now)
        self._good[window] = snapshot
        return snapshot

    def _live_without(
        self, error: LedgerUnavailable, bar: BarSnapshot, window: Window | None, now: datetime
    ) -> LiveSnapshot:
        good = self._good.get(window)
        if good is not None:
            fresh = replace(good.freshness, why=error.message, remedy=error.remedy)
            return replace(good, taken_at=now, freshness=fresh, alerts=self._live.alerts_for(good, bar))
        missing = error.code in {"ledger_missing", "ledger_empty"}
        fresh = Freshness(now) if missing else Freshness(None, error.message, error.remedy)
        shown = window or Window.for_age(0.0)
        empty = LiveSnapshot(now, shown, LiveSeries(now, shown.step_s), fresh, workspace_new=missing)
        return replace(empty, alerts=self._live.alerts_for(empty, bar))

    def calls(self, text: str = "", before: int | None = None, limit: int = 200) -> CallsPage:
        """A page of calls under the filter."""
        now = self._clock.now()
        try:
            wanted = read_call_filter(text, now)
        except FilterInvalid as error:
            return CallsPage(problem=f"{error.message}; {error.remedy}", freshness=Freshness(now))
        try:
            reader = self._door.reader()
            page = _find_calls(reader, wanted, before, limit, Freshness(now))
            page = with_pending(reader, page, wanted, before)
        except LedgerUnavailable as error:
            self._door.close()
            return self._calls_without(error, now)
        if before is None and wanted.everything:
            self._page = page
        return page

    def _calls_without(self, error: LedgerUnavailable, now: datetime) -> CallsPage:
        if self._page is not None:
            fresh = replace(self._page.freshness, why=error.message, remedy=error.remedy)
            return replace(self._page, freshness=fresh)
        missing = error.code in {"ledger_missing", "ledger_empty"}
        return CallsPage(
            freshness=Freshness(now) if missing else Freshness(None, error.message, error.remedy)
        )

    def call(self, call_id: str) -> CallDetail:
        """One call's page."""
        now = self._clock.now()
        try:
            detail = self._detail(self._door.reader(), call_id, Freshness(now))
        except LedgerUnavailable as error:
            self._door.close()
            _, good = self._details.get(call_id, ((), None))
            if good is not None:
                return replace(
                    good, freshness=replace(good.freshness, why=error.message, remedy=error.remedy)
                )
            return CallDetail(
                call_id, missing=f"{error.message}; {error.remedy}", freshness=Freshness(None, error.message)
            )
        bar = self._bar
        return detail if bar is None else replace(detail, budgets=bar.budgets, breakers=bar.breakers or ())

    def _detail(self, reader: LedgerReader, call_id: str, freshness: Freshness) -> CallDetail:
        events = reader.by_call(call_id)
        detail = replace(detail_of(call_id, events), freshness=freshness)
        if detail.missing:
            return detail
        state = (reader.head()[0], *segment_state(self._ws.runs, detail.run_id))
        seen, known = self._details.get(call_id, ((), None))
        if known is not None and seen == state and not known.moment_due:
            return replace(known, freshness=freshness)
        whole = replace(
            with_moment(reader, whole_page(reader, detail, events), events, read=known is not None),
            texts=find_texts(self._ws.runs, detail.run_id, text_hashes(events)),
        )
        self._details = {call_id: (state, whole)}
        return whole

    def runs(self, text: str = "", before: int | None = None, limit: int = 200) -> "RunsPage":
        """A page of runs under the filter."""
        return self._live_runs().runs(text, before, limit)

    def run(self, run_id: str, events: int = 1000) -> "RunDetail":
        """One run's page."""
        return self._live_runs().run(run_id, events)

    def event(self, seq: int) -> "EventDetail":
        """One event's page."""
        return self._live_runs().event(seq)

    def packs(self) -> "PacksPage":
        """The evidence packs."""
        return self._live_runs().packs()

    def _live_runs(self) -> "LiveRuns":
        from peak_console.operations.views.live_runs import LiveRuns  # noqa: PLC0415 - not for a first look

        if self._runs is None:
            self._runs = LiveRuns(self._ws, self._door, self._clock)
        return self._runs

    def matrix(self) -> "MatrixFacts":
        """What configs and ledger know of the models in the matrix."""
        from peak_console.operations.views.matrix_read import MatrixReader  # noqa: PLC0415 - loads the configs

        if self._matrix is None:
            self._matrix = MatrixReader(self._ws)
        bar = self._bar or self.bar()
        return self._matrix.read(self._door, bar.phase or "", self._clock.now())

    def arming(self) -> "ArmFacts":
        """What the node says of arming, and what happened before."""
        from peak_console.operations.arming import arm_facts  # noqa: PLC0415 - loads the keys

        return arm_facts(self._ws, self._clock)

    def checklist(self, name: str) -> "Checklist":
        """A checklist of the runbook, judged now."""
        from peak_console.operations.checklists import checklist  # noqa: PLC0415 - loads lint and the lock

        return checklist(self._ws, name, self._clock)

    def alarm(self) -> int:
        """The place of the last ``incident.opened``; 0 where none is, or nobody can read now."""
        try:
            newest = self._door.reader().last("incident.opened")
        except LedgerUnavailable:
            return 0
        return 0 if newest is None else newest.seq

    def incidents(self) -> "IncidentsFacts":
        """Every incident, and whom to call."""
        return self._incidents_reader().facts(self._clock.now())

    def incident(self, incident_id: str) -> "IncidentDetail":
        """One incident's page."""
        bar = self._bar or self.bar()
        return self._incidents_reader().detail(incident_id, self._clock.now(), bar.stopped_scopes)

    def shadow(self) -> "ShadowFacts":
        """Jobs, cycles, drift and readiness."""
        from peak_console.operations.shadow.facts import ShadowReader  # noqa: PLC0415 - not for a first look

        if self._shadow is None:
            self._shadow = ShadowReader(self._ws, self._door)
        return self._shadow.facts(self._clock.now())

    def _incidents_reader(self) -> "IncidentsReader":
        from peak_console.operations.incidents.watching import IncidentsReader  # noqa: PLC0415 - not for a first look

        if self._incidents is None:
            self._incidents = IncidentsReader(self._ws, self._door)
        return self._incidents

    def log(self, text: str = "", limit: int = 500) -> LogPage:
        """The newest log lines under the filter."""
        now = self._clock.now()
        try:
            found = self._ws.log.stat()
            key = (text, limit, found.st_ino, found.st_size)
        except OSError:
            key = (text, limit, 0, -1)
        if self._log is not None and self._log[0] == key and key[3] >= 0 and "since" not in text:
            return replace(self._log[1], freshness=Freshness(now))
        page = read_log(self._ws.log, text, now=now, limit=limit)
        page = replace(page, path=str(self._ws.log.relative_to(self._ws.root)))
        self._log = (key, page)
        return page


def _find_calls(
    reader: LedgerReader, wanted: CallFilter, before: int | None, limit: int, freshness: Freshness
) -> CallsPage:
    """The newest lines below ``before`` that fit, for as long as the patience lasts."""
    head, _ = reader.head()
    asked = _event_filter(wanted)
    lines: list[CallLine] = []
    background = background_hops(reader, before)
    place, until = before, monotonic() + _PATIENCE_S
    while True:
        page = reader.find(asked, place, min(_BATCH, max(limit, 50)))
        for event in page.events:
            line = line_of(event)
            if line is not None and wanted.matches(line := marked(line, background)):
                lines.append(line)
                if len(lines) == limit:
                    return CallsPage(tuple(lines), line.seq, line.seq, head, freshness)
        place = page.next_before
        if place is None:
            return CallsPage(tuple(lines), None, 1, head, freshness)
        if monotonic() > until:
            return CallsPage(tuple(lines), place, place, head, freshness)


def _event_filter(wanted: CallFilter) -> EventFilter:
    """What the ledger's indexes can answer of the filter; the rest is tested line by line."""
    exact = dict(wanted.exact)
    kinds = tuple(CLOSING[one] for one in (wanted.outcomes or CLOSING))

    def among(name: str) -> tuple[str, ...]:
        return (exact[name],) if name in exact else ()

    return EventFilter(
        kinds=kinds,
        layers=among("layer"),
        roles=among("role"),
        providers=among("provider"),
        model_ids=among("model_id"),
        run_id=exact.get("run_id"),
        call_id=exact.get("call_id"),
        since=iso(wanted.since) if wanted.since else None,
    )
