"""Scope stops, reduce and disarm through a node: shown at once, recorded, kept, lifted by an operator."""

import asyncio
import json

import pytest
from node_world import World, node_here, soon

from peak_console.control import lease as leases
from peak_console.control.gate import CallGate
from peak_console.control.history import stop_draft
from peak_console.domain.arming import ArmEnd, ArmLease
from peak_console.domain.clock import SystemClock, unix_us
from peak_console.domain.errors import LedgerUnavailable, PeakError, UsageWrong
from peak_console.domain.posture import Orders, PostureState
from peak_console.node.engine import Node
from peak_console.node.ramping import ramped
from peak_console.operations.enable import enable_scope
from peak_console.operations.lowering import LoweredNow, disarm, reduce, stop_scope
from peak_console.operations.stop import stop


def lease_of(world: World) -> leases.Lease:
    """The lease as it stands."""
    found = CallGate(world.ws.control, SystemClock(), {}).lease()
    assert found is not None
    return found


def lift(world: World, node: Node, scope: str) -> None:
    """``peak enable --scope``."""
    with world.client(node.socket_path) as client:
        lifted = enable_scope(world.ws, client, scope=scope, reason="test", confirm="ENABLE", operator="anna")
    assert lifted.shown


def armed(node: Node, *, scope: str = "venue:kraken", run_id: str = "run_1") -> ArmLease:
    """Arm this node by hand, as a grant does."""
    now, wall = SystemClock().boot_us(), unix_us(SystemClock().now())
    lease = ArmLease("arm_1", scope, run_id, "anna", now, now + 60_000_000, wall, wall + 60_000_000)
    node.state.arm = lease
    node.watch.renew_now()
    return lease


async def lowered(doing: object, *args: object, **named: object) -> LoweredNow:
    """Lower from a thread, as another process would."""
    return await asyncio.to_thread(doing, *args, **named)  # type: ignore[arg-type]


async def test_a_scope_stop_holds_over_a_restart_until_an_operator_lifts_it(world: World) -> None:
    """Named in the lease, on record, in the next node's lease too; a global enable does not lift it."""
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        done = await lowered(stop_scope, world.ws, "layer:L2", reason="odd answers", operator="otto")
        assert done.effective
        assert not done.escalated
        assert done.recorded.seq is not None
        assert [one.step for one in done.steps if not one.ok] == []
        lease = lease_of(world)
        assert lease.stopped_scopes == ("layer:L2",)
        assert lease.calls
        assert "scope_stopped" in lease.reasons
        again = await lowered(reduce, world.ws, reason="winding down")
        assert again.effective
        assert lease_of(world).reduce
        assert world.posture().state is PostureState.REDUCE
    async with node_here(world) as node:
        assert lease_of(world).stopped_scopes == ("layer:L2",)
        assert lease_of(world).reduce
        await asyncio.to_thread(world.enable, node.socket_path)
        assert lease_of(world).stopped_scopes == ("layer:L2",)
        await asyncio.to_thread(lift, world, node, "layer:L2")
        await asyncio.to_thread(lift, world, node, "reduce")
        assert lease_of(world).stopped_scopes == ()
        assert world.posture().state is PostureState.DISARMED
        with pytest.raises(PeakError) as caught:
            await asyncio.to_thread(lift, world, node, "layer:L2")
        assert caught.value.code == "scope_not_stopped"
    stops = [one for one in world.events() if one.kind == "control.stopped"]
    assert [(one.body or {})["scope"] for one in stops] == ["layer:L2"]
    assert (stops[0].body or {})["operator"] == "otto"


async def test_what_cannot_be_recorded_stops_everything(world: World) -> None:
    """A ledger that takes nothing: the scope holds in memory, everything is stopped, and that is said."""
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        takes = node.lowering._append

        async def refuses(*_: object) -> list[object]:
            raise LedgerUnavailable("no space left on device")

        node.lowering._append = refuses  # type: ignore[assignment]
        done = await lowered(stop_scope, world.ws, "provider:acme")
        assert done.effective
        assert done.escalated
        assert "everything is STOPPED" in done.line
        assert done.posture.state is PostureState.STOPPED
        assert world.posture().state is PostureState.STOPPED
        assert node.state.stopped_scopes == ("provider:acme",)
        node.lowering._append = takes
        node.lowering.retry()
        await soon(lambda: not node.state.lowering, "recorded late")
        assert node.state.stopped_scopes == ("provider:acme",)
        disarmed = await lowered(disarm, world.ws)
        assert disarmed.effective
        assert not disarmed.escalated


