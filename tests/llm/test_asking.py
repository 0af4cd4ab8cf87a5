from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback_server import LoopbackServer
from road import Road, answering, asking, chat

from peak_console.domain.calls import CallResult, Finish, Message, ToolCall, ToolDefinition, Usage
from peak_console.domain.errors import UsageWrong
from peak_console.domain.vocabulary import Layer, Role
from peak_console.llm.asking import asked, euro_text

SAID = {"layer": "L2", "messages": "Hello?"}


class OfSomeRun:
    """Whatever has a run's id."""

    run_id = "run_1"


def test_few_words_make_a_call() -> None:
    """A layer and a text are enough: the primary's slot, one message of the user."""
    request = asked(None, SAID)
    assert (request.layer, request.role) == (Layer.L2, Role.PRIMARY)
    assert request.messages == (Message(role="user", content="Hello?"),)


def test_every_word_reaches_its_place() -> None:
    """All words at once: each stands in the request where the road looks for it."""
    request = asked(
        None,
        {
            "layer": Layer.L3,
            "role": "fallback",
            "messages": [{"role": "system", "content": "Be brief."}, Message(role="user", content="Go.")],
            "run": OfSomeRun(),
            "tools": [{"name": "lookup", "description": "Looks up."}, ToolDefinition(name="quote")],
            "tool_choice": "auto",
            "hosted_tools": [{"name": "web_search", "max_calls": 2}],
            "response_schema": {"type": "object"},
            "response_schema_name": "plan",
            "max_output_tokens": 50,
            "timeout_s": 3,
            "max_cost_eur": 0.25,
            "temperature": 0.5,
            "top_p": 0.9,
            "seed": 7,
            "stop": "END",
            "reasoning_effort": "low",
            "background": True,
            "purpose": "test",
            "prompt_name": "p",
            "prompt_version": "3",
        },
    )
    assert (request.layer, request.role, request.run_id) == (Layer.L3, Role.FALLBACK, "run_1")
    assert [one.role for one in request.messages] == ["system", "user"]
    assert [tool.name for tool in request.tools] == ["lookup", "quote"]
    assert request.hosted_tools[0].max_calls == 2
    limits = request.limits
    assert (limits.max_output_tokens, limits.timeout_s, limits.max_cost_eur) == (50, 3, "0.25")
    assert (request.stop, request.seed, request.background) == (("END",), 7, True)
    assert (request.prompt_name, request.prompt_version, request.purpose) == ("p", "3", "test")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"messages": "x"}, "no layer was named"),
        ({"layer": "L9", "messages": "x"}, "no layer 'L9'"),
        ({"layer": "L2", "role": "boss", "messages": "x"}, "no role 'boss'"),
        ({"layer": "L2"}, "no messages"),
        ({"layer": "L2", "messages": []}, "no messages"),
        ({"layer": "L2", "messages": b"bytes"}, "are no messages"),
        ({"layer": "L2", "messages": 7}, "are no messages"),
        ({"layer": "L2", "messages": [{"role": "robot", "content": "x"}]}, r"messages\[0\]"),
        ({"layer": "L2", "messages": [{"role": "user"}]}, r"messages\[0\].*content"),
        ({"layer": "L2", "messages": ["x", 7]}, r"messages\[1\]"),
        ({**SAID, "model": "gpt-5"}, "has no model"),
        ({**SAID, "temperature": 9}, "temperature"),
        ({**SAID, "tools": [{"name": "no spaces"}]}, "name"),
        ({**SAID, "max_output_tokens": 0}, "max_output_tokens|well-formed"),
        ({**SAID, "max_cost_eur": -1}, "max_cost_eur"),
        ({**SAID, "max_cost_eur": "1e999999999"}, "max_cost_eur"),
        ({**SAID, "max_cost_eur": float("nan")}, "max_cost_eur"),
        ({**SAID, "max_cost_eur": True}, "max_cost_eur"),
    ],
)
def test_what_makes_no_call_is_told_with_a_remedy(words: dict[str, Any], told: str) -> None:
    """Wrong words are ``UsageWrong`` before anything begins: what is wrong, and what helps."""
    with pytest.raises(UsageWrong, match=told) as caught:
        asked(None, words)
    assert caught.value.remedy
    assert len(caught.value.message) < 500


