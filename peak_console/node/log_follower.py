"""The ledger, followed from the last event that the log has told."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from peak_console.domain.errors import LedgerUnavailable
from peak_console.domain.events import LedgerEvent
from peak_console.ledger.reader import LedgerReader
from peak_console.node.log_file import BEGINNING, Mark

BATCH: Final = 500

_NEVER: Final = -1


class Follower:
    """Gives the events after the last told one, in order, each once.

    ``marks`` are the events told, last first: the place to go on is the last of them that this ledger holds,
    so that another ledger in its place (restored, or made anew) is followed from where the two part.
    Nothing is held between two questions but a connection; at rest a question is a stat and a pragma.
    """

    def __init__(self, path: Path, marks: Callable[[], Iterator[Mark]]) -> None:
        self._path = path
        self._marks = marks
        self._reader: LedgerReader | None = None
        self._file = (_NEVER, _NEVER)
        self._version = _NEVER
        self._last: Mark | None = None
        self.replaced = False
        """Whether the last question found another ledger than before."""

    def close(self) -> None:
        """Let go of the ledger."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def take(self) -> list[LedgerEvent]:
        """The next events, at most :data:`BATCH`; none when there is nothing new.

        The same are given again until :meth:`done` says that they are told. Raises ``LedgerUnavailable``.
        """
        self.replaced = False
        try:
            return self._next(self._open())
        except LedgerUnavailable:
            self._file = (_NEVER, _NEVER)  # it is opened anew next time, whatever it is then
            raise

    def done(self, event: LedgerEvent) -> None:
        """Everything up to ``event`` is told."""
        self._last = Mark(event.seq, event.event_id)

    def restart(self) -> None:
        """Find the place to go on from the log itself: it was written in part."""
        self._last, self._version = None, _NEVER

    def _next(self, reader: LedgerReader) -> list[LedgerEvent]:
        version = reader.data_version()
        if version == self._version and self._last is not None:
            return []
        if self._last is None:
            self._last = self._place(reader)
        events = _read(reader, self._last)
        if events is None:
            self.replaced = True
            self._last = self._place(reader)
            events = _read(reader, self._last) or []
        self._version = _NEVER if events else version
        return events

    def _open(self) -> LedgerReader:
        try:
            found = self._path.stat()
        except OSError as error:
            self.close()
            raise LedgerUnavailable(
                f"the ledger cannot be opened: {error.strerror}",
                code="ledger_missing",
                remedy="start the node: peak node start",
            ) from error
        file = (found.st_dev, found.st_ino)
        if self._reader is None or file != self._file:
            self.close()
            self._reader = LedgerReader(self._path)
            self._file, self._version = file, _NEVER
        return self._reader

    def _place(self, reader: LedgerReader) -> Mark:
        """The last event told that this ledger holds at the same place."""
        for mark in self._marks():
            event = reader.by_seq(mark.seq)
            if event is not None and event.event_id == mark.event_id:
                return mark
        return BEGINNING


def _read(reader: LedgerReader, last: Mark) -> list[LedgerEvent] | None:
    """The events after ``last``; ``None`` when this ledger does not hold it."""
    if last == BEGINNING:
        return _events(reader, 0, BATCH)
    events = _events(reader, last.seq - 1, BATCH + 1)
    if not events or events[0].event_id != last.event_id:
        return None
    return events[1:]


def _events(reader: LedgerReader, after: int, limit: int) -> list[LedgerEvent]:
    """Events with bodies; without them where a body is not what it should be."""
    try:
        return reader.read(after, limit)
    except ValueError:
        return [_whole(reader, event) for event in reader.read(after, limit, bodies=False)]


def _whole(reader: LedgerReader, header: LedgerEvent) -> LedgerEvent:
    try:
        return reader.by_seq(header.seq) or header
    except ValueError:
        return header
