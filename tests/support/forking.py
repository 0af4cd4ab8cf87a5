"""Our programs by fork: processes as new as those of an interpreter, without its second of imports."""

import atexit
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import IO, NamedTuple

_SERVER = Path(__file__).with_name("fork_server.py")
_READ_AT_START = ("PYTHON", "LC_", "LANG", "LD_", "TEXTUAL")
"""How variables begin that count when an interpreter or a library is read, not when a program runs."""

_LATER = frozenset(
    {
        *("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "TEXTUAL_SNAPSHOT_TEMPDIR"),
        *("PYTHONPATH", "PYTHONUNBUFFERED"),  # the new process heeds these two itself
    }
)
_PIECE = 65536
_TYPED_MOST = 4096
"""As many bytes any pipe takes before somebody reads it."""


class Ended(NamedTuple):
    """How a process ended, and what it had written."""

    code: int
    """Its exit code; ``-N`` when signal ``N`` ended it."""

    out: bytes
    err: bytes


class Forked:
    """A process under way, with what is used here of ``subprocess.Popen``."""

    def __init__(self, line: socket.socket, streams: Mapping[str, IO[bytes]]) -> None:
        self._line = line
        self.stdin, self.stdout, self.stderr = map(streams.get, ("stdin", "stdout", "stderr"))
        self.pid = self._number(60.0)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code; ``None`` while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0.0)
        return self.returncode

    def wait(self, timeout: float = 300.0) -> int:
        """Its exit code (``-N`` when signal ``N`` ended it), awaited for ``timeout``: ``TimeoutExpired``."""
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(self._number(timeout))
            self._line.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Signal it, if it runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def communicate(self, timeout: float = 300.0) -> tuple[bytes, bytes]:
        """What it writes until nobody holds its streams, and its end; ``TimeoutExpired``."""
        ends = time.monotonic() + timeout
        if self.stdin is not None:
            self.stdin.close()
        said = {one: bytearray() for one in (self.stdout, self.stderr) if one is not None}
        with selectors.DefaultSelector() as selector:
            for one in said:
                selector.register(one, selectors.EVENT_READ)
            while selector.get_map():
                ready = selector.select(max(ends - time.monotonic(), 0))
                if not ready:
                    raise subprocess.TimeoutExpired(str(self.pid), timeout)
                for key, _ in ready:
                    piece = os.read(key.fd, _PIECE)
                    said[key.fileobj] += piece  # type: ignore[index]
                    if not piece:
                        selector.unregister(key.fileobj)
        self.wait(max(ends - time.monotonic(), 0.0))
        self.close()
        out, err = (bytes(said.get(one, b"")) for one in (self.stdout, self.stderr))  # type: ignore[call-overload]
        return out, err

    def close(self) -> None:
        """Let go of its streams."""
        for one in (self.stdin, self.stdout, self.stderr):
            if one is not None:
                one.close()

    def _number(self, timeout: float) -> int:
        """The next number that the server tells."""
        said = b""
        while not said.endswith(b"\n"):
            self._line.settimeout(max(timeout, 0.001))
            try:
                piece = self._line.recv(1)
            except TimeoutError:
                raise subprocess.TimeoutExpired("a forked process", timeout) from None
            assert piece, "the server that forks has ended"
            said += piece
        return int(said)


def start(
    words: Sequence[object],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: int | IO[bytes] | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
    pass_fds: Iterable[int] = (),
) -> Forked:
    """``python WORDS`` (``-m MODULE ...`` or ``FILE ...``), the rest as ``subprocess.Popen`` takes it."""
    environ = dict(os.environ if env is None else env)
    at_start = [one for one in environ.items() if one[0].startswith(_READ_AT_START)]
    control = _server(frozenset(one for one in at_start if one[0] not in _LATER))
    passed = list(pass_fds)
    asked = {
        "words": list(map(str, words)),
        "environ": environ,
        "cwd": str(cwd or Path.cwd()),
        "pass": passed,
    }
    streams: dict[str, IO[bytes]] = {}
    line, its_line = socket.socketpair()
    with ExitStack() as given:
        given.enter_context(its_line)
        sent = [its_line.fileno()]
        for number, (name, wanted) in enumerate((("stdin", stdin), ("stdout", stdout), ("stderr", stderr))):
            if wanted == PIPE:
                reading, writing = os.pipe()
                ours, theirs = (writing, reading) if name == "stdin" else (reading, writing)
                streams[name] = os.fdopen(ours, "wb" if name == "stdin" else "rb", 0)
            else:
                theirs = _opened(number, wanted)
            given.callback(os.close, theirs)
            sent.append(theirs)
        socket.send_fds(control, [b"."], [*sent, *passed])
    line.sendall(json.dumps(asked).encode() + b"\n")
    return Forked(line, streams)


def _opened(number: int, wanted: int | IO[bytes] | None) -> int:
    """A descriptor of what shall be a stream: ours of that number when nothing is wanted."""
    if wanted == DEVNULL:
        return os.open(os.devnull, os.O_RDWR)
    if wanted is None:
        return os.dup(number)
    return os.dup(wanted if isinstance(wanted, int) else wanted.fileno())


def run(
    words: Sequence[object],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    typed: bytes | None = None,
    timeout: float = 300.0,
) -> Ended:
    """A program to its end, with ``typed`` as its standard input; nothing when ``None``.

    After ``timeout`` it is killed, and ``subprocess.TimeoutExpired`` raised.
    """
    stdin = DEVNULL if typed is None else PIPE
    process = start(words, env=env, cwd=cwd, stdin=stdin, stdout=PIPE, stderr=PIPE)
    if process.stdin is not None and typed is not None:
        assert len(typed) <= _TYPED_MOST
        process.stdin.write(typed)
    try:
        said = process.communicate(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        process.close()
        raise
    return Ended(process.wait(), *said)


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

    starter = os.getpid()

    def end() -> None:
        if os.getpid() == starter:
            ours.shutdown(socket.SHUT_RDWR)
            ours.close()
            process.wait()

    atexit.register(end)
    return ours
