"""How long a provider asks us to wait, in every spelling of it. Pure: no clock is read.

Order (design of calls): ``retry-after-ms``, then ``Retry-After`` (seconds or date), then a RetryInfo in the
body, then the reset of the rate limit, unless the headers say that something of it is left.
"""

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

from peak_console.domain.calls import RateState

_DURATION: Final = re.compile(
    r"(?:(?P<h>\d{1,9}(?:\.\d+)?)h)?(?:(?P<m>\d{1,9}(?:\.\d+)?)m(?!s))?"
    r"(?:(?P<s>\d{1,9}(?:\.\d+)?)s)?(?:(?P<ms>\d{1,9}(?:\.\d+)?)ms)?"
)
_NUMBER: Final = re.compile(r"\d{1,12}(?:\.\d{1,9})?")
_UNIT_S: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}

_REMAINING_REQUESTS: Final = (
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-req-minute",
    "x-ratelimit-remaining",
)
_REMAINING_TOKENS: Final = (
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-remaining-tokens-minute",
    "x-tokenlimit-remaining",
    "x-ratelimitbysize-remaining-minute",
)
_LIMIT_REQUESTS: Final = (
    "x-ratelimit-limit-requests",
    "x-ratelimit-limit-req-minute",
    "x-ratelimit-limit",
)
_LIMIT_TOKENS: Final = (
    "x-ratelimit-limit-tokens",
    "x-ratelimit-limit-tokens-minute",
    "x-tokenlimit-limit",
    "x-ratelimitbysize-limit-minute",
)
_RESET_REQUESTS: Final = ("x-ratelimit-reset-requests", "x-ratelimit-reset")
_RESET_TOKENS: Final = ("x-ratelimit-reset-tokens", "x-tokenlimit-reset")
_RATE_HEADERS: Final = frozenset(
    _REMAINING_REQUESTS
    + _REMAINING_TOKENS
    + _LIMIT_REQUESTS
    + _LIMIT_TOKENS
    + _RESET_REQUESTS
    + _RESET_TOKENS
)
"""One quantity under the names of OpenAI and Azure, Mistral, Together, and older Mistral."""
_LONGEST_RESET_S: Final = 31 * 86400.0
"""A larger number is a moment, not a wait."""
_UNTOLD: Final = RateState()

Headers = Mapping[str, str]


def told_wait(headers: Headers, *, retry_info: str | None = None) -> float | None:
    """Seconds the provider asks us to wait before the next attempt; ``None`` when it does not say."""
    milliseconds = _number(headers.get("retry-after-ms") or headers.get("x-ms-retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    after = _retry_after(headers)
    if after is not None:
        return after
    if retry_info is not None and (told := duration_s(retry_info)) is not None:
        return told
    state = rate_state(headers)
    left = [count for count in (state.remaining_requests, state.remaining_tokens) if count is not None]
    return state.reset_s if not left or 0 in left else None


def rate_state(headers: Headers) -> RateState:
    """The rate limit's state as the headers tell it, whoever wrote them."""
    if _RATE_HEADERS.isdisjoint(headers):
        return _UNTOLD
    requests = _count(_first(headers, _REMAINING_REQUESTS))
    left = _count(_first(headers, _REMAINING_TOKENS))
    resets = {
        "requests": _reset(_first(headers, _RESET_REQUESTS)),
        "tokens": _reset(_first(headers, _RESET_TOKENS)),
    }
    exhausted = [name for name, count in (("requests", requests), ("tokens", left)) if count == 0]
    known = [resets[name] for name in exhausted or resets if resets[name] is not None]
    return RateState(
        requests,
        left,
        max((one for one in known if one is not None), default=None),
        _count(_first(headers, _LIMIT_REQUESTS)),
        _count(_first(headers, _LIMIT_TOKENS)),
    )


def duration_s(text: str) -> float | None:
    """Seconds of a duration as providers spell it: ``17s``, ``6m0s``, ``1m30.5s``, ``20ms``, ``3``."""
    text = text.strip()
    if (number := _number(text)) is not None:
        return number
    match = _DURATION.fullmatch(text)
    if match is None or not match.group():
        return None
    return sum(float(value) * _UNIT_S[unit] for unit, value in match.groupdict().items() if value)


def _first(headers: Headers, names: tuple[str, ...]) -> str | None:
    return next((headers[name] for name in names if name in headers), None)


def _reset(text: str | None) -> float | None:
    told = None if text is None else duration_s(text)
    return told if told is not None and told <= _LONGEST_RESET_S else None


def _retry_after(headers: Headers) -> float | None:
    text = headers.get("retry-after")
    if text is None:
        return None
    seconds = _number(text)
    return seconds if seconds is not None else _until(text, headers.get("date"))


def _until(moment: str, now: str | None) -> float | None:
    """Seconds between two HTTP dates of the same response, so that our own clock's error does not matter."""
    if now is None:
        return None
    try:
        wait = (parsedate_to_datetime(moment) - parsedate_to_datetime(now)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, wait)


def _number(text: str | None) -> float | None:
    if text is None or not _NUMBER.fullmatch(text := text.strip()):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def _count(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,15}", text) else None
