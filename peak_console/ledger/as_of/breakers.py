"""Breakers as they stood after an event: from their trips and resets, and the ends of their models' calls.

State, opening and trips are those of the events. Which failures of a closed one still counted follows from
the rules, which the ledger does not hold: those are counted by ``rules``.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import orjson

from peak_console.domain.clock import from_iso, unix_us
from peak_console.domain.events import EventKind
from peak_console.ledger.as_of.timeline import Rows
from peak_console.ledger.filters import RARE_SQL
from peak_console.ledger.folds.breaker_rows import BreakerRow, budget_row
from peak_console.ledger.folds.breakers import (
    PROVIDER,
    Model,
    RateSeen,
    rate_fields,
    reasons_of,
    told_wait_us,
)
from peak_console.ledger.folds.budget_breaker import BUDGET, BudgetLatch, folded
from peak_console.ledger.folds.hop_money import HopMoney
from peak_console.policy import breaker as rules_of
from peak_console.policy.breaker import Breaker, BreakerRules, BreakerState

_RATES_LOOKED_AT: Final = 50
"""Answers of one model that are looked through for its rate limit."""
_ENDS_COUNTED: Final = 500
_ENDS: Final = (
    "SELECT l.seq, l.ts, l.kind, b.bytes FROM ledger l INDEXED BY ledger_model JOIN body b USING (seq) "
    "WHERE l.model_id = ? AND l.provider = ? AND l.seq > ? AND l.seq <= ? AND l.kind <> 'llm.call.refused' "
    "AND l.kind IN ('llm.call.completed', 'llm.call.failed', 'llm.call.refused') ORDER BY l.seq DESC LIMIT ?"
)
_CHANGES: Final = (
    "SELECT l.seq, l.kind, l.ts, b.bytes FROM ledger l JOIN body b USING (seq) "  # noqa: S608 - constant
    f"WHERE l.kind IN (?, ?) AND l.{RARE_SQL} AND l.seq > ? AND l.seq <= ? ORDER BY l.seq"
)

_End = tuple[int, int, str, Mapping[str, Any]]
"""Place, time in microseconds, kind and body of a call's end."""


