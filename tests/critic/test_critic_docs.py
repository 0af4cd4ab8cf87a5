from pathlib import Path

import pytest

from peak_console.critic.parse import ReportReason

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "critic.md"


@pytest.mark.parametrize("reason", list(ReportReason))
def test_every_reason_is_documented(reason: ReportReason) -> None:
    """A reason that a verdict can carry stands in the reference."""
    assert f"`{reason.value}`" in PAGE.read_text(encoding="utf-8")
