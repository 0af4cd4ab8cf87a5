"""What a new ledger takes over from a broken one: operators, phase, spend of running periods, latches."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from peak_console.budget.limits import BudgetLimits, Limit, Spend
from peak_console.control.keys import KeyStore
from peak_console.domain.errors import ControlRefused, PeakError
from peak_console.domain.vocabulary import Phase
from peak_console.ledger.folds.breakers import Model
from peak_console.ledger.folds.budget_breaker import BILL_ABOVE_BOUND, BUDGET, LATCHED, latch_from_row
from peak_console.ledger.folds.run_limits import from_row
from peak_console.ledger.keeping.carried import MOST, Counter, carried_body, larger, running
from peak_console.ledger.keeping.salvage import Proven, read_table
from peak_console.node.facts import Facts

_COUNTERS: Final = (
    "SELECT key, spent_cost + reserved_cost, spent_tokens + reserved_tokens, spent_calls + reserved_calls "
    "FROM budget_counter"
)
_COUNT: Final = "SELECT count(*) FROM budget_counter"
_LIMITS: Final = "SELECT * FROM run_limit"
_LATCHES: Final = "SELECT * FROM budget_breaker WHERE latched"
_FINISHED: Final = "SELECT run_id FROM ledger WHERE kind = 'run.finished' AND run_id IS NOT NULL"
_PHASES: Final = (
    "SELECT b.bytes FROM ledger l JOIN body b USING (seq) WHERE l.seq > {after} AND +l.kind = 'phase.changed'"
)

_GUESSED: Final = (
    "SELECT b.bytes FROM ledger l JOIN body b USING (seq) "
    "WHERE l.seq <= {upto} AND +l.kind = 'ledger.recovered'"
)
_LONGEST: Final = 500
_BEYOND: Final = 2**53
"""No counter of a sound ledger comes near: nine million EUR in nano-EUR."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What is taken over besides operators and phase."""

    body: Mapping[str, Any]
    """The fields of ``ledger.recovered`` that carry budgets."""
    latched: tuple[Mapping[str, Any], ...]
    """Bodies of ``breaker.tripped``, one for each budget breaker that is latched."""
    complete: bool
    """Whether the broken file's own counters could be read whole."""

    @property
    def count(self) -> int:
        """How many counters are carried."""
        return len(self.body["carried"])


def take_over(
    broken: Path,
    prefix: Path | None,
    proven: Proven,
    limits: Callable[[], BudgetLimits],
    now: datetime,
    *,
    older: bool = False,
) -> Taken:
    """What runs on: by the proven prefix and by the broken file's own tables, the larger of both.

    ``older`` says that the prefix is a backup's, which cannot know what was spent after it. What was
    reserved counts as spent: nobody will tell those bills to the new ledger.
    """
    sources = [path for path in (prefix, broken) if path is not None]
    rows = [read_table(path, _COUNTERS) for path in sources]
    accounts = [
        [Counter(key, Spend(*amounts)) for key, *amounts in found if _is_counter(key, *amounts)]
        for found in rows
    ]
    counters = larger(*accounts) if prefix is not None else larger((), accounts[-1])
    finished = {run_id for path in sources for (run_id,) in read_table(path, _FINISHED)}
    runs = {counter.key.rpartition(":")[2] for counter in counters} - finished
    kept = running(counters, today=_today(limits, now), runs=frozenset(runs))
    # periods that bind every call go first, should there ever be more than one event can carry
    kept.sort(key=lambda one: (one.key.startswith(("run:", "layer_run:")), -one.spend.cost, one.key))
    own = _run_limits(sources, runs)
    whole = read_table(broken, _COUNT) == [(len(accounts[-1]),)]
    body = carried_body(kept[:MOST], dict(list(own.items())[:MOST]))
    complete = (
        (whole or (proven.events == proven.seen > 0 and not older)) and len(kept) <= MOST and len(own) <= MOST
    )
    return Taken(body, tuple(_latches(sources).values()), complete)


