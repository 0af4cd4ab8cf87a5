"""What is left of a broken ledger: its longest prefix that can be proven, as a ledger of its own.

Read by place, each event by itself where a page is damaged; nothing of the broken file is changed. An event
is proven by the chain from the genesis on, and by every head that was signed over it.
"""

import shutil
import sqlite3
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson

from peak_console.domain.errors import LedgerUnavailable, PeakError
from peak_console.domain.events import GENESIS_PREV_HASH, EventKind
from peak_console.ledger.folds.breaker_rows import rebuild_breakers
from peak_console.ledger.headers import Header
from peak_console.ledger.heads.merkle import Frontier
from peak_console.ledger.keeping.pruning import PrunedRange, read_ranges, write_ranges
from peak_console.ledger.projections import Projection
from peak_console.ledger.schema import open_for_writing
from peak_console.ledger.verifying.diagnosis import Row, is_sound, link_of
from peak_console.ledger.verifying.pruned import read_rules

NO_DATABASE: Final = "ledger_not_a_database"
MISSING: Final = "ledger_missing"

_CHUNK: Final = 1000
_COLUMNS: Final = 15
_ROWS: Final = (
    "SELECT l.seq, l.event_id, l.ts, l.boot_us, l.kind, l.actor, l.run_id, l.call_id, l.layer, l.role, "
    "l.provider, l.model_id, l.body_sha256, l.prev_hash, l.hash, b.bytes "
    "FROM ledger l LEFT JOIN body b ON b.seq = l.seq WHERE "
)
_WAYS: Final = ("l.seq > ? ORDER BY l.seq LIMIT 512", "l.seq > ? ORDER BY l.seq LIMIT 1", "l.seq = ? + 1")
"""How the events after a place are asked for; each further way only where the one before gives none."""
_TABLES: Final = (
    "SELECT name, rootpage, sql FROM sqlite_master WHERE type = 'table' AND name IN "
    "('ledger', 'body', 'pruned_range', 'budget_counter', 'budget_breaker', 'run_limit')"
)
_UNREADABLE: Final = (sqlite3.Error, UnicodeError)
"""What reading a damaged file raises: SQLite's own message may quote bytes of it that are no text."""
_LEAST_EVENT: Final = 3 * 64
"""Bytes that an event takes at least, for its three hashes: a file has room for no more events than that."""
_PAGE: Final = 4096
_HEADER: Final = 100
_IN_HEADER: Final = 28
"""Where the header tells how many pages there are."""

Progress = Callable[[str, int, int], None]
"""Told now and then: ``reading`` or ``writing``, events done, events there may be."""


@dataclass(frozen=True, slots=True)
class Proven:
    """How far a ledger can be proven, and what ends it there."""

    events: int
    """How many events from the genesis on hold; 0 for none."""
    head: str
    """The hash of the last of them."""
    seen: int
    """The highest place that can still be read in the file, proven or not."""
    broken_how: str
    """Why no further event is proven; empty where the file ends."""
    detail: str = ""
    genesis: str = ""
    """The hash of the first event; empty where none is proven."""


@dataclass(frozen=True, slots=True)
class Bodiless:
    """Proven events whose bodies are gone on the word of a ``ledger.pruned`` that is not proven itself.

    The broken file says that retention dropped them; a ledger of the proven part alone cannot, and verifying
    it names the first of them as ``deleted_body``.
    """

    events: int
    first: int
    last: int

    def as_json(self) -> dict[str, int]:
        """As records tell it."""
        return {"events": self.events, "first": self.first, "last": self.last}


Signed = Callable[[str], Mapping[int, bytes]]
"""The roots that were signed of the log that began with this genesis, by the number of events under them."""


def prove(path: Path, signed: Signed, progress: Progress | None = None) -> Proven:
    """How far the ledger at ``path`` holds: by its chain, and by every head ``signed`` over it.

    Never raises for what is wrong with the file.
    """
    if not path.exists():
        return Proven(0, GENESIS_PREV_HASH, 0, MISSING, f"{path.name} is gone")
    try:
        with closing(_open(path)) as db:
            seen = _highest(db)
            return replace(_follow(db, signed, seen, progress or _silent), seen=seen)
    except _UNREADABLE as error:
        return Proven(
            0, GENESIS_PREV_HASH, 0, NO_DATABASE, f"{path.name} cannot be read as a database: {error}"
        )


