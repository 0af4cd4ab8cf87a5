"""A worker that is told of a stop: it answers once its own gate shows it, and with what it cancelled."""

import asyncio
from typing import Any

import pytest
from loopback_server import Exchange, LoopbackServer
from road import Road, asking, open_road

from peak_console.config.workspace import Workspace
from peak_console.control.stop import stop_now
from peak_console.domain.errors import ControlRefused
from peak_console.ledger.service.session import Session
from peak_console.ledger.service.wire import Message

PATIENCE_S = 60.0


class Told:
    """Stands for the node: takes acknowledgements."""

    def __init__(self) -> None:
        self.answers: list[Message] = []
        self.answered = asyncio.Event()

    async def __call__(self, message: Message, _: Session) -> Message:
        """Take one."""
        self.answers.append(message)
        self.answered.set()
        return {"taken": True}


@pytest.fixture
def told(road: Road) -> Told:
    """The road's server takes acknowledgements."""
    taking = Told()
    road.server._handlers["control.ack"] = taking
    return taking


def notify(road: Road, **notice: Any) -> None:
    """Say it to every connection, as the node does."""
    for session in road.server._sessions:
        assert session.push({"notice": "control", **notice})


async def test_what_is_told_is_cancelled_and_acknowledged(
    road: Road, providers: LoopbackServer, told: Told
) -> None:
    """A stop of a layer, then of everything: each answer says what this stop cancelled."""
    arrived = asyncio.Event()

    async def holding(_: Exchange) -> None:
        arrived.set()
        await asyncio.Event().wait()

    providers.handler = holding
    call = asyncio.create_task(road.client.call(asking()))
    async with asyncio.timeout(PATIENCE_S):
        await arrived.wait()
        road.permit.halt("layer:L2")
        notify(road, stop_id="stop_1", scope="layer:L2")
        with pytest.raises(ControlRefused):
            await call
        await told.answered.wait()
        told.answered.clear()
        stop_now(road.ws.control)
        notify(road, stop_id="stop_2", scope="global")
        await told.answered.wait()
    assert [(one["stop_id"], one["cancelled"]) for one in told.answers] == [("stop_1", 1), ("stop_2", 0)]


async def test_a_stop_that_the_files_do_not_show_yet_is_waited_for(road: Road, told: Told) -> None:
    """An acknowledgement says that this process would refuse: never before it would."""
    notify(road, stop_id="stop_1", scope="layer:L2")
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(told.answered.wait(), 0.05)
        road.permit.halt("layer:L2")
        await told.answered.wait()
    assert [one["stop_id"] for one in told.answers] == ["stop_1"]


async def test_what_is_no_notice_of_a_stop_is_passed_over(road: Road, told: Told) -> None:
    """Another notice, or one without its texts, is none; the connection goes on."""
    road.permit.halt("layer:L2")
    for notice in (
        {"notice": "news", "stop_id": "stop_1", "scope": "layer:L2"},
        {"stop_id": 5, "scope": "layer:L2"},
        {"stop_id": "", "scope": "layer:L2"},
        {"stop_id": "x" * 1000, "scope": "layer:L2"},
        {"scope": "layer:L2"},
    ):
        notify(road, **notice)
    notify(road, stop_id="stop_2", scope="layer:L2")
    async with asyncio.timeout(PATIENCE_S):
        await told.answered.wait()
    assert [one["stop_id"] for one in told.answers] == ["stop_2"]
    assert (await road.ledger.request("status"))["protocol"] == 1


async def test_a_client_that_was_closed_heeds_nothing(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """Nothing is left behind on the connection, which is its owner's."""
    async with open_road(workspace, providers.url) as road:
        taking = Told()
        road.server._handlers["control.ack"] = taking
        await road.client.close()
        road.permit.halt("layer:L2")
        notify(road, stop_id="stop_1", scope="layer:L2")
        await road.ledger.request("status")
        assert taking.answers == []
        assert road.ledger._heeding == []
