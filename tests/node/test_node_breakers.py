"""The node's breakers: in the lease at once, by the configs' rules; and what it admits before it looks."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from node_calls import completed, failed, requested
from node_world import World, node_here, soon

from peak_console.control.gate import CallGate
from peak_console.control.lease import BreakerOpen
from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import ControlRefused, UsageWrong
from peak_console.domain.events import EventDraft
from peak_console.node.engine import Node
from peak_console.node.status import report


class Later(SystemClock):
    """The machine's clocks, of which the wall clock can be put forward."""

    ahead = timedelta(0)

    def now(self) -> datetime:
        """The wall clock."""
        return super().now() + self.ahead


def told(world: World) -> tuple[BreakerOpen, ...]:
    """The open breakers that a worker's gate reads in the lease."""
    lease = CallGate(world.ws.control, SystemClock(), {}).lease()
    return lease.breakers if lease else ()


async def append(node: Node, *drafts: EventDraft) -> list[Any]:
    """Append as the node takes in what clients send."""
    return await node.server.append(drafts, actor="worker")


@pytest.mark.usefixtures("_lasting_lease")
async def test_a_trip_and_a_reset_stand_in_the_lease_at_once(world: World) -> None:
    """Well before the lease would be renewed anyway, a worker knows; by the rules of the configs."""
    world.set_breaker(failures=2, open_s=120, window_s=300)
    clock = Later()
    async with node_here(world, clock=clock) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        await soon(world.calls, "calls are permitted")
        await append(node, requested("c1"), failed("c1"), requested("c2"), failed("c2"))
        (breaker,) = await soon(lambda: told(world), "the lease names the breaker")
        assert (breaker.provider, breaker.model_id) == ("openai", "gpt-5")
        (ack,) = await append(node, requested("c3"))
        assert ack.refusal is not None
        assert (ack.refusal.code, ack.refusal.details["until_us"]) == ("breaker_open", breaker.until_us)
        assert world.calls(), "an open breaker is no stop"
        (shown,) = report(node)["breakers"]
        assert shown == {
            "provider": "openai",
            "model_id": "gpt-5",
            "until_us": breaker.until_us,
            "latched": False,
        }
        clock.ahead = timedelta(seconds=121)
        await soon(lambda: not told(world), "its time is over")
        (ack,) = await append(node, requested("c4"))
        assert ack.refusal is None
        await append(node, completed("c4"))
    assert world.kinds().count("breaker.reset") == 1


async def test_the_lease_names_what_fits(world: World) -> None:
    """Forty models with the longest names: the lease stays a lease, and the ledger refuses all of them."""
    world.set_breaker(failures=1)
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        await soon(world.calls, "calls are permitted")
        for number in range(40):
            draft = failed(f"c{number}")
            name = f"{number:03d}{'m' * 90}"
            await append(
                node,
                EventDraft(
                    draft.event_id, draft.kind, draft.body, "r1", f"c{number}", "L2", "primary", "p", name
                ),
            )
        assert 0 < len(await soon(lambda: told(world), "the lease names some")) <= 24
        assert world.calls()
        assert node.keeper.error == ""


async def test_a_latched_breaker_stands_in_the_lease_and_after_a_restart(world: World) -> None:
    """First of all that is open, without an end; a good answer of another call changes nothing."""
    world.set_breaker(failures=1)
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        await soon(world.calls, "calls are permitted")
        draft = completed("c1")
        dear = EventDraft(
            draft.event_id, draft.kind, {**draft.body, "cost_eur": "5.000000000"}, draft.run_id, "c1",
            draft.layer, draft.role, draft.provider, draft.model_id,
        )  # fmt: skip
        await append(node, failed("c0", model_id="gpt-5-mini"), requested("c1"), dear)
        breakers = await soon(lambda: told(world) if len(told(world)) > 1 else None, "the lease names both")
        assert [(one.model_id, one.latched) for one in breakers] == [("gpt-5", True), ("gpt-5-mini", False)]
    async with node_here(world) as node:
        assert [one["latched"] for one in report(node)["breakers"]] == [True, False]


async def test_nobody_but_the_ledger_trips_a_breaker(world: World) -> None:
    """A trip is nobody else's, also not with proof; a reset names its operator and reason, or is none."""
    async with node_here(world) as node:
        for breaker in ("provider", "budget"):
            with pytest.raises(ControlRefused) as caught:
                await append(node, EventDraft("ev_x", "breaker.tripped", {"breaker": breaker}))
            assert caught.value.code == "kind_reserved"
            with pytest.raises(UsageWrong) as malformed:
                await append(node, EventDraft("ev_x", "breaker.reset", {"breaker": breaker}))
            assert malformed.value.code == "event_malformed"


@pytest.mark.parametrize("leasing", [True, False])
async def test_nothing_is_admitted_before_the_posture_is_folded(world: World, *, leasing: bool) -> None:
    """A node that has begun to listen and not looked yet refuses; one of a single command always does."""
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
    node = Node(world.ws, children=False, leasing=leasing)
    refused: list[str] = []

    async def early() -> None:
        (ack,) = await append(node, requested("early"))
        refused.append(ack.refusal.code if ack.refusal else "admitted")

    async def entering() -> None:
        await early()

    node._enter_service = entering  # type: ignore[method-assign]
    await node.start()
    try:
        if not leasing:
            await early()
        assert refused == ["posture"]
    finally:
        node._leasing = False
        await node.close()


async def test_metrics_are_served_only_where_they_are_wanted(world: World) -> None:
    """Switched off in the console's settings, no child is started for them."""
    world.ws.console_config.write_text("[exporters.metrics]\nenabled = false\n", encoding="utf-8")
    node = Node(world.ws)
    await node.start()
    try:
        assert [child.state.name for child in node.children] == ["notary", "log", "index"]
    finally:
        await node.close()
