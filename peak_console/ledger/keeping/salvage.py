"""What is left of a broken ledger: its longest prefix that can be proven, as a ledger of its own.

Read by place, each event by itself where a page is damaged; nothing of the broken file is changed. An event
is proven by the chain from the genesis on, and by every head that was signed over it.
"""

import shutil
import sqlite3
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import orjson

from peak_console.domain.errors import PeakError
from peak_console.domain.events import GENESIS_PREV_HASH, EventKind
from peak_console.ledger.folds.breaker_rows import rebuild_breakers
from peak_console.ledger.headers import Header
from peak_console.ledger.heads.merkle import Frontier
from peak_console.ledger.keeping.pruning import PrunedRange, read_ranges, write_ranges
from peak_console.ledger.projections import Projection
from peak_console.ledger.schema import open_for_writing
from peak_console.ledger.verifying.diagnosis import Row, is_sound, link_of

NO_DATABASE: Final = "ledger_not_a_database"
MISSING: Final = "ledger_missing"

_CHUNK: Final = 1000
_COLUMNS: Final = 15
_ROWS: Final = (
    "SELECT l.seq, l.event_id, l.ts, l.boot_us, l.kind, l.actor, l.run_id, l.call_id, l.layer, l.role, "
    "l.provider, l.model_id, l.body_sha256, l.prev_hash, l.hash, b.bytes "
    "FROM ledger l LEFT JOIN body b ON b.seq = l.seq WHERE l.seq > ? AND l.seq <= ? ORDER BY l.seq LIMIT ?"
)
_EVER: Final = 2**62
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
    except sqlite3.Error as error:
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
        done = 0
        while done < proven.events:
            rows = list(_rows(broken, done, min(done + _CHUNK, proven.events)))
            db.execute("BEGIN IMMEDIATE")
            _write_rows(db, rows, projections)
            db.execute("COMMIT")
            gone = [row.seq for row in rows if row.body is None and not _excused(row, ranges)]
            bodiless = _more(bodiless, gone)
            done = rows[-1].seq
            tell("writing", done, proven.events)
        db.execute("BEGIN IMMEDIATE")
        rebuild_breakers(db)
        if ranges:
            write_ranges(db, ranges)
        db.execute("COMMIT")
        db.execute("PRAGMA journal_mode = DELETE")  # one file, readable on a read-only disk
    return bodiless


def mended_copies(path: Path, folder: Path) -> Generator[Path, None, None]:
    """Copies of a file whose beginning is damaged, each with another part of it as a new ledger has it.

    First the header (sqlite.org/fileformat.html), then the whole first page, which says where the tables
    begin. Whatever is read by such a guess counts only where the chain proves it. Each copy is gone once the
    next is asked for.
    """
    if not path.exists() or path.stat().st_size < _PAGE:
        return
    new = folder / "new.db"
    open_for_writing(new).close()
    page = new.read_bytes()[:_PAGE]
    copy = folder / "mended.db"
    try:
        for count in (_HEADER, _PAGE):
            for tail in ("", "-wal"):
                part = path.with_name(path.name + tail)
                if part.exists():
                    shutil.copyfile(part, copy.with_name(copy.name + tail))
            pages = (path.stat().st_size // _PAGE).to_bytes(4, "big")
            with copy.open("r+b") as file:
                file.write(page[:count])
                file.seek(_IN_HEADER)
                file.write(pages)
            yield copy
    finally:
        for name in (new, copy):
            for tail in ("", "-wal", "-shm"):
                name.with_name(name.name + tail).unlink(missing_ok=True)


def read_table(path: Path, query: str) -> list[tuple[Any, ...]]:
    """What can still be read of a table beside the events, up to the first damaged page; unproven."""
    found: list[tuple[Any, ...]] = []
    with suppress(sqlite3.Error), closing(_open(path)) as db:
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
    """The highest place that some event or body still has; 0 where that cannot be read."""
    found = 0
    for table in ("ledger", "body"):
        with suppress(sqlite3.Error):
            (seq,) = db.execute(f"SELECT max(seq) FROM {table}").fetchone()  # noqa: S608 - our own tables
            found = max(found, seq or 0)
    return found


def _follow(db: sqlite3.Connection, signed_of: Signed, seen: int, tell: Progress) -> Proven:
    signed: Mapping[int, bytes] = {}
    ranges = _ranges(db)
    frontier = Frontier()
    seq, head, genesis = 0, GENESIS_PREV_HASH, ""
    held = Proven(0, GENESIS_PREV_HASH, 0, "", "", "")
    try:
        for row in _rows(db, 0, _EVER):
            wrong = _wrong(row, seq + 1, head, ranges)
            if wrong:
                return Proven(seq, head, 0, *wrong, genesis)
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
    except sqlite3.Error as error:
        return Proven(seq, head, 0, "unreadable", f"event {seq + 1} cannot be read: {error}", genesis)
    beyond = max(signed, default=0)
    if beyond > seq:
        detail = f"{beyond} events were signed; the file ends at {seq}"
        return Proven(seq, head, 0, "truncated_tail", detail, genesis)
    return Proven(seq, head, 0, "", "", genesis)


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


def _rows(db: sqlite3.Connection, after: int, upto: int) -> Iterator[Row]:
    """Rows in order; where a chunk meets a damaged page each is asked for by itself, up to that page."""
    count = _CHUNK
    while True:
        try:
            found = db.execute(_ROWS, (after, upto, count)).fetchall()
        except sqlite3.DatabaseError:
            if count == 1:
                raise
            count = 1
            continue
        if not found:
            return
        for one in found:
            yield Row(*one)
        after = found[-1][0]


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
    """What retention dropped, as far as the file tells."""
    with suppress(sqlite3.Error, PeakError, ValueError):
        return read_ranges(db)
    return []


def _silent(stage: str, done: int, total: int) -> None:
    """No progress is wanted."""
