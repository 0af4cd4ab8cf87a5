"""The data road: one thread reads snapshots from the source and posts them; a widget never queries.

The source is opened in the thread, after the first paint: opening it imports the ledger. All reads are
made by this one thread, one after the other, so a source needs no lock.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from textual.message import Message

from peak_console.tui.messages import AnswerTaken, BarTaken, FeedFailed, SnapshotTaken

if TYPE_CHECKING:
    from peak_console.operations.views.source import Source

Read = Callable[["Source"], Any]
_GLANCE_S: Final = 0.3
"""How often it is looked whether an incident was opened, between two refreshes."""


class Target(Protocol):
    """Where messages go: an app or a screen. ``post_message`` may be called from any thread."""

    def post_message(self, message: Message) -> bool:
        """Queue ``message``."""
        ...


class Feed:
    """Reads the bar and what the screen on top watches each ``interval_s``; answers questions in between."""

    def __init__(
        self, open_source: "Callable[[], Source]", app: Target, interval_s: float | None = 1.0
    ) -> None:
        self._open, self._app = open_source, app
        self.interval_s = interval_s
        self._wake = threading.Condition()
        self._asked: deque[tuple[Target, str, Read]] = deque()
        self._watched: tuple[Target, Read] | None = None
        self._due = True
        self._busy = False
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="peak-feed", daemon=True)
        self.reads = 0
        self._deadline: float | None = None
        self._alarm: int | None = None

    def start(self) -> None:
        """Begin reading."""
        self._thread.start()

    def close(self, timeout_s: float = 2.0) -> None:
        """End the thread; the source is closed by it."""
        with self._wake:
            self._ended = True
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def watch(self, target: Target, read: Read | None) -> None:
        """Read ``read`` now and each interval, for ``target`` alone; ``None`` watches nothing but the bar."""
        with self._wake:
            self._watched = None if read is None else (target, read)
            self._due = True
            self._wake.notify_all()

    def ask(self, target: Target, topic: str, read: Read) -> None:
        """Read ``read`` once, soon; the answer comes as ``AnswerTaken`` with ``topic``."""
        with self._wake:
            self._asked.append((target, topic, read))
            self._wake.notify_all()

    def poke(self) -> None:
        """Read everything again now."""
        with self._wake:
            self._due = True
            self._wake.notify_all()

    def settle(self, timeout_s: float = 5.0) -> bool:
        """Wait until nothing is asked, due or being read; whether that came about in time."""
        with self._wake:
            return self._wake.wait_for(lambda: not (self._asked or self._due or self._busy), timeout_s)

    def _run(self) -> None:
        try:
            source = self._open()
        except Exception as error:  # noqa: BLE001 - told on the screen; the console stays open
            self._app.post_message(FeedFailed(error))
            return
        try:
            while (job := self._next()) is not None:
                job(source)
                with self._wake:
                    self._busy = False
                    self._wake.notify_all()
        finally:
            source.close()

    def _next(self) -> "Callable[[Source], None] | None":
        """The next thing to do, waiting for it; ``None`` at the end."""
        with self._wake:
            if self.interval_s is not None and self._deadline is None:
                self._deadline = time.monotonic() + self.interval_s
            deadline = self._deadline
            glance = None if deadline is None else time.monotonic() + _GLANCE_S
            while True:
                if self._ended:
                    return None
                if self._asked:
                    self._busy = True
                    target, topic, read = self._asked.popleft()
                    return lambda source: self._answer(source, target, topic, read)
                late = deadline is not None and time.monotonic() >= deadline
                if self._due or late:
                    self._due, self._busy, self._deadline = False, True, None
                    return self._refresh
                if deadline is None or glance is None:
                    self._wake.wait()
                    continue
                left = min(deadline, glance) - time.monotonic()
                if left <= 0:
                    return self._glance
                self._wake.wait(left)

    def _glance(self, source: "Source") -> None:
        """Between two refreshes: an incident that was opened is not kept waiting for the next one."""
        try:
            newest = source.alarm()
        except Exception:  # noqa: BLE001 - the refresh that follows soon tells what is wrong
            return
        before, self._alarm = self._alarm, newest
        if newest and before is not None and newest != before:
            self.poke()

    def _refresh(self, source: "Source") -> None:
        with self._wake:
            watched = self._watched
        self._tell(self._app, lambda: BarTaken(source.bar()))
        if watched is not None:
            target, read = watched
            self._tell(target, lambda: SnapshotTaken(read(source)))
        self.reads += 1
        if self.reads == 1:  # the first look may be made of less, so that it stands sooner
            self.poke()

    def _answer(self, source: "Source", target: Target, topic: str, read: Read) -> None:
        self._tell(target, lambda: AnswerTaken(topic, read(source)))

    def _tell(self, target: Target, make: Callable[[], Message]) -> None:
        try:
            message = make()
        except Exception as error:  # noqa: BLE001 - a source must not raise; when it does, it is told
            self._app.post_message(FeedFailed(error))
            return
        target.post_message(message)
