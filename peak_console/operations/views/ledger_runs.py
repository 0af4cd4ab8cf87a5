"""Runs read from the ledger itself, where there is no index: fewer at a time, without a search for words."""

from time import monotonic
from typing import Final

from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.runs import RunLine, run_line
from peak_console.operations.views.run_filter import RunFilter

PATIENCE_S: Final = 0.25
"""How long a page looks before it says how far it got."""
MOST_EVENTS: Final = 2000
"""Events of a run that are read for its line."""

_STARTED: Final = EventFilter(kinds=(EventKind.RUN_STARTED.value,))
_BATCH: Final = 50


def find_runs(
    reader: LedgerReader, wanted: RunFilter, before: int | None, limit: int
) -> tuple[list[RunLine], int | None, int]:
    """Runs that were begun below ``before`` and fit, the key to go on from, and how far back it looked.

    Raises ``LedgerUnavailable``.
    """
    until = monotonic() + PATIENCE_S
    lines: list[RunLine] = []
    place = before
    while True:
        page = reader.find(_STARTED, place, _BATCH)
        for event in page.events:
            line = run_line(event.run_id or "", events_of(reader, event.run_id or "", MOST_EVENTS))
            if wanted.matches(line):
                lines.append(line)
            if len(lines) == limit or monotonic() > until:
                return lines, event.seq, event.seq
        place = page.next_before
        if place is None:
            return lines, None, 1
        if monotonic() > until:
            return lines, place, place


def events_of(reader: LedgerReader, run_id: str, most: int) -> list[LedgerEvent]:
    """The first ``most`` events of a run; without bodies where one of them cannot be read."""
    return reader.by_run(run_id, 0, most)
