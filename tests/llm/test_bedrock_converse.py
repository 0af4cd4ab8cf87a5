import itertools
from struct import pack
from typing import Any
from urllib.parse import unquote
from zlib import crc32

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_fuzz import mutations

from peak_console.domain.calls import (
    Answer,
    CallReason,
    Delta,
    Failure,
    Finish,
    Message,
    OutcomeClass,
    ToolCall,
    ToolDefinition,
    Usage,
)
from peak_console.llm.providers.bedrock_converse import build, parse
from peak_console.llm.providers.converse_stream import ConverseReader
from peak_console.llm.providers.wire import WireCall, WireHostedTool

NO_BOTOCORE = "botocore, which holds AWS's own description of Converse, is a development dependency"
RETRY, NEXT, STOP = OutcomeClass.RETRY_HERE, OutcomeClass.NEXT_CANDIDATE, OutcomeClass.STOP
HEADERS = {"x-amzn-requestid": "4b4d9a3f-0d3c-4f6c-9a51-0e3c2c1b7a11"}
ARN = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/a1b2c3"
TOOL = ToolDefinition(
    name="top_song", description="The most popular song", parameters={"type": "object", "properties": {}}
)
TALK = (
    Message(role="system", content="Be brief."),
    Message(role="user", content="What is played?"),
    Message(
        role="assistant",
        content="",
        tool_calls=(ToolCall(id="tooluse_1", name="top_song", arguments={"sign": "WZPZ"}),),
    ),
    Message(role="tool", content="Elemental Hotel", tool_call_id="tooluse_1"),
    Message(role="user", content="And now?"),
)


def wire_call(**changes: Any) -> WireCall:
    """A call to one candidate."""
    values: dict[str, Any] = {
        "base_url": "https://bedrock-runtime.eu-central-1.amazonaws.com/",
        "model_id": "amazon.nova-lite-v1:0",
        "messages": (Message(role="user", content="Hi"),),
        "max_output_tokens": 100,
    }
    return WireCall(**(values | changes))


def converse(**changes: Any) -> dict[str, Any]:
    """A response as the API reference shows it."""
    return {
        "metrics": {"latencyMs": 1275},
        "output": {"message": {"content": [{"text": "Here's a list."}], "role": "assistant"}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 125, "outputTokens": 60, "totalTokens": 185},
    } | changes


def said(*blocks: dict[str, Any]) -> dict[str, Any]:
    """An output of these blocks."""
    return {"message": {"role": "assistant", "content": list(blocks)}}


def parsed(**changes: Any) -> Answer | Failure:
    """The outcome of a response with these changes."""
    return parse(200, HEADERS, orjson.dumps(converse(**changes)))


def event(kind: str, name: str, body: dict[str, Any]) -> bytes:
    """One event of a stream, framed."""
    told = {":message-type": kind, f":{kind}-type": name, ":content-type": "application/json"}
    headers = b"".join(
        bytes([len(key)]) + key.encode() + b"\x07" + pack("!H", len(value)) + value.encode()
        for key, value in told.items()
    )
    payload = orjson.dumps(body)
    prelude = pack("!II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + pack("!I", crc32(prelude)) + headers + payload
    return message + pack("!I", crc32(message))


STOPPED = event("event", "messageStop", {"stopReason": "end_turn", "p": "abc"})
BILL = {"inputTokens": 10, "outputTokens": 4, "totalTokens": 20, "cacheReadInputTokens": 6}
METADATA = event("event", "metadata", {"usage": BILL, "metrics": {"latencyMs": 9}})
TEXT_STREAM = [
    event("event", "messageStart", {"role": "assistant"}),
    event("event", "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hel"}}),
    event("event", "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "lo"}}),
    event("event", "contentBlockStop", {"contentBlockIndex": 0}),
    STOPPED,
    METADATA,
]
TOOL_STREAM = [
    event("event", "messageStart", {"role": "assistant"}),
    event(
        "event",
        "contentBlockDelta",
        {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "Let me look."}}},
    ),
    event(
        "event",
        "contentBlockStart",
        {"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "tooluse_9", "name": "top_song"}}},
    ),
    event(
        "event", "contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolUse": {"input": '{"sign": '}}}
    ),
    event("event", "contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolUse": {"input": '"WZPZ"}'}}}),
    event("event", "contentBlockStop", {"contentBlockIndex": 1}),
    event("event", "messageStop", {"stopReason": "tool_use"}),
    METADATA,
]


def streamed(data: bytes, cuts: tuple[int, ...] = ()) -> tuple[list[Delta], Answer | Failure]:
    """The deltas and the outcome of a stream fed in pieces."""
    reader = ConverseReader(200, HEADERS)
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    deltas = [delta for start, end in itertools.pairwise(places) for delta in reader.feed(data[start:end])]
    return deltas, reader.close()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"messages": TALK, "tools": (TOOL,), "tool_choice": "required"},
        {"messages": TALK, "tools": (ToolDefinition(name="bare"),), "tool_choice": "auto"},
        {"tools": (TOOL,), "tool_choice": "none"},
        {"temperature": 0.5, "top_p": 0.9, "stop": ("END",), "reasoning_effort": "minimal"},
        {"response_schema": {"type": "object", "properties": {"a": {"type": "string", "maxLength": 3}}}},
        {"model_id": ARN},
        {"stream": True, "model_id": "eu.amazon.nova-lite-v1:0"},
    ],
)
def test_every_request_is_one_of_the_service_model(changes: dict[str, Any]) -> None:
    """Body and model id pass botocore's validation against AWS's own description; no key is unknown to it."""
    session = pytest.importorskip("botocore.session", reason=NO_BOTOCORE)
    validate = pytest.importorskip("botocore.validate", reason=NO_BOTOCORE)
    model = session.get_session().get_service_model("bedrock-runtime")
    operation = model.operation_model("ConverseStream" if changes.get("stream") else "Converse")
    call = wire_call(**changes)
    request = build(call)
    report = validate.ParamValidator().validate(
        {"modelId": call.model_id, **orjson.loads(request.body)}, operation.input_shape
    )
    assert not report.has_errors(), report.generate_report()
    wanted = operation.http["requestUri"].replace("{modelId}", call.model_id)
    assert unquote(request.url.removeprefix("https://bedrock-runtime.eu-central-1.amazonaws.com")) == wanted


def test_a_model_id_is_encoded_but_for_its_colons() -> None:
    """A profile's slash must not be one of the path; a colon goes as it will be sent."""
    url = build(wire_call(model_id=ARN)).url
    assert url.endswith(
        "/model/arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile%2Fa1b2c3/converse"
    )
    assert build(wire_call(stream=True)).url.endswith("/model/amazon.nova-lite-v1:0/converse-stream")


def test_neighbours_of_one_role_are_one_turn() -> None:
    """A tool's result and the user's next words stand together, the system's apart."""
    body = orjson.loads(build(wire_call(messages=TALK, tools=(TOOL,))).body)
    assert body["system"] == [{"text": "Be brief."}]
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][2]["content"] == [
        {"toolResult": {"toolUseId": "tooluse_1", "content": [{"text": "Elemental Hotel"}]}},
        {"text": "And now?"},
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"background": True},
        {"hosted_tools": (WireHostedTool("nova_grounding", 2),)},
        {"messages": TALK, "tools": (TOOL,), "tool_choice": "none"},
    ],
)
def test_what_has_no_place_is_not_sent_some_other_way(changes: dict[str, Any]) -> None:
    """It is an error of the plan, which the router turns into a refusal."""
    with pytest.raises(ValueError, match="Converse"):
        build(wire_call(**changes))


def test_an_answer_is_read() -> None:
    """Text, finish, bill and request id; no model is echoed."""
    found = parsed()
    assert found == Answer(
        text="Here's a list.",
        finish=Finish.STOP,
        usage=Usage(125, 0, 0, 60),
        model_echo=None,
        request_id=HEADERS["x-amzn-requestid"],
    )


def test_cached_tokens_are_added_to_the_input() -> None:
    """``inputTokens`` leaves them out, so the total is the sum of all three."""
    usage = {"inputTokens": 5, "outputTokens": 1, "cacheReadInputTokens": 70, "cacheWriteInputTokens": 30}
    found = parsed(usage=usage | {"totalTokens": 106})
    assert found.usage == Usage(input_total=105, cache_read=70, cache_write=30, output_total=1)


def test_thoughts_are_no_answer_and_citations_are() -> None:
    """Reasoning is billed and not shown; cited text is the answer's own."""
    found = parsed(
        output=said(
            {"reasoningContent": {"reasoningText": {"text": "hmm", "signature": "x"}}},
            {"citationsContent": {"content": [{"text": "It rains"}], "citations": []}},
            {"text": "."},
        )
    )
    assert isinstance(found, Answer)
    assert found.text == "It rains."


