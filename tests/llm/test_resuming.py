import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from background_road import COST_EUR, QUICK_POLLS, bodies, research, until, write_background_workspace
from road import KEY, Road, environment, open_road
from support.background_provider import USAGE, BackgroundProvider, Fault

from peak_console.config.workspace import Workspace
from peak_console.control.stop import stop_now
from peak_console.domain.calls import Finish
from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import CallFailed, CallRefused, ControlRefused, PolicyDenied, UsageWrong
from peak_console.domain.events import EventDraft
from peak_console.domain.money import nano_from_text
from peak_console.domain.vocabulary import Layer
from peak_console.ledger.reader import LedgerReader
from peak_console.ledger.service.client import SocketLedgerClient
from peak_console.ledger.verifying.verify import verify
from peak_console.llm.client import Client

CALLER = Path(__file__).parent / "background_process.py"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace with models that work in the background."""
    return write_background_workspace(tmp_path / "ws")


@pytest.fixture
async def provider() -> AsyncIterator[BackgroundProvider]:
    """Who works in the background; its work goes on until a test ends it."""
    async with BackgroundProvider(polls_until_done=None) as made:
        yield made


@pytest.fixture
async def road(workspace: Workspace, provider: BackgroundProvider) -> AsyncIterator[Road]:
    """The road, open."""
    async with open_road(workspace, provider.url, polls=QUICK_POLLS) as made:
        yield made


class Later(SystemClock):
    """The machine's clocks, of which the wall clock can be put forward."""

    ahead = timedelta(0)

    def now(self) -> datetime:
        """The wall clock."""
        return super().now() + self.ahead


@asynccontextmanager
async def another_client(road: Road, url: str, **environ: str) -> AsyncIterator[Client]:
    """A second client of the same workspace, as another process would have one."""
    ledger = await SocketLedgerClient.connect(road.server.socket_path, name="another", deadline_s=30)
    async with Client(road.ws, ledger, environ=environment(url) | environ, polls=QUICK_POLLS) as client:
        yield client
    await ledger.close()


def kinds_of_calls(road: Road) -> list[str]:
    """The kinds of the calls' events."""
    return [kind for kind in road.kinds() if kind.startswith("llm.call.")]


async def killed_caller(road: Road, provider: BackgroundProvider) -> asyncio.subprocess.Process:
    """A process with a background call under way."""
    return await asyncio.create_subprocess_exec(sys.executable, str(CALLER), str(road.ws.root), provider.url)


async def test_a_killed_callers_work_is_resumed_and_paid_once(
    road: Road, provider: BackgroundProvider
) -> None:
    """Killed after the acceptance: another process fetches the answer; one request, one bill, one run."""
    process = await killed_caller(road, provider)
    await until(lambda: provider.polls > 2)
    process.kill()
    await process.wait()
    (waiting,) = await road.client.pending()
    provider.finish()
    result = await road.client.resume(waiting.call_id)
    assert (result.text, result.cost_eur, result.finish) == ("The dollar ranges.", COST_EUR, Finish.STOP)
    assert (result.run_id, result.call_id) == (waiting.run_id, waiting.call_id)
    assert kinds_of_calls(road) == ["llm.call.requested", "llm.call.accepted", "llm.call.completed"]
    assert provider.posts == 1
    assert await road.client.pending() == []
    assert result.recorded
    async with road.client.run(resume=result.run_id) as run:
        assert run.run_id == waiting.run_id
    assert road.kinds().count("run.started") == road.kinds().count("run.finished") == 1
    road.check()


async def test_a_caller_killed_before_the_acceptance_was_known_is_never_repeated(
    road: Road, provider: BackgroundProvider
) -> None:
    """Killed between sending and acceptance: booked at its bound by the node; nothing is sent again."""
    process = await killed_caller(road, provider)
    provider.on_post = process.kill
    await process.wait()
    await until(lambda: "llm.call.failed" in road.kinds())
    (failed,) = bodies(road, "llm.call.failed")
    (event,) = road.events("llm.call.failed")
    assert (failed["reason"], failed["cost_basis"]) == ("caller_lost", "worst_case")
    assert await road.client.pending() == []
    with pytest.raises(UsageWrong) as caught:
        await road.client.resume(event.call_id or "")
    assert caught.value.code == "call_not_accepted"
    assert (provider.posts, len(provider.begun)) == (1, 1)
    road.check()


