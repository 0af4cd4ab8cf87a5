"""Queries of addresses: what may be written into a config, and what could be a key."""

import pytest

from peak_console.domain.queries import query_fault

AT = "https://host.example/klines?"


@pytest.mark.parametrize(
    "query",
    [
        "symbol=BTCUSDT&interval=1h&limit=500",
        "",
        "symbol=BTC%2FUSDT&from=2026-11-01T00:00:00Z&",
        "instId=BTC-USDT&bar=1H",
        "filter[base]=EUR&$limit=10",
        "keyword=eur&session=extended&design=x&compass=1&tokens=2",
        "at=",
    ],
)
def test_parameters_of_market_data_are_taken(query: str) -> None:
    """As the documentation of an exchange writes them; a word within another is none."""
    assert query_fault(AT + query) is None
    assert query_fault("https://host.example/klines") is None


@pytest.mark.parametrize(
    "name",
    [
        *("key", "apikey", "api_key", "apiKey", "APIKEY", "X-API-KEY", "AWSAccessKeyId", "userKey"),
        *("token", "access_token", "authToken", "secret", "client_secret", "password", "userPwd"),
        *("sig", "signature", "X-Amz-Signature", "sign", "auth", "authorization", "Credential", "%6bey"),
        *("key1", "key[0]", "token_2", "app_id", "appid"),
    ],
)
def test_what_is_named_like_a_secret_is_refused(name: str) -> None:
    """Whatever its value, wherever it stands, however it is written; the value is not repeated."""
    for query in (f"{name}=hidden", f"symbol=A&{name}=hidden", f"symbol=A;{name}=hidden", f"{name}="):
        fault = query_fault(AT + query)
        assert fault is not None
        assert "named like a secret" in fault
        assert "hidden" not in fault


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("a=AKIAABCDEFGHIJKLMNOP", "form of a key"),
        ("a=%41KIAABCDEFGHIJKLMNOP", "form of a key"),
        ("back=https://me:hidden@host.example", "form of a key"),
        ("hidden", "name=value"),
        ("a=b&hidden", "name=value"),
        ("=hidden", "name=value"),
        ("k%C3%A9y=hidden", "name=value"),
        ("a=b c", "characters"),
        ("a=é", "characters"),
        ("a=b\n", "characters"),
        ("a=b\x1b[2J", "characters"),
        ("a=b\\c", "characters"),
    ],
)
def test_what_hides_a_secret_or_is_no_query_is_refused(query: str, why: str) -> None:
    """Known forms of keys, values without a name, and what no query holds."""
    fault = query_fault(AT + query)
    assert fault is not None
    assert why in fault
    assert "hidden" not in fault
