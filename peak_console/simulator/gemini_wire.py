"""Gemini's generateContent: requests read, answers and errors written."""

from typing import Any, Final

import orjson

from peak_console.simulator.exchange import Ask, Rejected, Reply, Trouble, Written

_DEFAULT_OUTPUT: Final = 65_536

_ERRORS: Final = {
    Trouble.UNAUTHENTICATED: (400, "INVALID_ARGUMENT"),
    Trouble.UNKNOWN_MODEL: (404, "NOT_FOUND"),
    Trouble.RATE_LIMITED: (429, "RESOURCE_EXHAUSTED"),
    Trouble.QUOTA: (402, "RESOURCE_EXHAUSTED"),
    Trouble.SERVER_ERROR: (500, "INTERNAL"),
    Trouble.UNAVAILABLE: (503, "UNAVAILABLE"),
    Trouble.OVERLOADED: (503, "UNAVAILABLE"),
    Trouble.TIMED_OUT: (504, "DEADLINE_EXCEEDED"),
}
_TYPE: Final = "type.googleapis.com/google.rpc."


def read(model: str, body: bytes, *, stream: bool) -> Ask:
    """The ask in a request for ``model``; raises ``Rejected`` as the provider would."""
    try:
        root = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Rejected(Trouble.BAD_REQUEST, "Invalid JSON payload received.") from None
    contents = root.get("contents") if isinstance(root, dict) else None
    if not isinstance(contents, list) or not contents:
        message = "* GenerateContentRequest.contents: contents is not specified"
        raise Rejected(Trouble.BAD_REQUEST, message, "contents")
    config = root.get("generationConfig")
    config = config if isinstance(config, dict) else {}
    limit = config.get("maxOutputTokens", _DEFAULT_OUTPUT)
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise Rejected(
            Trouble.BAD_REQUEST, "max_output_tokens must be positive", "generationConfig.maxOutputTokens"
        )
    structured = config.get("responseMimeType") == "application/json"
    schema = (config.get("responseJsonSchema") or config.get("responseSchema")) if structured else None
    return Ask(
        provider="google",
        model=model,
        system=_texts(root.get("systemInstruction")),
        prompt="\n".join(_texts(content) for content in contents),
        sent_bytes=len(body),
        max_output_tokens=limit,
        schema=schema if isinstance(schema, dict) else None,
        stream=stream,
    )


def answer(written: Written) -> dict[str, Any]:
    """The answer as Gemini writes it."""
    if written.filtered:
        candidate: dict[str, Any] = {"finishReason": "SAFETY", "index": 0}
    else:
        reason = "MAX_TOKENS" if written.cut else "STOP"
        content = {"parts": [{"text": written.text}], "role": "model"}
        candidate = {"content": content, "finishReason": reason, "index": 0}
    usage = {
        "promptTokenCount": written.input_tokens,
        "candidatesTokenCount": written.output_tokens - written.reasoning_tokens,
        "totalTokenCount": written.input_tokens + written.output_tokens,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": written.input_tokens}],
    }
    if written.reasoning_tokens:
        usage["thoughtsTokenCount"] = written.reasoning_tokens
    if written.cached_tokens:
        usage["cachedContentTokenCount"] = written.cached_tokens
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": written.served_as,
        "responseId": f"sim{written.serial:013d}",
    }


def error(trouble: Trouble, message: str, retry_after_s: int | None = None) -> Reply:
    """The error as Gemini writes it; the wait of a rate limit stands in the body, not in a header."""
    status, word = _ERRORS.get(trouble, (400, "INVALID_ARGUMENT"))
    body: dict[str, Any] = {"code": status, "message": message, "status": word}
    details: list[dict[str, Any]] = []
    if trouble is Trouble.UNAUTHENTICATED:
        domain = "googleapis.com"
        details.append({"@type": _TYPE + "ErrorInfo", "reason": "API_KEY_INVALID", "domain": domain})
    if retry_after_s is not None:
        details.append({"@type": _TYPE + "RetryInfo", "retryDelay": f"{retry_after_s}s"})
    if details:
        body["details"] = details
    return Reply(status, orjson.dumps({"error": body}), content_type="application/json; charset=UTF-8")


def _texts(content: Any) -> str:
    parts = content.get("parts") if isinstance(content, dict) else None
    if not isinstance(parts, list):
        return ""
    return "\n".join(
        part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)
    )
