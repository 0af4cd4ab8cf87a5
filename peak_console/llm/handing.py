"""Deltas on their way from the road to whoever reads them: in order, bounded, each touched once."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Final, Self

from peak_console.domain.calls import CallResult, Delta
from peak_console.domain.clock import Clock
from peak_console.domain.errors import UsageWrong

ROOM: Final = 256
"""So many deltas wait for their reader; beyond, the provider is made to wait."""


class Handing:
    """A buffer with the road on one side and one reader on the other, both in one event loop."""

    def __init__(self, clock: Clock, *, room: int = ROOM) -> None:
        self._clock = clock
        self._room = room
        self._deltas: deque[Delta] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._road: asyncio.Future[None] | None = None
        self._discarded = False
        self._closed = False
        self.count = 0
        """Deltas handed on so far."""
        self.first_us: int | None = None
        """When the first was, in microseconds on the boot clock."""
        self.stalled = False
        """Whether the road was interrupted while it waited for the reader."""

    @property
    def full(self) -> bool:
        """Whether the road must wait for the reader."""
        return len(self._deltas) >= self._room

    def hand_on(self, deltas: Sequence[Delta]) -> None:
        """Give the reader ``deltas``; they count as handed on from now."""
        if self.first_us is None:
            self.first_us = self._clock.boot_us()
        self.count += len(deltas)
        if self._discarded:
            return
        self._deltas.extend(deltas)
        self._wake_reader()

    async def room(self) -> None:
        """Wait until the reader has made room."""
        while self.full and not self._discarded:
            self._road = asyncio.get_running_loop().create_future()
            try:
                await self._road
            except asyncio.CancelledError:
                self.stalled = True
                raise
            finally:
                self._road = None

    def close(self) -> None:
        """Nothing more comes."""
        self._closed = True
        self._wake_reader()

    def discard(self) -> None:
        """Throw away what waits and whatever still comes: the reader wants none of it."""
        self._discarded = True
        self._deltas.clear()
        self._wake_road()

    def taken(self) -> Delta | None:
        """The next delta, if one is there."""
        deltas = self._deltas
        if not deltas:
            return None
        if self._road is not None and len(deltas) <= self._room // 2:
            self._wake_road()
        return deltas.popleft()

    def taken_all(self) -> list[Delta]:
        """All deltas that are there."""
        deltas = list(self._deltas)
        self._deltas.clear()
        self._wake_road()
        return deltas

    async def more(self) -> bool:
        """Wait until there is a delta; ``False`` when none comes any more."""
        while not self._deltas:
            if self._closed:
                return False
            if self._reader is not None:
                raise UsageWrong("two tasks read one stream", remedy="read it in one task")
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return True

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _wake_road(self) -> None:
        if self._road is not None and not self._road.done():
            self._road.set_result(None)


class CallStream:
    """A governed call whose answer is read as it comes; made by ``Client.stream``.

    Use it as an asynchronous context manager and iterate it: each :class:`~peak_console.domain.calls.Delta`
    comes from a model whose name has passed the deny. :meth:`result` then gives what ``Client.call`` would
    have. Reading raises what ``Client.call`` raises; an answer that is cut after a delta was handed on ends
    in ``CallFailed`` with code ``stream_cut``. Leaving before the end cancels the call, and that is recorded.
    """

    def __init__(self, handing: Handing, begin: Callable[[Handing], Coroutine[Any, Any, CallResult]]) -> None:
        self._handing = handing
        self._begin = begin
        self._task: asyncio.Task[CallResult] | None = None

    async def __aenter__(self) -> Self:
        if self._task is not None:
            raise UsageWrong("a stream is entered once", remedy="make another with client.stream(…)")
        self._task = asyncio.get_running_loop().create_task(self._begin(self._handing))
        self._task.add_done_callback(self._ended)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task = self._running()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delta:
        while (delta := self._handing.taken()) is None:
            if not await self._handing.more():
                await self._outcome()
                raise StopAsyncIteration
        return delta

    async def batch(self) -> list[Delta]:
        """All deltas that have come since the last reading, at least one; empty at the end of the answer."""
        if not await self._handing.more():
            await self._outcome()
        return self._handing.taken_all()

    async def result(self) -> CallResult:
        """What the call gave, once it has ended; deltas that were not read are thrown away."""
        self._running()
        self._handing.discard()
        return await self._outcome()

    async def _outcome(self) -> CallResult:
        task = self._running()
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.cancelled():
                raise
            raise UsageWrong(
                "the stream was left before its end, which cancelled its call",
                remedy="read to the end, or await result() within the context",
            ) from None

    def _running(self) -> asyncio.Task[CallResult]:
        if self._task is None:
            raise UsageWrong("a stream is read inside its context", remedy="async with client.stream(…) as …")
        return self._task

    def _ended(self, task: asyncio.Task[CallResult]) -> None:
        self._handing.close()
        if not task.cancelled():
            task.exception()  # looked at: whoever leaves early need not hear of it
