"""The Live snapshot of a ledger: rollups for what is closed, events for the last minutes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from peak_console.domain.clock import from_iso
from peak_console.domain.events import EventKind
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.views import alerts as alerting
from peak_console.operations.views.bar import BarSnapshot, BudgetLine
from peak_console.operations.views.body_fields import time_of
from peak_console.operations.views.freshness import Freshness
from peak_console.operations.views.live import (
    Alert,
    KeyFigures,
    LiveSeries,
    LiveSnapshot,
    Slot,
    SlotRow,
    Window,
)
from peak_console.operations.views.recent import SPAN_S, STEP_S, Recent
from peak_console.operations.views.rollup_fold import Gap, Sums, Windows, all_sums, series_of

_HOUR: Final = 3600
_TEN_MINUTES: Final = 600
_SLICE: Final = 1000
"""Events that one refresh folds in from before the console was opened."""
_BATCH: Final = 2000
_ENOUGH_S: Final = 300
"""Seconds of spending from which a day can be projected."""
_GAPS: Final = 20
"""Starts of the node that gaps are looked for at."""
_FAIL: Final = "FAIL"


@dataclass(frozen=True, slots=True)
class _Moment:
    """A moment with the day it lies in, and when the ledger began. ``…_s`` are Unix seconds."""

    now: datetime
    now_s: float
    day: datetime
    known_from: float

    @property
    def day_s(self) -> int:
        return int(self.day.timestamp())


class LiveLedger:
    """Folds one ledger into Live snapshots; begins anew when the ledger is another."""

    def __init__(self) -> None:
        self._generation = -1
        self._begin()

    def _begin(self) -> None:
        self._recent = Recent()
        self._newest = self._oldest = 0
        self._complete = False
        self._windows: dict[Window, Windows] = {}
        self._today = Windows(_HOUR)
        self._first_s: float | None = None
        self._gaps: tuple[int, tuple[Gap, ...]] = (-1, ())

    def snapshot(
        self, reader: LedgerReader, generation: int, bar: BarSnapshot, window: Window | None, now: datetime
    ) -> LiveSnapshot:
        """The snapshot at ``now``, without a window over one for the ledger's age.

        Raises ``LedgerUnavailable``.
        """
        head, _ = reader.head()
        if generation != self._generation or head < self._newest:
            self._generation = generation
            self._begin()
        moment = _Moment(now, now.timestamp(), day_start(now, bar.timezone), self._known_from(reader))
        window = window or Window.for_age(max(0.0, moment.now_s - moment.known_from))
        self._read_events(reader, head, moment.now_s)
        self._read_today(reader, moment)
        windows = self._windows.setdefault(window, Windows(window.rollup_s))
        since = int(moment.now_s) - window.seconds + window.rollup_s
        since -= since % window.rollup_s
        windows.refresh(lambda start: reader.rollups(windows.width, start), since, int(moment.now_s))
        verdicts = _verdicts(reader, windows.width, since)
        sums = windows.sums()
        figures = self._figures(sums, verdicts, moment, since=since)
        if bar.budget_day is not None:
            figures = replace(figures, budget_today=bar.budget_day.limit)
        rows = _rows(sums, self._today.cost_by_slot(moment.day_s), bar.budgets)
        snapshot = LiveSnapshot(
            taken_at=now,
            window=window,
            series=self._series(reader, window, moment, verdicts, figures.budget_today),
            freshness=Freshness(now),
            figures=figures,
            rows=rows,
            tail=self._recent.tail,
            breakers=bar.breakers,
            refused_keys=self._recent.refused_keys(),
            workspace_new=not (rows or self._recent.tail or _ever_called(reader)),
        )
        return replace(
            snapshot, alerts=self.alerts_for(snapshot, bar), marks=alerting.marks(snapshot.figures)
        )

    @property
    def complete(self) -> bool:
        """Whether the last minutes are folded whole."""
        return self._complete

    def alerts_for(self, snapshot: LiveSnapshot, bar: BarSnapshot) -> tuple[Alert, ...]:
        """The alerts of a snapshot under the status of now."""
        return alerting.alerts(
            bar,
            snapshot.figures,
            snapshot.series,
            snapshot.rows,
            window=snapshot.window,
            refused_keys=snapshot.refused_keys,
        )

    def _read_events(self, reader: LedgerReader, head: int, now_s: float) -> None:
        """New events forward; older ones backward, a slice each refresh, until the span is full."""
        if not self._newest:
            self._newest = self._oldest = head + 1
            self._newest = head
        while self._newest < head:
            events = reader.read(self._newest, _BATCH)
            if not events:
                break
            self._recent.take(events)
            self._newest = events[-1].seq
        if not self._complete:
            self._read_older(reader, now_s)
        self._recent.forget(now_s)

    def _read_older(self, reader: LedgerReader, now_s: float) -> None:
        page = reader.find(EventFilter(), self._oldest, _SLICE)
        within = [event for event in page.events if time_of(event).timestamp() >= now_s - SPAN_S]
        self._recent.take_older(page.events)
        if page.events:
            self._oldest = page.events[-1].seq
        enough = len(within) < len(page.events) and len(self._recent.tail) > 0
        self._complete = enough or page.next_before is None or self._oldest <= 1

    def _read_today(self, reader: LedgerReader, moment: "_Moment") -> None:
        """Read the day's costs."""
        width = _HOUR if moment.day_s % _HOUR == 0 else _TEN_MINUTES
        if self._today.width != width:
            self._today = Windows(width)
        self._today.refresh(lambda since: reader.rollups(width, since), moment.day_s, int(moment.now_s))

    def _known_from(self, reader: LedgerReader) -> float:
        """When the ledger began."""
        if self._first_s is None:
            first = reader.read(0, 1, bodies=False)
            if not first:
                return float("inf")
            self._first_s = from_iso(first[0].ts).timestamp()
        return self._first_s

    def _figures(
        self, sums: Mapping[Slot, Sums], verdicts: "_Verdicts", moment: "_Moment", *, since: int
    ) -> KeyFigures:
        total = all_sums(sums)
        p50, p95, p99 = total.quantiles_ms()
        judged = sum(count for count, _ in verdicts.values())
        failed = sum(count for _, count in verdicts.values())
        today = sum(self._today.cost_by_slot(moment.day_s).values())
        covered = max(60.0, moment.now_s - max(since, moment.known_from))
        calls = total.calls
        return KeyFigures(
            calls=calls,
            ended=total.ended,
            calls_per_min=calls / covered * 60 if calls else None,
            calls_per_min_now=self._rate_now(moment) if calls else None,
            error_pct=100 * total.errors / total.ended if total.ended else None,
            fallback_pct=fallback_share(sums),
            refused=total.refused,
            p50_ms=p50,
            p95_ms=p95,
            p99_ms=p99,
            cost_today=today,
            cost_projected=self._projected(today, moment),
            critic_fail_pct=100 * failed / judged if judged else None,
            critic_judged=judged,
            tokens_in=total.tokens_in,
            tokens_out=total.tokens_out,
        )

    def _rate_now(self, moment: "_Moment") -> float:
        """Hops a minute over the last minute, or over the ledger's life if that is shorter."""
        lived = min(60.0, max(10.0, moment.now_s - moment.known_from))
        return self._recent.sent_in_last(60, moment.now_s) / lived * 60

    def _projected(self, today: int, moment: "_Moment") -> int | None:
        """The day's cost if the rate of the last hours (one to two) goes on until the day's end."""
        now_s = int(moment.now_s)
        begin = max(moment.day_s, now_s - now_s % _HOUR - _HOUR)
        known = now_s - max(begin, moment.known_from)
        if known < _ENOUGH_S:
            return None
        left = (moment.day + timedelta(days=1) - moment.now).total_seconds()
        lately = sum(self._today.cost_by_slot(begin).values())
        return round(today + lately / known * max(0.0, left))

    def _series(
        self,
        reader: LedgerReader,
        window: Window,
        moment: "_Moment",
        verdicts: "_Verdicts",
        budget: int | None,
    ) -> LiveSeries:
        limit = budget / 1e9 / 24 if budget else None
        start = moment.now - timedelta(seconds=window.seconds)
        if window.step_s == STEP_S:
            return self._fine_series(start, moment, limit)
        step = window.step_s
        last = int(moment.now_s) - int(moment.now_s) % step
        starts = range(last - window.seconds + step, last + 1, step)
        volume, cost, p95 = series_of(
            self._windows[window],
            starts,
            now_s=moment.now_s,
            known_from=moment.known_from,
            gaps=self._read_gaps(reader),
        )
        fails = tuple(
            None if value is None else float(verdicts.get(place, (0, 0))[1])
            for place, value in zip(starts, cost, strict=True)
        )
        return LiveSeries(start, step, volume, cost, p95, fails, limit)

    def _fine_series(self, start: datetime, moment: "_Moment", limit: float | None) -> LiveSeries:
        recent, now_s, known_from = self._recent, moment.now_s, moment.known_from
        volume = tuple((layer, recent.volume(layer, now_s, known_from)) for layer in sorted(recent.layers()))
        return LiveSeries(
            start,
            STEP_S,
            volume,
            recent.cost_per_hour(now_s, known_from),
            recent.p95_ms(now_s),
            recent.fails(now_s, known_from),
            limit,
        )

    def _read_gaps(self, reader: LedgerReader) -> tuple[Gap, ...]:
        """Times without a node: from the event before each start of it to that start."""
        last = reader.last(EventKind.NODE_STARTED)
        if last is None:
            return ()
        if self._gaps[0] != last.seq:
            found: list[Gap] = []
            for event in reader.find(EventFilter(kinds=(EventKind.NODE_STARTED.value,)), None, _GAPS).events:
                before = reader.read(event.seq - 2, 1, bodies=False) if event.seq > 1 else []
                if before:
                    found.append(Gap(from_iso(before[0].ts).timestamp(), from_iso(event.ts).timestamp()))
            self._gaps = (last.seq, tuple(found))
        return self._gaps[1]


