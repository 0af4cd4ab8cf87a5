"""kill -9 of the ledger's server and of its callers: no acknowledged event is lost or doubled."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from ledger_campaign import Finding, campaign


@pytest.mark.slow
def test_no_acknowledged_event_is_lost_or_doubled() -> None:
    """Five kills of the server and five of callers under full work; chain and figures verify after."""
    with TemporaryDirectory(prefix="pk") as folder:
        finding = campaign(Path(folder), rounds=5)
    assert finding == Finding(
        kills=10,
        acknowledged=finding.acknowledged,
        events=finding.events,
        lost=0,
        doubled=0,
        moved=0,
        chain="ok",
    )
    assert finding.acknowledged > 50
