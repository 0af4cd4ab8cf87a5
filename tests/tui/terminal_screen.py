"""A real program in a pseudo-terminal, and the screen that a person would see (pyte)."""

import os
import re
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pexpect
import pyte

KEYS = {"enter": "\r", "escape": "\x1b", "tab": "\t", "down": "\x1b[B", "up": "\x1b[A"}


_NOT_TAKEN = {"NO_COLOR", "COLORTERM", "COLUMNS", "LINES"}


class Terminal:
    """Runs ``command``; ``wait`` reads until the screen shows something."""

    def __init__(
        self,
        command: list[str],
        *,
        columns: int = 120,
        rows: int = 40,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        environment = {
            **{name: value for name, value in os.environ.items() if name not in _NOT_TAKEN},
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            **(env or {}),
        }
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.written = 0
        self.raw = bytearray()
        self.started = time.monotonic()
        self.child = pexpect.spawn(
            command[0],
            command[1:],
            dimensions=(rows, columns),
            env=environment,
            cwd=str(cwd) if cwd else None,
            timeout=None,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.child.close(force=True)

    def read(self, seconds: float) -> None:
        """Take in what is written during ``seconds``."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                data = self.child.read_nonblocking(65536, timeout=left)
            except pexpect.TIMEOUT:
                return
            except pexpect.EOF:
                return
            self.written += len(data)
            self.raw += data
            self._stream.feed(data)

    @property
    def text(self) -> str:
        """What stands on the screen."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def wait(self, pattern: str, seconds: float = 90.0) -> str:
        """Read until the screen shows ``pattern``; gives the screen. Raises ``AssertionError`` in the end."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if re.search(pattern, self.text):
                return self.text
            if not self.child.isalive():
                self.read(0.2)
                break
            self.read(0.05)
        if re.search(pattern, self.text):
            return self.text
        raise AssertionError(f"never saw {pattern!r} in\n{self.text}")

    def end(self, seconds: float = 90.0) -> None:
        """Read until the program has ended. Raises ``AssertionError`` when it goes on."""
        until = time.monotonic() + seconds
        while self.child.isalive():
            assert time.monotonic() < until, f"still there:\n{self.text}"
            self.read(0.05)
            time.sleep(0.01)
        self.read(0.2)

    def press(self, *keys: str, pause: float = 0.15) -> None:
        """Press keys by name, or type their characters."""
        for key in keys:
            self.child.send(KEYS.get(key, key))
            self.read(pause)
