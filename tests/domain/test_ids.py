"""Identifiers: their form, their order, and what is accepted where one is read."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.domain.ids import crockford, is_run_id, new_call_id, new_event_id, new_run_id

ALPHABET = set("0123456789abcdefghjkmnpqrstvwxyz")


@given(st.binary(max_size=20))
def test_crockford_holds_five_bits_a_character(raw: bytes) -> None:
    """The text has a character for each whole five bits, of Crockford's alphabet, highest first."""
    text = crockford(raw)
    assert len(text) == len(raw) * 8 // 5
    assert set(text) <= ALPHABET
    bits = "".join(f"{byte:08b}" for byte in raw)
    assert (
        "".join(f"{'0123456789abcdefghjkmnpqrstvwxyz'.index(one):05b}" for one in text)
        == bits[: len(text) * 5]
    )


def test_a_run_id_has_the_form_of_the_decision() -> None:
    """``YYYYMMDD_HHMMSS_<six>`` in UTC."""
    made = new_run_id(datetime(2026, 11, 22, 12, 34, 56, tzinfo=UTC), lambda _: b"\xff" * 4)
    assert made == "20261122_123456_zzzzzz"
    assert is_run_id(made)


@pytest.mark.parametrize(
    "text", ["123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000"]
)
def test_a_uuid_reads_as_a_run_id(text: str) -> None:
    """Ids made elsewhere are accepted where one is read."""
    assert is_run_id(text)


@pytest.mark.parametrize(
    "text", ["", "20261122_123456_zzzzz", "20261122_123456_zzzzzu", "../etc/passwd", "x" * 36]
)
def test_other_text_is_no_run_id(text: str) -> None:
    """A run id names a folder, so nothing else passes."""
    assert not is_run_id(text)


def test_call_and_event_ids_are_unique_enough_and_plain() -> None:
    """A thousand ids are a thousand, in characters that need no escape."""
    events = {new_event_id(secrets.token_bytes) for _ in range(1000)}
    calls = {new_call_id(secrets.token_bytes) for _ in range(1000)}
    assert len(events) == len(calls) == 1000
    assert all(set(one[3:]) <= ALPHABET for one in events)
    assert all(one.startswith("call_") for one in calls)


@pytest.mark.parametrize("make", [new_event_id, new_call_id])
def test_ids_with_a_time_sort_by_it(make: Callable[..., str]) -> None:
    """The order of ids made a millisecond apart is that of their times; within one they still differ."""
    start = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    moments = [start + timedelta(milliseconds=number) for number in range(0, 5000, 7)]
    made = [make(secrets.token_bytes, moment) for moment in moments]
    assert made == sorted(made)
    assert len({make(secrets.token_bytes, start) for _ in range(1000)}) == 1000
    assert len(made[0]) == len(make(secrets.token_bytes))
