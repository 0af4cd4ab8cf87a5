"""Reads of the ledger: short transactions on a connection that cannot write, keyset pages."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import orjson

from peak_console.domain.clock import iso
from peak_console.domain.events import GENESIS_PREV_HASH, LedgerEvent
from peak_console.ledger.faults import sqlite_faults
from peak_console.ledger.filters import SCAN_LIMIT, EventFilter, Page
from peak_console.ledger.folds.windows import (
    BudgetRow,
    CountRow,
    RollupRow,
    read_budgets,
    read_counts,
    read_rollups,
)
from peak_console.ledger.schema import open_for_reading

if TYPE_CHECKING:
    from peak_console.budget.limits import Limit
    from peak_console.ledger.folds.breaker_rows import BreakerRow
    from peak_console.ledger.folds.budget_rows import BookedRow, ReservationRow
    from peak_console.ledger.headers import Header
    from peak_console.ledger.keeping.pruning import PrunedRange

POLL_S: Final = 0.1
"""How often :meth:`LedgerReader.follow` looks for new events."""

_HEADER = (
    "l.seq, l.event_id, l.ts, l.boot_us, l.kind, l.actor, l.body_sha256, l.prev_hash, l.hash, "
    "l.run_id, l.call_id, l.layer, l.role, l.provider, l.model_id"
)
_WITH_BODY = f"SELECT {_HEADER}, b.bytes FROM ledger l LEFT JOIN body b ON b.seq = l.seq"  # noqa: S608 - constant text
_WITHOUT_BODY = f"SELECT {_HEADER}, NULL FROM ledger l"  # noqa: S608 - constant text


class LedgerReader:
    """A reader of the ledger at ``path``; used by one thread at a time.

    Every method raises ``LedgerUnavailable`` with a code that says why (missing, locked, corrupt, of a newer
    schema, not a ledger); the constructor does too.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = open_for_reading(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    # -- events

    def head(self) -> tuple[int, str]:
        """The last sequence number and hash; ``(0, GENESIS_PREV_HASH)`` for an empty ledger."""
        rows = self._rows("SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1")
        return (rows[0][0], rows[0][1]) if rows else (0, GENESIS_PREV_HASH)

    def read(self, after: int = 0, limit: int = 200, *, bodies: bool = True) -> list[LedgerEvent]:
        """Events with ``seq`` above ``after``, ascending."""
        select = _WITH_BODY if bodies else _WITHOUT_BODY
        return self._events(f"{select} WHERE l.seq > ? ORDER BY l.seq LIMIT ?", (after, limit))

    def latest(self, limit: int = 200, *, bodies: bool = True) -> list[LedgerEvent]:
        """The last events, ascending."""
        select = _WITH_BODY if bodies else _WITHOUT_BODY
        return self._events(f"{select} ORDER BY l.seq DESC LIMIT ?", (limit,))[::-1]

    async def follow(
        self, after: int, *, poll_s: float = POLL_S, limit: int = 500
    ) -> AsyncIterator[list[LedgerEvent]]:
        """Events after ``after`` as they are committed, in batches of at most ``limit``, forever."""
        while True:
            events = self.read(after, limit)
            if events:
                after = events[-1].seq
                yield events
            if len(events) < limit:
                await asyncio.sleep(poll_s)

    def by_event(self, event_id: str) -> LedgerEvent | None:
        """The event of this id."""
        found = self._events(f"{_WITH_BODY} WHERE l.event_id = ?", (event_id,))
        return found[0] if found else None

    def by_seq(self, seq: int) -> LedgerEvent | None:
        """The event at this place."""
        found = self._events(f"{_WITH_BODY} WHERE l.seq = ?", (seq,))
        return found[0] if found else None

    def by_call(self, call_id: str) -> list[LedgerEvent]:
        """All events of one logical call, ascending."""
        return self._events(f"{_WITH_BODY} WHERE l.call_id = ? ORDER BY l.seq", (call_id,))

    def by_run(self, run_id: str, after: int = 0, limit: int = 1000) -> list[LedgerEvent]:
        """Events of one run, ascending."""
        query = f"{_WITH_BODY} WHERE l.run_id = ? AND l.seq > ? ORDER BY l.seq LIMIT ?"
        return self._events(query, (run_id, after, limit))

    def last(self, kind: str) -> LedgerEvent | None:
        """The last event of a kind."""
        page = self.find(EventFilter(kinds=(kind,)), limit=1)
        while not page.events and page.next_before is not None:
            page = self.find(EventFilter(kinds=(kind,)), page.next_before, 1)
        found = page.events
        return found[0] if found else None

    def find(self, wanted: EventFilter, before: int | None = None, limit: int = 100) -> Page:
        """The newest events below ``before`` that fit ``wanted``, descending.

        At most :data:`~peak_console.ledger.filters.SCAN_LIMIT` places are looked at in one go where no index
        answers; the page's ``next_before`` goes on from there, and is ``None`` at the ledger's beginning.
        """
        top = self.head()[0] + 1 if before is None else before
        walks = wanted.walks()
        floor = 0 if all(walk.exact for walk in walks) else max(top - SCAN_LIMIT, 0)
        events: list[LedgerEvent] = []
        for walk in walks:
            query = (
                f"SELECT {_HEADER}, b.bytes FROM ledger l {walk.index} LEFT JOIN body b ON b.seq = l.seq "  # noqa: S608 - ours
                f"WHERE l.seq < ? AND l.seq > ? AND {walk.condition} ORDER BY l.seq DESC LIMIT ?"
            )
            events += self._events(query, (top, floor, *walk.values, limit))
        events.sort(key=lambda event: -event.seq)
        if len(events) >= limit:
            events = events[:limit]
            return Page(tuple(events), events[-1].seq)
        return Page(tuple(events), floor + 1 if floor else None)

    # -- rows as they are stored

    def stored(
        self, after: int, upto: int, limit: int, run_id: str | None = None
    ) -> "list[tuple[Header, bytes | None]]":
        """Headers and the bytes of bodies with ``seq`` above ``after`` up to ``upto``, ascending."""
        from peak_console.ledger.headers import Header  # noqa: PLC0415 - slow; not for a first look

        index, of_run = ("", "") if run_id is None else ("INDEXED BY ledger_run", "l.run_id = ? AND ")
        rows = self._rows(
            f"SELECT l.*, b.bytes FROM ledger l {index} LEFT JOIN body b ON b.seq = l.seq "  # noqa: S608 - ours
            f"WHERE {of_run}l.seq > ? AND l.seq <= ? ORDER BY l.seq LIMIT ?",
            (*([] if run_id is None else [run_id]), after, upto, limit),
        )
        return [(Header(*row[:-1]), row[-1]) for row in rows]

    def extent(self, first: int, last: int, run_id: str | None = None) -> tuple[int, int, int]:
        """How many events there are in a range, all or a run's, and the first and last of their places."""
        values: list[Any]
        of_run, values = ("", [first, last]) if run_id is None else ("run_id = ? AND ", [run_id, first, last])
        query = f"SELECT count(*), min(seq), max(seq) FROM ledger WHERE {of_run}seq >= ? AND seq <= ?"  # noqa: S608 - ours
        count, low, high = self._rows(query, values)[0]
        return count, low or 0, high or 0

    def places(self, first: int, last: int, run_id: str) -> list[int]:
        """The places of a run's events in a range, ascending."""
        query = (
            "SELECT seq FROM ledger INDEXED BY ledger_run "
            "WHERE run_id = ? AND seq >= ? AND seq <= ? ORDER BY seq"
        )
        return [seq for (seq,) in self._rows(query, (run_id, first, last))]

    # -- figures

    def rollups(self, width: int, since: int = 0, until: int | None = None) -> list[RollupRow]:
        """Figures by window of ``width`` (60, 600, 3600, 86400 seconds) from ``since``, in Unix seconds."""
        with sqlite_faults(self.path):
            return read_rollups(self._db, width, since, until)

    def totals(self) -> list[RollupRow]:
        """Figures since the genesis, by layer, role, provider and model."""
        return self.rollups(0)

    def totals_and_bounds(self) -> tuple[list[RollupRow], dict[tuple[str, ...], int]]:
        """:meth:`totals`, and what of their cost stands at bounds, by the same names; of one moment."""
        from peak_console.ledger.folds.budget_rows import sum_booked  # noqa: PLC0415 - slow; not for a first look

        with sqlite_faults(self.path):
            self._db.execute("BEGIN")
            try:
                return read_rollups(self._db, 0, 0, None), sum_booked(self._db)
            finally:
                self._db.execute("ROLLBACK")

    def critic(self, width: int, since: int = 0, until: int | None = None) -> list[CountRow]:
        """Verdicts by window: names ``(layer, verdict)``."""
        return self._counts("critic", width, since, until)

    def errors(self, width: int, since: int = 0, until: int | None = None) -> list[CountRow]:
        """Failures and refusals by window: names ``(layer, role, provider, model_id, outcome, reason)``."""
        return self._counts("errors", width, since, until)

    def denials(self, width: int, since: int = 0, until: int | None = None) -> list[CountRow]:
        """Policy denials by window: names ``(rule, where)``."""
        return self._counts("denials", width, since, until)

    def budgets(self) -> list[BudgetRow]:
        """Every budget counter: spent and reserved, by key."""
        with sqlite_faults(self.path):
            return read_budgets(self._db)

    def breakers(self) -> "list[BreakerRow]":
        """The breaker of every provider's model that was called, and its rate limit as last told."""
        from peak_console.ledger.folds.breaker_rows import read_breakers  # noqa: PLC0415 - slow; not for a first look

        with sqlite_faults(self.path):
            return read_breakers(self._db)

    def run_limits(self) -> "dict[str, Limit]":
        """Limits that runs set themselves when they began, by run."""
        from peak_console.ledger.folds.budget_rows import read_run_limits  # noqa: PLC0415 - see above

        with sqlite_faults(self.path):
            return read_run_limits(self._db)

    def reservations(self, limit: int = 500) -> "list[ReservationRow]":
        """Hops that hold a reservation now, the oldest first."""
        from peak_console.ledger.folds.budget_rows import read_reservations  # noqa: PLC0415 - see above

        with sqlite_faults(self.path):
            return read_reservations(self._db, limit)

    def booked_at_bound(self, limit: int = 500, call_id: str | None = None) -> "list[BookedRow]":
        """Spend that stands booked at its bound, or settled below it, the newest first."""
        from peak_console.ledger.folds.budget_rows import read_booked  # noqa: PLC0415 - see above

        with sqlite_faults(self.path):
            return read_booked(self._db, limit, call_id)

    def calls_since(self, now: datetime, seconds: float = 60.0) -> dict[str, int]:
        """How many calls were let through in the last ``seconds`` before ``now``, by layer."""
        from peak_console.ledger.folds.budget_rows import count_calls  # noqa: PLC0415 - see above

        with sqlite_faults(self.path):
            return count_calls(self._db, iso(now - timedelta(seconds=seconds)))

    def in_flight(self) -> int:
        """How many calls hold a reservation, those that their providers work on unattended among them."""
        return int(self._rows("SELECT count(*) FROM reservation WHERE state <> 'lost'")[0][0])

    def times(self, last: int) -> list[str]:
        """The times of the last ``last`` events, ascending: enough for a rate."""
        rows = self._rows("SELECT ts FROM ledger ORDER BY seq DESC LIMIT ?", (last,))
        return [ts for (ts,) in reversed(rows)]

    def pruned_ranges(self) -> "list[PrunedRange]":
        """What retention dropped: bodies in these ranges may be missing."""
        from peak_console.ledger.keeping.pruning import read_ranges  # noqa: PLC0415 - see above

        with sqlite_faults(self.path):
            return read_ranges(self._db)

    def prunable(
        self, before: str, upto_seq: int | None = None
    ) -> Iterator[list[tuple[int, str, str, int | None, bool]]]:
        """Events whose bodies may be dropped, in chunks: place, kind, body's hash, its bytes, whether held.

        ``upto_seq`` is :meth:`last_before` unless named. Bytes are ``None`` where the body is gone already.
        """
        from peak_console.ledger.keeping.pruning import events_in  # noqa: PLC0415 - see above

        with sqlite_faults(self.path):
            yield from events_in(self._db, before, self.last_before(before) if upto_seq is None else upto_seq)

    def last_before(self, before: str) -> int:
        """The last place of an event dated before a ledger time; 0 for none."""
        from peak_console.ledger.keeping.pruning import find_upto  # noqa: PLC0415 - see above

        with sqlite_faults(self.path):
            return find_upto(self._db, before)

    def holds_open(self, run_id: str) -> bool:
        """Whether a call of this run holds a reservation, or stands booked at its bound."""
        from peak_console.ledger.keeping.pruning import is_run_held  # noqa: PLC0415 - see above

        with sqlite_faults(self.path):
            return is_run_held(self._db, run_id)

    def last_of_run(self, run_id: str) -> LedgerEvent | None:
        """The newest event of a run, without its body."""
        query = f"{_WITHOUT_BODY} INDEXED BY ledger_run WHERE l.run_id = ? ORDER BY l.seq DESC LIMIT 1"
        found = self._events(query, (run_id,))
        return found[0] if found else None

    def data_version(self) -> int:
        """A number that changes when anybody commits: cheaper to ask than any query."""
        return int(self._rows("PRAGMA data_version")[0][0])

    # -- within

    def _counts(self, name: str, width: int, since: int, until: int | None) -> list[CountRow]:
        with sqlite_faults(self.path):
            return read_counts(self._db, name, width, since, until)

    def _events(self, query: str, values: Sequence[Any] = ()) -> list[LedgerEvent]:
        return [_event(row) for row in self._rows(query, values)]

    def _rows(self, query: str, values: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        with sqlite_faults(self.path):
            return self._db.execute(query, tuple(values)).fetchall()


def _event(row: tuple[Any, ...]) -> LedgerEvent:
    fields: list[Any] = list(row)
    if fields[-1] is not None:
        fields[-1] = orjson.loads(fields[-1])
    return LedgerEvent(*fields)
