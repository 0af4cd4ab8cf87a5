"""A file that may change under an editor: looked at now and then, told once it rests."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from textual.message import Message

from peak_console.domain.errors import PeakError
from peak_console.operations.workbench.files import Standing
from peak_console.tui.feed import Target as Receiver

LOOK_EVERY_S: Final = 0.5
"""How often the file's stamp is read: two system calls, which costs nothing that could be measured."""

_Stamp = tuple[int, int, int, int] | None


class FileMoved(Message):
    """The file ``path`` is not the one any more that was last told: what stands there now."""

    def __init__(self, path: Path, standing: Standing) -> None:
        super().__init__()
        self.path, self.standing = path, standing


class FileWatch:
    """Watches one file in a thread that sleeps between looks; a change is told after it rested for a look.

    A file that is written in pieces is told once, when it is whole; one that comes back to what was told is
    not told at all. Polling works where notifications do not come: network folders, containers.
    """

    def __init__(
        self,
        receiver: Receiver,
        path: Path,
        read: Callable[[], Standing],
        known: str | None,
        *,
        every_s: float = LOOK_EVERY_S,
    ) -> None:
        self.path = path
        self._receiver, self._read, self._known, self._every_s = receiver, read, known, every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="peak-watch", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self, timeout_s: float = 0.0) -> None:
        """Watch no longer; waits up to ``timeout_s`` until the thread has ended."""
        self._stop.set()
        if timeout_s:
            self._thread.join(timeout_s)

    def know(self, digest: str | None) -> None:
        """Take this for the file as it was last told: what one has just saved."""
        self._known = digest

    def _run(self) -> None:
        told: _Stamp = (-1, -1, -1, -1)
        before: _Stamp = told
        while not self._stop.is_set():
            here = stamp(self.path)
            if here == before and here != told:
                told = here
                self._look()
            before = here
            self._stop.wait(self._every_s)

    def _look(self) -> None:
        try:
            standing = self._read()
        except PeakError:  # what cannot be read is told by the save, with its reason
            return
        if standing.digest != self._known and not self._stop.is_set():
            self._known = standing.digest
            self._receiver.post_message(FileMoved(self.path, standing))


def stamp(path: Path) -> _Stamp:
    """What tells one state of a file from another; ``None`` where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns
