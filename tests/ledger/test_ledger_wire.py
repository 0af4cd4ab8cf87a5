"""Frames, drafts and errors on the wire: they come through whole, and hostile bytes end in one error."""

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.domain.canonical import NotCanonical
from peak_console.domain.errors import BudgetExceeded, LedgerUnavailable, NodeUnreachable, PeakError
from peak_console.domain.events import EventDraft
from peak_console.domain.ledgering import Ack, Refusal
from peak_console.ledger.service.wire import (
    FrameBroken,
    FrameReader,
    ack_from_wire,
    ack_to_wire,
    answer,
    draft_from_wire,
    draft_to_wire,
    error_from_wire,
    error_to_wire,
    frame,
    results_to_wire,
)

MESSAGES = st.lists(
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=10), max_size=3),
    min_size=1,
    max_size=5,
)


@given(st.lists(MESSAGES, max_size=5), st.integers(1, 50))
def test_messages_come_through_however_the_stream_is_cut(frames: list[list[Any]], size: int) -> None:
    """Any cutting of the bytes gives the same messages, in order."""
    try:
        data = b"".join(frame(messages) for messages in frames)
    except TypeError:
        return  # an integer beyond 64 bits, which no message of ours has
    reader = FrameReader()
    found = [
        message for start in range(0, len(data), size) for message in reader.feed(data[start : start + size])
    ]
    assert found == [message for messages in frames for message in messages]


@given(st.binary(max_size=200))
def test_hostile_bytes_end_in_one_error(data: bytes) -> None:
    """Anything else than frames is broken, or not complete yet."""
    found: list[Any] = []
    with suppress(FrameBroken):
        found += FrameReader(limit=1000).feed(data)
    assert all(isinstance(message, dict) for message in found)


@pytest.mark.parametrize(
    "payload", [b"", b"7", b"[1]", b'[{}, "x"]', b"{", b"\xff", b'{"a":NaN}', b"[" * 100_000]
)
def test_what_is_no_message_breaks_the_line(payload: bytes) -> None:
    """Numbers, half objects, invalid UTF-8, NaN, endless nesting."""
    with pytest.raises(FrameBroken):
        list(FrameReader().feed(len(payload).to_bytes(4, "big") + payload))


def test_a_frame_beyond_the_limit_is_refused_before_it_is_read() -> None:
    """The length alone suffices: nothing is gathered."""
    with pytest.raises(FrameBroken, match="4294967295"):
        list(FrameReader().feed(b"\xff\xff\xff\xff"))


def test_a_draft_travels() -> None:
    """Absent fields are omitted; the body is canonical."""
    draft = EventDraft("ev_1", "run.started", {"b": 1, "a": "ü"}, run_id="r1", model_id="m")
    data = orjson.dumps(draft_to_wire(draft))
    assert data.count(b"layer") == 0
    assert b'{"a":"\xc3\xbc","b":1}' in data
    assert draft_from_wire(orjson.loads(data)) == draft
    with pytest.raises(NotCanonical):
        draft_to_wire(EventDraft("ev_1", "run.started", {"x": 1.0}))


@pytest.mark.parametrize(
    "ack",
    [
        Ack("ev_1", 7, "a" * 64, "2026-11-22T12:00:00.000000Z"),
        Ack("ev_1", 7, "a" * 64, "t", Refusal("posture", "stopped", "enable", {"x": [1]})),
    ],
)
def test_an_acknowledgement_travels(ack: Ack) -> None:
    """With its refusal, where there is one."""
    assert ack_from_wire(orjson.loads(orjson.dumps(ack_to_wire(ack)))) == ack


@pytest.mark.parametrize(
    "error",
    [
        BudgetExceeded("no", remedy="wait", key="day"),
        LedgerUnavailable("full", code="ledger_full"),
        NotCanonical("float", path="$"),
    ],
)
def test_an_error_travels_with_its_class_and_words(error: PeakError) -> None:
    """The nearest class that both sides know; code, message, remedy and details as they were."""
    came = error_from_wire(orjson.loads(orjson.dumps(error_to_wire(error))))
    assert isinstance(error, type(came))
    assert (came.code, came.message, came.remedy, came.details) == (
        error.code,
        error.message,
        error.remedy,
        error.details,
    )


@given(
    st.dictionaries(
        st.sampled_from(["type", "code", "message", "details"]), st.integers() | st.text() | st.none()
    )
)
def test_any_error_reply_raises_some_error_of_ours(fields: dict[str, Any]) -> None:
    """An unknown class, code or shape is still an error of the tree."""
    with pytest.raises(PeakError):
        answer({"id": 1, "error": fields})


def test_a_batch_with_an_error_is_an_error() -> None:
    """The first error is the request's reply."""
    ack = Ack("ev_1", 1, "h", "t")
    assert results_to_wire(3, [ack]) == {"id": 3, "acks": [["ev_1", 1, "h", "t"]]}
    reply = results_to_wire(3, [ack, NodeUnreachable("gone")])
    assert reply["error"]["type"] == "NodeUnreachable"
    assert answer({"id": 1, "x": 2}) == {"id": 1, "x": 2}
