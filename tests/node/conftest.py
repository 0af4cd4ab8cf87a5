"""Fixtures of the node's tests."""

from pathlib import Path

import pytest
from node_world import World
from support.begun import begin_here, begun

from peak_console.control import lease

__all__ = ["begun"]


@pytest.fixture
def world(begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A new workspace, made as ``peak init`` makes it, with operator anna and no cooldown."""
    world = World(begin_here(begun, tmp_path, monkeypatch))
    world.set_control(cooldown_s=0)
    return world


@pytest.fixture
def _lasting_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease that is renewed only where something changed, for as long as a test may take."""
    monkeypatch.setattr(lease, "LIFETIME_US", 600_000_000)
    monkeypatch.setattr(lease, "RENEW_S", 300.0)
