"""The files of a run's folder as they enter a pack. Links and special files are refused, never followed."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from peak_console.domain.canonical import sha256_hex

FILE_LIMIT: Final = 32 * 1024 * 1024
"""The largest file of a run that enters a pack, in bytes; of a larger one only its hash does."""

TOTAL_LIMIT: Final = 192 * 1024 * 1024
"""How much of a run's folder enters a pack, in bytes."""

COUNT_LIMIT: Final = 10_000
_DEEPEST: Final = 8
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class RunFile:
    """A file of a run by its path below the run's folder. Without ``data``, ``refused`` says why."""

    path: str
    data: bytes | None = None
    refused: str = ""
    sha256: str | None = None


def run_files(folder: Path) -> list[RunFile]:
    """Everything that lies in a run's folder, by path; nothing where there is no folder."""
    found: list[RunFile] = []
    left = TOTAL_LIMIT
    try:
        top = os.open(folder, _FOLDER)
    except FileNotFoundError:
        return []
    except OSError as error:
        return [RunFile(".", refused=f"unreadable: {error.strerror}")]
    try:
        for file in _walk(top, "", 0):
            if len(found) == COUNT_LIMIT:
                found.append(RunFile(".", refused=f"more than {COUNT_LIMIT} files"))
                break
            size = len(file.data or b"")
            if size > left:
                file = RunFile(file.path, refused="too_large", sha256=file.sha256)  # noqa: PLW2901 - without data
            else:
                left -= size
            found.append(file)
    finally:
        os.close(top)
    return sorted(found, key=lambda one: os.fsencode(one.path))


def _walk(place: int, prefix: str, depth: int) -> Iterator[RunFile]:
    for name in sorted(os.listdir(place), key=os.fsencode):
        path = f"{prefix}{name}"
        try:
            mode = os.stat(name, dir_fd=place, follow_symlinks=False).st_mode
            if stat.S_ISREG(mode):
                yield _file(place, name, path)
            elif not stat.S_ISDIR(mode):
                yield RunFile(path, refused="symbolic_link" if stat.S_ISLNK(mode) else "special_file")
            elif depth == _DEEPEST:
                yield RunFile(path, refused="too_deep")
            else:
                inner = os.open(name, _FOLDER, dir_fd=place)
                try:
                    yield from _walk(inner, f"{path}/", depth + 1)
                finally:
                    os.close(inner)
        except OSError as error:
            yield RunFile(path, refused=f"unreadable: {error.strerror}")


def _file(place: int, name: str, path: str) -> RunFile:
    handle = os.open(name, _FILE, dir_fd=place)
    with os.fdopen(handle, "rb") as file:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode):
            return RunFile(path, refused="special_file")
        data = file.read(FILE_LIMIT + 1)
        if len(data) > FILE_LIMIT:
            return RunFile(path, refused="too_large")
        return RunFile(path, data, sha256=sha256_hex(data))
