"""Retention: which bodies may be dropped, on whose word, and how they go without holding anybody up.

``ledger.pruned`` stands on the ledger first. Then bodies in its range go, in small transactions between
commits; where that stopped, it goes on after a restart. Headers, hashes and links stay, so every proof holds.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from peak_console.domain.clock import Clock, from_iso, iso
from peak_console.domain.errors import ControlRefused, PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ledgering import Refusal
from peak_console.ledger.headers import Header, malformed
from peak_console.ledger.projections import Body

PRUNABLE: Final = (
    EventKind.CALL_ACCEPTED.value,
    EventKind.CALL_COMPLETED.value,
    EventKind.CALL_FAILED.value,
    EventKind.CALL_REFUSED.value,
    EventKind.CALL_REQUESTED.value,
    EventKind.FALLBACK_TAKEN.value,
)
"""The only kinds whose bodies may go, sorted: details of calls. What was decided and pressed stays whole."""

KINDS_SQL: Final = ", ".join(f"'{kind}'" for kind in PRUNABLE)

HELD_SQL: Final = (
    "(EXISTS (SELECT 1 FROM reservation h WHERE h.call_id = l.call_id)"
    " OR EXISTS (SELECT 1 FROM booked_at_bound h WHERE h.call_id = l.call_id AND h.cost > 0))"
)
"""Whether a row ``l`` is of a call whose bill is still open: its bodies are needed to settle it."""

_SHA256_DIGITS: Final = 64
_STEP_LEAST, _STEP_MOST = 64, 4096
_TAG: Final = b"peak-ledger-pruned/v1\n"


@dataclass(frozen=True, slots=True)
class PrunedRange:
    """What one ``ledger.pruned`` covers, and how far it was carried out."""

    seq: int
    """Place of the event itself."""
    before: str
    """Only events dated before this ledger time."""
    upto_seq: int
    """Only events up to this place."""
    kinds: tuple[str, ...]
    done_seq: int
    """Bodies up to here are gone, those of calls with open bills aside."""

    @property
    def done(self) -> bool:
        """Whether all of it was carried out."""
        return self.done_seq >= self.upto_seq

    def covers(self, seq: int, ts: str, kind: str) -> bool:
        """Whether the body of this event may be missing."""
        return seq <= self.upto_seq and ts < self.before and kind in self.kinds


def read_ranges(db: sqlite3.Connection) -> list[PrunedRange]:
    """Every pruned range, in the order of their events."""
    rows = db.execute("SELECT seq, before, upto_seq, kinds, done_seq FROM pruned_range ORDER BY seq")
    return [
        PrunedRange(seq, before, upto, tuple(orjson.loads(kinds)), done)
        for seq, before, upto, kinds, done in rows
    ]


def range_of(seq: int, body: Mapping[str, Any]) -> PrunedRange:
    """The range that a ``ledger.pruned`` names, nothing of it carried out; raises ``UsageWrong``."""
    wrong = _malformed(body)
    if wrong:
        raise malformed(f"body of {EventKind.LEDGER_PRUNED}", wrong)
    return PrunedRange(seq, body["before"], body["upto_seq"], tuple(body["kinds"]), 0)


class RangeDigest:
    """SHA-256 over ``SEQ BODY_SHA256`` of every event in a range, a line each, with its body or without.

    It follows from headers alone, so anybody can compute it again after the bodies are gone.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256(_TAG)
        self.events = 0

    def add(self, seq: int, body_sha256: str) -> None:
        """Take the next event in; they come in their order."""
        self._hash.update(b"%d %s\n" % (seq, body_sha256.encode()))
        self.events += 1

    def hexdigest(self) -> str:
        """The digest so far."""
        return self._hash.hexdigest()


