"""Work of which only the newest counts: lint of a text being typed, a draft being stored.

One thread does it, one piece after the other, so results come in the order they were asked for. A piece asked
for under a key that still waits takes the other's place, and waits anew: a word typed is one check.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from textual.message import Message

from peak_console.domain.errors import PeakError
from peak_console.tui.feed import Target


class Worked(Message):
    """A piece of work has come back: with its result, or with what kept it."""

    def __init__(self, key: str, result: Any = None, error: Exception | None = None) -> None:
        super().__init__()
        self.key, self.result, self.error = key, result, error

    @property
    def problem(self) -> str:
        """What kept it, in words; empty where it was done."""
        if self.error is None:
            return ""
        if isinstance(self.error, PeakError):
            return f"{self.error.message}; {self.error.remedy}" if self.error.remedy else self.error.message
        if isinstance(self.error, OSError):
            return self.error.strerror or str(self.error)
        return f"{type(self.error).__name__}: {self.error}"


class LatestWork:
    """Does the newest piece of work of each key, and tells ``target`` by :class:`Worked`."""

    def __init__(self, target: Target, name: str) -> None:
        self._target, self._name = target, name
        self._wake = threading.Condition()
        self._waiting: dict[str, tuple[float, Callable[[], Any]]] = {}
        self._doing = ""
        self._hurry = self._ended = False
        self._thread: threading.Thread | None = None

    def submit(self, key: str, job: Callable[[], Any], after_s: float = 0.0) -> None:
        """Do ``job`` once nothing was submitted under ``key`` for ``after_s``."""
        with self._wake:
            if self._ended:
                return
            self._waiting.pop(key, None)
            self._waiting[key] = (time.monotonic() + after_s, job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"peak-{self._name}", daemon=True)
                self._thread.start()
            self._wake.notify_all()

    def forget(self, key: str) -> None:
        """Give up what waits under ``key``."""
        with self._wake:
            self._waiting.pop(key, None)

    @property
    def busy(self) -> bool:
        """Whether anything waits or is being done."""
        with self._wake:
            return bool(self._waiting or self._doing)

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Do all that waits at once; whether it was done in time."""
        with self._wake:
            self._hurry = True
            self._wake.notify_all()
            done = self._wake.wait_for(lambda: not (self._waiting or self._doing), timeout_s)
            self._hurry = False
            return done

    def close(self) -> None:
        """Do what waits and end."""
        self.flush()
        with self._wake:
            self._ended = True
            self._wake.notify_all()

    def _next(self) -> tuple[str, Callable[[], Any]] | None:
        with self._wake:
            self._doing = ""
            self._wake.notify_all()
            while not self._ended:
                now = time.monotonic()
                due = {key: 0.0 if self._hurry else at - now for key, (at, _) in self._waiting.items()}
                first = min(due, key=due.__getitem__, default=None)
                if first is not None and due[first] <= 0:
                    self._doing = first
                    return first, self._waiting.pop(first)[1]
                self._wake.wait(None if first is None else due[first])
            return None

    def _run(self) -> None:
        while (piece := self._next()) is not None:
            key, job = piece
            try:
                result = job()
            except Exception as error:  # noqa: BLE001 - told on the screen; the editor stays open
                self._target.post_message(Worked(key, error=error))
            else:
                self._target.post_message(Worked(key, result))
