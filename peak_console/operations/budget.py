"""Budgets as an operator looks after them: what is spent, reserved and left, and bills found out later."""

import os
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from peak_console.budget.limits import BudgetLimits, Limit, Scope, run_key
from peak_console.config.load import ConfigCache
from peak_console.config.workspace import Workspace
from peak_console.control.keys import KeyStore
from peak_console.domain.clock import Clock, SystemClock, from_iso
from peak_console.domain.errors import ControlRefused, UsageWrong
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import new_event_id
from peak_console.domain.money import nano_from_text, text_from_nano
from peak_console.domain.text import one_line
from peak_console.ledger.folds.budget_rows import BookedRow, CallPlace, ReservationRow
from peak_console.ledger.folds.windows import BudgetRow
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.enable import append_proved, choose_operator
from peak_console.operations.ledger import existing
from peak_console.operations.phase import rules_of
from peak_console.operations.views.bar import BudgetLine
from peak_console.operations.views.budget_left import left_of
from peak_console.operations.views.config_facts import budget_lines, lines_of

LISTED: Final = 50
"""How many runs, open calls and bills are listed unless more are asked for."""

REASON_LIMIT: Final = 500

_EUR: Final = re.compile(r"[0-9]{1,7}(\.[0-9]{1,9})?")


@dataclass(frozen=True, slots=True)
class BudgetReport:
    """Every limit with what counts against it, calls under way, and spend booked at its bound."""

    taken_at: datetime
    budgets: tuple[BudgetLine, ...]
    """By day, layer, month and phase."""
    runs: tuple[BudgetLine, ...]
    """Of runs that set themselves limits, and of runs with calls under way."""
    own: frozenset[str]
    """Keys of runs that set themselves limits."""
    open_calls: tuple[ReservationRow, ...]
    at_bound: tuple[BookedRow, ...]
    """What may be settled, the newest first."""
    more_at_bound: bool
    """Whether there are more than are listed."""

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {
            "budgets": [_line_json(one, self.own) for one in self.budgets],
            "runs": [_line_json(one, self.own) for one in self.runs],
            "open": [self._open_json(one) for one in self.open_calls],
            "at_bound": [_booked_json(one) for one in self.at_bound],
            "more_at_bound": self.more_at_bound,
        }

    def age_s(self, row: ReservationRow) -> float:
        """Seconds since a call under way was requested; never negative."""
        return max(0.0, (self.taken_at - from_iso(row.since)).total_seconds())

    def _open_json(self, row: ReservationRow) -> dict[str, Any]:
        return {
            **_place_json(row.place),
            "state": row.state,
            "reserved_eur": text_from_nano(row.cost),
            "reserved_tokens": row.tokens,
            "since": row.since,
            "age_s": round(self.age_s(row), 3),
            "expires": row.expires,
        }


@dataclass(frozen=True, slots=True)
class Settled:
    """A bill that was booked in the place of a bound."""

    place: CallPlace
    was: int
    cost: int
    """Nano-EUR, as ``was``."""
    operator: str
    seq: int

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {
            "call_id": self.place.call_id,
            "hop": self.place.hop,
            "was_eur": text_from_nano(self.was),
            "cost_eur": text_from_nano(self.cost),
            "operator": self.operator,
            "seq": self.seq,
        }


def show(ws: Workspace, *, clock: Clock | None = None, listed: int = LISTED) -> BudgetReport:
    """Budgets as they stand; raises ``LedgerUnavailable`` or ``ConfigInvalid``."""
    clock = clock or SystemClock()
    with LedgerReader(existing(ws).ledger) as reader:
        limits = ConfigCache(ws, clock=clock).current(rules_of(ws)).budgets.limits
        now = clock.now()
        counters = {row.key: row for row in reader.budgets()}
        changed = reader.last(EventKind.PHASE_CHANGED)
        recent = reader.calls_since(now)
        own = reader.run_limits()
        under_way = reader.reservations(listed)
        at_bound = [row for row in reader.booked_at_bound(listed + 1) if row.booked.cost]
    runs = [*{row.place.run_id for row in under_way if row.place.run_id}, *own]
    return BudgetReport(
        taken_at=now,
        budgets=tuple(budget_lines(limits, counters, now, changed.ts if changed else "", recent)),
        runs=tuple(_run_lines(limits, sorted(set(runs))[-listed:], own, counters)),
        own=frozenset(run_key(run_id) for run_id in own),
        open_calls=tuple(under_way),
        at_bound=tuple(at_bound[:listed]),
        more_at_bound=len(at_bound) > listed,
    )


