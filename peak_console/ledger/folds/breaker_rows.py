"""Breakers as a reader gets them, and whether what is stored of them is what the events say."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from peak_console.domain.clock import from_iso, from_unix_us, iso, unix_us
from peak_console.domain.errors import LedgerUnavailable
from peak_console.domain.events import EventKind
from peak_console.ledger.filters import RARE_SQL
from peak_console.ledger.folds.breakers import (
    PROVIDER,
    Model,
    RateSeen,
    from_row,
    rate_fields,
    reasons_of,
    to_row,
    told_wait_us,
)
from peak_console.ledger.folds.budget_breaker import (
    BILL_ABOVE_BOUND,
    BUDGET,
    BudgetLatch,
    folded,
    latch_from_row,
)
from peak_console.policy.breaker import (
    COUNTED,
    LATCHED_UNTIL_US,
    TOLD_LIMIT_US,
    Breaker,
    BreakerState,
    Bucket,
)

_ENDS_OF_MODEL: Final = (
    "SELECT l.ts, l.kind, b.bytes FROM ledger l LEFT JOIN body b USING (seq) "
    "WHERE l.model_id = ? AND l.provider = ? AND l.seq > ? AND l.kind <> 'llm.call.refused' "
    "AND l.kind IN ('llm.call.completed', 'llm.call.failed', 'llm.call.refused') ORDER BY l.seq"
)
"""Ends of a model's calls; the second condition on the kind is that of the index, word for word."""


@dataclass(frozen=True, slots=True)
class BreakerRow:
    """A breaker of one provider's model, and its rate limit as last told.

    ``kind`` says which: ``provider``, for its failures, or ``budget``, for a bill above its bound. That one
    is open until an operator resets it, and has no time.
    """

    provider: str
    model_id: str
    breaker: Breaker
    rate: RateSeen | None
    """``None`` when the provider never said anything of it."""
    kind: str = PROVIDER
    latch: BudgetLatch | None = None
    """Of a budget breaker: the bill that tripped it last."""

    @property
    def latched(self) -> bool:
        """Whether it is open until an operator resets it."""
        return self.latch is not None and self.latch.latched

    def state_at(self, now_us: int) -> BreakerState:
        """Where it stands now: an opening whose time is over waits for its probe, so it is half open."""
        if self.latch is None and self.breaker.state is BreakerState.OPEN and not self.breaker.holds(now_us):
            return BreakerState.HALF_OPEN
        return self.breaker.state

    @property
    def until(self) -> str | None:
        """Until when nothing passes, ISO 8601; ``None`` while it is closed or latched."""
        until_us = 0 if self.latched else self.breaker.until_us
        return iso(from_unix_us(until_us)) if until_us else None

    @property
    def changed(self) -> str | None:
        """When its state changed last, ISO 8601; ``None`` when never."""
        return iso(from_unix_us(self.breaker.changed_us)) if self.breaker.changed_us else None

    def as_dict(self, now_us: int) -> dict[str, Any]:
        """As JSON shows it; ``rate`` carries its age in milliseconds."""
        one = self.breaker
        rate = None
        if self.rate is not None:
            age_ms = max(0, now_us - self.rate.at_us) // 1000
            rate = {**self.rate.fields, "at": iso(from_unix_us(self.rate.at_us)), "age_ms": age_ms}
        running = one.holds(now_us) and not self.latched
        return {
            "breaker": self.kind,
            "provider": self.provider,
            "model_id": self.model_id,
            "state": self.state_at(now_us).value,
            "failures": len(one.failures),
            "until": self.until,
            "left_ms": max(0, one.until_us - now_us) // 1000 if running else 0,
            "reason": one.reason,
            "trips": one.trips,
            "changed": self.changed,
            "probing": bool(one.probe),
            "latched": self.latched,
            "bill": self.latch.bill() if self.latch else None,
            "rate": rate,
        }


def read_breakers(db: sqlite3.Connection) -> list[BreakerRow]:
    """Every stored breaker, by provider and model; of one model the provider's before the budget's."""
    latches = [budget_row(one) for one in _latches(db).values()]
    return sorted(
        [*_provider_rows(db), *latches], key=lambda row: (row.provider, row.model_id, row.latch is not None)
    )


def _provider_rows(db: sqlite3.Connection) -> list[BreakerRow]:
    rows = db.execute("SELECT * FROM provider_breaker ORDER BY provider, model_id")
    return [BreakerRow(*model, breaker, rate) for model, breaker, rate in map(from_row, rows)]


