from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire_fuzz import mutations
from wire_shapes import gemini

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
from peak_console.llm.providers.google import build, parse
from peak_console.llm.providers.wire import WireCall, WireHostedTool

RETRY_INFO = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"}]
RETRY, NEXT, STOP = OutcomeClass.RETRY_HERE, OutcomeClass.NEXT_CANDIDATE, OutcomeClass.STOP


def wire_call(**changes: Any) -> WireCall:
    """A call to one candidate."""
    values: dict[str, Any] = {
        "base_url": "https://generativelanguage.googleapis.com/v1beta",
        "model_id": "gemini-2.5-flash",
        "messages": (Message(role="system", content="Be brief."), Message(role="user", content="Hi")),
        "max_output_tokens": 100,
    }
    return WireCall(**(values | changes))


def answered(**changes: Any) -> Answer:
    """The answer parsed from a response with these changes."""
    outcome = parse(200, {}, gemini(**changes))
    assert isinstance(outcome, Answer), outcome
    return outcome


def failed(status: int, body: bytes, headers: dict[str, str] | None = None) -> Failure:
    """The failure parsed from a response."""
    outcome = parse(status, headers or {}, body)
    assert isinstance(outcome, Failure), outcome
    return outcome


def candidate(*parts: Any, finish: str = "STOP") -> list[dict[str, Any]]:
    """One candidate of these parts."""
    return [{"content": {"role": "model", "parts": list(parts)}, "finishReason": finish}]


def test_a_plain_request_has_exactly_these_bytes() -> None:
    """System text apart, turns by role, the limit under generationConfig, the model in the address."""
    request = build(wire_call())
    assert request.url == (
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"
    )
    assert request.body == (
        b'{"contents":[{"parts":[{"text":"Hi"}],"role":"user"}],"generationConfig":{"maxOutputTokens":100},'
        b'"systemInstruction":{"parts":[{"text":"Be brief."}]}}'
    )
    assert "x-goog-api-key" not in request.headers


def test_a_model_id_cannot_leave_its_place_in_the_address() -> None:
    """Slashes, queries and dots in an id are quoted, not followed."""
    request = build(wire_call(model_id="../../x?key=1#"))
    assert request.url.endswith("/v1beta/models/..%2F..%2Fx%3Fkey%3D1%23:generateContent")


def test_tools_and_schema_travel() -> None:
    """Calls and results keep their order and names; neighbours of one role are one turn."""
    calls = tuple(ToolCall(id=f"c{n}", name=f"tool{n}", arguments={"n": n}) for n in (1, 2))
    messages = (
        Message(role="user", content="Quote?"),
        Message(role="assistant", content="", tool_calls=calls),
        Message(role="tool", content="1.08", tool_call_id="c1"),
        Message(role="tool", content="1.09", tool_call_id="c2"),
    )
    call = wire_call(
        messages=messages,
        tools=(ToolDefinition(name="tool1"),),
        temperature=0.5,
        response_schema={"type": "object"},
    )
    body = orjson.loads(build(call).body)
    assert [turn["role"] for turn in body["contents"]] == ["user", "model", "user"]
    assert [part["functionCall"]["name"] for part in body["contents"][1]["parts"]] == ["tool1", "tool2"]
    assert [part["functionResponse"] for part in body["contents"][2]["parts"]] == [
        {"name": "tool1", "response": {"result": "1.08"}},
        {"name": "tool2", "response": {"result": "1.09"}},
    ]
    assert body["generationConfig"] == {
        "maxOutputTokens": 100,
        "temperature": 0.5,
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object"},
    }


def test_what_steers_the_model_travels() -> None:
    """Every parameter under Google's name, in the place where it is read."""
    call = wire_call(
        top_p=0.5,
        seed=2**31 + 7,
        stop=("END",),
        reasoning_effort="medium",
        tool_choice="required",
        tools=(ToolDefinition(name="quote"),),
        hosted_tools=(WireHostedTool("google_search", 2),),
        stream=True,
    )
    request = build(call)
    assert request.url.endswith("/models/gemini-2.5-flash:streamGenerateContent?alt=sse")
    body = orjson.loads(request.body)
    assert body["generationConfig"] == {
        "maxOutputTokens": 100,
        "topP": 0.5,
        "seed": 7,
        "stopSequences": ["END"],
        "thinkingConfig": {"thinkingBudget": 8192},
    }
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "ANY"}}
    declaration = {
        "name": "quote",
        "description": "",
        "parametersJsonSchema": {"type": "object", "properties": {}},
    }
    assert body["tools"] == [{"functionDeclarations": [declaration]}, {"google_search": {}}]


