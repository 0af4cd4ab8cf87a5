"""The one writer of the ledger: whatever waits becomes one transaction, with its figures and reservations.

Not thread-safe: one thread owns it, as one process owns the file.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import orjson

from peak_console.domain.clock import Clock, iso
from peak_console.domain.errors import LedgerUnavailable, PeakError, UsageWrong
from peak_console.domain.events import GENESIS_PREV_HASH, EventDraft, EventKind
from peak_console.domain.ledgering import Ack, Refusal
from peak_console.ledger.bodies import body_bytes, check_body
from peak_console.ledger.faults import sqlite_faults, unavailable
from peak_console.ledger.headers import Header, check_draft, header_bytes
from peak_console.ledger.projections import Projection
from peak_console.ledger.schema import open_for_writing

Guard = Callable[[EventDraft], Refusal | None]
"""Looks at an ``llm.call.requested`` before it is written; a refusal is written in its place."""

Condition = Callable[[EventDraft], PeakError | Refusal | None]
"""Looks at every draft in its transaction, after those before it; whatever it gives keeps the draft out.

An error fails the draft's append; a refusal is told in its acknowledgement, beside those of the others.
"""

LEDGER_ACTOR = "ledger"
"""The actor of events that the ledger itself writes beside those it is given."""

_PRUNED_REFUSAL = Refusal(
    "refusal_pruned",
    "this request was refused long ago; retention dropped why",
    "ask again with a new event id",
)
_INSERT = "INSERT INTO ledger VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
_CARRIED = ("hop", "asked_role", "route", "request_hash", "purpose", "simulated")
_COLUMNS = 15
_PASSING = frozenset({"ledger_full", "ledger_locked", "ledger_unavailable"})
"""Faults that say nothing against the connection."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A draft ready to be written: checked, its body in canonical bytes."""

    draft: EventDraft
    actor: str
    body: Mapping[str, Any]
    data: bytes
    client: str = ""


def prepare(draft: EventDraft, actor: str, *, client: str = "", data: bytes | None = None) -> Entry:
    """Check a draft and make its body's bytes; raises ``UsageWrong`` or ``NotCanonical``."""
    check_draft(draft)
    check_body(draft.kind, draft.body, draft.call_id, draft.run_id)
    return Entry(draft, actor, draft.body, body_bytes(draft.body) if data is None else data, client)


