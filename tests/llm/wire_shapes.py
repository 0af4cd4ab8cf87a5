"""Responses and streams as the providers' public documentation and SDK examples show them."""

from typing import Any

import orjson


def chat(text: str = "fine", model: str = "gpt-5-mini-2025-08-07", **changes: Any) -> bytes:
    """A chat completion as OpenAI writes it."""
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": None},
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "total_tokens": 120,
            "prompt_tokens_details": {"cached_tokens": 40},
            "completion_tokens_details": {"reasoning_tokens": 5},
        },
        "system_fingerprint": "fp_1",
    }
    return orjson.dumps(body | changes)


def gemini(text: str = "also fine", model: str = "gemini-2.5-flash", **changes: Any) -> bytes:
    """A generateContent answer as Gemini writes it."""
    body = {
        "candidates": [
            {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP", "index": 0}
        ],
        "usageMetadata": {
            "promptTokenCount": 100,
            "candidatesTokenCount": 20,
            "thoughtsTokenCount": 30,
            "cachedContentTokenCount": 10,
            "totalTokenCount": 150,
        },
        "modelVersion": model,
        "responseId": "resp-1",
    }
    return orjson.dumps(body | changes)


def events(*chunks: Any, end: str = "data: [DONE]\n\n") -> bytes:
    """Server-sent events of these chunks, JSON unless they are text, with an end mark."""
    lines = (one if isinstance(one, str) else orjson.dumps(one).decode() for one in chunks)
    return ("".join(f"data: {line}\n\n" for line in lines) + end).encode()


def piece(
    delta: dict[str, Any] | None = None,
    finish: str | None = None,
    *,
    model: str = "gpt-5-mini-2025-08-07",
    **more: Any,
) -> dict[str, Any]:
    """One chunk of a streamed chat completion."""
    choice = {"index": 0, "delta": delta or {}, "logprobs": None, "finish_reason": finish}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": model,
        "system_fingerprint": "fp_1",
        "choices": [choice],
    } | more


OPENAI_USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 40},
    "completion_tokens_details": {"reasoning_tokens": 5},
}

OPENAI_STREAM = events(
    piece({"role": "assistant", "content": "", "refusal": None}, usage=None),
    piece({"content": "Grüße"}, usage=None),
    piece({"content": ", 世界"}, usage=None),
    piece(finish="stop", usage=None),
    piece(choices=[], usage=OPENAI_USAGE),
)
OPENAI_TOOLS_STREAM = events(
    piece(
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "index": 0,
                    "id": "call_a",
                    "type": "function",
                    "function": {"name": "quote", "arguments": ""},
                }
            ],
        }
    ),
    piece({"tool_calls": [{"index": 0, "function": {"arguments": '{"pair":'}}]}),
    piece({"tool_calls": [{"index": 0, "function": {"arguments": '"EURUSD"}'}}]}),
    piece(
        {
            "tool_calls": [
                {
                    "index": 1,
                    "id": "call_b",
                    "type": "function",
                    "function": {"name": "now", "arguments": ""},
                }
            ]
        }
    ),
    piece(finish="tool_calls"),
    piece(choices=[], usage=OPENAI_USAGE),
)
AZURE_STREAM = events(
    {
        "choices": [],
        "created": 0,
        "id": "",
        "model": "",
        "object": "",
        "prompt_filter_results": [
            {"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False, "severity": "safe"}}}
        ],
    },
    piece({"role": "assistant", "content": ""}, model="gpt-4o-2024-11-20"),
    piece({"content": "fine"}, model="gpt-4o-2024-11-20"),
    piece(
        model="gpt-4o-2024-11-20",
        choices=[
            {
                "index": 0,
                "finish_reason": None,
                "content_filter_offsets": {"check_offset": 44, "start_offset": 44, "end_offset": 198},
                "content_filter_results": {"hate": {"filtered": False, "severity": "safe"}},
            }
        ],
    ),
    piece(finish="stop", model="gpt-4o-2024-11-20"),
    piece(choices=[], usage=OPENAI_USAGE, model="gpt-4o-2024-11-20"),
)
MISTRAL_STREAM = events(
    {
        "id": "m1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "mistral-medium-2508",
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}],
    },
    {
        "id": "m1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "mistral-medium-2508",
        "choices": [
            {
                "index": 0,
                "delta": {
                    "content": [
                        {"type": "thinking", "thinking": [{"type": "text", "text": "hmm"}]},
                        {"type": "text", "text": "fine"},
                    ]
                },
                "finish_reason": None,
            }
        ],
    },
    {
        "id": "m1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "mistral-medium-2508",
        "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "total_tokens": 12, "completion_tokens": 2},
    },
)
TOGETHER_STREAM = events(
    {
        "id": "t1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "openai/gpt-oss-20b",
        "choices": [
            {
                "index": 0,
                "text": "fine",
                "logprobs": None,
                "finish_reason": None,
                "seed": None,
                "delta": {"token_id": 1, "role": "assistant", "content": "fine", "tool_calls": None},
            }
        ],
        "usage": None,
    },
    {
        "id": "t1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "openai/gpt-oss-20b",
        "choices": [
            {
                "index": 0,
                "text": "",
                "logprobs": None,
                "finish_reason": "eos",
                "seed": 7,
                "delta": {"token_id": 2, "role": "assistant", "content": "", "tool_calls": None},
            }
        ],
        "usage": {"prompt_tokens": 18, "completion_tokens": 21, "total_tokens": 39},
    },
)
CHAT_STREAMS = {
    "openai": [OPENAI_STREAM, OPENAI_TOOLS_STREAM],
    "azure": [AZURE_STREAM],
    "mistral": [MISTRAL_STREAM],
    "together": [TOGETHER_STREAM],
    "bedrock": [OPENAI_STREAM],
}


