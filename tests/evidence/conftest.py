"""Fixtures of the evidence tests."""

from pathlib import Path

import pytest
from evidence_world import EvidenceWorld, new_world, with_run


@pytest.fixture
def begun(tmp_path: Path) -> EvidenceWorld:
    """A workspace whose run has not begun."""
    return new_world(tmp_path)


@pytest.fixture
def world(begun: EvidenceWorld) -> EvidenceWorld:
    """A workspace with a run that ended and is signed."""
    return with_run(begun)
