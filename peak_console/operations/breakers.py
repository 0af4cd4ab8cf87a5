"""Breakers as an operator looks after them: where each stands, and closing one by hand."""

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from peak_console.config.workspace import Workspace
from peak_console.control.breakers import BreakerKind, Latches
from peak_console.control.keys import KeyStore
from peak_console.domain.clock import Clock, SystemClock, unix_us
from peak_console.domain.errors import ControlRefused, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.domain.text import one_line
from peak_console.ledger.folds.breaker_rows import BreakerRow
from peak_console.ledger.folds.breakers import PROVIDER
from peak_console.ledger.folds.budget_breaker import BUDGET
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.enable import append_proved, choose_operator
from peak_console.operations.latches import LatchBook, LatchReset, reset_latch
from peak_console.operations.ledger import existing
from peak_console.policy.breaker import BreakerState

MODEL_KINDS: Final = (BUDGET, PROVIDER)
"""What a model's breaker is about: a bill above its bound, or failures."""

KINDS: Final = (*MODEL_KINDS, *(kind.value for kind in BreakerKind))
"""And what a scope's is about."""

REASON_LIMIT: Final = 500


@dataclass(frozen=True, slots=True)
class BreakerReport:
    """Every breaker that the ledger keeps, as of one moment."""

    taken_at: datetime
    rows: tuple[BreakerRow, ...]
    latches: Latches = field(default_factory=Latches)
    """Breakers of scopes, which only an operator resets."""

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        now_us = unix_us(self.taken_at)
        return {
            "breakers": [row.as_dict(now_us) for row in self.rows],
            "latches": [one.as_dict() for one in self.latches.all()],
        }


@dataclass(frozen=True, slots=True)
class BreakerReset:
    """A breaker that an operator closed."""

    breaker: str
    provider: str
    model_id: str
    operator: str
    seq: int

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {
            "breaker": self.breaker,
            "provider": self.provider,
            "model_id": self.model_id,
            "scope": "",
            "operator": self.operator,
            "seq": self.seq,
        }


def list_breakers(ws: Workspace, *, clock: Clock | None = None) -> BreakerReport:
    """Breakers as they stand; raises ``LedgerUnavailable``."""
    with LedgerReader(existing(ws).ledger) as reader:
        now = (clock or SystemClock()).now()
        return BreakerReport(now, tuple(reader.breakers()), LatchBook().read(reader))


def reset_breaker(
    ws: Workspace,
    client: BlockingLedgerClient,
    breaker: str,
    model: str,
    *,
    reason: str,
    by: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> BreakerReset | LatchReset:
    """Close the ``breaker`` (of :data:`KINDS`) of ``model`` (``PROVIDER:MODEL``, or a scope), by an operator.

    Raises ``UsageWrong`` for words that are none, ``ControlRefused`` where it is closed or the node refuses.
    """
    if breaker not in MODEL_KINDS:
        latches = list_breakers(ws).latches
        return reset_latch(
            latches, ws, client, breaker=breaker, scope=model, reason=reason, by=by, environ=environ
        )
    why = one_line(reason, REASON_LIMIT).strip()
    if not why:
        raise UsageWrong("a reset needs a reason", code="reason_missing", remedy='add: --reason "..."')
    row = _row(list_breakers(ws).rows, breaker, model)
    store = KeyStore(ws.keys, os.environ if environ is None else environ)
    operator = choose_operator(store, by)
    body = {
        "breaker": breaker,
        "provider": row.provider,
        "model_id": row.model_id,
        "reason": why,
        "operator": operator,
    }
    draft = EventDraft(
        new_event_id(secrets.token_bytes),
        EventKind.BREAKER_RESET.value,
        body,
        provider=row.provider,
        model_id=row.model_id,
    )
    seq = append_proved(client, store, operator, draft)
    return BreakerReset(breaker, row.provider, row.model_id, operator, seq)


def _row(rows: Sequence[BreakerRow], breaker: str, model: str) -> BreakerRow:
    """The stored breaker of that name; raises where there is none that is not closed."""
    provider, colon, model_id = model.partition(":")
    if not colon or not provider or not model_id:
        raise UsageWrong(
            f"{model!r:.80} names no model",
            code="model_malformed",
            remedy="write PROVIDER:MODEL, as peak breaker list shows it",
        )
    for row in rows:
        named = (row.kind, row.provider, row.model_id) == (breaker, provider, model_id)
        if named and row.breaker.state is not BreakerState.CLOSED:
            return row
    raise ControlRefused(
        f"the {breaker} breaker of {model:.120} is closed",
        code="breaker_closed",
        remedy="there is nothing to reset; see: peak breaker list",
    )
