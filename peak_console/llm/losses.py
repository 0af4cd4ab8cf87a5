"""From a network error to an outcome: what left, what may have left, and what to do next. Pure."""

from dataclasses import replace
from typing import Final

from peak_console.domain.calls import CallReason, Failure, OutcomeClass
from peak_console.domain.text import one_line
from peak_console.llm.providers.failing import failure
from peak_console.net.messages import NetError, NetErrorKind

_BY_KIND: Final = {
    NetErrorKind.CONNECT: (CallReason.CONNECT_ERROR, OutcomeClass.RETRY_HERE),
    NetErrorKind.TIMEOUT_CONNECT: (CallReason.CONNECT_ERROR, OutcomeClass.RETRY_HERE),
    NetErrorKind.TLS: (CallReason.CONNECT_ERROR, OutcomeClass.NEXT_CANDIDATE),
    NetErrorKind.TIMEOUT_FIRST_BYTE: (CallReason.TIMEOUT, OutcomeClass.AMBIGUOUS),
    NetErrorKind.TIMEOUT_TOTAL: (CallReason.TIMEOUT, OutcomeClass.AMBIGUOUS),
    NetErrorKind.LOST: (CallReason.CONNECTION_LOST, OutcomeClass.AMBIGUOUS),
    NetErrorKind.TOO_LARGE: (CallReason.RESPONSE_TOO_LARGE, OutcomeClass.AMBIGUOUS),
    NetErrorKind.ENCODING: (CallReason.MALFORMED, OutcomeClass.AMBIGUOUS),
    NetErrorKind.REDIRECT: (CallReason.REDIRECT, OutcomeClass.STOP),
    NetErrorKind.DENIED: (CallReason.FORBIDDEN_BASE_URL, OutcomeClass.STOP),
    NetErrorKind.ADDRESS: (CallReason.BASE_URL_REFUSED, OutcomeClass.STOP),
}

_UNKNOWN: Final = frozenset({408, 500, 502, 504})
"""Statuses after which the work may go on all the same: whoever answered may not be who does it."""


def net_failure(error: NetError) -> Failure:
    """A network error as an outcome. A connection lost before any answer began is tried again here."""
    if error.status is not None and error.status >= 400:  # noqa: PLR2004 - the error classes of RFC 9110
        return replace(
            failure(error.status, {}), detail=one_line(f"HTTP {error.status}: {error.message}", 300)
        )
    reason, outcome = _BY_KIND[error.kind]
    if error.kind is NetErrorKind.LOST and error.status is None:
        outcome = OutcomeClass.RETRY_HERE
    return Failure(reason, outcome, one_line(error.message, 300), status=error.status)


def may_have_begun(failed: Failure, *, sent: bool) -> bool:
    """Whether unattended work may have begun although its request failed; ``sent``: did any of it leave.

    A provider that says "too many", "not now" or "not so" has begun nothing. Whatever else becomes of a
    request that left is unknown, and it must not be sent again by itself.
    """
    if failed.status is not None and failed.status >= 400:  # noqa: PLR2004 - the error classes of RFC 9110
        return failed.status in _UNKNOWN
    return sent
