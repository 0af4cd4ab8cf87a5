from itertools import pairwise
from typing import Any

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
    Pending,
    ToolCall,
    ToolDefinition,
    Usage,
)
from peak_console.llm.providers.openai_responses import ResponsesReader, for_provider, parse, parse_later
from peak_console.llm.providers.wire import WireCall, WireHostedTool

RETRY, NEXT, STOP = OutcomeClass.RETRY_HERE, OutcomeClass.NEXT_CANDIDATE, OutcomeClass.STOP
HEADERS = {"x-request-id": "req_1", "content-type": "application/json"}
EVENT_STREAM = {"x-request-id": "req_1", "content-type": "text/event-stream; charset=utf-8"}
OPENAI, AZURE = for_provider("openai"), for_provider("azure")
TALK = (
    Message(role="system", content="Be brief."),
    Message(role="system", content="Be kind."),
    Message(role="user", content="Quote?"),
    Message(
        role="assistant",
        content="",
        tool_calls=(ToolCall(id="call_1", name="quote", arguments={"b": 1, "a": "x"}),),
    ),
    Message(role="tool", content="42", tool_call_id="call_1"),
    Message(role="system", content="Be quick."),
)
USAGE = {
    "input_tokens": 328,
    "input_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 8},
    "output_tokens": 52,
    "output_tokens_details": {"reasoning_tokens": 40},
    "total_tokens": 380,
}
TEXT_ITEM = {
    "type": "message",
    "id": "msg_67ccd2bf17f0819081ff3bb2cf6508e6",
    "status": "completed",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "In a peaceful grove.", "annotations": []}],
}
CALL_ITEM = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_9",
    "name": "quote",
    "arguments": '{"of":"BTC"}',
    "status": "completed",
}


def wire_call(**changes: Any) -> WireCall:
    """A call to one candidate."""
    values: dict[str, Any] = {
        "base_url": "https://api.openai.com/v1/",
        "model_id": "o3-pro",
        "messages": (Message(role="user", content="Hi"),),
        "max_output_tokens": 100,
    }
    return WireCall(**(values | changes))


def sent(**changes: Any) -> dict[str, Any]:
    """The body that a call is sent with."""
    return orjson.loads(OPENAI.build(wire_call(**changes)).body)


def response(**changes: Any) -> dict[str, Any]:
    """A response object as the API reference shows it."""
    return {
        "id": "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",
        "object": "response",
        "created_at": 1741476542,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "model": "gpt-5.2-2025-12-11",
        "output": [{"type": "reasoning", "id": "rs_1", "summary": []}, TEXT_ITEM],
        "parallel_tool_calls": True,
        "usage": USAGE,
        "user": None,
        "metadata": {},
    } | changes


def parsed(**changes: Any) -> Answer | Failure | Pending:
    """The outcome of a response with these changes."""
    return parse(200, HEADERS, orjson.dumps(response(**changes)))


def answered(**changes: Any) -> Answer:
    """The answer in a response with these changes."""
    found = parsed(**changes)
    assert isinstance(found, Answer), found
    return found


def failed(**changes: Any) -> Failure:
    """The failure in a response with these changes."""
    found = parsed(**changes)
    assert isinstance(found, Failure), found
    return found


def test_a_plain_request_is_not_kept_by_the_provider() -> None:
    """Words, model, limit, and ``store`` off."""
    request = OPENAI.build(wire_call())
    assert request.url == "https://api.openai.com/v1/responses"
    assert orjson.loads(request.body) == {
        "model": "o3-pro",
        "input": [{"role": "user", "content": "Hi"}],
        "max_output_tokens": 100,
        "store": False,
    }


def test_a_conversation_becomes_items() -> None:
    """The first system words are instructions; calls and results are items of their own."""
    body = sent(messages=TALK)
    assert body["instructions"] == "Be brief.\n\nBe kind."
    assert body["input"] == [
        {"role": "user", "content": "Quote?"},
        {"type": "function_call", "call_id": "call_1", "name": "quote", "arguments": '{"a":"x","b":1}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "42"},
        {"role": "system", "content": "Be quick."},
    ]
    assert sent(messages=TALK[:1])["input"] == [{"role": "system", "content": "Be brief."}]


def test_parameters_stand_where_responses_want_them() -> None:
    """Effort, sampling, schema and functions; a function is not strict unless its schema was made so."""
    body = sent(
        temperature=0.5,
        top_p=0.9,
        reasoning_effort="high",
        tools=(ToolDefinition(name="quote"),),
        tool_choice="required",
        response_schema={"type": "object", "properties": {"a": {"type": "string"}}},
        response_schema_name="an answer",
    )
    assert (body["temperature"], body["top_p"], body["reasoning"]) == (0.5, 0.9, {"effort": "high"})
    assert body["tools"][0]["strict"] is False
    assert body["tool_choice"] == "required"
    form = body["text"]["format"]
    assert (form["type"], form["name"], form["strict"]) == ("json_schema", "an_answer", True)
    assert form["schema"]["additionalProperties"] is False


def test_hosted_tools_are_bounded_on_the_wire() -> None:
    """All their runs together; background work is kept so that it can be asked after."""
    hosted = (WireHostedTool("web_search_preview", 3), WireHostedTool("code_interpreter", 2))
    body = sent(hosted_tools=hosted, background=True)
    assert body["tools"] == [{"type": "web_search_preview"}, {"type": "code_interpreter"}]
    assert (body["max_tool_calls"], body["background"], body["store"]) == (5, True, True)


@pytest.mark.parametrize("ending", ["", "/", "/openai", "/openai/v1", "/openai/v1/"])
def test_azure_has_a_path_of_its_own(ending: str) -> None:
    """Below the resource, whatever of the path was pasted along with it."""
    base = f"https://r.openai.azure.com{ending}"
    url = "https://r.openai.azure.com/openai/v1/responses"
    assert AZURE.build(wire_call(base_url=base)).url == url
    assert AZURE.poll(base, "resp_1").url == f"{url}/resp_1"


def test_background_work_is_asked_after_and_cancelled() -> None:
    """By its id, which comes from the provider and so is no path."""
    ask = OPENAI.poll("https://api.openai.com/v1", "resp_1/../x?y")
    assert (ask.method, ask.body) == ("GET", b"")
    assert ask.url == "https://api.openai.com/v1/responses/resp_1%2F..%2Fx%3Fy"
    stop = OPENAI.cancel("https://api.openai.com/v1", "resp_1")
    assert (stop.method, stop.url) == ("POST", "https://api.openai.com/v1/responses/resp_1/cancel")


def test_an_answer_is_read() -> None:
    """Text, bill with cached and reasoning tokens, echo, request id; there is no fingerprint."""
    found = answered()
    assert found.text == "In a peaceful grove."
    assert (found.finish, found.fingerprint, found.request_id) == (Finish.STOP, None, "req_1")
    assert found.model_echo == "gpt-5.2-2025-12-11"
    assert found.usage == Usage(328, 100, 8, 52, 40)


def test_function_calls_and_refusals_are_read() -> None:
    """A call makes the finish ``tool``; a refusal is an answer without text."""
    found = answered(output=[CALL_ITEM])
    assert found.finish is Finish.TOOL
    assert found.tool_calls == (ToolCall(id="call_9", name="quote", arguments={"of": "BTC"}),)
    refused = answered(output=[{**TEXT_ITEM, "content": [{"type": "refusal", "refusal": "I cannot."}]}])
    assert (refused.text, refused.refusal) == ("", "I cannot.")


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("max_output_tokens", Finish.LENGTH),
        ("max_messages", Finish.LENGTH),
        ("steered", Finish.LENGTH),
        ("content_filter", (CallReason.CONTENT_FILTER, STOP)),
        ("brand_new", (CallReason.MALFORMED, NEXT)),
        (None, (CallReason.MALFORMED, NEXT)),
    ],
)
def test_incomplete_responses_say_why(reason: str | None, expected: Any) -> None:
    """What was billed is told in every case."""
    found = parsed(status="incomplete", incomplete_details={"reason": reason}, output=[])
    assert not isinstance(found, Pending)
    told = found.finish if isinstance(found, Answer) else (found.reason, found.outcome)
    assert told == expected
    assert found.usage == Usage(328, 100, 8, 52, 40)


