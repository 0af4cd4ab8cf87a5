import pytest

from peak_console.domain.addresses import is_loopback
from peak_console.net.addresses import unfit


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/v1", "http://localhost/v1", "http://[::1]:9/", "https://127.9.9.9"]
)
def test_this_machine_is_loopback(url: str) -> None:
    """Loopback literals and ``localhost`` are this machine, with and without TLS."""
    assert is_loopback(url)
    assert unfit(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/",
        "https://localhost.example.com/",
        "http://0.0.0.0/",
        "http://127.0.0.1.nip.io/",
        "x",
        "",
    ],
)
def test_what_only_looks_like_this_machine_is_not(url: str) -> None:
    """No name is resolved: only literals and ``localhost`` count."""
    assert not is_loopback(url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://api.openai.com/v1", "TLS"),
        ("https://u@api.openai.com/v1", "user information"),
        ("https://api.openai.com/v1?a=b", "query"),
        ("https://api.openai.com/v1#x", "fragment"),
        ("file:///etc/passwd", "scheme"),
        ("https:///v1", "host"),
        ("https://host:port/", "readable"),
    ],
)
def test_an_unfit_address_says_why(url: str, why: str) -> None:
    """Each refusal names its ground."""
    reason = unfit(url)
    assert reason is not None
    assert why in reason
