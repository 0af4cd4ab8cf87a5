"""How often critics disagree, from the ledger: L4's critic with L4, own critics with the policy critic."""

from collections.abc import Iterator
from typing import Final

from peak_console.critic.disagreement import Disagreements, disagreements_in
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader

JUDGED_READ: Final = 20_000
"""Verdicts that are looked at; of a window with more, the newest."""
_PAGE: Final = 1000


def disagreements(reader: LedgerReader, since: str | None = None) -> tuple[Disagreements, ...]:
    """Pairs of judges with their figures, of verdicts at or after ``since`` (a ledger time), or of all.

    Verdicts whose bodies were pruned count in no pair. Raises ``LedgerUnavailable``.
    """
    return disagreements_in(_judged(reader, since))


def _judged(reader: LedgerReader, since: str | None) -> Iterator[LedgerEvent]:
    wanted = EventFilter(kinds=(EventKind.CRITIC_JUDGED.value,), since=since)
    before, read = None, 0
    while read < JUDGED_READ:
        page = reader.find(wanted, before, _PAGE)
        yield from page.events
        read += len(page.events)
        if page.next_before is None:
            return
        before = page.next_before
