"""Who is at the other end of a Unix socket, as the kernel says."""

import pwd
import socket
import struct
import sys
from dataclasses import dataclass

_XUCRED_UID = 4
"""Offset of ``cr_uid`` in macOS's ``struct xucred`` (sys/ucred.h)."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The peer's user id, its login name, and its process id where the kernel tells (0 elsewhere)."""

    uid: int
    login: str
    pid: int


def credentials(connection: socket.socket) -> Credentials:
    """The peer's credentials: SO_PEERCRED on Linux, LOCAL_PEERCRED (getpeereid) on macOS."""
    if sys.platform == "darwin":
        raw = connection.getsockopt(0, 0x001, 76)  # SOL_LOCAL, LOCAL_PEERCRED, sizeof(struct xucred)
        (uid,) = struct.unpack_from("I", raw, _XUCRED_UID)
        return Credentials(uid, login_name(uid), 0)
    size = struct.calcsize("3i")
    pid, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return Credentials(uid, login_name(uid), pid)


def login_name(uid: int) -> str:
    """The login name of a user id; ``uid:N`` for one without an entry."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid:{uid}"