def write_prefix(
    source: Path,
    dest: Path,
    proven: Proven,
    projections: Sequence[Projection],
    progress: Progress | None = None,
) -> Bodiless | None:
    """Write the proven events of ``source`` to ``dest`` as a ledger of its own, with figures made anew.

    Gives the events that nothing in ``dest`` excuses for having no body. Raises ``LedgerUnavailable`` where
    ``dest`` cannot be written.
    """
    tell, bodiless = progress or _silent, None
    with closing(_open(source)) as broken, closing(open_for_writing(dest)) as db:
        for projection in projections:
            projection.open(db)
        ranges = [one for one in _ranges(broken) if one.seq <= proven.events]
        found, done = _Reading(broken, _ranges(broken)).rows(), 0
        while done < proven.events:
            rows = list(islice(found, min(_CHUNK, proven.events - done)))
            if not rows:
                raise _changed(source)
            db.execute("BEGIN IMMEDIATE")
            _write_rows(db, rows, projections)
            db.execute("COMMIT")
            gone = [row.seq for row in rows if row.body is None and not _excused(row, ranges)]
            bodiless = _more(bodiless, gone)
            done = rows[-1].seq
            tell("writing", done, proven.events)
        if done and rows[-1].hash != proven.head:
            raise _changed(source)
        db.execute("BEGIN IMMEDIATE")
        rebuild_breakers(db)
        if ranges:
            write_ranges(db, ranges)
        db.execute("COMMIT")
        db.execute("PRAGMA journal_mode = DELETE")  # one file, readable on a read-only disk
    return bodiless


