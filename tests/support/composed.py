"""A workspace whose ledger is composed with the real writer, as the node composes it."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from support.empty_ledger import put_empty

from peak_console.budget.limits import BudgetLimits, Limit, Scope
from peak_console.config.workspace import MATRIX, Workspace
from peak_console.domain.clock import Clock, ManualClock
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ledgering import Ack
from peak_console.domain.money import NANO, NanoEur
from peak_console.ledger.folds.breakers import Breakers
from peak_console.ledger.folds.reservations import Reservations
from peak_console.ledger.folds.rollups import Rollups
from peak_console.ledger.writer import LedgerWriter
from peak_console.policy.breaker import BreakerRules

LIMITS = BudgetLimits(
    tuple(Limit(scope, max_cost=NanoEur(1_000_000 * NANO)) for scope in (Scope.RUN, Scope.DAY)),
    Decimal(80),
    "Europe/Berlin",
    "test",
)
RUN = "20261122_120000_abc123"
SLOT = ("L2", "primary", "openai", "gpt-5-mini")


def bare_workspace(root: Path) -> Workspace:
    """The folders of a workspace, and a matrix by which it is recognised."""
    ws = Workspace(root)
    ws.matrix.parent.mkdir(parents=True)
    ws.control.mkdir(parents=True)
    (root / MATRIX).write_text("")
    return ws


@dataclass
class Composer:
    """Appends events as clients do; ``prefix`` keeps ids apart between composers."""

    writer: LedgerWriter
    prefix: str
    ids: Iterator[int] = field(default_factory=itertools.count)

    def append(self, *drafts: EventDraft) -> list[Ack]:
        """Append in one transaction; every draft must be taken."""
        results = self.writer.append([(draft, "test") for draft in drafts])
        for result in results:
            assert isinstance(result, Ack), result
            assert result.refusal is None, result.refusal
        return [result for result in results if isinstance(result, Ack)]

    def event(self, kind: str, body: dict[str, Any] | None = None, **header: str) -> Ack:
        """Append one event."""
        return self.append(self.draft(kind, body, **header))[0]

    def draft(self, kind: str, body: dict[str, Any] | None = None, **header: str) -> EventDraft:
        """A draft with an id of its own."""
        return EventDraft(f"ev_{self.prefix}{next(self.ids):06d}", kind, body or {}, **header)

    def call(self, slot: tuple[str, str, str, str] = SLOT, call_id: str = "", **changes: Any) -> str:
        """A requested and completed call; ``changes`` go into the second body. Gives the call's id."""
        call_id = self.requested(slot, call_id)
        self.append(self.completed(slot, call_id, **changes))
        return call_id

    def failure(self, slot: tuple[str, str, str, str] = SLOT, call_id: str = "", **changes: Any) -> str:
        """A requested and failed call. Gives the call's id."""
        call_id = self.requested(slot, call_id)
        self.append(self.failed(slot, call_id, **changes))
        return call_id

    def requested(self, slot: tuple[str, str, str, str] = SLOT, call_id: str = "") -> str:
        """A call that is under way. Gives its id."""
        call_id = call_id or f"call_{self.prefix}{next(self.ids):06d}"
        body = {"hop": 1, "request_hash": "ab" * 32, "bound_eur": "0.500000000", "bound_tokens": 1000}
        self.append(self.draft(EventKind.CALL_REQUESTED, body, **_header(slot, call_id)))
        return call_id

    def completed(self, slot: tuple[str, str, str, str], call_id: str, **changes: Any) -> EventDraft:
        """The draft of an answer."""
        body = {
            "hop": 1,
            "request_hash": "ab" * 32,
            "outcome": "ok",
            "usage": {"input": 100, "cached": 40, "cache_write": 0, "output": 20, "reasoning": 5},
            "cost_eur": "0.001000000",
            "latency_us": 812_345,
            "attempts": [{"number": 1, "reason": "ok", "status": 200, "latency_us": 812_345, "waited_ms": 0}],
        }
        return self.draft(EventKind.CALL_COMPLETED, body | changes, **_header(slot, call_id))

    def failed(self, slot: tuple[str, str, str, str], call_id: str, **changes: Any) -> EventDraft:
        """The draft of a failure."""
        body = {
            "hop": 1,
            "request_hash": "ab" * 32,
            "reason": "timeout",
            "outcome": "ambiguous",
            "detail": "no answer",
            "cost_eur": "0.000000000",
            "cost_basis": "none",
            "latency_us": 30_000_000,
            "attempts": [{"number": 1, "reason": "timeout", "status": None, "latency_us": 1, "waited_ms": 0}],
        }
        return self.draft(EventKind.CALL_FAILED, body | changes, **_header(slot, call_id))


@contextmanager
def composing(ws: Workspace, prefix: str = "", clock: Clock | None = None) -> Iterator[Composer]:
    """The ledger of ``ws`` open for writing, with its genesis, figures, breakers and reservations."""
    clock = clock or ManualClock()
    put_empty(ws.ledger)
    breakers, reservations = Breakers(BreakerRules), Reservations(lambda: LIMITS, clock=clock)
    with LedgerWriter(
        ws.ledger,
        clock=clock,
        projections=[Rollups(), breakers, reservations],
        conditions=[breakers.out_of_place, reservations.out_of_place],
    ) as writer:
        composer = Composer(writer, prefix)
        if writer.head[0] == 0:
            composer.event(EventKind.WORKSPACE_INITIALISED, {"simulated": False})
        yield composer


def _header(slot: tuple[str, str, str, str], call_id: str) -> dict[str, str]:
    names = ("layer", "role", "provider", "model_id")
    return {"run_id": RUN, "call_id": call_id, **dict(zip(names, slot, strict=True))}