def _latches(db: sqlite3.Connection) -> dict[Model, BudgetLatch]:
    rows = db.execute("SELECT * FROM budget_breaker ORDER BY provider, model_id")
    return {(one.provider, one.model_id): one for one in map(latch_from_row, rows)}


def budget_row(one: BudgetLatch) -> BreakerRow:
    """A budget breaker as a row."""
    breaker = Breaker(
        BreakerState.OPEN if one.latched else BreakerState.CLOSED,
        reason=BILL_ABOVE_BOUND,
        opened_us=one.changed_us if one.latched else 0,
        until_us=LATCHED_UNTIL_US if one.latched else 0,
        trips=one.trips,
        changed_us=one.changed_us,
    )
    return BreakerRow(one.provider, one.model_id, breaker, None, BUDGET, one)


def find_wrong_breaker(db: sqlite3.Connection) -> str | None:
    """What is wrong with the stored breakers first; ``None`` when they agree with the events.

    Their state, time and trips follow from the last trip or reset, their rate limit from the answer it names.
    Which attempts of a closed one still count depends on the settings of the time, so those are only checked
    to have happened. A budget breaker is the fold of its trips and resets.
    """
    db.execute("BEGIN")
    try:
        last, folds = _last_changes(db)
        if _latches(db) != folds:
            return "a budget breaker stands otherwise than its trips and resets say"
        stored = {(row.provider, row.model_id): row for row in _provider_rows(db)}
        for model in sorted(last.keys() | stored.keys()):
            wrong = _wrong(db, model, stored.get(model), last.get(model))
            if wrong:
                return f"the breaker of {model[0]}:{model[1]} {wrong}"
    except LedgerUnavailable as error:
        return error.message
    finally:
        db.execute("ROLLBACK")
    return None


def rebuild_breakers(db: sqlite3.Connection) -> None:
    """Make the providers' breakers anew from the events that changed them, in the caller's transaction.

    Which attempts of a closed breaker still count depends on the settings of the time: none do.
    """
    db.execute("DELETE FROM provider_breaker")
    last, _ = _last_changes(db)
    for model, change in last.items():
        row = to_row(model, _rebuilt(change, _failed(db, model, change.seq)), None)
        marks = ",".join("?" * len(row))
        db.execute(f"INSERT INTO provider_breaker VALUES ({marks})", row)  # noqa: S608 - marks only


def _rebuilt(last: "_Change", failed: Iterator[tuple[int, Mapping[str, Any] | None]]) -> Breaker:
    if last.kind != EventKind.BREAKER_TRIPPED:
        return Breaker(trips=last.trips, changed_us=last.ts_us)
    until_us = _until(last, failed) or unix_us(from_iso(last.body["until"]))
    return Breaker(
        BreakerState.OPEN,
        reason=str(last.body.get("reason", "")),
        opened_us=last.ts_us,
        until_us=until_us,
        span_us=max(unix_us(from_iso(last.body["until"])) - last.ts_us, 0),
        trips=last.trips,
        changed_us=last.ts_us,
    )


@dataclass(frozen=True, slots=True)
class _Change:
    seq: int
    kind: str
    ts_us: int
    body: Mapping[str, Any]
    trips: int


def _last_changes(db: sqlite3.Connection) -> tuple[dict[Model, _Change], dict[Model, BudgetLatch]]:
    """The last trip or reset of each provider's breaker; and budget breakers, folded again."""
    rows = db.execute(
        "SELECT l.seq, l.kind, l.ts, b.bytes FROM ledger l JOIN body b USING (seq) "  # noqa: S608 - constant
        f"WHERE l.kind IN (?, ?) AND l.{RARE_SQL} ORDER BY l.seq",
        (EventKind.BREAKER_TRIPPED.value, EventKind.BREAKER_RESET.value),
    )
    found: dict[Model, _Change] = {}
    latches: dict[Model, BudgetLatch] = {}
    for seq, kind, ts, data in rows:
        body = orjson.loads(data)
        model = (body.get("provider", ""), body.get("model_id", ""))
        if body.get("breaker") == PROVIDER:
            trips = body["trips"] if "trips" in body else found[model].trips
            found[model] = _Change(seq, kind, unix_us(from_iso(ts)), body, trips)
        elif body.get("breaker") == BUDGET:
            after = folded(latches.get(model), seq, ts, body)
            if after is not None:
                latches[model] = after
    return found, latches


