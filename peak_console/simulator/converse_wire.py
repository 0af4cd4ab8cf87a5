"""Bedrock's Converse: requests read, answers and errors written. No answer names its model."""

from typing import Any, Final

import orjson

from peak_console.simulator.exchange import Ask, Rejected, Reply, Trouble, Written

_DEFAULT_OUTPUT: Final = 4096

_ERRORS: Final = {
    Trouble.UNAUTHENTICATED: (403, "AccessDeniedException"),
    Trouble.UNKNOWN_MODEL: (404, "ResourceNotFoundException"),
    Trouble.RATE_LIMITED: (429, "ThrottlingException"),
    Trouble.QUOTA: (400, "ServiceQuotaExceededException"),
    Trouble.SERVER_ERROR: (500, "InternalServerException"),
    Trouble.UNAVAILABLE: (503, "ServiceUnavailableException"),
    Trouble.OVERLOADED: (503, "ServiceUnavailableException"),
    Trouble.TIMED_OUT: (408, "ModelTimeoutException"),
}


def read(model: str, root: dict[str, Any], sent_bytes: int, *, stream: bool) -> Ask:
    """The ask in a request for ``model``; raises ``Rejected`` as the service would."""
    messages = root.get("messages")
    if not isinstance(messages, list) or not messages:
        message = "1 validation error detected: Value at 'messages' failed to satisfy constraint"
        raise Rejected(Trouble.BAD_REQUEST, message, "messages")
    config = root.get("inferenceConfig")
    config = config if isinstance(config, dict) else {}
    limit = config.get("maxTokens", _DEFAULT_OUTPUT)
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise Rejected(Trouble.BAD_REQUEST, "maxTokens must be at least 1", "inferenceConfig.maxTokens")
    return Ask(
        provider="bedrock",
        model=model,
        system=_texts(root.get("system")),
        prompt="\n".join(_texts(one.get("content")) for one in messages if isinstance(one, dict)),
        sent_bytes=sent_bytes,
        max_output_tokens=limit,
        stream=stream,
    )


def answer(written: Written) -> dict[str, Any]:
    """The answer as Converse writes it; ``inputTokens`` leaves the cached ones out."""
    stop = "content_filtered" if written.filtered else "max_tokens" if written.cut else "end_turn"
    content = [] if written.filtered else [{"text": written.text}]
    fresh = written.input_tokens - written.cached_tokens
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop,
        "usage": {
            "inputTokens": fresh,
            "outputTokens": written.output_tokens,
            "totalTokens": written.input_tokens + written.output_tokens,
            "cacheReadInputTokens": written.cached_tokens,
            "cacheWriteInputTokens": 0,
        },
        "metrics": {"latencyMs": 1},
    }


def reply(body: dict[str, Any]) -> Reply:
    """The answer as a reply."""
    return Reply(200, orjson.dumps(body))


def error(trouble: Trouble, message: str) -> Reply:
    """The error as Bedrock writes it: its name stands in a header."""
    status, name = _ERRORS.get(trouble, (400, "ValidationException"))
    return Reply(status, orjson.dumps({"message": message}), {"x-amzn-errortype": f"{name}:"})


def _texts(content: Any) -> str:
    if not isinstance(content, list):
        return ""
    return "\n".join(
        part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
    )
