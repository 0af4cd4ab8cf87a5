"""Calls kept within their layers' scopes, and the hourly limit of those that may reach the web."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from peak_console.domain.calls import CallRequest
from peak_console.domain.clock import Clock, iso
from peak_console.domain.vocabulary import Layer
from peak_console.ledger.web_calls import web_calls_since
from peak_console.llm.candidates import Candidate, CandidateRefusal
from peak_console.llm.scoping import LayerScope, Scoped, too_often, within

_HOUR: Final = timedelta(hours=1)
_UNRECORDED: Final = timedelta(minutes=1)
"""How long a call that was let through counts without standing in the ledger."""

Recorded = Callable[[Path, str, str], frozenset[str]]


class ScopeGate:
    """Keeps calls within their scopes. Belongs to one event loop.

    A call with the web counts from its ``llm.call.requested`` on, whichever process made it. Between being
    let through and that event it counts in its own process alone, so two processes can exceed a limit
    together by the calls that begin within these milliseconds.
    """

    def __init__(self, ledger: Path, clock: Clock, *, recorded: Recorded = web_calls_since) -> None:
        self._ledger = ledger
        self._clock = clock
        self._recorded = recorded
        self._begun: dict[Layer, dict[str, datetime]] = {}
        self._turn = asyncio.Lock()

    async def kept_within(
        self, scope: LayerScope, request: CallRequest, candidates: Sequence[Candidate], call_id: str
    ) -> Scoped | CandidateRefusal:
        """``request`` as the scope lets it go, or why it does not.

        Raises ``LedgerUnavailable`` where calls with the web are limited and cannot be counted.
        """
        found = within(scope, request, candidates)
        limit = scope.rules.web_per_hour if scope.rules else None
        if limit is None or isinstance(found, CandidateRefusal) or not found.web:
            return found
        used = await self._take(scope.layer, call_id, limit)
        return found if used is None else too_often(scope.layer, used, limit)

    async def _take(self, layer: Layer, call_id: str, most: int) -> int | None:
        """Let a call through as one of ``most`` an hour: ``None``, or how many there were already."""
        async with self._turn:
            now = self._clock.now()
            since = iso(now - _HOUR)
            recorded = await asyncio.to_thread(self._recorded, self._ledger, layer.value, since)
            begun = {one: at for one, at in self._begun.get(layer, {}).items() if now - at < _UNRECORDED}
            self._begun[layer] = begun
            used = len(recorded | begun.keys())
            if used >= most:
                return used
            begun[call_id] = now
            return None
