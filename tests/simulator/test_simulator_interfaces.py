"""The interfaces beside plain chat: streams, Responses with background work, Azure, Together, Bedrock."""

import binascii
import struct
from typing import Any

import orjson
import pytest

from peak_console.simulator.lists import PATHS

QUESTION = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "What moved EUR/USD?"}]}
BEARER = {"authorization": "Bearer k"}


async def _post(server: Any, path: str, body: dict[str, Any], **headers: str) -> tuple[int, Any, bytes]:
    async with server.session.post(server.url(path), json=body, headers=BEARER | headers) as response:
        return response.status, response.headers, await response.read()


def _events(body: bytes) -> list[dict[str, Any]]:
    lines = [line[6:] for line in body.split(b"\n") if line.startswith(b"data: ")]
    return [orjson.loads(line) for line in lines if line != b"[DONE]"]


async def test_a_streamed_chat_ends_with_its_usage_and_its_mark(serve: Any) -> None:
    """Role first, text in pieces, a finish, the usage in a chunk without choices, [DONE]."""
    server = await serve()
    asked = QUESTION | {"stream": True, "stream_options": {"include_usage": True}}
    status, headers, body = await _post(server, "/openai/v1/chat/completions", asked)
    assert status == 200
    assert headers["content-type"].startswith("text/event-stream")
    assert body.endswith(b"data: [DONE]\n\n")
    events = _events(body)
    assert events[-1]["choices"] == []
    assert events[-1]["usage"]["completion_tokens"] > 0
    assert events[-2]["choices"][0]["finish_reason"] == "stop"
    assert {one["model"] for one in events} == {"gpt-5-mini-2025-08-07"}
    assert "".join(one["choices"][0]["delta"].get("content", "") for one in events[:-1])


async def test_usage_of_a_stream_comes_only_when_asked_for(serve: Any) -> None:
    """OpenAI tells no usage without ``include_usage``; Mistral tells it in the last chunk, unasked."""
    server = await serve()
    _, _, silent = await _post(server, "/openai/v1/chat/completions", QUESTION | {"stream": True})
    assert not [one for one in _events(silent) if "usage" in one]
    asked = QUESTION | {"model": "mistral-medium-latest", "stream": True}
    _, _, told = await _post(server, "/mistral/v1/chat/completions", asked)
    assert _events(told)[-1]["usage"]["total_tokens"] > 0
    assert _events(told)[-1]["choices"][0]["finish_reason"] == "stop"


async def test_gemini_streams_whole_responses(serve: Any) -> None:
    """Each chunk is a response with modelVersion; only the last has a finish reason and the whole bill."""
    server = await serve()
    asked = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
    path = "/gemini/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
    status, _, body = await _post(server, path, asked, **{"x-goog-api-key": "k"})
    events = _events(body)
    assert status == 200
    assert all(one["modelVersion"] == "gemini-2.5-flash" for one in events)
    assert [one["candidates"][0].get("finishReason") for one in events].count("STOP") == 1
    assert events[-1]["usageMetadata"]["candidatesTokenCount"] > 0


async def test_responses_answers_and_streams(serve: Any) -> None:
    """A response object with its items, and the same as numbered events."""
    server = await serve()
    asked = {"model": "gpt-5.2-pro", "input": "Why?", "max_output_tokens": 4000}
    status, _, body = await _post(server, "/openai/v1/responses", asked)
    whole = orjson.loads(body)
    assert status == 200
    assert whole["status"] == "completed"
    assert whole["model"] == "gpt-5.2-pro-2025-12-11"
    assert whole["output"][-1]["content"][0]["type"] == "output_text"
    assert whole["usage"]["output_tokens_details"]["reasoning_tokens"] > 0
    _, _, streamed = await _post(server, "/openai/v1/responses", asked | {"stream": True})
    events = _events(streamed)
    assert [one["sequence_number"] for one in events] == list(range(len(events)))
    assert events[-1]["type"] == "response.completed"
    text = "".join(one["delta"] for one in events if one["type"] == "response.output_text.delta")
    assert text == events[-1]["response"]["output"][-1]["content"][0]["text"]


async def test_background_work_goes_from_queued_to_completed(serve: Any) -> None:
    """Accepted at once without output; done after its time, searches included; gone after ten minutes."""
    now = [0.0]
    server = await serve(now_s=lambda: now[0], latency_scale=1.0)
    asked = {"model": "o4-mini-deep-research", "input": "Research", "background": True, "max_tool_calls": 3}
    asked |= {"tools": [{"type": "web_search_preview"}], "max_output_tokens": 20_000}
    _, _, body = await _post(server, "/openai/v1/responses", asked)
    begun = orjson.loads(body)
    assert begun["status"] == "queued"
    assert begun["output"] == []
    assert begun["usage"] is None
    url = server.url(f"/openai/v1/responses/{begun['id']}")

    async def look(after_s: float) -> dict[str, Any]:
        now[0] = after_s
        async with server.session.get(url, headers=BEARER) as response:
            found: dict[str, Any] = orjson.loads(await response.read())
            return found | {"http": response.status}

    lasts = server.simulation.jobs.jobs[begun["id"]].lasts_s
    assert (await look(lasts / 2))["status"] == "in_progress"
    done = await look(lasts + 1)
    assert done["status"] == "completed"
    assert 1 <= sum(item["type"] == "web_search_call" for item in done["output"]) <= 3
    assert done["usage"]["output_tokens"] > 0
    assert (await look(lasts + 700))["http"] == 404


