"""What is left of the budgets that bind a layer's calls. Pure."""

from collections.abc import Iterable
from typing import Any

from peak_console.domain.money import text_from_nano
from peak_console.operations.views.bar import BudgetLine


def left_of(one: BudgetLine) -> int:
    """What is neither spent nor reserved, in the budget's unit; never negative."""
    return max(0, one.limit - one.spent - one.reserved)


def binding(budgets: Iterable[BudgetLine], layer: str) -> list[BudgetLine]:
    """The budgets in EUR that bind calls of ``layer``, the tightest first."""
    bound = [one for one in budgets if one.unit == "eur" and one.layer in {None, layer}]
    return sorted(bound, key=left_of)


def budget_name(one: BudgetLine) -> str:
    """A budget's scope in words: ``day``, ``layer day L2``."""
    return " ".join(part for part in (one.scope.replace("_", " "), one.layer) if part)


def left_json(one: BudgetLine) -> dict[str, Any]:
    """What is left, for documents; money as text in EUR."""
    return {
        "scope": one.scope,
        "layer": one.layer,
        "key": one.key,
        "left_eur": text_from_nano(left_of(one)),
        "limit_eur": text_from_nano(one.limit),
    }
