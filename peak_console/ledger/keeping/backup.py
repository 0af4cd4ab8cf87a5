"""A copy of a ledger while it is written: one moment of it, whole or not there at all.

SQLite's backup API from a connection that cannot write, inside one read transaction: the writer goes on, and
its appends do not make the copy begin again. Meanwhile the write-ahead log cannot be cut.
"""

import errno
import os
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from peak_console.domain.errors import EnvironmentUnfit, LedgerBroken, UsageWrong
from peak_console.ledger.durable import sync_folder
from peak_console.ledger.faults import sqlite_faults
from peak_console.ledger.heads.checkpoint_files import CheckpointFiles
from peak_console.ledger.schema import APPLICATION_ID, open_for_reading
from peak_console.ledger.verifying.verify import verify

PAGES_PER_STEP: Final = 256
"""Pages copied between two looks at whoever waits: a megabyte."""

_BESIDE: Final = ("-wal", "-shm", "-journal")
_PRIMARY: Final = 0xFF
_HEADER_BYTES: Final = 100
_APPLICATION: Final = slice(68, 72)
"""Where the application id stands in a database's header (sqlite.org/fileformat.html)."""

Progress = Callable[[int, int], None]
"""Told now and then: pages copied, pages in all."""


class BackupFailed(EnvironmentUnfit):
    """No backup was made; nothing is left of the attempt."""

    default_code = "backup_failed"
    why = "a backup is whole or not there at all"


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was made and verified."""

    path: Path
    notes: Path | None
    """The folder of signed checkpoints beside it; ``None`` where none were ever signed."""
    size: int
    """Bytes."""
    events: int
    head: str
    same_disk: bool
    """Whether it lies on the ledger's own disk, with which it would be lost."""


def back_up(
    ledger: Path, checkpoints: Path, dest: Path, *, replace: bool = False, progress: Progress | None = None
) -> Backup:
    """Copy ``ledger`` to ``dest``, and the notes of ``checkpoints`` to the folder :func:`notes_beside` names.

    The copy is one file, made under another name and renamed once its chain verifies. ``replace`` allows an
    earlier backup to be written over, nothing else. Raises ``UsageWrong`` for a place that cannot be meant,
    ``LedgerUnavailable`` for a ledger that cannot be read, ``LedgerBroken`` for one that does not verify, and
    :class:`BackupFailed` where the copy cannot be written.
    """
    with _told(dest):
        _check_place(ledger, dest, replace=replace)
    notes = notes_beside(dest)
    mark = f".{os.getpid()}-{secrets.token_hex(4)}.part"
    part, notes_part = dest.with_name(dest.name + mark), notes.with_name(notes.name + mark)
    try:
        with _told(dest):
            # notes first: a checkpoint signed meanwhile must not be beyond the copy's end
            has_notes = _copy_notes(checkpoints, notes_part)
        _copy(ledger, part, progress)
        result = verify(part)
        if not result.ok:
            raise LedgerBroken(
                f"the ledger does not verify, so it is not backed up: {result.broken_how}: {result.detail}",
                remedy='see: peak ledger verify; go on after it: peak ledger recover --reason "..."',
                broken_seq=result.broken_seq,
                broken_how=result.broken_how,
            )
        with _told(dest):
            _put(part, dest, replace=replace)
            _put_notes(notes_part if has_notes else None, notes)
            sync_folder(dest.parent)
            size = dest.stat().st_size
            same_disk = dest.stat().st_dev == ledger.stat().st_dev
    finally:
        for left in (part, *(part.with_name(part.name + tail) for tail in _BESIDE)):
            with suppress(OSError):
                left.unlink(missing_ok=True)
        shutil.rmtree(notes_part, ignore_errors=True)
    return Backup(dest, notes if has_notes else None, size, result.events, result.head, same_disk)


def notes_beside(dest: Path) -> Path:
    """The folder of checkpoints that belongs to the backup ``dest``."""
    return dest.with_name(f"{dest.name}.checkpoints")


