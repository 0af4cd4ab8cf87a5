import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.net.messages import (
    REDACTED,
    HttpRequest,
    HttpResponse,
    NetError,
    NetErrorKind,
    bare_url,
    redacted,
)

SECRET = "sk-canary-0123456789"


@pytest.mark.parametrize(
    "name", ["Authorization", "x-goog-api-key", "api-key", "X-New-Provider-Key", "cookie"]
)
def test_no_header_that_could_hold_a_key_is_shown(name: str) -> None:
    """Redaction is an allow-list: a header nobody has heard of is struck out as well."""
    assert redacted({name: SECRET}) == {name: REDACTED}


def test_harmless_headers_stay_readable() -> None:
    """What helps to understand an exchange is kept."""
    shown = {"content-type": "application/json", "x-ratelimit-remaining-requests": "9", "retry-after": "1"}
    assert redacted(shown) == shown


@given(st.text(max_size=40), st.binary(max_size=40))
def test_a_request_never_shows_its_key_or_body(path: str, body: bytes) -> None:
    """Neither ``repr`` of a request nor of a response holds a header's value, a query or the body."""
    request = HttpRequest(f"https://me:{SECRET}@host/v1?key={SECRET}", body + SECRET.encode())
    with_key = request.with_headers({"authorization": f"Bearer {SECRET}"})
    response = HttpResponse(200, {"set-cookie": SECRET}, SECRET.encode() + path.encode("utf-8", "replace"))
    for shown in (repr(request), repr(with_key), repr(response), f"{with_key}"):
        assert SECRET not in shown
    assert request.headers == {}


@given(st.text(max_size=80))
def test_a_bare_url_is_one_plain_line(text: str) -> None:
    """Whatever stands in a URL, what is shown of it has no control characters and no line breaks."""
    shown = bare_url(text)
    assert shown == " ".join(shown.split())


def test_an_error_has_a_code_of_its_kind() -> None:
    """Each kind of network error is a stable code."""
    error = NetError(NetErrorKind.TIMEOUT_TOTAL, "late", sent=True)
    assert (error.code, error.details) == ("network_timeout_total", {"sent": True})
