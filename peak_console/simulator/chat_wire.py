"""OpenAI's chat completions as OpenAI and Mistral answer them: requests read, answers and errors written."""

from typing import Any, Final

import orjson

from peak_console.simulator.exchange import Ask, Rejected, Reply, Trouble, Written
from peak_console.simulator.rates import RateLimit, spelled

_DEFAULT_OUTPUT: Final = 16_384

_OPENAI_ERRORS: Final = {
    Trouble.UNAUTHENTICATED: (401, "invalid_request_error", "invalid_api_key"),
    Trouble.UNKNOWN_MODEL: (404, "invalid_request_error", "model_not_found"),
    Trouble.NOT_A_CHAT_MODEL: (404, "invalid_request_error", None),
    Trouble.BAD_REQUEST: (400, "invalid_request_error", None),
    Trouble.UNSUPPORTED_PARAMETER: (400, "invalid_request_error", "unsupported_parameter"),
    Trouble.CONTEXT_LENGTH: (400, "invalid_request_error", "context_length_exceeded"),
    Trouble.RATE_LIMITED: (429, "requests", "rate_limit_exceeded"),
    Trouble.QUOTA: (429, "insufficient_quota", "insufficient_quota"),
    Trouble.SERVER_ERROR: (500, "server_error", None),
    Trouble.UNAVAILABLE: (503, "server_error", None),
    Trouble.OVERLOADED: (529, "overloaded_error", "engine_overloaded"),
    Trouble.TIMED_OUT: (504, "server_error", None),
}
_MISTRAL_ERRORS: Final = {
    Trouble.UNAUTHENTICATED: (401, "invalid_request_unauthorized", "1000"),
    Trouble.UNKNOWN_MODEL: (400, "invalid_model", "1500"),
    Trouble.RATE_LIMITED: (429, "rate_limited", "1300"),
    Trouble.QUOTA: (402, "insufficient_credits", "1301"),
    Trouble.SERVER_ERROR: (500, "internal_server_error", "3000"),
    Trouble.UNAVAILABLE: (503, "service_unavailable", "3001"),
    Trouble.OVERLOADED: (529, "overloaded", "3505"),
    Trouble.TIMED_OUT: (504, "gateway_timeout", "3002"),
}
_MISTRAL_BAD_REQUEST: Final = (400, "invalid_request_error", "1200")


def read(provider: str, root: dict[str, Any], sent_bytes: int, model: str | None = None) -> Ask:
    """The ask in a request's body; raises ``Rejected`` as the provider would.

    ``model`` is the deployment of an address that names one.
    """
    model = root.get("model") if model is None else model
    if not isinstance(model, str) or not model:
        raise Rejected(Trouble.BAD_REQUEST, "you must provide a model parameter", "model")
    messages = root.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Rejected(Trouble.BAD_REQUEST, "[] is too short - 'messages'", "messages")
    system, prompt = _spoken(messages)
    limit = root.get("max_completion_tokens") or root.get("max_tokens") or _DEFAULT_OUTPUT
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise Rejected(
            Trouble.BAD_REQUEST, "Invalid 'max_completion_tokens': below minimum", "max_completion_tokens"
        )
    temperature = root.get("temperature")
    options = root.get("stream_options")
    return Ask(
        provider=provider,
        model=model,
        system=system,
        prompt=prompt,
        sent_bytes=sent_bytes,
        max_output_tokens=limit,
        schema=_schema(root.get("response_format")),
        temperature=float(temperature) if isinstance(temperature, (int, float)) else None,
        uses_max_tokens="max_tokens" in root,
        stream=root.get("stream") is True,
        usage_wanted=provider == "mistral"
        or (isinstance(options, dict) and bool(options.get("include_usage"))),
    )


def openai_answer(answer: Written) -> dict[str, Any]:
    """The answer as OpenAI writes it."""
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if answer.refused else answer.text,
        "refusal": answer.text if answer.refused else None,
        "annotations": [],
    }
    return {
        "id": f"chatcmpl-Sim{answer.serial:010d}",
        "object": "chat.completion",
        "created": answer.created,
        "model": answer.served_as,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish(answer)}],
        "usage": openai_usage(answer),
        "service_tier": "default",
        "system_fingerprint": answer.fingerprint,
    }


def openai_usage(answer: Written) -> dict[str, Any]:
    """The bill as OpenAI writes it."""
    return {
        **plain_usage(answer),
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": answer.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def plain_usage(answer: Written) -> dict[str, Any]:
    """The bill as Mistral and Together write it: no details."""
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }


def azure_answer(answer: Written) -> dict[str, Any]:
    """The answer as Azure writes it: OpenAI's, with what its content filters found."""
    severities = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "violence")}
    body = openai_answer(answer)
    body["choices"][0]["content_filter_results"] = severities
    return body | {"prompt_filter_results": [{"prompt_index": 0, "content_filter_results": severities}]}


