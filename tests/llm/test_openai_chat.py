from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from road import chat
from wire_fuzz import mutations

from peak_console.domain.calls import (
    Answer,
    CallReason,
    Failure,
    Finish,
    Message,
    OutcomeClass,
    ToolCall,
    ToolDefinition,
    Usage,
)
from peak_console.llm.providers.openai_chat import Dialect, build, parse
from peak_console.llm.providers.wire import WireCall

MORE_CACHED_THAN_READ = {
    "prompt_tokens": 1,
    "completion_tokens": 1,
    "prompt_tokens_details": {"cached_tokens": 2},
}
BROKEN_ARGUMENTS = [
    {
        "message": {"tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{"}}]},
        "finish_reason": "tool_calls",
    }
]
RETRY, NEXT, STOP = OutcomeClass.RETRY_HERE, OutcomeClass.NEXT_CANDIDATE, OutcomeClass.STOP


def wire_call(**changes: Any) -> WireCall:
    """A call to one candidate."""
    values: dict[str, Any] = {
        "base_url": "https://api.openai.com/v1/",
        "model_id": "gpt-5-mini",
        "messages": (Message(role="system", content="Be brief."), Message(role="user", content="Hi")),
        "max_output_tokens": 100,
    }
    return WireCall(**(values | changes))


def answered(**changes: Any) -> Answer:
    """The answer parsed from a completion with these changes."""
    outcome = parse(200, {}, chat(**changes))
    assert isinstance(outcome, Answer), outcome
    return outcome


def failed(status: int, body: bytes, headers: dict[str, str] | None = None) -> Failure:
    """The failure parsed from a response."""
    outcome = parse(status, headers or {}, body)
    assert isinstance(outcome, Failure), outcome
    return outcome


def test_a_plain_request_has_exactly_these_bytes() -> None:
    """The body is sorted JSON, with the limit under the name that reasoning models take, and no key."""
    request = build(wire_call())
    assert request.url == "https://api.openai.com/v1/chat/completions"
    assert request.body == (
        b'{"max_completion_tokens":100,"messages":[{"content":"Be brief.","role":"system"},'
        b'{"content":"Hi","role":"user"}],"model":"gpt-5-mini"}'
    )
    assert not {"authorization", "api-key"} & set(request.headers)


def test_tools_schema_and_temperature_travel() -> None:
    """Tools, tool calls and results, a strict schema and a temperature are written as the API reads them."""
    messages = (
        Message(role="user", content="Quote?"),
        Message(
            role="assistant",
            content="",
            tool_calls=(ToolCall(id="c1", name="quote", arguments={"b": 1, "a": "ü"}),),
        ),
        Message(role="tool", content="1.08", tool_call_id="c1"),
    )
    call = wire_call(
        messages=messages,
        tools=(ToolDefinition(name="quote", description="A quote"),),
        temperature=0.2,
        response_schema={"type": "object"},
        response_schema_name="verdict",
    )
    body = orjson.loads(build(call).body)
    assert body["messages"][1]["content"] is None
    assert body["messages"][1]["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "quote", "arguments": '{"a":"ü","b":1}'}}
    ]
    assert body["messages"][2] == {"role": "tool", "content": "1.08", "tool_call_id": "c1"}
    assert body["tools"][0]["function"]["name"] == "quote"
    assert body["temperature"] == 0.2
    assert body["response_format"]["json_schema"] == {
        "name": "verdict", "schema": {"type": "object"}, "strict": True
    }  # fmt: skip


def test_a_dialect_is_a_row() -> None:
    """Another provider's names for limit, path, finish and chunks need no code."""
    dialect = Dialect(
        path="/chat", output_limit="max_tokens", content_chunks=True, finishes={"eos": Finish.STOP}
    )
    request = build(wire_call(), dialect)
    assert request.url.endswith("/v1/chat")
    assert orjson.loads(request.body)["max_tokens"] == 100
    chunks = [{"type": "thinking", "thinking": []}, {"type": "text", "text": "fine"}]
    body = chat(choices=[{"message": {"content": chunks}, "finish_reason": "eos"}])
    outcome = parse(200, {}, body, dialect)
    assert isinstance(outcome, Answer)
    assert (outcome.text, outcome.finish) == ("fine", Finish.STOP)
    assert isinstance(parse(200, {}, body), Failure)