def operators_kept(store: KeyStore, facts: Facts) -> tuple[dict[str, str], tuple[str, ...]]:
    """Who is enrolled again, and who is not with the reason: by the proven part and by the key files alike.

    Where no enrolment is left the key files alone say it; the record tells so.
    """
    shown = {name: _public(store, name) for name in store.names()}
    if not facts.operators:
        return {name: key for name, key in shown.items() if key}, ()
    kept = {name: key for name, key in facts.operators.items() if shown.get(name) == key}
    left = [
        f"{name}: configs/keys/{name}.pub is gone or another key"
        for name in facts.operators
        if name not in kept
    ]
    left += [
        f"{name}: the saved part knows no such enrolment" for name in shown if name not in facts.operators
    ]
    return kept, tuple(sorted(left))


def phase_kept(broken: Path, proven: Proven, facts: Facts, named: Phase | None) -> tuple[Phase, str]:
    """The phase that holds on, and what tells it: the strictest word there is, live where there is none.

    Raises ``ControlRefused`` where an operator names a laxer one than the ledger.
    """
    if not proven.events:
        return (named, "operator") if named is not None else (Phase.LIVE, "unknown")
    told = facts.phase
    for (data,) in read_table(broken, _PHASES.format(after=proven.events)):
        told = max(told, _phase_in(data), key=lambda one: one.level.rank)
    if named is None:
        return told, "ledger"
    if named.level.rank < told.level.rank and not _was_guessed(broken, proven):
        raise ControlRefused(
            f"the ledger says {told.value}, which is stricter than {named.value}",
            code="phase_laxer",
            remedy="leave --phase out",
        )
    return named, "operator"


def _was_guessed(broken: Path, proven: Proven) -> bool:
    """Whether an earlier recovery put the phase in because nothing told it, and nobody changed it since."""
    told = [orjson.loads(data) for (data,) in read_table(broken, _GUESSED.format(upto=proven.events))]
    changes = len(read_table(broken, _PHASES.format(after=0)))
    return changes <= 1 and any(one.get("phase_from") == "unknown" for one in told)


def _run_limits(sources: list[Path], runs: set[str]) -> dict[str, Limit]:
    found: dict[str, Limit] = {}
    for path in sources:
        for row in read_table(path, _LIMITS):
            if row[0] in runs and all(_is_amount(one) for one in row[1:] if one is not None):
                limit = from_row(row)
                found[row[0]] = limit.lowered(found[row[0]]) if row[0] in found else limit
    return found


def _latches(sources: list[Path]) -> dict[Model, Mapping[str, Any]]:
    """The trips to be told again: whoever was latched stays so until an operator resets it."""
    found: dict[Model, Mapping[str, Any]] = {}
    for path in sources:
        for row in read_table(path, _LATCHES):
            if not _is_latch(row):
                continue
            latch = latch_from_row(row)
            found[latch.provider, latch.model_id] = {
                "breaker": BUDGET,
                "provider": latch.provider,
                "model_id": latch.model_id,
                "state_from": "closed",
                "state_to": LATCHED,
                "reason": BILL_ABOVE_BOUND,
                "until": None,
                "trips": latch.trips,
                "carried_over": True,
                **latch.bill(),
            }
    return found


def _is_counter(key: Any, *amounts: Any) -> bool:
    """Whether a row can be a counter: a damaged page gives rows that nobody wrote."""
    return _is_text(key) and all(_is_amount(one) for one in amounts)


def _is_latch(row: tuple[Any, ...]) -> bool:
    provider, model_id, _, trips, changed_us, seq, call_id, *amounts = row
    numbers = (trips, changed_us, seq, *amounts)
    return all(map(_is_text, (provider, model_id, call_id))) and all(map(_is_amount, numbers))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST and value.isprintable()


def _is_amount(value: Any) -> bool:
    return type(value) is int and 0 <= value < _BEYOND


def _today(limits: Callable[[], BudgetLimits], now: datetime) -> str:
    """The day that budgets count now; the day before where the limits cannot be read: none is missed."""
    try:
        return now.astimezone(ZoneInfo(limits().timezone)).date().isoformat()
    except (PeakError, KeyError, ValueError):
        return (now - timedelta(days=1)).date().isoformat()


def _phase_in(data: bytes) -> Phase:
    """The phase that an unproven event names; the strictest where it cannot be read."""
    try:
        return Phase(str(orjson.loads(data).get("to")))
    except (ValueError, AttributeError):
        return Phase.LIVE


def _public(store: KeyStore, name: str) -> str | None:
    with suppress(PeakError):
        return store.public(name)
    return None