def _wrong(db: sqlite3.Connection, model: Model, row: BreakerRow | None, last: _Change | None) -> str | None:
    if row is None:
        return "is missing, though it was tripped"
    one = row.breaker
    if one.trips != (last.trips if last else 0):
        return f"counts {one.trips} trips, the events say otherwise"
    tripped = last is not None and last.kind == EventKind.BREAKER_TRIPPED
    if (one.state is not BreakerState.CLOSED) != tripped:
        return f"is {one.state.value}, the events say otherwise"
    until_us = _until(last, _failed(db, model, last.seq)) if tripped and last is not None else None
    if until_us is not None and one.until_us != until_us:
        return f"is open until {row.until}, the events say otherwise"
    if not tripped and one.until_us:
        return f"is closed and open until {row.until}"
    after = last.seq if last else 0
    if not _happened(one.failures, _failed(db, model, after, newest_first=True)):
        return "counts failures that no event tells of"
    if not _attempted(one.recent, _ends(db, model, after, newest_first=True)):
        return "counts attempts that no event tells of"
    return _wrong_rate(db, model, row.rate)


def _failed(
    db: sqlite3.Connection, model: Model, after: int, *, newest_first: bool = False
) -> Iterator[tuple[int, Mapping[str, Any] | None]]:
    """When calls of a model failed for reasons that count, and their bodies; ``None`` for a pruned one."""
    for at_us, kind, body in _ends(db, model, after, newest_first=newest_first):
        if kind != EventKind.CALL_FAILED:
            continue
        if body is None or any(one in COUNTED for one in reasons_of(kind, body)):
            yield at_us, body


def _ends(
    db: sqlite3.Connection, model: Model, after: int, *, newest_first: bool = False
) -> Iterator[tuple[int, str, Mapping[str, Any] | None]]:
    """When calls of a model ended, how, and their bodies; ``None`` for one that was pruned."""
    order = "DESC" if newest_first else ""
    for ts, kind, data in db.execute(f"{_ENDS_OF_MODEL} {order}", (model[1], model[0], after)):
        yield unix_us(from_iso(ts)), kind, None if data is None else orjson.loads(data)


def _attempted(recent: Iterable[Bucket], ends: Iterator[tuple[int, str, Mapping[str, Any] | None]]) -> bool:
    """Whether calls made so many attempts in the time of each bucket; looks back no further than it must.

    Where it comes to a pruned body nothing can be held against the rest.
    """
    wanted = {one.start_us: [one.attempts, one.failed] for one in recent}
    while any(left > 0 for counts in wanted.values() for left in counts):
        at_us, kind, body = next(ends, (None, "", {}))
        if at_us is None or body is None:
            return body is None
        start_us = max((start for start in wanted if start <= at_us), default=None)
        if start_us is not None:
            failures = sum(reason in COUNTED for reason in reasons_of(kind, body))
            wanted[start_us][0] -= failures + (kind == EventKind.CALL_COMPLETED)
            wanted[start_us][1] -= failures
    return True


def _happened(failures: Iterable[int], told: Iterator[tuple[int, Mapping[str, Any] | None]]) -> bool:
    """Whether calls failed at all of these moments; as :func:`_attempted`."""
    wanted = set(failures)
    while wanted:
        at_us, body = next(told, (None, {}))
        if at_us is None or body is None:
            return body is None
        wanted.discard(at_us)
    return True


def _until(last: _Change, failed: Iterator[tuple[int, Mapping[str, Any] | None]]) -> int | None:
    """Until when the trip holds, with what providers told calls that were under way at it.

    ``None`` where the body of such a call was pruned: then it cannot be told.
    """
    until_us = unix_us(from_iso(last.body["until"]))
    for at_us, body in failed:
        if last.ts_us <= at_us < until_us:
            if body is None:
                return None
            until_us = max(until_us, at_us + min(told_wait_us(body), TOLD_LIMIT_US))
    return until_us


def _wrong_rate(db: sqlite3.Connection, model: Model, rate: RateSeen | None) -> str | None:
    if rate is None:
        return None
    found = db.execute(
        "SELECT l.ts, b.bytes FROM ledger l LEFT JOIN body b USING (seq) "
        "WHERE l.seq = ? AND l.model_id = ? AND l.provider = ?",
        (rate.seq, model[1], model[0]),
    ).fetchone()
    pruned = found is not None and found[1] is None
    told = orjson.loads(found[1]).get("rate") if found and not pruned else None
    if not pruned and (not isinstance(told, Mapping) or rate_fields(told) != rate.fields):
        return "names a rate limit that its answer does not tell"
    if unix_us(from_iso(found[0])) != rate.at_us:
        return "dates its rate limit otherwise than its answer"
    return None