def test_later_generations_think_in_levels() -> None:
    """From Gemini 3 on an effort is a level, and a call's lost signature has its stand-in."""
    messages = (
        Message(role="user", content="Quote?"),
        Message(
            role="assistant",
            content="",
            tool_calls=tuple(ToolCall(id=f"c{n}", name="q", arguments={}) for n in (1, 2)),
        ),
        Message(role="tool", content="1.08", tool_call_id="c1"),
    )
    asked: dict[str, Any] = {"reasoning_effort": "low", "messages": messages}
    body = orjson.loads(build(wire_call(model_id="gemini-3.5-flash-lite", **asked)).body)
    assert body["generationConfig"]["thinkingConfig"] == {"thinkingLevel": "low"}
    assert ["thoughtSignature" in part for part in body["contents"][1]["parts"]] == [True, False]
    assert b"thoughtSignature" not in build(wire_call(**asked)).body


@pytest.mark.parametrize("changes", [{"background": True}, {"hosted_tools": (WireHostedTool("shell", 1),)}])
def test_what_gemini_does_not_offer_is_not_dropped(changes: dict[str, Any]) -> None:
    """A request that cannot be written is refused, not sent without a part of it."""
    with pytest.raises(ValueError, match="generateContent"):
        build(wire_call(**changes))


def test_searches_are_counted() -> None:
    """Queries that the provider ran are on the bill."""
    found = candidate({"text": "x"})
    found[0]["groundingMetadata"] = {"webSearchQueries": ["a", "b"]}
    assert answered(candidates=found).usage == Usage(100, 10, 0, 50, 30, hosted_calls=2)


def test_an_answer_that_cannot_be_read_keeps_its_bill() -> None:
    """What was charged is known though the answer is of no use."""
    outcome = failed(200, gemini(candidates=[5]))
    assert (outcome.usage, outcome.model_echo) == (Usage(100, 10, 0, 50, 30), "gemini-2.5-flash")


def test_an_answer_is_normalised() -> None:
    """Output is candidates and thoughts together; input includes the cached tokens; ids and echo are kept."""
    outcome = answered(modelVersion="models/gemini-2.5-flash")
    assert outcome.usage == Usage(100, 10, 0, 50, 30)
    assert (outcome.text, outcome.finish) == ("also fine", Finish.STOP)
    assert (outcome.model_echo, outcome.request_id) == ("gemini-2.5-flash", "resp-1")


def test_thoughts_are_no_part_of_the_answer() -> None:
    """Parts marked as thought are left out, whatever stands in them."""
    outcome = answered(candidates=candidate({"text": "hmm", "thought": True}, {"text": "yes"}, {"text": "!"}))
    assert outcome.text == "yes!"


def test_function_calls_make_the_finish_tool() -> None:
    """Gemini says STOP for tool calls as well; arguments may be left out."""
    parts = (
        {"functionCall": {"name": "quote", "args": {"pair": "EURUSD"}}},
        {"functionCall": {"id": "x", "name": "now"}},
    )
    outcome = answered(candidates=candidate(*parts))
    assert outcome.finish is Finish.TOOL
    assert [(one.id, one.name, one.arguments) for one in outcome.tool_calls] == [
        ("call_0", "quote", {"pair": "EURUSD"}),
        ("x", "now", {}),
    ]


@pytest.mark.parametrize(
    "word", ["SAFETY", "RECITATION", "PROHIBITED_CONTENT", "SPII", "BLOCKLIST", "MODEL_ARMOR"]
)
def test_withheld_answers_are_filters_with_their_bill(word: str) -> None:
    """A finish that withholds stops the call; the tokens are billed."""
    outcome = failed(200, gemini(candidates=[{"finishReason": word}]))
    assert (outcome.reason, outcome.outcome) == (CallReason.CONTENT_FILTER, STOP)
    assert outcome.usage == Usage(100, 10, 0, 50, 30)


def test_a_blocked_prompt_has_no_candidates() -> None:
    """HTTP 200 with a promptFeedback and nothing else is a filter, not an empty answer."""
    outcome = failed(200, orjson.dumps({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}))
    assert (outcome.reason, outcome.outcome, outcome.usage) == (CallReason.CONTENT_FILTER, STOP, None)
    assert "PROHIBITED_CONTENT" in outcome.detail


