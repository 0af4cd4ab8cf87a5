"""Events of the ledger by kind, in one walk of the index of kinds."""

from peak_console.domain.events import LedgerEvent
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader

_PAGE = 1000


def events_of(reader: LedgerReader, kinds: tuple[str, ...]) -> list[LedgerEvent]:
    """Every event of these kinds, ascending. Raises ``LedgerUnavailable``."""
    found: list[LedgerEvent] = []
    before: int | None = None
    while True:
        page = reader.find(EventFilter(kinds=kinds), before, _PAGE)
        found += page.events
        if page.next_before is None:
            return found[::-1]
        before = page.next_before