def _check_place(ledger: Path, dest: Path, *, replace: bool) -> None:
    """Refuse a destination that would cost anything."""
    own = {_place(ledger.with_name(ledger.name + tail)) for tail in ("", *_BESIDE)}
    twin = dest.exists() and ledger.exists() and dest.samefile(ledger)
    if twin or _place(dest) in own:
        raise UsageWrong(
            "a backup cannot be written over the ledger itself",
            code="backup_over_ledger",
            remedy="name another file, best on another disk",
        )
    if not dest.exists():
        return
    if not replace:
        raise UsageWrong(
            f"{dest} exists already",
            code="backup_exists",
            remedy="name another file, or write over that backup with --replace",
        )
    if not _is_ledger(dest):
        raise UsageWrong(
            f"{dest} is no backup of a ledger, so it is not replaced",
            code="backup_foreign",
            remedy="name another file",
        )


def _place(path: Path) -> Path:
    return path.parent.resolve() / path.name


def _is_ledger(path: Path) -> bool:
    """Whether a file's header is that of a ledger."""
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError:
        return False
    return header[_APPLICATION] == APPLICATION_ID.to_bytes(4, "big")


def _copy(ledger: Path, part: Path, progress: Progress | None) -> None:
    with closing(open_for_reading(ledger)) as source:
        with sqlite_faults(ledger):
            source.execute("BEGIN")
            (pages,) = source.execute("PRAGMA page_count").fetchone()
            (page_bytes,) = source.execute("PRAGMA page_size").fetchone()
            source.execute("SELECT max(seq) FROM ledger").fetchone()  # from here on it is this moment's
        _check_room(part, pages * page_bytes)

        def tell(_: int, left: int, total: int) -> None:
            if progress is not None:
                progress(total - left, total)

        with _told(part):
            os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640))
        try:
            with closing(sqlite3.connect(part, isolation_level=None)) as target:
                source.backup(target, pages=PAGES_PER_STEP, progress=tell, sleep=0)
                target.execute(
                    "PRAGMA journal_mode = DELETE"
                )  # one file, readable where nothing can be written
        except sqlite3.Error as error:
            raise _copy_failed(error, ledger, part) from error
    with _told(part), part.open("rb") as file:
        os.fsync(file.fileno())


def _check_room(part: Path, wanted: int) -> None:
    with _told(part):
        found = os.statvfs(part.parent)
    free = found.f_bavail * found.f_frsize
    if free < wanted:
        raise BackupFailed(
            f"{part.parent} has {free:,} bytes free; the backup needs {wanted:,}",
            code="backup_no_space",
            remedy="free space there, or name a file on another disk",
            free_bytes=free,
            needed_bytes=wanted,
        )


def _copy_failed(error: sqlite3.Error, ledger: Path, part: Path) -> Exception:
    """Whose fault it is: a full or unwritable disk is the copy's, a damaged page the ledger's."""
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return LedgerBroken(
            f"{ledger.name} cannot be copied: {error}",
            remedy='see: peak ledger verify; go on after it: peak ledger recover --reason "..."',
        )
    if code == sqlite3.SQLITE_FULL:
        return BackupFailed(
            f"{part.parent} is full",
            code="backup_no_space",
            remedy="free space there, or name a file on another disk",
        )
    return BackupFailed(
        f"the backup in {part.parent} cannot be written: {error}",
        remedy="check that folder, its disk and its rights, or name another file",
    )


def _copy_notes(checkpoints: Path, part: Path) -> bool:
    """Copy the files of notes into the folder ``part``; whether there are any."""
    files = CheckpointFiles(checkpoints).files()
    if not files:
        return False
    part.mkdir()
    for file in files:
        copy = part / file.name
        copy.write_bytes(file.read_bytes())
        with copy.open("rb") as handle:
            os.fsync(handle.fileno())
    sync_folder(part)
    return True


def _put(part: Path, dest: Path, *, replace: bool) -> None:
    """Give the finished file its name; without ``replace`` never over one that came meanwhile."""
    if replace:
        part.replace(dest)
        return
    try:
        dest.hardlink_to(part)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if dest.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        part.rename(dest)


def _put_notes(part: Path | None, notes: Path) -> None:
    """The notes of this backup in place of those of one that it replaces."""
    if notes.is_dir():
        shutil.rmtree(notes)
    if part is not None:
        part.rename(notes)


@contextmanager
def _told(dest: Path) -> Iterator[None]:
    """Turn what the copy's file system says into :class:`BackupFailed`."""
    try:
        yield
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        raise BackupFailed(
            f"no backup can be written in {dest.parent}: {error.strerror or error}",
            code="backup_no_space" if full else "backup_unwritable",
            remedy="free space there, or name a file on another disk"
            if full
            else "make the folder and its rights, or name another file",
        ) from error