def gemini_piece(*parts: Any, finish: str | None = None, said: int = 1, **more: Any) -> dict[str, Any]:
    """One event of streamGenerateContent; its usage grows."""
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": 100,
            "candidatesTokenCount": said,
            "thoughtsTokenCount": 30,
            "cachedContentTokenCount": 10,
            "totalTokenCount": 130 + said,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 100}],
        },
        "modelVersion": "gemini-2.5-flash",
        "responseId": "resp-1",
    } | more


GEMINI_STREAM = events(
    gemini_piece({"text": "thinking", "thought": True}),
    gemini_piece({"text": "Grüße"}, said=10),
    gemini_piece({"text": ", 世界"}, finish="STOP", said=20),
    end="",
)
GEMINI_TOOLS_STREAM = events(
    gemini_piece({"functionCall": {"name": "quote", "args": {"pair": "EURUSD"}}, "thoughtSignature": "c2ln"}),
    gemini_piece({"functionCall": {"id": "x", "name": "now"}}, said=3),
    gemini_piece({"text": ""}, finish="STOP", said=3),
    end="",
)
GEMINI_STREAMS = [GEMINI_STREAM, GEMINI_TOOLS_STREAM]

MISTRAL_LIMITED = {
    "object": "error",
    "message": "Rate limit exceeded",
    "type": "rate_limited",
    "param": None,
    "code": "1300",
    "raw_status_code": 429,
}
MISTRAL_INVALID = {
    "detail": [
        {
            "type": "extra_forbidden",
            "loc": ["body", "seed"],
            "msg": "Extra inputs are not permitted",
            "input": 7,
        }
    ]
}
AZURE_FILTERED = {
    "error": {
        "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management "
        "policy.",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {"hate": {"filtered": True, "severity": "high"}},
        },
    }
}
AZURE_NO_DEPLOYMENT = {
    "error": {
        "code": "DeploymentNotFound",
        "message": "The API deployment for this resource does not exist.",
    }
}
GEMINI_LIMITED = {
    "error": {
        "code": 429,
        "message": "You exceeded your current quota.",
        "status": "RESOURCE_EXHAUSTED",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": "x"}]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"},
        ],
    }
}
