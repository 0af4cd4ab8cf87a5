"""From an error response to a reason and what to do next: one table for all providers. Pure."""

from collections.abc import Mapping
from typing import Final

from peak_console.domain.calls import CallReason, Failure, OutcomeClass
from peak_console.domain.text import one_line
from peak_console.llm.providers.waiting import rate_state, told_wait

_RETRY, _NEXT, _STOP = OutcomeClass.RETRY_HERE, OutcomeClass.NEXT_CANDIDATE, OutcomeClass.STOP

_BY_STATUS: Final[Mapping[int, tuple[CallReason, OutcomeClass]]] = {
    401: (CallReason.AUTHENTICATION, _NEXT),
    402: (CallReason.QUOTA_EXHAUSTED, _STOP),
    403: (CallReason.PERMISSION, _NEXT),
    404: (CallReason.MODEL_NOT_FOUND, _NEXT),
    408: (CallReason.TIMEOUT, _RETRY),
    409: (CallReason.CONFLICT, _RETRY),
    410: (CallReason.MODEL_NOT_FOUND, _NEXT),
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
    "content_filter": (CallReason.CONTENT_FILTER, _STOP),
    "content_policy_violation": (CallReason.CONTENT_FILTER, _STOP),
    "invalid_api_key": (CallReason.AUTHENTICATION, _NEXT),
    "API_KEY_INVALID": (CallReason.AUTHENTICATION, _NEXT),
    "model_not_found": (CallReason.MODEL_NOT_FOUND, _NEXT),
}
"""Codes that say more than the status; they win over it, so that a spent quota is never retried as a 429."""


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
        rate=rate_state(headers),
    )


def malformed(status: int, headers: Mapping[str, str], detail: str) -> Failure:
    """A response that is not of its wire format: paid for perhaps, answered by nobody."""
    return Failure(
        CallReason.MALFORMED, _NEXT, one_line(detail, 300), status=status, request_id=request_id(headers)
    )


def request_id(headers: Mapping[str, str]) -> str | None:
    """The provider's name for the exchange, made plain."""
    value = headers.get("x-request-id") or headers.get("apim-request-id") or headers.get("x-amzn-requestid")
    return one_line(value, 120) if value else None


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