class LedgerWriter:
    """Appends events to the ledger at ``path``, which is made when missing."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        projections: Sequence[Projection] = (),
        guards: Sequence[Guard] = (),
        conditions: Sequence[Condition] = (),
    ) -> None:
        self.path = path
        self._clock = clock
        self._projections = tuple(projections)
        self._guards = tuple(guards)
        self._conditions = tuple(conditions)
        self._seq, self._hash = 0, GENESIS_PREV_HASH
        self._uncertain = self._reopen = False
        self._rows: list[tuple[Any, ...]] = []
        self._bodies: list[tuple[int, bytes]] = []
        self._db = open_for_writing(path)
        try:
            with sqlite_faults(path):
                self._resume()
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the write-ahead log is folded into the file."""
        self._db.close()

    @property
    def head(self) -> tuple[int, str]:
        """The last sequence number and hash; ``(0, GENESIS_PREV_HASH)`` for an empty ledger."""
        return self._seq, self._hash

    @property
    def clock(self) -> Clock:
        """The clock by which events are dated."""
        return self._clock

    def append(self, batch: Sequence[tuple[EventDraft, str] | Entry]) -> list[Ack | PeakError]:
        """Write ``batch`` of (draft, actor) in one transaction; one result each, in order.

        An ``Ack`` is given after the commit. A draft that cannot be written at all gives its error and leaves
        the others alone; a ledger that cannot be written gives every one ``LedgerUnavailable``.
        """
        results: list[Ack | PeakError | None] = []
        entries: list[tuple[int, Entry]] = []
        for place, item in enumerate(batch):
            try:
                entry = item if isinstance(item, Entry) else prepare(item[0], item[1])
            except PeakError as error:
                results.append(error)
            else:
                results.append(None)
                entries.append((place, entry))
        for (place, _), result in zip(entries, self._commit([entry for _, entry in entries]), strict=True):
            results[place] = result
        return [result for result in results if result is not None]

    def holds(self, entry: Entry) -> bool:
        """Whether this very event is in the ledger already, so that appending it again changes nothing."""
        with sqlite_faults(self.path):
            row = self._db.execute(
                "SELECT kind, body_sha256 FROM ledger WHERE event_id = ?", (entry.draft.event_id,)
            ).fetchone()
        return bool(row == (entry.draft.kind, hashlib.sha256(entry.data).hexdigest()))

    def checkpoint(self) -> None:
        """Fold the write-ahead log into the file and cut it; for idle moments."""
        with sqlite_faults(self.path):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def maintain(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Run ``work`` in a transaction of its own, between appends; raises ``LedgerUnavailable``.

        Nothing of it counts where it fails; the next append reads again what the file holds.
        """
        try:
            with sqlite_faults(self.path):
                if self._uncertain:
                    self._look_again()
                self._db.execute("BEGIN IMMEDIATE")
                work(self._db)
                self._db.execute("COMMIT")
        except BaseException as error:
            fault = isinstance(error, LedgerUnavailable) and error.code not in _PASSING
            self._forget(reopen=fault)
            raise

    def schema_changes(self) -> list[tuple[int, int]]:
        """The migrations that this file went through once it had events: from which schema, to which."""
        with sqlite_faults(self.path):
            query = "SELECT from_version, to_version FROM schema_change ORDER BY to_version"
            return self._db.execute(query).fetchall()

    def _commit(self, entries: list[Entry]) -> list[Ack | PeakError]:
        if not entries:
            return []
        try:
            return self._transact(entries)
        except (sqlite3.Error, LedgerUnavailable) as error:
            fault = unavailable(error, self.path) if isinstance(error, sqlite3.Error) else error
            self._forget(reopen=fault.code not in _PASSING)
            if isinstance(error, sqlite3.IntegrityError) and len(entries) > 1:
                return self._one_by_one(entries)
            return [fault] * len(entries)
        except Exception as error:  # noqa: BLE001 - one event's fault must not take the others down
            self._forget(reopen=False)
            return self._one_by_one(entries) if len(entries) > 1 else [_bug(error)]

    def _one_by_one(self, entries: list[Entry]) -> list[Ack | PeakError]:
        """Each in a transaction of its own, so that only the one at fault is kept out."""
        return [result for entry in entries for result in self._commit([entry])]

    def _transact(self, entries: list[Entry]) -> list[Ack | PeakError]:
        if self._uncertain:
            self._look_again()
        self._db.execute("BEGIN IMMEDIATE")
        now = self._clock.now()
        stamp = _Stamp(iso(now), self._clock.boot_us())
        known = self._known([entry.draft.event_id for entry in entries])
        results: list[Ack | PeakError] = []
        for entry in entries:
            earlier = known.get(entry.draft.event_id)
            if earlier is not None:
                results.append(self._repeated(entry, earlier))
                continue
            refused = self._out_of_place(entry.draft)
            if refused is not None:
                results.append(_left_out(entry, refused, stamp) if isinstance(refused, Refusal) else refused)
                continue
            refusal = None
            if entry.draft.kind == EventKind.CALL_REQUESTED:
                refusal = self._refusal(entry.draft, now)
                entry = _as_refused(entry, refusal) if refusal else entry  # noqa: PLW2901 - the entry as written
            header = self._write(entry, stamp)
            known[header.event_id] = header
            results.append(Ack(header.event_id, header.seq, header.hash, header.ts, refusal))
        self._db.executemany(_INSERT, self._rows)
        self._db.executemany("INSERT INTO body VALUES (?, ?)", self._bodies)
        for projection in self._projections:
            projection.flush(self._db)
        self._db.execute("COMMIT")
        self._rows.clear()
        self._bodies.clear()
        return results

    def _write(self, entry: Entry, stamp: "_Stamp") -> Header:
        """Chain one event and let every projection take it in, with what they add after it."""
        header = self._chain(entry, stamp)
        for projection in self._projections:
            for added in projection.apply(header, entry.body):
                self._write(prepare(added, LEDGER_ACTOR), stamp)
        return header

    def _chain(self, entry: Entry, stamp: "_Stamp") -> Header:
        draft, seq = entry.draft, self._seq + 1
        body_sha256 = hashlib.sha256(entry.data).hexdigest()
        fields: dict[str, Any] = {
            "seq": seq,
            "event_id": draft.event_id,
            "ts": stamp.ts,
            "boot_us": stamp.boot_us,
            "kind": draft.kind,
            "actor": entry.actor,
            "body_sha256": body_sha256,
            "prev_hash": self._hash,
        }
        for name in ("run_id", "call_id", "layer", "role", "provider", "model_id"):
            text = getattr(draft, name)
            if text is not None:
                fields[name] = text
        link = hashlib.sha256(header_bytes(fields)).hexdigest()
        header = Header(
            seq, draft.event_id, stamp.ts, stamp.boot_us, draft.kind, entry.actor,
            draft.run_id, draft.call_id, draft.layer, draft.role, draft.provider, draft.model_id,
            body_sha256, self._hash, link, entry.client,
        )  # fmt: skip
        self._seq, self._hash = seq, link
        self._rows.append(header[:_COLUMNS])
        self._bodies.append((seq, entry.data))
        return header

    def _refusal(self, draft: EventDraft, now: Any) -> Refusal | None:
        for guard in self._guards:
            refusal = guard(draft)
            if refusal is not None:
                return refusal
        for projection in self._projections:
            refusal = projection.admit(draft, now)
            if refusal is not None:
                return refusal
        return None

    def _out_of_place(self, draft: EventDraft) -> PeakError | Refusal | None:
        """The genesis stands first and once; and whatever the node's conditions say."""
        genesis = draft.kind == EventKind.WORKSPACE_INITIALISED
        if genesis == (self._seq == 0):
            return next((refused for condition in self._conditions if (refused := condition(draft))), None)
        if genesis:
            return UsageWrong("the ledger has its genesis already", code="genesis_exists")
        return LedgerUnavailable(
            "the ledger has no genesis yet", code="genesis_missing", remedy="start the node: peak node start"
        )

    def _known(self, event_ids: list[str]) -> dict[str, Header]:
        marks = ",".join("?" * len(event_ids))
        rows = self._db.execute(f"SELECT * FROM ledger WHERE event_id IN ({marks})", event_ids)  # noqa: S608 - marks only
        return {row[1]: Header(*row) for row in rows}

    def _repeated(self, entry: Entry, earlier: Header) -> Ack | PeakError:
        """The first event's place, for the same event; an error for another one under the same id."""
        place = (entry.draft.event_id, earlier.seq, earlier.hash, earlier.ts)
        if earlier.kind == entry.draft.kind and earlier.body_sha256 == hashlib.sha256(entry.data).hexdigest():
            return Ack(*place)
        if earlier.kind == EventKind.CALL_REFUSED and entry.draft.kind == EventKind.CALL_REQUESTED:
            return Ack(*place, self._refusal_at(earlier.seq))
        return UsageWrong(
            f"event id {entry.draft.event_id} belongs to another event",
            code="event_id_taken",
            remedy="make a new id for every event",
        )

    def _refusal_at(self, seq: int) -> Refusal:
        waiting = dict(self._bodies)
        if seq in waiting:
            data = waiting[seq]
        else:
            row = self._db.execute("SELECT bytes FROM body WHERE seq = ?", (seq,)).fetchone()
            if row is None:
                return _PRUNED_REFUSAL
            (data,) = row
        body = orjson.loads(data)
        return Refusal(body["reason"], body["message"], body.get("remedy", ""), body.get("details", {}))

    def _resume(self) -> None:
        self._read_head()
        for projection in self._projections:
            projection.open(self._db)

    def _read_head(self) -> None:
        row = self._db.execute("SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1").fetchone()
        self._seq, self._hash = row or (0, GENESIS_PREV_HASH)

    def _forget(self, *, reopen: bool) -> None:
        """After a failed transaction: what was not committed is forgotten; the next append looks again."""
        self._rows.clear()
        self._bodies.clear()
        self._uncertain = True
        self._reopen |= reopen
        with suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def _look_again(self) -> None:
        """Go on after a fault: what the file holds counts, read anew where the file itself was at fault.

        A connection is not closed because the disk is full: closing folds the log into the file, and would
        use up the space that somebody is freeing.
        """
        if self._reopen:
            with suppress(sqlite3.Error):
                self._db.close()
            self._db = open_for_writing(self.path)
        self._read_head()
        for projection in self._projections:
            projection.reset()
            projection.open(self._db)
        self._uncertain = self._reopen = False


@dataclass(frozen=True, slots=True)
class _Stamp:
    ts: str
    boot_us: int


def _left_out(entry: Entry, refusal: Refusal, stamp: _Stamp) -> Ack:
    """The answer to a draft that has no place in the ledger: nothing stands for it."""
    return Ack(entry.draft.event_id, 0, "", stamp.ts, refusal)


def _as_refused(entry: Entry, refusal: Refusal) -> Entry:
    asked = entry.body
    body = {
        **{name: asked[name] for name in _CARRIED if name in asked},
        "reason": refusal.code,
        "message": refusal.message,
        "remedy": refusal.remedy,
        "details": refusal.details,
    }
    draft = replace(entry.draft, kind=EventKind.CALL_REFUSED, body=body)
    return Entry(draft, entry.actor, body, body_bytes(body), entry.client)


def _bug(error: Exception) -> LedgerUnavailable:
    return LedgerUnavailable(
        f"an event could not be taken in: {type(error).__name__}: {error}",
        code="ledger_projection_failed",
        remedy="this is a fault of the program; the event was not written. Please report it",
    )
