"""A sequential test's evidence, held against its threshold and as an incident's figures."""

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from peak_console.stats.e_detector import EDetector

RECENT: Final = 50
"""So many of the newest observations are told with an alarm."""


@dataclass
class Stream:
    """A stream of 0 and 1 under test, and its newest observations."""

    state: EDetector
    recent: deque[bool] = field(default_factory=lambda: deque(maxlen=RECENT))

    def take(self, *, hit: bool) -> None:
        """One more observation."""
        self.state = self.state.after(hit=hit)
        self.recent.append(hit)

    @property
    def told(self) -> str:
        """How many of the newest are 1, as ``9 of the last 50``."""
        return f"{sum(self.recent)} of the last {len(self.recent)}"


def reached(state: EDetector, alarm_log: Decimal) -> bool:
    """Whether the evidence is enough."""
    return state.evidence >= float(alarm_log)


def gauge(state: EDetector, alarm_log: Decimal) -> dict[str, Any]:
    """Evidence, threshold and usual rate, as texts: the ledger keeps no floats."""
    return {
        "evidence_log": f"{state.shown:.2f}",
        "alarm_log": str(alarm_log),
        "usual_rate": f"{state.p0:.4f}",
    }
