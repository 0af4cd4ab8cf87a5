"""What of budgets a recovery carries into the new ledger: spend of periods that run on, and runs' own limits.

It stands in the body of ``ledger.recovered``, so that a new ledger forgets no money although it begins anew.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from peak_console.budget.limits import Limit, Scope, Spend
from peak_console.domain.money import nano_from_text, text_from_nano
from peak_console.ledger.headers import malformed

CARRIED: Final = "carried"
RUN_LIMITS: Final = "run_limits"
MOST: Final = 3000
"""The most counters, and the most limits of runs, that one event carries: far below the longest body."""

_KEY: Final = re.compile(r"(?P<scope>[a-z_]+):(?:(?P<layer>L[0-9]):)?(?P<place>.*)", re.DOTALL)
"""A counter's key, as :func:`peak_console.budget.limits.scope_keys` makes it."""

_DAYS: Final = frozenset({Scope.DAY, Scope.LAYER_DAY})
_RUNS: Final = frozenset({Scope.RUN, Scope.LAYER_RUN})
_MONTH: Final = len("YYYY-MM")
_LIMITS: Final = ("max_cost_eur", "max_tokens", "max_calls")
_COUNT_LIMIT: Final = 2**53


@dataclass(frozen=True, slots=True)
class Counter:
    """What counts against one key: spent, and what was reserved when the ledger broke, as spent."""

    key: str
    spend: Spend


def larger(one: Iterable[Counter], other: Iterable[Counter]) -> list[Counter]:
    """By key the larger amount of each unit, of two accounts of the same."""
    found: dict[str, Spend] = {}
    for counter in (*one, *other):
        before = found.get(counter.key, Spend())
        found[counter.key] = Spend(*(max(pair) for pair in zip(before, counter.spend, strict=True)))
    return [Counter(key, spend) for key, spend in sorted(found.items())]


def running(counters: Iterable[Counter], *, today: str, runs: frozenset[str]) -> list[Counter]:
    """Those that may still bind a call: of ``today`` (``YYYY-MM-DD``), its month, the phase, open runs."""
    return [one for one in counters if any(one.spend) and _runs_on(one.key, today, runs)]


def carried_body(counters: Iterable[Counter], limits: Mapping[str, Limit]) -> dict[str, Any]:
    """The fields of ``ledger.recovered`` that carry budgets; :func:`carried_spend` reads them again."""
    rows = [
        {
            "key": _without_phase(one.key),
            "spent_eur": text_from_nano(one.spend.cost),
            "tokens": one.spend.tokens,
            "calls": one.spend.calls,
        }
        for one in counters
    ]
    own = [{"run_id": run_id, "limits": _limits_body(limit)} for run_id, limit in sorted(limits.items())]
    return {CARRIED: rows, RUN_LIMITS: own}


def carried_spend(body: Mapping[str, Any], phase_since: str) -> Iterator[Counter]:
    """What to add to which counter; a phase's spend belongs to the phase that runs since ``phase_since``."""
    for row in body.get(CARRIED) or ():
        key = str(row["key"])
        found = _KEY.fullmatch(key)
        if found and found["scope"] == Scope.PHASE and not found["place"]:
            key += phase_since or "genesis"
        yield Counter(key, Spend(nano_from_text(row["spent_eur"]), row["tokens"], row["calls"]))


def carried_limits(body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Runs that set themselves limits, with these as ``run.started`` carried them."""
    for row in body.get(RUN_LIMITS) or ():
        yield str(row["run_id"]), row["limits"]


def check_carried(body: Mapping[str, Any]) -> None:
    """Refuse a ``ledger.recovered`` whose budgets cannot be taken in; raises ``UsageWrong``."""
    for name, fits in ((CARRIED, _is_counter), (RUN_LIMITS, _is_run_limit)):
        rows = body.get(name)
        if not isinstance(rows, list) or len(rows) > MOST or not all(fits(row) for row in rows):
            raise malformed(f"body of ledger.recovered has {name!r} that", "cannot be carried over")


def _runs_on(key: str, today: str, runs: frozenset[str]) -> bool:
    found = _KEY.fullmatch(key)
    if found is None:
        return False
    scope, place = found["scope"], found["place"]
    if scope in _DAYS:
        return place >= today
    if scope == Scope.MONTH:
        return place >= today[:_MONTH]
    return scope == Scope.PHASE or (scope in _RUNS and place in runs)


def _without_phase(key: str) -> str:
    """A phase's key without since when: the new ledger begins the phase anew."""
    found = _KEY.fullmatch(key)
    return key.removesuffix(found["place"]) if found and found["scope"] == Scope.PHASE else key


def _limits_body(limit: Limit) -> dict[str, Any]:
    cost = None if limit.max_cost is None else text_from_nano(limit.max_cost)
    values = (cost, limit.max_tokens, limit.max_calls)
    return {name: value for name, value in zip(_LIMITS, values, strict=True) if value is not None}


def _is_counter(row: Any) -> bool:
    if not isinstance(row, Mapping) or not isinstance(row.get("key"), str):
        return False
    try:
        cost = nano_from_text(row["spent_eur"])
    except (KeyError, ValueError, TypeError, ArithmeticError):
        return False
    return cost >= 0 and all(
        type(row.get(name)) is int and 0 <= row[name] < _COUNT_LIMIT for name in ("tokens", "calls")
    )


def _is_run_limit(row: Any) -> bool:
    return (
        isinstance(row, Mapping)
        and isinstance(row.get("run_id"), str)
        and isinstance(row.get("limits"), Mapping)
    )
