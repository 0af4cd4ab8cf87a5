"""From the book to the ledger: what a step has to tell is told once, in order, however often it is tried."""

import logging
from collections.abc import Awaitable, Callable, Sequence

from peak_console.domain.errors import LedgerUnavailable, PeakError
from peak_console.domain.events import EventDraft
from peak_console.node.scheduling.book import Book

logger = logging.getLogger(__name__)


class Outbox:
    """Events that stand in the book until the ledger has them. Their ids make a repetition harmless."""

    def __init__(self, book: Book, append: Callable[[Sequence[EventDraft]], Awaitable[object]]) -> None:
        self._book, self._append = book, append

    async def tell(self) -> None:
        """Append what the ledger does not have yet; what it refuses is left out, and logged.

        Raises ``LedgerUnavailable`` where nothing can be written now: it is all told later.
        """
        while drafts := await self._book.untold():
            try:
                await self._append(drafts)
            except LedgerUnavailable:
                raise
            except PeakError:
                await self._singly(drafts)
            await self._book.told(drafts)

    async def _singly(self, drafts: Sequence[EventDraft]) -> None:
        for draft in drafts:
            try:
                await self._append([draft])
            except LedgerUnavailable:
                raise
            except PeakError as error:
                logger.error("%s is not on the ledger: %s", draft.kind, error.message)  # noqa: TRY400 - no defect
