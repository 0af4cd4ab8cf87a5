"""What a cycle hears of the road: every answer, what was lost, and what could not be paid."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from pydantic import BaseModel

from peak_console.budget.limits import Scope
from peak_console.config.configs import Configs
from peak_console.critic.parse import CriticReport, ReportReason
from peak_console.domain.calls import CallReason, CallRequest, CallResult
from peak_console.domain.errors import PeakError
from peak_console.domain.money import decimal_from_nano
from peak_console.llm.runs import Run
from peak_console.shadow.material import Material

_BUDGETS: Final = frozenset(
    {CallReason.BUDGET_EXCEEDED.value, CallReason.BUDGET_ZERO.value, CallReason.BUDGET_MISSING.value}
)


@dataclass(frozen=True, slots=True)
class Heard:
    """The road of the run, with an ear: every answer and every loss goes into the material."""

    run: Run
    material: Material

    async def call(self, request: CallRequest, *, answer: type[BaseModel] | None = None) -> CallResult:
        """One governed call of the run; raises as ``Client.call``."""
        try:
            result = await self.run.call(request, answer=answer)
        except PeakError as error:
            self.material.lost_eur += _lost(error.details)
            raise
        self.material.answers[result.call_id] = result
        return result


def unpaid(reports: Iterable[CriticReport]) -> str:
    """Why a judge could not be asked for want of money; empty where all could."""
    for one in reports:
        code = one.detail.partition(":")[0]
        if one.reason == ReportReason.UNANSWERED and code in _BUDGETS:
            return code
    return ""


def cost_share_pct(configs: Configs, answer: CallResult) -> Decimal | None:
    """What an answer cost of what a call may cost, in percent."""
    caps = [one.max_cost for one in configs.budgets.limits.limits if one.scope is Scope.CALL and one.max_cost]
    return Decimal(answer.cost_eur) * 100 / decimal_from_nano(min(caps)) if caps else None


def _lost(details: Mapping[str, Any]) -> Decimal:
    """What the hops of a call that failed are booked at."""
    total = Decimal(0)
    for hop in details.get("hops") or ():
        try:
            total += Decimal(str(hop.get("cost_eur") or 0))
        except (InvalidOperation, AttributeError):
            continue
    return total
