"""Records that other processes send by datagram, to be written into the log (``control.logsend``)."""

import os
import socket
from pathlib import Path
from typing import Final, Self

from peak_console.control.logsend import RECORD_LIMIT, SOCKET_NAME
from peak_console.control.sockets import prepare_socket, socket_path

PER_ROUND: Final = 200
"""Records taken at once; more wait in the socket, or are dropped by who sends them."""

_BUFFER: Final = 262_144
_MODE: Final = 0o660


class Records:
    """The socket of the workspace's log. Whoever may write the control folder may send."""

    def __init__(self, control_dir: Path) -> None:
        self.path = socket_path(control_dir, SOCKET_NAME)
        prepare_socket(self.path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)  # noqa: FBT003 - the socket module's own signature
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            self._socket.bind(os.fspath(self.path))
            self.path.chmod(_MODE)
        except OSError:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.path.unlink(missing_ok=True)
        self._socket.close()

    def fileno(self) -> int:
        """The descriptor that can be read when a record came."""
        return self._socket.fileno()

    def take(self) -> list[bytes]:
        """What came, at most :data:`PER_ROUND`; never waits."""
        found: list[bytes] = []
        while len(found) < PER_ROUND:
            try:
                found.append(self._socket.recv(RECORD_LIMIT + 1))
            except (BlockingIOError, InterruptedError):
                break
        return found
