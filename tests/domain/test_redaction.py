"""Secrets are struck out by their form, as a named value, and by value; plain words stay."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.domain.redaction import _NAMED, _SECRET, STRUCK, redactor, secrets_of

SECRETS = (
    "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789",
    "sk-abcdefghijklmnopqrstuvwxyz0123456789",
    "AIzaSyA0123456789012345678901234567890",
    "AKIAIOSFODNN7EXAMPLE",
    "ABSKQmVkcm9ja0FQSUtleS0wMTIzNDU2Nzg5MDEyMzQ1Njc4OQ",
    "tgp_v1_0123456789abcdefghijklmnop",
    "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
    "hf_0123456789abcdefghijklmnopqrstuv",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
)
INNOCENT = (
    "timeout after 30 s at attempt 3",
    "max_tokens=1000, bound_tokens: 40000",
    "set OPENAI_API_KEY in the environment",
    "ab" * 32,
    "sk-learn is a library",
    "http://127.0.0.1:9464/metrics",
    "openai:gpt-5-mini@2025-08-07 in L2.primary",
    "20261122_140509_abc123 call_0123456789abcdefghjk",
)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("around", ["{}", "bad key {} given", '{{"key": "{}"}}', "a={}&b", "Bearer {}\n"])
def test_known_forms_are_struck_out(secret: str, around: str) -> None:
    """Wherever the key stands in the text, nothing of it stays."""
    told = redactor()(around.format(secret))
    assert secret not in told
    assert secret[-12:] not in told
    assert STRUCK in told


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("api_key=0123456789abcdef", "0123456789abcdef"),
        ('"client_secret": "hunter2hunter2"', "hunter2hunter2"),
        ("AWS_SECRET_ACCESS_KEY: wJalrXUtnFEMI/K7MDENG", "wJalrXUtnFEMI/K7MDENG"),
        ("postgres://mara:correct-horse@db/ledger", "correct-horse"),
        ("Authorization: Bearer 0123456789abcdefghij", "0123456789abcdefghij"),
        ("-----BEGIN PRIVATE KEY-----\nMIIabc+/=\n-----END PRIVATE KEY-----", "MIIabc"),
    ],
)
def test_named_values_are_struck_out(text: str, gone: str) -> None:
    """A value named as a secret, a password in an address, a header, a key file."""
    assert gone not in redactor()(text)


@pytest.mark.parametrize("text", INNOCENT)
def test_plain_words_stay(text: str) -> None:
    """What is no secret is told as it is."""
    assert redactor()(text) == text


@given(st.text(min_size=8, max_size=60), st.text(max_size=40), st.text(max_size=40))
def test_known_values_never_stay(secret: str, before: str, after: str) -> None:
    """A known value is struck out whatever it is made of."""
    told = redactor([secret])(before + secret + after)
    assert secret not in told.replace(STRUCK, "") or secret in STRUCK or secret in before + after


def test_short_values_are_no_secrets() -> None:
    """A variable that holds a word does not blot that word out of every line."""
    assert redactor(["on", ""])("turned on") == "turned on"


def test_secrets_of_an_environment() -> None:
    """Variables named like secrets, and no others."""
    environ = {
        "OPENAI_API_KEY": " one ",
        "AWS_SECRET_ACCESS_KEY": "two",
        "AWS_BEARER_TOKEN_BEDROCK": "three",
        "PATH": "/bin",
        "AI_ENABLED": "true",
    }
    assert sorted(secrets_of(environ)) == ["one", "three", "two"]


@pytest.mark.parametrize("piece", ["a-", "eyJ-", "sk-a-", "x=", "-----BEGIN ", "://a:", "token=", "Bearer "])
def test_hostile_text_takes_no_time(piece: str) -> None:
    """Text made to send an expression astray is read in a moment."""
    redact, text = redactor(), piece * (16_384 // len(piece))
    began = time.process_time()
    redact(text)
    assert time.process_time() - began < 1.0


_PIECES = st.sampled_from(
    [
        *SECRETS,
        "api_key",
        "Client-Secret",
        "PASSWD",
        "pa\u017f\u017fword",
        "\u212aey",
        "token",
        "'",
        '"',
        " ",
        "=",
        ":",
        "x" * 9,
    ]
)


@given(st.lists(_PIECES | st.text(max_size=4), max_size=8).map("".join))
def test_looking_first_misses_nothing(text: str) -> None:
    """The quick look for signs of a key never changes what is struck out."""
    assert redactor()(text) == _NAMED.sub(rf"\g<1>{STRUCK}", _SECRET.sub(STRUCK, text))
