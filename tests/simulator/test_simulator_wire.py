import json
from typing import Any

import pytest

from peak_console.domain.verdict import CriticAnswer, critic_schema

SCHEMA = {
    "type": "object",
    "properties": {
        "side": {"type": "string", "enum": ["up", "down"]},
        "levels": {"type": "array", "items": {"type": "number", "minimum": 1, "maximum": 2}, "minItems": 2},
        "note": {"anyOf": [{"type": "string", "maxLength": 5}, {"type": "null"}]},
        "child": {"$ref": "#/$defs/node"},
    },
    "required": ["side", "levels", "note", "child"],
    "additionalProperties": False,
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "count": {"type": "integer", "minimum": 3, "maximum": 3},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            },
            "required": ["count", "next"],
        }
    },
}


async def test_openai_answers_in_its_own_form(serve: Any) -> None:
    """Dated snapshot, usage with details that add up, request id, rate-limit headers, null fingerprint."""
    server = await serve()
    status, headers, body = await server.chat()
    assert status == 200
    assert body["model"] == "gpt-5-mini-2025-08-07"
    assert body["object"] == "chat.completion"
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["choices"][0]["message"]["refusal"] is None
    assert body["system_fingerprint"] is None
    usage = body["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["completion_tokens_details"]["reasoning_tokens"] <= usage["completion_tokens"]
    assert usage["prompt_tokens_details"]["cached_tokens"] <= usage["prompt_tokens"]
    assert headers["x-request-id"]
    for name in ("limit", "remaining", "reset"):
        assert headers[f"x-ratelimit-{name}-requests"]
        assert headers[f"x-ratelimit-{name}-tokens"]


async def test_gemini_answers_in_its_own_form(serve: Any) -> None:
    """modelVersion, thoughts beside candidates in the usage, no rate-limit headers."""
    server = await serve()
    status, headers, body = await server.gemini(model="gemini-2.5-pro")
    assert status == 200
    assert body["modelVersion"] == "gemini-2.5-pro"
    assert body["candidates"][0]["finishReason"] == "STOP"
    assert body["candidates"][0]["content"]["parts"][0]["text"]
    usage = body["usageMetadata"]
    total = usage["promptTokenCount"] + usage["candidatesTokenCount"] + usage.get("thoughtsTokenCount", 0)
    assert usage["totalTokenCount"] == total
    assert not [name for name in headers if "ratelimit" in name.lower()]


async def test_mistral_answers_in_its_own_form(serve: Any) -> None:
    """The alias is echoed, there is no fingerprint, and the usage has no details."""
    server = await serve()
    status, headers, body = await server.chat({"model": "mistral-medium-latest"}, provider="mistral")
    assert (status, body["model"]) == (200, "mistral-medium-latest")
    assert "system_fingerprint" not in body
    assert set(body["usage"]) == {"prompt_tokens", "completion_tokens", "total_tokens"}
    assert headers["x-ratelimit-remaining-req-minute"]


@pytest.mark.parametrize("seed", range(5))
async def test_structured_answers_are_valid(serve: Any, seed: int) -> None:
    """An answer to a JSON schema is JSON of that schema, recursion and options included."""
    server = await serve(seed=seed)
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}
    _, _, body = await server.chat({"response_format": form})
    _check(json.loads(body["choices"][0]["message"]["content"]))
    config = {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}
    _, _, body = await server.gemini({"generationConfig": config})
    _check(json.loads(body["candidates"][0]["content"]["parts"][0]["text"]))


def _check(value: Any) -> None:
    assert set(value) == {"side", "levels", "note", "child"}
    assert value["side"] in {"up", "down"}
    assert len(value["levels"]) == 2
    assert all(1 <= one <= 2 for one in value["levels"])
    assert value["note"] is None or len(value["note"]) <= 5
    node = value["child"]
    while node is not None:
        assert node["count"] == 3
        node = node["next"]


