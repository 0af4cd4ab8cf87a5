"""Azure and Bedrock as aimock plays them, and answers by another model than was asked."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from proving import (
    AZURE,
    AZURE_CLASSIC,
    AZURE_RESPONSES,
    CONVERSE,
    KEYS,
    OPENAI,
    QUOTE,
    Place,
    proving,
    question,
    streamed,
)
from road import Road
from support.mocks import Aimock

from peak_console.domain.calls import Finish
from peak_console.domain.errors import CallFailed, PeakError, PolicyDenied

PATHS = {
    AZURE: "/openai/v1/chat/completions",
    AZURE_CLASSIC: "/openai/deployments/our-deployment/chat/completions",
    AZURE_RESPONSES: "/openai/v1/responses",
    CONVERSE: "/model/eu.amazon.nova-lite-v1:0/converse",
}
IDS = {
    AZURE: "azure-v1",
    AZURE_CLASSIC: "azure-classic",
    AZURE_RESPONSES: "azure-responses",
    CONVERSE: "converse",
}


@pytest.fixture(params=PATHS, ids=IDS.get)
def place(request: pytest.FixtureRequest) -> Place:
    """Each of the interfaces that only aimock plays."""
    found: Place = request.param
    return found


@pytest.fixture
async def road(tmp_path: Path, aimock: Aimock, place: Place) -> AsyncIterator[Road]:
    """The road with ``place`` as primary, and no fallback."""
    async with proving(tmp_path / "ws", aimock.url, place) as made:
        yield made


def asked_of(aimock: Aimock) -> list[str]:
    """The paths that were asked, without queries and escapes."""
    return [one["path"].partition("?")[0].replace("%3A", ":") for one in aimock.journal()]


async def ask(road: Road, text: str, *, stream: bool) -> None:
    """Ask, whole or streamed; of a stream nothing may be handed on."""
    if not stream:
        await road.client.call(question(text))
        return
    async with road.client.stream(question(text)) as pieces:
        async for delta in pieces:
            pytest.fail(f"handed on: {delta}")
        await pieces.result()


async def test_an_answer_comes_back_with_usage_and_echo(road: Road, aimock: Aimock, place: Place) -> None:
    """The deployment is asked, the base model answers; Bedrock's converse has no echo and says so."""
    result = await road.client.call(question("ping"))
    assert result.text == "an answer by aimock"
    done = road.events("llm.call.completed")[0].body or {}
    assert (done["usage"]["input"], done["usage"]["output"]) == (21, 7)
    if place is CONVERSE:
        assert (result.served_model, done["unechoed"]) == (None, True)
    else:
        assert result.served_model == "gpt-5-mini-2025-08-07"
    assert asked_of(aimock) == [PATHS[place]]
    road.check()


async def test_a_stream_brings_the_answer_in_pieces(road: Road, aimock: Aimock, place: Place) -> None:
    """Server-sent events and Amazon's binary event stream alike: several pieces, together the whole text."""
    pieces, result = await streamed(road, question("long answer"))
    assert "".join(one.text for one in pieces) == result.text
    assert result.text.startswith("A long answer in many small pieces")
    assert len(pieces) > 3
    suffix = "-stream" if place is CONVERSE else ""
    assert asked_of(aimock) == [PATHS[place] + suffix]
    road.check()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_tool_calls_come_back_in_one_shape(road: Road, *, stream: bool) -> None:
    """A tool call is parsed with its arguments, whole or from pieces."""
    request = question("use the tool", tools=(QUOTE,))
    result = (await streamed(road, request))[1] if stream else await road.client.call(request)
    assert [(one.name, one.arguments) for one in result.tool_calls] == [
        ("quote", {"symbol": "DAX", "depth": 2})
    ]
    assert result.finish is Finish.TOOL


async def test_a_wait_that_is_asked_for_is_kept(road: Road, aimock: Aimock) -> None:
    """A 429 with Retry-After is waited for, each time it is said."""
    with pytest.raises(CallFailed) as caught:
        await road.client.call(question("be limited"))
    failed = road.events("llm.call.failed")[0].body or {}
    assert [one["reason"] for one in failed["attempts"]] == ["rate_limited"] * 3
    assert all(one["waited_ms"] >= 1000 for one in failed["attempts"][1:])
    assert len(aimock.journal()) == 3
    assert caught.value.code in {"exhausted", "rate_limited"}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_another_model_than_was_asked_is_no_answer(
    tmp_path: Path, aimock: Aimock, *, stream: bool
) -> None:
    """The name in the response is another model's: nothing of it is handed on, and it is paid."""
    async with proving(tmp_path / "ws", aimock.url, OPENAI) as road:
        with pytest.raises(CallFailed):
            await ask(road, "served another", stream=stream)
        failed = road.events("llm.call.failed")[0].body or {}
        assert failed["reason"] == "unexpected_echo"
        assert failed["cost_eur"] > "0.000000000"
        road.check()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_forbidden_model_in_the_answer_is_withheld(
    tmp_path: Path, aimock: Aimock, *, stream: bool
) -> None:
    """The hard deny runs on the echo, before the first piece of a stream, and no fallback is asked."""
    async with proving(tmp_path / "ws", aimock.url, OPENAI, AZURE) as road:
        with pytest.raises(PolicyDenied):
            await ask(road, "served forbidden", stream=stream)
        assert (road.events("llm.call.failed")[0].body or {})["reason"] == "forbidden_echo"
        assert len(aimock.journal()) == 1
        road.check()


async def test_a_deployment_that_serves_another_base_model_is_found_out(
    tmp_path: Path, aimock: Aimock
) -> None:
    """Azure answers under the deployment's name whatever stands behind it; the base model is what counts."""
    async with proving(tmp_path / "ws", aimock.url, AZURE) as road:
        with pytest.raises(CallFailed):
            await road.client.call(question("served another"))
        assert (road.events("llm.call.failed")[0].body or {})["reason"] == "unexpected_echo"


async def test_a_cut_stream_is_told(road: Road, place: Place) -> None:
    """A stream that ends in its middle fails, whatever the provider; what was handed on is counted."""
    with pytest.raises(CallFailed) as caught:
        await streamed(road, question("cut in the middle"))
    failed = road.events("llm.call.failed")[0].body or {}
    assert failed["reason"] in {"stream_cut", "connection_lost"}
    assert caught.value.code in {"stream_cut", "exhausted", "connection_lost"}
    road.check()


@pytest.mark.parametrize("fault", ["dropRate", "malformedRate", "disconnectRate"])
async def test_chaos_is_a_typed_outcome_and_the_chain_ends(road: Road, aimock: Aimock, fault: str) -> None:
    """Dropped, malformed or disconnected: the call fails with a reason, and nothing stays reserved."""
    aimock.chaos(**{fault: 1.0})
    with pytest.raises(PeakError):
        await road.client.call(question("ping"))
    failed = road.events("llm.call.failed")[0].body or {}
    assert failed["reason"] in {"server_error", "malformed", "connection_lost"}
    road.check()
    aimock.reset()
    assert (await road.client.call(question("ping"))).text


async def test_the_canary_key_went_only_into_its_header(tmp_path: Path, aimock: Aimock) -> None:
    """The key reaches the provider in its header and stands in no path, query or body."""
    async with proving(tmp_path / "ws", aimock.url, AZURE_CLASSIC) as road:
        await road.client.call(question("ping"))
    seen = aimock.journal()[0]
    assert KEYS["AZURE_OPENAI_API_KEY"] not in str(seen["path"])
    assert KEYS["AZURE_OPENAI_API_KEY"] not in str(seen["body"])
