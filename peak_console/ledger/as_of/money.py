"""Money as it stood after an event: hops under way, spend at its bound, and what the budgets had spent.

Periods of few events are folded hop by hop, as the writer does. Of longer ones, and of pruned ones, money is
the difference of two totals, set right by the hops that were under way when the period began; their tokens
and calls are unknown.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from peak_console.budget.limits import BudgetLimits, Limit, Scope, Spend, scope_keys
from peak_console.domain.clock import from_iso, from_unix_us, iso, unix_us
from peak_console.domain.events import EventKind
from peak_console.domain.money import NanoEur
from peak_console.domain.vocabulary import Layer
from peak_console.ledger.as_of.figures import LOST_REASONS
from peak_console.ledger.as_of.timeline import Rows, Timeline
from peak_console.ledger.filters import RARE_SQL
from peak_console.ledger.folds.figures import MINUTE
from peak_console.ledger.folds.hop_money import KINDS, HopMoney, Told, added, hops_of
from peak_console.ledger.folds.reservations import LONGEST_UNATTENDED_US
from peak_console.ledger.folds.windows import BudgetRow
from peak_console.ledger.headers import Header

FOLDED: Final = 20_000
"""A period of so many events is folded hop by hop."""
_LOOKED_BACK: Final = 30_000
"""So many events before a place are looked through for hops that have not ended; background work longer."""
_FAILURES_LOOKED_AT: Final = 5_000
_WEEK: Final = timedelta(microseconds=LONGEST_UNATTENDED_US) + timedelta(days=1)
_DAY_S: Final = 86_400
_MARKS: Final = ",".join("?" * len(KINDS))
_EVENTS: Final = "SELECT l.*, b.bytes FROM ledger l JOIN body b USING (seq) WHERE "
_NOTHING: Final = Spend()

CostOf = Callable[[int], Mapping[str, int]]
"""Gives the total cost by layer, in nano-EUR, of the first so many events."""


@dataclass(frozen=True, slots=True)
class Counters:
    """Budget counters by key; of those in ``money_only`` tokens and calls are not known."""

    rows: Mapping[str, BudgetRow]
    money_only: frozenset[str] = frozenset()


class MoneyAsOf:
    """Reads money as of a place in the ledger."""

    def __init__(self, rows: Rows, timeline: Timeline) -> None:
        self._rows, self._timeline = rows, timeline
        self._lost_minutes: dict[int, list[str]] = {}

    # -- hops

    def call(self, call_id: str, seq: int) -> dict[tuple[str, int], HopMoney]:
        """The hops of a call."""
        return hops_of(
            self._told(f"l.call_id = ? AND l.seq <= ? AND l.kind IN ({_MARKS})", call_id, seq, *KINDS)
        )

    def under_way(self, seq: int) -> list[HopMoney]:
        """Hops that hold a reservation, the oldest first."""
        found = [
            hop
            for call_id in self._maybe_open(seq)
            for hop in self.call(call_id, seq).values()
            if hop.is_open
        ]
        return sorted(found, key=lambda hop: (hop.request.ts if hop.request else "", hop.call_id, hop.hop))

    def booked(self, seq: int, limit: int, call_id: str | None = None) -> list[HopMoney]:
        """Hops that stand booked at their bound, or settled below it, the newest first.

        Those whose bills came later are found among the last failures, and among lost hops.
        """
        if call_id is not None:
            calls: Iterable[str] = [call_id]
        else:
            stored = self._rows(
                "SELECT call_id FROM booked_at_bound WHERE seq <= ? ORDER BY seq DESC LIMIT ?", (seq, limit)
            )
            calls = dict.fromkeys(
                [*(one for (one,) in stored), *self._failed_at_bound(seq), *self.lost_calls(0, seq)]
            )
        found = [hop for one in calls for hop in self.call(one, seq).values() if hop.booked is not None]
        return sorted(found, key=lambda hop: -(hop.booked.seq if hop.booked else 0))[:limit]

    def lost_calls(self, after: int, seq: int) -> list[str]:
        """Calls of which the ledger itself ended a hop, between two places."""
        if after >= seq:
            return []
        found: dict[str, None] = {}
        first = unix_us(from_iso(self._timeline.ts(after + 1))) // 1_000_000 - MINUTE
        for minute in self._minutes_of_losses(first):
            for begin, last in self._places_of(minute, seq):
                marks = ",".join("?" * len(LOST_REASONS))
                rows = self._rows(
                    "SELECT l.call_id FROM ledger l INDEXED BY ledger_kind JOIN body b USING (seq) "  # noqa: S608 - marks
                    f"WHERE l.kind = ? AND l.{RARE_SQL} AND l.seq BETWEEN ? AND ? "
                    f"AND json_extract(CAST(b.bytes AS TEXT), '$.reason') IN ({marks})",
                    (EventKind.CALL_FAILED.value, max(begin, after + 1), last, *LOST_REASONS),
                )
                found.update(dict.fromkeys(call_id for (call_id,) in rows if call_id))
        return list(found)

    def _failed_at_bound(self, seq: int) -> list[str]:
        """Calls of the last failures that stood at their bound then."""
        rows = self._rows(
            "SELECT call_id, bytes FROM (SELECT seq, call_id FROM ledger INDEXED BY ledger_kind "  # noqa: S608 - constant
            f"WHERE kind = ? AND {RARE_SQL} AND seq <= ? ORDER BY seq DESC LIMIT ?) JOIN body USING (seq)",
            (EventKind.CALL_FAILED.value, seq, _FAILURES_LOOKED_AT),
        )
        return [call_id for call_id, data in rows if call_id and b'"worst_case"' in data]

    def _minutes_of_losses(self, first: int) -> list[int]:
        """Starts of the minutes in which hops were lost, from ``first`` on, in Unix seconds."""
        marks = ",".join("?" * len(LOST_REASONS))
        asked = f"SELECT start FROM error_rollup WHERE width_s = ? AND start >= ? AND start < ? AND reason IN ({marks})"  # noqa: S608, E501 - marks only
        begin = first - first % _DAY_S
        days = [start for (start,) in self._rows(asked, (_DAY_S, begin, 2**62, *LOST_REASONS))]
        opened = [start - start % _DAY_S for (start,) in self._rows("SELECT start FROM rollup_open", ())]
        return sorted(
            {
                start
                for day in {*days, *opened}
                for (start,) in self._rows(asked, (MINUTE, max(first, day), day + _DAY_S, *LOST_REASONS))
            }
        )

    def _places_of(self, minute: int, seq: int) -> Iterator[tuple[int, int]]:
        """The places up to ``seq`` of events dated in a minute."""
        begin, end = (iso(from_unix_us(at * 1_000_000)) for at in (minute, minute + MINUTE))
        for first, last in self._timeline.runs(seq):
            upper = min(last, seq)
            if first <= upper:
                low = self._timeline.first_from(begin, first, upper)
                high = self._timeline.first_from(end, first, upper) - 1
                if low <= high:
                    yield low, high

    def _maybe_open(self, seq: int) -> list[str]:
        """Calls that may have an open hop."""
        low = max(0, seq - _LOOKED_BACK)
        counted = self._rows(
            "SELECT call_id FROM ledger WHERE seq > ? AND seq <= ? AND call_id IS NOT NULL "
            "AND +kind IN ('llm.call.requested', 'llm.call.completed', 'llm.call.failed') GROUP BY call_id "
            "HAVING 2 * sum(kind = 'llm.call.requested') > count(*)",
            (low, seq),
        )
        since = iso(from_iso(self._timeline.ts(seq)) - _WEEK) if seq else ""
        taken = self._rows(
            f"SELECT call_id FROM ledger INDEXED BY ledger_kind WHERE kind = ? AND {RARE_SQL} "  # noqa: S608 - constant
            "AND seq <= ? AND ts >= ?",
            (EventKind.CALL_ACCEPTED.value, seq, since),
        )
        held = self._rows("SELECT call_id FROM reservation", ())
        return list(
            dict.fromkeys([*(one for (one,) in (*counted, *taken, *held) if one), *self.lost_calls(low, seq)])
        )

    def _told(self, condition: str, *values: Any) -> Iterator[Told]:
        for *header, data in self._rows(f"{_EVENTS}{condition} ORDER BY l.seq", values):
            yield Header(*header), orjson.loads(data)

    # -- budgets

    def counters(self, seq: int, keys: Iterable[str], timezone: str, cost_of: CostOf) -> Counters:
        """The counters of ``keys`` (``scope[:layer]:place``), days being those of ``timezone``."""
        wanted = {key: parts for key in keys if (parts := _parts_of(key)) is not None}
        by_start: dict[int, list[str]] = {}
        rows: dict[str, BudgetRow] = {}
        rough: set[str] = set()
        for key, (scope, _, place) in wanted.items():
            if scope in {Scope.RUN, Scope.LAYER_RUN}:
                continue
            start = self._start(scope, place, timezone, seq)
            if start is not None and start < seq:
                by_start.setdefault(start, []).append(key)
        for start, some in by_start.items():
            if seq - start <= FOLDED and self._whole(start, seq):
                rows |= self._folded(seq, start, some, timezone)
            else:
                rows |= {key: self._rough(seq, start, key, wanted[key][1], cost_of) for key in some}
                rough |= set(some)
        runs: dict[str, list[str]] = {}
        for key, (scope, _, place) in wanted.items():
            if scope in {Scope.RUN, Scope.LAYER_RUN}:
                runs.setdefault(place, []).append(key)
        for run_id, some in runs.items():
            told = self._told(f"l.run_id = ? AND l.seq <= ? AND l.kind IN ({_MARKS})", run_id, seq, *KINDS)
            rows |= self._summed(hops_of(told).values(), some, timezone, seq)
        return Counters(rows, frozenset(rough))

    def _start(self, scope: Scope, place: str, timezone: str, seq: int) -> int | None:
        """The last place before a period; ``None`` for one that cannot be read or lies ahead."""
        if scope is Scope.PHASE:
            if place == "genesis":
                return 0
            found = [at for at, ts in self._phases(seq) if ts == place]
            return found[-1] if found else None
        try:
            year, month, number = (int(part) for part in (*place.split("-"), "1")[:3])
            day = datetime(year, month, number, tzinfo=ZoneInfo(timezone))
        except (ValueError, TypeError):
            return None
        return self._timeline.place_at(iso(day - timedelta(microseconds=1)))

    def _phases(self, seq: int) -> list[tuple[int, str]]:
        return [
            (at, ts)
            for at, ts in self._rows(
                f"SELECT seq, ts FROM ledger WHERE kind = ? AND {RARE_SQL} AND seq <= ? ORDER BY seq",  # noqa: S608 - constant
                (EventKind.PHASE_CHANGED.value, seq),
            )
        ]

    def _whole(self, start: int, seq: int) -> bool:
        """Whether no body of a period was pruned."""
        return not self._rows(
            "SELECT 1 FROM ledger l LEFT JOIN body b USING (seq) WHERE l.seq > ? AND l.seq <= ? "  # noqa: S608 - marks
            f"AND +l.kind IN ({_MARKS}) AND b.seq IS NULL LIMIT 1",
            (start, seq, *KINDS),
        )

    def _folded(self, seq: int, start: int, keys: list[str], timezone: str) -> dict[str, BudgetRow]:
        told = self._told(f"l.seq > ? AND l.seq <= ? AND +l.kind IN ({_MARKS})", start, seq, *KINDS)
        found = hops_of(told)
        for place, hop in list(found.items()):
            if hop.request is None:  # it began before: only its whole story tells what is spent here
                found[place] = self.call(hop.call_id, seq).get(place, hop)
        return self._summed(found.values(), keys, timezone, seq)

    def _summed(
        self, hops: Iterable[HopMoney], keys: list[str], timezone: str, seq: int
    ) -> dict[str, BudgetRow]:
        limits = _limits_of(keys, timezone)
        phases = self._phases(seq)
        wanted = set(keys)
        sums: dict[str, tuple[Spend, Spend]] = {}

        def book(event: Header, spent: Spend, reserved: Spend) -> None:
            since = next((ts for at, ts in reversed(phases) if at < event.seq), "")
            bound = scope_keys(
                limits,
                call_id=None,
                run_id=event.run_id,
                layer=event.layer,
                at=from_iso(event.ts),
                phase_since=since,
            )
            for key in dict.fromkeys(key for _, key in bound if key in wanted):
                before = sums.get(key, (_NOTHING, _NOTHING))
                sums[key] = (added(before[0], spent), added(before[1], reserved))

        for hop in hops:
            if hop.request is not None:
                book(hop.request, hop.spent, hop.held if hop.is_open else _NOTHING)
            for event, spent in hop.unheld:
                book(event, spent, _NOTHING)
        return {key: _row(key, *amounts) for key, amounts in sums.items()}

    def _rough(self, seq: int, start: int, key: str, layer: str | None, cost_of: CostOf) -> BudgetRow:
        """Money alone, by totals: what was billed in the period, less what belongs to the one before."""
        spent = _of_layer(cost_of(seq), layer) - _of_layer(cost_of(start), layer)
        for call_id in self._across(start, seq):
            before = self.call(call_id, start)
            for place, hop in self.call(call_id, seq).items():
                earlier = before.get(place)
                if earlier is not None and earlier.request and layer in {None, earlier.request.layer}:
                    spent -= hop.spent.cost - earlier.spent.cost
        held = [
            hop.held.cost
            for hop in self.under_way(seq)
            if hop.request and hop.request.seq > start and layer in {None, hop.request.layer}
        ]
        return _row(key, Spend(spent), Spend(sum(held)))

    def _across(self, start: int, seq: int) -> list[str]:
        """Calls begun before ``start`` that may have been billed after it."""
        settled = self._rows(
            f"SELECT call_id FROM ledger WHERE kind = ? AND {RARE_SQL} AND seq > ? AND seq <= ?",  # noqa: S608 - constant
            (EventKind.BUDGET_SETTLED.value, start, seq),
        )
        back = self._timeline.place_at(iso(from_iso(self._timeline.ts(start)) - _WEEK)) if start else 0
        lost = self.lost_calls(back, start) if start else []
        return list(dict.fromkeys([*self._maybe_open(start), *(one for (one,) in settled if one), *lost]))


def _of_layer(costs: Mapping[str, int], layer: str | None) -> int:
    return sum(costs.values()) if layer is None else costs.get(layer, 0)


def _row(key: str, spent: Spend, reserved: Spend) -> BudgetRow:
    return BudgetRow(
        key,
        NanoEur(spent.cost),
        spent.tokens,
        spent.calls,
        NanoEur(reserved.cost),
        reserved.tokens,
        reserved.calls,
    )


def _parts_of(key: str) -> tuple[Scope, str | None, str] | None:
    """Scope, layer and place of a counter's key; ``None`` for what is no key, or of one call."""
    name, _, rest = key.partition(":")
    if name not in set(Scope) or name == Scope.CALL or not rest:
        return None
    first, colon, place = rest.partition(":")
    if colon and first in set(Layer):
        return Scope(name), first, place
    return Scope(name), None, rest


def _limits_of(keys: Iterable[str], timezone: str) -> BudgetLimits:
    parts = dict.fromkeys(found[:2] for key in keys if (found := _parts_of(key)) is not None)
    limits = tuple(Limit(scope, layer) for scope, layer in parts)
    return BudgetLimits(limits, warn_pct=Decimal(100), timezone=timezone, digest="")
