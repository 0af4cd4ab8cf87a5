"""Checkpoints on disk: kept in order, whole after a death while writing, told where they cannot be."""

import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from test_notes import SIGNER

from peak_console.ledger.heads.checkpoint_files import CheckpointFiles, CheckpointsUnwritable
from peak_console.ledger.heads.notes import Checkpoint, SignedNote

NOW = datetime(2026, 11, 22, 23, 59, tzinfo=UTC)


def note(size: int) -> SignedNote:
    """A signed head of this many events."""
    return Checkpoint("log", size, bytes(32)).signed(SIGNER)


def sizes(files: CheckpointFiles) -> list[int | None]:
    """What every note says; ``None`` for one that cannot be read."""
    return [one.checkpoint.size if one.checkpoint else None for one in files.all()]


@pytest.fixture
def files(tmp_path: Path) -> CheckpointFiles:
    """Files in a folder that is not there yet."""
    return CheckpointFiles(tmp_path / "checkpoints")


def test_notes_are_read_in_the_order_they_were_kept(files: CheckpointFiles) -> None:
    """Over midnight too; the newest is the last."""
    assert files.newest() is None
    assert list(files.all()) == []
    for size, hours in ((1, 0), (2, 0), (3, 1), (4, 25)):
        files.append(note(size), NOW + timedelta(hours=hours))
    assert [path.name for path in files.files()] == [
        "2026-11-22.notes",
        "2026-11-23.notes",
        "2026-11-24.notes",
    ]
    assert sizes(files) == [1, 2, 3, 4]
    newest = files.newest()
    assert newest is not None
    assert (newest.file, newest.note) == ("2026-11-24.notes", note(4))


def test_a_clock_set_back_does_not_change_the_order(files: CheckpointFiles) -> None:
    """What is kept last is newest, whatever day it is said to be."""
    files.append(note(1), NOW)
    path = files.append(note(2), NOW - timedelta(days=3))
    assert path.name == "2026-11-22.notes"
    assert sizes(files) == [1, 2]


def test_whatever_a_death_leaves_the_whole_notes_stay(files: CheckpointFiles) -> None:
    """Cut at every byte of the last note: those before it are read, and the next one follows them whole."""
    files.append(note(1), NOW)
    path = files.append(note(2), NOW)
    whole, first = path.read_bytes(), len(str(note(1)).encode())
    for cut in range(first, len(whole)):
        path.write_bytes(whole[:cut])
        newest = files.newest()
        assert newest is not None
        assert newest.note == note(1)
        files.append(note(3), NOW)
        assert sizes(files) == [1, 3], cut
    path.write_bytes(whole[: first - 20])
    assert files.newest() is None
    files.append(note(3), NOW)
    assert sizes(files) == [3]


def test_a_note_that_cannot_be_read_is_told_and_hides_none(files: CheckpointFiles) -> None:
    """One in the middle, one that is no checkpoint, bytes that are no text."""
    path = files.append(note(1), NOW)
    broken = str(note(2)).replace("AAAA", "!!!!", 1)
    path.write_text(f"{note(1)}{broken}{note(3)}", encoding="utf-8")
    assert sizes(files) == [1, None, 3]
    assert [bool(one.problem) for one in files.all()] == [False, True, False]
    path.write_bytes(b"\xff\xfe")
    assert "UTF-8" in next(iter(files.all())).problem
    path.write_bytes(b"\xff" + str(note(1)).encode() + str(note(2)).encode())
    assert sizes(files) == [None, 2]
    files.append(note(3), NOW)
    assert sizes(files) == [None, 2, 3]
    path.unlink()
    path.mkdir()
    assert "cannot be read" in next(iter(files.all())).problem
    assert files.newest() is None


def test_a_folder_that_takes_nothing_is_told(tmp_path: Path) -> None:
    """A file where the folder should be: an error with a remedy, and no note is claimed to be kept."""
    (tmp_path / "checkpoints").write_text("in the way", encoding="utf-8")
    with pytest.raises(CheckpointsUnwritable) as caught:
        CheckpointFiles(tmp_path / "checkpoints").append(note(1), NOW)
    assert caught.value.remedy
    assert caught.value.code == "checkpoints_unwritable"


def test_a_full_disk_is_told_and_the_next_note_stands_whole(
    files: CheckpointFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A note that was not made durable is not kept; the file goes on behind the last whole one."""
    files.append(note(1), NOW)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("peak_console.ledger.heads.checkpoint_files._sync", full)
        with pytest.raises(CheckpointsUnwritable, match="No space"):
            files.append(note(2), NOW)
    files.append(note(3), NOW)
    found = sizes(files)
    assert found[0] == 1
    assert found[-1] == 3
    assert None not in found


def test_other_files_in_the_folder_are_let_be(files: CheckpointFiles) -> None:
    """Only files of a day's name hold notes."""
    files.append(note(1), NOW)
    (files.folder / "README.md").write_text("hello", encoding="utf-8")
    (files.folder / "zzz.notes").write_text("hello", encoding="utf-8")
    assert sizes(files) == [1]


def test_what_no_death_left_is_never_cut_off(files: CheckpointFiles) -> None:
    """Whole lines that are no beginning of a head of this log stay, to be found; the next note follows."""
    for junk in (b"junk\n", b"log\nmany\n", b"log\n12\nAAAA\n", b"other\n12\n", b"log\n1\n\n", b"\n"):
        path = files.append(note(1), NOW)
        left = path.read_bytes() + junk
        path.write_bytes(left)
        files.append(note(2), NOW)
        assert path.read_bytes() == left + str(note(2)).encode()
        path.unlink()


def test_a_torn_note_of_the_day_before_is_cut_off(files: CheckpointFiles) -> None:
    """A death before midnight, and the next note after it: only whole notes stay in the older file."""
    files.append(note(1), NOW)
    path = files.append(note(2), NOW)
    path.write_bytes(path.read_bytes()[:-9])
    files.append(note(3), NOW + timedelta(days=1))
    assert path.read_bytes() == str(note(1)).encode()
    assert sizes(files) == [1, 3]