def settle(
    ws: Workspace,
    client: BlockingLedgerClient,
    call_id: str,
    *,
    cost_eur: str,
    reason: str,
    hop: int | None = None,
    by: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settled:
    """Book ``cost_eur`` for a call that stands at its bound, proved by an operator.

    Raises ``UsageWrong`` for words that are none, ``ControlRefused`` where nothing stands at its bound or the
    node refuses.
    """
    cost, why = _cost(cost_eur), one_line(reason, REASON_LIMIT).strip()
    row = _booked(ws, call_id, hop)
    if cost == row.booked.cost:
        raise ControlRefused(
            f"{text_from_nano(cost)} EUR is what is booked: nothing would change, so nothing was recorded",
            code="settled_already",
            remedy="look at what is booked: peak budget show",
        )
    if not why:
        raise UsageWrong("a settlement needs a reason", code="reason_missing", remedy='add: --reason "..."')
    if cost > row.booked.cost:
        raise ControlRefused(
            f"{text_from_nano(cost)} EUR is above the {text_from_nano(row.booked.cost)} EUR that are booked",
            code="settled_above_bound",
            remedy="a settlement only lowers what is booked; a bill above its bound is an incident",
        )
    store = KeyStore(ws.keys, os.environ if environ is None else environ)
    operator = choose_operator(store, by)
    place = row.place
    body = {
        "hop": place.hop,
        "cost_eur": text_from_nano(cost),
        "was_eur": text_from_nano(row.booked.cost),
        "reason": why,
        "operator": operator,
    }
    draft = EventDraft(
        new_event_id(secrets.token_bytes),
        EventKind.BUDGET_SETTLED.value,
        body,
        run_id=place.run_id or None,
        call_id=place.call_id,
        layer=place.layer or None,
        role=place.role or None,
        provider=place.provider or None,
        model_id=place.model_id or None,
    )
    seq = append_proved(client, store, operator, draft)
    return Settled(place, row.booked.cost, cost, operator, seq)


def _cost(text: str) -> int:
    if not _EUR.fullmatch(text.strip()):
        raise UsageWrong(
            f"{text!r:.40} is no amount in EUR",
            code="cost_malformed",
            remedy="write it with a point and at most nine decimals, for example 0.0123",
        )
    return nano_from_text(text.strip())


def _booked(ws: Workspace, call_id: str, hop: int | None) -> BookedRow:
    with LedgerReader(existing(ws).ledger) as reader:
        rows = reader.booked_at_bound(call_id=call_id)
    fitting = [row for row in rows if hop in {None, row.place.hop}]
    if not fitting:
        what = call_id if hop is None else f"hop {hop} of {call_id}"
        raise ControlRefused(
            f"{what:.120} is not booked at its bound",
            code="not_at_bound",
            remedy="list what may be settled: peak budget show",
        )
    if len(fitting) > 1:
        hops = ", ".join(str(row.place.hop) for row in reversed(fitting))
        raise UsageWrong(
            f"several hops of {call_id} are booked at their bounds: {hops}",
            code="hop_ambiguous",
            remedy="say which: --hop N",
        )
    return fitting[0]


def _run_lines(
    limits: BudgetLimits,
    runs: Iterable[str],
    own: Mapping[str, Limit],
    counters: Mapping[str, BudgetRow],
) -> Iterable[BudgetLine]:
    configured = next((one for one in limits.limits if one.scope is Scope.RUN), Limit(Scope.RUN))
    for run_id in runs:
        limit = configured.lowered(own[run_id]) if run_id in own else configured
        key = run_key(run_id)
        yield from lines_of(limit, key, counters.get(key), float(limits.warn_pct))


def _line_json(one: BudgetLine, own: frozenset[str]) -> dict[str, Any]:
    left = left_of(one)
    return {
        **one.as_json(),
        "left": text_from_nano(left) if one.unit == "eur" else left,
        "set_by": "run" if one.key in own else "config",
    }


def _place_json(place: CallPlace) -> dict[str, Any]:
    return {
        "call_id": place.call_id,
        "hop": place.hop,
        "run_id": place.run_id,
        "layer": place.layer,
        "role": place.role,
        "provider": place.provider,
        "model_id": place.model_id,
    }


def _booked_json(row: BookedRow) -> dict[str, Any]:
    return {
        **_place_json(row.place),
        "bound_eur": text_from_nano(row.booked.bound),
        "booked_eur": text_from_nano(row.booked.cost),
        "settled": row.booked.cost < row.booked.bound,
        "at": row.ts,
        "reason": row.reason,
    }
