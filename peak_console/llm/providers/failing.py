"""From an error response to a reason and what to do next: one table for all providers. Pure."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from peak_console.domain.calls import CallReason, Failure, OutcomeClass, Usage
from peak_console.domain.text import one_line
from peak_console.llm.providers.waiting import rate_state, told_wait
from peak_console.llm.providers.wire import error_message

_RETRY, _NEXT, _STOP = OutcomeClass.RETRY_HERE, OutcomeClass.NEXT_CANDIDATE, OutcomeClass.STOP

_BY_STATUS: Final[Mapping[int, tuple[CallReason, OutcomeClass]]] = {
    401: (CallReason.AUTHENTICATION, _NEXT),
    402: (CallReason.QUOTA_EXHAUSTED, _STOP),
    403: (CallReason.PERMISSION, _NEXT),
    404: (CallReason.MODEL_NOT_FOUND, _NEXT),
    408: (CallReason.TIMEOUT, _RETRY),
    409: (CallReason.CONFLICT, _RETRY),
    410: (CallReason.MODEL_NOT_FOUND, _NEXT),
    424: (CallReason.SERVER_ERROR, _NEXT),
    429: (CallReason.RATE_LIMITED, _RETRY),
    500: (CallReason.SERVER_ERROR, _RETRY),
    502: (CallReason.SERVER_ERROR, _RETRY),
    503: (CallReason.OVERLOADED, _RETRY),
    504: (CallReason.SERVER_ERROR, _RETRY),
    529: (CallReason.OVERLOADED, _RETRY),
}
_BY_CODE: Final[Mapping[str, tuple[CallReason, OutcomeClass]]] = {
    "insufficient_quota": (CallReason.QUOTA_EXHAUSTED, _STOP),
    "credit_balance_exhausted": (CallReason.QUOTA_EXHAUSTED, _STOP),
    "billing_hard_limit_reached": (CallReason.QUOTA_EXHAUSTED, _STOP),
    "billing_not_active": (CallReason.QUOTA_EXHAUSTED, _STOP),
    "context_length_exceeded": (CallReason.CONTEXT_LENGTH, _STOP),
    "string_above_max_length": (CallReason.CONTEXT_LENGTH, _STOP),
    "content_filter": (CallReason.CONTENT_FILTER, _STOP),
    "content_policy_violation": (CallReason.CONTENT_FILTER, _STOP),
    "invalid_api_key": (CallReason.AUTHENTICATION, _NEXT),
    "model_not_found": (CallReason.MODEL_NOT_FOUND, _NEXT),
    # Google
    "API_KEY_INVALID": (CallReason.AUTHENTICATION, _NEXT),
    # Mistral
    "service_tier_capacity_exceeded": (CallReason.OVERLOADED, _RETRY),
    "3505": (CallReason.OVERLOADED, _RETRY),
    "invalid_model": (CallReason.MODEL_NOT_FOUND, _NEXT),
    # Azure
    "ResponsibleAIPolicyViolation": (CallReason.CONTENT_FILTER, _STOP),
    "DeploymentNotFound": (CallReason.MODEL_NOT_FOUND, _NEXT),
    # AWS
    "ThrottlingException": (CallReason.RATE_LIMITED, _RETRY),
    "TooManyRequestsException": (CallReason.RATE_LIMITED, _RETRY),
    "ModelNotReadyException": (CallReason.OVERLOADED, _RETRY),
    "ServiceUnavailableException": (CallReason.OVERLOADED, _RETRY),
    "ModelTimeoutException": (CallReason.TIMEOUT, _RETRY),
    "InternalServerException": (CallReason.SERVER_ERROR, _RETRY),
    "ModelErrorException": (CallReason.SERVER_ERROR, _NEXT),
    "ModelStreamErrorException": (CallReason.SERVER_ERROR, _NEXT),
    "ConflictException": (CallReason.CONFLICT, _RETRY),
    "ValidationException": (CallReason.BAD_REQUEST, _STOP),
    "SerializationException": (CallReason.BAD_REQUEST, _STOP),
    "ServiceQuotaExceededException": (CallReason.QUOTA_EXHAUSTED, _STOP),
    "AccessDeniedException": (CallReason.PERMISSION, _NEXT),
    "ResourceNotFoundException": (CallReason.MODEL_NOT_FOUND, _NEXT),
    "UnrecognizedClientException": (CallReason.AUTHENTICATION, _NEXT),
    "InvalidSignatureException": (CallReason.AUTHENTICATION, _NEXT),
    "IncompleteSignatureException": (CallReason.AUTHENTICATION, _NEXT),
    "MissingAuthenticationTokenException": (CallReason.AUTHENTICATION, _NEXT),
    "ExpiredTokenException": (CallReason.AUTHENTICATION, _NEXT),
}
"""Codes that say more than the status; they win over it, so that a spent quota is never retried as a 429."""

_BY_WORD: Final[Mapping[str, int]] = {
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "rate_limited": 429,
    "1300": 429,
    "too_many_requests": 429,
    "RESOURCE_EXHAUSTED": 429,
    "authentication_error": 401,
    "UNAUTHENTICATED": 401,
    "permission_error": 403,
    "PERMISSION_DENIED": 403,
    "not_found_error": 404,
    "NOT_FOUND": 404,
    "invalid_request_error": 400,
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "server_error": 500,
    "internal_error": 500,
    "internal_server_error": 500,
    "api_error": 500,
    "INTERNAL": 500,
    "timeout_error": 504,
    "DEADLINE_EXCEEDED": 504,
    "overloaded": 503,
    "overloaded_error": 503,
    "service_unavailable": 503,
    "UNAVAILABLE": 503,
}
"""What an error within a stream stands for, whose response's status said that all was well."""

