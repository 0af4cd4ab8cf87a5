"""Background calls in the list: those that providers still work on, and the mark of those that ended."""

from dataclasses import replace
from typing import Final

from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.views.body_fields import whole
from peak_console.operations.views.call_filter import CallFilter
from peak_console.operations.views.calls import CallLine, CallsPage
from peak_console.operations.views.hop_fold import ENDED, line_of

_LOOKED_AT: Final = 100
"""Acceptances that one page looks at; each is one short read."""


def background_hops(reader: LedgerReader, before: int | None) -> frozenset[tuple[str, int]]:
    """Call id and hop of the newest acceptances below ``before``; their ends do not say that they were such.

    Raises ``LedgerUnavailable``.
    """
    asked = EventFilter(kinds=(EventKind.CALL_ACCEPTED.value,))
    found = (line_of(event) for event in reader.find(asked, before, _LOOKED_AT).events)
    return frozenset((line.call_id, line.hop) for line in found if line is not None)


def marked(line: CallLine, background: frozenset[tuple[str, int]]) -> CallLine:
    """``line``, known as background work where it is among ``background``; what is refused was never sent."""
    if line.outcome == "refused" or (line.call_id, line.hop) not in background:
        return line
    return replace(line, background=True)


def with_pending(reader: LedgerReader, page: CallsPage, wanted: CallFilter, before: int | None) -> CallsPage:
    """``page`` with the calls that were accepted within it and have not ended, in their places.

    A page reaches down to ``next_before``; what was accepted below that stands on a later page. Raises
    ``LedgerUnavailable``.
    """
    asked = EventFilter(kinds=(EventKind.CALL_ACCEPTED.value,))
    found = reader.find(asked, before, _LOOKED_AT)
    floor = page.next_before or 0
    lines = [
        line
        for event in found.events
        if event.seq >= floor and (line := _pending(reader, event)) is not None and wanted.matches(line)
    ]
    if not lines:
        return page
    merged = sorted((*page.lines, *lines), key=lambda line: -line.seq)
    return replace(page, lines=tuple(merged))


def _pending(reader: LedgerReader, accepted: LedgerEvent) -> CallLine | None:
    """The line of an acceptance whose hop has not ended; an open hop's details are never pruned."""
    line = line_of(accepted)
    if line is None or line.pruned or not line.call_id:
        return None
    ends = (event for event in reader.by_call(line.call_id) if event.kind in ENDED)
    ended = any(whole((event.body or {}).get("hop")) == line.hop for event in ends)
    return None if ended else line
