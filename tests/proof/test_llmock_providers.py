"""Four providers as llmock plays them: answers, streams, tools, structure, faults, and what it saw of us."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
from proving import (
    GOOGLE,
    KEYS,
    MISTRAL,
    OPENAI,
    QUOTE,
    RESPONSES,
    TOGETHER,
    Outlook,
    Place,
    proving,
    question,
    streamed,
)
from road import QUICK, Road
from support.mocks import Llmock, running_llmock

from peak_console.domain.calls import Finish
from peak_console.domain.errors import CallFailed, PeakError
from peak_console.domain.vocabulary import Layer

PLACES = (OPENAI, RESPONSES, GOOGLE, MISTRAL, TOGETHER)
NAMES = {"openai": "openai", "google": "gemini", "mistral": "mistral", "together": "together"}


def named(place: Place) -> str:
    """The name of a place in a test's id."""
    return f"{place.provider}-{place.endpoint}"


@pytest.fixture(params=PLACES, ids=named)
def place(request: pytest.FixtureRequest) -> Place:
    """Each of the interfaces that llmock plays."""
    found: Place = request.param
    return found


@pytest.fixture
async def road(tmp_path: Path, mock: Llmock, place: Place) -> AsyncIterator[Road]:
    """The road with ``place`` as primary, and no fallback."""
    async with proving(tmp_path / "ws", mock.url, place) as made:
        yield made


def priced(road: Road) -> None:
    """The recorded cost is that of the recorded usage, at the table's price."""
    done = road.events("llm.call.completed")[-1].body or {}
    usage = done["usage"]
    fresh = usage["input"] - usage["cached"]
    usd = (fresh * Decimal(1) + usage["cached"] * Decimal("0.1") + usage["output"] * Decimal(10)) / 1_000_000
    assert usage["input"] > 0
    assert usage["output"] > 0
    assert Decimal(done["cost_eur"]) == usd * Decimal("0.90")


async def test_an_answer_comes_back_with_its_usage(road: Road, mock: Llmock, place: Place) -> None:
    """Every interface: one request, an answer, a bill by its usage, and nothing to find fault with."""
    result = await road.client.call(question("ping"))
    assert result.text
    assert (result.provider, result.finish) == (place.provider, Finish.STOP)
    priced(road)
    assert [(one["provider"], one["status"]) for one in mock.journal()] == [(NAMES[place.provider], 200)]
    assert mock.findings() == []
    road.check()


async def test_a_stream_brings_the_same_answer_in_pieces(road: Road, mock: Llmock, place: Place) -> None:
    """The pieces together are the text, the usage comes from the stream, the time to the first is told."""
    pieces, result = await streamed(road, question("tell me"))
    assert "".join(one.text for one in pieces) == result.text != ""
    done = road.events("llm.call.completed")[-1].body or {}
    assert done["streamed"] is True
    assert 0 < done["ttft_us"] <= done["latency_us"]
    if (
        place is MISTRAL
    ):  # llmock tells the usage only to whoever asks in OpenAI's words, which Mistral has not
        asked = road.events("llm.call.requested")[-1].body or {}
        assert (done["cost_basis"], done["cost_eur"]) == ("worst_case", asked["bound_eur"])
    else:
        priced(road)
    assert mock.journal()[0]["stream"] is True
    road.check()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_tool_calls_come_back_in_one_shape(road: Road, mock: Llmock, *, stream: bool) -> None:
    """A call of our tool is parsed with its arguments, whole or from the pieces of a stream."""
    mock.play(
        {"type": "reply", "tool_calls": [{"name": "quote", "arguments": {"symbol": "DAX", "depth": 2}}]}
    )
    request = question("what costs it?", tools=(QUOTE,))
    result = (await streamed(road, request))[1] if stream else await road.client.call(request)
    assert [(one.name, one.arguments) for one in result.tool_calls] == [
        ("quote", {"symbol": "DAX", "depth": 2})
    ]
    assert result.finish is Finish.TOOL
    road.check()


