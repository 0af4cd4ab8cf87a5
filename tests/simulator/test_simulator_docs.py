from pathlib import Path

import pytest

from peak_console.simulator.faults import Fault

PAGE = Path(__file__).parents[2] / "docs" / "simulator.md"


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_is_documented(fault: Fault) -> None:
    """A kind that can be asked for stands in the page about the simulator."""
    assert f"`{fault.value}`" in PAGE.read_text(encoding="utf-8")
