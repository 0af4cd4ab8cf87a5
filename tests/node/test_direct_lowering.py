"""What clients record of lowering by themselves acts at once; agents stop so much and no more."""

import asyncio
from pathlib import Path

import pytest
from node_world import PATIENCE_S, World, node_here, soon

from peak_console.control import lease as leases
from peak_console.control.files import ENABLED, STOP
from peak_console.control.gate import CallGate
from peak_console.control.history import stop_draft
from peak_console.control.lowered import disarm_draft, reduce_draft
from peak_console.domain.arming import ArmEnd, ArmLease
from peak_console.domain.clock import SystemClock, unix_us
from peak_console.domain.errors import ControlRefused
from peak_console.domain.events import EventDraft
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.node.engine import Node
from peak_console.node.lowering import AGENTS_SCOPES


def lease_of(world: World) -> leases.Lease:
    """The lease as it stands."""
    found = CallGate(world.ws.control, SystemClock(), {}).lease()
    assert found is not None
    return found


def scope_stop(number: int, scope: str) -> EventDraft:
    """The record of a scope's stop."""
    return stop_draft(f"stop_by_hand_{number}", reason="", operator="", scope=scope)


def client(socket: Path, actor: str | None = None) -> BlockingLedgerClient:
    """A client that may be an agent."""
    return BlockingLedgerClient.connect(socket, name="test", actor=actor, deadline_s=PATIENCE_S)


def arm(node: Node) -> None:
    """Arm this node by hand, as a grant does."""
    now, wall = SystemClock().boot_us(), unix_us(SystemClock().now())
    times = (now, now + 60_000_000, wall, wall + 60_000_000)
    node.state.arm = ArmLease("arm_1", "venue:kraken", "run_1", "anna", *times)
    node.watch.renew_now()


async def test_what_is_recorded_as_lowered_is_lowered(world: World) -> None:
    """The ledger never says disarmed while something is armed; a scope and reduce are shown at once."""
    told: list[ArmEnd] = []
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        for held in (node.watch.before_lease, node.watch.on_posture_changed, node.lowering.on_disarm):
            held.clear()  # what grants arming is not asked here
        node.lowering.on_disarm.append(lambda why, _: told.append(why))

        def by_hand(draft: EventDraft) -> leases.Lease:
            with client(node.socket_path, "agent:helper") as line:
                line.append([draft])
            return lease_of(world)

        arm(node)
        assert lease_of(world).arm is not None
        disarmed = disarm_draft("dis_1", lease_id=None, reason="by hand", operator="otto")
        assert (await asyncio.to_thread(by_hand, disarmed)).arm is None
        assert node.state.arm is None
        arm(node)
        await asyncio.to_thread(by_hand, scope_stop(1, "run:run_1"))
        assert node.state.arm is None
        assert told == [ArmEnd.DISARMED, ArmEnd.POSTURE_FELL]
        await asyncio.to_thread(by_hand, reduce_draft("red_1", reason="", operator=""))
        await soon(lambda: lease_of(world).reduce, "reduce is shown")
        assert lease_of(world).stopped_scopes == ("run:run_1",)
        assert lease_of(world).calls


async def test_agents_stop_some_scopes_and_then_everything(world: World) -> None:
    """Asked for or recorded by hand; people are not bound, and stopping is never refused."""
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        lower = node.lowering.lower
        for number in range(AGENTS_SCOPES):
            asked = {"scope": f"run:{number}", "actor": f"u/agent:{number % 2}"}
            assert not (await lower("stop", **asked)).escalated
        again = await lower("stop", scope="run:0", actor="u/agent:x")
        assert not again.escalated
        person = await lower("stop", scope="layer:L2", actor="u")
        assert not person.escalated
        assert world.calls()
        one_more = await lower("stop", scope="run:x", actor="u/job:nightly")
        assert one_more.escalated
        assert one_more.stopped
        assert not (world.ws.control / ENABLED).exists()
        assert "run:x" not in node.state.stopped_scopes
        await soon(lambda: node.state.facts.history.in_force is None, "the stop is on record")
    async with node_here(world) as node:  # who stopped is known from the ledger
        await asyncio.to_thread(world.enable, node.socket_path)

        def flood() -> None:
            with client(node.socket_path, "job:nightly") as line:
                line.append([scope_stop(1, "run:1")])
                with pytest.raises(ControlRefused) as refused:
                    line.append([scope_stop(2, "run:2"), scope_stop(3, "run:y")])
                assert refused.value.code == "too_many_scopes"

        await asyncio.to_thread(flood)
        assert not world.calls()
        assert (world.ws.control / STOP).exists()


async def test_a_lowering_has_an_id_of_its_own(world: World) -> None:
    """One that a client chose may have been lifted already: recorded under it, it would stop nothing."""
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)

        def lower_twice() -> None:
            with client(node.socket_path) as line:
                for scope in ("layer:L2", "layer:L3"):
                    told = line.request("control.lower", what="stop", scope=scope, stop_id="stop_chosen")
                    assert told["recorded"]

        await asyncio.to_thread(lower_twice)
        marks = node.state.facts.lowered.scopes
        assert len({one.stop_id for one in marks.values()} | {"stop_chosen"}) == 3
        assert lease_of(world).stopped_scopes == ("layer:L2", "layer:L3")
