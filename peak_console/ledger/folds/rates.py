"""Calls per minute: how many calls a key has seen in the last sixty seconds."""

import sqlite3
from collections import deque
from typing import Final

from peak_console.domain.events import EventKind
from peak_console.ledger.headers import Header

_SECOND_US: Final = 1_000_000
_MINUTE_S: Final = 60
_KEYS = 10_000
_ROWS = 100_000


class Rates:
    """Counts by key in buckets of a second of the boot clock: never fewer calls than there were."""

    def __init__(self) -> None:
        self._seconds: dict[str, deque[list[int]]] = {}

    def count(self, key: str, at_us: int) -> None:
        """Count one call under ``key``."""
        second = at_us // _SECOND_US
        if len(self._seconds) > _KEYS:
            oldest = second - _MINUTE_S
            self._seconds = {one: seen for one, seen in self._seconds.items() if seen[-1][0] >= oldest}
        seconds = self._seconds.setdefault(key, deque())
        if seconds and seconds[-1][0] == second:
            seconds[-1][1] += 1
        else:
            seconds.append([second, 1])

    def recent(self, key: str, now_us: int) -> int:
        """Calls under ``key`` in the last minute."""
        seconds = self._seconds.get(key)
        if not seconds:
            return 0
        oldest = now_us // _SECOND_US - _MINUTE_S
        while seconds and seconds[0][0] < oldest:
            seconds.popleft()
        if not seconds:
            del self._seconds[key]
        return sum(count for _, count in seconds)


def calls_of_last_minute(db: sqlite3.Connection, now_us: int) -> list[Header]:
    """Requests of the last minute by the boot clock, ascending; none of an earlier boot."""
    rows = db.execute(
        f"SELECT * FROM ledger WHERE kind = ? ORDER BY seq DESC LIMIT {_ROWS}",  # noqa: S608 - a number
        (EventKind.CALL_REQUESTED,),
    )
    recent: list[Header] = []
    for row in rows:
        header = Header(*row)
        if not now_us - _MINUTE_S * _SECOND_US <= header.boot_us <= now_us:
            break
        recent.append(header)
    return recent[::-1]