class Pruning:
    """The projection of pruned ranges, the condition on ``ledger.pruned``, and the work that it asks for.

    ``least_days`` is asked at every event, so an edited file binds at once.
    """

    def __init__(self, least_days: Callable[[], int], *, clock: Clock) -> None:
        self._least_days = least_days
        self._clock = clock
        self._step = _STEP_LEAST * 4
        self._open: list[PrunedRange] = []
        self._added: list[PrunedRange] = []

    def open(self, db: sqlite3.Connection) -> None:
        """Go on with what is not carried out yet."""
        self._db = db
        self._open = [one for one in read_ranges(db) if not one.done]

    def reset(self) -> None:
        """Forget; :meth:`open` reads again what is committed."""
        self._open, self._added = [], []

    @property
    def pending(self) -> bool:
        """Whether bodies are still to go."""
        return bool(self._open)

    # -- the condition

    def out_of_place(self, draft: EventDraft) -> PeakError | None:
        """Why a ``ledger.pruned`` may not be written, ``None`` when it may."""
        if draft.kind != EventKind.LEDGER_PRUNED:
            return None
        wrong = _malformed(draft.body)
        if wrong:
            return malformed(f"body of {draft.kind}", wrong)
        return self._too_much(draft.body["before"], draft.body["upto_seq"])

    def _too_much(self, before: str, upto_seq: int) -> PeakError | None:
        least = self._least_days()
        latest = iso(self._clock.now() - timedelta(days=least))
        if before > latest:
            return ControlRefused(
                f"{before} is younger than the {least} days that are kept",
                code="retention_too_young",
                remedy=f"name a time up to {latest[:10]}; [retention] least_days is in configs/ledger.toml",
                least_days=least,
                latest=latest,
            )
        row = self._db.execute("SELECT ts FROM ledger WHERE seq = ?", (upto_seq,)).fetchone()
        if row is None or row[0] >= before:
            return ControlRefused(
                f"event {upto_seq} is not an event from before {before}",
                code="retention_range",
                remedy="let the command find the range: peak ledger prune",
            )
        return None

    # -- the projection

    def admit(self, draft: EventDraft, now: datetime) -> Refusal | None:  # noqa: ARG002 - the protocol's
        """Nothing to say about calls."""
        return None

    def apply(self, event: Header, body: Body) -> Sequence[EventDraft]:
        """Take a range in."""
        if event.kind == EventKind.LEDGER_PRUNED:
            self._added.append(range_of(event.seq, body))
        return ()

    def flush(self, db: sqlite3.Connection) -> None:
        """Write the ranges that came."""
        if self._added:
            write_ranges(db, self._added)
            self._open += self._added
            self._added = []

    # -- the work

    def step(self, db: sqlite3.Connection) -> None:
        """Drop the bodies of some events, in the transaction of the caller: see ``LedgerWriter.maintain``."""
        one = self._open[0]
        upto = min(one.done_seq + self._step, one.upto_seq)
        drop_bodies(db, one, upto)
        self._open[0] = replace(one, done_seq=upto)

    def stepped(self, took_s: float, wanted_s: float) -> None:
        """After the commit of a step: what is done is left, and the next one takes about ``wanted_s``."""
        self._open = [one for one in self._open if not one.done]
        if took_s > wanted_s:
            self._step = max(_STEP_LEAST, self._step // 2)
        elif took_s < wanted_s / 2:
            self._step = min(_STEP_MOST, self._step * 2)


def write_ranges(db: sqlite3.Connection, ranges: Sequence[PrunedRange]) -> None:
    """Note ranges beside their events, which must be in the ledger already."""
    rows = [
        (one.seq, one.before, one.upto_seq, orjson.dumps(one.kinds).decode(), one.done_seq) for one in ranges
    ]
    db.executemany("INSERT INTO pruned_range VALUES (?, ?, ?, ?, ?)", rows)


def drop_bodies(db: sqlite3.Connection, one: PrunedRange, upto: int) -> None:
    """Drop what the range covers after its ``done_seq`` up to ``upto``; their bytes are overwritten."""
    marks = ",".join("?" * len(one.kinds))
    db.execute("PRAGMA secure_delete = ON")
    db.execute(
        "DELETE FROM body WHERE seq IN ("  # noqa: S608 - our own text and marks
        "SELECT l.seq FROM ledger l NOT INDEXED WHERE l.seq > ? AND l.seq <= ? "
        f"AND l.kind IN ({marks}) AND l.ts < ? AND NOT {HELD_SQL})",
        (one.done_seq, upto, *one.kinds, one.before),
    )
    db.execute("UPDATE pruned_range SET done_seq = ? WHERE seq = ?", (upto, one.seq))


def find_upto(db: sqlite3.Connection, before: str) -> int:
    """The last place of an event dated before ``before``, found by halves; 0 for none."""
    low, high = 0, int(db.execute("SELECT ifnull(max(seq), 0) FROM ledger").fetchone()[0])
    while low < high:
        middle = (low + high + 1) // 2
        row = db.execute("SELECT ts FROM ledger WHERE seq = ?", (middle,)).fetchone()
        low, high = (middle, high) if row and row[0] < before else (low, middle - 1)
    return low


def events_in(
    db: sqlite3.Connection, before: str, upto_seq: int, *, chunk: int = 20_000
) -> Iterator[list[tuple[int, str, str, int | None, bool]]]:
    """What a range over all prunable kinds covers, in chunks: place, kind, body's hash, bytes, whether held.

    Bytes are ``None`` where the body is gone already. Each chunk is a short read of its own.
    """
    after = 0
    while after < upto_seq:
        upto = min(after + chunk, upto_seq)
        yield db.execute(
            f"SELECT l.seq, l.kind, l.body_sha256, length(b.bytes), {HELD_SQL} "  # noqa: S608 - constant text
            "FROM ledger l NOT INDEXED LEFT JOIN body b ON b.seq = l.seq "
            f"WHERE l.seq > ? AND l.seq <= ? AND l.kind IN ({KINDS_SQL}) AND l.ts < ? ORDER BY l.seq",
            (after, upto, before),
        ).fetchall()
        after = upto


def is_run_held(db: sqlite3.Connection, run_id: str) -> bool:
    """Whether a call of the run has an open bill, so that its texts are still needed."""
    query = f"SELECT 1 FROM ledger l INDEXED BY ledger_run WHERE l.run_id = ? AND {HELD_SQL} LIMIT 1"  # noqa: S608 - constant text
    return db.execute(query, (run_id,)).fetchone() is not None


def _malformed(body: Mapping[str, Any]) -> str:
    """What is wrong with the body of a ``ledger.pruned``, empty when nothing is."""
    kinds, upto, events, digest = (body.get(name) for name in ("kinds", "upto_seq", "events", "digest"))
    if not _is_moment(body.get("before")):
        return "has no usable 'before'"
    if type(upto) is not int or upto < 1:
        return "has no usable 'upto_seq'"
    if not isinstance(kinds, list | tuple) or not kinds or list(kinds) != sorted(set(map(str, kinds))):
        return "has no usable 'kinds': distinct ones, sorted"
    foreign = [kind for kind in kinds if kind not in PRUNABLE]
    if foreign:
        return f"names {foreign[0]!r:.60}, whose bodies are never dropped"
    if type(events) is not int or events < 0:
        return "has no usable 'events'"
    if not isinstance(digest, str) or len(digest) != _SHA256_DIGITS or digest.strip("0123456789abcdef"):
        return "has no usable 'digest'"
    texts = (body.get("reason"), body.get("operator"))
    if not all(isinstance(text, str) and text.strip() for text in texts):
        return "has no usable 'reason' and 'operator'"
    return ""


def _is_moment(value: Any) -> bool:
    """Whether this is a ledger time, written as the ledger writes them, so that texts compare as times."""
    try:
        return isinstance(value, str) and iso(from_iso(value)) == value
    except (ValueError, TypeError):
        return False