def test_tool_calls_are_read() -> None:
    """Calls of our tools; those the provider runs itself are not ours to answer."""
    use = {"toolUseId": "t1", "name": "top_song", "input": {"sign": "WZPZ"}}
    own = {"toolUseId": "t2", "name": "nova_grounding", "input": {}, "type": "server_tool_use"}
    found = parsed(output=said({"toolUse": own}, {"toolUse": use}), stopReason="tool_use")
    assert isinstance(found, Answer)
    assert found.finish is Finish.TOOL
    assert found.tool_calls == (ToolCall(id="t1", name="top_song", arguments={"sign": "WZPZ"}),)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("stop_sequence", Finish.STOP),
        ("max_tokens", Finish.LENGTH),
        ("model_context_window_exceeded", Finish.LENGTH),
        ("guardrail_intervened", (CallReason.CONTENT_FILTER, STOP)),
        ("content_filtered", (CallReason.CONTENT_FILTER, STOP)),
        ("malformed_model_output", (CallReason.MALFORMED, NEXT)),
        ("malformed_tool_use", (CallReason.MALFORMED, NEXT)),
        ("tool_use", (CallReason.MALFORMED, NEXT)),
        ("brand_new_word", (CallReason.MALFORMED, NEXT)),
    ],
)
def test_every_stop_reason_has_its_outcome(word: str, expected: Any) -> None:
    """What was billed stands in failures as well."""
    found = parsed(stopReason=word)
    told = found.finish if isinstance(found, Answer) else (found.reason, found.outcome)
    assert told == expected
    assert found.usage == Usage(125, 0, 0, 60)


def test_every_stop_reason_of_the_service_model_is_known() -> None:
    """AWS's own list has no word that we would call unknown."""
    session = pytest.importorskip("botocore.session", reason=NO_BOTOCORE)
    model = session.get_session().get_service_model("bedrock-runtime")
    for word in model.operation_model("Converse").output_shape.members["stopReason"].enum:
        found = parsed(stopReason=word)
        assert "unknown word" not in (found.detail if isinstance(found, Failure) else "")


@pytest.mark.parametrize(
    ("status", "kind", "reason", "outcome"),
    [
        (429, "ThrottlingException", CallReason.RATE_LIMITED, RETRY),
        (429, "ModelNotReadyException", CallReason.OVERLOADED, RETRY),
        (408, "ModelTimeoutException", CallReason.TIMEOUT, RETRY),
        (503, "ServiceUnavailableException", CallReason.OVERLOADED, RETRY),
        (500, "InternalServerException", CallReason.SERVER_ERROR, RETRY),
        (424, "ModelErrorException", CallReason.SERVER_ERROR, NEXT),
        (400, "ValidationException", CallReason.BAD_REQUEST, STOP),
        (403, "AccessDeniedException", CallReason.PERMISSION, NEXT),
        (403, "UnrecognizedClientException", CallReason.AUTHENTICATION, NEXT),
        (404, "ResourceNotFoundException", CallReason.MODEL_NOT_FOUND, NEXT),
    ],
)
@pytest.mark.parametrize("where", ["header", "body"])
def test_errors_are_told_by_header_or_body(
    status: int, kind: str, reason: CallReason, outcome: OutcomeClass, where: str
) -> None:
    """The name stands in ``x-amzn-errortype`` or in ``__type``, with or without a namespace."""
    headers = {**HEADERS, "x-amzn-errortype": f"{kind}:http://internal.amazon.com/"}
    body = {"__type": f"com.amazonaws.bedrock#{kind}", "message": "Sorry."}
    found = (
        parse(status, headers, b'{"message":"Sorry."}')
        if where == "header"
        else parse(status, HEADERS, orjson.dumps(body))
    )
    assert isinstance(found, Failure)
    assert (found.reason, found.outcome) == (reason, outcome)
    assert kind in found.detail
    assert "Sorry." in found.detail
    assert found.request_id == HEADERS["x-amzn-requestid"]


@given(mutations(orjson.dumps(converse())), st.sampled_from([200, 400, 429, 500]))
def test_mutated_bodies_have_typed_outcomes(body: bytes, status: int) -> None:
    """Never an exception, whatever the bytes."""
    assert isinstance(parse(status, HEADERS, body), Answer | Failure)


