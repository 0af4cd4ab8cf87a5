"""A real road on a small workspace: real configs, gate, ledger server and socket; loopback providers."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent.parent / "net"))

from loopback_server import LoopbackServer
from road import Road, answering, open_road, write_workspace

from peak_console.config.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace with two providers on L2 and large budgets; calls are permitted once a road is open."""
    return write_workspace(tmp_path / "ws")


@pytest.fixture
async def providers() -> AsyncIterator[LoopbackServer]:
    """One server for both providers; its ``handler`` is the test's to replace."""
    async with LoopbackServer(answering()) as server:
        yield server


@pytest.fixture
async def road(workspace: Workspace, providers: LoopbackServer) -> AsyncIterator[Road]:
    """The road, open, in phase research, its providers at ``providers``."""
    async with open_road(workspace, providers.url) as made:
        yield made
