"""Jobs of a verification, done in this process or in several others."""

import json
import os
import selectors
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

from peak_console.domain.errors import LedgerUnavailable
from peak_console.ledger.verifying.jobs import FIGURES, Job, perform
from peak_console.ledger.verifying.result import Cancelled, VerifyCancelled, VerifyWorkerLost

MOST_WORKERS: Final = 4
"""Each takes some 40 MB; more would not keep within 300 MB."""

_POLL_S: Final = 0.05
_MODULE: Final = "peak_console.ledger.verifying.worker"

Tell = Callable[[int, int, int], None]
"""Told of a job by its number: how far it is, and in all."""


def default_workers() -> int:
    """Processes to use on this machine."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MOST_WORKERS, usable))


def run_here(jobs: Sequence[Job], tell: Tell, cancelled: Cancelled) -> list[Job | None]:
    """Do the jobs one after the other; nothing follows a break."""
    results: list[Job | None] = [None] * len(jobs)
    for number, job in enumerate(jobs):

        def told(done: int, total: int, number: int = number) -> None:
            if cancelled():
                raise cancellation()
            tell(number, done, total)

        told(0, 0)
        results[number] = result = perform(job, told)
        if result["found"]:
            break
    return results


def run_apart(jobs: Sequence[Job], workers: int, tell: Tell, cancelled: Cancelled) -> list[Job | None]:
    """Do the jobs in up to ``workers`` processes.

    Of a break only what comes before it in the order of the jobs is still waited for. Raises
    ``LedgerUnavailable``, :class:`VerifyWorkerLost` and, with every process ended, :class:`VerifyCancelled`.
    """
    crew = _Crew(jobs, workers, tell)
    try:
        crew.run(cancelled)
    finally:
        crew.end()
    return crew.results


def run_all(jobs: Sequence[Job], workers: int, tell: Tell, cancelled: Cancelled) -> list[Job | None]:
    """Do the jobs here or apart; where parts of the figures do not fit, one count of everything decides.

    A clock that was set back reopens minutes of other parts, which none of them can know.
    """
    if workers == 1:
        return run_here(jobs, tell, cancelled)
    results = run_apart(jobs, workers, tell, cancelled)
    parts = [number for number, job in enumerate(jobs) if job["op"] == FIGURES]
    wrong = [number for number, one in enumerate(results) if one and one["found"]]
    if len(parts) > 1 and wrong and wrong[0] in parts:
        number = parts[0]
        again = run_here(
            [{**jobs[number], "part": None}], lambda _, done, total: tell(number, done, total), cancelled
        )
        for one in parts:
            results[one] = again[0]
    return results


def cancellation() -> VerifyCancelled:
    """What is raised when it is asked to stop."""
    return VerifyCancelled(
        "the verification was cancelled; nothing is known of what was not reached",
        remedy="run it again: peak ledger verify",
    )


class _Crew:
    """Processes, who does what, and what came of it."""

    def __init__(self, jobs: Sequence[Job], workers: int, tell: Tell) -> None:
        self._jobs, self._tell = jobs, tell
        self._waiting = list(range(len(jobs)))
        self._most = max(1, min(workers, len(jobs)))
        self._doing: dict[subprocess.Popen[bytes], int] = {}
        self._said: dict[subprocess.Popen[bytes], bytes] = {}
        self._selector = selectors.DefaultSelector()
        self._upto = len(jobs)
        self.results: list[Job | None] = [None] * len(jobs)

    def run(self, cancelled: Cancelled) -> None:
        for _ in range(self._most):
            self._start()
        while self._doing:
            if cancelled():
                raise cancellation()
            for key, _ in self._selector.select(_POLL_S):
                self._hear(key.data)
            if all(number > self._upto for number in self._doing.values()):
                return

    def end(self) -> None:
        """End every process, at once."""
        for process in self._said:
            process.kill()
        for process in self._said:
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
        self._selector.close()

    def _start(self) -> None:
        try:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                (sys.executable, "-m", _MODULE),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
            )
        except OSError as error:
            raise _lost(f"no process could be started: {error.strerror}") from error
        self._said[process] = b""
        if process.stdout is not None:
            self._selector.register(process.stdout, selectors.EVENT_READ, process)
        self._give(process)

    def _give(self, process: subprocess.Popen[bytes]) -> None:
        """The next job, if one is left that matters."""
        self._waiting = [number for number in self._waiting if number < self._upto]
        self._doing.pop(process, None)
        if not self._waiting or process.stdin is None:
            return
        self._doing[process] = number = self._waiting.pop(0)
        data = json.dumps(self._jobs[number]).encode() + b"\n"
        try:
            while data:
                data = data[process.stdin.write(data) or 0 :]
        except OSError as error:
            raise _lost("a process ended before it was given its part") from error

    def _hear(self, process: subprocess.Popen[bytes]) -> None:
        data = os.read(process.stdout.fileno(), 1 << 16) if process.stdout is not None else b""
        if not data:
            if process in self._doing:
                raise _lost("a process ended in the middle of its part")
            self._selector.unregister(process.stdout)  # type: ignore[arg-type]  # it was registered
            return
        *lines, rest = (
            (self._said[process] + data).split(b"\n") if b"\n" in data else (self._said[process] + data,)
        )
        self._said[process] = rest
        for line in lines:
            self._take(process, json.loads(line))

    def _take(self, process: subprocess.Popen[bytes], told: dict[str, Any]) -> None:
        number = self._doing[process]
        if "error" in told:
            raise _failure(told["error"])
        if "result" not in told:
            self._tell(number, told["done"], told["total"])
            return
        self.results[number] = result = told["result"]
        if result.get("seq") is not None:
            self._tell(number, result["seq"] - self._jobs[number]["after"], 0)
        if result["found"]:
            self._upto = min(self._upto, number)
        self._give(process)


def _failure(told: dict[str, Any]) -> LedgerUnavailable:
    return LedgerUnavailable(str(told["message"]), code=str(told["code"]), remedy=str(told["remedy"]))


def _lost(message: str) -> VerifyWorkerLost:
    return VerifyWorkerLost(message, remedy="verify in one process: peak ledger verify --workers 1")
