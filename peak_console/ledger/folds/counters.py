"""Budget counters and reservations as the writer's transaction keeps them: in memory, and in their tables."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from peak_console.budget.limits import Spend
from peak_console.domain.events import EventKind
from peak_console.domain.money import nano_from_text
from peak_console.ledger.folds.bound_spend import LOST

CALL_SCOPE: Final = "call:"
"""Counters of one call live in memory: the call's own events say what it has spent."""

_CLEAN_LIMIT = 5_000
"""Counters in memory: each takes about two kilobytes, and what is forgotten is read again."""
_NOTHING = Spend()


@dataclass(slots=True)
class Counter:
    """What is spent and reserved under one key. ``flags`` are the warnings given under limits ``digest``."""

    key: str
    spent: Spend = _NOTHING
    reserved: Spend = _NOTHING
    digest: str = ""
    flags: set[str] = field(default_factory=set)

    def first_time(self, flag: str, digest: str) -> bool:
        """Whether ``flag`` is raised for the first time under these limits."""
        if self.digest != digest:
            self.digest = digest
            self.flags.clear()
        if flag in self.flags:
            return False
        self.flags.add(flag)
        return True

    def forget(self, flags: set[str]) -> bool:
        """Have these flags raised anew; whether any was."""
        known = self.flags & flags
        self.flags -= known
        return bool(known)


@dataclass(frozen=True, slots=True)
class Reservation:
    """What one hop holds until it ends. A ``lost`` one stays, to be corrected by a late answer."""

    call_id: str
    hop: int
    client: str
    lost: bool
    amount: Spend
    keys: tuple[str, ...]
    expires_us: int = 0
    """Of a hop that its provider works on unattended: when it is given up, in microseconds since 1970.

    0 while the hop belongs to its caller's connection.
    """


