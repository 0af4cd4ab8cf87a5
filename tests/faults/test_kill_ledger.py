"""kill -9 of the node and of its callers: no acknowledged event is lost or doubled."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from ledger_campaign import Finding, campaign


@pytest.mark.slow
def test_no_acknowledged_event_is_lost_or_doubled() -> None:
    """Thirty kills of node, notary and callers under full work; chain, figures and signed heads hold."""
    with TemporaryDirectory(prefix="pk") as folder:
        finding = campaign(Path(folder), rounds=10, work_s=0.05)
    assert finding == Finding(
        kills=30,
        acknowledged=finding.acknowledged,
        events=finding.events,
        lost=0,
        doubled=0,
        moved=0,
        refused=0,
        chain="ok",
        forked=0,
        signed=finding.signed,
    )
    assert finding.acknowledged > 50
    assert finding.signed >= 10
