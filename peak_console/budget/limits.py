"""Limits, the scopes they bind, and the rule by which a reservation is admitted (decision 11)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from peak_console.domain.calls import CallReason
from peak_console.domain.ledgering import Refusal
from peak_console.domain.money import NanoEur, text_from_nano

_QUARTER_HOUR = 15 * 60
_MONTH = len("YYYY-MM")


class Scope(StrEnum):
    """What a limit is counted over."""

    CALL = "call"
    RUN = "run"
    LAYER_RUN = "layer_run"
    LAYER_DAY = "layer_day"
    DAY = "day"
    MONTH = "month"
    PHASE = "phase"


class Unit(StrEnum):
    """What a limit counts."""

    EUR = "eur"
    TOKENS = "tokens"
    CALLS = "calls"
    CALLS_PER_MIN = "calls_per_min"


@dataclass(frozen=True, slots=True)
class Limit:
    """Limits of one scope, of one layer or (``None``) of all; ``None`` for a number means no such limit."""

    scope: Scope
    layer: str | None = None
    max_tokens: int | None = None
    max_cost: NanoEur | None = None
    max_calls: int | None = None
    max_calls_per_min: int | None = None

    def lowered(self, other: "Limit") -> "Limit":
        """This limit, with each number of ``other`` that is lower in its place."""
        cost = _lower(self.max_cost, other.max_cost)
        return replace(
            self,
            max_tokens=_lower(self.max_tokens, other.max_tokens),
            max_cost=None if cost is None else NanoEur(cost),
            max_calls=_lower(self.max_calls, other.max_calls),
            max_calls_per_min=_lower(self.max_calls_per_min, other.max_calls_per_min),
        )


@dataclass(frozen=True, slots=True)
class BudgetLimits:
    """All limits of a workspace. ``digest`` is that of the file; ``timezone`` (IANA) says when a day ends."""

    limits: tuple[Limit, ...]
    warn_pct: Decimal
    timezone: str
    digest: str


class Spend(NamedTuple):
    """An amount of money (nano-EUR), tokens and calls, spent, reserved or asked for."""

    cost: int = 0
    tokens: int = 0
    calls: int = 0


def run_key(run_id: str) -> str:
    """The key of the counter that holds all of a run."""
    return f"{Scope.RUN}:{run_id}"


def with_own(bound: list[tuple[Limit, str]], own: Limit, run_id: str) -> list[tuple[Limit, str]]:
    """The limits that bind a call of a run that set itself ``own``: the lower of each counts."""
    key = run_key(run_id)
    if not any(held == key for _, held in bound):
        return [*bound, (own, key)]
    return [(limit.lowered(own) if held == key else limit, held) for limit, held in bound]


def blame_own(refusal: Refusal, own: Limit) -> Refusal:
    """``refusal`` by the run's counter, with a remedy that fits where the run's own limit is the lower."""
    most = {Unit.EUR: own.max_cost, Unit.TOKENS: own.max_tokens, Unit.CALLS: own.max_calls}
    unit = Unit(refusal.details["unit"])
    mine = most.get(unit)
    told = text_from_nano(mine) if unit is Unit.EUR and mine is not None else mine
    if mine is None or refusal.details["limit"] != told:
        return refusal
    return Refusal(
        refusal.code,
        refusal.message,
        "the run was begun with this limit: begin another run, or give it more",
        {**refusal.details, "set_by": "run"},
    )


def scope_keys(
    limits: BudgetLimits,
    *,
    call_id: str | None,
    run_id: str | None,
    layer: str | None,
    at: datetime,
    phase_since: str,
) -> list[tuple[Limit, str]]:
    """The limits that bind a call, each with the key of the counter it is held against.

    ``at`` is the moment of the call's ``requested``: a call belongs to that day, in the limits' timezone.
    """
    day = _day(limits.timezone, int(at.timestamp()) // _QUARTER_HOUR)
    places = {
        Scope.CALL: call_id,
        Scope.RUN: run_id,
        Scope.LAYER_RUN: run_id,
        Scope.LAYER_DAY: day,
        Scope.DAY: day,
        Scope.MONTH: day[:_MONTH],
        Scope.PHASE: phase_since or "genesis",
    }
    bound: list[tuple[Limit, str]] = []
    for limit in limits.limits:
        place = places[limit.scope]
        if place is not None and limit.layer in {None, layer}:
            named = f"{limit.scope}:{limit.layer}" if limit.layer else limit.scope.value
            bound.append((limit, f"{named}:{place}"))
    return bound


def missing(bound: Iterable[Limit]) -> Refusal | None:
    """A refusal when no limit on money or tokens binds at run and day level: missing is never unlimited."""
    held = {limit.scope for limit in bound if limit.max_cost is not None or limit.max_tokens is not None}
    for level, scopes in (("run", {Scope.RUN, Scope.LAYER_RUN}), ("day", {Scope.DAY, Scope.LAYER_DAY})):
        if not held & scopes:
            return Refusal(
                CallReason.BUDGET_MISSING,
                f"no {level} budget on cost or tokens binds this call",
                f"set max_cost_eur for scope {level} in configs/ai/budgets.toml",
                {"scope": level},
            )
    return None


def admit(limit: Limit, spent: Spend, reserved: Spend, asked: Spend, *, key: str = "") -> Refusal | None:
    """``None`` when ``spent + reserved + asked <= limit`` in every unit the limit names; zero denies."""
    for unit, most, used, held, more in _units(limit, spent, reserved, asked):
        if most <= 0 or used + held + more > most:
            return _refusal(limit, unit, key, most=most, spent=used, reserved=held, asked=more)
    return None


def admit_rate(limit: Limit, recent: int, *, key: str = "") -> Refusal | None:
    """``None`` when one more call fits beside the ``recent`` ones of the last minute; zero denies."""
    most = limit.max_calls_per_min
    if most is None or (most > 0 and recent + 1 <= most):
        return None
    return _refusal(limit, Unit.CALLS_PER_MIN, key, most=most, spent=recent, reserved=0, asked=1)


def warned(limit: Limit, spent: Spend, reserved: Spend, warn_pct: Decimal) -> list[Unit]:
    """The units in which ``spent + reserved`` has reached ``warn_pct`` per cent of the limit."""
    part, whole = _share(warn_pct)
    return [
        unit
        for unit, most, used, held, _ in _units(limit, spent, reserved, Spend())
        if most > 0 and (used + held) * whole >= part * most
    ]


def overspent(limit: Limit, spent: Spend) -> list[Unit]:
    """The units in which ``spent`` alone is above the limit: a bill came in above its bound."""
    return [unit for unit, most, used, _, _ in _units(limit, spent, Spend(), Spend()) if used > most]


def account(
    limit: Limit, unit: Unit, key: str, *, spent: Spend, reserved: Spend, asked: Spend
) -> dict[str, Any]:
    """The body of a ``budget.warned`` or ``budget.exceeded`` event."""
    for found, most, used, held, more in _units(limit, spent, reserved, asked):
        if found is unit:
            return _figures(limit, unit, key, most=most, spent=used, reserved=held, asked=more)
    raise ValueError(f"the limit names no {unit}")


def _units(
    limit: Limit, spent: Spend, reserved: Spend, asked: Spend
) -> Iterable[tuple[Unit, int, int, int, int]]:
    if limit.max_cost is not None:
        yield Unit.EUR, limit.max_cost, spent.cost, reserved.cost, asked.cost
    if limit.max_tokens is not None:
        yield Unit.TOKENS, limit.max_tokens, spent.tokens, reserved.tokens, asked.tokens
    if limit.max_calls is not None:
        yield Unit.CALLS, limit.max_calls, spent.calls, reserved.calls, asked.calls


def _figures(
    limit: Limit, unit: Unit, key: str, *, most: int, spent: int, reserved: int, asked: int
) -> dict[str, Any]:
    figures: dict[str, Any] = {"limit": most, "spent": spent, "reserved": reserved, "asked": asked}
    if unit is Unit.EUR:
        figures = {name: text_from_nano(amount) for name, amount in figures.items()}
    return {"scope": limit.scope.value, "key": key, "unit": unit.value, **figures}


def _refusal(
    limit: Limit, unit: Unit, key: str, *, most: int, spent: int, reserved: int, asked: int
) -> Refusal:
    figures = _figures(limit, unit, key, most=most, spent=spent, reserved=reserved, asked=asked)
    if most <= 0:
        return Refusal(
            CallReason.BUDGET_ZERO,
            f"the {limit.scope} budget in {unit} is zero",
            "a limit of zero denies; raise it in configs/ai/budgets.toml if calls are wanted",
            figures,
        )
    return Refusal(
        CallReason.BUDGET_EXCEEDED,
        f"the {limit.scope} budget would be exceeded: {figures['spent']} spent + {figures['reserved']} "
        f"reserved + {figures['asked']} asked > {figures['limit']} {unit}",
        "wait for the budget's next period, ask for less output, or raise it in configs/ai/budgets.toml",
        figures,
    )


def _lower(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


@lru_cache(maxsize=8)
def _share(pct: Decimal) -> tuple[int, int]:
    """A percentage as an exact fraction of whole numbers: no rounding, and no decimals on the hot path."""
    part, whole = pct.as_integer_ratio()
    return part, whole * 100


@lru_cache(maxsize=256)
def _day(timezone: str, quarter: int) -> str:
    """The day, ``YYYY-MM-DD``, of a quarter of an hour since 1970; no zone's day begins within one."""
    moment = datetime.fromtimestamp(quarter * _QUARTER_HOUR, ZoneInfo(timezone))
    return moment.date().isoformat()