def test_an_answer_is_normalised() -> None:
    """Text, finish, usage with its cached and reasoning parts, echo, fingerprint, ids and rate."""
    headers = {
        "x-request-id": "req_1",
        "x-ratelimit-remaining-requests": "9",
        "x-ratelimit-reset-requests": "1s",
    }
    outcome = parse(200, headers, chat("fine"))
    assert isinstance(outcome, Answer)
    assert outcome.usage == Usage(100, 40, 0, 20, 5)
    assert (outcome.text, outcome.finish, outcome.model_echo) == (
        "fine",
        Finish.STOP,
        "gpt-5-mini-2025-08-07",
    )
    assert (outcome.fingerprint, outcome.request_id) == ("fp_1", "req_1")
    assert outcome.rate is not None
    assert (outcome.rate.remaining_requests, outcome.rate.reset_s) == (9, 1)


@pytest.mark.parametrize(
    ("word", "finish"),
    [
        ("stop", Finish.STOP),
        ("length", Finish.LENGTH),
        ("tool_calls", Finish.TOOL),
        ("function_call", Finish.TOOL),
    ],
)
def test_finish_reasons_are_mapped(word: str, finish: Finish) -> None:
    """Each of the API's words has one of ours."""
    assert answered(choices=[{"message": {"content": "x"}, "finish_reason": word}]).finish is finish


def test_a_cut_answer_may_be_empty_a_finished_one_may_not() -> None:
    """A reasoning model may spend all its tokens thinking; a finished answer without content is malformed."""
    cut = answered(choices=[{"message": {"content": None}, "finish_reason": "length"}])
    assert (cut.text, cut.finish) == ("", Finish.LENGTH)
    nothing = failed(200, chat(choices=[{"message": {"content": None}, "finish_reason": "stop"}]))
    assert nothing.reason is CallReason.MALFORMED
    assert "choices[0].message.content" in nothing.detail


def test_a_refusal_is_kept_apart_from_the_text() -> None:
    """What a model declines with is never read as its answer."""
    outcome = answered(choices=[{"message": {"content": None, "refusal": "No."}, "finish_reason": "stop"}])
    assert (outcome.text, outcome.refusal) == ("", "No.")


def test_a_filtered_answer_is_a_failure_with_its_bill() -> None:
    """The filter stops the call; usage and echo are kept, for they are billed and checked."""
    outcome = failed(200, chat(choices=[{"message": {"content": ""}, "finish_reason": "content_filter"}]))
    assert (outcome.reason, outcome.outcome) == (CallReason.CONTENT_FILTER, STOP)
    assert outcome.usage == Usage(100, 40, 0, 20, 5)
    assert outcome.model_echo == "gpt-5-mini-2025-08-07"


def test_usage_is_taken_as_told() -> None:
    """No usage is unknown, a zero is a zero, and details may be missing."""
    assert answered(usage=None).usage is None
    zero = {"prompt_tokens": 0, "completion_tokens": 8, "total_tokens": 8}
    assert answered(usage=zero).usage == Usage(0, 0, 0, 8, 0)
    nulls = zero | {"prompt_tokens_details": None, "completion_tokens_details": {"reasoning_tokens": None}}
    assert answered(usage=nulls).usage == Usage(0, 0, 0, 8, 0)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"choices": []}, "choices"),
        ({"choices": None}, "choices"),
        ({"choices": ["x"]}, "choices[0]"),
        ({"choices": [{"message": {"content": "x"}, "finish_reason": None}]}, "choices[0].finish_reason"),
        ({"choices": [{"message": {"content": "x"}, "finish_reason": "eos"}]}, "choices[0].finish_reason"),
        ({"choices": [{"message": {"content": 5}, "finish_reason": "stop"}]}, "choices[0].message.content"),
        ({"choices": [{"message": None, "finish_reason": "stop"}]}, "choices[0].message"),
        ({"model": 7}, "model"),
        ({"usage": []}, "usage"),
        ({"usage": {"prompt_tokens": 1}}, "usage"),
        ({"usage": {"prompt_tokens": -1, "completion_tokens": 1}}, "usage.prompt_tokens"),
        ({"usage": {"prompt_tokens": True, "completion_tokens": 1}}, "usage.prompt_tokens"),
        ({"usage": {"prompt_tokens": 1.5, "completion_tokens": 1}}, "usage.prompt_tokens"),
        ({"usage": {"prompt_tokens": 10**15, "completion_tokens": 1}}, "usage.prompt_tokens"),
        ({"usage": MORE_CACHED_THAN_READ}, "usage"),
        ({"choices": BROKEN_ARGUMENTS}, "choices[0].message.tool_calls[0].function.arguments"),
    ],
)  # fmt: skip
def test_a_parser_never_guesses(changes: dict[str, Any], path: str) -> None:
    """An unexpected shape is malformed, and the offending path is named."""
    outcome = failed(200, chat(**changes))
    assert (outcome.reason, outcome.outcome) == (CallReason.MALFORMED, NEXT)
    assert outcome.detail.startswith(f"{path}:")


