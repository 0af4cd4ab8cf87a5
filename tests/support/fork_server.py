"""``python fork_server.py CONTROL``: has read our programs, and forks for each that is asked for.

Over the socket CONTROL come the descriptors of a new process: a line to whoever asks, what shall be its
standard input, output and error, and those passed on. The new process, not this one, reads over its line what
it shall run. The line is told the process's number and, once it has ended, how. With CONTROL this ends.
"""

import atexit
import contextlib
import fcntl
import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO, NoReturn

_LEFT_OUT = ("peak_console.tui.", "peak_console.ledger.migrations")
"""What no command reads but ``console`` and those that carry an old ledger over."""

_MOST = 16
"""Descriptors that may come with one order."""

_FREE = 200
"""From this descriptor on nobody uses any."""


def read_program() -> None:
    """Read the modules of every command. Nothing of them has run when a command begins."""
    package = importlib.import_module("peak_console")
    for found in pkgutil.walk_packages(package.__path__, "peak_console."):
        if not found.name.startswith(_LEFT_OUT) and not found.name.endswith(".__main__"):
            importlib.import_module(found.name)
    gc.collect()
    gc.freeze()


def serve(control: socket.socket) -> list[int] | None:
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
                _, order, _, _ = socket.recv_fds(control, 1, _MOST)
                if not order:
                    return None
                pid = os.fork()
                if not pid:
                    break
                for descriptor in order[1:]:
                    os.close(descriptor)
                under_way[pid] = socket.socket(fileno=order[0])
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


def become(order: list[int]) -> list[str]:
    """Make this process the one that was asked for, but for its words, which it gives."""
    with socket.socket(fileno=order[0]) as line, line.makefile("rb") as asking:
        asked = json.loads(asking.readline())
    moved = [fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, _FREE) for one in order[1:]]
    for one in order[1:]:
        os.close(one)
    for given, wanted in zip(moved, (0, 1, 2, *asked["pass"]), strict=True):
        os.dup2(given, wanted)
        os.close(given)
    os.environ.clear()
    os.environ.update(asked["environ"])
    time.tzset()
    os.chdir(asked["cwd"])
    sys.stdin = sys.__stdin__ = _stream(0, "r", sys.__stdin__)  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _stream(1, "w", sys.__stdout__)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _stream(2, "w", sys.__stderr__)  # type: ignore[misc]
    words: list[str] = asked["words"]
    return words


def main_of(words: list[str]) -> Callable[[], object]:
    """What ``python WORDS`` runs, as its main module."""
    sys.path[:0] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    if words[0] != "-m":
        sys.argv[:] = words
        sys.path.insert(0, os.path.dirname(os.path.abspath(words[0])))  # noqa: PTH100, PTH120 - as Python does
        return partial(runpy.run_path, words[0], run_name="__main__")
    sys.argv[:] = words[1:]
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - the same
    warnings.filterwarnings("ignore", message=".*found in sys.modules", category=RuntimeWarning)
    return partial(runpy.run_module, words[1], run_name="__main__", alter_sys=True)


def _stream(number: int, mode: str, before: IO[str] | None) -> io.TextIOWrapper:
    """A standard stream as the interpreter opens it; by its encoding of before, which is the locale's."""
    assert isinstance(before, io.TextIOWrapper)
    unbuffered = mode == "w" and bool(os.environ.get("PYTHONUNBUFFERED"))
    return io.TextIOWrapper(
        os.fdopen(number, mode + "b", 0 if unbuffered else -1, closefd=False),  # type: ignore[arg-type]
        before.encoding,
        before.errors,
        line_buffering=number == 2 or os.isatty(number),  # standard error waits for no more than a line
        write_through=unbuffered,
    )


def end(main: Callable[[], object]) -> NoReturn:
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
        end(main_of(become(order)))