class CounterBook:
    """Counters and reservations, read when first needed and written once a transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._counters: dict[str, Counter] = {}
        self._changed: set[str] = set()
        self._moved: dict[tuple[str, int], Reservation | None] = {}
        rows = db.execute(
            "SELECT call_id, hop, client, state, cost, tokens, keys, expires_us FROM reservation"
        )
        self.reservations: dict[tuple[str, int], Reservation] = {
            (call_id, hop): Reservation(
                call_id,
                hop,
                client,
                state == "lost",
                Spend(cost, tokens, 1),
                tuple(orjson.loads(keys)),
                expires_us,
            )
            for call_id, hop, client, state, cost, tokens, keys, expires_us in rows
        }

    def counter(self, key: str) -> Counter:
        """The counter of ``key``."""
        found = self._counters.get(key)
        if found is None:
            found = self._counters[key] = self._read(key)
        return found

    def change(self, keys: Iterable[str], *, spent: Spend = _NOTHING, reserved: Spend = _NOTHING) -> None:
        """Add to counters; negative amounts take away."""
        for key in keys:
            counter = self.counter(key)
            if spent is not _NOTHING:
                counter.spent = _sum(counter.spent, spent)
            if reserved is not _NOTHING:
                counter.reserved = _sum(counter.reserved, reserved)
            self._changed.add(key)

    def flagged(self, keys: Iterable[str]) -> bool:
        """Whether one of these counters has given a warning."""
        return any(self.counter(key).flags for key in keys)

    def mark(self, counter: Counter) -> None:
        """Have a counter written whose flags changed."""
        self._changed.add(counter.key)

    def hold(self, reservation: Reservation) -> None:
        """Keep a reservation."""
        place = (reservation.call_id, reservation.hop)
        self.reservations[place] = self._moved[place] = reservation

    def held(self, call_id: str, hop: int) -> Reservation | None:
        """The reservation of a hop, open or lost."""
        return self.reservations.get((call_id, hop))

    def release(self, call_id: str, hop: int) -> Reservation | None:
        """End a reservation."""
        found = self.reservations.pop((call_id, hop), None)
        if found is not None:
            self._moved[(call_id, hop)] = None
        return found

    def flush(self, db: sqlite3.Connection) -> None:
        """Write what changed."""
        if self._changed:
            rows = [
                _counter_row(self._counters[key]) for key in self._changed if not key.startswith(CALL_SCOPE)
            ]
            db.executemany("INSERT OR REPLACE INTO budget_counter VALUES (?,?,?,?,?,?,?,?,?)", rows)
            self._changed.clear()
            if len(self._counters) > _CLEAN_LIMIT:
                self._counters = {}
        if self._moved:
            held = [_reservation_row(one) for one in self._moved.values() if one is not None]
            ended = [place for place, one in self._moved.items() if one is None]
            db.executemany("DELETE FROM reservation WHERE call_id = ? AND hop = ?", ended)
            db.executemany("INSERT OR REPLACE INTO reservation VALUES (?,?,?,?,?,?,?,?)", held)
            self._moved.clear()

    def _read(self, key: str) -> Counter:
        if key.startswith(CALL_SCOPE):
            return self._of_call(key)
        row = self._db.execute("SELECT * FROM budget_counter WHERE key = ?", (key,)).fetchone()
        if row is None:
            return Counter(key)
        _, digest, *amounts, flags = row
        return Counter(key, Spend(*amounts[:3]), Spend(*amounts[3:]), digest, set(orjson.loads(flags)))

    def _of_call(self, key: str) -> Counter:
        """A call's counter from its events and reservations: after a restart, or when it was forgotten."""
        call_id = key.rsplit(":", 1)[1]
        counter = Counter(key)
        rows = self._db.execute(
            "SELECT l.kind, b.bytes FROM ledger l JOIN body b USING (seq) WHERE l.call_id = ? ORDER BY seq",
            (call_id,),
        )
        bounds: dict[int, int] = {}
        lost: dict[int, Spend] = {}
        for kind, data in rows:
            body = orjson.loads(data)
            if kind == EventKind.CALL_REQUESTED:
                bounds[body["hop"]] = body["bound_tokens"]
            elif kind in {EventKind.CALL_COMPLETED, EventKind.CALL_FAILED}:
                spent, corrected = spend_of(body, bounds.get(body["hop"], 0)), lost.pop(body["hop"], _NOTHING)
                counter.spent = _sum(counter.spent, difference(spent, corrected))
                if body.get("reason") in LOST:
                    lost[body["hop"]] = spent
            elif kind == EventKind.BUDGET_SETTLED:
                counter.spent = _sum(counter.spent, settled_by(body))
                if body["hop"] in lost:
                    lost[body["hop"]] = _sum(lost[body["hop"]], settled_by(body))
        for (held, _), reservation in self.reservations.items():
            if held == call_id and not reservation.lost:
                counter.reserved = _sum(counter.reserved, reservation.amount)
        return counter


def spend_of(body: Any, bound_tokens: int) -> Spend:
    """What a ``completed`` or ``failed`` event says was spent; its call counts where one was sent.

    A bill that nobody knows is the bound, in tokens as in money.
    """
    cost = nano_from_text(body["cost_eur"])
    if body.get("cost_basis") == "worst_case":
        return Spend(cost, bound_tokens, 1)
    usage = body.get("usage") or {}
    return Spend(cost, usage.get("input", 0) + usage.get("output", 0), int(bool(body["attempts"])))


def settled_by(body: Any) -> Spend:
    """What a ``budget.settled`` event adds to what is spent: never anything but less money."""
    return Spend(nano_from_text(body["cost_eur"]) - nano_from_text(body["was_eur"]))


def difference(one: Spend, other: Spend) -> Spend:
    """What to add to ``other`` to get ``one``."""
    return Spend(one.cost - other.cost, one.tokens - other.tokens, one.calls - other.calls)


def negative(amount: Spend) -> Spend:
    """What to add to take ``amount`` away."""
    return difference(_NOTHING, amount)


def _sum(one: Spend, other: Spend) -> Spend:
    return Spend(one.cost + other.cost, one.tokens + other.tokens, one.calls + other.calls)


def _counter_row(counter: Counter) -> tuple[Any, ...]:
    flags = orjson.dumps(sorted(counter.flags)).decode()
    return (counter.key, counter.digest, *counter.spent, *counter.reserved, flags)


def _reservation_row(one: Reservation) -> tuple[Any, ...]:
    state = "lost" if one.lost else "open"
    keys = orjson.dumps(one.keys).decode()
    amount = one.amount
    return (one.call_id, one.hop, one.client, state, amount.cost, amount.tokens, keys, one.expires_us)