_STATUS: Final = re.compile(r"[45][0-9]{2}")
_MOST_CODE: Final = 10**6
_STATUS_KEYS: Final = ("code", "status", "status_code", "raw_status_code")


def failure(
    status: int,
    headers: Mapping[str, str],
    *,
    codes: tuple[str, ...] = (),
    message: str = "",
    retry_info: str | None = None,
) -> Failure:
    """An error response as an outcome.

    ``codes`` are the machine-readable words of the body, ``retry_info`` its google.rpc.RetryInfo delay.
    ``x-should-retry`` is obeyed where the table would retry, and forbids a retry everywhere.
    """
    reason, outcome = _verdict(status, codes)
    rate = rate_state(headers)
    if reason is CallReason.RATE_LIMITED and 0 in {rate.limit_requests, rate.limit_tokens}:
        reason, outcome = CallReason.QUOTA_EXHAUSTED, _STOP  # no allowance at all: no wait helps
    should_retry = headers.get("x-should-retry", "").lower()
    if outcome is _RETRY and should_retry == "false":
        outcome = _NEXT
    known = next((code for code in codes if code), "")
    return Failure(
        reason,
        outcome,
        detail=one_line(": ".join(part for part in (f"HTTP {status}", known, message) if part), 300),
        status=status,
        retry_after_s=told_wait(headers, retry_info=retry_info),
        request_id=request_id(headers),
        rate=rate,
    )


def failure_in_stream(status: int, headers: Mapping[str, str], error: Mapping[str, Any]) -> Failure:
    """An error event in the midst of a streamed answer, whose own status was a success.

    Its class is that of the status it tells (a 429 in a stream is a rate limit); an event that says
    nothing known is the provider's error, and the next candidate is asked.
    """
    codes = error_codes(error)
    told = next((one for key in _STATUS_KEYS if (one := _told_status(error.get(key)))), None)
    meant = told or next((_BY_WORD[code] for code in codes if code in _BY_WORD), None)
    found = failure(
        meant or 599,
        headers,
        codes=codes,
        message=error_message(error),
        retry_info=next(iter(delays(error)), None),
    )
    said = found.detail if meant else found.detail.removeprefix("HTTP 599").removeprefix(": ")
    return replace(found, status=status, detail=one_line(f"an error in the stream: {said}", 300))


def error_codes(error: Mapping[str, Any]) -> tuple[str, ...]:
    """The machine-readable words of an error object, the most telling first."""
    inner = error.get("innererror")
    nested = inner.get("code") if isinstance(inner, dict) else None
    reasons = [one.get("reason") for one in _details(error)]
    words = [nested, *reasons, error.get("code"), error.get("type"), error.get("status")]
    texts = [one_line(word, 80) for word in words if isinstance(word, str) and word]
    return (*texts, *(str(word) for word in words if type(word) is int and 0 < word < _MOST_CODE))


def aws_code(text: str) -> str:
    """The name of an AWS error: without the namespace before it and the address behind it.

    ``com.amazonaws.bedrock#ThrottlingException``, ``ThrottlingException:http://internal…``
    """
    return one_line(text.partition(":")[0].rpartition("#")[2], 80)


def delays(error: Mapping[str, Any]) -> tuple[str, ...]:
    """The waits that the google.rpc.RetryInfo details of an error ask for."""
    found = (one.get("retryDelay") for one in _details(error))
    return tuple(delay for delay in found if isinstance(delay, str))


def malformed(
    status: int,
    headers: Mapping[str, str],
    detail: str,
    *,
    usage: Usage | None = None,
    model_echo: str | None = None,
) -> Failure:
    """A response that is not of its wire format: paid for perhaps, answered by nobody."""
    return Failure(
        CallReason.MALFORMED,
        _NEXT,
        one_line(detail, 300),
        status=status,
        request_id=request_id(headers),
        usage=usage,
        model_echo=model_echo,
    )


def stream_cut(
    status: int, headers: Mapping[str, str], detail: str, *, usage: Usage | None = None
) -> Failure:
    """A stream that ended before its end mark; without a final usage, what it cost is not known."""
    outcome = OutcomeClass.AMBIGUOUS if usage is None else _NEXT
    return Failure(
        CallReason.STREAM_CUT, outcome, detail, status=status, request_id=request_id(headers), usage=usage
    )


def request_id(headers: Mapping[str, str]) -> str | None:
    """The provider's name for the exchange, made plain."""
    value = headers.get("x-request-id") or headers.get("apim-request-id") or headers.get("x-amzn-requestid")
    return one_line(value, 120) if value else None


def _details(error: Mapping[str, Any]) -> list[dict[str, Any]]:
    listed = error.get("details")
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _told_status(value: Any) -> int | None:
    """An HTTP error status, as a number or in digits."""
    number = int(value) if isinstance(value, str) and _STATUS.fullmatch(value) else value
    return number if type(number) is int and 400 <= number < 600 else None  # noqa: PLR2004 - the error classes of RFC 9110


def _verdict(status: int, codes: tuple[str, ...]) -> tuple[CallReason, OutcomeClass]:
    for code in codes:
        if code in _BY_CODE:
            return _BY_CODE[code]
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if 300 <= status < 400:  # noqa: PLR2004 - the redirect class of RFC 9110
        return CallReason.REDIRECT, _STOP
    if 400 <= status < 500:  # noqa: PLR2004 - the client error class of RFC 9110
        return CallReason.BAD_REQUEST, _STOP
    if 500 <= status < 600:  # noqa: PLR2004 - the server error class of RFC 9110
        return CallReason.SERVER_ERROR, _NEXT
    return CallReason.MALFORMED, _NEXT
