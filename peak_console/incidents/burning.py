"""Budget runaway: settled cost by the minute, of each layer and of all, held against a day's budgets."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from peak_console.budget.limits import Limit, Scope
from peak_console.config.incidents import BudgetRunaway
from peak_console.domain.events import EventKind
from peak_console.domain.incidents import Trigger
from peak_console.domain.money import nano_from_decimal, nano_from_text, text_from_nano
from peak_console.domain.stopping import GLOBAL
from peak_console.incidents.alarm import Alarm
from peak_console.ledger.folds.bound_spend import LOST
from peak_console.ledger.folds.rollups import was_sent
from peak_console.ledger.headers import Header
from peak_console.stats.burn import Burning, Least, Pair, SpendWindow, Spent, burning

WHOLE: Final = ""
"""The key of all layers together."""

KINDS: Final = (
    EventKind.CALL_COMPLETED.value,
    EventKind.CALL_FAILED.value,
    EventKind.BUDGET_SETTLED.value,
)

REACH_S: Final = 14_400
_LOST_KEPT: Final = 10_000


class Spending:
    """What was settled lately. ``reach_s`` is how far back the longest window looks."""

    def __init__(self, reach_s: int = REACH_S) -> None:
        self.reach_s = reach_s
        self._windows: dict[str, SpendWindow] = {}
        self._lost: dict[tuple[str, int], int] = {}
        self._burnt: set[str] = set()

    def reach(self, reach_s: int) -> None:
        """Look back further from now on, where windows were made longer."""
        if reach_s > self.reach_s:
            self.reach_s = reach_s
            for window in self._windows.values():
                window.reach(reach_s)

    def restore(self, rows: Iterable[tuple[int, str, int, int]]) -> None:
        """Minutes as the ledger's rollups have them: start in Unix seconds, layer, hops sent, nano-EUR."""
        for start, layer, calls, cost in rows:
            self._count(start, layer, Spent(cost, calls))

    def take(self, event: Header, body: Mapping[str, Any], at_s: int) -> None:
        """Count the end of a hop, or its settlement."""
        if event.kind not in KINDS:
            return
        hop, layer = (event.call_id or "", body["hop"]), event.layer or WHOLE
        cost = nano_from_text(body["cost_eur"])
        if event.kind == EventKind.BUDGET_SETTLED:
            if hop in self._lost:
                self._lost[hop] = cost
            self._count(at_s, layer, Spent(cost - nano_from_text(body["was_eur"])))
            return
        corrected = self._lost.pop(hop, None)
        if event.kind == EventKind.CALL_FAILED and body["reason"] in LOST:
            self._lost[hop] = cost
            if len(self._lost) > _LOST_KEPT:
                del self._lost[next(iter(self._lost))]
        sent = event.kind == EventKind.CALL_COMPLETED or was_sent(body)
        calls = int(sent and corrected is None)
        self._count(at_s, layer, Spent(cost - (corrected or 0), calls, int(_unpriced(event.kind, body))))

    def alarms(self, rules: BudgetRunaway, limits: Sequence[Limit], now_s: int) -> list[Alarm]:
        """The budgets that burn now; a cause that began to burn since the last look is seen anew."""
        for window in self._windows.values():
            window.forget(now_s)
        found = [*self._burning(rules, limits, now_s), *self._unpriced(rules, now_s)]
        before, self._burnt = self._burnt, {one.cause for one in found}
        return [_standing(one) if one.cause in before else one for one in found]

    # -- within

    def _count(self, at_s: int, layer: str, spent: Spent) -> None:
        for key in {layer, WHOLE}:
            window = self._windows.get(key)
            if window is None:
                window = self._windows[key] = SpendWindow(self.reach_s)
            window.add(at_s, spent)

    def _burning(self, rules: BudgetRunaway, limits: Sequence[Limit], now_s: int) -> Iterable[Alarm]:
        pairs = tuple(Pair(Fraction(one.factor), one.long_s, one.short_s) for one in rules.windows)
        least = Least(rules.least_calls, nano_from_decimal(rules.least_eur))
        for limit in limits:
            window = self._windows.get(limit.layer or WHOLE)
            if limit.scope not in {Scope.DAY, Scope.LAYER_DAY} or limit.max_cost is None or window is None:
                continue
            burns = burning(window, limit.max_cost, pairs, least, now_s)
            if burns is not None:
                scope = f"layer:{limit.layer}" if limit.layer else self._spender(burns, now_s)
                yield _alarm(limit, burns, scope)

    def _spender(self, burns: Burning, now_s: int) -> str:
        """The layer that spends most of the short window, if it is more than half; else everything."""
        costs = {
            layer: window.within(now_s, burns.pair.short_s).cost
            for layer, window in self._windows.items()
            if layer != WHOLE
        }
        most = max(costs, key=lambda layer: costs[layer], default=WHOLE)
        return f"layer:{most}" if most and 2 * costs[most] > burns.short_spent.cost else GLOBAL

    def _unpriced(self, rules: BudgetRunaway, now_s: int) -> Iterable[Alarm]:
        """Hops whose price nobody knows: what they cost counts as no 0, it is told."""
        short_s = min(one.short_s for one in rules.windows)
        for layer, window in self._windows.items():
            unpriced = window.within(now_s, short_s).unpriced
            if layer != WHOLE and unpriced:
                yield Alarm(
                    Trigger.BUDGET_RUNAWAY,
                    f"unpriced:{layer}",
                    f"layer:{layer}",
                    f"{unpriced} hops of {layer} used tokens at a price that is not known",
                    {"layer": layer, "unpriced": unpriced, "window_s": short_s},
                )


def _alarm(limit: Limit, burns: Burning, scope: str) -> Alarm:
    name = f"{limit.scope}:{limit.layer}" if limit.layer else str(limit.scope)
    budget = limit.max_cost or 0
    figures = {
        "budget": name,
        "budget_eur": text_from_nano(budget),
        "factor": _tenths(burns.pair.factor),
        "burn_long": _tenths(burns.long),
        "burn_short": _tenths(burns.short),
        "long_s": burns.pair.long_s,
        "short_s": burns.pair.short_s,
        "long_eur": text_from_nano(burns.long_spent.cost),
        "short_eur": text_from_nano(burns.short_spent.cost),
        "short_calls": burns.short_spent.calls,
    }
    summary = (
        f"{limit.layer or 'all layers'}: {_tenths(burns.long)} times the even rate of the day's "
        f"{_eur(budget)} over {burns.pair.long_s // 60} min, {_tenths(burns.short)} times over "
        f"{burns.pair.short_s // 60} min ({burns.short_spent.calls} calls, {_eur(burns.short_spent.cost)})"
    )
    return Alarm(Trigger.BUDGET_RUNAWAY, f"{name}/{scope}", scope, summary, figures)


def _standing(one: Alarm) -> Alarm:
    return Alarm(one.trigger, one.cause, one.scope, one.summary, one.figures, seen=0)


def _unpriced(kind: str, body: Mapping[str, Any]) -> bool:
    """Whether an answer used tokens and nothing says what they cost."""
    if kind != EventKind.CALL_COMPLETED:
        return False
    usage = body["usage"]
    used = usage.get("input", 0) + usage.get("output", 0) > 0
    return used and body.get("cost_basis") in {None, "", "none", "unknown"}


def _tenths(rate: Fraction) -> str:
    tenths = int(rate * 10)
    return f"{tenths // 10}.{tenths % 10}"


def _eur(nano: int) -> str:
    return f"€ {nano / 1e9:.2f}"
