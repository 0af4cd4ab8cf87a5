"""A disk that loses what was never synced: the product's own writer over a VFS of SQLite's, in memory.

Files live in memory as they were synced, with the writes since. A cut keeps a random part of those writes,
sector by sector, and what is left is laid on a real disk to be opened anew. The model: one process, writes
lost and not torn within a sector. As a program: ``python benchmarks/crash.py --power-cuts 1000``.
"""

import random
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

import apsw

from peak_console.domain.clock import ManualClock
from peak_console.domain.errors import LedgerUnavailable, PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ledgering import Ack
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.verifying.verify import verify
from peak_console.ledger.writer import LedgerWriter

SECTOR = 512
GENESIS = EventDraft("ev_genesis", EventKind.WORKSPACE_INITIALISED, {"simulated": True, "made_by": "test"})


@dataclass
class Content:
    """A file: what is on the platter, what programs read, and the writes between the two."""

    durable: bytearray = field(default_factory=bytearray)
    current: bytearray = field(default_factory=bytearray)
    waiting: list[tuple[int, bytes] | int] = field(default_factory=list)
    """Writes as (offset, bytes), truncations as the new size."""

    def apply(self, data: bytearray, one: tuple[int, bytes] | int) -> None:
        """One write or truncation on ``data``."""
        if isinstance(one, int):
            del data[one:]
            return
        offset, new = one
        if len(data) < offset:
            data.extend(bytes(offset - len(data)))
        data[offset : offset + len(new)] = new

    def change(self, one: tuple[int, bytes] | int) -> None:
        """A write that is not synced yet."""
        self.apply(self.current, one)
        self.waiting.append(one)

    def sync(self) -> None:
        """All of it is on the platter."""
        self.durable, self.waiting = bytearray(self.current), []

    def after_cut(self, chance: random.Random) -> bytes:
        """The platter, with a random part of what waited: each sector of each write for itself."""
        left, share = bytearray(self.durable), chance.choice((0.0, 0.5, 0.9))
        for one in self.waiting:
            for part in _sectors(one):
                if chance.random() < share:
                    self.apply(left, part)
        return bytes(left)


def _sectors(one: tuple[int, bytes] | int) -> Iterator[tuple[int, bytes] | int]:
    if isinstance(one, int):
        yield one
        return
    offset, data = one
    while data:
        count = SECTOR - offset % SECTOR
        yield offset, data[:count]
        offset, data = offset + count, data[count:]


class Disk(apsw.VFS):
    """A file system in memory. ``fault`` is asked before every call by its name and number."""

    def __init__(self, fault: Callable[[str, int], int | None]) -> None:
        self.name = f"peak-{id(self)}"
        self.files: dict[str, Content] = {}
        self.fault = fault
        self.calls = 0
        self.faults = 0
        super().__init__(self.name, "")

    def ask(self, call: str) -> None:
        """Fail where the test wants it."""
        self.calls += 1
        code = self.fault(call, self.calls)
        if code is not None:
            self.faults += 1
            error = apsw.exception_for(code)
            raise error

    def xOpen(self, name: Any, flags: list[int]) -> "File":  # noqa: N802 - SQLite's name
        """A file of this disk, made when missing."""
        path = name.filename() if isinstance(name, apsw.URIFilename) else name or f"temp-{self.calls}"
        flags[1] = flags[0]
        return File(self, self.files.setdefault(Path(path).name, Content()))

    def xDelete(self, name: str, syncdir: bool) -> None:  # noqa: FBT001, N802 - SQLite's
        """Forget a file."""
        self.ask("delete")
        self.files.pop(Path(name).name, None)

    def xAccess(self, name: str, flags: int) -> bool:  # noqa: N802 - SQLite's name
        """Whether there is such a file with something in it."""
        return Path(name).name in self.files

    def xFullPathname(self, name: str) -> str:  # noqa: N802 - SQLite's name
        """The name itself."""
        return name

    def load(self, folder: Path) -> None:
        """Take in the files of a real folder, all of them synced."""
        for path in folder.iterdir():
            if path.name.endswith("-shm"):
                continue
            data = path.read_bytes()
            self.files[path.name] = Content(bytearray(data), bytearray(data))

    def lay_down(self, folder: Path, chance: random.Random | None = None) -> None:
        """What is left after a cut, as real files; without ``chance`` all that was written."""
        for old in folder.iterdir():
            old.unlink()
        for name, content in self.files.items():
            left = content.after_cut(chance) if chance else bytes(content.current)
            (folder / name).write_bytes(left)


