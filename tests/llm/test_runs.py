from typing import Any

import pytest
from loopback_server import LoopbackServer
from road import Road, asking, environment
from streams import sending, whole

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import BudgetExceeded, UsageWrong
from peak_console.domain.vocabulary import Layer
from peak_console.ledger.service.client import SocketLedgerClient
from peak_console.llm.client import Client


def started(road: Road) -> dict[str, Any]:
    """The body of ``run.started``."""
    body = road.events("run.started")[0].body
    assert body is not None
    return dict(body)


async def test_calls_of_a_run_need_no_layer(road: Road) -> None:
    """A run's layer is its calls' layer, unless a call names another."""
    async with road.client.run(purpose="outlook", layer="L2") as run:
        first = await run.call(messages="How is the market?")
        second = await run.call(layer="L3", messages="And the plan?")
    assert (first.layer, second.layer, first.run_id, second.run_id) == ("L2", "L3", run.run_id, run.run_id)
    assert run.calls == 2
    assert started(road)["layer"] == "L2"


async def test_a_run_streams(road: Road, providers: LoopbackServer) -> None:
    """A streamed call of a run is recorded under its id."""
    providers.handler = sending(*whole("fine"))
    async with road.client.run(layer=Layer.L2) as run, run.stream(messages="?") as stream:
        assert (await stream.result()).run_id == run.run_id
    assert {event.run_id for event in road.events()} == {run.run_id}


async def test_a_call_belongs_to_the_run_that_it_names(road: Road) -> None:
    """``run=`` takes the run itself or its id."""
    async with road.client.run() as run:
        one = await road.client.call(layer="L2", messages="?", run=run)
        two = await road.client.call(layer="L2", messages="?", run=run.run_id)
    assert one.run_id == two.run_id == run.run_id


async def test_a_run_keeps_to_its_limit_of_calls(road: Road, providers: LoopbackServer) -> None:
    """The call beyond the limit is refused by the ledger before anything leaves, and says which limit."""
    async with road.client.run(layer="L2", max_calls=2) as run:
        await run.call(messages="1")
        await run.call(messages="2")
        with pytest.raises(BudgetExceeded) as caught:
            await run.call(messages="3")
    assert caught.value.code == "budget_exceeded"
    assert caught.value.remedy
    assert len(providers.seen) == 2
    assert started(road)["limits"] == {"max_calls": 2}
    road.check()


@pytest.mark.parametrize("limits", [{"max_cost_eur": "0.000001"}, {"max_tokens": 50}])
async def test_a_run_keeps_to_cost_and_tokens(
    road: Road, providers: LoopbackServer, limits: dict[str, Any]
) -> None:
    """A call whose bound does not fit the run's limit is refused."""
    async with road.client.run(layer="L2", **limits) as run:
        with pytest.raises(BudgetExceeded):
            await run.call(messages="A question that costs more than that")
    assert not providers.seen


async def test_the_limits_of_a_run_bind_whoever_calls_for_it(
    road: Road, workspace: Workspace, providers: LoopbackServer
) -> None:
    """Another client that calls under the run's id meets the same limit."""
    async with road.client.run(max_calls=1) as run:
        await road.client.call(asking(run_id=run.run_id))
        other = await SocketLedgerClient.connect(road.server.socket_path, name="other")
        async with other, Client(workspace, other, environ=environment(providers.url)) as client:
            with pytest.raises(BudgetExceeded):
                await client.call(asking(run_id=run.run_id))


@pytest.mark.parametrize(
    "limits",
    [{"max_calls": -1}, {"max_calls": 1.5}, {"max_tokens": True}, {"max_cost_eur": "much"}, {"layer": "L7"}],
)
async def test_limits_that_are_none_are_told(road: Road, limits: dict[str, Any]) -> None:
    """A run with a limit that nobody could keep does not begin."""
    with pytest.raises(UsageWrong):
        road.client.run(**limits)
    assert road.kinds() == []


async def test_artefacts_are_collected(road: Road) -> None:
    """A run knows what was written in it; a second version of a file counts once."""
    async with road.client.run() as run:
        run.write_artefact("analyst", "a.md", "one")
        run.write_artefact("analyst", "a.md", "two")
        run.write_artefact("critic", "b.md", "three")
        assert [one["path"] for one in run.artefacts] == ["analyst/a.md", "critic/b.md"]
    finished = road.events("run.finished")[0].body
    assert finished is not None
    assert [one["bytes"] for one in finished["artefacts"]] == [3, 5]
