"""A worker that is told of a stop: it looks at the gate at once, cancels what is covered, and answers so."""

import asyncio
from contextlib import suppress
from typing import Final

from peak_console.control.gate import CallGate, InFlight
from peak_console.domain.errors import PeakError
from peak_console.domain.stopping import GLOBAL, SCOPE_LIMIT
from peak_console.ledger.service.client import SocketLedgerClient
from peak_console.ledger.service.wire import Message

CONTROL: Final = "control"
"""The notice of a stop."""

_LOOK_S: Final = 0.01
_PATIENCE_S: Final = 2.0
"""Longest that a notice may be ahead of the files. One that they never show is not acknowledged."""

_ID_LIMIT: Final = 100


class Heeding:
    """Heeds the node's notices for one client. Belongs to one event loop.

    An acknowledgement says that this process's own gate shows the stop and that all it covers was cancelled.
    """

    def __init__(self, ledger: SocketLedgerClient, gate: CallGate, in_flight: InFlight) -> None:
        self._ledger = ledger
        self._gate = gate
        self._in_flight = in_flight
        self._told = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._end = ledger.heed(self.heard)

    def heard(self, notice: Message) -> None:
        """A notice arrived; what is none of a stop is passed over."""
        stop_id, scope = notice.get("stop_id"), notice.get("scope")
        if notice.get("notice") != CONTROL or not isinstance(stop_id, str) or not isinstance(scope, str):
            return
        if 0 < len(stop_id) <= _ID_LIMIT and len(scope) <= SCOPE_LIMIT:
            task = asyncio.get_running_loop().create_task(self._heed(stop_id, scope))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Heed no more."""
        self._end()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _heed(self, stop_id: str, scope: str) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + _PATIENCE_S
        while not self._shown(scope):
            if loop.time() >= until:
                return
            await asyncio.sleep(_LOOK_S)
        self._in_flight.look()
        await asyncio.sleep(0)  # what was handed to this loop is cancelled in this turn
        cancelled, self._told = self._in_flight.cancelled - self._told, self._in_flight.cancelled
        with suppress(PeakError):  # without an answer it stays missing, which is the truth
            await self._ledger.request("control.ack", stop_id=stop_id, cancelled=cancelled)

    def _shown(self, scope: str) -> bool:
        posture, halts = self._gate.standing()
        return not posture.calls or (scope != GLOBAL and scope in halts.stopped)
