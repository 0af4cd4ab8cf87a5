"""The log's files: whole lines whatever fails, rotation, and reading backwards."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.node.log_file import BEGINNING, Line, LogFile, Mark, _backwards, mark_of


def line(seq: int, size: int = 0) -> Line:
    """A line that tells an event, about ``size`` bytes long."""
    data = f'{{"seq":{seq},"event_id":"ev_{seq}","x":"{"y" * size}"}}\n'.encode()
    return Line(data, Mark(seq, f"ev_{seq}"))


def first_line(told: Mark) -> Line:
    """What begins a new file."""
    return Line(f'{{"after_seq":{told.seq},"after_event_id":"{told.event_id}"}}\n'.encode())


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LogFile]:
    """A log that rotates at 1,000 bytes and keeps two old files."""
    with LogFile(tmp_path / "logs" / "peak.log", max_bytes=1000, keep=2) as made:
        assert made.claim()
        made.open()
        yield made


def test_a_full_disk_leaves_whole_lines_only(log: LogFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a write left behind when it failed is taken away; the next one goes on after whole lines."""
    log.append([line(1)], first_line)
    real, left = os.write, [20]

    def filling(handle: int, data: Any) -> int:
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        room, left[0] = left[0], 0
        return real(handle, bytes(data)[:room])

    monkeypatch.setattr(os, "write", filling)
    with pytest.raises(OSError, match="No space"):
        log.append([line(2)], first_line)
    monkeypatch.undo()
    assert log.path.read_bytes() == line(1).data
    log.append([line(2)], first_line)
    assert log.path.read_bytes() == line(1).data + line(2).data
    assert list(log.marks()) == [Mark(2, "ev_2"), Mark(1, "ev_1")]


def test_a_new_file_names_the_last_event_of_the_one_before(log: LogFile) -> None:
    """Within one append too: the mark is that of the line written last, not of the batch before."""
    log.append([line(seq, 300) for seq in range(1, 8)], first_line)
    files = [file.read_bytes() for file in log.files()]
    assert [mark_of(data.split(b"\n")[0]) for data in files] == [
        Mark(6, "ev_6"),
        Mark(4, "ev_4"),
        Mark(2, "ev_2"),
    ]
    assert [mark.seq for mark in log.marks()] == [7, 6, 6, 5, 4, 4, 3, 2]
    assert all(len(data) <= 1000 for data in files)


def test_a_line_longer_than_a_file_is_written_all_the_same(log: LogFile) -> None:
    """It stands alone; the file after it is a new one."""
    log.append([line(1), line(2, 5000), line(3)], first_line)
    assert next(mark.seq for mark in log.marks()) == 3


def test_lines_belong_to_the_path(log: LogFile) -> None:
    """A file moved or removed by another is let go; its folder too."""
    log.append([line(1)], first_line)
    log.path.rename(log.path.with_name("elsewhere"))
    log.append([line(2)], first_line)
    assert log.path.read_bytes() == line(2).data
    log.path.unlink()
    log.path.with_name("elsewhere").unlink()
    log.path.parent.rmdir()
    log.append([line(3)], first_line)
    assert log.path.read_bytes() == line(3).data


def test_fewer_files_are_kept_when_fewer_are_asked_for(log: LogFile) -> None:
    """Old files beyond those to keep go away at the next rotation."""
    for number in (3, 4):
        log.path.with_name(f"peak.log.{number}").write_bytes(b"old\n")
    log.append([line(seq, 300) for seq in range(1, 5)], first_line)
    assert sorted(file.name for file in log.path.parent.iterdir()) == ["peak.log", "peak.log.1"]


def test_one_process_writes(log: LogFile) -> None:
    """A second claim fails until the first is given up."""
    with LogFile(log.path, max_bytes=1000, keep=2) as other:
        assert not other.claim()
        log.close()
        assert other.claim()


def test_a_log_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """Nobody makes us write elsewhere."""
    (tmp_path / "peak.log").symlink_to(tmp_path / "target")
    with (
        LogFile(tmp_path / "peak.log", max_bytes=1000, keep=1) as log,
        pytest.raises(OSError, match="symbolic"),
    ):
        log.open()


@given(st.lists(st.binary(max_size=40_000).map(lambda raw: raw.replace(b"\n", b"")), max_size=12))
def test_backwards_is_the_reverse(tmp_path_factory: pytest.TempPathFactory, texts: list[bytes]) -> None:
    """Lines of any length come back last first, over block borders."""
    path = tmp_path_factory.mktemp("log") / "file"
    path.write_bytes(b"".join(text + b"\n" for text in texts))
    handle = os.open(path, os.O_RDONLY)
    try:
        assert list(_backwards(handle)) == [text for text in reversed(texts) if text]
    finally:
        os.close(handle)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"no json", b'{"seq":"1","event_id":"e"}', b'{"seq":1}', b"\x00\x00"]
)
def test_what_is_no_mark(data: bytes) -> None:
    """Only a line that names a place is one."""
    assert mark_of(data) is None
    assert BEGINNING.seq == 0