def test_a_request_is_taken_as_it_is() -> None:
    """A request goes through; words beside one, or something else in its place, do not."""
    request = asking()
    assert asked(request, {}) is request
    with pytest.raises(UsageWrong, match="both"):
        asked(request, {"layer": "L2"})
    with pytest.raises(UsageWrong, match="no CallRequest"):
        asked("hello", {})  # type: ignore[arg-type]


@given(st.decimals(min_value=0, max_value=9_999_999, places=9))
def test_amounts_keep_their_value(amount: Decimal) -> None:
    """An amount becomes text of the same value, whatever it was written as."""
    assert Decimal(euro_text(amount, "x")) == amount
    assert Decimal(euro_text(str(amount), "x")) == amount


@pytest.mark.parametrize("write", [str, int, float, Decimal])
def test_amounts_are_taken_as_they_are_written(write: Callable[[str], Any]) -> None:
    """Text, whole numbers, floats and decimals say the same."""
    assert euro_text(write("2"), "x") == "2"


async def test_words_go_down_the_road(road: Road, providers: LoopbackServer) -> None:
    """A call asked for in words is the call that a request would have been."""
    result = await road.client.call(layer="L2", messages="How is the market?", max_output_tokens=100)
    again = await road.client.call(asking())
    assert (result.text, result.cost_eur) == (again.text, again.cost_eur)
    assert providers.seen[0].body == providers.seen[1].body


def test_a_conversation_goes_on_with_an_answers_own_words() -> None:
    """An answer becomes its message, a tool call the message that answers it."""
    call = ToolCall(id="c1", name="quote", arguments={"pair": "EURUSD"})
    result = CallResult(
        call_id="call_1",
        run_id="run_1",
        layer="L2",
        role="primary",
        provider="openai",
        model_id="gpt-5-mini",
        served_model=None,
        text="",
        finish=Finish.TOOL,
        usage=Usage(),
        cost_eur="0",
        latency_ms=1.0,
        hop=1,
        fallback=False,
        degraded=False,
        tool_calls=(call,),
    )
    assert result.as_message() == Message(role="assistant", content="", tool_calls=(call,))
    assert call.answered("1.08") == Message(role="tool", content="1.08", tool_call_id="c1", name="quote")


async def test_what_tools_gave_is_on_the_ledger(road: Road, providers: LoopbackServer) -> None:
    """The results that go to the model stand in ``requested`` by id and hash; older rounds' do not."""
    first = ToolCall(id="c1", name="quote", arguments={})
    second = ToolCall(id="c2", name="quote", arguments={})
    said = [
        Message(role="user", content="?"),
        Message(role="assistant", content="", tool_calls=(first,)),
        first.answered("old"),
        Message(role="assistant", content="", tool_calls=(second,)),
        second.answered("1.08"),
    ]
    await road.client.call(layer="L2", messages=said, tools=[{"name": "quote"}])
    body = road.events("llm.call.requested")[0].body
    assert body is not None
    (result,) = body["tool_results"]
    assert result["tool_call_id"] == "c2"
    assert len(result["sha256"]) == 64


async def test_a_tool_that_was_not_offered_never_reaches_the_caller(
    road: Road, providers: LoopbackServer
) -> None:
    """A whole answer that asks for a stranger's tool is malformed, paid for, and the next one is asked."""
    call = {"id": "c1", "type": "function", "function": {"name": "rm_rf", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    providers.handler = answering(chat(choices=[{"message": message, "finish_reason": "tool_calls"}]))
    for choice in ("auto", "none"):
        offered = [{"name": "rm_rf"}] if choice == "none" else [{"name": "quote"}]
        result = await road.client.call(layer="L2", messages="?", tools=offered, tool_choice=choice)
        assert (result.provider, result.tool_calls) == ("google", ())
    failed = road.events("llm.call.failed")[0].body
    assert failed is not None
    assert (failed["reason"], failed["cost_basis"]) == ("malformed", "usage")
    assert "rm_rf" in failed["detail"]
    assert orjson.loads(providers.seen[0].body)["tools"]
    road.check()


def test_an_empty_text_is_no_message() -> None:
    """Refused here as on the command line; what is unknown is answered with all words, answer among them."""
    for text in ("", "  "):
        with pytest.raises(UsageWrong):
            asked(None, {"layer": "L2", "messages": text})
    with pytest.raises(UsageWrong) as caught:
        asked(None, {"layer": "L2", "message": "?"})
    assert "answer" in caught.value.remedy.split(", ")
    with pytest.raises(UsageWrong) as caught:
        asked(None, {"layer": "L9", "messages": "?"})
    assert caught.value.remedy == "one of L0 to L4"
