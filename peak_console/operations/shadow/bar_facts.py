"""Shadow for the posture bar: of node and ledger, asked every few seconds and by an index."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from peak_console.config.workspace import Workspace
from peak_console.domain.events import EventKind
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.jobs.listing import JobsNow
from peak_console.operations.shadow.books import book_lines
from peak_console.operations.shadow.drift import DriftBook, drift_lines
from peak_console.operations.shadow.job_lines import RecordedJobs
from peak_console.operations.shadow.newest import NewestEvents
from peak_console.operations.shadow.node_jobs import NodeJobs
from peak_console.operations.views.shadow import BookLine, DriftLine, DriftState, JobState
from peak_console.operations.views.shadow_bar import BookTrouble, DriftTrouble, JobTrouble, ShadowBar

EVERY: Final = timedelta(seconds=3)
"""How often the node is asked."""

_CYCLES: Final = 50
"""Cycles whose books are looked at, the newest."""
_NEAR: Final = Decimal("0.5")
"""The share of its limit from which a drawdown is told."""
_IN_ROW: Final = 2
_UNTOLD: Final = (DriftState.NOT_TESTED, DriftState.UNKNOWN)
_GRAVE: Final = (DriftState.QUARANTINED, DriftState.DRIFTED, DriftState.WATCH)


class BarShadow:
    """Reads it again and again. Used by one thread; raises ``LedgerUnavailable`` alone."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._node = NodeJobs(ws, runs=1)
        self._record = RecordedJobs()
        self._cycles = NewestEvents((EventKind.SHADOW_CYCLE_FINISHED,), _CYCLES)
        self._drift = DriftBook()
        self._known: ShadowBar | None = None

    def read(
        self, reader: LedgerReader, generation: int, now: datetime, max_drawdown_pct: Decimal | None
    ) -> ShadowBar:
        """Shadow now, at most three seconds old."""
        known = self._known
        if known is None or not timedelta(0) <= now - known.as_of < EVERY:
            told, _ = self._node.read(now)
            self._record.read(reader, generation)
            drift = drift_lines(
                self._ws, reader, self._node.drift, now, book=self._drift, generation=generation
            )
            books = book_lines(self._cycles.read(reader, generation))
            known = shadow_bar(now, told, self._record, drift, book_troubles(books, max_drawdown_pct))
            self._known = known
        return known


def shadow_bar(
    now: datetime,
    told: JobsNow | None,
    record: RecordedJobs,
    drift: Sequence[DriftLine],
    books: tuple[BookTrouble, ...] = (),
) -> ShadowBar:
    """What is worth a word on every screen. Pure; without a node's word what is due is not known."""
    jobs = () if told is None else told.jobs
    due = min(
        ((one.next_at, one.name) for one in jobs if one.next_at and one.state is JobState.WAITING),
        default=(None, ""),
    )
    gone = {one.name for one in jobs if one.state in {JobState.GONE, JobState.DISABLED}}
    return ShadowBar(
        now,
        told=told is not None,
        scheduled=sum(
            bool(one.schedule) and one.state not in {JobState.DISABLED, JobState.GONE} for one in jobs
        ),
        running=tuple(one.name for one in jobs if one.running),
        next_job=due[1],
        next_at=due[0],
        held=any(one.state is JobState.HELD for one in jobs),
        paused=sum(one.state is JobState.PAUSED for one in jobs),
        jobs=tuple(one for one in job_troubles(record) if one.name not in gone),
        books=books,
        models=len({one.name for one in drift}),
        unknown=len({one.name for one in drift} - {one.name for one in drift if one.state not in _UNTOLD}),
        drift=drift_troubles(drift),
        drift_at=max((at for one in drift if (at := _looked_at(one))), default=None),
    )


def job_troubles(record: RecordedJobs) -> tuple[JobTrouble, ...]:
    """Jobs that failed twice in a row, and those that missed runs since they last succeeded."""
    found = []
    for name, one in sorted(record.records.items()):
        failed = one.failed_in_row if one.failed_in_row >= _IN_ROW else 0
        if failed or one.missed_since:
            detail = one.newest.detail or one.newest.outcome if failed and one.newest else ""
            found.append(JobTrouble(name, failed, detail, one.missed_since, one.last_missed))
    return tuple(found)


def book_troubles(books: Sequence[BookLine], limit_pct: Decimal | None) -> tuple[BookTrouble, ...]:
    """Books that stand half of the limit or more below their highest; none where there is no limit."""
    if not limit_pct:
        return ()
    return tuple(
        BookTrouble(one.name, one.drawdown_pct, limit_pct)
        for one in books
        if one.drawdown_pct is not None and one.drawdown_pct >= limit_pct * _NEAR
    )


def drift_troubles(lines: Sequence[DriftLine]) -> tuple[DriftTrouble, ...]:
    """Each model once, by its gravest slot; those of which there is nothing to tell are left out."""
    found: dict[str, DriftTrouble] = {}
    for one in sorted((one for one in lines if one.state in _GRAVE), key=lambda one: _GRAVE.index(one.state)):
        evidence, alarm_at = one.gauge
        found.setdefault(one.name, DriftTrouble(one.name, one.state, one.why, evidence, alarm_at))
    return tuple(found.values())


def _looked_at(line: DriftLine) -> datetime | None:
    """When a model was last looked at: an answer under a test, or a check."""
    tested = line.last_answer_at if line.streams else None
    checks = (one.at for one in (line.canary, line.two_sample) if one is not None)
    return max((at for at in (tested, *checks) if at is not None), default=None)
