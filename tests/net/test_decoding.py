import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.net.decoding import BodyReader
from peak_console.net.messages import NetError, NetErrorKind


@given(data=st.binary(max_size=5000), size=st.integers(1, 700), packed=st.booleans())
def test_a_body_comes_back_whatever_its_pieces(data: bytes, size: int, *, packed: bool) -> None:
    """However a body is cut on the wire, packed or not, it comes back whole."""
    wire = gzip.compress(data) if packed else data
    reader = BodyReader({"content-encoding": "gzip"} if packed else {}, 5000, status=200)
    for start in range(0, len(wire), size):
        reader.feed(wire[start : start + size])
    assert reader.close() == data


@given(limit=st.integers(1, 5000), size=st.integers(1, 700), packed=st.booleans())
def test_no_more_than_the_limit_is_ever_held(limit: int, size: int, *, packed: bool) -> None:
    """One byte beyond the limit is refused, packed or not."""
    data = b"a" * (limit + 1)
    wire = gzip.compress(data) if packed else data
    reader = BodyReader({"content-encoding": "gzip"} if packed else {}, limit, status=200)

    def take_in() -> None:
        for start in range(0, len(wire), size):
            reader.feed(wire[start : start + size])
        reader.close()

    with pytest.raises(NetError) as caught:
        take_in()
    assert caught.value.kind is NetErrorKind.TOO_LARGE
