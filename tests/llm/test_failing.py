import pytest

from peak_console.domain.calls import CallReason, OutcomeClass
from peak_console.llm.providers.failing import aws_code, error_codes, failure, failure_in_stream

RETRY, NEXT, STOP = OutcomeClass.RETRY_HERE, OutcomeClass.NEXT_CANDIDATE, OutcomeClass.STOP


@pytest.mark.parametrize(
    ("word", "status", "reason", "outcome"),
    [
        ("ThrottlingException", 429, CallReason.RATE_LIMITED, RETRY),
        ("ModelNotReadyException", 429, CallReason.OVERLOADED, RETRY),
        ("ModelTimeoutException", 408, CallReason.TIMEOUT, RETRY),
        ("ModelErrorException", 424, CallReason.SERVER_ERROR, NEXT),
        ("ModelStreamErrorException", 424, CallReason.SERVER_ERROR, NEXT),
        ("InternalServerException", 500, CallReason.SERVER_ERROR, RETRY),
        ("ServiceUnavailableException", 503, CallReason.OVERLOADED, RETRY),
        ("ValidationException", 400, CallReason.BAD_REQUEST, STOP),
        ("AccessDeniedException", 403, CallReason.PERMISSION, NEXT),
        ("UnrecognizedClientException", 403, CallReason.AUTHENTICATION, NEXT),
        ("ExpiredTokenException", 403, CallReason.AUTHENTICATION, NEXT),
        ("InvalidSignatureException", 403, CallReason.AUTHENTICATION, NEXT),
        ("ResourceNotFoundException", 404, CallReason.MODEL_NOT_FOUND, NEXT),
        ("ServiceQuotaExceededException", 400, CallReason.QUOTA_EXHAUSTED, STOP),
    ],
)
def test_aws_errors_are_classified(word: str, status: int, reason: CallReason, outcome: OutcomeClass) -> None:
    """By the exception's name, which says more than the status; in a stream it stands alone."""
    found = failure(status, {}, codes=(word,))
    assert (found.reason, found.outcome) == (reason, outcome)
    in_stream = failure_in_stream(200, {}, {"code": word})
    assert (in_stream.reason, in_stream.outcome, in_stream.status) == (reason, outcome, 200)


@pytest.mark.parametrize(
    "text",
    [
        "ThrottlingException",
        "com.amazonaws.bedrock#ThrottlingException",
        "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/",
        "com.amazonaws.bedrock#ThrottlingException:http://internal.amazon.com/",
    ],
)
def test_an_aws_error_has_one_name(text: str) -> None:
    """Namespace and address around it are dropped."""
    assert aws_code(text) == "ThrottlingException"


def test_the_most_telling_word_comes_first() -> None:
    """What is nested says more than what is around it; numbers say least."""
    error = {
        "code": 400,
        "status": "INVALID_ARGUMENT",
        "details": [{"reason": "API_KEY_INVALID"}, 5],
        "innererror": {"code": "inner"},
    }
    assert error_codes(error) == ("inner", "API_KEY_INVALID", "INVALID_ARGUMENT", "400")


@pytest.mark.parametrize("header", ["x-ratelimit-limit-requests", "x-ratelimit-limit-req-minute"])
def test_an_allowance_of_zero_is_never_waited_for(header: str) -> None:
    """A limit of nothing does not grow by waiting, whatever ``Retry-After`` says."""
    found = failure(429, {header: "0", "retry-after": "1"})
    assert (found.reason, found.outcome) == (CallReason.QUOTA_EXHAUSTED, STOP)


@pytest.mark.parametrize(
    "told", [200, 99, 600, 10**20, True, "ok", "4x9", "\uff14\uff12\uff19", None, [], {}]
)
def test_an_error_in_a_stream_may_say_anything(told: object) -> None:
    """What is no error status counts as the provider's error."""
    found = failure_in_stream(200, {}, {"code": told, "message": told})
    assert (found.reason, found.outcome) == (CallReason.SERVER_ERROR, NEXT)
