"""Files that may change under an editor: looked at now and then, told once they rest."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from textual.message import Message

from peak_console.domain.errors import PeakError
from peak_console.operations.workbench.files import Standing
from peak_console.tui.feed import Target as Receiver

LOOK_EVERY_S: Final = 0.5
"""How often the stamps are read: a system call for each file, too little to be measured."""

_Stamp = tuple[int, int, int, int] | None
_NEVER: Final = (-1, -1, -1, -1)


class FileMoved(Message):
    """The file of the config ``name`` is not the one any more that was last told: what stands there now."""

    def __init__(self, name: str, standing: Standing) -> None:
        super().__init__()
        self.name, self.standing = name, standing


@dataclass(slots=True)
class _Watched:
    path: Path
    read: Callable[[], Standing]
    known: str | None
    before: _Stamp = _NEVER
    told: _Stamp = _NEVER


class FilesWatch:
    """Watches files in one thread that sleeps between looks; a change is told after it rested for a look.

    A file that is written in pieces is told once, when it is whole; one that is what was last told is not
    told at all. Polling works where notifications do not come: network folders, containers.
    """

    def __init__(self, receiver: Receiver, *, every_s: float = LOOK_EVERY_S) -> None:
        self._receiver, self._every_s = receiver, every_s
        self._lock = threading.Lock()
        self._files: dict[str, _Watched] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, name: str, path: Path, read: Callable[[], Standing], known: str | None) -> None:
        """Watch a file too; ``known`` is the digest of what is shown of it."""
        with self._lock:
            if name in self._files:
                self._files[name].known = known
                return
            self._files[name] = _Watched(path, read, known)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="peak-watch", daemon=True)
            self._thread.start()

    def know(self, name: str, digest: str | None) -> None:
        """Take this for what was last told of a file: one's own save."""
        with self._lock:
            if name in self._files:
                self._files[name].known = digest

    def stop(self, timeout_s: float = 0.0) -> None:
        """Watch no longer; waits up to ``timeout_s`` until the thread has ended."""
        self._stop.set()
        if timeout_s and self._thread is not None:
            self._thread.join(timeout_s)

    @property
    def running(self) -> bool:
        """Whether the thread lives."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                files = list(self._files.items())
            for name, one in files:
                here = stamp(one.path)
                if here == one.before and here != one.told:
                    one.told = here
                    self._look(name, one)
                one.before = here
            self._stop.wait(self._every_s)

    def _look(self, name: str, one: _Watched) -> None:
        try:
            standing = one.read()
        except PeakError:  # what cannot be read is told by the save, with its reason
            return
        with self._lock:
            moved = standing.digest != one.known
            one.known = standing.digest
        if moved and not self._stop.is_set():
            self._receiver.post_message(FileMoved(name, standing))


def stamp(path: Path) -> _Stamp:
    """What tells one state of a file from another; ``None`` where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns
