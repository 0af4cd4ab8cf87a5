"""The budget breaker of a provider's model: latched by a bill above its bound, until an operator resets it.

A bound is what a call can cost at most; a bill above it means that prices or counts are wrong here, so no
more goes to that model on such a promise. A fold of ``breaker.tripped`` and ``breaker.reset``.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from peak_console.budget.limits import Spend
from peak_console.domain.calls import CallReason
from peak_console.domain.clock import from_iso, unix_us
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ledgering import Refusal
from peak_console.domain.money import nano_from_text, text_from_nano
from peak_console.ledger.folds.breakers import Model, OpenBreaker, model_of_reset, not_tripped
from peak_console.ledger.folds.lost_hops import derived_id
from peak_console.ledger.headers import Header
from peak_console.ledger.service.privileges import refuse_nodes_own
from peak_console.policy.breaker import LATCHED_UNTIL_US, BreakerState

BUDGET: Final = "budget"
"""What the events of this breaker say they are about."""

BILL_ABOVE_BOUND: Final = "bill_above_bound"
"""Why it trips."""

LATCHED: Final = "latched"
"""Its state, where a refusal names it."""

CHANGES: Final = frozenset({EventKind.BREAKER_TRIPPED.value, EventKind.BREAKER_RESET.value})

_COLUMNS: Final = 12


@dataclass(frozen=True, slots=True)
class BudgetLatch:
    """Where one model's budget breaker stands, and the bill that tripped it last. Money in nano-EUR."""

    provider: str
    model_id: str
    latched: bool
    trips: int
    changed_us: int
    """When it was tripped or reset last, in microseconds since 1970."""
    seq: int
    """Place of the event that did so."""
    call_id: str
    hop: int
    cost: int
    bound: int
    tokens: int
    bound_tokens: int

    def bill(self) -> dict[str, Any]:
        """The bill above its bound, as JSON shows it."""
        return {
            "call_id": self.call_id,
            "hop": self.hop,
            "cost_eur": text_from_nano(self.cost),
            "bound_eur": text_from_nano(self.bound),
            "tokens": self.tokens,
            "bound_tokens": self.bound_tokens,
        }