@pytest.mark.parametrize(
    ("code", "reason", "outcome"),
    [
        ("server_error", CallReason.SERVER_ERROR, NEXT),
        ("rate_limit_exceeded", CallReason.RATE_LIMITED, NEXT),
        ("insufficient_quota", CallReason.QUOTA_EXHAUSTED, STOP),
        ("context_length_exceeded", CallReason.CONTEXT_LENGTH, STOP),
        ("invalid_prompt", CallReason.BAD_REQUEST, STOP),
        ("bio_policy", CallReason.CONTENT_FILTER, STOP),
        ("vector_store_timeout", CallReason.SERVER_ERROR, NEXT),
    ],
)
def test_failed_responses_say_why(code: str, reason: CallReason, outcome: OutcomeClass) -> None:
    """Never tried again here: what failed after it began may be billed."""
    found = failed(status="failed", error={"code": code, "message": "Sorry."}, output=[])
    assert (found.reason, found.outcome, found.status) == (reason, outcome, 200)
    assert "Sorry." in found.detail
    assert found.usage is not None
    assert found.model_echo == "gpt-5.2-2025-12-11"


@pytest.mark.parametrize("state", ["queued", "in_progress"])
def test_accepted_work_is_pending(state: str) -> None:
    """With its id and the provider's word for how far it is."""
    found = parsed(status=state, output=[], usage=None)
    assert found == Pending(
        "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",
        state,
        model_echo="gpt-5.2-2025-12-11",
        request_id="req_1",
        rate=found.rate,
    )


def test_cancelled_work_has_its_bill() -> None:
    """As far as it is told."""
    found = failed(status="cancelled", output=[])
    assert (found.reason, found.outcome) == (CallReason.CANCELLED, STOP)
    assert found.usage is not None
    assert failed(status="cancelled", output=[], usage=None).usage is None


def test_work_that_the_provider_lost_is_ambiguous() -> None:
    """A 404 means an unknown model for a call, and lost work for a poll."""
    body = orjson.dumps({"error": {"message": "Response with id 'resp_1' not found.", "type": "x"}})
    later, first = parse_later(404, HEADERS, body), parse(404, HEADERS, body)
    assert isinstance(later, Failure)
    assert isinstance(first, Failure)
    assert (later.reason, later.outcome) == (CallReason.BACKGROUND_LOST, OutcomeClass.AMBIGUOUS)
    assert first.reason is CallReason.MODEL_NOT_FOUND
    assert isinstance(parse_later(200, HEADERS, orjson.dumps(response())), Answer)


def test_hosted_calls_are_counted_as_billed() -> None:
    """By ``tool_usage`` where it is told, a zero included; else by the items, opened pages left out."""

    def search(action: str) -> dict[str, Any]:
        return {"type": "web_search_call", "id": "ws", "status": "completed", "action": {"type": action}}

    output = [search("search"), search("open_page"), {"type": "file_search_call", "id": "fs"}, TEXT_ITEM]
    bill = answered(output=output).usage
    assert bill is not None
    assert bill.hosted_calls == 2
    told = answered(output=output, tool_usage={"image_gen": {}, "web_search": {"num_requests": 0}}).usage
    assert told is not None
    assert told.hosted_calls == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "brand_new"},
        {"output": [{"type": "computer_call"}]},
        {"output": [{"type": "hologram"}]},
        {"output": [{**TEXT_ITEM, "content": [{"type": "hologram"}]}]},
        {"output": [{**CALL_ITEM, "arguments": "{"}]},
        {"output": [{**CALL_ITEM, "arguments": "[]"}]},
        {"output": []},
    ],
)
def test_an_unknown_shape_is_malformed_and_has_its_bill(changes: dict[str, Any]) -> None:
    """What cannot be read was paid for all the same."""
    found = failed(**changes)
    assert found.reason is CallReason.MALFORMED
    assert found.usage is not None
    assert found.usage.input_total == 328
    assert found.model_echo == "gpt-5.2-2025-12-11"


@given(mutations(orjson.dumps(response(output=[TEXT_ITEM, CALL_ITEM]))), st.sampled_from([200, 404, 429]))
def test_mutated_bodies_have_typed_outcomes(body: bytes, status: int) -> None:
    """Never an exception, whatever the bytes."""
    assert isinstance(parse_later(status, HEADERS, body), Answer | Failure | Pending)


def told(kind: str, **fields: Any) -> bytes:
    """One event of a stream."""
    return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps({"type": kind, **fields}) + b"\n\n"


