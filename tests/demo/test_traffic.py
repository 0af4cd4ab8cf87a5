import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from peak_console.demo.traffic import Traffic, gate_of, simulated
from peak_console.domain.artefacts import HEADINGS, result_faults
from peak_console.domain.errors import ControlRefused
from peak_console.simulator.faults import Fault, Ordered


@asynccontextmanager
async def running(traffic: Traffic) -> AsyncIterator[None]:
    """Traffic for the length of a block."""
    stop = asyncio.Event()
    task = asyncio.create_task(traffic.run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - the condition is another process's or the disk's
            await asyncio.sleep(0.02)


async def test_every_layer_works_under_runs_with_artefacts(demo: Any) -> None:
    """L0 to L4 call and judge, each run has its record and its files, and the ledger verifies."""
    traffic = demo.traffic()
    async with running(traffic):
        await until(lambda: traffic.tally.runs >= 60)
    completed = demo.events("llm.call.completed")
    assert {event.layer for event in completed} == {"L0", "L1", "L2", "L3", "L4"}
    judged = demo.events("critic.judged")
    assert {event.body["verdict"] for event in judged} == {"PASS", "REVIEW", "FAIL"}
    assert all(event.layer and event.role == "critic" for event in judged)
    finished = [event for event in demo.events("run.finished") if event.body["outcome"] == "ok"]
    assert len(finished) == traffic.tally.runs
    for event in finished[-20:]:
        names = {artefact["path"] for artefact in event.body["artefacts"]}
        agents = {name.split("/")[0] for name in names}
        assert names == {f"{agent}/{page}" for agent in agents for page in ("result.md", "risks.md")}
        for agent in agents:
            text = (demo.ws.runs / event.run_id / agent / "result.md").read_text()
            assert result_faults(text) == []
            assert text.count("\n## ") == len(HEADINGS)
    assert traffic.tally.calls == len(completed)
    await demo.check()


async def test_the_summary_agrees_with_the_ledger(demo: Any) -> None:
    """Calls and cost of the last line are those of the events."""
    traffic = demo.traffic(rate=100.0)
    async with running(traffic):
        await until(lambda: traffic.tally.calls >= 50)
    summary = traffic.tally.summary()
    cost = sum(Decimal(event.body["cost_eur"]) for event in demo.events("llm.call.completed"))
    assert summary["cost_eur"] == f"{cost:.9f}"
    assert set(summary) >= {"calls", "failed", "fallbacks", "refused", "cost_eur", "runs"}
    assert (summary["failed"], summary["refused"]) == (0, 0)


async def test_an_outage_is_survived_by_fallbacks(demo: Any) -> None:
    """With the usual provider down the fallbacks answer, and nothing breaks."""
    demo.simulation.outages.call("openai", 0.0, 3600.0)
    traffic = demo.traffic(rate=20.0)
    async with running(traffic):
        await until(lambda: traffic.tally.fallbacks >= 5, 60.0)
    assert demo.events("llm.fallback.taken")
    await demo.check()


async def test_a_stop_is_respected_and_an_enable_resumes(demo: Any) -> None:
    """While posture forbids no call begins; after the enable the traffic goes on by itself."""
    traffic = demo.traffic()
    async with running(traffic):
        await until(lambda: traffic.tally.calls >= 10)
        demo.permission.stop()
        await until(lambda: not traffic._playing)
        asked, refused = demo.simulation.serial, traffic.tally.refused
        await asyncio.sleep(0.6)
        assert demo.simulation.serial == asked
        assert traffic.tally.refused == refused
        demo.permission.enable()
        before = traffic.tally.calls
        await until(lambda: traffic.tally.calls > before + 5)
    await demo.check()


async def test_refusals_are_not_hammered(demo: Any) -> None:
    """Where configs or budget refuse, the traffic rests longer and longer, and recovers."""
    budgets = demo.ws.budgets.read_text()
    traffic = demo.traffic()
    async with running(traffic):
        await until(lambda: traffic.tally.calls >= 5)
        demo.ws.budgets.write_text("broken = [")
        await until(lambda: traffic._refusals >= 3)
        refusals = len(demo.events("llm.call.refused"))
        assert refusals < 60
        demo.ws.budgets.write_text(budgets)
        before = traffic.tally.calls
        await until(lambda: traffic.tally.calls > before + 5)


async def test_hostile_answers_break_nothing(demo: Any) -> None:
    """Escapes, markup, HTML, cut and wrong answers end in artefacts or failed calls, in no error of ours."""
    for kind in (
        Fault.ANSI,
        Fault.MARKUP,
        Fault.BIDI,
        Fault.HTML,
        Fault.TRUNCATED,
        Fault.OTHER_MODEL,
        Fault.EMPTY,
    ):
        demo.simulation.desk.order(Ordered(kind, times=5))
    traffic = demo.traffic()
    async with running(traffic):
        await until(lambda: not demo.simulation.desk.orders and traffic.tally.runs >= 20)
    for path in demo.ws.runs.glob("*/*/*.md"):
        assert "\x1b" not in path.read_text()
    await demo.check()


async def test_old_runs_are_removed(demo: Any) -> None:
    """The disk stays flat: only the last runs keep their folders."""
    traffic = demo.traffic(keep_runs=10, rate=100.0)
    async with running(traffic):
        await until(lambda: traffic.tally.runs >= 40)
    assert (
        len([path for path in demo.ws.runs.iterdir() if path.is_dir() and not path.name.startswith(".")])
        <= 12
    )


async def test_it_works_in_simulated_workspaces_only(demo: Any) -> None:
    """In a real workspace no traffic is made."""
    await simulated(demo.gate)
    demo.permission.make_real()
    with pytest.raises(ControlRefused) as caught:
        await simulated(gate_of(demo.ws))
    assert caught.value.code == "not_simulated"


async def test_without_a_node_it_says_so(demo_workspace: Any) -> None:
    """No lease in time is an error with a remedy."""
    with pytest.raises(ControlRefused) as caught:
        await simulated(gate_of(demo_workspace), within_s=0.1)
    assert caught.value.code == "no_node"


async def test_a_fault_of_ours_is_not_hidden(demo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected error ends the traffic and is raised."""
    traffic = demo.traffic()

    def broken(_: Traffic) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Traffic, "_level", broken)
    with pytest.raises(ZeroDivisionError):
        async with asyncio.timeout(60):
            await traffic.run(asyncio.Event())
