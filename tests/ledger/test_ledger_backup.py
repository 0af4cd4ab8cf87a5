"""Backups: whole or not there at all, of one moment, and nothing is ever written over by accident."""

import os
import shutil
import sqlite3
import subprocess
import threading
from pathlib import Path

import pytest
from ledger_desk import Desk
from ledger_events import completed, note, requested

from peak_console.domain.clock import ManualClock
from peak_console.domain.errors import LedgerBroken, LedgerUnavailable, PeakError
from peak_console.ledger.heads.checkpoint_files import CheckpointFiles
from peak_console.ledger.heads.notes import Checkpoint
from peak_console.ledger.keeping import backup as module
from peak_console.ledger.keeping.backup import BackupFailed, back_up, notes_beside
from peak_console.ledger.verifying.verify import verify


class Key:
    """A signature that nobody checks here."""

    public = b"k" * 32

    def sign(self, message: bytes) -> bytes:
        """Sixty-four bytes."""
        return b"s" * 64


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A folder with a signed checkpoint."""
    folder = tmp_path / "checkpoints"
    CheckpointFiles(folder).append(Checkpoint("o", 1, b"r" * 32).signed(Key()), ManualClock().now())
    return folder


def left_in(folder: Path) -> set[str]:
    """What stands in a folder."""
    return {path.name for path in folder.iterdir()}


def test_a_backup_holds_the_chain_and_the_notes(desk: Desk, notes: Path, tmp_path: Path) -> None:
    """Head and events are those of the ledger; one file and its checkpoints, nothing else is left."""
    for number in range(5):
        desk.write(requested(f"c{number}"), completed(f"c{number}"))
    place = tmp_path / "away"
    place.mkdir()
    made = back_up(desk.path, notes, place / "b.db")
    assert (made.events, made.head) == desk.writer.head
    assert verify(place / "b.db").ok
    assert left_in(place) == {"b.db", "b.db.checkpoints"}
    assert left_in(place / "b.db.checkpoints") == left_in(notes)
    assert made.notes == notes_beside(place / "b.db")
    assert made.same_disk
    assert made.size == (place / "b.db").stat().st_size


def test_a_backup_can_be_gone_on_from(desk: Desk, notes: Path, tmp_path: Path) -> None:
    """A writer opens it and appends where the ledger stood."""
    desk.write(note())
    made = back_up(desk.path, notes, tmp_path / "b.db")
    copy = Desk(made.path).open()
    (ack,) = copy.write(note())
    copy.writer.close()
    assert ack.seq == made.events + 1
    assert verify(made.path).ok


def test_the_writer_is_not_held_up(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Appends between the steps of a backup are acknowledged, and the copy is of the moment it began."""
    desk.write(*(note("x" * 2000) for _ in range(50)))
    before = desk.writer.head
    monkeypatch.setattr(module, "PAGES_PER_STEP", 4)
    steps: list[int] = []

    def between(done: int, total: int) -> None:
        steps.append(total)
        desk.write(note("y" * 2000))

    made = back_up(desk.path, tmp_path / "none", tmp_path / "b.db", progress=between)
    assert (made.events, made.head) == before
    assert len(steps) > 5
    assert len(set(steps)) == 1, "the copy grew: it began again"
    assert desk.writer.head[0] == before[0] + len(steps)
    assert made.notes is None


def test_a_writer_of_another_thread_goes_on(desk: Desk, tmp_path: Path) -> None:
    """Under constant appends every backup is of one moment and verifies."""
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            desk.write(note("z" * 500))

    writing = threading.Thread(target=write)
    writing.start()
    try:
        made = [back_up(desk.path, tmp_path / "none", tmp_path / f"{n}.db") for n in range(3)]
    finally:
        over.set()
        writing.join()
    assert [one.events for one in made] == sorted(one.events for one in made)


@pytest.mark.parametrize("tail", ["", "-wal", "-shm"])
@pytest.mark.parametrize("replace", [False, True])
def test_never_over_the_ledger(desk: Desk, tail: str, *, replace: bool) -> None:
    """Neither over the file nor over what belongs to it, whatever is asked."""
    dest = desk.path.with_name(desk.path.name + tail)
    with pytest.raises(PeakError) as caught:
        back_up(desk.path, desk.path.parent / "none", dest, replace=replace)
    assert caught.value.code == "backup_over_ledger"
    desk.write(note())
    assert verify(desk.path).ok


