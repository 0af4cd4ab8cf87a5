"""The process of one run: started, heard, ended at its timeout with its whole process group.

It gets one line of JSON on its standard input, which then stays open: its end tells that the node is gone.
It prints lines: ``{"run_id": …}``, ``{"step": …}``, last ``{"ended": outcome, "state": …, "detail": …}``.
What it prints is as hostile as a model's answer.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from peak_console.domain.jobs import RunState
from peak_console.domain.redaction import Redact, redactor
from peak_console.domain.text import one_line
from peak_console.node.children import clean_environment
from peak_console.node.scheduling.book import Ended

MODULE: Final = "peak_console.operations.jobs.worker"
GRACE_S: Final = 3.0
"""From SIGTERM to SIGKILL."""

NICE: Final = 5
LINE_LIMIT: Final = 65_536
LOST: Final = "worker_lost"
TIMED_OUT: Final = "timed_out"

_STATES: Final = frozenset({RunState.DONE, RunState.FAILED, RunState.ABORTED})
_OUTCOME, _DETAIL = 60, 300


Heard = Callable[[str, str], None]
"""Takes what a worker said as it went: ``run_id`` or ``step``, and the text."""


class WorkerProcess:
    """One worker. :meth:`start` it once, then :meth:`wait` for its end; :meth:`end` ends it before.

    ``redact`` strikes secrets out of what it says, before any of it is kept, told or shown.
    """

    def __init__(
        self,
        root: Path,
        *,
        module: str = MODULE,
        environment: Mapping[str, str] | None = None,
        grace_s: float = GRACE_S,
        redact: Redact | None = None,
    ) -> None:
        self._words = (sys.executable, "-m", module, "--root", os.fspath(root))
        self._environment = {**clean_environment(os.environ), **(environment or {})}
        self._grace_s = grace_s
        self._redact = redact or redactor()
        self._process: asyncio.subprocess.Process | None = None
        self._said: Ended | None = None
        self._last_words = ""
        self._why = ""
        self._killer: asyncio.Task[None] | None = None
        self._reaped = False
        """Whether its exit was seen and its group ended: then its number may be another's."""

    @property
    def pid(self) -> int:
        """Its process, and its process group; 0 before the start."""
        return self._process.pid if self._process else 0

    async def start(self, order: Mapping[str, Any]) -> None:
        """Start it and tell it what to do; raises ``OSError``."""
        process = await asyncio.create_subprocess_exec(
            *self._words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment,
            start_new_session=True,
            limit=LINE_LIMIT,
        )
        self._process = process
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
        if process.stdin is not None:
            process.stdin.write(json.dumps(order).encode() + b"\n")
        if self._why:
            self.end(self._why)

    def end(self, why: str) -> None:
        """End it: SIGTERM to its group now, SIGKILL after the grace. ``why`` is how its run ends."""
        if self._reaped or self._killer is not None:
            return
        self._why = why
        if self._process is not None:
            self._killer = asyncio.create_task(self._kill())

    async def wait(self, timeout_s: float, heard: Heard) -> Ended:
        """How it ended; nothing of its group is left then."""
        process = self._process
        if process is None or process.stdout is None or process.stderr is None:
            return Ended(RunState.FAILED, LOST, "it was not started")
        listening = asyncio.gather(
            self._listen(process.stdout, heard), self._overhear(process.stderr), process.wait()
        )
        alarm = asyncio.get_running_loop().call_later(timeout_s, self.end, TIMED_OUT)
        try:
            await self._until_over(process, listening)
        finally:
            alarm.cancel()
            self._end_group()
            listening.cancel()
            if self._killer is not None:
                self._killer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening
            if process.stdin is not None:
                process.stdin.close()
        return self._ended(process.returncode)

    # -- within

    async def _until_over(
        self, process: asyncio.subprocess.Process, listening: "asyncio.Future[Any]"
    ) -> None:
        """Until it has ended and all it said is heard; what it left running is not waited for."""
        await process.wait()
        self._end_group()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._grace_s):
                await asyncio.shield(listening)

    async def _kill(self) -> None:
        self._signal(signal.SIGTERM)
        await asyncio.sleep(self._grace_s)
        self._signal(signal.SIGKILL)

    def _end_group(self) -> None:
        """End what it left running, once: at its exit, while the group's number can be no other's yet."""
        self._signal(signal.SIGKILL)
        self._reaped = True

    def _signal(self, number: signal.Signals) -> None:
        if not self._reaped and self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    async def _listen(self, stdout: asyncio.StreamReader, heard: Heard) -> None:
        while line := await _line(stdout):
            try:
                fields = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(fields, dict):
                self._take(fields, heard)

    def _take(self, fields: Mapping[str, Any], heard: Heard) -> None:
        for name in ("run_id", "step"):
            if isinstance(text := fields.get(name), str):
                heard(name, self._shown(text, _DETAIL))
        outcome, state = fields.get("ended"), fields.get("state")
        if isinstance(outcome, str) and isinstance(state, str) and state in _STATES:
            detail = fields.get("detail")
            detail = self._shown(detail, _DETAIL) if isinstance(detail, str) else ""
            self._said = Ended(RunState(state), self._shown(outcome, _OUTCOME), detail)

    async def _overhear(self, stderr: asyncio.StreamReader) -> None:
        while line := await _line(stderr):
            self._last_words = self._shown(line.decode(errors="replace"), _DETAIL) or self._last_words

    def _shown(self, text: str, limit: int) -> str:
        """Foreign text on one line, without secrets: struck out before it is cut, so that no half is left."""
        return one_line(self._redact(text[:LINE_LIMIT]), limit)

    def _ended(self, code: int | None) -> Ended:
        said = self._said
        if said is not None and (said.state is RunState.DONE or not self._why):
            return said
        detail = said.detail if said else self._last_words
        if self._why == TIMED_OUT:
            return Ended(RunState.TIMED_OUT, TIMED_OUT, detail)
        if self._why:
            return Ended(RunState.ABORTED, self._why, detail)
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return Ended(RunState.FAILED, LOST, one_line(f"{how}: {self._last_words}", _DETAIL))


async def _line(stream: asyncio.StreamReader) -> bytes:
    """The next line; of one that is too long its beginning, the rest is read away. Empty at the end."""
    try:
        return await stream.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError as error:
        kept = await stream.readexactly(error.consumed)
        return kept[:LINE_LIMIT] + b"\n"
