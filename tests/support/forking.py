"""Processes of ``peak`` by fork: as new as those that an interpreter starts, without a second of imports."""

import atexit
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, NamedTuple

_SERVER = Path(__file__).with_name("fork_server.py")
_READ_AT_START = ("PYTHON", "LC_", "LANG", "LD_", "TEXTUAL")
"""How variables begin that count when an interpreter or a library is read, not when a command runs."""

_WITHOUT_EFFECT = frozenset({"PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"})
_PIECE = 65536
_TYPED_MOST = 4096
"""As many bytes any pipe takes before somebody reads it."""


class Ended(NamedTuple):
    """How a process ended, and what it had written."""

    code: int
    """Its exit code; ``-N`` when signal ``N`` ended it."""

    out: bytes
    err: bytes


class _Asked(NamedTuple):
    """A process that was asked for: the line to it, and what it writes."""

    line: socket.socket
    stdout: IO[bytes]
    stderr: IO[bytes]


def run(
    words: Sequence[str], *, environ: Mapping[str, str], cwd: Path, typed: bytes | None, patience_s: float
) -> Ended:
    """``peak WORDS`` to its end, with ``typed`` as its standard input: nothing when ``None``.

    After ``patience_s`` it is killed, and ``subprocess.TimeoutExpired`` raised.
    """
    ends = time.monotonic() + patience_s
    at_start = [one for one in environ.items() if one[0].startswith(_READ_AT_START)]
    control = _server(frozenset(one for one in at_start if one[0] not in _WITHOUT_EFFECT))
    command = {"words": list(words), "environ": dict(environ), "cwd": os.fspath(cwd)}
    pid = 0
    with _asked_for(control, command, typed) as asked:
        try:
            pid = _number(asked.line, ends)
            said = _said(asked, ends)
            status = _number(asked.line, ends)
        except TimeoutError:
            if pid:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(["peak", *words], patience_s) from None
    return Ended(os.waitstatus_to_exitcode(status), *said)


@contextmanager
def _asked_for(control: socket.socket, command: object, typed: bytes | None) -> Iterator[_Asked]:
    """Have a process made for ``command``."""
    with ExitStack() as kept:
        with ExitStack() as given:
            line, its_line = socket.socketpair()
            kept.enter_context(line)
            given.enter_context(its_line)
            stdin = given.enter_context(_typed(typed))
            stdout, its_out = _pipe(kept, given)
            stderr, its_err = _pipe(kept, given)
            sent = [its_line, stdin, its_out, its_err]
            socket.send_fds(control, [b"."], [one.fileno() for one in sent])
        line.sendall(json.dumps(command).encode() + b"\n")
        yield _Asked(line, stdout, stderr)


def _pipe(reader: ExitStack, writer: ExitStack) -> tuple[IO[bytes], IO[bytes]]:
    """A pipe whose ends are closed with those stacks."""
    reading, writing = os.pipe()
    return reader.enter_context(os.fdopen(reading, "rb", 0)), writer.enter_context(
        os.fdopen(writing, "wb", 0)
    )


def _typed(typed: bytes | None) -> IO[bytes]:
    """What gives these bytes and then ends."""
    if typed is None:
        return Path(os.devnull).open("rb")
    assert len(typed) <= _TYPED_MOST
    with ExitStack() as written:
        reading, writing = os.pipe()
        written.callback(os.close, writing)
        os.write(writing, typed)
        return os.fdopen(reading, "rb", 0)


@cache
def _server(at_start: frozenset[tuple[str, str]]) -> socket.socket:
    """The control socket of this process's server with these variables; the server ends with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    plain = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    with theirs:
        process = subprocess.Popen(
            [sys.executable, os.fspath(_SERVER), str(theirs.fileno())],
            env=plain | dict(at_start),
            stdin=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _number(line: socket.socket, ends: float) -> int:
    """The next number that the server tells."""
    said = b""
    while not said.endswith(b"\n"):
        line.settimeout(max(ends - time.monotonic(), 0.001))
        piece = line.recv(1)
        assert piece, "the server of `peak` by fork has ended"
        said += piece
    return int(said)


def _said(asked: _Asked, ends: float) -> tuple[bytes, bytes]:
    """What the process writes, until nobody holds its streams."""
    said = {asked.stdout: bytearray(), asked.stderr: bytearray()}
    with selectors.DefaultSelector() as selector:
        for one in said:
            selector.register(one, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(ends - time.monotonic(), 0))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                piece = os.read(key.fd, _PIECE)
                said[key.fileobj] += piece
                if not piece:
                    selector.unregister(key.fileobj)
    return bytes(said[asked.stdout]), bytes(said[asked.stderr])
