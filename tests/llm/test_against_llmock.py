import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from road import Road, asking, open_road
from support.mock_fixtures import llmock_server, mock
from support.mocks import Llmock

from peak_console.config.workspace import Workspace
from peak_console.domain.errors import CallFailed, CallRefused, ControlRefused, PeakError
from peak_console.domain.vocabulary import Layer, Role
from peak_console.llm.attempting import RetryRule

__all__ = ["llmock_server", "mock"]


@pytest.fixture
async def mocked(workspace: Workspace, mock: Llmock) -> AsyncIterator[Road]:
    """A road whose providers are llmock's."""
    async with open_road(workspace, mock.url, retry=RetryRule(first_wait_s=0.1)) as road:
        yield road


def openai_fails(status: int, **more: Any) -> dict[str, Any]:
    """That openai fails, google not."""
    return {"type": "fail", "status": status, "match": {"provider": "openai"}, **more}


def clean(mock: Llmock) -> None:
    """The referee has nothing to say of our retries, not even a warning."""
    assert mock.findings() == []


async def test_both_wire_formats_are_answered(mocked: Road, mock: Llmock) -> None:
    """An independent implementation of the providers understands what we send, and we it."""
    first = await mocked.client.call(asking("ping one"))
    second = await mocked.client.call(asking("ping two", role=Role.FALLBACK))
    assert first.text
    assert second.text
    assert [(one["provider"], one["status"]) for one in mock.journal()] == [("openai", 200), ("gemini", 200)]
    clean(mock)


async def test_a_wait_that_is_asked_for_is_kept(mocked: Road, mock: Llmock) -> None:
    """After a 429 with Retry-After the next attempt comes no earlier, and gets the answer."""
    mock.play(openai_fails(429, retry_after=1, times=1))
    result = await mocked.client.call(asking("after a second"))
    assert [one.reason for one in result.attempts] == ["rate_limited", "ok"]
    assert result.attempts[1].waited_ms >= 1000
    clean(mock)


@pytest.mark.parametrize("status", [408, 409, 500, 502, 503, 504, 529])
async def test_failures_that_may_pass_are_tried_again(mocked: Road, mock: Llmock, status: int) -> None:
    """Two failures and an answer are one hop of three attempts, further and further apart."""
    mock.play(openai_fails(status, times=2))
    result = await mocked.client.call(asking(f"status {status}"))
    assert (len(result.attempts), result.fallback) == (3, False)
    clean(mock)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_failures_that_stay_are_not_tried_again(mocked: Road, mock: Llmock, status: int) -> None:
    """A 4xx is asked once; some end the call, some hand it to the fallback."""
    mock.play(openai_fails(status, times=5))
    call = mocked.client.call(asking(f"status {status}"))
    if status in {400, 422}:
        with pytest.raises(CallFailed):
            await call
    else:
        assert (await call).fallback
    assert [one["status"] for one in mock.journal() if one["provider"] == "openai"] == [status]
    clean(mock)


async def test_retries_spent_the_fallback_answers(workspace: Workspace, mock: Llmock) -> None:
    """An outage of one provider is three attempts there, as far apart as in production, then the other."""
    mock.play(openai_fails(503, times=None))
    async with open_road(workspace, mock.url, retry=RetryRule()) as road:
        result = await road.client.call(asking("outage"))
    assert (result.provider, result.fallback) == ("google", True)
    assert [one["provider"] for one in mock.journal()] == ["openai"] * 3 + ["gemini"]
    clean(mock)


async def test_a_delay_beyond_the_deadline_is_ambiguous(mocked: Road, mock: Llmock) -> None:
    """The request is not repeated, and its spend is booked at the bound."""
    mock.play({"type": "delay", "seconds": 5, "times": 1})
    with pytest.raises(CallFailed) as caught:
        await mocked.client.call(asking("slow", timeout_s=0.3))
    assert caught.value.code == "timeout"
    failed = mocked.events("llm.call.failed")[0]
    assert failed.body is not None
    assert failed.body["cost_basis"] == "worst_case"


async def test_a_denied_call_never_left(mocked: Road, mock: Llmock) -> None:
    """Whatever is refused, by layer, policy, budget or posture, the journal of requests stays empty."""
    limits = asking().limits.model_copy(update={"max_cost_eur": "0.000001"})
    refused: list[type[PeakError]] = []
    requests = [
        asking(layer=Layer.L5),
        asking(layer=Layer.L6),
        asking().model_copy(update={"limits": limits}),
    ]
    for request in requests:
        with pytest.raises(PeakError) as caught:
            await mocked.client.call(request)
        refused.append(type(caught.value))
    (mocked.ws.control / "ENABLED").unlink()
    with pytest.raises(ControlRefused):
        await mocked.client.call(asking())
    assert refused[:2] == [CallRefused, CallRefused]
    assert mock.journal() == []
    assert mocked.kinds() == ["llm.call.refused"] * 4


async def test_a_forbidden_address_never_gets_a_request(workspace: Workspace, mock: Llmock) -> None:
    """Even an address of this machine is not called when its path names a forbidden provider."""
    environ = {
        "PEAK_PROVIDER_OPENAI_BASE_URL": f"{mock.url}/anthropic/v1",
        "PEAK_PROVIDER_GOOGLE_BASE_URL": f"{mock.url}/%61nthropic/v1",
    }
    async with open_road(workspace, mock.url, environ=environ) as road:
        with pytest.raises(PeakError) as caught:
            await road.client.call(asking())
    assert caught.value.code == "forbidden_base_url"
    assert mock.journal() == []


async def test_many_calls_under_faults_leave_a_clean_verdict(mocked: Road, mock: Llmock) -> None:
    """Forty calls, a fifth of them failing at first: all answered, the referee content, the ledger whole."""
    mock.play(openai_fails(500, times=5), openai_fails(429, retry_after=0.2, times=3))
    results = await asyncio.gather(*(mocked.client.call(asking(f"call {number}")) for number in range(40)))
    assert len(results) == 40
    assert sum(len(result.attempts) for result in results) + sum(result.hop - 1 for result in results) >= 48
    clean(mock)
    mocked.check()