def mended_copies(path: Path, folder: Path) -> Generator[Path, None, None]:
    """Copies of a file whose beginning is damaged, each with another part of it as a new ledger has it.

    First the header, then the whole first page, which says where the tables begin, then a first page that
    says so by itself, since the schema of a ledger takes further pages (sqlite.org/fileformat.html). Whatever
    is read by such a guess counts only where the chain proves it. Each copy is gone once the next is asked
    for.
    """
    if not path.exists() or path.stat().st_size < _PAGE:
        return
    new, short = folder / "new.db", folder / "short.db"
    open_for_writing(new).close()
    page = new.read_bytes()[:_PAGE]
    copy = folder / "mended.db"
    try:
        for begin in (page[:_HEADER], page, _short_schema(new, short)):
            for tail in ("", "-wal"):
                part = path.with_name(path.name + tail)
                if part.exists():
                    shutil.copyfile(part, copy.with_name(copy.name + tail))
            pages = (path.stat().st_size // _PAGE).to_bytes(4, "big")
            with copy.open("r+b") as file:
                file.write(begin)
                file.seek(_IN_HEADER)
                file.write(pages)
            yield copy
    finally:
        for name in (new, short, copy):
            for tail in ("", "-wal", "-shm"):
                name.with_name(name.name + tail).unlink(missing_ok=True)


def _short_schema(new: Path, short: Path) -> bytes:
    """A first page that holds the whole schema of the tables read here, each where ``new`` has it."""
    with closing(_open(new)) as db:
        tables = db.execute(_TABLES).fetchall()
    with closing(sqlite3.connect(short, isolation_level=None)) as db:
        for _, _, sql in tables:
            db.execute(sql)
        db.execute("PRAGMA writable_schema = ON")
        for name, root, _ in tables:
            db.execute("UPDATE sqlite_master SET rootpage = ? WHERE name = ?", (root, name))
        # what an index is for stands elsewhere: reading by place needs none
    return short.read_bytes()[:_PAGE]


def read_table(path: Path, query: str) -> list[tuple[Any, ...]]:
    """What can still be read of a table beside the events, up to the first damaged page; unproven."""
    found: list[tuple[Any, ...]] = []
    with suppress(*_UNREADABLE), closing(_open(path)) as db:
        for row in db.execute(query):
            found.append(row)  # noqa: PERF402 - what was read before the damage counts
    return found


def _open(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing, to a file of whatever state and schema."""
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    db.execute("PRAGMA query_only = ON")
    db.execute("PRAGMA trusted_schema = OFF")
    db.text_factory = _any_text
    return db


def _any_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _highest(db: sqlite3.Connection) -> int:
    """The highest place that some event or body still has; 0 where that cannot be read, or cannot be."""
    found, room = 0, 0
    with suppress(*_UNREADABLE):
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        room = pages * _PAGE
    for table in ("ledger", "body"):
        with suppress(*_UNREADABLE):
            (seq,) = db.execute(f"SELECT max(seq) FROM {table}").fetchone()  # noqa: S608 - our own tables
            if seq is not None and seq <= room // _LEAST_EVENT:
                found = max(found, seq)
    return found


def _follow(db: sqlite3.Connection, signed_of: Signed, seen: int, tell: Progress) -> Proven:
    signed: Mapping[int, bytes] = {}
    frontier = Frontier()
    seq, head, genesis = 0, GENESIS_PREV_HASH, ""
    held = Proven(0, GENESIS_PREV_HASH, 0, "", "", "")
    reading = _Reading(db, _ranges(db))
    for row in reading.rows():
        seq, head = row.seq, row.hash
        if not genesis:
            genesis, signed = head, signed_of(head)
        frontier.extend((bytes.fromhex(head),))
        if seq in signed:
            if frontier.root() != signed[seq]:
                detail = f"a signed head of {seq} events was made of others: they were rewritten"
                return replace(held, broken_how="rewritten_chain", detail=detail)
            held = Proven(seq, head, 0, "", "", genesis)
        if seq % _CHUNK == 0:
            tell("reading", seq, max(seen, seq))
    if reading.ended is not None:
        return Proven(seq, head, 0, *reading.ended, genesis)
    beyond = max(signed, default=0)
    if beyond > seq:
        detail = f"{beyond} events were signed; the file ends at {seq}"
        return Proven(seq, head, 0, "truncated_tail", detail, genesis)
    return Proven(seq, head, 0, "", "", genesis)


@dataclass(slots=True)
class _Reading:
    """The events of a file in order, as long as each holds and follows the one before it.

    Where a chunk meets a damaged page or a wrong row, the next event is looked for by itself: as the next in
    order, then by its number, for a damaged page leads the one way astray and not always the other.
    """

    db: sqlite3.Connection
    ranges: Sequence[PrunedRange]
    ended: tuple[str, str] | None = None
    """Why no further event was found, how and where; nothing where the file itself ends."""

    def rows(self) -> Iterator[Row]:
        """Each event that holds; afterwards ``ended`` tells why there is no further one."""
        seq, head, way = 0, GENESIS_PREV_HASH, 0
        while way < len(_WAYS):
            before = seq
            for row in self._read(_WAYS[way], seq):
                wrong = _wrong(row, seq + 1, head, self.ranges)
                if wrong:
                    self.ended = self.ended or wrong
                    break
                seq, head = row.seq, row.hash
                yield row
            if seq > before:
                self.ended, way = None, 0
            elif self.ended is None:
                return
            else:
                way += 1

    def _read(self, where: str, after: int) -> Iterator[Row]:
        try:
            for values in self.db.execute(_ROWS + where, (after,)):
                yield Row(*values)
        except _UNREADABLE as error:
            self.ended = self.ended or ("unreadable", f"event {after + 1} cannot be read: {error}")


def _wrong(row: Row, seq: int, head: str, ranges: Sequence[PrunedRange]) -> tuple[str, str] | None:
    """Why a row is not the event that belongs at ``seq`` after ``head``."""
    if row.seq != seq:
        return "deleted_row", f"event {seq} is gone; the next one there is {row.seq}"
    if seq == 1 and row.kind != EventKind.WORKSPACE_INITIALISED:
        return "bad_genesis", "the first event is not the genesis"
    if is_sound(row, seq, head):
        return None
    if row.prev_hash != head or link_of(row) != row.hash:
        return "edited_row", f"event {seq} does not follow the one before it as it was written"
    if row.body is not None:
        return "edited_body", f"the body of event {seq} is not the one that was written"
    if _excused(row, ranges):
        return None  # retention dropped it; its hash stands in the header
    return "deleted_body", f"the body of event {seq} is gone"


def _more(before: Bodiless | None, gone: Sequence[int]) -> Bodiless | None:
    if not gone:
        return before
    events, first = (before.events, before.first) if before else (0, gone[0])
    return Bodiless(events + len(gone), first, gone[-1])


def _excused(row: Row, ranges: Sequence[PrunedRange]) -> bool:
    return any(one.covers(row.seq, row.ts, row.kind) for one in ranges)


def _write_rows(db: sqlite3.Connection, rows: Sequence[Row], projections: Sequence[Projection]) -> None:
    marks = ",".join("?" * _COLUMNS)
    db.executemany(f"INSERT INTO ledger VALUES ({marks})", [row[:_COLUMNS] for row in rows])  # noqa: S608 - marks only
    bodies = [(row.seq, row.body) for row in rows if row.body is not None]
    db.executemany("INSERT INTO body VALUES (?, ?)", bodies)
    for row in rows:
        if row.body is None:
            continue
        header, body = Header(*row[:_COLUMNS]), orjson.loads(row.body)
        for projection in projections:
            projection.apply(header, body)  # what it adds stands in the ledger already
    for projection in projections:
        projection.flush(db)


def _ranges(db: sqlite3.Connection) -> list[PrunedRange]:
    """What retention dropped, as far as the file tells: by its events, and by the table that follows them."""
    found: dict[int, PrunedRange] = {}
    for read in (read_ranges, read_rules):
        with suppress(*_UNREADABLE, PeakError, ValueError, TypeError):
            found |= {one.seq: one for one in read(db) if one.seq not in found and _is_range(one)}
    return [found[seq] for seq in sorted(found)]


def _is_range(one: PrunedRange) -> bool:
    return type(one.upto_seq) is type(one.done_seq) is int and isinstance(one.before, str)


def _changed(source: Path) -> LedgerUnavailable:
    return LedgerUnavailable(
        f"{source.name} reads otherwise than a moment ago",
        code="ledger_io_error",
        remedy="check its disk and the memory of this machine, copy the file elsewhere, then recover again",
    )


def _silent(stage: str, done: int, total: int) -> None:
    """No progress is wanted."""