class File:
    """An open file of a :class:`Disk`; locks are nobody else's."""

    def __init__(self, disk: Disk, content: Content) -> None:
        self._disk, self._content = disk, content

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802 - SQLite's name
        """Bytes; fewer at the end."""
        self._disk.ask("read")
        return bytes(self._content.current[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        """Not synced yet."""
        self._disk.ask("write")
        self._content.change((offset, bytes(data)))

    def xTruncate(self, size: int) -> None:  # noqa: N802 - SQLite's name
        """Not synced yet either."""
        self._disk.ask("truncate")
        self._content.change(size)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        """On the platter."""
        self._disk.ask("sync")
        self._content.sync()

    def xFileSize(self) -> int:  # noqa: N802 - SQLite's name
        """Bytes."""
        return len(self._content.current)

    def xLock(self, level: int) -> None:  # noqa: N802 - SQLite's name
        """Always had."""

    def xUnlock(self, level: int) -> None:  # noqa: N802 - SQLite's name
        """Never needed."""

    def xCheckReservedLock(self) -> bool:  # noqa: N802 - SQLite's name
        """Nobody else."""
        return False

    def xFileControl(self, op: int, pointer: int) -> bool:  # noqa: N802 - SQLite's name
        """Nothing special."""
        return False

    def xSectorSize(self) -> int:  # noqa: N802 - SQLite's name
        """Of an old disk, which is the harder case."""
        return SECTOR

    def xDeviceCharacteristics(self) -> int:  # noqa: N802 - SQLite's name
        """No promise: a write may go beyond nothing but its sectors."""
        return 0

    def xClose(self) -> None:  # noqa: N802 - SQLite's name
        """Nothing is synced by closing."""


class Connection:
    """An apsw connection as the writer knows ``sqlite3.Connection``: the few calls that it uses."""

    def __init__(self, disk: Disk, name: str, synchronous: str) -> None:
        with _as_sqlite3():
            self._db = apsw.Connection(name, vfs=disk.name)
        try:
            self._set(synchronous)
        except sqlite3.Error:
            self.close()
            raise

    def _set(self, synchronous: str) -> None:
        for pragma in (
            "locking_mode = EXCLUSIVE",  # no shared memory: the index of the log is the process's own
            "journal_mode = WAL",
            f"synchronous = {synchronous}",
            "recursive_triggers = ON",
            "wal_autocheckpoint = 50",  # so that a short campaign folds the log in as well
        ):
            self.execute(f"PRAGMA {pragma}")

    @property
    def in_transaction(self) -> bool:
        """Whether one is open."""
        with _as_sqlite3():
            return bool(self._db.in_transaction)

    def execute(self, sql: str, values: Any = ()) -> "Cursor":
        """Run one statement."""
        with _as_sqlite3():
            return Cursor(self._db.cursor().execute(sql, values))

    def executemany(self, sql: str, rows: Sequence[Any]) -> None:
        """Run one statement for each row."""
        with _as_sqlite3():
            self._db.cursor().executemany(sql, rows)

    def close(self) -> None:
        """Close it, whatever the disk says."""
        for force in (False, True):
            with suppress(apsw.Error):
                self._db.close(force)
                return


class Cursor:
    """Rows of one statement."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        with _as_sqlite3():
            return next(self._rows)

    def fetchone(self) -> Any:
        """The next row, ``None`` at the end."""
        return next(self, None)

    def fetchall(self) -> list[Any]:
        """All that are left."""
        return list(self)


@contextmanager
def _as_sqlite3() -> Iterator[None]:
    """What apsw raises, as the standard library would."""
    try:
        yield
    except apsw.Error as error:
        kind = sqlite3.IntegrityError if isinstance(error, apsw.ConstraintError) else sqlite3.OperationalError
        told = kind(str(error))
        told.sqlite_errorcode = getattr(error, "extendedresult", 0) or getattr(error, "result", 0)
        told.sqlite_errorname = type(error).__name__
        raise told from error


@contextmanager
def writer_over(disk: Disk, name: str, synchronous: str = "FULL") -> Iterator[LedgerWriter]:
    """The product's writer, its connection laid over ``disk``."""

    def opened(path: Path) -> Any:
        with _faults(path):
            return Connection(disk, path.name, synchronous)

    with patch("peak_console.ledger.writer.open_for_writing", opened):
        writer = LedgerWriter(Path(name), clock=ManualClock(), projections=(Rollups(),))
        try:
            yield writer
        finally:
            writer.close()


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    from peak_console.ledger.faults import sqlite_faults  # noqa: PLC0415 - beside its one use

    with sqlite_faults(path):
        yield


def drafts(round_number: int, number: int) -> list[EventDraft]:
    """What one caller appends together."""
    texts = ("x" * (40 + 300 * (number % 4)), "y")
    return [
        EventDraft(f"ev_{round_number}_{number}_{place}", EventKind.RUN_STARTED, {"purpose": text})
        for place, text in enumerate(texts)
    ]


@dataclass
class Finding:
    """What a campaign of cuts found; ``lost`` acknowledged events are what must not be."""

    cuts: int = 0
    acknowledged: int = 0
    lost: int = 0
    losing_cuts: int = 0
    broken: int = 0


def new_ledger(folder: Path) -> None:
    """A ledger with its genesis, made by the standard library's SQLite, all of it synced."""
    with LedgerWriter(folder / "ledger.db", clock=ManualClock(), projections=(Rollups(),)) as writer:
        assert isinstance(writer.append([(GENESIS, "node")])[0], Ack)


def power_cuts(cuts: int, *, synchronous: str = "FULL", seed: int = 1) -> Finding:
    """Cut the power so often, each time at a random call to the disk; what was acknowledged must be there."""
    chance, found = random.Random(seed), Finding()  # noqa: S311 - moments, not secrets
    with tempfile.TemporaryDirectory(prefix="pk") as name:
        folder = Path(name)
        new_ledger(folder)
        acks: dict[str, tuple[int, str]] = {}
        for number in range(cuts):
            if number % 40 == 39:
                for old in folder.iterdir():
                    old.unlink()
                new_ledger(folder)
                acks = {}
            _one_cut(folder, number, chance, synchronous, acks, found)
    return found


def _one_cut(  # noqa: PLR0917 - a round's whole state
    folder: Path,
    number: int,
    chance: random.Random,
    synchronous: str,
    acks: dict[str, tuple[int, str]],
    found: Finding,
) -> None:
    last = chance.randint(1, 140)
    disk = Disk(lambda call, calls: apsw.SQLITE_IOERR if calls > last else None)
    disk.load(folder)
    before = len(acks)
    with suppress(LedgerUnavailable), writer_over(disk, "ledger.db", synchronous) as writer:
        step = 0
        while disk.calls <= last:
            results = writer.append([(one, "a") for one in drafts(number, step)])
            acks |= {one.event_id: (one.seq, one.hash) for one in results if isinstance(one, Ack)}
            step += 1
    disk.lay_down(folder, chance)
    disk.unregister()
    found.cuts += 1
    found.acknowledged += len(acks) - before
    _examine(folder / "ledger.db", acks, found)


def _examine(path: Path, acks: dict[str, tuple[int, str]], found: Finding) -> None:
    """Compare, and go on from what is there."""
    try:
        with LedgerReader(path) as reader:
            places = {one.event_id: (one.seq, one.hash) for one in reader.read(limit=100_000, bodies=False)}
        sound = verify(path).ok
    except PeakError:
        places, sound = {}, False
    lost = [event_id for event_id, place in acks.items() if places.get(event_id) != place]
    for event_id in lost:
        del acks[event_id]
    found.lost += len(lost)
    found.losing_cuts += bool(lost)
    found.broken += not sound
