"""A stop ends background work at its providers, after its own steps, and never depends on it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.background_provider import USAGE, BackgroundProvider, Fault

sys.path += [str(Path(__file__).parent.parent / name) for name in ("node", "net", "llm")]

from background_road import COST_EUR, QUICK_POLLS, research, write_background_workspace
from node_world import World, node_here, soon
from road import environment

from peak_console.cli.stop import stop as stop_command
from peak_console.domain.vocabulary import Layer
from peak_console.ledger.service.client import SocketLedgerClient
from peak_console.llm.client import Client
from peak_console.node.spawn import begin_ledger
from peak_console.operations.containing import contain
from peak_console.operations.init import init_workspace
from peak_console.operations.status import status
from peak_console.operations.stop import stop
from peak_console.operations.stop_background import cancel_background


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A new workspace with operator anna, whose L4 works in the background."""
    monkeypatch.setenv("PEAK_KEYS_DIR", str(tmp_path / "keys"))
    made = init_workspace(tmp_path / "w", operator="anna")
    model = write_background_workspace(tmp_path / "model")
    for name in ("matrix", "models", "prices", "budgets"):
        getattr(made.ws, name).write_text(getattr(model, name).read_text())
    begin_ledger(made.ws, operator=made.operator, public_key=made.public_key)
    return World(made.ws)


@asynccontextmanager
async def working(
    world: World, provider: BackgroundProvider, monkeypatch: pytest.MonkeyPatch, calls: int
) -> AsyncIterator[list[str]]:
    """``calls`` background calls that were accepted and left to their provider; its key is at hand."""
    for name, value in environment(provider.url).items():
        monkeypatch.setenv(name, value)
    async with node_here(world) as node:
        await asyncio.to_thread(world.enable, node.socket_path)
        await soon(world.calls, "calls are permitted")
        ledger = await SocketLedgerClient.connect(node.socket_path, name="test")
        client = Client(world.ws, ledger, environ=dict(os.environ), polls=QUICK_POLLS)
        try:
            yield [await client.submit(research(layer=Layer.L4)) for _ in range(calls)]
        finally:
            await client.close()
            await ledger.close()


async def test_a_stop_ends_background_work_after_its_record(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every accepted call is cancelled at its provider, its bill booked; the record stands before."""
    async with (
        BackgroundProvider(polls_until_done=None, bill_of_cancelled=USAGE) as provider,
        working(world, provider, monkeypatch, 2) as calls,
    ):
        stopped = await asyncio.to_thread(stop, world.ws, reason="test")
        assert stopped.outcome.effective
        assert [one.status for one in provider.begun] == ["cancelled", "cancelled"]
        step = stopped.background
        assert (step.ok, step.detail) == (True, "2 background calls cancelled")
        assert {one.work.call_id for one in step.calls} == set(calls)
        assert all(COST_EUR in one.detail for one in step.calls)
        assert step.at_us > stopped.outcome.report.steps[-1].at_us
    ended = [event for event in world.events() if event.kind == "llm.call.failed"]
    assert {event.call_id for event in ended} == set(calls)
    assert stopped.recorded.seq is not None
    assert all(event.seq > stopped.recorded.seq for event in ended)


async def test_what_cannot_be_cancelled_is_named_with_its_command(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a key the stop holds all the same, exits 0, and says what runs on and what ends it."""
    async with (
        BackgroundProvider(polls_until_done=None) as provider,
        working(world, provider, monkeypatch, 1) as (call_id,),
    ):
        monkeypatch.delenv("OPENAI_API_KEY")
        words = ["stop", "--root", str(world.ws.root)]
        assert await asyncio.to_thread(stop_command, [*words, "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert document["effective"] is True
        last = document["steps"][-1]
        assert (last["step"], last["ok"]) == ("background", False)
        (failed,) = document["failed"]
        assert "no key of openai here (OPENAI_API_KEY)" in failed["detail"]
        assert failed["remedy"] == f"peak call --cancel {call_id}"
        assert await asyncio.to_thread(stop_command, words) == 0
        told = capsys.readouterr().out
        assert told.index("STOPPED") < told.index("recorded as") < told.index("MAY STILL RUN")
        assert f"do: peak call --cancel {call_id}" in told
        assert provider.cancels == 0
        bar = status(world.ws)
        assert [one.call_id for one in bar.background] == [call_id]
        assert bar.as_json()["background"][0]["call_id"] == call_id


async def test_a_silent_provider_holds_the_stop_up_for_the_patience_only(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever does not answer is told as one that may run on, within the patience."""
    async with (
        BackgroundProvider(polls_until_done=None) as provider,
        working(world, provider, monkeypatch, 1) as (call_id,),
    ):
        provider.cancel_faults.extend(Fault(503) for _ in range(1000))
        provider.poll_faults.extend(Fault(503) for _ in range(1000))
        (step,) = await asyncio.to_thread(cancel_background, [world.ws], patience_s=0.3)
        (one,) = step.failed
        assert one.work.call_id == call_id
        assert one.remedy == f"peak call --cancel {call_id}"


async def test_without_a_node_the_work_is_cancelled_and_its_end_spooled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead node keeps nobody from ending what costs money; the next call records it."""
    async with BackgroundProvider(polls_until_done=None, bill_of_cancelled=USAGE) as provider:
        async with working(world, provider, monkeypatch, 1):
            pass
        (step,) = await asyncio.to_thread(cancel_background, [world.ws])
        assert step.ok, step
        assert "to be recorded by the next call" in step.calls[0].detail
        assert provider.begun[0].status == "cancelled"
    assert list((world.ws.runs / ".spool").glob("*.json"))


async def test_the_incident_panel_tells_it_as_a_step_of_its_own(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the stop: who acknowledged, orders, and background work with the remedy where it runs on."""
    async with (
        BackgroundProvider(polls_until_done=None) as provider,
        working(world, provider, monkeypatch, 1) as (call_id,),
    ):
        monkeypatch.delenv("OPENAI_API_KEY")
        nothing, held = await asyncio.to_thread(
            lambda: [cancel_background([world.ws], scope=one)[0] for one in ("provider:google", "layer:L4")]
        )
        assert nothing.calls == ()
        assert [(one.work.call_id, one.ok) for one in held.calls] == [(call_id, False)]
        done = await asyncio.to_thread(
            lambda: contain(world.ws, do=("stop",), reason="test", operator="anna")
        )
        steps = {one.name: one for one in done.steps}
        assert list(steps)[:2] == ["stop", "record the stop"]
        assert steps["stop"].ok
        assert steps["record the stop"].ok
        assert (steps["cancel_all"].ok, steps["cancel_all"].detail) == (True, "orders: no venue")
        assert (steps["workers"].ok, steps["workers"].detail) == (True, "workers: none connected")
        assert not steps["background"].ok
        assert f"peak call --cancel {call_id}" in steps["background"].remedy


def test_without_background_work_nothing_more_is_loaded(tmp_path: Path) -> None:
    """The step says none, and asks for no client and no provider."""
    asked = "peak_console.llm"
    code = (
        "import sys, pathlib; from peak_console.config.workspace import Workspace; "
        "from peak_console.operations.stop import stop; "
        f"step = stop(Workspace(pathlib.Path({str(tmp_path)!r}))).background; "
        f"print(step.ok, step.detail, [n for n in sys.modules if n.startswith({asked!r})])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "True none []"