async def test_background_work_can_be_cancelled(serve: Any) -> None:
    """Cancelled it stays cancelled; cancelling what is done changes nothing."""
    now = [0.0]
    server = await serve(now_s=lambda: now[0], latency_scale=1.0)
    asked = {"model": "gpt-5.2-pro", "input": "Research", "background": True}
    _, _, body = await _post(server, "/openai/v1/responses", asked)
    path = f"/openai/v1/responses/{orjson.loads(body)['id']}"
    _, _, cancelled = await _post(server, f"{path}/cancel", {})
    assert orjson.loads(cancelled)["status"] == "cancelled"
    now[0] = 500.0
    async with server.session.get(server.url(path), headers=BEARER) as response:
        assert (await response.json())["status"] == "cancelled"


@pytest.mark.parametrize(
    "path",
    [
        "/azure/openai/v1/chat/completions",
        "/azure/openai/deployments/desk-gpt-5-mini/chat/completions?api-version=2024-10-21",
    ],
)
async def test_azure_reports_the_base_model_of_a_deployment(serve: Any, path: str) -> None:
    """Both addresses take an api-key; the model is the snapshot behind the deployment's name."""
    server = await serve()
    asked = QUESTION | {"model": "desk-gpt-5-mini"}
    async with server.session.post(server.url(path), json=asked, headers={"api-key": "k"}) as response:
        body = await response.json()
    assert response.status == 200
    assert body["model"] == "gpt-5-mini-2025-08-07"
    assert body["choices"][0]["content_filter_results"]
    assert body["prompt_filter_results"]


async def test_together_says_eos_and_no_details(serve: Any) -> None:
    """Together's own word for the end, and a bill without details."""
    server = await serve()
    slug = "meta-llama/Llama-3.3-70B-Instruct-Turbo"
    _, headers, body = await _post(server, "/together/v1/chat/completions", QUESTION | {"model": slug})
    answer = orjson.loads(body)
    assert answer["choices"][0]["finish_reason"] == "eos"
    assert answer["model"] == slug
    assert set(answer["usage"]) == {"prompt_tokens", "completion_tokens", "total_tokens"}
    assert headers["x-tokenlimit-remaining"]


async def test_bedrock_converses_without_naming_its_model(serve: Any) -> None:
    """No echo; the address takes inference profiles; an unknown model is an exception by header."""
    server = await serve()
    asked = {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}
    status, headers, body = await _post(server, "/bedrock/model/eu.amazon.nova-lite-v1%3A0/converse", asked)
    answer = orjson.loads(body)
    assert status == 200
    assert answer["stopReason"] == "end_turn"
    assert "model" not in answer
    assert headers["x-amzn-requestid"]
    status, headers, _ = await _post(server, "/bedrock/model/nobody/converse", asked)
    assert status == 404
    assert headers["x-amzn-errortype"].startswith("ResourceNotFoundException")


async def test_bedrock_streams_frames_with_checksums(serve: Any) -> None:
    """Every message's two checksums hold; text, stop and usage come in their events."""
    server = await serve()
    asked = {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}
    path = "/bedrock/model/amazon.nova-lite-v1%3A0/converse-stream"
    _, headers, body = await _post(server, path, asked)
    assert headers["content-type"] == "application/vnd.amazon.eventstream"
    payloads = []
    while body:
        total, heads, checksum = struct.unpack("!III", body[:12])
        message, body = body[:total], body[total:]
        assert checksum == binascii.crc32(message[:8])
        assert struct.unpack("!I", message[-4:])[0] == binascii.crc32(message[:-4])
        payloads.append(orjson.loads(message[12 + heads : -4]))
    assert "".join(one["delta"]["text"] for one in payloads if "delta" in one)
    assert payloads[-2]["stopReason"] == "end_turn"
    assert payloads[-1]["usage"]["outputTokens"] > 0


async def test_a_truncated_stream_lacks_its_end_mark(serve: Any) -> None:
    """Half of the pieces under a clean end: what a proxy leaves of a cut stream."""
    server = await serve()
    asked = QUESTION | {"stream": True}
    status, _, body = await _post(
        server, "/openai/v1/chat/completions", asked, **{"x-sim-fault": "truncated"}
    )
    assert status == 200
    assert b"[DONE]" not in body
    assert _events(body)


@pytest.mark.parametrize("path", PATHS)
async def test_models_are_listed_for_free_and_for_a_key(serve: Any, path: str) -> None:
    """Every provider's list holds something, asks for a key, and counts as no request."""
    server = await serve()
    async with server.session.get(server.url(path)) as response:
        assert response.status == 401
    async with server.session.get(server.url(path), headers=BEARER) as response:
        found = orjson.loads(await response.read())
    assert response.status == 200
    assert found if isinstance(found, list) else next(one for one in found.values() if isinstance(one, list))
    assert server.simulation.serial == 0
