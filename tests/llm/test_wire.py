from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peak_console.domain.calls import Message, ToolCall, ToolDefinition
from peak_console.domain.canonical import NotCanonical, canonical
from peak_console.llm.providers import google
from peak_console.llm.providers.openai_chat import PROVIDERS, for_provider
from peak_console.llm.providers.wire import WireCall, WireHostedTool, error_message
from peak_console.llm.router import request_hash

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_CALLS = st.builds(
    WireCall,
    base_url=st.just("https://example.org/v1"),
    model_id=_TEXT,
    messages=st.lists(
        st.builds(
            Message, role=st.sampled_from(["system", "user", "assistant", "tool"]), content=_TEXT,
            name=st.one_of(st.none(), _TEXT), tool_call_id=st.one_of(st.none(), _TEXT),
            tool_calls=st.one_of(st.just(()), st.just((ToolCall(id="a", name="b", arguments={"ü": 1.5}),))),
        ), min_size=1, max_size=4,
    ).map(tuple),
    max_output_tokens=st.integers(1, 10**6),
    temperature=st.one_of(st.none(), st.just(0.5)),
    top_p=st.one_of(st.none(), st.just(0.5)),
    seed=st.one_of(st.none(), st.integers(0, 2**60)),
    stop=st.lists(_TEXT, max_size=4).map(tuple),
    reasoning_effort=st.sampled_from([None, "minimal", "high"]),
    tool_choice=st.sampled_from([None, "auto", "required"]),
    tools=st.sampled_from([(), (ToolDefinition(name="x", parameters={"ü": 1}),)]),
    response_schema=st.sampled_from([None, {"type": "object"}, {"ü": 0.5}]),
    stream=st.booleans(),
    api_version=st.sampled_from([None, "2024-10-21"]),
)  # fmt: skip


@settings(deadline=None)  # the machine of a test run is shared
@given(_CALLS, st.sampled_from([*PROVIDERS, "google"]))
def test_a_plain_call_has_a_canonical_body(call: WireCall, provider: str) -> None:
    """Where a call says that its body is canonical, it is: the hash needs no second read."""
    body = (google.build if provider == "google" else for_provider(provider).build)(call).body
    if call.is_plain:
        assert canonical(orjson.loads(body)) == body
    slow = request_hash(call.model_id, body, canonical_body=False)
    assert request_hash(call.model_id, body, canonical_body=call.is_plain) == slow


CALLED = ToolCall(id="a", name="b", arguments={})


@pytest.mark.parametrize(
    "changes",
    [
        {"temperature": 0.5},
        {"top_p": 0.5},
        {"seed": 2**53},
        {"response_schema": {}},
        {"tools": (ToolDefinition(name="x"),)},
        {"hosted_tools": (WireHostedTool("web_search", 1),)},
        {"messages": (Message(role="assistant", content="", tool_calls=(CALLED,)),)},
    ],
)  # fmt: skip
def test_foreign_keys_and_fractions_are_not_plain(changes: dict[str, Any]) -> None:
    """What may leave the canonical domain is read again before it is hashed."""
    values: dict[str, Any] = {
        "base_url": "",
        "model_id": "m",
        "messages": (Message(role="user", content="x"),),
        "max_output_tokens": 1,
    }
    assert WireCall(**values).is_plain
    assert WireCall(**values, seed=5, stop=("x",), reasoning_effort="low", stream=True).is_plain
    assert not WireCall(**(values | changes)).is_plain


def test_a_body_out_of_the_domain_is_noticed() -> None:
    """The property above can fail."""
    with pytest.raises(NotCanonical):
        canonical(orjson.loads(b'{"x":0.5}'))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ({"message": "no"}, "no"),
        ({"Message": "no"}, "no"),
        ({"detail": "no"}, "no"),
        ({"detail": [{"loc": ["body", "x", 0], "msg": "bad"}, 5, {"msg": 7}]}, "body.x.0: bad; 7"),
        ({"detail": {"x": 1}}, ""),
        ({}, ""),
    ],
)
def test_an_error_says_something_to_people(error: dict[str, Any], said: str) -> None:
    """Messages, details, and lists of complaints with their places."""
    assert error_message(error) == said
