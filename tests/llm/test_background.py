import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from background_road import COST_EUR, QUICK_POLLS, bodies, research, until, write_background_workspace
from road import KEY, Road, open_road
from support.background_provider import USAGE, BackgroundProvider, Fault
from support.loop_time import let_pass

from peak_console.config.workspace import Workspace
from peak_console.control.stop import stop_now
from peak_console.domain.calls import CallReason, Failure, OutcomeClass
from peak_console.domain.errors import CallFailed, ControlRefused, PolicyDenied
from peak_console.domain.vocabulary import Layer
from peak_console.llm.attempting import RetryRule
from peak_console.llm.losses import may_have_begun


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace with two models that work in the background."""
    return write_background_workspace(tmp_path / "ws")


@pytest.fixture
async def provider() -> AsyncIterator[BackgroundProvider]:
    """Who works in the background."""
    async with BackgroundProvider() as made:
        yield made


@pytest.fixture
async def road(workspace: Workspace, provider: BackgroundProvider) -> AsyncIterator[Road]:
    """The road, open."""
    async with open_road(workspace, provider.url, polls=QUICK_POLLS) as made:
        yield made


async def test_background_work_is_accepted_asked_after_and_billed_once(
    road: Road, provider: BackgroundProvider
) -> None:
    """One request leaves; the acceptance is durable before the first poll; the answer has its true price."""
    at_first_poll: list[str] = []

    def look() -> None:
        at_first_poll.extend(road.kinds())
        provider.on_poll = lambda: None

    provider.on_poll = look
    result = await road.client.call(research())
    assert (result.text, result.cost_eur) == ("The dollar ranges.", COST_EUR)
    assert (result.usage.cache_read, result.usage.reasoning) == (400, 200)
    assert at_first_poll == ["llm.call.requested", "llm.call.accepted"]
    assert road.kinds() == ["llm.call.requested", "llm.call.accepted", "llm.call.completed"]
    assert (provider.posts, provider.cancels, len(result.attempts)) == (1, 0, 1)
    assert provider.polls == 3
    (accepted,) = bodies(road, "llm.call.accepted")
    assert accepted["response_id"] == provider.begun[0].response_id
    assert accepted["base_url"] == f"{provider.url}/v1"
    assert KEY not in str([event.body for event in road.events()])
    road.check()


async def test_an_answer_that_is_there_at_once_needs_no_poll(
    road: Road, provider: BackgroundProvider
) -> None:
    """A provider may finish before it answers the request."""
    provider.answers_at_once = True
    result = await road.client.call(research())
    assert (result.text, provider.polls) == ("The dollar ranges.", 0)
    assert road.kinds() == ["llm.call.requested", "llm.call.completed"]
    road.check()


async def test_what_happens_to_a_poll_is_no_outcome_and_no_attempt(
    road: Road, provider: BackgroundProvider
) -> None:
    """Cut connections, overload and a page of a proxy are asked past: one attempt, one request, one bill."""
    provider.poll_faults.extend(
        [Fault(None), Fault(500), Fault(503), Fault(429, {"retry-after-ms": "1"}), Fault(200, body=b"<html>")]
    )
    result = await road.client.call(research())
    assert (result.cost_eur, len(result.attempts), provider.posts) == (COST_EUR, 1, 1)
    assert provider.polls == 8
    road.check()


async def test_a_told_wait_is_obeyed_between_polls(road: Road, provider: BackgroundProvider) -> None:
    """Retry-After is never shortened: the next poll comes no earlier."""
    provider.poll_faults.append(Fault(429, {"retry-after-ms": "300"}))
    times: list[float] = []
    provider.on_poll = lambda: times.append(asyncio.get_running_loop().time())
    await road.client.call(research())
    assert times[1] - times[0] >= 0.3
    assert len(times) == 4


@pytest.mark.parametrize("fault", [Fault(None, accepts=True), Fault(502, accepts=True), Fault(500)])
async def test_a_request_of_unknown_outcome_is_never_sent_again(
    road: Road, provider: BackgroundProvider, fault: Fault
) -> None:
    """Nothing is paid twice: it is booked at its bound, and only the next candidate is asked."""
    provider.post_faults.append(fault)
    result = await road.client.call(research())
    assert (result.model_id, provider.posts) == ("gpt-5.2-pro", 2)
    (failed,) = bodies(road, "llm.call.failed")
    assert (failed["outcome"], failed["cost_basis"], failed["then"]) == ("ambiguous", "worst_case", "next")
    assert failed["cost_eur"] == failed["bound_eur"]
    assert len(failed["attempts"]) == 1
    road.check()


@pytest.mark.parametrize("status", [429, 503])
async def test_a_request_that_began_nothing_is_sent_again(
    road: Road, provider: BackgroundProvider, status: int
) -> None:
    """A provider that says "too many" or "not now" has begun nothing: the same candidate is asked again."""
    provider.post_faults.append(Fault(status))
    result = await road.client.call(research())
    assert (result.model_id, result.hop, provider.posts, len(provider.begun)) == (
        "o4-mini-deep-research",
        1,
        2,
        1,
    )
    assert [one.reason for one in result.attempts][-1] == "ok"
    road.check()


async def test_at_the_deadline_work_is_cancelled_and_its_bill_read(
    road: Road, provider: BackgroundProvider
) -> None:
    """A timeout costs what the provider tells, not the bound."""
    provider.polls_until_done = None
    provider.bill_of_cancelled = USAGE
    task = asyncio.create_task(road.client.call(research(layer=Layer.L4, timeout_s=100)))
    await until(lambda: provider.polls > 0)
    let_pass(100)
    with pytest.raises(CallFailed) as caught:
        await task
    assert caught.value.code == "timeout"
    (failed,) = bodies(road, "llm.call.failed")
    assert (failed["reason"], failed["cost_basis"], failed["cost_eur"]) == ("timeout", "usage", COST_EUR)
    assert provider.begun[0].status == "cancelled"
    assert (provider.posts, provider.cancels) == (1, 1)
    road.check()


async def test_an_answer_of_the_last_moment_counts(road: Road, provider: BackgroundProvider) -> None:
    """What the cancelling finds done is paid for, so it is the answer."""
    provider.poll_faults.extend([Fault(503)] * 1000)
    provider.cancel_faults.append(Fault(500))
    task = asyncio.create_task(road.client.call(research(layer=Layer.L4, timeout_s=100)))
    await until(lambda: provider.polls > 3)
    provider.finish()
    provider.cancel_faults.append(Fault(500))
    let_pass(100)
    result = await task
    assert (result.text, result.cost_eur) == ("The dollar ranges.", COST_EUR)
    road.check()


@pytest.mark.parametrize("told", [True, False])
async def test_a_stop_cancels_at_the_provider_and_reads_the_bill(
    road: Road, provider: BackgroundProvider, *, told: bool
) -> None:
    """Both go on under the stop that caused them; without a word on usage the bound is booked."""
    provider.polls_until_done = None
    provider.bill_of_cancelled = USAGE if told else None
    task = asyncio.create_task(road.client.call(research()))
    await until(lambda: provider.polls > 1)
    await asyncio.to_thread(stop_now, os.fspath(road.ws.control))
    with pytest.raises(ControlRefused) as caught:
        await task
    assert caught.value.code == "stopped"
    (failed,) = bodies(road, "llm.call.failed")
    assert (failed["reason"], failed["then"]) == ("stopped", "stop")
    assert failed["cost_basis"] == ("usage" if told else "worst_case")
    assert failed["cost_eur"] == (COST_EUR if told else failed["bound_eur"])
    assert (provider.posts, provider.begun[0].status) == (1, "cancelled")
    road.check()


async def test_a_cancelled_caller_gets_its_cancelling_and_the_work_is_ended_behind_it(
    workspace: Workspace, provider: BackgroundProvider
) -> None:
    """The caller is not held up; the provider is told, and the bill recorded."""
    provider.polls_until_done = None
    provider.bill_of_cancelled = USAGE
    async with open_road(workspace, provider.url, polls=QUICK_POLLS) as road:
        task = asyncio.create_task(road.client.call(research()))
        await until(lambda: provider.polls > 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: road.events("llm.call.failed"))
        (failed,) = bodies(road, "llm.call.failed")
        assert (failed["reason"], failed["cost_eur"]) == ("cancelled", COST_EUR)
        assert (provider.cancels, provider.posts) == (1, 1)
        road.check()


async def test_work_that_the_provider_lost_is_booked_at_its_bound(
    road: Road, provider: BackgroundProvider
) -> None:
    """404 for accepted work is background_lost; the next candidate is asked."""
    provider.on_poll = lambda: setattr(provider.begun[0], "known", False)
    result = await road.client.call(research())
    assert result.model_id == "gpt-5.2-pro"
    (failed,) = bodies(road, "llm.call.failed")
    assert (failed["reason"], failed["cost_basis"]) == ("background_lost", "worst_case")
    road.check()


async def test_work_that_failed_is_not_begun_again(road: Road, provider: BackgroundProvider) -> None:
    """The provider gave it up: the next candidate, never the same one."""
    provider.failing = {"code": "server_error", "message": "the model failed"}
    with pytest.raises(CallFailed):
        await road.client.call(research())
    assert [body["reason"] for body in bodies(road, "llm.call.failed")] == ["server_error", "server_error"]
    assert [work.model for work in provider.begun] == ["o4-mini-deep-research", "gpt-5.2-pro"]
    road.check()


async def test_accepted_by_a_forbidden_model_is_cancelled_at_once(
    road: Road, provider: BackgroundProvider
) -> None:
    """The deny runs on the name in the acceptance: nobody waits for what it would say."""
    provider.echo = lambda _: "claude-opus-5"
    with pytest.raises(PolicyDenied):
        await road.client.call(research())
    assert (provider.polls, provider.begun[0].status) == (1, "cancelled")
    assert [event.kind for event in road.events()][-2:] == ["policy.denied", "llm.call.failed"]
    road.check()


async def test_another_model_at_the_end_is_no_answer_and_its_bill_is_unknown(
    road: Road, provider: BackgroundProvider
) -> None:
    """An alias that moved while the work went on."""
    provider.echo_at_end = lambda asked: asked if asked == "gpt-5.2-pro" else "o5-deep-research"
    result = await road.client.call(research())
    assert result.model_id == "gpt-5.2-pro"
    (failed,) = bodies(road, "llm.call.failed")
    assert (failed["reason"], failed["cost_basis"], failed["cost_eur"]) == (
        "unexpected_echo",
        "worst_case",
        max(COST_EUR, failed["bound_eur"]),
    )
    assert failed["usage"]["input"] == 1000
    road.check()


async def test_a_dated_name_is_the_model_that_was_asked(road: Road, provider: BackgroundProvider) -> None:
    """An alias answers under its dated name."""
    provider.echo = lambda asked: f"{asked}-2025-06-26"
    result = await road.client.call(research())
    assert (result.model_id, result.served_model) == (
        "o4-mini-deep-research",
        "o4-mini-deep-research-2025-06-26",
    )


async def test_a_response_id_that_cannot_stand_in_an_address_is_not_followed(
    road: Road, provider: BackgroundProvider
) -> None:
    """What a provider names is foreign text: it leads nowhere else."""
    provider.on_post = lambda: setattr(provider.begun[-1], "response_id", "../../admin?x=1")
    with pytest.raises(CallFailed):
        await road.client.call(research())
    assert {path for _, path in provider.seen} == {"/v1/responses"}
    assert [body["reason"] for body in bodies(road, "llm.call.failed")] == ["malformed", "malformed"]


async def test_web_searches_are_counted(road: Road, provider: BackgroundProvider) -> None:
    """Runs of the provider's tools are part of the usage."""
    provider.searches = 3
    assert (await road.client.call(research())).usage.hosted_calls == 3