def test_never_over_the_ledger_by_another_name(desk: Desk, tmp_path: Path) -> None:
    """A link to the ledger is the ledger."""
    (tmp_path / "other.db").symlink_to(desk.path)
    with pytest.raises(PeakError) as caught:
        back_up(desk.path, tmp_path / "none", tmp_path / "other.db", replace=True)
    assert caught.value.code == "backup_over_ledger"


def test_only_a_backup_is_written_over_and_only_when_asked(desk: Desk, notes: Path, tmp_path: Path) -> None:
    """An earlier backup needs ``replace``; another file is never replaced."""
    dest, other = tmp_path / "b.db", tmp_path / "letter.txt"
    back_up(desk.path, notes, dest)
    desk.write(note())
    with pytest.raises(PeakError) as caught:
        back_up(desk.path, notes, dest)
    assert caught.value.code == "backup_exists"
    made = back_up(desk.path, tmp_path / "none", dest, replace=True)
    assert made.events == desk.writer.head[0]
    assert not notes_beside(dest).exists(), "notes of an earlier backup stayed"
    other.write_text("dear reader")
    with pytest.raises(PeakError) as caught:
        back_up(desk.path, notes, other, replace=True)
    assert caught.value.code == "backup_foreign"
    assert other.read_text() == "dear reader"


def test_a_broken_ledger_gives_no_backup(desk: Desk, tmp_path: Path) -> None:
    """Its copy is taken away again, and an earlier backup stays as it was."""
    desk.write(note("a"), note("b"))
    dest = tmp_path / "b.db"
    good = back_up(desk.path, tmp_path / "none", dest)
    db = sqlite3.connect(desk.path)
    db.execute("DROP TRIGGER ledger_no_update")
    db.execute("UPDATE ledger SET actor = 'mallory' WHERE seq = 2")
    db.commit()
    db.close()
    with pytest.raises(LedgerBroken) as caught:
        back_up(desk.path, tmp_path / "none", dest, replace=True)
    assert "recover" in caught.value.remedy
    assert verify(dest).head == good.head
    assert not [name for name in left_in(tmp_path) if ".part" in name]


def test_no_ledger(tmp_path: Path) -> None:
    """Told as that, and no empty file is left."""
    with pytest.raises(LedgerUnavailable):
        back_up(tmp_path / "none.db", tmp_path / "none", tmp_path / "b.db")
    assert left_in(tmp_path) == set()


def test_a_folder_that_is_not_there(desk: Desk, tmp_path: Path) -> None:
    """Told with the folder's name; nothing is made."""
    with pytest.raises(BackupFailed) as caught:
        back_up(desk.path, tmp_path / "none", tmp_path / "no" / "b.db")
    assert caught.value.code == "backup_unwritable"
    assert str(tmp_path / "no") in caught.value.message


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_that_cannot_be_written_to(desk: Desk, tmp_path: Path) -> None:
    """Told as that."""
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    with pytest.raises(BackupFailed) as caught:
        back_up(desk.path, tmp_path / "none", folder / "b.db")
    assert caught.value.code == "backup_unwritable"


def test_a_full_disk(desk: Desk, tmp_path: Path) -> None:
    """Told with what is needed; the small disk is left as it was, and the ledger goes on."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small disk needs root")
    desk.write(*(note("x" * 20_000) for _ in range(100)))
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a tmpfs")
    try:
        with pytest.raises(BackupFailed) as caught:
            back_up(desk.path, tmp_path / "none", disk / "b.db")
        assert caught.value.code == "backup_no_space"
        assert left_in(disk) == set()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
    desk.write(note())


def test_a_disk_that_fills_on_the_way(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room that was there at first and is gone later is told the same way."""

    def full(*_: object) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    with pytest.raises(BackupFailed) as caught:
        back_up(desk.path, tmp_path / "none", tmp_path / "b.db", progress=full)
    assert caught.value.code == "backup_no_space"
    assert not (tmp_path / "b.db").exists()
    assert not [name for name in left_in(tmp_path) if ".part" in name]
