"""Which budgets count a call, as a verification knows it: the limits that stand, without their amounts."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from peak_console.budget.limits import BudgetLimits, Limit, Scope


@dataclass(frozen=True, slots=True)
class KnownLimits:
    """The limits of the workspace's budgets as they stand now, as JSON carries them to another process."""

    digest: str
    timezone: str
    scopes: tuple[tuple[str, str | None], ...]

    @classmethod
    def of(cls, limits: BudgetLimits) -> "KnownLimits":
        """What of ``limits`` names counters."""
        return cls(
            limits.digest, limits.timezone, tuple((one.scope.value, one.layer) for one in limits.limits)
        )

    @classmethod
    def read(cls, told: Mapping[str, Any] | None) -> "KnownLimits | None":
        """What :func:`dataclasses.asdict` made of it."""
        if told is None:
            return None
        scopes = tuple((scope, layer) for scope, layer in told["scopes"])
        return cls(told["digest"], told["timezone"], scopes)

    def limits(self) -> BudgetLimits:
        """Limits without amounts."""
        scopes = tuple(Limit(Scope(scope), layer) for scope, layer in self.scopes)
        return BudgetLimits(scopes, warn_pct=Decimal(100), timezone=self.timezone, digest=self.digest)
