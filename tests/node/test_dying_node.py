"""The node killed in the midst of a scope stop: it is on record, or everything is stopped; never neither."""

import signal
from pathlib import Path

import pytest
from node_world import PATIENCE_S, World, node_here, node_process, soon

from peak_console.domain.posture import PostureState
from peak_console.operations import lowering
from peak_console.operations.lowering import stop_scope

_SCRIPT = str(Path(__file__).with_name("dying_node.py"))


def scopes(world: World) -> list[str]:
    """What was stopped, as the ledger tells it."""
    return [(one.body or {})["scope"] for one in world.events() if one.kind == "control.stopped"]


@pytest.mark.parametrize("step", ["_remember", "_show", "_record"])
async def test_a_scope_stop_is_not_lost_with_the_node(
    world: World, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before the lease, before the record, before the answer: who stopped is told the truth.

    Everything is stopped instead, at once and without a node; the next node has it on record and keeps to it.
    """
    monkeypatch.setattr(lowering, "CONNECT_S", PATIENCE_S)  # a slow machine is not the matter here
    with node_process(world, program=(_SCRIPT, step)) as node:
        world.enable(node.socket)
        assert world.calls()
        done = stop_scope(world.ws, "layer:L2", reason="the node dies")
        assert node.process.wait(PATIENCE_S) == -signal.SIGKILL
    assert (done.effective, done.escalated) == (True, True)
    assert "ask the node" in [one.step for one, _ in done.failed]
    assert not world.calls()
    async with node_here(world):
        await soon(lambda: "global" in scopes(world), "the stop of everything on record")
        assert world.posture().state is PostureState.STOPPED
        assert ("layer:L2" in scopes(world)) is (step == "_record")
