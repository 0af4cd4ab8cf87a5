"""Fixtures of the evidence tests: made once for all tests of a worker, and copied for each."""

from pathlib import Path

import pytest
from evidence_world import EvidenceWorld, copied, new_world, with_run


@pytest.fixture(scope="session")
def _begun_once(tmp_path_factory: pytest.TempPathFactory) -> EvidenceWorld:
    return new_world(tmp_path_factory.mktemp("begun"))


@pytest.fixture(scope="session")
def _world_once(tmp_path_factory: pytest.TempPathFactory, _begun_once: EvidenceWorld) -> EvidenceWorld:
    return with_run(copied(_begun_once, tmp_path_factory.mktemp("run")))


@pytest.fixture
def begun(_begun_once: EvidenceWorld, tmp_path: Path) -> EvidenceWorld:
    """A workspace whose run has not begun."""
    return copied(_begun_once, tmp_path)


@pytest.fixture
def world(_world_once: EvidenceWorld, tmp_path: Path) -> EvidenceWorld:
    """A workspace with a run that ended and is signed."""
    return copied(_world_once, tmp_path)
