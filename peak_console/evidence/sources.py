"""Where a pack is read from: a folder, or an exported archive. Neither is trusted.

A folder is read without following links; an archive is never unpacked, only its plain files are read.
"""

import os
import re
import stat
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

FILE_LIMIT: Final = 256 * 1024 * 1024
"""The largest file of a pack that is read, in bytes."""

FILES_LIMIT: Final = 20_000
"""The most files a pack may have."""

_PATH: Final = re.compile(r"[A-Za-z0-9%_~@-][A-Za-z0-9%._~@-]{0,199}")
_DEEPEST: Final = 12


class PackUnreadable(ValueError):
    """A pack, or a file of it, that cannot be read."""


class PackFiles(Protocol):
    """The files of one pack."""

    def sizes(self) -> Mapping[str, int]:
        """Every plain file by its path, with its size in bytes."""
        ...

    def odd(self) -> tuple[str, ...]:
        """What else lies there: links, devices, names that no pack has, empty folders (``name/``)."""
        ...

    def read(self, path: str) -> bytes:
        """A file; raises :class:`PackUnreadable`."""
        ...


def is_pack_path(path: str) -> bool:
    """Whether a file of a pack may have this path: relative, of plain ASCII parts that lead nowhere else."""
    parts = path.split("/")
    return len(parts) <= _DEEPEST and all(_PATH.fullmatch(part) for part in parts)


class FolderFiles:
    """A pack in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sizes: dict[str, int] = {}
        self._odd: list[str] = []
        try:
            if folder.is_symlink() or not folder.is_dir():
                raise PackUnreadable(f"{folder} is no folder")
            self._walk(folder, "", 0)
        except OSError as error:
            raise PackUnreadable(f"{folder} cannot be read: {error.strerror or error}") from error

    def sizes(self) -> Mapping[str, int]:
        """Every plain file by its path, with its size in bytes."""
        return self._sizes

    def odd(self) -> tuple[str, ...]:
        """Links, devices, names that no pack has, empty folders."""
        return tuple(sorted(self._odd))

    def read(self, path: str) -> bytes:
        """A file; raises :class:`PackUnreadable`, also where a link stands on the way to it."""
        if path not in self._sizes:
            raise PackUnreadable(f"{path} is no file of the pack")
        try:
            return _read_within(self.folder, path)
        except OSError as error:
            raise PackUnreadable(f"{path} cannot be read: {error.strerror or error}") from error

    def _walk(self, folder: Path, prefix: str, depth: int) -> None:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda one: one.name)
        if not found and prefix:
            self._odd.append(prefix)
        for entry in found:
            path = f"{prefix}{entry.name}"
            state = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(state.st_mode) and depth < _DEEPEST:
                self._walk(Path(entry.path), f"{path}/", depth + 1)
            elif stat.S_ISREG(state.st_mode) and is_pack_path(path):
                self._sizes[path] = state.st_size
            else:
                self._odd.append(path)
            if len(self._sizes) + len(self._odd) > FILES_LIMIT:
                raise PackUnreadable(f"more than {FILES_LIMIT} files")


class TarFiles:
    """A pack in an archive, whole in memory: compressed archives have no way back."""

    def __init__(self, path: Path) -> None:
        self._files: dict[str, bytes] = {}
        self._odd: list[str] = []
        self._folders: set[str] = set()
        self._held = 0
        try:
            with tarfile.open(path, "r:*") as archive:
                for member in archive:
                    self._take(archive, member)
        except (OSError, tarfile.TarError, EOFError, ValueError) as error:
            raise PackUnreadable(f"{path} is no archive that can be read: {error}") from error
        self._odd += _empty(self._folders, self._files)

    def sizes(self) -> Mapping[str, int]:
        """Every plain file by its path, with its size in bytes."""
        return {path: len(data) for path, data in self._files.items()}

    def odd(self) -> tuple[str, ...]:
        """Links, devices, names that no pack has, names that stand twice, and empty folders."""
        return tuple(sorted(self._odd))

    def read(self, path: str) -> bytes:
        """A file; raises :class:`PackUnreadable`."""
        if path not in self._files:
            raise PackUnreadable(f"{path} is no file of the pack")
        return self._files[path]

    def _take(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        if len(self._files) + len(self._odd) + len(self._folders) >= FILES_LIMIT:
            raise PackUnreadable(f"more than {FILES_LIMIT} files")
        if member.isdir():
            inner = member.name.rstrip("/").partition("/")[2]
            if inner:
                self._folders.add(f"{inner}/")
            return
        top, slash, path = member.name.partition("/")
        plain = member.isreg() and slash and is_pack_path(path) and is_pack_path(top)
        if not plain or path in self._files:
            self._odd.append(member.name)
            return
        self._held += member.size
        if self._held > FILE_LIMIT:
            raise PackUnreadable(f"more than {FILE_LIMIT} bytes")
        data = archive.extractfile(member)
        self._files[path] = data.read() if data else b""


def _empty(folders: set[str], files: Mapping[str, bytes]) -> list[str]:
    """The folders in which no file lies, the innermost of each."""
    filled = {path[: place + 1] for path in files for place, sign in enumerate(path) if sign == "/"}
    empty = folders - filled
    return [one for one in empty if not any(other != one and other.startswith(one) for other in empty)]


def open_pack(path: Path) -> PackFiles:
    """The pack in a folder or archive; raises :class:`PackUnreadable`."""
    return FolderFiles(path) if path.is_dir() else TarFiles(path)


def _read_within(folder: Path, path: str) -> bytes:
    """Read ``path`` below ``folder``, following no link on the way."""
    *above, name = path.split("/")
    with _folder(folder, above) as place:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=place)
    with os.fdopen(handle, "rb") as file:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode) or state.st_size > FILE_LIMIT:
            raise OSError(f"not a plain file of at most {FILE_LIMIT} bytes")
        return file.read()


@contextmanager
def _folder(folder: Path, parts: list[str]) -> Iterator[int]:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    place = os.open(folder, flags)
    try:
        for part in parts:
            inner = os.open(part, flags, dir_fd=place)
            os.close(place)
            place = inner
        yield place
    finally:
        os.close(place)
