"""Usage as genai-prices reads it from the same bodies: an independent reader of five wire formats."""

from typing import Any

import orjson
import pytest
from genai_prices import extract_usage
from hypothesis import given, settings
from hypothesis import strategies as st

from peak_console.domain.calls import Answer
from peak_console.llm.providers.adapters import ADAPTERS

COUNT = st.integers(0, 10**6)
COUNTS = st.tuples(COUNT, COUNT, COUNT, COUNT)
"""Fresh input, cached input, spoken output, reasoning."""


def openai_chat(fresh: int, cached: int, spoken: int, reasoning: int) -> dict[str, Any]:
    """Of OpenAI's chat: cached is part of the prompt, reasoning of the completion."""
    return {
        "model": "gpt-5-mini-2025-08-07",
        "choices": [{"message": {"role": "assistant", "content": "hm"}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": fresh + cached,
            "completion_tokens": spoken + reasoning,
            "total_tokens": fresh + cached + spoken + reasoning,
            "prompt_tokens_details": {"cached_tokens": cached},
            "completion_tokens_details": {"reasoning_tokens": reasoning},
        },
    }


def openai_responses(fresh: int, cached: int, spoken: int, reasoning: int) -> dict[str, Any]:
    """Of the Responses API."""
    return {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "model": "gpt-5-mini-2025-08-07",
        "output": [
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "hm", "annotations": []}],
            }
        ],
        "usage": {
            "input_tokens": fresh + cached,
            "input_tokens_details": {"cached_tokens": cached},
            "output_tokens": spoken + reasoning,
            "output_tokens_details": {"reasoning_tokens": reasoning},
            "total_tokens": fresh + cached + spoken + reasoning,
        },
    }


def gemini(fresh: int, cached: int, spoken: int, reasoning: int) -> dict[str, Any]:
    """Of Gemini: thoughts stand beside the candidates' tokens."""
    return {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "hm"}]}, "finishReason": "STOP"}],
        "usageMetadata": {
            "promptTokenCount": fresh + cached,
            "cachedContentTokenCount": cached,
            "candidatesTokenCount": spoken,
            "thoughtsTokenCount": reasoning,
            "totalTokenCount": fresh + cached + spoken + reasoning,
        },
        "modelVersion": "gemini-2.5-flash",
    }


def mistral(fresh: int, cached: int, spoken: int, reasoning: int) -> dict[str, Any]:
    """Of Mistral: totals only."""
    return {
        "model": "mistral-medium-latest",
        "choices": [{"message": {"role": "assistant", "content": "hm"}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": fresh + cached,
            "completion_tokens": spoken + reasoning,
            "total_tokens": fresh + cached + spoken + reasoning,
        },
    }


def converse(fresh: int, cached: int, spoken: int, reasoning: int) -> dict[str, Any]:
    """Of Bedrock's converse: the cached stand beside the input."""
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": "hm"}]}},
        "stopReason": "end_turn",
        "usage": {
            "inputTokens": fresh,
            "outputTokens": spoken + reasoning,
            "totalTokens": fresh + cached + spoken + reasoning,
            "cacheReadInputTokens": cached,
            "cacheWriteInputTokens": 0,
        },
        "metrics": {"latencyMs": 1},
    }


BODIES = {
    ("openai", "chat"): (openai_chat, "openai", "chat"),
    ("openai", "responses"): (openai_responses, "openai", "responses"),
    ("google", "generate_content"): (gemini, "google", "default"),
    ("mistral", "chat"): (mistral, "mistral", "default"),
    ("bedrock", "converse"): (converse, "aws", "default"),
}


@pytest.mark.parametrize("interface", BODIES, ids="-".join)
@settings(max_examples=40, deadline=None)
@given(counts=COUNTS)
def test_usage_is_what_an_independent_reader_finds(
    interface: tuple[str, str], counts: tuple[int, int, int, int]
) -> None:
    """Input with the cached, the cached, and output with the reasoning are the same numbers to both."""
    write, provider_id, flavour = BODIES[interface]
    body = write(*counts)
    answer = ADAPTERS[interface].parse(200, {}, orjson.dumps(body))
    assert isinstance(answer, Answer)
    assert answer.usage is not None
    named = body if "model" in body else body | {"model": "amazon.nova-lite-v1:0"}
    theirs = extract_usage(named, provider_id=provider_id, api_flavor=flavour).usage
    ours = answer.usage
    assert ours.input_total == (theirs.input_tokens or 0)
    assert ours.cache_read == (theirs.cache_read_tokens or 0)
    assert ours.output_total == (theirs.output_tokens or 0)
