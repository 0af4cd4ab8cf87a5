"""Rules of budgets, currency and prices: nothing is unlimited by omission, nothing is free by accident."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from peak_console.budget.limits import Scope
from peak_console.config.budgets import STALE_RATE_DAYS, BudgetsFile, LimitEntry
from peak_console.config.editing.changes import ABSENT, Change
from peak_console.config.lint.finding import Fix
from peak_console.config.lint.inspection import Hit, Inspection
from peak_console.config.lint.layers import slots
from peak_console.config.lint.schema import dotted
from peak_console.config.positions import Path

_KEYS: Final = ("max_tokens", "max_cost_eur", "max_calls", "max_calls_per_min")
_NESTED_KEYS: Final = ("max_tokens", "max_cost_eur", "max_calls")
_SANE_EUR: Final = {Scope.RUN: Decimal("5.00"), Scope.DAY: Decimal("20.00")}
"""What a quick fix puts where a limit is missing."""

_BOUNDING: Final = ("max_tokens", "max_cost_eur")
_WIDER: Final = {
    Scope.CALL: (Scope.RUN, Scope.DAY, Scope.MONTH, Scope.PHASE),
    Scope.LAYER_RUN: (Scope.LAYER_DAY, Scope.RUN, Scope.DAY, Scope.MONTH, Scope.PHASE),
    Scope.RUN: (Scope.DAY, Scope.MONTH, Scope.PHASE),
    Scope.LAYER_DAY: (Scope.DAY, Scope.MONTH, Scope.PHASE),
    Scope.DAY: (Scope.MONTH, Scope.PHASE),
}
"""The scopes that each scope lies within, the nearest first."""


def missing_budgets(inspection: Inspection) -> Iterator[Hit]:
    """``budget.missing``: a run and a day must have a limit on cost or tokens (decision 11)."""
    if inspection.document("budgets").data is None:
        return
    data = inspection.data("budgets")
    for scope in (Scope.RUN, Scope.DAY):
        entry = data.get(scope.value)
        if not isinstance(entry, dict) or not any(key in entry for key in _BOUNDING):
            message = f"there is no limit on the cost or tokens of a {scope.value}"
            fix = _sane(inspection.budgets, scope)
            yield inspection.hit("budget.missing", "budgets", (scope.value,), message, fix=fix)


def _sane(budgets: BudgetsFile | None, scope: Scope) -> Fix:
    """A modest limit: at least what one call may cost, at most what a wider scope allows."""
    value = _SANE_EUR[scope]
    limits = {name: entry.max_cost_eur for name, _, entry in budgets.entries()} if budgets else {}
    for narrower in (Scope.CALL, Scope.RUN):
        value = max(value, limits.get(narrower) or value)
    for wider in (Scope.DAY, Scope.MONTH, Scope.PHASE):
        limit = limits.get(wider)
        value = min(value, limit) if limit and wider is not scope else value
    path = (scope.value, "max_cost_eur")
    return Fix(f"write {dotted(path)} = {value}", (Change(path, value),))


def zero_budgets(inspection: Inspection) -> Iterator[Hit]:
    """``budget.zero``: a limit of zero denies every call of its scope."""
    for path, entry in _entries(inspection):
        for key in _KEYS:
            if getattr(entry, key) == 0:
                place = (*path, key)
                yield inspection.hit(
                    "budget.zero", "budgets", place, f"{dotted(place)} is zero: it denies every call"
                )


def warn_order(inspection: Inspection) -> Iterator[Hit]:
    """``budget.warn_order``: a warning comes after zero and before the limit."""
    budgets = inspection.budgets
    if budgets is not None and not 0 < budgets.warn_pct < 100:  # noqa: PLR2004 - a share of the whole
        message = (
            f"warn_pct is {budgets.warn_pct}: a warning must come after 0 and before 100 percent of a limit"
        )
        fix = Fix("write warn_pct = 80.0", (Change(("warn_pct",), Decimal("80.0")),))
        yield inspection.hit("budget.warn_order", "budgets", ("warn_pct",), message, fix=fix)


def limit_order(inspection: Inspection) -> Iterator[Hit]:
    """``budget.limit_order``: a narrower scope's limit lies above a wider one's."""
    entries = dict(_entries(inspection))
    for path, entry in entries.items():
        wider = [_wider_path(scope, path) for scope in _WIDER.get(Scope(str(path[0])), ())]
        for key in _NESTED_KEYS:
            above = [one for one in wider if one in entries and _exceeds(entry, entries[one], key)]
            if above:
                ours, theirs = (*path, key), (*above[0], key)
                limits = getattr(entry, key), getattr(entries[above[0]], key)
                message = (
                    f"{dotted(ours)} is {limits[0]}, above {dotted(theirs)} = {limits[1]}: it never binds"
                )
                least = min(getattr(entries[one], key) for one in above)
                fix = Fix(f"lower it to {least}", (Change(ours, least),))
                yield inspection.hit("budget.limit_order", "budgets", ours, message, fix=fix)


def _wider_path(scope: Scope, path: Path) -> Path:
    return (scope.value, *path[1:]) if scope is Scope.LAYER_DAY else (scope.value,)


def _exceeds(narrow: LimitEntry, wide: LimitEntry, key: str) -> bool:
    ours, theirs = getattr(narrow, key), getattr(wide, key)
    return ours is not None and theirs is not None and ours > theirs


def currency(inspection: Inspection) -> Iterator[Hit]:
    """``budget.rate_missing``, ``budget.stale_rate``, ``budget.future_rate`` (decision 12)."""
    if inspection.document("budgets").data is None:
        return
    if "currency" not in inspection.data("budgets"):
        yield inspection.hit(
            "budget.rate_missing", "budgets", (), "there is no [currency]: USD prices have no EUR"
        )
    rate = inspection.budgets.currency if inspection.budgets else None
    if rate is None:
        return
    age = (inspection.today - rate.as_of).days
    place = ("currency", "as_of")
    if age > STALE_RATE_DAYS:
        message = f"the currency rate is of {rate.as_of}, {age} days old"
        yield inspection.hit("budget.stale_rate", "budgets", place, message)
    elif age < 0:
        yield inspection.hit(
            "budget.future_rate", "budgets", place, f"the currency rate is of {rate.as_of}, to come"
        )


def missing_prices(inspection: Inspection) -> Iterator[Hit]:
    """``price.missing``: a model of the matrix without a price that holds today."""
    table = inspection.price_table()
    if table is None:
        return
    for path, slot in slots(inspection):
        if table.find(slot.provider, slot.model_id, inspection.today) is None:
            name = f"{slot.provider}:{slot.model_id}"
            message = f"{dotted(path)}: prices.toml has no price for {name} that holds today"
            yield inspection.hit("price.missing", "matrix", (*path, "model_id"), message)


def price_rows(inspection: Inspection) -> Iterator[Hit]:
    """``price.duplicate`` and ``price.zero``."""
    seen: set[tuple[Any, ...]] = set()
    for index, entry in enumerate(inspection.prices.price if inspection.prices else ()):
        name = f"{entry.provider}:{entry.model_id}"
        key = (entry.provider, entry.model_id, entry.valid_from)
        if key in seen:
            message = f"{name} has two prices from {entry.valid_from} on"
            fix = Fix("take this row out; the first one stays", (Change(("price", index), ABSENT),))
            place = ("price", index, "valid_from")
            yield inspection.hit("price.duplicate", "prices", place, message, fix=fix)
        seen.add(key)
        if entry.output_usd_per_mtok == 0 or entry.input_usd_per_mtok == 0:
            key_name = "input_usd_per_mtok" if entry.input_usd_per_mtok == 0 else "output_usd_per_mtok"
            message = f"{name} costs nothing by {key_name}: budgets on cost would not see its use"
            yield inspection.hit("price.zero", "prices", ("price", index, key_name), message)


def _entries(inspection: Inspection) -> Iterator[tuple[Path, LimitEntry]]:
    if inspection.budgets is not None:
        for scope, layer, entry in inspection.budgets.entries():
            yield ((scope.value, layer) if layer else (scope.value,)), entry
