"""Fixtures of the node's tests."""

from pathlib import Path

import pytest
from node_world import World

from peak_console.node.spawn import begin_ledger
from peak_console.operations.init import init_workspace


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A new workspace, made as ``peak init`` makes it, with operator anna and no cooldown."""
    monkeypatch.setenv("PEAK_KEYS_DIR", str(tmp_path / "keys"))
    made = init_workspace(tmp_path / "w", operator="anna")
    begin_ledger(made.ws, operator=made.operator, public_key=made.public_key)
    world = World(made.ws)
    world.set_control(cooldown_s=0)
    return world
