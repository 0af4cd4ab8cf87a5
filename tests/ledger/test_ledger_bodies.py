"""Bodies on the way in: the fast way gives what the long way gives, or takes the long way."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.domain.canonical import NotCanonical, canonical
from peak_console.domain.errors import PeakError
from peak_console.ledger.bodies import BODY_LIMIT, body_bytes, check_body, parsed_body_bytes

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=6), inner, max_size=5),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=6), VALUES, max_size=5))
def test_the_fast_way_agrees_with_the_long_way(body: dict[str, Any]) -> None:
    """For everything a JSON parser can give: the same bytes, or the same refusal."""
    try:
        parsed = orjson.loads(orjson.dumps(body))
    except orjson.JSONEncodeError:
        return
    try:
        expected: bytes | None = canonical(parsed)
    except NotCanonical:
        expected = None
    if expected is None:
        with pytest.raises(NotCanonical):
            parsed_body_bytes(parsed)
    else:
        assert parsed_body_bytes(parsed) == expected == body_bytes(parsed)


@pytest.mark.parametrize("number", [1.0, -0.5, 1e21, 1e-7, 5e-324, 1.7976931348623157e308, 2**53, -(2**53)])
def test_no_float_and_no_large_integer_slips_through(number: float) -> None:
    """Wherever it stands in a body."""
    for body in ({"a": number}, {"a": [number]}, {"a": ["x", number]}, {"a": {"b": [1, {"c": number}]}}):
        with pytest.raises(NotCanonical):
            parsed_body_bytes(orjson.loads(orjson.dumps(body)))


def test_text_that_looks_like_a_float_passes() -> None:
    """Decimals travel as strings, in prose too."""
    body = {"a": "x:1.5,2e3", "b": ["0.000000001", ":1.5"]}
    assert parsed_body_bytes(body) == canonical(body)


@pytest.mark.parametrize("body", [None, [], "x", 1])
def test_a_body_is_an_object(body: Any) -> None:
    """Nothing else is a body."""
    with pytest.raises(PeakError) as caught:
        parsed_body_bytes(body)
    assert caught.value.code == "event_malformed"


def test_a_body_has_a_limit() -> None:
    """Long texts belong into a run's files; the limit is exact."""
    room = BODY_LIMIT - len(b'{"x":""}')
    assert len(parsed_body_bytes({"x": "y" * room})) == BODY_LIMIT
    with pytest.raises(PeakError) as caught:
        parsed_body_bytes({"x": "y" * (room + 1)})
    assert caught.value.code == "body_too_large"


@pytest.mark.parametrize("verdict", [{}, [], ["PASS"], None, 1, "pass", "MAYBE"])
def test_a_verdict_of_any_other_form_is_refused(verdict: Any) -> None:
    """Also one that no set can hold: the writer never fails for what a client sends."""
    with pytest.raises(PeakError):
        check_body("critic.judged", {"verdict": verdict}, "call_1")