@pytest.mark.parametrize("word", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "OTHER"])
def test_an_answer_the_model_broke_is_malformed_with_its_bill(word: str) -> None:
    """Another candidate may do better; what was made is billed."""
    outcome = failed(200, gemini(candidates=candidate(finish=word)))
    assert (outcome.reason, outcome.outcome) == (CallReason.MALFORMED, NEXT)
    assert outcome.usage is not None


def test_a_cut_answer_may_be_empty_a_finished_one_may_not() -> None:
    """All tokens may go into thoughts; STOP without parts is malformed."""
    assert answered(candidates=[{"content": {"role": "model"}, "finishReason": "MAX_TOKENS"}]).text == ""
    assert failed(200, gemini(candidates=candidate())).reason is CallReason.MALFORMED


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"candidates": []}, "candidates"),
        ({"candidates": None}, "candidates"),
        ({"candidates": [5]}, "candidates[0]"),
        ({"candidates": candidate({"text": "x"}, finish="NEW_WORD")}, "candidates[0].finishReason"),
        ({"candidates": candidate({"text": 5})}, "candidates[0].content.parts[0].text"),
        ({"candidates": candidate({"inlineData": {}})}, "candidates[0].content.parts[0]"),
        (
            {"candidates": candidate({"functionCall": {"args": {}}})},
            "candidates[0].content.parts[0].functionCall.name",
        ),
        ({"modelVersion": []}, "modelVersion"),
        ({"usageMetadata": {"promptTokenCount": "5"}}, "usageMetadata.promptTokenCount"),
        ({"usageMetadata": {"promptTokenCount": 5, "cachedContentTokenCount": 6}}, "usageMetadata"),
    ],
)
def test_a_parser_never_guesses(changes: dict[str, Any], path: str) -> None:
    """An unexpected shape is malformed, and the offending path is named."""
    outcome = failed(200, gemini(**changes))
    assert (outcome.reason, outcome.outcome) == (CallReason.MALFORMED, NEXT)
    assert outcome.detail.startswith(f"{path}:")


@pytest.mark.parametrize(
    ("status", "error", "reason", "outcome", "wait_s"),
    [
        (429, {"status": "RESOURCE_EXHAUSTED", "details": RETRY_INFO}, CallReason.RATE_LIMITED, RETRY, 17),
        (402, {"status": "RESOURCE_EXHAUSTED"}, CallReason.QUOTA_EXHAUSTED, STOP, None),
        (503, {"status": "UNAVAILABLE"}, CallReason.OVERLOADED, RETRY, None),
        (500, {"status": "INTERNAL"}, CallReason.SERVER_ERROR, RETRY, None),
        (504, {"status": "DEADLINE_EXCEEDED"}, CallReason.SERVER_ERROR, RETRY, None),
        (400, {"status": "INVALID_ARGUMENT"}, CallReason.BAD_REQUEST, STOP, None),
        (400, {"details": [{"reason": "API_KEY_INVALID"}]}, CallReason.AUTHENTICATION, NEXT, None),
        (403, {"status": "PERMISSION_DENIED"}, CallReason.PERMISSION, NEXT, None),
        (404, {"status": "NOT_FOUND"}, CallReason.MODEL_NOT_FOUND, NEXT, None),
        (429, {"status": "RESOURCE_EXHAUSTED", "details": "x"}, CallReason.RATE_LIMITED, RETRY, None),
    ],
)  # fmt: skip
def test_errors_are_classified(
    status: int, error: dict[str, Any], reason: CallReason, outcome: OutcomeClass, wait_s: float | None
) -> None:
    """Google's words and RetryInfo are understood."""
    found = failed(status, orjson.dumps({"error": {"code": status, "message": "no", **error}}))
    assert (found.reason, found.outcome, found.retry_after_s) == (reason, outcome, wait_s)


@settings(deadline=None)  # the machine of a test run is shared
@given(mutations(gemini()), st.sampled_from([200, 204, 301, 400, 403, 429, 500, 999]))
def test_no_body_makes_a_parser_raise(body: bytes, status: int) -> None:
    """Whatever the bytes, there is an outcome."""
    outcome = parse(status, {}, body)
    if isinstance(outcome, Failure):
        assert len(outcome.detail) <= 300
    else:
        assert outcome.usage is None or outcome.usage.output_total >= outcome.usage.reasoning
