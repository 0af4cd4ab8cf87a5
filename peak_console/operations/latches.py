"""Breakers that latch on a scope, as the ledger tells them: folded, shown, and reset by an operator."""

import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.control.breakers import KINDS, BreakerKind, Latch, Latches
from peak_console.control.keys import KeyStore
from peak_console.domain.clock import from_iso
from peak_console.domain.errors import ControlRefused, UsageWrong
from peak_console.domain.events import EventDraft, EventKind, LedgerEvent
from peak_console.domain.ids import new_event_id
from peak_console.domain.text import one_line
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.enable import append_proved, choose_operator
from peak_console.operations.views.breakers import BreakerLine, BreakerState

_PAGE: Final = 500
_REASON_LIMIT: Final = 500
_FILTER: Final = EventFilter(kinds=KINDS)


class LatchBook:
    """Latches of one ledger as of its head; what was folded is kept. Used by one thread."""

    def __init__(self) -> None:
        self._generation = -1
        self._upto = 0
        self._known = Latches()

    def read(self, reader: LedgerReader, generation: int = 0) -> Latches:
        """The latches; ``generation`` is the opened file's. Raises ``LedgerUnavailable``."""
        head, _ = reader.head()
        if generation != self._generation or head < self._upto:
            self._generation, self._upto, self._known = generation, 0, Latches()
        if head > self._upto:
            self._known = _folded(self._known, reader, self._upto)
            self._upto = head
        return self._known


def _folded(known: Latches, reader: LedgerReader, upto: int) -> Latches:
    """``known`` after the events behind ``upto``, which are read newest first, by pages."""
    events: list[LedgerEvent] = []
    before, size = None, 1 if upto else _PAGE
    while True:
        page = reader.find(_FILTER, before, size)
        new = [one for one in page.events if one.seq > upto]
        events += new
        if page.next_before is None or len(new) < len(page.events) or not new:
            break
        before, size = page.next_before, _PAGE
    for one in reversed(events):
        known = known.after(one.kind, one.body or {}, one.ts, one.seq)
    return known


def latch_lines(latches: Iterable[Latch]) -> tuple[BreakerLine, ...]:
    """Those that are latched, as lines beside the models' breakers."""
    return tuple(
        BreakerLine(
            "",
            "",
            BreakerState.OPEN,
            reason=one_line(one.reason, 200),
            opened=from_iso(one.since) if one.since else None,
            trips=one.trips,
            kind=one.kind.value,
            latched=True,
            scope=one_line(one.scope, 160),
        )
        for one in latches
        if one.latched
    )


@dataclass(frozen=True, slots=True)
class LatchReset:
    """A latch that an operator opened."""

    breaker: str
    scope: str
    operator: str
    seq: int

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {
            "breaker": self.breaker,
            "provider": "",
            "model_id": "",
            "scope": self.scope,
            "operator": self.operator,
            "seq": self.seq,
        }


def reset_latch(
    latches: Latches,
    ws: Workspace,
    client: BlockingLedgerClient,
    *,
    breaker: str,
    scope: str,
    reason: str,
    by: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> LatchReset:
    """Reset the ``breaker`` of ``scope``, proved by an operator.

    Raises ``UsageWrong`` without a reason, ``ControlRefused`` where it is not latched or the node refuses.
    """
    why = one_line(reason, _REASON_LIMIT).strip()
    if not why:
        raise UsageWrong("a reset needs a reason", code="reason_missing", remedy='add: --reason "..."')
    if not latches.holds(BreakerKind(breaker), scope):
        raise ControlRefused(
            f"the {breaker} breaker of {scope:.120} is closed",
            code="breaker_closed",
            remedy="there is nothing to reset; see: peak breaker list",
        )
    store = KeyStore(ws.keys, os.environ if environ is None else environ)
    operator = choose_operator(store, by)
    body = {"breaker": breaker, "scope": scope, "reason": why, "operator": operator}
    draft = EventDraft(new_event_id(secrets.token_bytes), EventKind.BREAKER_RESET.value, body)
    return LatchReset(breaker, scope, operator, append_proved(client, store, operator, draft))