CREATED = told("response.created", response=response(status="in_progress", output=[], usage=None))
STREAM = [
    CREATED,
    told("response.output_item.added", output_index=0, item={"type": "reasoning", "id": "rs_1"}),
    told("response.output_item.added", output_index=1, item={"type": "message", "content": []}),
    told("response.output_text.delta", output_index=1, content_index=0, delta="In a "),
    told("response.output_text.delta", output_index=1, content_index=0, delta="peaceful grove."),
    told("response.output_item.added", output_index=2, item={**CALL_ITEM, "arguments": ""}),
    told("response.function_call_arguments.delta", output_index=2, delta='{"of":'),
    told("response.function_call_arguments.delta", output_index=2, delta='"BTC"}'),
    told("response.completed", response=response(output=[TEXT_ITEM, CALL_ITEM])),
]


def streamed(
    data: bytes, cuts: tuple[int, ...] = (), headers: dict[str, str] = EVENT_STREAM
) -> tuple[list[Delta], Answer | Failure]:
    """The deltas and the outcome of a stream fed in pieces."""
    reader = ResponsesReader(200, headers)
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    deltas = [delta for start, end in pairwise(places) for delta in reader.feed(data[start:end])]
    return deltas, reader.close()


@given(st.lists(st.integers(0, 9000), max_size=12).map(tuple))
def test_a_stream_is_read_whatever_its_cuts(cuts: tuple[int, ...]) -> None:
    """Deltas in order, and the outcome as that of the same response whole."""
    deltas, found = streamed(b"".join(STREAM), cuts)
    assert deltas == [
        Delta(text="In a "),
        Delta(text="peaceful grove."),
        Delta(tool=0, tool_name="quote"),
        Delta(tool=0, arguments='{"of":'),
        Delta(tool=0, arguments='"BTC"}'),
    ]
    assert found == parse(200, EVENT_STREAM, orjson.dumps(response(output=[TEXT_ITEM, CALL_ITEM])))


def test_the_model_is_named_before_the_first_delta() -> None:
    """The very first event tells it."""
    reader = ResponsesReader(200, EVENT_STREAM)
    assert reader.echoes
    assert reader.feed(CREATED) == []
    assert reader.model_echo == "gpt-5.2-2025-12-11"


@pytest.mark.parametrize("count", range(len(STREAM)))
def test_a_stream_without_its_end_was_cut(count: int) -> None:
    """Its pieces may be whole; without the last event nobody knows."""
    _, found = streamed(b"".join(STREAM[:count]))
    assert isinstance(found, Failure)
    assert (found.reason, found.usage) == (CallReason.STREAM_CUT, None)


def test_streams_fail_as_whole_responses_do() -> None:
    """Failed and incomplete at their end; an error event at any time; other than a stream at once."""
    over = {"status": "failed", "error": {"code": "server_error", "message": "Sorry."}, "output": []}
    _, found = streamed(b"".join([*STREAM[:4], told("response.failed", response=response(**over))]))
    assert isinstance(found, Failure)
    assert (found.reason, found.usage) == (CallReason.SERVER_ERROR, Usage(328, 100, 8, 52, 40))
    short = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    _, cut = streamed(b"".join([*STREAM[:4], told("response.incomplete", response=response(**short))]))
    assert isinstance(cut, Answer)
    assert cut.finish is Finish.LENGTH
    error = told("error", code="rate_limit_exceeded", message="Slow down.", param=None, sequence_number=3)
    deltas, erred = streamed(b"".join([*STREAM[:4], error, *STREAM[4:]]))
    assert deltas == [Delta(text="In a ")]
    assert isinstance(erred, Failure)
    assert (erred.reason, erred.model_echo) == (CallReason.RATE_LIMITED, "gpt-5.2-2025-12-11")
    _, page = streamed(b"<html>", headers={"content-type": "text/html"})
    assert isinstance(page, Failure)
    assert page.reason is CallReason.MALFORMED


@given(st.lists(mutations(STREAM[-1].partition(b"data: ")[2].strip()), max_size=3), st.booleans())
def test_mutated_events_have_typed_outcomes(events: list[bytes], begun: bool) -> None:  # noqa: FBT001 - drawn
    """Never an exception, whatever an event holds."""
    data = b"".join(b"data: " + event.replace(b"\n", b" ") + b"\n\n" for event in events)
    _, found = streamed((CREATED if begun else b"") + data)
    assert isinstance(found, Answer | Failure)
