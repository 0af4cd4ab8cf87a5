"""The newest events of some kinds, kept, and continued from where the last look ended."""

from typing import Final

from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader

_PAGE: Final = 200


class NewestEvents:
    """At most ``most`` events of kinds that an index answers for. Used by one thread.

    A look at a ledger that did not grow costs one read of its head. One that grew costs what is new, and
    never more than ``most`` events.
    """

    def __init__(self, kinds: tuple[EventKind, ...], most: int) -> None:
        self._wanted = EventFilter(kinds=tuple(one.value for one in kinds))
        self._most = most
        self._generation = -1
        self._upto = 0
        self._known: tuple[LedgerEvent, ...] = ()
        self._whole = True

    @property
    def whole(self) -> bool:
        """Whether these are all that there ever were."""
        return self._whole

    def read(self, reader: LedgerReader, generation: int = 0) -> tuple[LedgerEvent, ...]:
        """Them, the newest first. Raises ``LedgerUnavailable``.

        ``generation`` is the opened file's: with another one everything is read anew.
        """
        head, _ = reader.head()
        if generation != self._generation or head < self._upto:
            self._generation, self._upto, self._known, self._whole = generation, 0, (), True
        if head > self._upto:
            found = (*self._since(reader, head), *self._known)
            self._whole = self._whole and len(found) <= self._most
            self._known, self._upto = found[: self._most], head
        return self._known

    def _since(self, reader: LedgerReader, head: int) -> list[LedgerEvent]:
        found: list[LedgerEvent] = []
        before: int | None = head + 1
        size = min(_PAGE, self._most) if not self._upto else 1
        while before is not None and before > self._upto + 1 and len(found) <= self._most:
            page = reader.find(self._wanted, before, size)
            new = [event for event in page.events if event.seq > self._upto]
            found += new
            if len(new) < len(page.events):
                break
            before, size = page.next_before, _PAGE
        return found
