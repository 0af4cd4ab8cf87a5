"""Files of others for a capture, bounded in number, bytes and time; what did not fit is named, with why.

Links and special files are refused, never followed. Of a file of lines that is too long its end is taken.
What tells most of a run can be asked for first, before files of any number take its room.
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DEEPEST: Final = 8
_REASONS_KEPT: Final = 50
_LINES: Final = (".jsonl", ".log")
_TELLING_DEPTH: Final = 1
"""The folder of a run, and those of its agents."""

TELLING: Final = frozenset({"texts.jsonl", "result.md", "risks.md", "critic_report.md", "critic_report.json"})
"""What tells most of a run: what was said, what came of it, and what critics found."""

TOO_LARGE: Final = "too_large"
NO_ROOM: Final = "no_room_left"
OUT_OF_TIME: Final = "out_of_time"


@dataclass(slots=True)
class Room:
    """What may still be taken: files, bytes, and whether there is time left."""

    files: int
    size: int
    largest: int
    """The most bytes that are taken of one file."""
    late: Callable[[], bool]

    def full(self) -> str:
        """Why no file fits any more; empty where one may."""
        if self.late():
            return OUT_OF_TIME
        return "" if self.files > 0 else NO_ROOM

    def take(self, size: int) -> str:
        """Why a file of ``size`` bytes does not fit; empty where it does, and is counted."""
        if why := self.full():
            return why
        if size > self.size:
            return NO_ROOM
        self.files -= 1
        self.size -= size
        return ""

    @contextmanager
    def share(self, parts: int, late: Callable[[], bool]) -> "Iterator[Room]":
        """One of ``parts`` equal shares of what is left; what is not used of it falls back."""
        files, size = -(-self.files // parts), self.size // parts
        own = Room(files, size, self.largest, late)
        yield own
        self.files -= files - own.files
        self.size -= size - own.size


@dataclass(frozen=True, slots=True)
class Taken:
    """A file by its path below its folder. Without ``data``, ``refused`` says why.

    With both, ``refused`` says which part is missing.
    """

    path: str
    data: bytes | None = None
    refused: str = ""


def files_below(folder: Path, room: Room, *, telling: bool | None = None) -> Iterator[Taken]:
    """The files below ``folder``; of what does not fit fifty are named, and then how many more.

    With ``telling`` only those of :data:`TELLING`, or only the others.
    """
    try:
        top = os.open(folder, _FOLDER)
    except OSError as error:
        yield Taken(".", refused=f"unreadable: {error.strerror}")
        return
    refused = 0
    try:
        for one in _walk(top, "", 0, _Walk(room, telling)):
            refused += one.data is None
            if one.data is not None or refused <= _REASONS_KEPT:
                yield one
    finally:
        os.close(top)
    if refused > _REASONS_KEPT:
        yield Taken(".", refused=f"{refused - _REASONS_KEPT} more files are left out")


def file_at(path: Path, room: Room) -> Taken:
    """One file, or the end of it."""
    try:
        return _file(None, os.fspath(path), path.name, room)
    except OSError as error:
        return Taken(path.name, refused=f"unreadable: {error.strerror}")


@dataclass(frozen=True, slots=True)
class _Walk:
    room: Room
    telling: bool | None

    def passes_by(self, name: str, depth: int) -> bool:
        """Whether a file, or what is none, is not asked for."""
        tells = name in TELLING and depth <= _TELLING_DEPTH
        return self.telling is not None and tells is not self.telling

    def ends_at(self, depth: int) -> bool:
        """Whether folders here are not looked into."""
        return self.telling is True and depth >= _TELLING_DEPTH


def _walk(place: int, prefix: str, depth: int, walk: _Walk) -> Iterator[Taken]:
    folders = []
    with os.scandir(place) as entries:
        found = sorted(entries, key=lambda one: os.fsencode(one.name))
    for entry in found:
        name = entry.name
        path = f"{prefix}{name}"
        try:
            if entry.is_dir(follow_symlinks=False):
                if depth == _DEEPEST:
                    yield Taken(path, refused="too_deep")
                elif not walk.ends_at(depth):
                    folders.append((name, path))
            elif walk.passes_by(name, depth):
                continue
            elif entry.is_file(follow_symlinks=False):
                yield _file(place, name, path, walk.room)
            else:
                yield Taken(path, refused="symbolic_link" if entry.is_symlink() else "special_file")
        except OSError as error:
            yield Taken(path, refused=f"unreadable: {error.strerror}")
    for name, path in folders:  # after the files beside them: a folder of many must not take all the room
        try:
            yield from _below(place, name, path, depth, walk)
        except OSError as error:
            yield Taken(path, refused=f"unreadable: {error.strerror}")


def _below(place: int, name: str, path: str, depth: int, walk: _Walk) -> Iterator[Taken]:
    if walk.room.late():
        yield Taken(f"{path}/", refused=OUT_OF_TIME)
        return
    inner = os.open(name, _FOLDER, dir_fd=place)
    try:
        yield from _walk(inner, f"{path}/", depth + 1, walk)
    finally:
        os.close(inner)


def _file(place: int | None, name: str, path: str, room: Room) -> Taken:
    if why := room.full():
        return Taken(path, refused=why)
    handle = os.open(name, _FILE, dir_fd=place)
    with os.fdopen(handle, "rb") as file:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode):
            return Taken(path, refused="special_file")
        lines = path.endswith(_LINES)
        size = min(state.st_size, room.largest, room.size if lines else room.largest)
        cut = state.st_size > size
        if cut and not lines:
            return Taken(path, refused=TOO_LARGE)
        if cut and not size:
            return Taken(path, refused=NO_ROOM)
        if why := room.take(size):
            return Taken(path, refused=why)
        file.seek(state.st_size - size)
        data = file.read(size)
    if not cut:
        return Taken(path, data)
    whole = data.partition(b"\n")[2]
    return Taken(path, whole, f"{TOO_LARGE}: the first {state.st_size - len(whole)} bytes are left out")
