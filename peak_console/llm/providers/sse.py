"""Server-sent events out of bytes that are cut anywhere. Pure, incremental, bounded.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
Only ``data`` is given: no provider tells anything in an event's name, id or retry that its data lacks.
"""

from collections.abc import Sequence
from typing import Final

LARGEST_EVENT: Final = 4 * 2**20
"""Bytes of one event; a larger one is nothing that a provider of text sends."""

_BOM: Final = b"\xef\xbb\xbf"
_LINE_FEED, _CARRIAGE_RETURN = b"\n", b"\r"


class SseDecoder:
    """Takes a stream's bytes in and gives the data of each event that is complete with them.

    Lines end with CRLF, LF or CR. Each byte is looked at once, and no more than one event is kept.
    ``overflowed`` is set for good when an event grows beyond its limit; nothing is given from then on.
    """

    __slots__ = ("_after_cr", "_begun", "_data", "_held", "_most", "_tail", "overflowed")

    def __init__(self, most: int = LARGEST_EVENT) -> None:
        self.overflowed = False
        self._most = most
        self._tail = bytearray()
        """The line that has no end yet."""
        self._data: list[bytes] = []
        """Data lines of the event that has no end yet."""
        self._held = 0
        self._after_cr = False
        self._begun = False

    def feed(self, data: bytes) -> Sequence[bytes]:
        """The data of the events that end within ``data``."""
        if self._after_cr and data[:1] == _LINE_FEED:
            data = data[1:]
            self._after_cr = False
        if not data or self.overflowed:
            return ()
        last = data[-1:]
        self._after_cr = last == _CARRIAGE_RETURN
        lines = data.splitlines()
        if self._tail:
            self._tail += lines[0]
            if len(lines) == 1 and last != _LINE_FEED and last != _CARRIAGE_RETURN:  # noqa: PLR1714 - a set would be built for every chunk
                return self._checked(())
            lines[0] = bytes(self._tail)
            self._tail.clear()
        if last != _LINE_FEED and last != _CARRIAGE_RETURN:  # noqa: PLR1714 - as above
            self._tail += lines.pop()
        return self._checked(self._events(lines))

    def rest(self) -> bytes | None:
        """The data of an event whose closing blank line never came; ``None`` when there is none."""
        self._events([bytes(self._tail)] if self._tail else [])
        self._tail.clear()
        found = self._data
        self._data = []
        return b"\n".join(found) if found and not self.overflowed else None

    def _events(self, lines: list[bytes]) -> list[bytes]:
        events: list[bytes] = []
        for line in lines:
            if line.startswith(b"data:"):
                value = line[6:] if line[5:6] == b" " else line[5:]
                self._data.append(value)
                self._held += len(value) + 1
                if self._held > self._most:
                    self.overflowed = True
                    break
            elif not line:
                if self._data:
                    events.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
                    self._data = []
                    self._held = 0
            elif line == b"data":
                self._data.append(b"")
                self._held += 1
            elif not self._begun and line.startswith(_BOM):
                self._begun = True
                events += self._events([line[3:]])
            self._begun = True
        return events

    def _checked(self, events: Sequence[bytes]) -> Sequence[bytes]:
        if len(self._tail) + self._held > self._most:
            self.overflowed = True
        if self.overflowed:
            self._tail.clear()
            self._data = []
        return events
