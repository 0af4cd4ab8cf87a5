"""Steps 4 and 9 of the road: what goes onto the ledger before a send, and after it."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final

from peak_console.domain.errors import EnvironmentUnfit, NodeUnreachable, PeakError
from peak_console.domain.events import EventDraft
from peak_console.domain.ledgering import Ack, LedgerClient
from peak_console.llm.spool import Spool

PATIENCE_S: Final = 5.0
"""How long an answer that is paid for waits for the ledger."""

TAKEN: Final = "event_id_taken"
"""The ledger's word for an event id under which another event stands."""

BRIEFLY_S: Final = 0.5
"""How long a refusal waits to be recorded."""


class Recorder:
    """Appends a call's events. What cannot be appended after a send is spooled, never dropped."""

    def __init__(self, ledger: LedgerClient, spool: Spool, *, patience_s: float = PATIENCE_S) -> None:
        self._ledger = ledger
        self._spool = spool
        self._patience_s = patience_s
        self._background: set[asyncio.Task[Any]] = set()

    async def before(
        self,
        drafts: Sequence[EventDraft],
        *,
        owed: Sequence[EventDraft] = (),
        undo: Callable[[], EventDraft] | None = None,
    ) -> list[Ack]:
        """Append ``owed`` (how the hop before ended) and ``drafts`` before a send; the acks of ``drafts``.

        Raises what keeps the ledger from taking them; ``owed`` is spooled then. Where it is unknown whether
        they were taken (no answer, or cancelled meanwhile), all of them and what ``undo`` gives are handed in
        later, so that no reservation stays behind for a call that never left.
        """
        try:
            acks = await self._ledger.append([*owed, *drafts])
        except asyncio.CancelledError:
            self.later([*owed, *drafts, *_undone(undo)])
            raise
        except NodeUnreachable:
            self._keep([*owed, *drafts, *_undone(undo)])
            raise
        except PeakError:
            self._keep(owed)
            raise
        if self._spool.waiting:
            self._start(self._hand_in())
        return acks[len(owed) :]

    async def after(self, drafts: Sequence[EventDraft]) -> list[Ack] | None:
        """Append ``drafts`` after a send, waiting at most the patience; ``None`` when they were spooled.

        No ack at all means that another process recorded this very end before, with its own words.
        """
        try:
            async with asyncio.timeout(self._patience_s):
                return await self._ledger.append(drafts)
        except (PeakError, TimeoutError) as error:
            if isinstance(error, PeakError) and error.code == TAKEN:
                return []
            self._keep(drafts)
            return None
        except asyncio.CancelledError:
            self.later(drafts)
            raise

    async def briefly(self, drafts: Sequence[EventDraft]) -> bool:
        """Append ``drafts`` if the ledger takes them at once; whether it did. For what needs no settling."""
        try:
            async with asyncio.timeout(min(BRIEFLY_S, self._patience_s)):
                await self._ledger.append(drafts)
        except (PeakError, TimeoutError):
            return False
        return True

    def behind(self, work: Coroutine[Any, Any, Any]) -> None:
        """Have ``work`` done although its call was cancelled; :meth:`close` waits for it."""
        self._start(work)

    def later(self, drafts: Sequence[EventDraft]) -> None:
        """Record ``drafts`` without waiting: their call was cancelled and must not be held up."""
        self._start(self.after(drafts))

    @property
    def spooled(self) -> bool:
        """Whether something waits in the spool."""
        return self._spool.waiting

    async def hand_in_left_over(self) -> int:
        """Hand in what earlier clients of this workspace spooled; gives the number of events."""
        return await self._spool.hand_in(self._ledger) if self._spool.left_over() else 0

    def _keep(self, drafts: Sequence[EventDraft]) -> None:
        """Spool on the way to raising an error that says more than a full spool would."""
        if drafts:
            with suppress(EnvironmentUnfit):
                self._spool.keep(drafts)

    async def close(self) -> None:
        """Wait for what is being recorded in the background."""
        while self._background:
            await asyncio.gather(*self._background, return_exceptions=True)

    async def _hand_in(self) -> None:
        try:
            await self._spool.hand_in(self._ledger)
        except PeakError:
            return  # still spooled; the next append that succeeds tries again

    def _start(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _undone(undo: Callable[[], EventDraft] | None) -> list[EventDraft]:
    return [undo()] if undo else []
