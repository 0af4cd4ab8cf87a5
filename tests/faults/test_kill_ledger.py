"""kill -9 of the node and of its callers: no acknowledged event is lost or doubled."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from ledger_campaign import Finding, campaign


@pytest.mark.slow
def test_no_acknowledged_event_is_lost_or_doubled() -> None:
    """Three kills of the node and three of callers under full work; chain and figures verify after."""
    with TemporaryDirectory(prefix="pk") as folder:
        finding = campaign(Path(folder), rounds=3)
    assert finding == Finding(
        kills=6,
        acknowledged=finding.acknowledged,
        events=finding.events,
        lost=0,
        doubled=0,
        moved=0,
        refused=0,
        chain="ok",
    )
    assert finding.acknowledged > 50
