import re
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire_fuzz import mutations
from wire_shapes import AZURE_FILTERED, AZURE_NO_DEPLOYMENT, MISTRAL_INVALID, MISTRAL_LIMITED, chat

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
from peak_console.llm.providers.openai_chat import Dialect, build, for_provider, parse
from peak_console.llm.providers.wire import WireCall, WireHostedTool

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
    """The body is sorted JSON, the limit as reasoning models take it, nothing stored, no key."""
    request = build(wire_call())
    assert request.url == "https://api.openai.com/v1/chat/completions"
    assert request.body == (
        b'{"max_completion_tokens":100,"messages":[{"content":"Be brief.","role":"system"},'
        b'{"content":"Hi","role":"user"}],"model":"gpt-5-mini","store":false}'
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
        response_schema={
            "type": "object",
            "properties": {"why": {"type": "string"}, "fit": {"type": "boolean"}},
        },
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
        "name": "verdict",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"why": {"type": "string"}, "fit": {"type": "boolean"}},
            "required": ["why", "fit"],
            "additionalProperties": False,
        },
    }
    assert list(body["response_format"]["json_schema"]["schema"]["properties"]) == ["why", "fit"]


def test_a_dialect_is_a_row() -> None:
    """Another provider's names for limit, finish and chunks need no code."""
    dialect = Dialect(output_limit="max_tokens", content_chunks=True, finishes={"eos": Finish.STOP})
    assert orjson.loads(build(wire_call(), dialect).body)["max_tokens"] == 100
    chunks = [{"type": "thinking", "thinking": []}, {"type": "text", "text": "fine"}]
    body = chat(choices=[{"message": {"content": chunks}, "finish_reason": "eos"}])
    outcome = parse(200, {}, body, dialect)
    assert isinstance(outcome, Answer)
    assert (outcome.text, outcome.finish) == ("fine", Finish.STOP)
    assert isinstance(parse(200, {}, body), Failure)


STEERED = {
    "top_p": 0.5,
    "seed": 7,
    "stop": ("END",),
    "reasoning_effort": "high",
    "tool_choice": "required",
    "tools": (ToolDefinition(name="quote"),),
    "stream": True,
}


@pytest.mark.parametrize(
    ("provider", "base", "url", "differences"),
    [
        (
            "openai",
            "https://api.openai.com/v1",
            "https://api.openai.com/v1/chat/completions",
            {"max_completion_tokens": 100, "seed": 7, "tool_choice": "required", "store": False},
        ),
        (
            "mistral",
            "https://api.mistral.ai/v1",
            "https://api.mistral.ai/v1/chat/completions",
            {"max_tokens": 100, "random_seed": 7, "tool_choice": "any", "stream_options": None},
        ),
        (
            "together",
            "https://api.together.ai/v1",
            "https://api.together.ai/v1/chat/completions",
            {"max_tokens": 100, "seed": 7, "tool_choice": "required"},
        ),
        (
            "azure",
            "https://res.openai.azure.com",
            "https://res.openai.azure.com/openai/v1/chat/completions",
            {"max_completion_tokens": 100, "seed": 7, "tool_choice": "required", "store": False},
        ),
        (
            "bedrock",
            "https://bedrock-runtime.eu-west-1.amazonaws.com",
            "https://bedrock-runtime.eu-west-1.amazonaws.com/openai/v1/chat/completions",
            {"max_completion_tokens": 100, "seed": 7, "tool_choice": "required"},
        ),
    ],
)
def test_each_provider_reads_its_own_names(
    provider: str, base: str, url: str, differences: dict[str, Any]
) -> None:
    """The same call to five providers: the address and the names differ, the meaning does not."""
    request = for_provider(provider).build(wire_call(base_url=base, **STEERED))
    common = {
        "model": "gpt-5-mini",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        "top_p": 0.5,
        "stop": ["END"],
        "reasoning_effort": "high",
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "quote",
                    "description": "",
                    "parameters": {"type": "object", "properties": {}},
                },
            }
        ],
    }
    expected = {name: value for name, value in (common | differences).items() if value is not None}
    assert request.url == url
    assert orjson.loads(request.body) == expected
    assert request.headers["accept"] == "text/event-stream"


@pytest.mark.parametrize("tail", ["", "/", "/openai", "/openai/", "/openai/v1", "/openai/v1/"])
def test_azure_has_two_addresses(tail: str) -> None:
    """Without a version the v1 interface; with one the deployment's own path, its name quoted."""
    azure = for_provider("azure").build
    base = "https://res.openai.azure.com" + tail
    assert azure(wire_call(base_url=base)).url == "https://res.openai.azure.com/openai/v1/chat/completions"
    classic = azure(wire_call(base_url=base, model_id="my/gpt?", api_version="2024-10-21"))
    assert classic.url == (
        "https://res.openai.azure.com/openai/deployments/my%2Fgpt%3F/chat/completions?api-version=2024-10-21"
    )
    assert "store" not in orjson.loads(classic.body)


def test_an_endpoint_that_already_names_bedrocks_path_is_not_doubled() -> None:
    """What people paste from the provider's documentation works."""
    request = for_provider("bedrock").build(wire_call(base_url="http://127.0.0.1:1/openai/v1/"))
    assert request.url == "http://127.0.0.1:1/openai/v1/chat/completions"