class BreakersAsOf:
    """Reads breakers as of a place; what was folded of their changes is kept for later places."""

    def __init__(self, rows: Rows, rules: BreakerRules) -> None:
        self._rows, self._rules = rows, rules
        self._begin()

    def _begin(self) -> None:
        self._seq = 0
        self._changed: dict[Model, tuple[int, Breaker]] = {}
        self._latches: dict[Model, BudgetLatch] = {}

    def rows(self, seq: int, models: Iterable[Model], under_way: Iterable[HopMoney]) -> list[BreakerRow]:
        """The breaker of each of ``models`` and of each that was ever tripped, in the reader's order."""
        self._follow(seq)
        open_hops = [hop for hop in under_way if hop.request is not None]
        found = [
            row
            for model in sorted({*models, *self._changed})
            if all(model) and (row := self._row(seq, model, open_hops)) is not None
        ]
        latches = [budget_row(one) for one in self._latches.values()]
        return sorted([*found, *latches], key=lambda row: (row.provider, row.model_id, row.latch is not None))

    def _follow(self, seq: int) -> None:
        if seq < self._seq:
            self._begin()
        values = (EventKind.BREAKER_TRIPPED.value, EventKind.BREAKER_RESET.value, self._seq, seq)
        for at, kind, ts, data in self._rows(_CHANGES, values):
            body = orjson.loads(data)
            model = (body.get("provider", ""), body.get("model_id", ""))
            if body.get("breaker") == PROVIDER:
                self._changed[model] = (at, _after(self._changed.get(model), kind, ts, body))
            elif body.get("breaker") == BUDGET:
                latch = folded(self._latches.get(model), at, ts, body)
                if latch is not None:
                    self._latches[model] = latch
        self._seq = seq

    def _row(self, seq: int, model: Model, open_hops: list[HopMoney]) -> BreakerRow | None:
        at, one = self._changed.get(model, (0, Breaker()))
        ends = list(self._ends(model, at, seq, _ENDS_COUNTED))
        if one.state is BreakerState.CLOSED:
            one = self._counted(one, ends, self._heard(model, at, seq))
        else:
            one = self._waiting(one, ends, model, open_hops)
        rate = self._rate(model, seq)
        return None if one == Breaker() and rate is None else BreakerRow(*model, one, rate)

    def _counted(self, one: Breaker, ends: list[_End], heard: list[int]) -> Breaker:
        """A closed breaker with the failures that still count against it."""
        for at, at_us, kind, body in reversed(ends):
            while heard and heard[-1] < at:
                heard.pop()
                one = rules_of.heard(one, "", at_us)
            reasons = reasons_of(kind, body)
            if kind == EventKind.CALL_COMPLETED:
                after = rules_of.answered(one, "", self._rules, at_us, failures=reasons)
            else:
                after = rules_of.failed(one, "", reasons, self._rules, at_us)
            # other rules held then, if these would have opened it: no event says that it was
            one = (
                after
                if after.state is BreakerState.CLOSED
                else replace(one, reason=after.reason, failures=())
            )
        return rules_of.heard(one, "", 0) if heard else one

    def _waiting(self, one: Breaker, ends: list[_End], model: Model, open_hops: list[HopMoney]) -> Breaker:
        """An open breaker with what providers told calls under way at it, and whether its probe is out."""
        for _, at_us, kind, body in reversed(ends):
            told = any(reason in rules_of.COUNTED for reason in reasons_of(kind, body))
            if kind == EventKind.CALL_FAILED and told and one.holds(at_us):
                most = at_us + min(told_wait_us(body), rules_of.TOLD_LIMIT_US)
                one = replace(one, until_us=max(one.until_us, most))
        for hop in open_hops:
            request = hop.request
            if request is None or (request.provider, request.model_id) != model:
                continue
            if (
                not one.holds(unix_us(from_iso(request.ts)))
                and unix_us(from_iso(request.ts)) >= one.opened_us
            ):
                return replace(one, state=BreakerState.HALF_OPEN, probe=f"{hop.call_id}|{hop.hop}")
        return one

    def _rate(self, model: Model, seq: int) -> RateSeen | None:
        for at, at_us, _, body in self._ends(model, 0, seq, _RATES_LOOKED_AT):
            rate = body.get("rate")
            fields = rate_fields(rate) if isinstance(rate, Mapping) else {}
            if fields:
                return RateSeen(fields, at_us, at)
        return None

    def _heard(self, model: Model, after: int, seq: int) -> list[int]:
        """Where the model took background work on, the newest first: that ends a row of failures."""
        rows = self._rows(
            f"SELECT seq FROM ledger INDEXED BY ledger_kind WHERE kind = ? AND {RARE_SQL} AND seq > ? "  # noqa: S608 - constant
            "AND seq <= ? AND model_id = ? AND provider = ? ORDER BY seq DESC LIMIT ?",
            (EventKind.CALL_ACCEPTED.value, after, seq, model[1], model[0], _ENDS_COUNTED),
        )
        return [at for (at,) in rows]

    def _ends(self, model: Model, after: int, seq: int, limit: int) -> Iterator[_End]:
        """Ends of a model's calls, the newest first."""
        for at, ts, kind, data in self._rows(_ENDS, (model[1], model[0], after, seq, limit)):
            yield at, unix_us(from_iso(ts)), kind, orjson.loads(data)


def _after(before: tuple[int, Breaker] | None, kind: str, ts: str, body: Mapping[str, Any]) -> Breaker:
    """The breaker after its trip or reset."""
    one, at_us = before[1] if before else Breaker(), unix_us(from_iso(ts))
    if kind == EventKind.BREAKER_RESET:
        return rules_of.reset(one, at_us)
    return Breaker(
        BreakerState.OPEN,
        reason=str(body.get("reason", "")),
        opened_us=at_us,
        until_us=unix_us(from_iso(body["until"])),
        trips=body["trips"],
        changed_us=at_us,
    )
