import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peak_console.domain.calls import RateState
from peak_console.llm.providers.waiting import duration_s, rate_state, told_wait

RESETS = {"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-reset-tokens": "20ms"}
DATE = {"date": "Sun, 22 Nov 2026 12:00:00 GMT"}


@pytest.mark.parametrize(
    ("headers", "retry_info", "seconds"),
    [
        ({}, None, None),
        ({"retry-after": "3"}, None, 3),
        ({"retry-after": "2.5"}, None, 2.5),
        ({"retry-after-ms": "1500", "retry-after": "60"}, "17s", 1.5),
        ({"x-ms-retry-after-ms": "250"}, None, 0.25),
        ({"retry-after": "3"}, "17s", 3),
        (DATE | {"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT"}, None, 30),
        (DATE | {"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT"}, None, 0),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT"}, None, None),
        ({}, "17s", 17),
        ({}, "1.5s", 1.5),
        ({"x-ratelimit-reset-requests": "1s"}, "17s", 17),
        (RESETS | {"x-ratelimit-remaining-requests": "0"}, None, 360),
        (RESETS | {"x-ratelimit-remaining-tokens": "0"}, None, 0.02),
        (RESETS, None, 360),
        ({"retry-after": "soon", "x-ratelimit-reset-tokens": "1m30.5s"}, None, 90.5),
        ({"retry-after": "-5"}, None, None),
        ({"retry-after": "nan"}, None, None),
        ({"retry-after": " 3\x1f"}, None, 3),
        ({"retry-after": "inf"}, None, None),
        ({"retry-after": "9" * 400}, None, None),
        (DATE | {"retry-after": "Sun, 99 Nov 99999 12:00:30 GMT"}, None, None),
    ],
)  # fmt: skip
def test_the_most_exact_word_wins(
    headers: dict[str, str], retry_info: str | None, seconds: float | None
) -> None:
    """Milliseconds before seconds or a date, before RetryInfo, before the reset of what is exhausted."""
    assert told_wait(headers, retry_info=retry_info) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("6m0s", 360),
        ("1m30.5s", 90.5),
        ("20ms", 0.02),
        ("1h2m3s", 3723),
        ("3", 3),
        ("0s", 0),
        ("1m", 60),
    ],
)
def test_durations_in_every_spelling(text: str, seconds: float) -> None:
    """Go's durations, with and without fractions, and bare seconds."""
    assert duration_s(text) == pytest.approx(seconds)


@settings(deadline=None)  # the machine of a test run is shared
@given(st.text(max_size=30))
def test_no_header_text_breaks_a_reader(text: str) -> None:
    """Whatever stands in a header, the result is a non-negative number or nothing."""
    headers = dict.fromkeys(
        ("retry-after", "retry-after-ms", "date", "x-ratelimit-reset-tokens", "x-ratelimit-remaining-tokens"),
        text,
    )
    for found in (told_wait(headers, retry_info=text), duration_s(text), rate_state(headers).reset_s):
        assert found is None or 0 <= found < 1e13


def test_the_rate_state_is_read() -> None:
    """Remaining requests and tokens, and seconds to the reset."""
    headers = {
        "x-ratelimit-remaining-requests": "99",
        "x-ratelimit-remaining-tokens": "1000",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-reset-tokens": "6m0s",
    }
    assert rate_state(headers) == RateState(99, 1000, 360)
    assert rate_state({}) == RateState(None, None, None)


@pytest.mark.parametrize(
    ("headers", "state"),
    [
        (
            {
                "x-ratelimit-limit-requests": "500",
                "x-ratelimit-limit-tokens": "200000",
                "x-ratelimit-remaining-requests": "499",
                "x-ratelimit-remaining-tokens": "199000",
                "x-ratelimit-reset-requests": "120ms",
                "x-ratelimit-reset-tokens": "300ms",
            },
            RateState(499, 199000, 0.3, 500, 200000),
        ),
        (
            {
                "x-ratelimit-limit-req-minute": "60",
                "x-ratelimit-remaining-req-minute": "59",
                "x-ratelimit-limit-tokens-minute": "500000",
                "x-ratelimit-remaining-tokens-minute": "499990",
                "x-ratelimit-limit-tokens-month": "1000000000",
                "x-ratelimit-tokens-query-cost": "10",
            },
            RateState(59, 499990, None, 60, 500000),
        ),
        (
            {
                "x-ratelimit-limit": "10",
                "x-ratelimit-remaining": "0",
                "x-ratelimit-reset": "2",
                "x-tokenlimit-limit": "3000",
                "x-tokenlimit-remaining": "2999",
            },
            RateState(0, 2999, 2, 10, 3000),
        ),
        (
            {"x-ratelimit-remaining-requests": "9", "x-ratelimit-remaining-tokens": "90"},
            RateState(9, 90),
        ),
        (
            {"x-ratelimitbysize-limit-minute": "500000", "x-ratelimitbysize-remaining-minute": "1"},
            RateState(None, 1, None, None, 500000),
        ),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795348800"}, RateState(0)),
    ],
    ids=["openai", "mistral", "together", "azure", "older mistral", "a moment is no wait"],
)
def test_each_provider_names_its_limits_otherwise(headers: dict[str, str], state: RateState) -> None:
    """Limit, remaining and reset are read under every provider's names."""
    assert rate_state(headers) == state


def test_a_limit_that_is_not_spent_makes_nobody_wait() -> None:
    """Answers carry the reset of their rate limit; a 503 with requests left is no reason to wait for it."""
    headers = {
        "x-ratelimit-remaining-requests": "41",
        "x-ratelimit-remaining-tokens": "9000",
        "x-ratelimit-reset-requests": "28s",
    }
    assert told_wait(headers) is None
    assert told_wait(headers | {"x-ratelimit-remaining-requests": "0"}) == 28
