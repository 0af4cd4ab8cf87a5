"""The decoder of AWS event streams, against botocore's and against broken bytes."""

import itertools
from struct import pack
from typing import Any
from uuid import UUID
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.llm.providers.eventstream import BrokenStream, EventDecoder, EventMessage

NO_BOTOCORE = "botocore, the independent decoder, is a development dependency"

names = st.text(min_size=1, max_size=20)
values = st.one_of(
    st.booleans().map(lambda flag: (bytes([not flag]), flag)),
    st.integers(-128, 127).map(lambda number: (b"\x02" + pack("!b", number), number)),
    st.integers(-(2**15), 2**15 - 1).map(lambda number: (b"\x03" + pack("!h", number), number)),
    st.integers(-(2**31), 2**31 - 1).map(lambda number: (b"\x04" + pack("!i", number), number)),
    st.integers(-(2**63), 2**63 - 1).map(lambda number: (b"\x05" + pack("!q", number), number)),
    st.binary(max_size=40).map(lambda raw: (b"\x06" + pack("!H", len(raw)) + raw, raw)),
    st.text(max_size=40).map(lambda text: (b"\x07" + pack("!H", len(text.encode())) + text.encode(), text)),
    st.integers(0, 2**62).map(lambda number: (b"\x08" + pack("!q", number), number)),
    st.uuids().map(lambda one: (b"\x09" + one.bytes, one)),
)


def framed(headers: bytes, payload: bytes) -> bytes:
    """One message as AWS frames it."""
    prelude = pack("!II", 12 + len(headers) + len(payload) + 4, len(headers))
    message = prelude + pack("!I", crc32(prelude)) + headers + payload
    return message + pack("!I", crc32(message))


def header(name: str, value: bytes) -> bytes:
    """One header with an encoded value."""
    raw = name.encode()
    return bytes([len(raw)]) + raw + value


def read(data: bytes, cuts: list[int]) -> list[EventMessage]:
    """The messages of ``data`` fed in pieces."""
    decoder = EventDecoder()
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    found = [
        message for start, end in itertools.pairwise(places) for message in decoder.feed(data[start:end])
    ]
    assert decoder.between_messages
    return found


def as_botocore(value: Any) -> Any:
    """Botocore leaves a UUID as bytes."""
    return value.bytes if isinstance(value, UUID) else value


@given(
    st.lists(
        st.tuples(st.dictionaries(names, values, max_size=4), st.binary(max_size=80)), min_size=1, max_size=3
    ),
    st.lists(st.integers(0, 2000), max_size=6),
)
def test_messages_are_read_as_botocore_reads_them(
    messages: list[tuple[dict[str, tuple[bytes, Any]], bytes]], cuts: list[int]
) -> None:
    """Every header type, whatever the cuts: the same headers and payloads."""
    oracle = pytest.importorskip("botocore.eventstream", reason=NO_BOTOCORE).EventStreamBuffer()
    data = b"".join(
        framed(b"".join(header(name, value[0]) for name, value in headers.items()), payload)
        for headers, payload in messages
    )
    oracle.add_data(data)
    theirs = [(message.headers, message.payload) for message in oracle]
    ours = read(data, cuts)
    assert [
        ({name: as_botocore(value) for name, value in one.headers.items()}, one.payload) for one in ours
    ] == theirs
    assert [dict(one.headers) for one in ours] == [
        {name: value[1] for name, value in headers.items()} for headers, _ in messages
    ]


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_bit_is_noticed(place: int, change: int) -> None:
    """No message whose bytes were changed on the way is ever handed on."""
    data = bytearray(framed(header(":event-type", b"\x07\x00\x01x"), b'{"a":1}'))
    data[place % len(data)] ^= change
    decoder = EventDecoder()
    try:
        assert decoder.feed(bytes(data)) == []
    except BrokenStream:
        return
    assert not decoder.between_messages


@given(st.binary(max_size=200))
def test_any_bytes_end_in_messages_or_a_broken_stream(data: bytes) -> None:
    """Nothing else is ever raised."""
    decoder = EventDecoder()
    try:
        decoder.feed(data)
    except BrokenStream:
        return
    assert len(data) < 12 or decoder.between_messages or decoder.feed(b"") == []


@pytest.mark.parametrize(
    "headers",
    [
        b"\x05ab",
        b"\x01a",
        b"\x01a\x07\x00\x05x",
        b"\x01a\x0a",
        b"\x01\xff\x00",
        b"\x01a\x07\x00\x01\xff",
        b"\x01a\x00\x01a\x00",
        b"\x01a\x05\x00",
    ],
)
def test_unreadable_headers_break_the_stream(headers: bytes) -> None:
    """Even where the checksums are right: lengths, types, text and names are checked."""
    with pytest.raises(BrokenStream):
        EventDecoder().feed(framed(headers, b""))


@pytest.mark.parametrize(
    ("whole", "headers"), [(15, 0), (16, 1), (2**32 - 1, 0), (200_000, 140_000), (25 * 2**20, 0)]
)
def test_impossible_lengths_break_the_stream_at_once(whole: int, headers: int) -> None:
    """A forged length cannot make us wait for gigabytes."""
    prelude = pack("!II", whole, headers)
    with pytest.raises(BrokenStream):
        EventDecoder().feed(prelude + pack("!I", crc32(prelude)))


def test_a_header_that_is_no_text_reads_as_none() -> None:
    """``text`` gives text or nothing."""
    (message,) = EventDecoder().feed(framed(header("a", b"\x07\x00\x01x") + header("b", b"\x00"), b""))
    assert (message.text("a"), message.text("b"), message.text("c")) == ("x", "", "")