async def test_two_who_resume_record_the_end_once(road: Road, provider: BackgroundProvider) -> None:
    """Both get the answer; the ledger holds one end and one bill."""
    call_id = await road.client.submit(research(layer=Layer.L4))
    async with another_client(road, provider.url) as other:
        both = [asyncio.create_task(one.resume(call_id)) for one in (road.client, other)]
        await until(lambda: provider.polls > 2)
        provider.finish()
        first, second = await asyncio.gather(*both)
        third = await other.resume(call_id)
    assert first.text == second.text == third.text == "The dollar ranges."
    assert first.cost_eur == second.cost_eur == third.cost_eur == COST_EUR
    assert first.seq == second.seq == third.seq
    assert first.recorded
    assert second.recorded
    assert third.extra["text_kept"] is True
    assert road.kinds() == ["llm.call.requested", "llm.call.accepted", "llm.call.completed"]
    road.check()


async def test_a_caller_that_still_waits_is_not_disturbed(road: Road, provider: BackgroundProvider) -> None:
    """Resuming beside a live caller is harmless: both answer, one end."""
    task = asyncio.create_task(road.client.call(research(layer=Layer.L4)))
    await until(lambda: provider.polls > 1)
    (waiting,) = await road.client.pending()
    async with another_client(road, provider.url) as other:
        resumed = asyncio.create_task(other.resume(waiting.call_id))
        await until(lambda: provider.polls > 3)
        provider.finish()
        mine, theirs = await asyncio.gather(task, resumed)
    assert mine.text == theirs.text
    assert mine.seq == theirs.seq
    assert kinds_of_calls(road)[-1:] == ["llm.call.completed"]
    assert len(kinds_of_calls(road)) == 3
    road.check()


async def test_who_submits_is_free_at_once(road: Road, provider: BackgroundProvider) -> None:
    """The id is there once the acceptance is durable; the work waits for whoever resumes it."""
    call_id = await road.client.submit(research(layer=Layer.L4))
    assert provider.polls == 0
    (waiting,) = await road.client.pending()
    assert (waiting.call_id, waiting.model_id) == (call_id, "o4-mini-deep-research")
    assert waiting.response_id == provider.begun[0].response_id
    assert await road.client.pending("20200101_000000_aaaaaa") == []
    assert [one.call_id for one in await road.client.pending(waiting.run_id)] == [call_id]


