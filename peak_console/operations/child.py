"""The life of a child process of the node: it says when it is ready, and ends with its parent.

A child is started by exec with a pipe as its standard input: its end is the parent's. What the parent writes
to it are lines for :meth:`Lifeline.lines`; most children are told nothing. It says one JSON line on standard
output, ``{"ready": true, ...}``, or ``{"ready": false, "error": {...}}`` and ends.
"""

import argparse
import contextlib
import json
import os
import select
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Final, Self

from peak_console.config.workspace import Workspace, find_workspace
from peak_console.domain.errors import PeakError

STDIN: Final = 0

_READ_BYTES: Final = 65_536


class Lifeline:
    """Tells when this process is to end: its standard input ended, or SIGTERM came.

    SIGINT is left to the parent, so that a key pressed in its terminal ends children after it and not before;
    a child started by hand in a terminal obeys it. For the main thread only.
    """

    def __init__(self, stdin: int = STDIN) -> None:
        self._stdin = stdin
        self._heard = b""
        self.over = not _is_open(stdin)  # there is no standard input, hence no parent
        self._earlier: dict[signal.Signals, Any] = {}
        self._woken, self._waker = -1, -1
        self._earlier_waker = -1

    def __enter__(self) -> Self:
        self._woken, self._waker = os.pipe()
        for end in (self._woken, self._waker):
            os.set_blocking(end, False)
        self._earlier_waker = signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        by_hand = _is_terminal(self._stdin)
        for number, handler in (
            (signal.SIGTERM, self._end),
            (signal.SIGINT, self._end if by_hand else signal.SIG_IGN),
        ):
            self._earlier[number] = signal.signal(number, handler)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._earlier.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._earlier_waker)
        os.close(self._woken)
        os.close(self._waker)

    def wait(self, timeout_s: float | None, *also: int) -> bool:
        """Wait until the process is to end, a descriptor of ``also`` can be read, or the time is over.

        Gives whether the process is to end.
        """
        if self.over:
            return True
        try:
            ready, _, _ = select.select((self._stdin, self._woken, *also), (), (), timeout_s)
        except (OSError, ValueError):  # it was closed meanwhile
            self.over = True
            return True
        if self._woken in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._woken, _READ_BYTES)
        if self._stdin in ready:
            data = _drained(self._stdin)
            self.over |= not data
            self._heard = (self._heard + data)[-_READ_BYTES:]
        return self.over

    def lines(self) -> list[str]:
        """The whole lines that the parent wrote since they were last asked for."""
        *whole, self._heard = self._heard.split(b"\n")
        return [line.decode("utf-8", "replace") for line in whole]

    def _end(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.over = True


def announce(**facts: Any) -> None:
    """The one line by which the parent knows that this child does its work."""
    say(ready=True, **facts)


def say(**facts: Any) -> None:
    """One more line for the parent."""
    _say(facts)


def run_child(
    name: str, run: Callable[[Workspace, Lifeline], None], argv: Sequence[str] | None = None
) -> int:
    """Run a child's ``run`` until its lifeline ends; the process's exit code.

    A :class:`PeakError` is told on both outputs, and ends the process.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description="A child process of the node.")
    parser.add_argument("--root", type=Path, help="the workspace")
    options = parser.parse_args(argv)
    with Lifeline() as lifeline:
        try:
            run(find_workspace(options.root), lifeline)
        except PeakError as error:
            _say({"ready": False, "error": error.as_dict()})
            sys.stderr.write(f"{name}: {error.message} ({error.code})\n")
            return error.exit_code
    return 0


def _say(line: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # nobody reads it any more: the lifeline tells
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def _drained(descriptor: int) -> bytes:
    """Read what is there; nothing at the end."""
    try:
        return os.read(descriptor, _READ_BYTES)
    except OSError:
        return b""


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False