def day_start(now: datetime, timezone: str) -> datetime:
    """When the day of ``now`` began in ``timezone``."""
    local = now.astimezone(ZoneInfo(timezone))
    return local.replace(hour=0, minute=0, second=0, microsecond=0)


_Verdicts = Mapping[int, tuple[int, int]]
"""Verdicts and fails by the start of their window."""


def _verdicts(reader: LedgerReader, width: int, since: int) -> dict[int, tuple[int, int]]:
    """Verdicts and fails by window."""
    found: dict[int, tuple[int, int]] = {}
    for row in reader.critic(width, since):
        judged, failed = found.get(row.start, (0, 0))
        found[row.start] = (judged + row.count, failed + (row.count if row.names[1] == _FAIL else 0))
    return found


def _rows(
    sums: Mapping[Slot, Sums], today: Mapping[Slot, int], budgets: Sequence[BudgetLine]
) -> tuple[SlotRow, ...]:
    limits = {one.layer: one.limit for one in budgets if one.scope == "layer_day" and one.unit == "eur"}
    whole = next((one.limit for one in budgets if one.scope == "day" and one.unit == "eur"), None)
    rows: list[SlotRow] = []
    gave_way = {layer: fallback_share(_asked_for(sums, layer)) for layer in {slot.layer for slot in sums}}
    for slot in sorted(set(sums) | set(today)):
        one = sums.get(slot) or Sums()
        p50, p95, _ = one.quantiles_ms()
        cost, limit = today.get(slot, 0), limits.get(slot.layer, whole)
        if not (one.calls or one.errors or one.fallbacks or cost):
            continue
        share = 100 * cost / limit if limit else None
        fell = {"primary": gave_way.get(slot.layer), "critic": 0.0 if one.calls else None}.get(slot.role)
        rows.append(SlotRow(slot, one.calls, one.errors, p50, p95, cost, share, fell, ended=one.ended))
    return tuple(rows)


def _asked_for(sums: Mapping[Slot, Sums], layer: str) -> dict[Slot, Sums]:
    """The chain of a layer's primary: a critic has no fallbacks of its own."""
    return {slot: one for slot, one in sums.items() if slot.layer == layer and slot.role != "critic"}


def fallback_share(sums: Mapping[Slot, Sums]) -> float | None:
    """Answers that fallbacks gave, in percent of all; where nobody answered, whether fallbacks were asked.

    An answer is counted once, when it comes, so the share never exceeds 100: the fallbacks that were
    taken are counted before the calls they lead to, and one call may take several.
    """
    answered = sum(one.latency.count for one in sums.values())
    fallbacks = [one for slot, one in sums.items() if slot.role == "fallback"]
    if answered:
        return 100.0 * sum(one.latency.count for one in fallbacks) / answered
    if not any(one.calls for one in sums.values()):
        return None
    return 100.0 if any(one.calls for one in fallbacks) else 0.0


def _ever_called(reader: LedgerReader) -> bool:
    return reader.last(EventKind.CALL_REQUESTED) is not None
