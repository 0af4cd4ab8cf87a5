"""Confirm tokens: what they look like, what is taken for one, and what each is bound to."""

import hashlib
import hmac
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.control.tokens import BITS, Bound, is_formed, matches, new_token, token_digest

BOUND = Bound("ev_1", "configs", "session", 7)
SEVEN = st.binary(min_size=7, max_size=7)


def token_of(raw: bytes) -> str:
    """The token of these random bytes."""
    return new_token(lambda count: raw[:count])


@given(SEVEN)
def test_a_token_has_fifty_bits_and_a_check(raw: bytes) -> None:
    """Its ten characters are the first fifty bits; written in two groups it reads as a token."""
    token = token_of(raw)
    assert len(token) == 12
    assert token[5] == "-"
    digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    value = 0
    for one in token[:5] + token[6:11]:
        value = value * 32 + digits.index(one)
    assert value == int.from_bytes(raw, "big") >> 6
    assert token[11] == "0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U"[value % 37]  # Crockford's check symbol
    assert is_formed(token)


def test_a_token_asks_for_no_more_randomness_than_it_shows() -> None:
    """Seven bytes hold its fifty bits."""
    asked = []

    def random(count: int) -> bytes:
        asked.append(count)
        return bytes(count)

    new_token(random)
    assert asked == [7]
    assert BITS == 50


@given(SEVEN)
def test_a_token_is_taken_as_people_type_it(raw: bytes) -> None:
    """Lower case, no dash, spaces, and I, L and O for what they look like."""
    token = token_of(raw)
    kept = token_digest(token, BOUND)
    alike = token.replace("1", "l", 1).replace("0", "o").replace("1", "I")
    for typed in (token, token.lower(), token.replace("-", ""), f" {token.replace('-', ' ')} ", alike):
        assert matches(typed, kept, BOUND)


@given(SEVEN, st.integers(0, 10), st.sampled_from("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))
def test_one_wrong_character_is_found_by_the_check(raw: bytes, place: int, put: str) -> None:
    """Any single slip makes it malformed, so that it costs no try."""
    text = token_of(raw).replace("-", "")
    if text[place] == put:
        return
    slipped = text[:place] + put + text[place + 1 :]
    assert not is_formed(slipped)
    assert not matches(slipped, token_digest(text, BOUND), BOUND)


@given(SEVEN, SEVEN)
def test_another_token_does_not_match(raw: bytes, other: bytes) -> None:
    """Only the token itself does."""
    first, second = token_of(raw), token_of(other)
    assert matches(second, token_digest(first, BOUND), BOUND) == (first == second)


@pytest.mark.parametrize(
    "change", [{"request_id": "ev_2"}, {"binding": "other"}, {"session": "s2"}, {"epoch": 8}]
)
def test_a_token_answers_nothing_else(change: dict[str, object]) -> None:
    """Not another request, nor the same under other configs, another session or a later epoch."""
    token = token_of(b"seven77")
    assert not matches(token, token_digest(token, BOUND), replace(BOUND, **change))  # type: ignore[arg-type]


def test_what_is_bound_cannot_be_shifted_between_fields() -> None:
    """Each part has its length before it."""
    token = token_of(b"seven77")
    one, other = Bound("ab", "c", "s", 1), Bound("a", "bc", "s", 1)
    assert token_digest(token, one) != token_digest(token, other)


def test_the_digest_is_of_arming_alone() -> None:
    """It is SHA-256 over a domain of its own and the ten characters, each part with its length."""
    token = token_of(b"seven77")
    parts = ["peak-console/arm-token/v1", token.replace("-", "")[:10], "ev_1", "configs", "session", "7"]
    data = b"".join(len(part).to_bytes(4, "big") + part.encode() for part in parts)
    assert token_digest(token, BOUND) == hashlib.sha256(data).digest()


@pytest.mark.parametrize("typed", ["", "short", "0" * 10, "é" * 11, "A" * 70, "\x00" * 11, "UUUUU-UUUUUU"])
def test_what_is_no_token_is_compared_all_the_same(typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A malformed text takes the way of every other: one comparison in constant time, and no match."""
    compared = []
    real = hmac.compare_digest

    def watched(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    kept = token_digest(token_of(b"seven77"), BOUND)
    assert not matches(typed, kept, BOUND)
    assert compared == [(32, 32)]
    assert not is_formed(typed)


def test_what_is_no_token_does_not_match_the_digest_it_is_compared_with() -> None:
    """Malformed texts are compared as ten zeros; the token of ten zeros is not given away by that."""
    zeros = token_of(bytes(7))
    assert zeros == "00000-000000"
    kept = token_digest(zeros, BOUND)
    assert matches(zeros, kept, BOUND)
    assert not matches("nothing", kept, BOUND)


def test_a_long_text_is_not_read_to_its_end() -> None:
    """A token with a megabyte behind it is none."""
    token = token_of(b"seven77")
    kept = token_digest(token, BOUND)
    assert not matches(token + " " * 1_000_000, kept, BOUND)
    assert matches(token.ljust(64), kept, BOUND)
    assert not matches(token.ljust(65), kept, BOUND)


@pytest.mark.parametrize(
    "typed", ["!0000-000000", "U0000-000000", "00000-0000000", "00000-00000", "0000!-000000"]
)
def test_a_strange_character_is_no_zero(typed: str) -> None:
    """What is no digit, is missing or is too much makes it malformed, also where a zero would fit."""
    assert not is_formed(typed)
    assert not matches(typed, token_digest(token_of(bytes(7)), BOUND), BOUND)