async def test_a_tools_result_is_taken_back(road: Road, mock: Llmock) -> None:
    """What a tool answered goes back in the provider's own shape, and the model goes on."""
    mock.play({"type": "reply", "tool_calls": [{"name": "quote", "arguments": {"symbol": "DAX"}}]})
    first = await road.client.call(question("what costs it?", tools=(QUOTE,)))
    asked = question("what costs it?", tools=(QUOTE,))
    call = first.tool_calls[0]
    said = [
        asked.messages[0],
        {"role": "assistant", "content": "", "tool_calls": [call.model_dump()]},
        {"role": "tool", "content": "17000", "tool_call_id": call.id, "name": "quote"},
    ]
    second = await road.client.call(layer="L2", messages=said, tools=(QUOTE,), max_output_tokens=100)
    assert second.text
    assert [one["status"] for one in mock.journal()] == [200, 200]


async def test_a_structured_answer_is_a_validated_object(road: Road, mock: Llmock) -> None:
    """A pydantic model goes out as a schema, and an instance of it comes back."""
    result = await road.client.call(question("outlook?"), answer=Outlook)
    assert isinstance(result.parsed, Outlook)
    assert len(mock.journal()) == 1
    road.check()


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_what_may_pass_is_tried_again(road: Road, mock: Llmock, status: int) -> None:
    """A passing failure is an attempt within the hop, whatever shape the provider's error has."""
    mock.play({"type": "fail", "status": status, "times": 1})
    result = await road.client.call(question(f"after {status}"))
    assert [one.status for one in result.attempts] == [status, 200]
    assert mock.findings() == []


async def test_a_wait_that_is_asked_for_is_kept(road: Road, mock: Llmock) -> None:
    """``Retry-After`` of each provider is waited for; the referee would see it if not."""
    mock.play({"type": "fail", "status": 429, "retry_after": 1, "times": 1})
    result = await road.client.call(question("after a second"))
    assert result.attempts[1].waited_ms >= 1000
    assert mock.findings() == []


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_what_stays_is_asked_once(road: Road, mock: Llmock, status: int) -> None:
    """A key that is refused, or a model that is gone, is no reason to ask again."""
    mock.play({"type": "fail", "status": status, "times": 5})
    with pytest.raises(PeakError):
        await road.client.call(question("refused"))
    assert len(mock.journal()) == 1
    road.check()


@pytest.mark.parametrize("kind", ["disconnect", "truncate", "malformed"])
async def test_a_stream_that_breaks_is_told_as_cut(road: Road, mock: Llmock, kind: str) -> None:
    """Cut, without its end mark, or with a chunk that is no JSON: never a whole answer; paid at the bound."""
    mock.play({"type": "stream_fault", "kind": kind, "after_chunks": 3, "times": 5})
    with pytest.raises(CallFailed) as caught:
        await streamed(road, question("tell me a long story about it"))
    failed = road.events("llm.call.failed")[0].body or {}
    asked = road.events("llm.call.requested")[0].body or {}
    assert failed["reason"] in {"stream_cut", "malformed", "connection_lost"}
    assert failed["cost_eur"] == asked["bound_eur"]
    assert caught.value.details["call_id"]
    road.check()


async def test_a_stalled_stream_ends_at_the_deadline(road: Road, mock: Llmock) -> None:
    """Silence in the middle of a stream is bounded by the call's own deadline."""
    mock.play({"type": "stream_fault", "kind": "stall", "after_chunks": 2, "stall_seconds": 60, "times": 5})
    begun = asyncio.get_running_loop().time()
    with pytest.raises(CallFailed):
        await streamed(road, question("tell me", timeout_s=1.0))
    assert asyncio.get_running_loop().time() - begun < 30
    road.check()


async def test_a_slow_first_token_is_measured(road: Road, mock: Llmock) -> None:
    """The time to the first token is the provider's, not ours."""
    mock.play({"type": "slow_first_token", "seconds": 0.4, "times": 1})
    await streamed(road, question("slow"))
    assert (road.events("llm.call.completed")[0].body or {})["ttft_us"] >= 400_000