async def test_who_stops_resuming_leaves_the_work(road: Road, provider: BackgroundProvider) -> None:
    """A cancelled resume cancels nothing at the provider: it only read."""
    call_id = await road.client.submit(research(layer=Layer.L4))
    task = asyncio.create_task(road.client.resume(call_id))
    await until(lambda: provider.polls > 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert provider.cancels == 0
    assert len(await road.client.pending()) == 1


async def test_cancelling_reads_the_bill_also_under_a_stop(road: Road, provider: BackgroundProvider) -> None:
    """The provider is told and the true price recorded while the workspace is stopped."""
    provider.bill_of_cancelled = USAGE
    call_id = await road.client.submit(research(layer=Layer.L4))
    await asyncio.to_thread(stop_now, os.fspath(road.ws.control))
    ending = await road.client.cancel(call_id)
    assert (ending.outcome, ending.cost_eur, ending.recorded) == ("cancelled", COST_EUR, True)
    (failed,) = bodies(road, "llm.call.failed")
    assert (failed["reason"], failed["cost_basis"]) == ("cancelled", "usage")
    with pytest.raises(CallFailed):
        await road.client.resume(call_id)
    with pytest.raises(CallFailed):
        await road.client.cancel(call_id)
    assert provider.posts == 1
    road.check()


async def test_a_cancelled_call_that_had_its_answer_keeps_it(
    road: Road, provider: BackgroundProvider
) -> None:
    """What is paid for is not thrown away."""
    call_id = await road.client.submit(research(layer=Layer.L4))
    provider.finish()
    ending = await road.client.cancel(call_id)
    assert ending.outcome == "completed"
    assert ending.result is not None
    assert ending.result.text == "The dollar ranges."
    with pytest.raises(UsageWrong):
        await road.client.cancel(call_id)
    road.check()


async def test_a_provider_that_cannot_be_told_leaves_the_call_pending(
    road: Road, provider: BackgroundProvider
) -> None:
    """An unconfirmed cancelling is no end: it can be tried again."""
    call_id = await road.client.submit(research(layer=Layer.L4))
    provider.cancel_faults.extend([Fault(503)] * 1000)
    with pytest.raises(CallFailed) as caught:
        await road.client.cancel(call_id)
    assert caught.value.code == "provider_unreachable"
    assert len(await road.client.pending()) == 1
    provider.cancel_faults.clear()
    assert (await road.client.cancel(call_id)).outcome == "cancelled"
    road.check()


async def test_work_is_cancelled_without_a_node_whatever_waits_in_the_spool(
    road: Road, provider: BackgroundProvider
) -> None:
    """The first one's end waits for a node; the second is told to end all the same."""
    calls = [await road.client.submit(research(layer=Layer.L4)) for _ in range(2)]
    await road.server.close()
    road.ledger._deadline_s = 1.0  # it is reached twice
    for call_id in calls:
        assert (await road.client.cancel(call_id)).recorded is False
    assert provider.cancels == 2


async def test_under_a_stop_an_answer_is_fetched_and_work_left_alone(
    road: Road, provider: BackgroundProvider
) -> None:
    """Reading settles what is done; what still goes on is neither awaited nor cancelled by a resume."""
    call_id = await road.client.submit(research(layer=Layer.L4))
    await asyncio.to_thread(stop_now, os.fspath(road.ws.control))
    with pytest.raises(ControlRefused) as caught:
        await road.client.resume(call_id)
    assert "--cancel" in caught.value.remedy
    assert provider.cancels == 0
    provider.finish()
    assert (await road.client.resume(call_id)).cost_eur == COST_EUR
    road.check()


async def test_a_stop_while_resuming_cancels_the_work(road: Road, provider: BackgroundProvider) -> None:
    """What is in flight under a stop is cancelled, whoever waits for it."""
    provider.bill_of_cancelled = USAGE
    call_id = await road.client.submit(research(layer=Layer.L4))
    task = asyncio.create_task(road.client.resume(call_id))
    await until(lambda: provider.polls > 1)
    await asyncio.to_thread(stop_now, os.fspath(road.ws.control))
    with pytest.raises(ControlRefused):
        await task
    (failed,) = bodies(road, "llm.call.failed")
    assert (failed["reason"], failed["cost_eur"]) == ("stopped", COST_EUR)
    road.check()


async def test_the_price_of_the_day_of_the_request_holds(road: Road, provider: BackgroundProvider) -> None:
    """Prices, rate and registry that change meanwhile change nothing for accepted work."""
    call_id = await road.client.submit(research(layer=Layer.L4))
    ws = road.ws
    ws.prices.write_text(ws.prices.read_text().replace("2.0", "200.0"))
    ws.budgets.write_text(ws.budgets.read_text().replace("0.90", "0.10"))
    ws.models.write_text(
        ws.models.read_text().replace('model_id = "o4-mini-deep-research"', 'model_id = "x"')
    )
    provider.finish()
    assert (await road.client.resume(call_id)).cost_eur == COST_EUR
    road.check()


async def test_a_key_never_follows_what_an_event_says(road: Road, provider: BackgroundProvider) -> None:
    """The address must be one that this workspace uses now, whatever stands in the ledger."""
    call_id = await road.client.submit(research(layer=Layer.L4))
    async with (
        BackgroundProvider() as elsewhere,
        another_client(road, provider.url, PEAK_PROVIDER_OPENAI_BASE_URL=f"{elsewhere.url}/v1") as other,
    ):
        with pytest.raises(CallRefused) as caught:
            await other.resume(call_id)
        assert caught.value.code == "base_url_refused"
        assert elsewhere.seen == []
    assert provider.polls == 0
    assert KEY not in str(caught.value)


async def test_a_simulated_workspace_takes_no_real_key_whatever_an_event_says(
    workspace: Workspace, provider: BackgroundProvider
) -> None:
    """An event that calls itself real is fetched with the placeholder, from this machine only."""
    async with open_road(workspace, provider.url, polls=QUICK_POLLS) as road:
        call_id = await road.client.submit(research(layer=Layer.L4))
    provider.keys.clear()
    provider.finish()
    async with open_road(workspace, provider.url, polls=QUICK_POLLS, simulated=True) as road:
        await road.client.resume(call_id)
    assert provider.keys == {"Bearer simulated"}


async def test_the_deny_holds_for_what_is_fetched_later(road: Road, provider: BackgroundProvider) -> None:
    """A forbidden name at the end of resumed work: denied, recorded, and booked at its bound."""
    call_id = await road.client.submit(research(layer=Layer.L4))
    provider.echo_at_end = lambda _: "claude-opus-5"
    provider.finish()
    with pytest.raises(PolicyDenied):
        await road.client.resume(call_id)
    (failed,) = bodies(road, "llm.call.failed")
    assert (failed["reason"], failed["cost_basis"]) == ("forbidden_echo", "worst_case")
    assert COST_EUR < failed["cost_eur"] == failed["bound_eur"]
    assert len(road.events("policy.denied")) == 1
    road.check()


async def test_work_that_is_not_kept_any_more_is_lost_at_its_bound(
    road: Road, provider: BackgroundProvider
) -> None:
    """404 on resuming: background_lost, at the bound, never asked for again."""
    call_id = await road.client.submit(research(layer=Layer.L4))
    provider.forget()
    with pytest.raises(CallFailed) as caught:
        await road.client.resume(call_id)
    assert caught.value.code == "background_lost"
    (failed,) = bodies(road, "llm.call.failed")
    assert (failed["cost_basis"], failed["cost_eur"]) == ("worst_case", failed["bound_eur"])
    assert provider.posts == 1
    road.check()


async def test_after_its_deadline_a_call_is_asked_after_once_then_cancelled(
    workspace: Workspace, provider: BackgroundProvider
) -> None:
    """Who comes late gets an answer that is there; what still goes on is ended with its bill."""
    provider.bill_of_cancelled = USAGE
    matrix = workspace.matrix.read_text()
    workspace.matrix.write_text(matrix.replace("[L4.primary]", "[L4.primary]\ntimeout_s = 100"))
    clock = Later()
    async with open_road(workspace, provider.url, polls=QUICK_POLLS, clock=clock) as road:
        first, second = [await road.client.submit(research(layer=Layer.L4)) for _ in range(2)]
        clock.ahead = timedelta(seconds=101)
        provider.begun[0].status = "completed"
        assert (await road.client.resume(first)).cost_eur == COST_EUR
        with pytest.raises(CallFailed) as caught:
            await road.client.resume(second)
        assert caught.value.code == "timeout"
        assert provider.begun[1].status == "cancelled"
        assert bodies(road, "llm.call.failed")[0]["cost_eur"] == COST_EUR
        road.check()


async def test_an_answer_after_it_counted_as_lost_corrects_the_books(
    road: Road, provider: BackgroundProvider
) -> None:
    """The node has given it up at its bound; the answer can be fetched all the same, and its bill counts."""
    call_id = await road.client.submit(research(layer=Layer.L4))
    (requested,) = road.events("llm.call.requested")
    asked = dict(requested.body or {})
    lost = {
        "hop": 1,
        "reason": "background_lost",
        "outcome": "ambiguous",
        "cost_eur": asked["bound_eur"],
        "cost_basis": "worst_case",
        "latency_us": 0,
        "attempts": [],
    }
    header = {"run_id": requested.run_id, "call_id": call_id, "layer": "L4", "role": "primary"}
    await road.client.record(EventDraft("ev_lost", "llm.call.failed", lost, **header))
    assert await road.client.pending() == []
    provider.finish()
    assert (await road.client.resume(call_id)).cost_eur == COST_EUR
    with LedgerReader(road.ws.ledger) as reader:
        (run,) = [row for row in reader.budgets() if row.key == f"run:{requested.run_id}"]
    assert (run.spent_cost, run.reserved_cost) == (nano_from_text(COST_EUR), 0)
    assert provider.posts == 1
    road.check()


async def test_a_call_that_nobody_made_cannot_be_resumed(road: Road) -> None:
    """An unknown id says so."""
    for act in (road.client.resume, road.client.cancel):
        with pytest.raises(UsageWrong) as caught:
            await act("call_nobody")
        assert caught.value.code == "call_unknown"


async def test_an_acceptance_that_the_ledger_could_not_take_is_spooled_and_found(
    workspace: Workspace, provider: BackgroundProvider
) -> None:
    """The ledger away at the moment of acceptance: the id is on disk, and work can be resumed from it."""
    async with open_road(workspace, provider.url, polls=QUICK_POLLS, patience_s=0.1) as road:
        loop = asyncio.get_running_loop()
        closed: list[asyncio.Future[None]] = []
        provider.on_post = lambda: closed.append(asyncio.ensure_future(road.server.close(), loop=loop))
        call_id = await road.client.submit(research(layer=Layer.L4))
        assert list((workspace.runs / ".spool").glob("*.json"))
        await closed[0]
        await road.server.start()
        provider.finish()
        assert (await road.client.resume(call_id)).cost_eur == COST_EUR
        assert kinds_of_calls(road) == ["llm.call.requested", "llm.call.accepted", "llm.call.completed"]
    assert verify(workspace.ledger).ok
