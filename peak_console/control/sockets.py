"""Where the node's sockets lie: in the control folder, or in a checked private one when its path is long."""

import contextlib
import hashlib
import os
import stat
import tempfile
from pathlib import Path
from typing import Final

from peak_console.control.files import NODE, text_field
from peak_console.control.folder import read_file
from peak_console.domain.errors import EnvironmentUnfit

NODE_SOCKET: Final = "node.sock"

PATH_LIMIT: Final = 100
"""Bytes. Unix socket addresses hold 104 (macOS) or 108 (Linux); a longer path is cut or refused."""

PRIVATE_MODE: Final = 0o700


def socket_path(control_dir: Path, name: str) -> Path:
    """Where the socket ``name`` of this workspace lies. Pure: makes nothing, checks nothing."""
    near = control_dir / name
    if len(os.fsencode(near)) <= PATH_LIMIT:
        return near
    tag = hashlib.sha256(os.fsencode(control_dir.resolve())).hexdigest()[:16]
    return private_folder() / f"{tag}.{name}"


def private_folder() -> Path:
    """This user's folder for sockets under the temporary directory."""
    return Path(tempfile.gettempdir()) / f"peak-{os.getuid()}"


def find_socket(control_dir: Path) -> Path:
    """The socket of this workspace's node: as ``node.json`` says, else where it would lie.

    Raises ``EnvironmentUnfit`` when it would lie in a folder that a stranger can write.
    """
    said: str | None = None
    with contextlib.suppress(OSError):
        said = text_field(read_file(os.fspath(control_dir / NODE)), "socket")
    path = Path(said) if said else socket_path(control_dir, NODE_SOCKET)
    check_socket(path)
    return path


def prepare_socket(path: Path) -> None:
    """Make ready for binding at ``path``: its folder checked, what a dead node left there removed."""
    if path.parent == private_folder():
        _prepare_private(path.parent)
    path.unlink(missing_ok=True)


def check_socket(path: Path) -> None:
    """Before connecting: a socket outside the control folder must lie in a folder that only we can write."""
    if path.parent == private_folder():
        _check_private(path.parent)


def _prepare_private(folder: Path) -> None:
    folder.mkdir(mode=PRIVATE_MODE, exist_ok=True)
    _check_private(folder)


def _check_private(folder: Path) -> None:
    """A stranger may have made the folder first, under a name that anybody can guess."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return
    private = stat.S_IMODE(found.st_mode) & 0o077 == 0
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or not private:
        raise EnvironmentUnfit(
            f"{folder} is not a private folder of this user",
            code="socket_folder_unsafe",
            remedy=f"remove {folder}, or give the workspace a path of less than {PATH_LIMIT} bytes",
        )