async def test_a_stop_before_any_poll_still_ends_the_work(
    workspace: Workspace, provider: BackgroundProvider
) -> None:
    """A stop right after the acceptance: cancelled at the provider, never asked after as if it went on."""
    provider.polls_until_done = None

    def stop() -> None:
        stop_now(os.fspath(workspace.control))

    provider.on_post = stop
    async with open_road(workspace, provider.url, polls=QUICK_POLLS, retry=RetryRule(attempts=1)) as road:
        with pytest.raises(ControlRefused):
            await road.client.call(research())
        (failed,) = bodies(road, "llm.call.failed")
        assert failed["reason"] == "stopped"
        assert failed["cost_basis"] == "worst_case"
        road.check()


@pytest.mark.parametrize(
    ("status", "sent", "begun"),
    [
        (None, False, False),
        (None, True, True),
        (200, True, True),
        (400, True, False),
        (408, True, True),
        (409, True, False),
        (429, True, False),
        (500, True, True),
        (502, True, True),
        (503, True, False),
        (504, True, True),
        (529, True, False),
    ],
)
def test_what_may_have_begun(status: int | None, *, sent: bool, begun: bool) -> None:
    """Only a plain refusal, or nothing having left, proves that no work began."""
    failed = Failure(CallReason.SERVER_ERROR, OutcomeClass.RETRY_HERE, status=status)
    assert may_have_begun(failed, sent=sent) is begun
