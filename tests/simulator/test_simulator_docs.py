from pathlib import Path

import pytest

from peak_console.critic.parse import ReportReason
from peak_console.simulator.faults import Fault

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_is_documented(fault: Fault) -> None:
    """A kind that can be asked for stands in the page about the simulator."""
    assert f"`{fault.value}`" in (DOCS / "simulator.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("reason", list(ReportReason))
def test_every_reason_is_documented(reason: ReportReason) -> None:
    """A reason that a verdict can carry stands in the reference."""
    assert f"`{reason.value}`" in (DOCS / "reference" / "critic.md").read_text(encoding="utf-8")
