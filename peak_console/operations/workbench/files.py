"""Config files as bytes on disk: read as they stand, replaced whole, one saver at a time."""

import errno
import fcntl
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from peak_console.config.document import MAX_BYTES
from peak_console.config.editing.targets import Target
from peak_console.config.workspace import Workspace
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.errors import ControlRefused, EnvironmentUnfit, PeakError
from peak_console.ledger.durable import sync_folder

LOCK_WAIT_S: Final = 10.0
"""How long a save waits for another one to end."""

_NEW_MODE: Final = 0o666
_POLL_S: Final = 0.01


@dataclass(frozen=True, slots=True)
class Standing:
    """A config file as it is on disk. Both are ``None`` where there is none."""

    text: str | None
    digest: str | None
    """SHA-256 of its bytes."""


def read_standing(ws: Workspace, target: Target) -> Standing:
    """The file as it stands, line ends and all.

    Bytes that are no UTF-8 become lone surrogates, which lint refuses and which give the same bytes again.
    Raises ``EnvironmentUnfit`` (``config_unreadable``) for what is no file that can be read.
    """
    path = ws.root / target.path
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return Standing(None, None)
    except OSError as error:
        raise _unreadable(target, error.strerror or str(error)) from error
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise _unreadable(target, "it is not a regular file")
        try:
            data = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise _unreadable(target, error.strerror or str(error)) from error
    if len(data) > MAX_BYTES:
        raise _unreadable(target, f"it has more than {MAX_BYTES:,} bytes")
    return Standing(data.decode("utf-8", "surrogateescape"), sha256_hex(data))


def bytes_of(text: str) -> bytes:
    """The bytes of a text of the editor; those of :func:`read_standing` come back as they were."""
    return text.encode("utf-8", "surrogateescape")


@contextmanager
def saving_alone(ws: Workspace, wait_s: float = LOCK_WAIT_S) -> Iterator[None]:
    """Hold the lock of saves, on the folder ``configs``; raises ``EnvironmentUnfit`` (``save_busy``)."""
    folder = ws.root / "configs"
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        until = time.monotonic() + wait_s
        while not _locked(handle):
            if time.monotonic() >= until:
                raise EnvironmentUnfit(
                    "another save of this workspace does not end",
                    code="save_busy",
                    remedy="try again; see who saves: fuser configs",
                )
            time.sleep(_POLL_S)
        yield
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Replacement:
    """A new text for a file: written beside it, then put in its place. Use it under :func:`saving_alone`."""

    def __init__(self, ws: Workspace, target: Target) -> None:
        self.path = ws.root / target.path
        self._target = target
        self._beside: Path | None = None

    def check(self) -> None:
        """Refuse what must not be replaced: a link, what is no file, what this user may not write."""
        try:
            found = self.path.lstat()
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unwritable(self.path, error) from error
        if stat.S_ISLNK(found.st_mode):
            raise ControlRefused(
                f"{self._target.path} is a link; saving would put a file in its place",
                code="config_is_link",
                remedy="edit the file it points to, or put that file in its place",
            )
        if not stat.S_ISREG(found.st_mode):
            raise ControlRefused(
                f"{self._target.path} is not a regular file",
                code="config_not_a_file",
                remedy="move what is there away",
            )
        if not os.access(self.path, os.W_OK):
            raise EnvironmentUnfit(
                f"{self._target.path} is read-only for you",
                code="config_read_only",
                remedy=f"let yourself write it: chmod u+w {self._target.path}",
            )

    def write(self, data: bytes) -> None:
        """Write the new file beside the old one, durable, with its mode and group; raises ``PeakError``."""
        folder = self.path.parent
        beside = folder / f".{self.path.name}.{secrets.token_hex(4)}.new"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._sweep()
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _NEW_MODE)
            self._beside = beside
            with os.fdopen(handle, "wb") as file:
                self._take_after_old(handle)
                file.write(data)
                file.flush()
                os.fsync(handle)
        except OSError as error:
            self.drop()
            raise _unwritable(folder, error) from error

    def put(self) -> None:
        """Put it in its place, durable; raises ``PeakError`` (then the old file stands)."""
        if self._beside is None:
            raise AssertionError("write it first")
        try:
            self._beside.replace(self.path)
            self._beside = None
            sync_folder(self.path.parent)
        except OSError as error:
            self.drop()
            raise _unwritable(self.path, error) from error

    def drop(self) -> None:
        """Remove what was written beside; nothing where it was put in its place."""
        if self._beside is not None:
            with suppress(OSError):
                self._beside.unlink(missing_ok=True)
            self._beside = None

    def _sweep(self) -> None:
        """Remove what saves that died left beside the file: nobody else saves now."""
        for left in self.path.parent.glob(f".{self.path.name}.*.new"):
            with suppress(OSError):
                left.unlink()

    def _take_after_old(self, handle: int) -> None:
        """The old file's mode and, where this user may give it, its owner and group."""
        with suppress(FileNotFoundError):
            old, new = self.path.stat(), os.fstat(handle)
            if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
                with suppress(PermissionError):
                    os.fchown(handle, -1, old.st_gid)
                with suppress(PermissionError):
                    os.fchown(handle, old.st_uid, -1)
            os.fchmod(handle, stat.S_IMODE(old.st_mode))


def _unreadable(target: Target, why: str) -> EnvironmentUnfit:
    return EnvironmentUnfit(
        f"{target.path} cannot be read: {why}",
        code="config_unreadable",
        remedy="check its permissions and what lies there",
    )


def _unwritable(path: Path, error: OSError) -> PeakError:
    """Why a file could not be written: a full disk, a folder that may not be written, or something else."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return EnvironmentUnfit(
            f"there is no room to write {path.name}: {error.strerror}",
            code="disk_full",
            remedy="make room, then save again; the file is as it was and the draft is kept",
        )
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return EnvironmentUnfit(
            f"{path} may not be written: {error.strerror}",
            code="config_read_only",
            remedy="check who owns the folder and how it is mounted; the draft is kept",
        )
    return EnvironmentUnfit(
        f"{path} could not be written: {error.strerror or error}",
        code="config_unwritable",
        remedy="the file is as it was and the draft is kept; check the disk",
    )
