"""The ledger as it stood after an event: every question of a reader, answered from the first events alone."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from peak_console.domain.clock import iso
from peak_console.domain.events import GENESIS_PREV_HASH, EventKind, LedgerEvent
from peak_console.ledger.as_of.breakers import BreakersAsOf
from peak_console.ledger.as_of.figures import Remainders, stored_pieces
from peak_console.ledger.as_of.money import Counters, MoneyAsOf
from peak_console.ledger.as_of.timeline import Timeline
from peak_console.ledger.filters import RARE_SQL, EventFilter, Page
from peak_console.ledger.folds.figures import CRITIC, DENIALS, ERRORS, Cell, Tally, window_start
from peak_console.ledger.folds.hop_money import HopMoney
from peak_console.ledger.folds.windows import BudgetRow, CountRow, RollupRow
from peak_console.ledger.reader import LedgerReader
from peak_console.policy.breaker import BreakerRules

if TYPE_CHECKING:
    from peak_console.budget.limits import Limit
    from peak_console.ledger.folds.breaker_rows import BreakerRow
    from peak_console.ledger.folds.budget_rows import BookedRow, ReservationRow

_FOR_EVER: Final = 2**62
_TALLIES: Final[Mapping[str, Tally]] = {"critic": CRITIC, "errors": ERRORS, "denials": DENIALS}


class AsOfReader(LedgerReader):
    """A reader of the first ``seq`` events of the ledger at ``path``; :meth:`move` changes how many.

    Figures, money and breakers are made of stored windows and of the events since in bounded time. Days of
    budgets are those of ``timezone``; failures of closed breakers count by ``rules``. Where bodies were
    pruned, figures of the minute that holds the place lack them, and :attr:`pruned` says so.
    """

    def __init__(
        self,
        path: Path,
        seq: int | None = None,
        *,
        timezone: str = "Europe/Berlin",
        rules: BreakerRules | None = None,
    ) -> None:
        super().__init__(path)
        self.timezone = timezone
        self.timeline = Timeline(self._rows)
        self._rest = Remainders(self._rows, self.timeline)
        self._money = MoneyAsOf(self._rows, self.timeline)
        self._breakers = BreakersAsOf(self._rows, rules or BreakerRules())
        self._costs: dict[int, dict[str, int]] = {}
        self._under_way: tuple[int, list[HopMoney]] = (-1, [])
        self._totals: tuple[int, list[RollupRow]] = (-1, [])
        self.seq = 0
        self.move(self.timeline.head() if seq is None else seq)

    def move(self, seq: int) -> None:
        """Read as of the first ``seq`` events from now on."""
        self.seq = max(0, min(seq, self.timeline.head()))

    @property
    def pruned(self) -> bool:
        """Whether figures lack events whose bodies were pruned."""
        rest = self._rest.of(self.seq)
        return rest is not None and rest.pruned

    # -- events

    def head(self) -> tuple[int, str]:
        """The place read as of, and its hash."""
        found = self._rows("SELECT seq, hash FROM ledger WHERE seq = ?", (self.seq,))
        return (found[0][0], found[0][1]) if found else (0, GENESIS_PREV_HASH)

    def read(self, after: int = 0, limit: int = 200, *, bodies: bool = True) -> list[LedgerEvent]:
        """Events with ``seq`` above ``after``, ascending."""
        return super().read(after, min(limit, self.seq - after), bodies=bodies) if after < self.seq else []

    def latest(self, limit: int = 200, *, bodies: bool = True) -> list[LedgerEvent]:
        """The last events, ascending."""
        limit = min(limit, self.seq)
        return self.read(self.seq - limit, limit, bodies=bodies)

    def by_event(self, event_id: str) -> LedgerEvent | None:
        """The event of this id."""
        found = super().by_event(event_id)
        return found if found is not None and found.seq <= self.seq else None

    def by_seq(self, seq: int) -> LedgerEvent | None:
        """The event at this place."""
        return super().by_seq(seq) if seq <= self.seq else None

    def by_call(self, call_id: str) -> list[LedgerEvent]:
        """All events of one logical call, ascending."""
        return [event for event in super().by_call(call_id) if event.seq <= self.seq]

    def by_run(self, run_id: str, after: int = 0, limit: int = 1000) -> list[LedgerEvent]:
        """Events of one run, ascending."""
        return [event for event in super().by_run(run_id, after, limit) if event.seq <= self.seq]

    def find(self, wanted: EventFilter, before: int | None = None, limit: int = 100) -> Page:
        """The newest events below ``before`` that fit ``wanted``, descending."""
        top = self.seq + 1 if before is None else min(before, self.seq + 1)
        return super().find(wanted, top, limit)

    def any_between(self, kind: str, after: int) -> bool:
        """Whether an event of ``kind``, not a request or an answer, stands after ``after``."""
        query = f"SELECT 1 FROM ledger WHERE kind = ? AND {RARE_SQL} AND seq > ? AND seq <= ? LIMIT 1"  # noqa: S608 - constant
        return bool(self._rows(query, (kind, after, self.seq)))

    def first_of(self, kinds: Iterable[str], after: int) -> int | None:
        """The first place after ``after``, also beyond the one read as of, of an event of ``kinds``."""
        query = f"SELECT min(seq) FROM ledger WHERE kind = ? AND {RARE_SQL} AND seq > ?"  # noqa: S608 - constant
        found = [seq for kind in kinds for (seq,) in self._rows(query, (kind, after)) if seq is not None]
        return min(found, default=None)

    def last_of(self, kinds: Iterable[str], upto: int) -> LedgerEvent | None:
        """The last event of ``kinds`` up to ``upto``, also beyond the place read as of."""
        found = super().find(EventFilter(kinds=tuple(kinds)), upto + 1, 1).events
        return found[0] if found else None

    def anywhere(self, seq: int) -> LedgerEvent | None:
        """The event at this place, also beyond the one read as of."""
        return super().by_seq(seq)

    # -- figures

    def rollups(self, width: int, since: int = 0, until: int | None = None) -> list[RollupRow]:
        """Figures by window of ``width`` from ``since``, in Unix seconds."""
        rest = self._rest.of(self.seq)
        if rest is None:
            return super().rollups(width, since, until)
        first, last = _bounds(width, since, until)
        edge = window_start(rest.edge, width) if width else 0
        whole = super().rollups(width, since, min(last, edge)) if width and first < edge else []
        cells: dict[tuple[int, str, str, str, str], Cell] = {}

        def add(start: int, key: tuple[str, str, str, str], cell: Cell) -> None:
            place = window_start(start, width)
            if first <= place < last:
                cells.setdefault((place, *key), Cell()).merge(cell)

        for piece, begin, end in stored_pieces(width, rest.edge):
            for row in super().rollups(piece, begin, end):
                add(row.start, row[1:5], Cell(row[5:15], row.latency))
        for minute, figures in rest.minutes.items():
            for key, cell in figures.cells.items():
                add(minute, key, cell)
        made = [
            RollupRow._make((*place, *cell.counts(), cell.latency.to_bytes()))
            for place, cell in cells.items()
        ]
        return sorted([*whole, *made], key=itemgetter(slice(5)))

    def totals(self) -> list[RollupRow]:
        """Figures since the genesis, by layer, role, provider and model."""
        if self._totals[0] != self.seq or self.seq >= self.timeline.head():
            self._totals = (self.seq, self.rollups(0))
        return self._totals[1]

    def totals_and_bounds(self) -> tuple[list[RollupRow], dict[tuple[str, ...], int]]:
        """The totals, and what of their cost stands at bounds, by the same names."""
        sums: dict[tuple[str, ...], int] = {}
        for row in self.booked_at_bound(_FOR_EVER):
            one = row.place
            name = (one.layer, one.role, one.provider, one.model_id)
            sums[name] = sums.get(name, 0) + row.booked.cost
        return self.totals(), sums

    def _counts(self, name: str, width: int, since: int, until: int | None) -> list[CountRow]:
        rest = self._rest.of(self.seq)
        if rest is None:
            return super()._counts(name, width, since, until)
        first, last = _bounds(width, since, until)
        edge = window_start(rest.edge, width) if width else 0
        whole = super()._counts(name, width, since, min(last, edge)) if width and first < edge else []
        counts: dict[tuple[int, tuple[str, ...]], int] = {}

        def add(start: int, names: tuple[str, ...], count: int) -> None:
            place = window_start(start, width)
            if first <= place < last:
                counts[place, names] = counts.get((place, names), 0) + count

        for piece, begin, end in stored_pieces(width, rest.edge):
            for row in super()._counts(name, piece, begin, end):
                add(row.start, row.names, row.count)
        for minute, figures in rest.minutes.items():
            for names, count in figures.counts[_TALLIES[name]].items():
                add(minute, names, count)
        made = [CountRow(start, names, count) for (start, names), count in counts.items()]
        return sorted([*whole, *made], key=lambda row: (row.start, row.names))

    # -- money

    def budgets(self) -> list[BudgetRow]:
        """The counters of every budget that was ever counted and whose figures are all known, by key."""
        keys = [key for (key,) in self._rows("SELECT key FROM budget_counter ORDER BY key")]
        found = self.counters(keys)
        return [row for key, row in sorted(found.rows.items()) if key not in found.money_only]

    def counters(self, keys: Iterable[str]) -> Counters:
        """The counters of ``keys``; of long periods money alone is known."""
        return self._money.counters(self.seq, keys, self.timezone, self._cost)

    def run_limits(self) -> "dict[str, Limit]":
        """Limits that runs set themselves when they began, by run."""
        from peak_console.ledger.folds.run_limits import limit_of  # noqa: PLC0415 - as the reader does

        found: dict[str, Limit] = {}
        for (run_id,) in self._rows("SELECT run_id FROM run_limit ORDER BY run_id"):
            for event in self.by_run(run_id):
                limits = (event.body or {}).get("limits")
                if event.kind == EventKind.RUN_STARTED and limits:
                    new = limit_of(limits)
                    found[run_id] = found[run_id].lowered(new) if run_id in found else new
        return found

    def under_way(self) -> list[HopMoney]:
        """Hops that hold a reservation, the oldest first."""
        if self._under_way[0] != self.seq:
            self._under_way = (self.seq, self._money.under_way(self.seq))
        return self._under_way[1]

    def reservations(self, limit: int = 500) -> "list[ReservationRow]":
        """Hops that hold a reservation, the oldest first."""
        from peak_console.ledger.as_of.rows import reservation_row  # noqa: PLC0415 - as the reader does

        return [reservation_row(hop) for hop in self.under_way()[:limit]]

    def booked_at_bound(self, limit: int = 500, call_id: str | None = None) -> "list[BookedRow]":
        """Spend that stands booked at its bound, or settled below it, the newest first."""
        from peak_console.ledger.as_of.rows import booked_row  # noqa: PLC0415 - as the reader does

        return [booked_row(hop) for hop in self._money.booked(self.seq, limit, call_id)]

    def calls_since(self, now: datetime, seconds: float = 60.0) -> dict[str, int]:
        """How many calls were let through in the last ``seconds`` before ``now``, by layer."""
        since = iso(now - timedelta(seconds=seconds))
        low = self.timeline.place_at(since) if self.seq else 0
        rows = self._rows(
            "SELECT ifnull(layer, ''), count(*) FROM ledger "
            "WHERE seq > ? AND seq <= ? AND ts >= ? AND +kind = ? GROUP BY layer",
            (max(0, low - 1), self.seq, since, EventKind.CALL_REQUESTED.value),
        )
        return dict(rows)

    def in_flight(self) -> int:
        """How many calls hold a reservation, those that their providers work on unattended among them."""
        return len(self.under_way())

    def times(self, last: int) -> list[str]:
        """The times of the last ``last`` events, ascending."""
        return [event.ts for event in self.latest(last, bodies=False)]

    def breakers(self) -> "list[BreakerRow]":
        """The breaker of every provider's model that was called, and its rate limit as last told."""
        models = {(row.provider, row.model_id) for row in self.totals()}
        return self._breakers.rows(self.seq, models, self.under_way())

    # -- within

    def _cost(self, seq: int) -> dict[str, int]:
        """Total cost by layer of the first ``seq`` events, in nano-EUR."""
        if seq not in self._costs:
            here, self.seq = self.seq, seq
            try:
                costs: dict[str, int] = {}
                for row in self.totals():
                    costs[row.layer] = costs.get(row.layer, 0) + row.cost_nano_eur
            finally:
                self.seq = here
            if len(self._costs) > 64:  # noqa: PLR2004 - starts of periods, and the places of late
                self._costs.clear()
            self._costs[seq] = costs
        return self._costs[seq]


def _bounds(width: int, since: int, until: int | None) -> tuple[int, int]:
    """The first start that counts, and the first that no longer does."""
    if width == 0:
        return 0, _FOR_EVER
    return window_start(since, width), _FOR_EVER if until is None else until


def place_of(reader: AsOfReader, ts: str) -> int:
    """The last place before the first event later than ``ts``. Raises ``LedgerUnavailable``."""
    return reader.timeline.place_at(ts)