async def test_every_kind_of_verdict_occurs(serve: Any) -> None:
    """A critic's schema brings PASS, REVIEW and FAIL, and now and then an answer that is none."""
    server = await serve()
    form = {"type": "json_schema", "json_schema": {"name": "verdict", "schema": critic_schema()}}
    seen: dict[str, int] = {}
    for _ in range(300):
        _, _, body = await server.chat({"response_format": form})
        try:
            answer = CriticAnswer.model_validate_json(body["choices"][0]["message"]["content"])
            kind = answer.verdict.value
        except ValueError:
            kind = "malformed"
        seen[kind] = seen.get(kind, 0) + 1
    assert set(seen) == {"PASS", "REVIEW", "FAIL", "malformed"}
    assert seen["PASS"] > 150
    assert seen["malformed"] < 30


async def test_tools_are_ignored_politely(serve: Any) -> None:
    """A request with tools is answered in text."""
    server = await serve()
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    status, _, body = await server.chat({"tools": [tool]})
    assert status == 200
    assert body["choices"][0]["message"]["content"]


async def test_the_output_limit_cuts(serve: Any) -> None:
    """An answer stays within the limit it was given, reasoning included, and says that it was cut."""
    server = await serve()
    _, _, body = await server.chat({"max_completion_tokens": 20})
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] <= 20
    _, _, body = await server.gemini({"generationConfig": {"maxOutputTokens": 20}})
    assert body["candidates"][0]["finishReason"] == "MAX_TOKENS"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"model": "no-such-model"}, 404, "model_not_found"),
        ({"model": "gpt-5.2-pro"}, 404, None),
        ({"model": "o3-deep-research"}, 404, None),
        ({"temperature": 0.2}, 400, "unsupported_parameter"),
        ({"max_tokens": 50}, 400, "unsupported_parameter"),
        ({"messages": []}, 400, None),
        ({"messages": ["x"]}, 400, None),
        ({"max_completion_tokens": 0.5}, 400, None),
        ({"messages": [{"role": "user", "content": "x" * 2_000_000}]}, 400, "context_length_exceeded"),
    ],
)
async def test_openai_refuses_as_openai_does(
    serve: Any, change: dict[str, Any], status: int, code: str | None
) -> None:
    """Wrong models and parameters get the provider's own status, body and code."""
    server = await serve()
    got, _, body = await server.chat(change)
    assert got == status
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["error"]["code"] == code


async def test_a_missing_key_is_refused(serve: Any) -> None:
    """Each provider's own words for a missing key."""
    server = await serve()
    status, _, body = await server.chat(key="")
    assert (status, body["error"]["code"]) == (401, "invalid_api_key")
    status, _, body = await server.gemini(key="")
    assert (status, body["error"]["details"][0]["reason"]) == (400, "API_KEY_INVALID")
    status, _, body = await server.chat({"model": "mistral-small-latest"}, provider="mistral", key="")
    assert (status, body["object"]) == (401, "error")


async def test_an_unknown_gemini_is_not_found(serve: Any) -> None:
    """404 with Gemini's status word."""
    server = await serve()
    status, _, body = await server.gemini(model="palm-9")
    assert (status, body["error"]["status"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b"{}", b'{"generationConfig": 7}', b"\xff\xfe"])
async def test_unreadable_requests_are_refused(serve: Any, body: bytes) -> None:
    """A body that is no request is a 400 or 422, never a 500."""
    server = await serve()
    for path in (
        "/openai/v1/chat/completions",
        "/mistral/v1/chat/completions",
        "/gemini/v1beta/models/gemini-2.5-flash:generateContent",
    ):
        headers = {"authorization": "Bearer k", "x-goog-api-key": "k"}
        async with server.session.post(server.url(path), data=body, headers=headers) as response:
            assert response.status in {400, 422}, path
            assert await response.json()


async def test_answers_are_about_the_prompt(serve: Any) -> None:
    """An outlook quotes the task's own figures under the six headings."""
    server = await serve()
    task = "EUR/USD hourly\n2017-05-01 10:00 1.09012 1.09111\n2017-05-01 11:00 1.09999"
    messages = [
        {"role": "system", "content": "You are the market analyst (layer L2)."},
        {"role": "user", "content": task},
    ]
    _, _, body = await server.chat({"messages": messages})
    text = body["choices"][0]["message"]["content"]
    assert "EUR/USD" in text
    assert "1.09999" in text
    assert text.startswith("## Summary")
    assert text.count("\n## ") == 5
