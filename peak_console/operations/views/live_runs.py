"""Runs, events and packs of a real workspace, for the live source: from the index where there is one."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from peak_console.config.workspace import Workspace
from peak_console.domain.clock import Clock
from peak_console.domain.errors import LedgerUnavailable, PeakError
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.search.index import IndexUnavailable
from peak_console.ledger.search.query import IndexReader
from peak_console.operations.views.body_fields import EPOCH, moment
from peak_console.operations.views.event_page import event_page
from peak_console.operations.views.freshness import Freshness
from peak_console.operations.views.ledger_door import LedgerDoor
from peak_console.operations.views.ledger_runs import find_runs
from peak_console.operations.views.packs import PackRow, PacksPage
from peak_console.operations.views.run_detail import EventDetail, RunDetail
from peak_console.operations.views.run_filter import RunFilter, read_run_filter
from peak_console.operations.views.run_page import RunPages
from peak_console.operations.views.run_rows import line_of_row
from peak_console.operations.views.runs import IndexState, RunsPage
from peak_console.operations.views.terms import FilterInvalid

_FEW: Final = 50
"""Runs on a page that is read from the ledger itself."""


class LiveRuns:
    """Reads runs of a workspace. Used by one thread; never raises for what a workspace can come to."""

    def __init__(self, ws: Workspace, door: LedgerDoor, clock: Clock) -> None:
        self._ws, self._door, self._clock = ws, door, clock
        self._index: IndexReader | None = None
        self._file = (0, 0)
        self._genesis = ("", -1)
        self._page: RunsPage | None = None
        self._pages = RunPages(ws)
        self._events: dict[int, EventDetail] = {}

    def close(self) -> None:
        """Let go of the index."""
        if self._index is not None:
            self._index.close()
            self._index = None

    def runs(self, text: str, before: int | None, limit: int) -> RunsPage:
        """A page of runs under the filter."""
        now = self._clock.now()
        try:
            wanted = read_run_filter(text, now)
        except FilterInvalid as error:
            return RunsPage(problem=f"{error.message}; {error.remedy}", freshness=Freshness(now))
        try:
            page = self._find(self._door.reader(), wanted, before, limit, Freshness(now))
        except LedgerUnavailable as error:
            self._door.close()
            return self._without(error, now)
        if before is None and wanted.everything:
            self._page = page
        return page

    def _find(
        self, reader: LedgerReader, wanted: RunFilter, before: int | None, limit: int, fresh: Freshness
    ) -> RunsPage:
        head = reader.head()[0]
        try:
            index = self._opened(reader)
            position = index.position()
            found = index.find(wanted.query(_runs_of(reader, wanted.ids)), before, limit)
        except IndexUnavailable as error:
            self.close()
            state = IndexState(0, head, error.message, error.remedy)
            if wanted.words or wanted.without:
                problem = f"words cannot be searched for: {error.message}; {error.remedy}"
                return RunsPage(head_seq=head, index=state, freshness=fresh, problem=problem)
            lines, next_before, scanned = find_runs(reader, wanted, before, min(limit, _FEW))
            return RunsPage(tuple(lines), next_before, scanned, head, state, fresh)
        lines = [line_of_row(row) for row in found.rows]
        state = IndexState(position.seq, head)
        return RunsPage(tuple(lines), found.next_before, found.scanned_to, head, state, fresh)

    def _opened(self, reader: LedgerReader) -> IndexReader:
        """The index of this ledger. Raises ``IndexUnavailable``."""
        try:
            found = self._ws.search.stat()
            file = (found.st_dev, found.st_ino)
        except OSError:
            file = (0, 0)
        if self._index is None or file != self._file:
            self.close()
            self._index = IndexReader(self._ws.search)
            self._file = file
        position = self._index.position()
        if position.seq and position.genesis != self._genesis_of(reader):
            raise IndexUnavailable(
                "the index is of another ledger",
                code="index_foreign",
                remedy="the node fills it anew: peak node start",
            )
        return self._index

    def _genesis_of(self, reader: LedgerReader) -> str:
        if self._genesis[1] != self._door.generation:
            first = reader.read(0, 1, bodies=False)
            self._genesis = (first[0].hash if first else "", self._door.generation)
        return self._genesis[0]

    def _without(self, error: LedgerUnavailable, now: datetime) -> RunsPage:
        if self._page is not None:
            return replace(self._page, freshness=replace(self._page.freshness, why=error.message))
        missing = error.code in {"ledger_missing", "ledger_empty"}
        fresh = Freshness(now) if missing else Freshness(None, error.message, error.remedy)
        return RunsPage(freshness=fresh)

    def run(self, run_id: str, events: int) -> RunDetail:
        """One run's page."""
        try:
            return self._pages.page(self._door.reader(), run_id, events, Freshness(self._clock.now()))
        except LedgerUnavailable as error:
            self._door.close()
            return self._pages.last(run_id, error)

    def event(self, seq: int) -> EventDetail:
        """One event's page."""
        now = self._clock.now()
        try:
            detail = event_page(self._door.reader(), seq, Freshness(now), self._events.get(seq))
        except LedgerUnavailable as error:
            self._door.close()
            known = self._events.get(seq)
            if known is not None:
                return replace(known, freshness=replace(known.freshness, why=error.message))
            return EventDetail(seq, missing=error.message, freshness=Freshness(None, error.message))
        self._events = {seq: detail}
        return detail

    def packs(self) -> PacksPage:
        """The evidence packs."""
        from peak_console.operations.evidence import PackLine, list_packs  # noqa: PLC0415 - loads cryptography

        def row(one: PackLine) -> PackRow:
            at = moment(one.sealed_at) or EPOCH
            path = one.path
            shown = path.relative_to(self._ws.root) if path.is_relative_to(self._ws.root) else path
            return PackRow(
                one.run_id, one.edition, at, one.files, one.bytes, one.state, str(shown), one.recorded
            )

        fresh = Freshness(self._clock.now())
        try:
            return PacksPage(tuple(row(one) for one in list_packs(self._ws)), fresh)
        except (OSError, PeakError) as error:
            return PacksPage(freshness=Freshness(None, str(error)), problem=str(error))


def _runs_of(reader: LedgerReader, ids: Sequence[str]) -> list[str]:
    """The runs that calls and events belong to."""
    runs: set[str] = set()
    for one in ids:
        if one.startswith("#"):
            event = reader.by_seq(int(one[1:]))
        elif one.startswith("ev_"):
            event = reader.by_event(one)
        else:
            event = next(iter(reader.by_call(one)), None)
        if event is not None and event.run_id:
            runs.add(event.run_id)
    return sorted(runs)
