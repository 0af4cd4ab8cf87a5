"""A bad disk: the fault reaches the caller by name, nothing half-written stays, and work goes on after."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_desk import Desk
from ledger_events import note, requested

from peak_console.domain.errors import LedgerUnavailable
from peak_console.domain.ledgering import Ack
from peak_console.ledger.faults import sqlite_faults, unavailable
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.verifying.verify import verify
from peak_console.ledger.writer import LedgerWriter

MEGABYTE = 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small disk needs root")
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a tmpfs")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fault(desk: Desk, *, bytes_each: int = 10) -> LedgerUnavailable:
    """Append until it fails; the failure."""
    for _ in range(1000):
        (result,) = desk.append(note("x" * bytes_each))
        if not isinstance(result, Ack):
            assert isinstance(result, LedgerUnavailable)
            return result
    raise AssertionError("nothing failed")


def test_a_full_disk_is_told_and_survived(small_disk: Path) -> None:
    """``ledger_full`` reaches the caller, the chain stays whole, and freed space is used at once."""
    ballast = small_disk / "ballast"
    desk = Desk(small_disk / "ledger.db").open()
    ballast.write_bytes(b"x" * (MEGABYTE // 2))
    try:
        error = fault(desk, bytes_each=20_000)
        assert error.code == "ledger_full"
        assert "space" in error.remedy
        (again,) = desk.append(note("x" * 20_000))
        assert isinstance(again, LedgerUnavailable)
        head = desk.writer.head
        with desk.reader() as reader:
            assert reader.head()[0] >= 1
        ballast.unlink()
        (ack,) = desk.write(note("x" * 20_000))
        assert ack.seq == reader_head(desk.path)
        assert ack.seq >= head[0]
        desk.write(requested("c1"))
    finally:
        desk.writer.close()
    assert verify(desk.path).ok


def test_a_read_only_disk_is_told(small_disk: Path) -> None:
    """Opening for writing says so, whether the ledger is there already or not; mended, work goes on."""
    desk = Desk(small_disk / "ledger.db").open()
    desk.write(note())
    desk.writer.close()
    remount(small_disk, "ro")
    try:
        for name in ("ledger.db", "other.db"):
            with pytest.raises(LedgerUnavailable) as caught:
                Desk(small_disk / name).open()
            assert caught.value.code in {"ledger_read_only", "ledger_unopenable"}
    finally:
        remount(small_disk, "rw")
    desk.open()
    desk.write(note())
    desk.writer.close()
    assert verify(desk.path).ok


def remount(folder: Path, mode: str) -> None:
    """Make the small disk read-only or writable."""
    subprocess.run(["mount", "-o", f"remount,{mode}", str(folder)], check=True, capture_output=True)


def reader_head(path: Path) -> int:
    """The last place."""
    with LedgerReader(path) as reader:
        return reader.head()[0]


def test_a_write_error_is_told_and_survived(desk: Desk) -> None:
    """A fault of SQLite's in a transaction: everybody in it hears, nothing of it stays, the next works."""
    desk.write(note())
    head = desk.writer.head
    trigger = (
        "CREATE TEMP TRIGGER bad BEFORE INSERT ON body BEGIN SELECT raise(ROLLBACK, 'disk I/O error'); END"
    )
    desk.writer._db.execute(trigger)
    results = desk.append(note(), requested("c1"), note())
    assert all(isinstance(result, LedgerUnavailable) for result in results)
    assert reader_head(desk.path) == head[0]
    desk.writer._db.execute("DROP TRIGGER bad")
    (ack,) = desk.write(note())
    assert ack.seq == head[0] + 1
    assert verify(desk.path).ok


def test_a_lock_by_another_process_is_told(desk: Desk) -> None:
    """Somebody who writes the file beside the node is a fault with a name."""
    desk.writer._db.execute("PRAGMA busy_timeout = 0")
    thief = sqlite3.connect(desk.path, isolation_level=None)
    thief.execute("BEGIN IMMEDIATE")
    (result,) = desk.append(note())
    assert isinstance(result, LedgerUnavailable)
    assert result.code == "ledger_locked"
    thief.execute("COMMIT")
    thief.close()
    desk.write(note())


def test_an_event_put_in_beside_the_writer_does_not_break_the_chain(desk: Desk) -> None:
    """The triggers refuse a second one; the writer looks at the file again and goes on from what it holds."""
    desk.write(note("a"))
    twin = LedgerWriter(desk.path, clock=desk.clock)
    (theirs,) = twin.append([(note("b"), "twin")])
    twin.close()
    assert isinstance(theirs, Ack)
    (refused,) = desk.append(note("c"))
    assert isinstance(refused, LedgerUnavailable)
    (ack,) = desk.write(note("c"))
    assert ack.seq == theirs.seq + 1
    assert verify(desk.path).ok


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """Opening says so."""
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    with pytest.raises(LedgerUnavailable) as caught:
        Desk(folder / "ledger.db").open()
    assert caught.value.code in {"ledger_unopenable", "ledger_read_only"}


def test_a_missing_folder(tmp_path: Path) -> None:
    """Nothing is guessed or made."""
    with pytest.raises(LedgerUnavailable) as caught:
        Desk(tmp_path / "none" / "ledger.db").open()
    assert caught.value.code == "ledger_unopenable"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (sqlite3.SQLITE_BUSY, "ledger_locked"),
        (sqlite3.SQLITE_BUSY | 2 << 8, "ledger_locked"),
        (sqlite3.SQLITE_FULL, "ledger_full"),
        (sqlite3.SQLITE_READONLY, "ledger_read_only"),
        (sqlite3.SQLITE_IOERR | 4 << 8, "ledger_io_error"),
        (sqlite3.SQLITE_CORRUPT, "ledger_corrupt"),
        (sqlite3.SQLITE_NOTADB, "ledger_not_a_database"),
        (sqlite3.SQLITE_INTERNAL, "ledger_unavailable"),
        (None, "ledger_unavailable"),
    ],
)
def test_every_fault_of_sqlite_has_a_code_and_a_remedy(number: int | None, code: str) -> None:
    """Extended codes count as their primary ones; what is unknown is still an error of ours."""
    error = sqlite3.OperationalError("words")
    if number is not None:
        error.sqlite_errorcode = number
        error.sqlite_errorname = "SQLITE_TEST"
    found = unavailable(error, Path("audits/ledger.db"))
    assert found.code == code
    assert found.remedy
    assert "ledger.db" in found.message
    assert "audits" not in found.message
    with pytest.raises(LedgerUnavailable), sqlite_faults(Path("x")):
        raise error