@given(st.lists(st.integers(0, 5000), max_size=12).map(tuple))
def test_a_stream_is_read_whatever_its_cuts(cuts: tuple[int, ...]) -> None:
    """The deltas make up the answer, and the bill comes last."""
    deltas, found = streamed(b"".join(TEXT_STREAM), cuts)
    assert [delta.text for delta in deltas] == ["Hel", "lo"]
    assert isinstance(found, Answer)
    assert (found.text, found.finish, found.model_echo) == ("Hello", Finish.STOP, None)
    assert found.usage == Usage(input_total=16, cache_read=6, output_total=4)


def test_a_streamed_tool_call_is_put_together() -> None:
    """Its name comes first, its arguments in pieces; thoughts are no deltas."""
    deltas, found = streamed(b"".join(TOOL_STREAM))
    assert deltas == [
        Delta(tool=0, tool_name="top_song"),
        Delta(tool=0, arguments='{"sign": '),
        Delta(tool=0, arguments='"WZPZ"}'),
    ]
    assert isinstance(found, Answer)
    assert found.tool_calls == (ToolCall(id="tooluse_9", name="top_song", arguments={"sign": "WZPZ"}),)


@pytest.mark.parametrize("kept", range(5))
def test_a_stream_without_its_end_was_cut(kept: int) -> None:
    """Also where it ends between two events: without ``messageStop`` nobody knows that it is whole."""
    _, found = streamed(b"".join(TEXT_STREAM[: min(kept, 4)]) + TEXT_STREAM[4][: 7 * (kept == 4)])
    assert isinstance(found, Failure)
    assert found.reason is CallReason.STREAM_CUT


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("throttlingException", CallReason.RATE_LIMITED),
        ("modelStreamErrorException", CallReason.SERVER_ERROR),
        ("internalServerException", CallReason.SERVER_ERROR),
        ("serviceUnavailableException", CallReason.OVERLOADED),
        ("validationException", CallReason.BAD_REQUEST),
        ("newException", CallReason.SERVER_ERROR),
    ],
)
def test_exceptions_come_as_events(name: str, reason: CallReason) -> None:
    """What was said before them was said; nothing after them is read."""
    data = [*TEXT_STREAM[:2], event("exception", name, {"message": "Sorry."}), *TEXT_STREAM[2:]]
    deltas, found = streamed(b"".join(data))
    assert [delta.text for delta in deltas] == ["Hel"]
    assert isinstance(found, Failure)
    assert found.reason is reason
    assert "Sorry." in found.detail
    assert found.status == 200


def test_a_broken_checksum_is_malformed() -> None:
    """Nothing behind the damage is handed on."""
    data = bytearray(b"".join(TEXT_STREAM))
    data[len(TEXT_STREAM[0]) + 40] ^= 1
    deltas, found = streamed(bytes(data))
    assert deltas == []
    assert isinstance(found, Failure)
    assert found.reason is CallReason.MALFORMED


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["contentBlockStart", "contentBlockDelta", "messageStop", "metadata", "x"]),
            mutations(orjson.dumps({"contentBlockIndex": 0, "delta": {"toolUse": {"input": "{"}}})),
        ),
        max_size=4,
    )
)
def test_mutated_events_have_typed_outcomes(events: list[tuple[str, bytes]]) -> None:
    """Never an exception, whatever an event holds."""
    bodies = []
    for name, body in events:
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError:
            continue
        bodies.append(event("event", name, value))
    _, found = streamed(b"".join(bodies))
    assert isinstance(found, Answer | Failure)


def test_streams_are_read_as_botocore_reads_them() -> None:
    """Event for event what AWS's own parser makes of the same bytes."""
    session = pytest.importorskip("botocore.session", reason=NO_BOTOCORE)
    parsers = pytest.importorskip("botocore.parsers", reason=NO_BOTOCORE)
    stream = pytest.importorskip("botocore.eventstream", reason=NO_BOTOCORE)
    model = session.get_session().get_service_model("bedrock-runtime")
    shape = model.operation_model("ConverseStream").output_shape.members["stream"]
    buffer = stream.EventStreamBuffer()
    buffer.add_data(b"".join(TOOL_STREAM))
    parser = parsers.EventStreamJSONParser()
    theirs = [parser.parse(message.to_response_dict(), shape) for message in buffer]
    pieces = [one["contentBlockDelta"]["delta"] for one in theirs if "contentBlockDelta" in one]
    deltas, found = streamed(b"".join(TOOL_STREAM))
    assert [delta.arguments for delta in deltas if delta.arguments] == [
        piece["toolUse"]["input"] for piece in pieces if "toolUse" in piece
    ]
    assert theirs[-1]["metadata"]["usage"] == BILL
    assert isinstance(found, Answer)
