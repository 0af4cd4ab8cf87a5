"""Canonical JSON: byte for byte RFC 8785 inside its domain, refused outside."""

import math
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from peak_console.domain.canonical import DEPTH_LIMIT, NotCanonical, canonical, digest, sha256_hex

KEYS = st.text(st.characters(min_codepoint=0, max_codepoint=127), max_size=12)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
LEAVES = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXTS
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=40,
)


class Colour(StrEnum):
    """A string enum, as the vocabulary has many."""

    RED = "red"


class Number(IntEnum):
    """An integer enum, which has no canonical form here."""

    ONE = 1


@given(VALUES)
def test_canonical_bytes_are_those_of_rfc_8785(value: object) -> None:
    """Inside the domain the bytes are the reference implementation's."""
    assert canonical(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


@given(st.dictionaries(KEYS, LEAVES, min_size=2, max_size=8))
def test_the_order_of_keys_does_not_matter(value: dict[str, object]) -> None:
    """Two objects that differ in the order of their keys have one form."""
    turned = dict(reversed(list(value.items())))
    assert canonical(turned) == canonical(value)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (1.5, "$"),
        (math.nan, "$"),
        ({"a": [1, math.inf]}, "$.a[1]"),
        (2**53, "$"),
        (-(2**53), "$"),
        ({"ü": 1}, "$"),
        ({1: 1}, "$"),
        ({"a": {"b": {None: 1}}}, "$.a.b"),
        ("\ud800", "$"),
        (["ok", "bad \udfff"], "$[1]"),
        (Decimal("1.5"), "$"),
        (b"bytes", "$"),
        ({"when": datetime(2026, 1, 1, tzinfo=UTC)}, "$.when"),
        ({"id": uuid.UUID(int=1)}, "$.id"),
        ({"n": Number.ONE}, "$.n"),
        ({1, 2}, "$"),
    ],
)
def test_values_outside_the_domain_are_refused_with_their_path(value: object, path: str) -> None:
    """A float, a large integer, a foreign type or a lone surrogate is refused, and its place named."""
    with pytest.raises(NotCanonical) as caught:
        canonical(value)
    assert caught.value.details["path"] == path
    assert caught.value.code == "not_canonical"


def test_integers_just_below_two_to_the_53_pass() -> None:
    """The limit is exact."""
    assert canonical([2**53 - 1, 1 - 2**53]) == b"[9007199254740991,-9007199254740991]"


def test_string_enums_and_tuples_have_the_form_of_what_they_hold() -> None:
    """A string enum is its text, a tuple a list."""
    assert canonical({"colour": Colour.RED, "pair": (1, 2)}) == b'{"colour":"red","pair":[1,2]}'


def test_deep_nesting_is_refused_without_exhausting_the_stack() -> None:
    """A hostile body nested without end is an error, not a crash."""
    deep: object = 1
    for _ in range(DEPTH_LIMIT):
        deep = [deep]
    assert canonical(deep).startswith(b"[[")
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(NotCanonical, match="nested deeper"):
        canonical(deep)
    while isinstance(deep, dict):
        deep = deep.pop("a")


def test_digest_is_sha256_of_the_bytes() -> None:
    """The digest of an empty object is the well-known one of ``{}``."""
    expected = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert digest({}) == sha256_hex(b"{}") == expected
