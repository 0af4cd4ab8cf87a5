"""Files of others for a capture, bounded in number, bytes and time; what did not fit is named, with why.

Links and special files are refused, never followed. Of a file of lines that is too long its end is taken.
"""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DEEPEST: Final = 8
_REASONS_KEPT: Final = 50
_LINES: Final = (".jsonl", ".log")

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

    def take(self, size: int) -> str:
        """Why a file of ``size`` bytes does not fit; empty where it does, and is counted."""
        if self.late():
            return OUT_OF_TIME
        if self.files < 1 or size > self.size:
            return NO_ROOM
        self.files -= 1
        self.size -= size
        return ""


@dataclass(frozen=True, slots=True)
class Taken:
    """A file by its path below its folder. Without ``data``, ``refused`` says why.

    With both, ``refused`` says which part is missing.
    """

    path: str
    data: bytes | None = None
    refused: str = ""


def files_below(folder: Path, room: Room) -> Iterator[Taken]:
    """The files below ``folder``; of what does not fit fifty are named, and then how many more."""
    try:
        top = os.open(folder, _FOLDER)
    except OSError as error:
        yield Taken(".", refused=f"unreadable: {error.strerror}")
        return
    refused = 0
    try:
        for one in _walk(top, "", 0, room):
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


def _walk(place: int, prefix: str, depth: int, room: Room) -> Iterator[Taken]:
    folders = []
    for name in sorted(os.listdir(place), key=os.fsencode):
        path = f"{prefix}{name}"
        try:
            mode = os.stat(name, dir_fd=place, follow_symlinks=False).st_mode
            if stat.S_ISREG(mode):
                yield _file(place, name, path, room)
            elif not stat.S_ISDIR(mode):
                yield Taken(path, refused="symbolic_link" if stat.S_ISLNK(mode) else "special_file")
            elif depth == _DEEPEST:
                yield Taken(path, refused="too_deep")
            else:
                folders.append((name, path))
        except OSError as error:
            yield Taken(path, refused=f"unreadable: {error.strerror}")
    for name, path in folders:  # after the files beside them: a folder of many must not take all the room
        try:
            yield from _below(place, name, path, depth, room)
        except OSError as error:
            yield Taken(path, refused=f"unreadable: {error.strerror}")


def _below(place: int, name: str, path: str, depth: int, room: Room) -> Iterator[Taken]:
    if room.late():
        yield Taken(f"{path}/", refused=OUT_OF_TIME)
        return
    inner = os.open(name, _FOLDER, dir_fd=place)
    try:
        yield from _walk(inner, f"{path}/", depth + 1, room)
    finally:
        os.close(inner)


def _file(place: int | None, name: str, path: str, room: Room) -> Taken:
    handle = os.open(name, _FILE, dir_fd=place)
    with os.fdopen(handle, "rb") as file:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode):
            return Taken(path, refused="special_file")
        size, cut = min(state.st_size, room.largest), state.st_size > room.largest
        if cut and not path.endswith(_LINES):
            return Taken(path, refused=TOO_LARGE)
        if why := room.take(size):
            return Taken(path, refused=why)
        file.seek(state.st_size - size)
        data = file.read(size)
    if not cut:
        return Taken(path, data)
    whole = data.partition(b"\n")[2]
    return Taken(path, whole, f"{TOO_LARGE}: the first {state.st_size - len(whole)} bytes are left out")
