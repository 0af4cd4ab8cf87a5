"""Calls whose caller was lost: booked at their bound, until a late answer corrects the sum downwards.

A counter must never fall, so what may still be corrected is told apart from what is settled.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from peak_console.domain.calls import CallReason
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.money import nano_from_text
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader

_LOST: Final = EventFilter(kinds=(EventKind.CALL_FAILED.value,), reason=CallReason.CALLER_LOST.value)
_ENDS: Final = frozenset({EventKind.CALL_COMPLETED, EventKind.CALL_FAILED})
_SINCE_GENESIS: Final = 0

Hop = tuple[str, int]
"""A call's id, and the number of the hop."""


@dataclass(frozen=True, slots=True)
class LostCall:
    """A lost caller's hop: who was called, and what was booked."""

    seq: int
    names: tuple[str, str, str, str]
    """Layer, role, provider, model_id."""
    cost_nano_eur: int


class LostCalls:
    """Keeps one ledger's lost calls that no answer has corrected; looks for them only when there are more."""

    def __init__(self) -> None:
        self._counted = 0
        self._top = 0
        self._open: dict[Hop, LostCall] = {}

    def look(self, reader: LedgerReader) -> dict[Hop, LostCall]:
        """The lost calls that are not corrected now."""
        counted = sum(
            row.count for row in reader.errors(_SINCE_GENESIS) if row.names[-1] == CallReason.CALLER_LOST
        )
        if counted > self._counted:
            for event in self._newer(reader):
                self._open[_hop(event)] = _lost(event)
                self._top = max(self._top, event.seq)
            self._counted = counted
        self._open = {hop: lost for hop, lost in self._open.items() if not _corrected(reader, hop, lost)}
        return dict(self._open)

    def _newer(self, reader: LedgerReader) -> Iterator[LedgerEvent]:
        """Lost calls after those known, oldest first."""
        found: list[LedgerEvent] = []
        before: int | None = None
        while True:
            page = reader.find(_LOST, before)
            found += [event for event in page.events if event.seq > self._top]
            before = page.next_before
            if before is None or before <= self._top:
                return reversed(found)


def _lost(event: LedgerEvent) -> LostCall:
    names = (event.layer or "", event.role or "", event.provider or "", event.model_id or "")
    return LostCall(event.seq, names, nano_from_text(str((event.body or {}).get("cost_eur", "0"))))


def _hop(event: LedgerEvent) -> Hop:
    return event.call_id or "", int((event.body or {}).get("hop", 0))


def _corrected(reader: LedgerReader, hop: Hop, lost: LostCall) -> bool:
    return any(
        event.seq > lost.seq and event.kind in _ENDS and _hop(event) == hop
        for event in reader.by_call(hop[0])
    )
