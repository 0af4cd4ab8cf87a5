"""The control folder on a real file system. Standard library only: the stop path imports this."""

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path

from peak_console.control.files import SIZE_LIMIT

FOLDER_MODE = 0o2770
"""Group-owned and setgid: whoever is in the workspace's group can stop (decision 25)."""

FILE_MODE = 0o660

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class RealFolder:
    """:class:`peak_console.control.files.ControlFolder` over a folder; every operation is atomic."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def read(self, name: str) -> bytes | None:
        """At most one byte more than a control file may have; ``None`` when it does not exist."""
        return read_file(os.fspath(self.path / name))

    def unlink(self, name: str) -> bool:
        """Remove the file; whether it existed."""
        try:
            (self.path / name).unlink()
        except FileNotFoundError:
            return False
        return True

    def create(self, name: str, data: bytes) -> None:
        """Write a private file, then link it: the name appears with its whole content or not at all."""
        private = self._write_private(name, data)
        try:
            (self.path / name).hardlink_to(private)
        finally:
            with contextlib.suppress(OSError):
                private.unlink()

    def replace(self, name: str, data: bytes) -> None:
        """Write a private file, then rename it over the name."""
        private = self._write_private(name, data)
        try:
            private.rename(self.path / name)
        except OSError:
            with contextlib.suppress(OSError):
                private.unlink()
            raise

    def rename(self, source: str, target: str) -> None:
        """Rename within the folder."""
        (self.path / source).rename(self.path / target)

    def sync(self) -> None:
        """Flush the folder's entries to the disk."""
        handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _write_private(self, name: str, data: bytes) -> Path:
        private = self.path / f".{name}.{os.getpid()}.{secrets.token_hex(4)}"
        handle = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        try:
            try:
                _write_all(handle, data)
                with contextlib.suppress(OSError):
                    os.fchmod(handle, FILE_MODE)
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError:
            with contextlib.suppress(OSError):
                private.unlink()
            raise
        return private


def read_file(path: str) -> bytes | None:
    """A small file without following a link or waiting on a pipe; ``None`` when it does not exist."""
    try:
        handle = os.open(path, _READ)
    except FileNotFoundError:
        return None
    try:
        return os.read(handle, SIZE_LIMIT + 1)
    finally:
        os.close(handle)


def exists(path: str) -> bool:
    """Whether anything, even a dangling link, has this name; what cannot be asked counts as there."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        return error.errno != errno.ENOTDIR
    return True


def _write_all(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


def prepare(path: Path, *, group_of: Path) -> None:
    """Make the control folder: group of the workspace, setgid, closed to others. Raises ``OSError``."""
    path.mkdir(parents=True, exist_ok=True)
    found = path.stat()
    group = group_of.stat().st_gid
    if found.st_gid != group:
        with contextlib.suppress(OSError):
            os.chown(path, -1, group)
    if stat.S_IMODE(found.st_mode) != FOLDER_MODE and found.st_uid == os.getuid():
        path.chmod(FOLDER_MODE)
