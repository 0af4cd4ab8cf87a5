"""The source over a workspace's past: every screen as of a moment, which a :class:`ReplayClock` moves.

Each answer is made of the ledger's events up to the moment, by the folds of the present. The moment is taken
anew with each :meth:`ReplaySource.bar`, so that what is shown together is of one moment.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

from peak_console.config.workspace import Workspace
from peak_console.domain.clock import SystemClock, iso
from peak_console.domain.errors import LedgerUnavailable, UsageWrong
from peak_console.ledger.as_of.reader import AsOfReader
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.search.index import IndexUnavailable
from peak_console.ledger.search.query import IndexReader
from peak_console.operations.logs import read_log
from peak_console.operations.status import StatusReader
from peak_console.operations.views.arm_past import ARM_KINDS, facts_at
from peak_console.operations.views.arming import ArmFacts
from peak_console.operations.views.bar import Armed, BarSnapshot, LedgerHead
from peak_console.operations.views.checklists import Checklist
from peak_console.operations.views.freshness import Freshness
from peak_console.operations.views.ledger_door import LedgerDoor
from peak_console.operations.views.live import LiveSnapshot, Window
from peak_console.operations.views.live_runs import LiveRuns
from peak_console.operations.views.live_source import LiveSource
from peak_console.operations.views.log import LogPage
from peak_console.operations.views.packs import PacksPage
from peak_console.operations.views.replay_bar import BarAsOf
from peak_console.operations.views.replay_clock import ReplayClock, ReplaySpan
from peak_console.operations.views.replay_marks import MarkFound, mark_beside, marks_along
from peak_console.operations.views.replay_moments import read_moment, read_span

if TYPE_CHECKING:
    from peak_console.operations.shadow.past import PastShadow
    from peak_console.operations.views.shadow import ShadowFacts

_FOLDED_ON: Final = 4_000
"""So many events forward are folded onto what is known; of more, the screens begin anew."""
_PATIENCE_S: Final = 0.15
"""How long one look at Live reads older events before it shows what it has."""
_ARM_EVENTS: Final = 100
"""How many events of arming are looked at: the newest grant is among them."""
_PRUNED: Final = "details of this minute were pruned: its figures are incomplete"


class AsOfDoor(LedgerDoor):
    """The way to the ledger as of the moment that a clock shows."""

    def __init__(self, path: Path, clock: ReplayClock) -> None:
        super().__init__(path)
        self._clock = clock
        self._at: datetime | None = None

    def _open(self) -> LedgerReader:
        self._at = None
        return AsOfReader(self.path, 0)

    def reader(self) -> AsOfReader:
        """The reader as of the moment; raises ``LedgerUnavailable``."""
        reader = super().reader()
        if not isinstance(reader, AsOfReader):
            raise TypeError("this door opens on the past alone")
        at = self._clock.now()
        if at != self._at:
            place = reader.timeline.place_at(iso(at))
            if not 0 <= place - reader.seq <= _FOLDED_ON:
                self.generation += 1
            reader.move(place)
            self._at = at
        return reader


class ReplaySource(LiveSource):
    """Reads a workspace's past. Used by one thread; never raises for what a workspace can come to."""

    def __init__(
        self, ws: Workspace, clock: ReplayClock, *, environ: Mapping[str, str] | None = None
    ) -> None:
        self._past = AsOfDoor(ws.ledger, clock)
        super().__init__(ws, clock=clock, door=self._past)
        self._replay = clock
        self._now = StatusReader(ws, environ=environ)
        self._first = True
        self._fold = BarAsOf(ws)
        self._bar_at: tuple[datetime, BarSnapshot] | None = None
        self._live_at: tuple[datetime, int, Window | None] | None = None
        self._past_shadow: PastShadow | None = None

    def close(self) -> None:
        """Let go of the ledger."""
        super().close()
        self._now.close()

    def bar(self) -> BarSnapshot:
        """The bar as of the clock's moment, which is taken anew; the live posture beside it."""
        at = self._replay.latch()
        here = self._now.read(configs=not self._first)
        self._first = False
        if self._bar_at is None or self._bar_at[0] != at:
            self._bar_at = (at, self._bar_then(at, here))
            self._forget()
        self._bar = replace(
            self._bar_at[1],
            live_posture=here.posture,
            complete=here.complete,
            host=here.host,
            operator=here.operator,
            foreign_urls=here.foreign_urls,
        )
        return self._bar

    def _bar_then(self, at: datetime, here: BarSnapshot) -> BarSnapshot:
        try:
            bar = self._fold.bar(self._past.reader(), at, here.node.session if here.node.running else None)
            return replace(bar, armed=_armed(self.arming())) if bar.posture.calls else bar
        except LedgerUnavailable as error:
            self._past.close()
            head = LedgerHead(freshness=Freshness(None, error.message, error.remedy))
            return BarSnapshot(at, posture_freshness=Freshness(at), ledger=head, workspace=here.workspace)

    def _forget(self) -> None:
        """What was read is of another moment, and no answer for this one."""
        self._good.clear()
        self._page, self._log, self._details = None, None, {}
        if self._runs is not None:
            self._runs.close()
            self._runs = None

    def live(self, window: Window | None) -> LiveSnapshot:
        """The Live screen as of the moment; a moment that is held is folded once."""
        asked = (self._replay.now(), self._past.generation, window)
        known = self._good.get(window)
        if known is not None and asked == self._live_at and self._live.complete:
            return known
        until = monotonic() + _PATIENCE_S
        snapshot = super().live(window)
        while not (self._live.complete or snapshot.freshness.why) and monotonic() < until:
            snapshot = super().live(window)
        self._live_at = (self._replay.now(), self._past.generation, window)
        return self._told(snapshot)

    def _told(self, snapshot: LiveSnapshot) -> LiveSnapshot:
        """The snapshot; where events of its last minute were pruned, it says so."""
        with contextlib.suppress(LedgerUnavailable):
            if self._past.reader().pruned and not snapshot.freshness.why:
                return replace(snapshot, freshness=replace(snapshot.freshness, why=_PRUNED))
        return snapshot

    def log(self, text: str = "", limit: int = 500) -> LogPage:
        """The newest log lines that were written by the moment, under the filter."""
        at = self._replay.now()
        page = read_log(self._ws.log, text, now=at, limit=limit, until=at)
        return replace(page, path=str(self._ws.log.relative_to(self._ws.root)))

    def arming(self) -> ArmFacts:
        """What was armed at the moment, and what had happened before, by the ledger."""
        at = self._replay.now()
        try:
            found = self._past.reader().find(EventFilter(kinds=ARM_KINDS), None, _ARM_EVENTS)
        except LedgerUnavailable as error:
            self._past.close()
            return ArmFacts(at, freshness=Freshness(None, error.message, error.remedy))
        return facts_at(found.events, at)

    def checklist(self, name: str) -> Checklist:
        """Not judged: configs, log and figures of the past are not there to be looked at."""
        why = "a checklist is judged on what is so now, not in the past"
        return Checklist.unknown(name, self._replay.now(), why, f"peak checklist {name}")

    def shadow(self) -> "ShadowFacts":
        """Jobs, cycles and drift as of the moment, by the ledger; readiness is not judged."""
        from peak_console.operations.shadow.past import PastShadow  # noqa: PLC0415 - not for a first look

        if self._past_shadow is None:
            self._past_shadow = PastShadow(self._ws, self._past)
        return self._past_shadow.facts(self._replay.now())

    def packs(self) -> PacksPage:
        """The evidence packs that were sealed by the moment; what is said of them holds now."""
        page = super().packs()
        at = self._replay.now()
        return replace(page, rows=tuple(one for one in page.rows if one.sealed_at <= at))

    def _live_runs(self) -> LiveRuns:
        if self._runs is None:
            self._runs = _PastRuns(self._ws, self._past, self._replay)
        return self._runs

    # -- the scrub line

    def marks(self, cells: int) -> tuple[str, ...]:
        """The gravest mark in each of so many equal parts of what is replayed; none without a ledger."""
        try:
            return marks_along(self._past.reader(), self._replay.span, cells)
        except LedgerUnavailable:
            self._past.close()
            return ()

    def beside(self, *, forward: bool) -> MarkFound | None:
        """The next or the last marked event, seen from where the replay stands; ``None`` for none."""
        try:
            return mark_beside(
                self._past.reader(), self._replay.span, self._replay.position(), forward=forward
            )
        except LedgerUnavailable:
            self._past.close()
            return None

    def moment(self, text: str) -> datetime | str:
        """The moment that ``text`` means; in words, why it means none."""
        try:
            with LedgerReader(self._ws.ledger) as reader:  # what is named may lie ahead of the moment
                told = read_moment(reader, text, self._replay.position(), day_of=self._replay.position)
        except (UsageWrong, LedgerUnavailable) as error:
            return f"{error.message}; {error.remedy}"
        span = self._replay.span
        if not span.start <= told.at <= span.end:
            return f"{_utc(told.at)} lies outside what is replayed: {_utc(span.start)} to {_utc(span.end)}"
        return told.at


class _PastRuns(LiveRuns):
    """Runs as of a moment: the index holds the present, so they are read from the ledger."""

    def _opened(self, reader: LedgerReader) -> IndexReader:  # noqa: ARG002 - the base's
        raise IndexUnavailable(
            "runs are read from the ledger as of this moment; the index of words holds the present alone",
            code="index_of_the_present",
            remedy="search words in: peak console",
        )


def _armed(facts: ArmFacts) -> Armed | None:
    """What was armed, as the bar shows it."""
    lease = facts.lease
    if lease is None:
        return None
    run = lease.run_id or None
    return Armed(lease.scope, run, lease.expires_at, lease.drill, lease.lease_id, lease.actor)


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"


def open_span(ws: Workspace, begin: str, end: str | None) -> ReplaySpan:
    """What to replay of a workspace. Raises ``UsageWrong`` and ``LedgerUnavailable``."""
    if not ws.ledger.exists():
        raise UsageWrong(
            "there is no ledger yet", code="replay_empty", remedy="start the node: peak node start"
        )
    with LedgerReader(ws.ledger) as reader:
        return read_span(reader, begin, end, SystemClock().now())