@pytest.mark.parametrize("fault", ["disconnect", "truncate"])
async def test_a_stream_cut_before_its_first_piece_goes_to_the_fallback(
    tmp_path: Path, mock: Llmock, place: Place, fault: str
) -> None:
    """As long as nothing was handed on, the next candidate answers, and its pieces are the only ones."""
    second = GOOGLE if place.provider != "google" else OPENAI
    mock.play(
        {
            "type": "stream_fault",
            "kind": fault,
            "after_chunks": 0,
            "times": None,
            "match": {"provider": NAMES[place.provider]},
        }
    )
    async with proving(tmp_path / "ws", mock.url, place, second) as road:
        pieces, result = await streamed(road, question("tell me"))
        assert (result.provider, result.fallback) == (second.provider, True)
        assert "".join(one.text for one in pieces) == result.text
        assert "llm.fallback.taken" in road.kinds()
        road.check()


async def test_a_denied_call_never_left(tmp_path: Path, mock: Llmock) -> None:
    """Layer, budget and policy: whatever is refused, no provider gets a request; Anthropic never does."""
    async with proving(tmp_path / "ws", mock.url, OPENAI, GOOGLE) as road:
        tight = question().limits.model_copy(update={"max_cost_eur": "0.000001"})
        requests = [
            question(layer=Layer.L5),
            question(layer=Layer.L6),
            question().model_copy(update={"limits": tight}),
        ]
        for request in requests:
            with pytest.raises(PeakError):
                await road.client.call(request)
        road.ws.matrix.write_text(road.ws.matrix.read_text().replace('"gpt-5-mini"', '"claude-sonnet-4-5"'))
        with pytest.raises(PeakError):
            await road.client.call(question())
        assert "llm.call.requested" not in road.kinds()
    assert mock.journal() == []
    assert mock.journal("anthropic") == []


@pytest.mark.parametrize("path", ["/anthropic/v1", "/%61nthropic", "/v1/claude-3"])
async def test_an_address_of_anthropic_gets_nothing(tmp_path: Path, mock: Llmock, path: str) -> None:
    """Even on this machine an address that names a forbidden provider is not called."""
    forbidden = Place("openai", "chat", "gpt-5-mini", path)
    async with proving(tmp_path / "ws", mock.url, forbidden) as road:
        with pytest.raises(PeakError):
            await road.client.call(question())
    assert mock.journal("anthropic") == []


@pytest.mark.parametrize("limit", [("--rpm", "6"), ("--tpm", "900")], ids=["requests", "tokens"])
async def test_a_real_quota_is_kept_to(tmp_path: Path, limit: tuple[str, str]) -> None:
    """Over its quota the provider says when to come back: nobody comes too early, some go to the fallback."""
    with running_llmock(tmp_path / "llmock.theirs", *limit) as limited:
        async with proving(tmp_path / "ws", limited.url, OPENAI, GOOGLE, retry=QUICK) as road:
            calls = [
                road.client.call(question(f"call {number}", timeout_s=8.0, max_output_tokens=200))
                for number in range(9)
            ]
            ends = await asyncio.gather(*calls, return_exceptions=True)
            assert all(isinstance(end, PeakError) or end.text for end in ends)
            told = [event.body or {} for event in road.events("llm.call.completed", "llm.call.failed")]
            assert any(one["reason"] == "rate_limited" for body in told for one in body["attempts"])
            road.check()
        assert {one["code"] for one in limited.findings()} <= {"gave_up"}, (
            "a deadline ends some, none is too early"
        )


def holding(folder: Path, secret: bytes) -> list[Path]:
    """The files below ``folder`` that hold ``secret``."""
    return [path for path in folder.rglob("*") if path.is_file() and secret in path.read_bytes()]


async def test_the_keys_stand_nowhere(tmp_path: Path, mock: Llmock) -> None:
    """After answers, errors and cuts of every provider no canary stands in any file of the workspace."""
    canary = KEYS["OPENAI_API_KEY"]
    async with proving(tmp_path / "ws", mock.url, OPENAI, GOOGLE, MISTRAL, TOGETHER) as road:
        mock.play({"type": "fail", "status": 401, "times": 6, "message": f"bad key {canary}"})
        calls = [road.client.call(question(f"call {number}")) for number in range(3)]
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert canary not in " ".join(f"{end!r} {getattr(end, 'details', '')}" for end in ends)
    assert holding(tmp_path, canary.encode()) == []
