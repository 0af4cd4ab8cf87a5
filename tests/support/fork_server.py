"""``python fork_server.py CONTROL``: has read the program ``peak``, and forks for each command asked for.

Over the socket CONTROL come four descriptors a command: a line to whoever asks, and what shall be its
standard input, output and error. The new process, not this one, reads over its line what it shall run. The
line is told the number of the process and, once it has ended, how. With CONTROL this program ends.
"""

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import pkgutil
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO, NamedTuple, NoReturn

_LEFT_OUT = ("peak_console.tui.", "peak_console.ledger.migrations")
"""What no command reads but ``console`` and those that carry an old ledger over."""


class Order(NamedTuple):
    """A command that was asked for: the descriptors that came with it."""

    line: int
    stdin: int
    stdout: int
    stderr: int


def read_program() -> None:
    """Read the modules of every command. Nothing of them has run when a command begins."""
    package = importlib.import_module("peak_console")
    for found in pkgutil.walk_packages(package.__path__, "peak_console."):
        if not found.name.startswith(_LEFT_OUT) and not found.name.endswith(".__main__"):
            importlib.import_module(found.name)
    gc.collect()
    gc.freeze()


def serve(control: socket.socket) -> Order | None:
    """Fork at each order; gives it in the new process, and ``None`` in this one when nobody asks any more."""
    under_way: dict[int, socket.socket] = {}
    with _told_of_ends() as ended, selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(ended, selectors.EVENT_READ)
        while True:
            ready = [key.fileobj for key, _ in selector.select()]
            if ended in ready:
                ended.recv(4096)
                _tell_ends(under_way)
            if control in ready:
                _, received, _, _ = socket.recv_fds(control, 1, len(Order._fields))
                if not received:
                    return None
                order = Order(*received)
                pid = os.fork()
                if not pid:
                    break
                for descriptor in order[1:]:
                    os.close(descriptor)
                under_way[pid] = socket.socket(fileno=order.line)
                _tell(under_way[pid], pid)
    for line in under_way.values():
        line.close()
    control.close()
    return order


@contextlib.contextmanager
def _told_of_ends() -> Iterator[socket.socket]:
    """A socket that can be read when a process has ended; afterwards signals are as at a program's start."""
    reading, writing = socket.socketpair()
    with reading, writing:
        reading.setblocking(False)  # noqa: FBT003 - the standard library's signature
        writing.setblocking(False)  # noqa: FBT003 - the same
        signal.set_wakeup_fd(writing.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever asks is told, and ends this
        try:
            yield reading
        finally:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _tell_ends(under_way: dict[int, socket.socket]) -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            with under_way.pop(ended[0]) as line:
                _tell(line, ended[1])


def _tell(line: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):  # who asked may be gone
        line.sendall(b"%d\n" % number)


def become(order: Order) -> None:
    """Make this process the one that was asked for: words, folder, environment and the three streams."""
    with socket.socket(fileno=order.line) as line, line.makefile("rb") as asking:
        asked = json.loads(asking.readline())
    for number, descriptor in enumerate(order[1:]):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(asked["environ"])
    time.tzset()
    os.chdir(asked["cwd"])
    sys.argv[:] = [importlib.import_module("peak_console").__path__[0] + "/__main__.py", *asked["words"]]
    sys.stdin = sys.__stdin__ = _stream(0, "r", sys.__stdin__)  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _stream(1, "w", sys.__stdout__)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _stream(2, "w", sys.__stderr__)  # type: ignore[misc]


def _stream(number: int, mode: str, before: IO[str] | None) -> io.TextIOWrapper:
    """A standard stream as the interpreter opens it; by its encoding of before, which is the locale's."""
    assert isinstance(before, io.TextIOWrapper)
    stream = open(number, mode, encoding=before.encoding, errors=before.errors, closefd=False)  # noqa: SIM115
    assert isinstance(stream, io.TextIOWrapper)
    if number == 2:  # standard error waits for no more than a line
        stream.reconfigure(line_buffering=True)
    return stream


def end(main: Callable[[], None]) -> NoReturn:
    """Run ``main`` and end as the interpreter does, but leave the freeing of memory to the kernel.

    Threads that are no daemons are waited for, then come what is registered for the exit and the streams.
    """
    code: object = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001 - told as the interpreter tells it
        sys.excepthook(*sys.exc_info())
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    if code is not None and not isinstance(code, int):
        sys.stderr.write(f"{code}\n")
        code = 1
    for stream in (sys.stdout, sys.stderr):
        try:
            if not stream.closed:
                stream.flush()
        except OSError:
            code = 120  # as the interpreter's own
    os._exit((code or 0) & 0xFF)


if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder is no place of the program's
    read_program()
    if order := serve(socket.socket(fileno=int(sys.argv[1]))):
        become(order)
        end(importlib.import_module("peak_console.cli.entry").main)
