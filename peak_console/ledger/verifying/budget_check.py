"""What is kept of budgets beside the events, folded again from them: counters, what is held, limits of runs.

Which limits stood at a call no event says; where the budgets' file was the same since before a call, its
counters are known exactly. Otherwise a counter has bounds: what every call must have been counted under,
and what all that may have been counted come to. Only running periods are counted again.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

import orjson

from peak_console.budget.limits import Limit, Scope, Spend, run_key, scope_keys
from peak_console.domain.clock import from_iso, iso
from peak_console.domain.events import EventKind
from peak_console.domain.money import text_from_nano
from peak_console.domain.vocabulary import Layer
from peak_console.ledger.filters import RARE_SQL
from peak_console.ledger.folds.bound_spend import booked_from_row
from peak_console.ledger.folds.hop_money import NOTHING, HopMoney, added
from peak_console.ledger.folds.run_limits import from_row, limit_of
from peak_console.ledger.headers import Header
from peak_console.ledger.keeping.carried import carried_limits, carried_spend
from peak_console.ledger.verifying.budget_hops import (
    Bucket,
    HopFold,
    Hops,
    Place,
    minute_start,
    minute_text,
    stories,
)
from peak_console.ledger.verifying.known_limits import KnownLimits
from peak_console.ledger.verifying.parts import whole

Tell = Callable[[int, int], None]

_BACK: Final = timedelta(days=8)
"""Unattended work is given up after a week."""
_ZONES: Final = timedelta(hours=15)
"""More than any timezone is away from UTC."""
_NOON: Final = "T12:00"
"""From noon UTC on it is nowhere yesterday."""
_DATE: Final = len("YYYY-MM-DD")
_TABLES: Final = ("budget_counter", "reservation", "booked_at_bound", "run_limit")
_RUNS: Final = (Scope.RUN, Scope.LAYER_RUN)
_DAYS: Final = (Scope.DAY, Scope.LAYER_DAY)
_RARE: Final = (
    "SELECT l.seq, l.ts, l.kind, l.run_id, l.provider, l.model_id, b.bytes FROM ledger l "  # noqa: S608 - constant
    f"JOIN body b USING (seq) WHERE l.kind = ? AND {RARE_SQL} ORDER BY l.seq"
)


def find_wrong_budget(
    db: sqlite3.Connection, known: KnownLimits | None, tell: Tell, unknown: list[str], *, bare: bool = False
) -> str | None:
    """What of the budgets' state is not what the events say, ``None`` when nothing; at one moment.

    What could not be counted again is added to ``unknown``. ``bare`` lets a copy without any budgets pass, as
    an imported and a salvaged ledger is.
    """
    db.execute("BEGIN")
    try:
        if bare and not any(db.execute(f"SELECT 1 FROM {one} LIMIT 1").fetchone() for one in _TABLES):  # noqa: S608
            unknown.append("budgets: this copy of a ledger keeps none")
            return None
        check = _Check(db, known, tell)
        wrong = check.run()
        unknown.extend(check.unknown())
        return wrong
    finally:
        db.execute("ROLLBACK")


class _Check:
    def __init__(self, db: sqlite3.Connection, known: KnownLimits | None, tell: Tell) -> None:
        self._db, self._known, self._tell = db, known, tell
        row = db.execute("SELECT seq, ts FROM ledger ORDER BY seq DESC LIMIT 1").fetchone()
        self._last: int = row[0] if row else 0
        self._now: str = row[1] if row else ""
        self._sure_after = self._stands_since()
        self._phases = [(row[0], row[1]) for row in db.execute(_RARE, (EventKind.PHASE_CHANGED.value,))]
        self._carried: dict[str, Spend] = {}
        self._own: dict[str, tuple[int, Limit]] = {}
        self._counters: dict[str, tuple[Spend, Spend]] = {
            key: (Spend(*amounts[:3]), Spend(*amounts[3:]))
            for key, _, *amounts, _ in db.execute("SELECT * FROM budget_counter")
        }
        self._whole = not whole(db).after
        self._hops = Hops(0)

    def run(self) -> str | None:
        if not self._last:
            return None
        wrong = self._wrong_limit()
        if wrong:
            return wrong
        fold = HopFold(self._db, self._begin(), self._bucket)
        fold.hops.strange |= self._of_old_schema()
        self._hops = fold.hops
        hops = fold.run(self._last, self._tell)
        return (
            self._wrong_reservation(fold, hops)
            or self._wrong_booked(fold, hops)
            or self._wrong_reserved(hops)
            or self._wrong_spent(hops)
        )

    # -- rows that have events of their own

    def _rare(self, kind: EventKind) -> Iterator[tuple[Any, ...]]:
        for *header, data in self._db.execute(_RARE, (kind.value,)):
            yield (*header, orjson.loads(data))

    def _wrong_limit(self) -> str | None:
        told = [*self._rare(EventKind.RUN_STARTED), *self._rare(EventKind.LEDGER_RECOVERED)]
        expected: dict[str, Limit] = {}
        for seq, _, kind, run_id, _, _, body in sorted(told, key=lambda one: one[0]):
            if kind == EventKind.RUN_STARTED:
                news = [(run_id, body["limits"])] if run_id and body.get("limits") else []
            else:
                news = list(carried_limits(body))
                for one in carried_spend(body, self._phase_at(seq)):
                    self._carried[one.key] = added(self._carried.get(one.key, NOTHING), one.spend)
            for name, limits in news:
                before, new = expected.get(name), limit_of(limits)
                expected[name] = new if before is None else before.lowered(new)
                self._own.setdefault(name, (seq, new))
        stored = {row[0]: from_row(row) for row in self._db.execute("SELECT * FROM run_limit")}
        wrong = next(
            (one for one in sorted(expected.keys() | stored.keys()) if expected.get(one) != stored.get(one)),
            None,
        )
        return (
            None
            if wrong is None
            else f"the limits that run {wrong:.60} set itself are not those of its events"
        )

    # -- hops

    def _wrong_reservation(self, fold: HopFold, hops: Hops) -> str | None:
        rows = self._db.execute("SELECT call_id, hop, state, cost, tokens, expires_us FROM reservation")
        stored = {(row[0], row[1]): row[2:] for row in rows}
        expected = {place: _held(one) for place, one in hops.held.items() if one.is_open or one.lost}
        older = stored.keys() - hops.held.keys()
        known = set(expected) | (stored.keys() & hops.held.keys())
        for place, one in stories(fold, older, self._last):
            known.add(place)
            if one is not None and (one.is_open or one.lost):
                expected[place] = _held(one)
        for place in sorted(known - hops.strange):
            if stored.get(place) != expected.get(place):
                has, need = _told(stored.get(place)), _told(expected.get(place))
                return f"hop {place[1]} of {place[0]} holds {has}, by its events {need}"
        return None

    def _wrong_booked(self, fold: HopFold, hops: Hops) -> str | None:
        rows = map(booked_from_row, self._db.execute("SELECT * FROM booked_at_bound"))
        stored = {(one.call_id, one.hop): (one.seq, one.bound, one.cost) for one in rows}
        expected = {place: _booked(one) for place, one in hops.held.items() if one.booked}
        known = set(expected) | (stored.keys() & hops.held.keys())
        for place, one in stories(fold, stored.keys() - hops.held.keys(), self._last):
            known.add(place)
            if one is not None and one.booked:
                expected[place] = _booked(one)
        for place in sorted(known - hops.strange):
            if stored.get(place) != expected.get(place):
                return f"what hop {place[1]} of {place[0]} is booked at is not what its events say"
        return None

    def _wrong_reserved(self, hops: Hops) -> str | None:
        """What counters hold back is what the hops under way hold."""
        sums: dict[str, Spend] = {}
        for cost, tokens, keys in self._db.execute(
            "SELECT cost, tokens, keys FROM reservation WHERE state = 'open'"
        ):
            for key in orjson.loads(keys):
                if not key.startswith(Scope.CALL + ":"):
                    sums[key] = added(sums.get(key, NOTHING), Spend(cost, tokens, 1))
        for key in sorted(sums.keys() | self._counters.keys()):
            need, has = sums.get(key, NOTHING), self._counters.get(key, (NOTHING, NOTHING))[1]
            if _below(has, need) or (self._whole and not hops.after and not hops.leaked and has != need):
                return f"{key} holds back {_words(has)}, the hops under way hold {_words(need)}"
        return None

    # -- counters

    def _wrong_spent(self, hops: Hops) -> str | None:
        least, most = dict(self._carried), dict(self._carried)
        for bucket, spend in hops.spent.items():
            for key in self._possible(bucket):
                most[key] = added(most.get(key, NOTHING), spend)
            for key in self._keys(bucket) if bucket.sure else ():
                least[key] = added(least.get(key, NOTHING), spend)
        for bucket, spend in hops.vague.items():
            for key in self._possible(bucket):
                most[key] = added(most.get(key, NOTHING), spend)
        covered = self._whole and not hops.after and not hops.strange
        for key in sorted(least.keys() | self._counters.keys()):
            has, need = self._counters.get(key, (NOTHING, NOTHING))[0], least.get(key, NOTHING)
            if _below(has, need):
                return f"{key} has {_words(has)} spent, its events come to {_words(need)}"
            top = most.get(key, NOTHING)
            if covered and _below(top, has):
                return f"{key} has {_words(has)} spent, its events come to {_words(top)} at most"
        return self._wrong_runs(hops.spent) or self._wrong_days(hops.spent)

    def _wrong_runs(self, spent: Mapping[Bucket, Spend]) -> str | None:
        """Every call was counted under its run: no call is let through without a limit there."""
        sums: dict[tuple[str, str | None], Spend] = {}
        for bucket, spend in spent.items():
            if bucket.run_id is not None:
                place = bucket.run_id, bucket.layer
                sums[place] = added(sums.get(place, NOTHING), spend)
        for (run_id, layer), need in sums.items():
            keys = (key for scope in _RUNS for key in _names(scope, layer, run_id))
            has = self._sum(keys)
            if _below(has, need):
                told = f"the counters of run {run_id:.60} have {_words(has)} spent"
                return f"{told}, its events come to {_words(need)}"
        return None

    def _wrong_days(self, spent: Mapping[Bucket, Spend]) -> str | None:
        """Every call was counted under its day, whatever the timezone was."""
        today = from_iso(self._now)
        for date in (iso(today - timedelta(days=1))[:_DATE], iso(today)[:_DATE]):
            sums: dict[str | None, Spend] = {}
            for bucket, spend in spent.items():
                if bucket.minute >= date + _NOON:
                    sums[bucket.layer] = added(sums.get(bucket.layer, NOTHING), spend)
            for layer, need in sums.items():
                has = self._sum(
                    key
                    for key in self._counters
                    if (found := _parts(key))
                    and found[0] in _DAYS
                    and found[1] in {None, layer}
                    and found[2] >= date
                )
                if _below(has, need):
                    told = f"the counters of days from {date} on have {_words(has)} spent"
                    return f"{told}, their events come to {_words(need)}"
        return None

    def _sum(self, keys: Iterable[str]) -> Spend:
        total = NOTHING
        for key in keys:
            total = added(total, self._counters.get(key, (NOTHING, NOTHING))[0])
        return total

    def _possible(self, bucket: Bucket) -> Iterator[str]:
        """The stored counters that may hold the calls of a bucket."""
        at = minute_start(bucket.minute)
        days = [iso(at + one)[:_DATE] for one in (-_ZONES, timedelta(0), _ZONES)]
        months = [day[:-3] for day in days]
        run = [] if bucket.run_id is None else [bucket.run_id]
        places = {Scope.MONTH: months, Scope.PHASE: [bucket.phase or "genesis"]}
        places |= dict.fromkeys(_RUNS, run) | dict.fromkeys(_DAYS, days)
        for scope, some in places.items():
            for place in dict.fromkeys(some):
                yield from _names(scope, bucket.layer, place)

    def _keys(self, bucket: Bucket) -> Iterator[str]:
        """The counters that hold the calls of a bucket, by the limits that stand."""
        if self._known is None:
            return
        bound = scope_keys(
            self._known.limits(),
            call_id=None,
            run_id=bucket.run_id,
            layer=bucket.layer,
            at=minute_start(bucket.minute),
            phase_since=bucket.phase,
        )
        own = [run_key(bucket.run_id)] if bucket.own and bucket.run_id else []
        yield from dict.fromkeys([*(key for _, key in bound), *own])

    def _bucket(self, request: Header) -> Bucket:
        seq, run_id = request.seq, request.run_id
        own = run_id is not None and run_id in self._own and self._own[run_id][0] < seq
        sure = self._sure_after is not None and seq > self._sure_after
        return Bucket(run_id, request.layer, minute_text(request.ts), self._phase_at(seq), sure, own)

    def _phase_at(self, seq: int) -> str:
        return next((ts for at, ts in reversed(self._phases) if at < seq), "")

    def _of_old_schema(self) -> set[Place]:
        """Hops of before it was kept which counters hold them: a settlement guesses."""
        (old,) = self._db.execute("SELECT ifnull(min(from_version), 2) < 2 FROM schema_change").fetchone()
        found = self._db.execute("SELECT call_id, hop FROM booked_at_bound WHERE keys IS NULL")
        return set(found) if old else set()

    def unknown(self) -> Iterator[str]:
        """What could not be counted again, a sentence each."""
        if self._hops.after:
            yield (
                f"what budgets held of calls before event {self._hops.after:,}: only running periods were "
                "counted again"
            )
        vague = any(not bucket.sure for bucket in self._hops.spent) or self._hops.vague
        if vague:
            yield (
                "which limits stood at each call, so month, phase and layer counters exactly: days and runs "
                "were held against the least that their events come to"
            )

    # -- where to begin

    def _stands_since(self) -> int | None:
        """The event since which the budgets' file is the one that stands now; ``None`` where it is not."""
        since: int | None = None
        if self._known is None:
            return None
        told = [*self._rare(EventKind.NODE_STARTED), *self._rare(EventKind.CONFIG_CHANGED)]
        for seq, _, kind, *_, body in sorted(told, key=lambda one: one[0]):
            if kind == EventKind.NODE_STARTED:
                digest = (body.get("digests") or {}).get("budgets")
            elif body.get("file") == "budgets":
                digest = body.get("new")
            else:
                continue
            since = None if digest != self._known.digest else seq if since is None else since
        return since

    def _begin(self) -> int:
        """The last event before what is counted again: running periods, and a week of unattended work."""
        now = from_iso(self._now)
        month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0) - _ZONES
        edge = iso(min(month, now - _BACK))
        low, high = 0, self._last
        while low < high:
            middle = (low + high + 1) // 2
            row = self._db.execute("SELECT ts FROM ledger WHERE seq = ?", (middle,)).fetchone()
            low, high = (middle, high) if row is not None and row[0] < edge else (low, middle - 1)
        if any(key.startswith(Scope.PHASE) for key in self._counters):
            low = min(low, self._phases[-1][0] if self._phases else 0)
        return max(low, whole(self._db).after)


def _names(scope: Scope, layer: str | None, place: str) -> Iterator[str]:
    yield f"{scope}:{place}"
    if layer is not None:
        yield f"{scope}:{layer}:{place}"


def _parts(key: str) -> tuple[str, str | None, str] | None:
    scope, _, rest = key.partition(":")
    first, colon, place = rest.partition(":")
    return (scope, first, place) if colon and first in set(Layer) else (scope, None, rest)


def _held(one: HopMoney) -> tuple[Any, ...]:
    return ("lost" if one.lost else "open", one.held.cost, one.held.tokens, one.expires_us)


def _booked(one: HopMoney) -> tuple[int, int, int] | None:
    return (one.booked.seq, one.booked.bound, one.booked.cost) if one.booked else None


def _told(row: tuple[Any, ...] | None) -> str:
    return "nothing" if row is None else f"{text_from_nano(row[1])} EUR and {row[2]:,} tokens ({row[0]})"


def _below(one: Spend, other: Spend) -> bool:
    return any(mine < its for mine, its in zip(one, other, strict=True))


def _words(spend: Spend) -> str:
    return f"{text_from_nano(spend.cost)} EUR, {spend.tokens:,} tokens and {spend.calls:,} calls"
