"""Log records on their way to the log child: never waiting, never raising."""

import json
import logging
import socket
from pathlib import Path

from peak_console.control.logsend import RECORD_LIMIT, SOCKET_NAME, LedgerLogHandler, encode_record


def record(message: str, error: BaseException | None = None) -> logging.LogRecord:
    """A record as a program makes it."""
    exc_info = (type(error), error, None) if error else None
    return logging.LogRecord("peak_console.x", logging.WARNING, __file__, 1, message, None, exc_info)


def test_a_record_arrives_as_one_datagram(tmp_path: Path) -> None:
    """Level, logger, source and text."""
    control = Path("/tmp") / f"pk{abs(hash(tmp_path)) % 10**9}"  # noqa: S108 - a short path for a socket
    control.mkdir()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
            receiver.bind(str(control / SOCKET_NAME))
            handler = LedgerLogHandler(control, source="test")
            handler.emit(record("hello"))
            fields = json.loads(receiver.recv(65536))
            handler.close()
    finally:
        (control / SOCKET_NAME).unlink(missing_ok=True)
        control.rmdir()
    assert (fields["level"], fields["logger"], fields["source"]) == ("warning", "peak_console.x", "test")
    assert fields["event"] == "hello"


def test_without_a_receiver_records_are_dropped_and_counted(tmp_path: Path) -> None:
    """Logging never holds up the program."""
    handler = LedgerLogHandler(tmp_path, source="test")
    for _ in range(3):
        handler.emit(record("nobody listens"))
    assert handler.dropped == 3
    handler.close()
    handler.emit(record("after the end"))
    assert handler.dropped == 4


def test_a_long_record_is_cut() -> None:
    """One datagram of bounded size, errors named."""
    data = encode_record(record("\u202e" * 100_000, ValueError("ü" * 100_000)), "test")
    assert len(data) <= RECORD_LIMIT
    assert json.loads(data)["level"] == "warning"