@pytest.mark.parametrize(
    ("status", "code", "headers", "reason", "outcome"),
    [
        (400, None, {}, CallReason.BAD_REQUEST, STOP),
        (400, "context_length_exceeded", {}, CallReason.CONTEXT_LENGTH, STOP),
        (400, "content_filter", {}, CallReason.CONTENT_FILTER, STOP),
        (401, "invalid_api_key", {}, CallReason.AUTHENTICATION, NEXT),
        (402, None, {}, CallReason.QUOTA_EXHAUSTED, STOP),
        (403, None, {}, CallReason.PERMISSION, NEXT),
        (404, "model_not_found", {}, CallReason.MODEL_NOT_FOUND, NEXT),
        (408, None, {}, CallReason.TIMEOUT, RETRY),
        (409, None, {}, CallReason.CONFLICT, RETRY),
        (418, None, {}, CallReason.BAD_REQUEST, STOP),
        (422, None, {}, CallReason.BAD_REQUEST, STOP),
        (429, "rate_limit_exceeded", {}, CallReason.RATE_LIMITED, RETRY),
        (429, "insufficient_quota", {"x-should-retry": "true"}, CallReason.QUOTA_EXHAUSTED, STOP),
        (429, "credit_balance_exhausted", {}, CallReason.QUOTA_EXHAUSTED, STOP),
        (429, None, {"x-should-retry": "false"}, CallReason.RATE_LIMITED, NEXT),
        (500, None, {}, CallReason.SERVER_ERROR, RETRY),
        (500, None, {"x-should-retry": "false"}, CallReason.SERVER_ERROR, NEXT),
        (501, None, {}, CallReason.SERVER_ERROR, NEXT),
        (502, None, {}, CallReason.SERVER_ERROR, RETRY),
        (503, None, {}, CallReason.OVERLOADED, RETRY),
        (504, None, {}, CallReason.SERVER_ERROR, RETRY),
        (529, None, {}, CallReason.OVERLOADED, RETRY),
        (302, None, {}, CallReason.REDIRECT, STOP),
        (100, None, {}, CallReason.MALFORMED, NEXT),
    ],
)
def test_errors_are_classified(
    status: int, code: str | None, headers: dict[str, str], reason: CallReason, outcome: OutcomeClass
) -> None:
    """Each status and code has one reason and one next step; a spent quota is never retried."""
    found = failed(status, orjson.dumps({"error": {"message": "no", "type": "t", "code": code}}), headers)
    assert (found.reason, found.outcome, found.status) == (reason, outcome, status)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'"x"', b'{"error":5}', b'{"error":"text"}', b"\xff", b"[[]]"]
)
def test_an_error_body_may_be_anything(body: bytes) -> None:
    """What a proxy writes in place of the API's error changes nothing about the class."""
    assert failed(503, body).reason is CallReason.OVERLOADED


@given(mutations(chat("fine")), st.sampled_from([200, 201, 204, 301, 400, 401, 429, 500, 503, 999]))
def test_no_body_makes_a_parser_raise(body: bytes, status: int) -> None:
    """Whatever the bytes, there is an outcome, and what it quotes is one plain line."""
    outcome = parse(status, {}, body)
    if isinstance(outcome, Failure):
        assert outcome.detail.isprintable() or "\ufffd" in outcome.detail
        assert len(outcome.detail) <= 300
    else:
        assert outcome.usage is None or outcome.usage.input_total >= outcome.usage.cache_read
