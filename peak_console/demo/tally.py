"""What the traffic did so far, and the summary line it ends with."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from peak_console.domain.calls import CallResult


@dataclass(slots=True)
class Tally:
    """Counts of one traffic process."""

    calls: int = 0
    """Calls that were answered."""
    failed: int = 0
    """Calls that were sent and not answered usably."""
    refused: int = 0
    """Calls that were not sent: posture, policy, budget, configs."""
    fallbacks: int = 0
    """Calls answered by a fallback."""
    runs: int = 0
    runs_failed: int = 0
    cost_eur: Decimal = Decimal(0)

    def answered(self, result: CallResult) -> None:
        """Count an answer."""
        self.calls += 1
        self.fallbacks += result.fallback
        self.cost_eur += Decimal(result.cost_eur)

    def summary(self) -> dict[str, Any]:
        """The counts as JSON; money as exact text."""
        return {
            "calls": self.calls,
            "failed": self.failed,
            "refused": self.refused,
            "fallbacks": self.fallbacks,
            "runs": self.runs,
            "runs_failed": self.runs_failed,
            "cost_eur": f"{self.cost_eur:.9f}",
        }
