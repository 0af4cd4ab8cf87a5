"""The disk under the ledger, measured: what is free, what is taken, and how fast the ledger grew of late."""

import os
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from peak_console.domain.clock import from_iso, iso
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.views.disk import DiskForecast, Written, forecast

_SPANS_S: Final = (86_400.0, 3600.0)


def read_disk(ledger: Path, reader: LedgerReader, now: datetime) -> DiskForecast:
    """The forecast as of ``now``. Raises ``LedgerUnavailable``."""
    head, _ = reader.head()
    first = reader.read(0, 1, bodies=False)
    history_s = (now - from_iso(first[0].ts)).total_seconds() if first else 0.0
    written = tuple(
        Written(head - _place_before(reader, head, iso(now - timedelta(seconds=span))), span)
        for span in (min(one, max(history_s, 1.0)) for one in _SPANS_S)
    )
    return forecast(
        free=_free(ledger.parent),
        ledger=_size(ledger),
        wal=_size(ledger.with_name(ledger.name + "-wal")),
        events=head,
        history_s=history_s,
        written=written,
    )


def _place_before(reader: LedgerReader, head: int, since: str) -> int:
    """The last place dated before ``since``; found by halves, for the ledger is in order of time."""
    low, high = 0, head
    while low < high:
        middle = (low + high) // 2
        (event,) = reader.read(middle, 1, bodies=False) or (None,)
        if event is not None and event.ts < since:
            low = middle + 1
        else:
            high = middle
    return low


def _free(folder: Path) -> int | None:
    with suppress(OSError):
        found = os.statvfs(folder)
        return found.f_bavail * found.f_frsize
    return None


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0
