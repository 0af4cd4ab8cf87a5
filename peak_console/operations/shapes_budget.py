"""The shapes of what budgets print with ``--json``: limits, spend, calls under way, what is settled."""

from typing import Literal

from peak_console.operations.shape import Shape


class BudgetShape(Shape):
    """One budget now; amounts in EUR are text, other counts integers."""

    scope: str
    unit: Literal["eur", "tokens", "calls", "calls_per_min"]
    spent: str | int
    reserved: str | int
    limit: str | int


class BudgetLineShape(BudgetShape):
    """One limit with what counts against it; ``set_by`` is ``run`` where the run set itself limits."""

    key: str
    layer: str | None
    left: str | int
    used_pct: float
    state: Literal["ok", "warned", "exceeded"]
    set_by: Literal["config", "run"]


class CallMoneyShape(Shape):
    """Of which hop a row of money is."""

    call_id: str
    hop: int
    run_id: str
    layer: str
    role: str
    provider: str
    model_id: str


class OpenCallShape(CallMoneyShape):
    """A call under way; ``background`` ones are given up at ``expires``."""

    state: Literal["open", "background"]
    reserved_eur: str
    reserved_tokens: int
    since: str
    age_s: float
    expires: str | None


class AtBoundShape(CallMoneyShape):
    """Spend booked at its bound because nobody told the bill; ``booked_eur`` is below it once settled."""

    bound_eur: str
    booked_eur: str
    at: str
    reason: str


class BudgetsShape(Shape):
    """``peak budget show``."""

    budgets: list[BudgetLineShape]
    runs: list[BudgetLineShape]
    open: list[OpenCallShape]
    at_bound: list[AtBoundShape]
    more_at_bound: bool


class SettledShape(Shape):
    """``peak budget settle``."""

    call_id: str
    hop: int
    was_eur: str
    cost_eur: str
    operator: str
    seq: int


BUDGET_SHAPES: dict[str, type[Shape]] = {
    "budget-settle": SettledShape,
    "budget-show": BudgetsShape,
}
"""These shapes by the name ``peak schema`` knows them under."""
