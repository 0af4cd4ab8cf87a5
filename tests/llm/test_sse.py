import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peak_console.llm.providers.sse import SseDecoder

_FRAGMENTS = (
    "data: x",
    "data:y",
    "data",
    "data:",
    ": comment",
    "event: e",
    "id: 1",
    "retry: 5",
    "nonsense",
    "",
)
_ENDS = ("\n", "\r", "\r\n")


def decoded(*pieces: bytes) -> list[bytes]:
    """The events of these pieces, fed one by one."""
    decoder = SseDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)]


def by_the_book(stream: str) -> list[str]:
    """The specification's algorithm over a whole stream."""
    found: list[str] = []
    held: list[str] = []
    *lines, _ = re.split("\r\n|\n|\r", stream.removeprefix("\ufeff"))
    for line in lines:
        name, _, value = line.partition(":")
        if line == "" and held:
            found.append("\n".join(held))
            held = []
        elif name == "data":
            held.append(value.removeprefix(" "))
    return found


@settings(deadline=None)  # the machine of a test run is shared
@given(
    st.lists(st.tuples(st.sampled_from(_FRAGMENTS), st.sampled_from(_ENDS)), max_size=12),
    st.lists(st.integers(0, 150), max_size=6),
    st.sampled_from(["", "\ufeff"]),
)
def test_any_stream_cut_anywhere_reads_as_the_specification_says(
    lines: list[tuple[str, str]], cuts: list[int], mark: str
) -> None:
    """Line ends of three kinds, comments, other fields, several data lines, a mark, cuts anywhere."""
    text = mark + "".join(line + end for line, end in lines)
    stream = text.encode()
    at = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[start:end] for start, end in itertools.pairwise(at)]
    expected = [one.encode() for one in by_the_book(text)]
    assert decoded(*pieces) == expected
    assert decoded(*(stream[place : place + 1] for place in range(len(stream)))) == expected


def test_each_event_comes_with_its_last_byte() -> None:
    """An event is given as soon as its blank line has begun, not when the next one begins."""
    decoder = SseDecoder()
    assert list(decoder.feed(b"data: 1\n")) == []
    assert list(decoder.feed(b"\ndata: 2")) == [b"1"]
    assert list(decoder.feed(b"\r\n\r")) == [b"2"]
    assert list(decoder.feed(b"\ndata: 3\r\r")) == [b"3"]


def test_an_event_without_its_blank_line_is_kept_apart() -> None:
    """What a stream's end left open is asked for, never given as complete."""
    decoder = SseDecoder()
    assert list(decoder.feed(b"data: 1\n\ndata: [DONE]")) == [b"1"]
    assert decoder.rest() == b"[DONE]"
    assert decoder.rest() is None


@pytest.mark.parametrize("piece", [b"data: " + b"x" * 90, b"data: xxxxxxx\n", b":" + b"x" * 90, b"x" * 90])
def test_an_endless_event_is_not_kept(piece: bytes) -> None:
    """Beyond the limit nothing is held and nothing is given any more, whether lines end or not."""
    decoder = SseDecoder(most=100)
    for _ in range(50):
        decoder.feed(piece)
    assert decoder.overflowed
    assert list(decoder.feed(b"\n\ndata: x\n\n")) == []
    assert decoder.rest() is None
    assert len(decoder._tail) + sum(map(len, decoder._data)) <= 200


def test_events_at_the_limit_pass_for_ever() -> None:
    """The limit is on one event, not on the stream."""
    decoder = SseDecoder(most=100)
    for _ in range(1000):
        assert decoder.feed(b"data: " + b"x" * 90 + b"\n\n") == [b"x" * 90]
    assert not decoder.overflowed
