"""Children of the node: started by exec, restarted with backoff when they end, ended with the node.

A child holds the reading end of a pipe as its standard input and ends when that closes; so it ends with the
node however the node ends, SIGKILL included.
"""

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from peak_console.domain.text import one_line

_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _STEADY_S = 0.2, 30.0, 60.0
_GRACE_S: Final = 3.0

_PASSED = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TMPDIR",
    "TZ",
    "VIRTUAL_ENV",
    "PEAK_KEYS_DIR",
    "PEAK_STATE_DIR",
)
_PASSED_FAMILIES = ("LANG", "LC_", "XDG_", "PYTHON")

logger = logging.getLogger(__name__)


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What a node and its children get of an environment: no provider's key, no proxy, no switch."""
    return {
        name: value for name, value in environ.items() if name in _PASSED or name.startswith(_PASSED_FAMILIES)
    }


@dataclass(slots=True)
class ChildState:
    """How a child is, for ``peak node status``."""

    name: str
    pid: int | None = None
    restarts: int = 0
    last_exit: int | None = None
    last_words: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {
            "name": self.name,
            "pid": self.pid,
            "running": self.pid is not None,
            "restarts": self.restarts,
            "last_exit": self.last_exit,
            "last_words": self.last_words,
        }


class Child:
    """One child process, kept running. What it prints as JSON lines is handed to ``said``."""

    def __init__(
        self,
        name: str,
        module: str,
        root: Path,
        *,
        said: Callable[[dict[str, Any]], None] | None = None,
        first_pause_s: float = _FIRST_PAUSE_S,
        grace_s: float = _GRACE_S,
    ) -> None:
        self.state = ChildState(name)
        self._words = (sys.executable, "-m", module, "--root", os.fspath(root))
        self._said = said
        self._first_pause_s = first_pause_s
        self._grace_s = grace_s
        self._process: asyncio.subprocess.Process | None = None

    async def keep(self) -> None:
        """Run the child until cancelled; it is ended on the way out."""
        pause = self._first_pause_s
        loop = asyncio.get_running_loop()
        try:
            while True:
                began = loop.time()
                await self._run_once()
                pause = self._first_pause_s if loop.time() - began > _STEADY_S else pause
                logger.warning(
                    "child %s ended with %s: %s", self.state.name, self.state.last_exit, self.state.last_words
                )
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)
                self.state.restarts += 1
        finally:
            await self._end()

    def tell(self, line: str) -> bool:
        """Write a line to the child's standard input; false when none runs."""
        process = self._process
        if process is None or process.returncode is not None or process.stdin is None:
            return False
        process.stdin.write(line.encode() + b"\n")
        return True

    async def _run_once(self) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._words,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=clean_environment(os.environ),
            )
        except OSError as error:
            self.state.last_exit, self.state.last_words = None, f"cannot be started: {error.strerror}"
            return
        self._process, self.state.pid = process, process.pid
        await asyncio.gather(self._listen(process), self._overhear(process))
        self.state.last_exit = await process.wait()
        self.state.pid = None

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is None:
            return
        async for line in process.stdout:
            with contextlib.suppress(ValueError):
                fields = json.loads(line)
                if self._said is not None and isinstance(fields, dict):
                    self._said(fields)

    async def _overhear(self, process: asyncio.subprocess.Process) -> None:
        if process.stderr is None:
            return
        async for line in process.stderr:
            words = one_line(line.decode(errors="replace"))
            if words:
                self.state.last_words = words

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(self._grace_s):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        self.state.pid = None


async def parent_gone() -> None:
    """For a child: returns when the node's end of our standard input has closed."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        while await reader.read(1024):
            pass
    finally:
        transport.close()
