"""Work that takes long, in a thread of its own: progress and result are messages, cancelling is a flag."""

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from textual.message import Message

from peak_console.domain.errors import PeakError
from peak_console.operations.views.work import Cancelled, Progress, WorkCancelled
from peak_console.tui.feed import Target

_TELL_EVERY_S: Final = 0.1

Job = Callable[[Progress, Cancelled], Any]


class WorkMoved(Message):
    """Long work has come further: what it does, how much is done, of how much."""

    def __init__(self, topic: str, what: str, done: int, total: int) -> None:
        super().__init__()
        self.topic, self.what, self.done, self.total = topic, what, done, total


class WorkDone(Message):
    """Long work has ended: with a result, an error in words, or cancelled."""

    def __init__(
        self,
        topic: str,
        result: Any = None,
        problem: str = "",
        remedy: str = "",
        *,
        code: str = "",
        cancelled: bool = False,
    ) -> None:
        super().__init__()
        self.topic, self.result, self.problem, self.remedy = topic, result, problem, remedy
        self.code, self.cancelled = code, cancelled


class LongWork:
    """One piece of work at a time for ``target``; beginning another gives the one before up."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether it still works."""
        return self._thread is not None and self._thread.is_alive()

    def begin(self, topic: str, job: Job) -> None:
        """Do ``job`` in a thread."""
        self.cancel()
        self._stop = stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(topic, job, stop), name=f"peak-{topic.split(maxsplit=1)[0]}", daemon=True
        )
        self._thread.start()

    def cancel(self) -> None:
        """Give up what is being done; it ends soon."""
        self._stop.set()

    def wait(self, timeout_s: float = 10.0) -> None:
        """Wait until it has ended: for tests, and before leaving."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self, topic: str, job: Job, stop: threading.Event) -> None:
        told = 0.0

        def progress(what: str, done: int, total: int) -> None:
            nonlocal told
            now = time.monotonic()
            if now - told >= _TELL_EVERY_S and not stop.is_set():
                told = now
                self._target.post_message(WorkMoved(topic, what, done, total))

        try:
            result = job(progress, stop.is_set)
        except WorkCancelled:
            self._target.post_message(WorkDone(topic, cancelled=True))
        except PeakError as error:
            failed = WorkDone(topic, problem=error.message, remedy=error.remedy, code=error.code)
            self._target.post_message(failed)
        except OSError as error:
            self._target.post_message(WorkDone(topic, problem=error.strerror or str(error)))
        else:
            self._target.post_message(WorkDone(topic, result))
