"""Calls at an asked rate, whatever they take: an open loop with a bounded number of runs at once."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from peak_console.domain.errors import PeakError

_CATCH_UP_S: Final = 1.0
"""Tickets missed for longer than this are not made up for: a stall is not followed by a burst."""


class Pacer:
    """Hands out one ticket every ``1 / rate`` seconds: to the call that waits longest, else to ``start``.

    ``start`` begins a run, which finds its first ticket already taken, and says whether it could. Tickets
    that nobody can use are counted in ``missed``.
    """

    def __init__(self, rate: float, start: Callable[[], bool]) -> None:
        self._every_s = 1.0 / rate
        self._start = start
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._loop = asyncio.get_running_loop()
        self._closed: PeakError | None = None
        self.missed = 0

    async def ticket(self) -> None:
        """Wait for the turn of one call; raises what :meth:`refuse` or :meth:`close` was given."""
        if self._closed is not None:
            raise self._closed
        turn: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(turn)
        await turn

    def refuse(self, error: PeakError) -> None:
        """Send everyone who waits away with ``error``."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(error)

    def close(self, error: PeakError) -> None:
        """Send everyone away with ``error``, those who come later too."""
        self._closed = error
        self.refuse(error)

    async def run(self, paused: Callable[[], float]) -> None:
        """Hand out tickets for ever; ``paused`` gives the seconds to wait while none may be handed out."""
        due = self._loop.time()
        while True:
            pause = paused()
            if pause > 0:
                await asyncio.sleep(pause)
                due = self._loop.time()
                continue
            now = self._loop.time()
            due = max(due, now - _CATCH_UP_S)
            while due <= now:
                self._hand_out()
                due += self._every_s
            await asyncio.sleep(max(0.0, due - self._loop.time()))

    def _hand_out(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        if not self._start():
            self.missed += 1
