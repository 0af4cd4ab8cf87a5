"""The log's files: appended whole, rotated by size, repaired after a kill, and read backwards to resume."""

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple, Self

import orjson

FILE_MODE: Final = 0o640
FOLDER_MODE: Final = 0o750

_BLOCK: Final = 65_536
_OPEN: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class Mark(NamedTuple):
    """An event that the log has told: everything up to it is told."""

    seq: int
    event_id: str


BEGINNING: Final = Mark(0, "")
"""Where nothing is told."""


class Line(NamedTuple):
    """A whole line, and the event it tells."""

    data: bytes
    mark: Mark | None = None


class LogFile:
    """The log at ``path``, with ``path.1`` to ``path.<keep>`` behind it, newest first.

    One process writes: :meth:`claim` is a lock on the folder. Raises ``OSError`` when a file cannot be
    written; then nothing of the line that failed is in it.
    """

    def __init__(self, path: Path, *, max_bytes: int, keep: int) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._file = -1
        self._size = 0
        self._told: Mark | None = None
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        self._folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and give the claim up."""
        self._close_file()
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1

    def claim(self) -> bool:
        """Become the writer; false while another process is."""
        try:
            fcntl.flock(self._folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def open(self) -> None:
        """Open the file for appending; a last line that a kill tore is taken away."""
        self._close_file()
        self.path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        self._file = os.open(self.path, _OPEN, FILE_MODE)
        size = os.fstat(self._file).st_size
        self._size = _whole_lines(self._file, size)
        if self._size < size:
            os.ftruncate(self._file, self._size)

    def append(self, lines: Iterable[Line], first_line: Callable[[Mark], Line]) -> None:
        """Append lines; ``first_line`` makes the one that begins a new file, of the last event told."""
        self._follow_path()
        waiting: list[Line] = []
        size = self._size
        for line in lines:
            if size + len(line.data) > self._max_bytes and size:
                self._write(waiting)
                self._rotate()
                waiting = [first_line(self._last_told())]
                size = len(waiting[0].data)
            waiting.append(line)
            size += len(line.data)
        self._write(waiting)

    def marks(self) -> Iterator[Mark]:
        """The events told, last first, over all files."""
        for file in self.files():
            try:
                handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            except OSError:
                continue
            try:
                for line in _backwards(handle):
                    mark = mark_of(line)
                    if mark is not None:
                        yield mark
            finally:
                os.close(handle)

    def files(self) -> list[Path]:
        """The files there may be, newest first."""
        return [self.path, *(self._numbered(number) for number in range(1, self._keep + 1))]

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def _rotate(self) -> None:
        """Every file one place on, the last one away. A kill in between leaves a gap, and loses nothing."""
        files = self.files()
        for older, newer in zip(reversed(files), reversed(files[:-1]), strict=False):
            if newer.exists():
                newer.replace(older)
        beyond = self._keep + 1
        while self._numbered(beyond).exists():  # more were kept once
            self._numbered(beyond).unlink()
            beyond += 1
        self.open()

    def _follow_path(self) -> None:
        """Somebody may have moved or removed the file: the lines belong to the path."""
        try:
            same = os.path.samestat(os.stat(self.path), os.fstat(self._file))  # noqa: PTH116 - one stat
        except OSError:
            same = False
        if not same:
            self.open()

    def _last_told(self) -> Mark:
        if self._told is None:
            self._told = next(self.marks(), BEGINNING)
        return self._told

    def _write(self, lines: list[Line]) -> None:
        data = b"".join(line.data for line in lines)
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(data)
        self._told = next((line.mark for line in reversed(lines) if line.mark), self._told)

    def _close_file(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def mark_of(line: bytes) -> Mark | None:
    """The event that a line tells, or after which it was written."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(found, dict):
        return None
    for names in (("seq", "event_id"), ("after_seq", "after_event_id")):
        seq, event_id = (found.get(name) for name in names)
        if isinstance(seq, int) and isinstance(event_id, str):
            return Mark(seq, event_id)
    return None


def _whole_lines(handle: int, size: int) -> int:
    """The size up to the end of the last whole line."""
    end = size
    while end:
        start = max(end - _BLOCK, 0)
        found = os.pread(handle, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _backwards(handle: int) -> Iterator[bytes]:
    """The lines of a file, last first."""
    start, rest = os.fstat(handle).st_size, b""
    while start:
        end, start = start, max(start - _BLOCK, 0)
        first, *lines = (os.pread(handle, end - start, start) + rest).split(b"\n")
        yield from (line for line in reversed(lines) if line)
        rest = first
    if rest:
        yield rest