class BudgetBreakers:
    """The table ``budget_breaker``: a row for each model that was ever billed above a bound."""

    def __init__(self, db: sqlite3.Connection) -> None:
        rows = map(latch_from_row, db.execute("SELECT * FROM budget_breaker"))
        self._latches: dict[Model, BudgetLatch] = {(one.provider, one.model_id): one for one in rows}
        self._changed: set[Model] = set()

    def open_now(self) -> tuple[OpenBreaker, ...]:
        """Those that are latched: for whoever plans a call."""
        held = [model for model, one in sorted(self._latches.items()) if one.latched]
        return tuple(OpenBreaker(*model, LATCHED_UNTIL_US, latched=True) for model in held)

    def refusal(self, draft: EventDraft) -> Refusal | None:
        """``None`` unless the budget breaker of the call's model is latched."""
        latch = self._latches.get((draft.provider or "", draft.model_id or ""))
        if latch is None or not latch.latched:
            return None
        name = f"{latch.provider}:{latch.model_id}"
        return Refusal(
            CallReason.BREAKER_OPEN.value,
            f"the budget breaker of {name} is latched: hop {latch.hop} of {latch.call_id} was billed at "
            f"{_words(latch.cost, latch.tokens)}; its bound was {_words(latch.bound, latch.bound_tokens)}",
            f"it never closes by itself; find out why, then: peak breaker reset budget {name} --reason R",
            {
                "breaker": BUDGET,
                "provider": latch.provider,
                "model_id": latch.model_id,
                "state": LATCHED,
                "latched": True,
                **latch.bill(),
            },
        )

    def tripped_by(self, event: Header, hop: int, spent: Spend, bound: Spend) -> list[EventDraft]:
        """The trip that a hop's end causes: its bill is above its bound, and nothing is latched yet."""
        if spent.cost <= bound.cost and spent.tokens <= bound.tokens:
            return []
        if not event.provider or not event.model_id:
            return []
        before = self._latches.get((event.provider, event.model_id))
        if before is not None and before.latched:
            return []
        body = {
            "breaker": BUDGET,
            "provider": event.provider,
            "model_id": event.model_id,
            "state_from": BreakerState.CLOSED.value,
            "state_to": LATCHED,
            "reason": BILL_ABOVE_BOUND,
            "until": None,
            "trips": before.trips + 1 if before else 1,
            "call_id": event.call_id or "",
            "hop": hop,
            "cost_eur": text_from_nano(spent.cost),
            "bound_eur": text_from_nano(bound.cost),
            "tokens": spent.tokens,
            "bound_tokens": bound.tokens,
        }
        return [
            EventDraft(
                derived_id(event.event_id, EventKind.BREAKER_TRIPPED, BUDGET),
                EventKind.BREAKER_TRIPPED.value,
                body,
                run_id=event.run_id,
                call_id=event.call_id,
                layer=event.layer,
                provider=event.provider,
                model_id=event.model_id,
            )
        ]

    def out_of_place(self, draft: EventDraft) -> PeakError | None:
        """A condition of the writer: the ledger alone trips it, an operator resets what is latched."""
        if draft.body.get("breaker") != BUDGET:
            return None
        if draft.kind == EventKind.BREAKER_TRIPPED:
            return refuse_nodes_own(draft.kind)
        model = model_of_reset(draft)
        if isinstance(model, PeakError):
            return model
        latch = self._latches.get(model)
        return None if latch is not None and latch.latched else not_tripped(BUDGET, model)

    def apply(self, event: Header, body: Mapping[str, Any]) -> None:
        """Take a trip or a reset in."""
        if body.get("breaker") != BUDGET:
            return
        model = event.provider or "", event.model_id or ""
        after = folded(self._latches.get(model), event.seq, event.ts, body)
        if after is not None:
            self._latches[model] = after
            self._changed.add(model)

    def flush(self, db: sqlite3.Connection) -> None:
        """Write the rows that changed."""
        if self._changed:
            marks = ",".join("?" * _COLUMNS)
            rows = [_row(self._latches[model]) for model in sorted(self._changed)]
            db.executemany(f"INSERT OR REPLACE INTO budget_breaker VALUES ({marks})", rows)  # noqa: S608 - marks only
            self._changed.clear()


def folded(before: BudgetLatch | None, seq: int, ts: str, body: Mapping[str, Any]) -> BudgetLatch | None:
    """Where the breaker stands after its ``breaker.tripped`` or ``breaker.reset`` at ``seq``. Pure."""
    at_us = unix_us(from_iso(ts))
    if "bound_eur" not in body:
        return None if before is None else replace(before, latched=False, changed_us=at_us, seq=seq)
    return BudgetLatch(
        body["provider"],
        body["model_id"],
        latched=True,
        trips=body["trips"],
        changed_us=at_us,
        seq=seq,
        call_id=body["call_id"],
        hop=body["hop"],
        cost=nano_from_text(body["cost_eur"]),
        bound=nano_from_text(body["bound_eur"]),
        tokens=body["tokens"],
        bound_tokens=body["bound_tokens"],
    )


def latch_from_row(row: tuple[Any, ...]) -> BudgetLatch:
    """What a row of ``budget_breaker`` holds."""
    provider, model_id, latched, *rest = row
    return BudgetLatch(provider, model_id, bool(latched), *rest)


def _row(one: BudgetLatch) -> tuple[Any, ...]:
    return (
        one.provider,
        one.model_id,
        int(one.latched),
        one.trips,
        one.changed_us,
        one.seq,
        one.call_id,
        one.hop,
        one.cost,
        one.bound,
        one.tokens,
        one.bound_tokens,
    )


def _words(cost: int, tokens: int) -> str:
    return f"{text_from_nano(cost)} EUR and {tokens:,} tokens"