def plain_answer(answer: Written) -> dict[str, Any]:
    """The answer as Mistral and Together write it: no fingerprint, no details of the usage."""
    message = {"role": "assistant", "content": answer.text, "tool_calls": None}
    return {
        "id": f"{answer.serial:032x}",
        "object": "chat.completion",
        "created": answer.created,
        "model": answer.served_as,
        "choices": [{"index": 0, "message": message, "finish_reason": finish(answer)}],
        "usage": plain_usage(answer),
    }


def together_finish(answer: Written) -> str:
    """Together's word for an answer that came to its own end is another."""
    word = finish(answer)
    return "eos" if word == "stop" else word


def openai_error(trouble: Trouble, message: str, param: str | None = None) -> Reply:
    """The error as OpenAI writes it."""
    status, kind, code = _OPENAI_ERRORS[trouble]
    error = {"message": message, "type": kind, "param": param, "code": code}
    return Reply(status, orjson.dumps({"error": error}))


def mistral_error(trouble: Trouble, message: str, param: str | None = None) -> Reply:
    """The error as Mistral writes it; a request it cannot read is a 422 with details."""
    if trouble is Trouble.BAD_REQUEST:
        detail = [{"type": "missing", "loc": ["body", param or ""], "msg": message, "input": None}]
        return Reply(422, orjson.dumps({"detail": detail}))
    status, kind, code = _MISTRAL_ERRORS.get(trouble, _MISTRAL_BAD_REQUEST)
    error = {"object": "error", "message": message, "type": kind, "param": param, "code": code}
    return Reply(status, orjson.dumps(error | {"raw_status_code": status}))


def openai_limits(limit: RateLimit) -> dict[str, str]:
    """The headers in which OpenAI tells the rate limit's state."""
    return {
        "x-ratelimit-limit-requests": str(limit.requests.per_minute),
        "x-ratelimit-limit-tokens": str(limit.tokens.per_minute),
        "x-ratelimit-remaining-requests": str(limit.requests.remaining),
        "x-ratelimit-remaining-tokens": str(limit.tokens.remaining),
        "x-ratelimit-reset-requests": spelled(limit.requests.reset_s),
        "x-ratelimit-reset-tokens": spelled(limit.tokens.reset_s),
    }


def mistral_limits(limit: RateLimit) -> dict[str, str]:
    """The headers in which Mistral tells the rate limit's state."""
    return {
        "x-ratelimit-limit-req-minute": str(limit.requests.per_minute),
        "x-ratelimit-remaining-req-minute": str(limit.requests.remaining),
        "x-ratelimit-limit-tokens-minute": str(limit.tokens.per_minute),
        "x-ratelimit-remaining-tokens-minute": str(limit.tokens.remaining),
    }


def finish(answer: Written) -> str:
    """Why the model stopped, in OpenAI's words."""
    if answer.filtered:
        return "content_filter"
    return "length" if answer.cut else "stop"


def an_object(body: bytes) -> dict[str, Any]:
    """A request's body; raises ``Rejected`` for one that is no JSON object."""
    try:
        root = orjson.loads(body)
    except orjson.JSONDecodeError:
        message = "We could not parse the JSON body of your request."
        raise Rejected(Trouble.BAD_REQUEST, message) from None
    if not isinstance(root, dict):
        raise Rejected(Trouble.BAD_REQUEST, "The body of your request is not a JSON object.")
    return root


def together_limits(limit: RateLimit) -> dict[str, str]:
    """The headers in which Together tells the rate limit's state."""
    return {
        "x-ratelimit-limit": str(limit.requests.per_minute),
        "x-ratelimit-remaining": str(limit.requests.remaining),
        "x-ratelimit-reset": f"{limit.requests.reset_s:.0f}",
        "x-tokenlimit-limit": str(limit.tokens.per_minute),
        "x-tokenlimit-remaining": str(limit.tokens.remaining),
    }


def azure_limits(limit: RateLimit) -> dict[str, str]:
    """The headers in which Azure tells the rate limit's state."""
    return {
        "x-ratelimit-remaining-requests": str(limit.requests.remaining),
        "x-ratelimit-remaining-tokens": str(limit.tokens.remaining),
        "x-ms-region": "Simulated",
    }


def _spoken(messages: list[Any]) -> tuple[str, str]:
    """System and other texts."""
    system: list[str] = []
    others: list[str] = []
    for place, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise Rejected(Trouble.BAD_REQUEST, "Invalid type for message", f"messages[{place}]")
        target = system if message["role"] in {"system", "developer"} else others
        target.append(_content(message.get("content")))
    return "\n".join(system), "\n".join(others)


def _content(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return ""


def _schema(response_format: Any) -> dict[str, Any] | None:
    if not isinstance(response_format, dict) or response_format.get("type") != "json_schema":
        return None
    holder = response_format.get("json_schema")
    schema = holder.get("schema") if isinstance(holder, dict) else None
    if not isinstance(schema, dict):
        message = "Missing required parameter: 'response_format.json_schema.schema'."
        raise Rejected(Trouble.BAD_REQUEST, message, "response_format.json_schema.schema")
    return schema