async def test_without_a_node_a_scope_stop_stops_everything_and_disarm_is_done(world: World) -> None:
    """Nobody could keep a scope: STOPPED, said plainly. Nothing is armed where no lease counts."""
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
    done = await lowered(disarm, world.ws)
    assert done.effective
    assert not done.escalated
    done = await lowered(stop_scope, world.ws, "layer:L2")
    assert done.effective
    assert done.escalated
    assert world.posture().state is PostureState.STOPPED
    stop = json.loads((world.ws.control / "STOP").read_bytes())
    assert (stop["scope"], stop["asked_scope"]) == ("global", "layer:L2")
    async with node_here(world):
        assert not world.calls()


async def test_what_names_no_part_stops_everything(world: World) -> None:
    """A slip of the pen stops more, never less; the ledger takes no stop of nothing."""
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        with pytest.raises(UsageWrong) as caught:
            await node.server.append(
                [stop_draft("stop_x", reason="", operator="", scope="L2")], actor="somebody"
            )
        assert caught.value.code == "scope_malformed"
        done = await lowered(stop_scope, world.ws, "layer:L99")
        assert done.effective
        assert done.escalated
        assert not world.calls()


async def test_arming_ends_with_disarm_stop_and_its_run(world: World) -> None:
    """In memory, in the lease, at once; whoever holds arming is told, and why."""
    told: list[ArmEnd] = []
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        for held in (node.watch.before_lease, node.watch.on_posture_changed, node.lowering.on_disarm):
            held.clear()  # what grants arming is not asked here: this is what ends it in any case
        node.lowering.on_disarm.append(lambda why, _: told.append(why))
        armed(node)
        assert lease_of(world).arm is not None
        done = await lowered(disarm, world.ws, reason="shift ends")
        assert done.effective
        assert node.state.arm is None
        assert lease_of(world).arm is None
        armed(node)
        await lowered(stop_scope, world.ws, "run:run_2")
        assert node.state.arm is not None
        await lowered(stop_scope, world.ws, "run:run_1")
        assert node.state.arm is None
        assert told == [ArmEnd.DISARMED, ArmEnd.POSTURE_FELL]
        lease = armed(node)
        node.state.lowering.clear()
        (world.ws.control / "ENABLED").unlink()
        node.watch.renew_now()
        assert node.state.arm is None
        assert lease_of(world).orders is Orders.NONE
        node.state.arm = lease  # a grant that comes after the stop
        assert node.watch.renew_now().arm is None
    (ended,) = [one.body or {} for one in world.events() if one.kind == "control.disarmed"]
    assert ended["lease_id"] == "arm_1"


async def test_a_lease_that_cannot_be_written_is_removed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk while something is lowered: the lease that says more is gone until one can be written."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        monkeypatch.setattr(leases, "write", full)
        answer = await node.lowering.lower("reduce", reason="test")
        assert answer.recorded
        assert not (world.ws.control / "lease").exists()
        assert not world.calls()
        monkeypatch.undo()
        await soon(world.calls, "the lease is written again")
        assert lease_of(world).reduce


async def test_after_a_recovery_limits_come_back_in_steps(world: World) -> None:
    """Half at first, in the lease and in what the writer admits; on record once, over a restart too."""
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        assert lease_of(world).ramp_pct == 100
        await asyncio.to_thread(stop, world.ws, reason="x")
        await asyncio.to_thread(world.enable, node.socket_path)
        assert lease_of(world).ramp_pct == 50
        whole = node.state.configs.current(node.state.facts.phase.level).budgets.limits
        assert node.rules.limits() == ramped(whole, 50)
        await soon(lambda: "control.ramped" in world.kinds(), "on record")
    async with node_here(world):
        assert lease_of(world).ramp_pct == 50
    (event,) = [one.body or {} for one in world.events() if one.kind == "control.ramped"]
    assert (event["step"], event["pct"], event["of"]) == (0, 50, 3)
    assert 3500 < event["next_in_s"] <= 3600


async def test_scopes_that_do_not_fit_stop_everything(world: World) -> None:
    """More than a lease can name: a real stop, on record, with that as the reason, until some are lifted."""
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        many = [stop_draft(f"stop_{n}", reason="", operator="", scope=f"run:{n:0>100}") for n in range(40)]
        await node.server.append(many, actor="node")
        folded = node.watch.renew_now()
        assert folded.reasons[0] == "too_many_scopes"
        assert not world.calls()
        assert world.posture().reasons[0] == "too_many_scopes"
        assert CallGate(world.ws.control, SystemClock(), {}).stopped() == "stop_present"
        assert not (world.ws.control / "ENABLED").exists()
        await soon(lambda: node.state.facts.history.in_force is None, "the stop is on record")
        (stop,) = [one.body or {} for one in world.events() if (one.body or {}).get("scope") == "global"][-1:]
        assert "40 stopped scopes" in stop["reason"]
        one_more = await lowered(stop_scope, world.ws, "layer:L2")
        assert one_more.effective
        assert one_more.escalated