def test_a_conversation_moves_on_to_mistral() -> None:
    """Foreign ids of tool calls become nine letters and digits, in call and result; names stay behind."""
    messages = (
        Message(role="user", content="Quote?", name="ann"),
        Message(role="assistant", content="", tool_calls=(ToolCall(id="call_abc", name="q", arguments={}),)),
        Message(role="tool", content="1.08", tool_call_id="call_abc", name="q"),
        Message(role="tool", content="1.09", tool_call_id="D681PevKs"),
    )
    sent = orjson.loads(for_provider("mistral").build(wire_call(messages=messages)).body)["messages"]
    made = sent[1]["tool_calls"][0]["id"]
    assert re.fullmatch("[A-Za-z0-9]{9}", made)
    assert (sent[2]["tool_call_id"], sent[3]["tool_call_id"]) == (made, "D681PevKs")
    assert not any("name" in message for message in sent)


@pytest.mark.parametrize(
    "changes", [{"background": True}, {"hosted_tools": (WireHostedTool("web_search", 1),)}]
)
def test_what_chat_completions_do_not_offer_is_not_dropped(changes: dict[str, Any]) -> None:
    """A request that cannot be written is refused, not sent without a part of it."""
    with pytest.raises(ValueError, match="chat completions"):
        build(wire_call(**changes))


def test_a_tool_choice_needs_tools() -> None:
    """Without tools there is nothing to choose from, and the APIs refuse the word."""
    assert "tool_choice" not in orjson.loads(build(wire_call(tool_choice="auto")).body)


@pytest.mark.parametrize(
    ("provider", "word", "finish"),
    [("mistral", "model_length", Finish.LENGTH), ("together", "eos", Finish.STOP)],
)
def test_each_provider_has_its_own_finishes(provider: str, word: str, finish: Finish) -> None:
    """A word is known where its provider says it, and nowhere else."""
    body = chat(choices=[{"message": {"content": "x"}, "finish_reason": word}])
    outcome = for_provider(provider).parse(200, {}, body)
    assert isinstance(outcome, Answer)
    assert outcome.finish is finish
    assert isinstance(for_provider("openai").parse(200, {}, body), Failure)


def test_an_answer_that_ended_in_an_error_is_malformed_with_its_bill() -> None:
    """Mistral's finish reason ``error``."""
    body = chat(choices=[{"message": {"content": "x"}, "finish_reason": "error"}])
    outcome = for_provider("mistral").parse(200, {}, body)
    assert isinstance(outcome, Failure)
    assert (outcome.reason, outcome.outcome) == (CallReason.MALFORMED, NEXT)
    assert outcome.usage == Usage(100, 40, 0, 20, 5)


def test_azure_says_what_it_filtered() -> None:
    """Answers carry filter results beside OpenAI's shape, and the base model's name."""
    safe = {"hate": {"filtered": False, "severity": "safe"}}
    choice = {"message": {"content": "x"}, "finish_reason": "stop", "content_filter_results": safe}
    body = chat(
        model="gpt-4o-2024-11-20",
        choices=[choice],
        prompt_filter_results=[{"prompt_index": 0, "content_filter_results": safe}],
    )
    outcome = for_provider("azure").parse(200, {"apim-request-id": "a1"}, body)
    assert isinstance(outcome, Answer)
    assert (outcome.model_echo, outcome.request_id) == ("gpt-4o-2024-11-20", "a1")


@pytest.mark.parametrize(
    ("status", "error", "headers", "reason", "outcome"),
    [
        (429, MISTRAL_LIMITED, {}, CallReason.RATE_LIMITED, RETRY),
        (
            429,
            MISTRAL_LIMITED,
            {"x-ratelimit-limit-req-minute": "0", "retry-after": "1"},
            CallReason.QUOTA_EXHAUSTED,
            STOP,
        ),
        (422, MISTRAL_INVALID, {}, CallReason.BAD_REQUEST, STOP),
        (401, {"detail": "Unauthorized"}, {}, CallReason.AUTHENTICATION, NEXT),
        (400, AZURE_FILTERED, {}, CallReason.CONTENT_FILTER, STOP),
        (404, AZURE_NO_DEPLOYMENT, {}, CallReason.MODEL_NOT_FOUND, NEXT),
    ],
)
def test_other_providers_errors_are_classified(
    status: int, error: Any, headers: dict[str, str], reason: CallReason, outcome: OutcomeClass
) -> None:
    """Mistral's words and lists, an allowance of zero, Azure's nested codes."""
    found = failed(status, orjson.dumps(error), headers)
    assert (found.reason, found.outcome, found.status) == (reason, outcome, status)


def test_a_refused_parameter_is_named() -> None:
    """Mistral's validation errors say which part of the body they mean."""
    detail = failed(422, orjson.dumps(MISTRAL_INVALID)).detail
    assert detail == "HTTP 422: body.seed: Extra inputs are not permitted"


def test_an_answer_that_cannot_be_read_keeps_its_bill() -> None:
    """What was charged is known though the answer is of no use."""
    outcome = failed(200, chat(choices=[]))
    assert (outcome.usage, outcome.model_echo) == (Usage(100, 40, 0, 20, 5), "gpt-5-mini-2025-08-07")
    assert failed(200, chat(choices=[], usage=5, model=5)).usage is None


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


@settings(deadline=None)  # the machine of a test run is shared
@given(mutations(chat("fine")), st.sampled_from([200, 201, 204, 301, 400, 401, 429, 500, 503, 999]))
def test_no_body_makes_a_parser_raise(body: bytes, status: int) -> None:
    """Whatever the bytes, there is an outcome, and what it quotes is one plain line."""
    outcome = parse(status, {}, body)
    if isinstance(outcome, Failure):
        assert outcome.detail.isprintable() or "\ufffd" in outcome.detail
        assert len(outcome.detail) <= 300
    else:
        assert outcome.usage is None or outcome.usage.input_total >= outcome.usage.cache_read
