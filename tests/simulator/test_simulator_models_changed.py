"""Models changed over the control interface, and what is documented of it."""

from dataclasses import fields
from pathlib import Path

from aiohttp.test_utils import TestClient, TestServer

from peak_console.simulator.server import application
from peak_console.simulator.simulation import Simulation
from peak_console.simulator.steering import Change

PAGE = Path(__file__).parents[2] / "docs" / "simulator.md"
MODEL = {"provider": "openai", "model": "gpt-5-mini"}


async def test_a_model_is_changed_and_taken_back_over_http() -> None:
    """What differs is told in the state; a wrong change is refused with why; a reset takes all back."""
    simulation = Simulation(error_rate=0.0, latency_scale=0.0)
    async with TestClient(TestServer(application(simulation))) as client:
        answer = await client.post("/_sim/model", json={**MODEL, "served_as": "other", "latency": 4})
        expected = [{**MODEL, "served_as": "other", "latency": 4.0}]
        assert (answer.status, await answer.json()) == (200, {"changed": expected})
        state = await (await client.get("/_sim/state")).json()
        assert state["changed"] == expected
        body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "x"}]}
        said = await client.post(
            "/openai/v1/chat/completions", json=body, headers={"authorization": "Bearer x"}
        )
        assert (await said.json())["model"] == "other"
        wrong = await client.post("/_sim/model", json={**MODEL, "latency": "slow"})
        assert (wrong.status, "latency is a number" in (await wrong.json())["error"]) == (400, True)
        await client.post("/_sim/model", json={**MODEL, "end": True})
        assert simulation.steering.told() == []
        await client.post("/_sim/model", json={**MODEL, "voice": 1})
        await client.post("/_sim/reset")
        assert simulation.steering.told() == []


def test_every_change_is_documented() -> None:
    """What can be changed stands in the page about the simulator."""
    text = PAGE.read_text(encoding="utf-8")
    assert [one.name for one in fields(Change) if f"| `{one.name}` |" not in text] == []
