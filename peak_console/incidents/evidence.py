"""A sequential test's evidence, held against its threshold and as an incident's figures."""

from decimal import Decimal
from typing import Any

from peak_console.stats.e_detector import EDetector


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
