"""Log records to the workspace's log: a handler that hands them to the node's log child, never waiting."""

import contextlib
import json
import logging
import socket
from pathlib import Path
from typing import Any, Final

from peak_console.control.sockets import socket_path

SOCKET_NAME: Final = "log.sock"
RECORD_LIMIT: Final = 8192
"""Bytes of one record; a longer message is cut."""

_TEXT_LIMIT = 4000


class LedgerLogHandler(logging.Handler):
    """Sends each record as one datagram to ``audits/control/log.sock``.

    With no log child, or one that is behind, a record is dropped and counted in ``dropped``: logging never
    holds up the program. Secrets are redacted by the receiving side, which writes the file.
    """

    def __init__(self, control_dir: Path, *, source: str, level: int = logging.INFO) -> None:
        super().__init__(level)
        self.dropped = 0
        self._path = str(socket_path(control_dir, SOCKET_NAME))
        self._source = source
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)  # noqa: FBT003 - the socket module's own signature

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record; never raises."""
        try:
            self._socket.sendto(encode_record(record, self._source), self._path)
        except (OSError, ValueError, TypeError):
            self.dropped += 1

    def close(self) -> None:
        """Close the socket."""
        with contextlib.suppress(OSError):
            self._socket.close()
        super().close()


def encode_record(record: logging.LogRecord, source: str) -> bytes:
    """A record as the log child takes it: JSON of level, logger, source, message and time in seconds."""
    message = record.getMessage()
    if record.exc_info and record.exc_info[1] is not None:
        message = f"{message} ({type(record.exc_info[1]).__name__}: {record.exc_info[1]})"
    fields: dict[str, Any] = {
        "level": record.levelname.lower(),
        "logger": record.name,
        "source": source,
        "event": message[:_TEXT_LIMIT],
        "created": record.created,
    }
    data = json.dumps(fields).encode()
    if len(data) > RECORD_LIMIT:
        data = json.dumps({**fields, "event": message[:500]}).encode()
    return data
