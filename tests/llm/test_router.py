import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from road import write_workspace
from test_candidates import FACTS, TODAY

from peak_console.budget.prices import cost
from peak_console.config.configs import Configs
from peak_console.config.load import load_configs
from peak_console.domain.calls import CallLimits, CallRequest, Message, ToolDefinition, Usage
from peak_console.domain.canonical import digest
from peak_console.domain.vocabulary import Layer, Role
from peak_console.llm.candidates import survey
from peak_console.llm.router import Route, plan, request_hash


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> Configs:
    """The small workspace's configs."""
    return load_configs(write_workspace(tmp_path_factory.mktemp("router") / "ws"), today=TODAY)


def routed(configs: Configs, layer: Layer = Layer.L2, text: str = "Hi", **changes: Any) -> Route:
    """The route of a small request with these changes."""
    limits = CallLimits(max_output_tokens=100)
    values = {"messages": (Message(role="user", content=text),), "limits": limits, **changes}
    return plan(survey(configs, layer, Role.PRIMARY, FACTS), CallRequest(layer=layer, **values))


def test_the_bound_covers_every_bill_within_its_tokens(configs: Configs) -> None:
    """No bill of at most the bytes sent in and the output allowed is above the bound."""

    @given(
        text=st.text(st.characters(codec="utf-8"), max_size=200),
        share=st.floats(0, 1),
        cached=st.floats(0, 1),
        output=st.integers(0, 100),
    )
    def check(text: str, share: float, cached: float, output: int) -> None:
        hop = routed(configs, text=text).first
        assert hop is not None
        tokens = int(len(hop.request.body) * share)
        usage = Usage(tokens, int(tokens * cached), 0, output, 0)
        assert cost(hop.usable.price, usage, hop.usable.eur_per_usd) <= hop.bound
        assert tokens + output <= hop.bound_tokens

    check()


def test_the_bound_counts_bytes_not_letters(configs: Configs) -> None:
    """A letter outside ASCII may be several tokens."""
    short, long = routed(configs, text="a" * 100).first, routed(configs, text="語" * 100).first
    assert short is not None
    assert long is not None
    assert long.bound_tokens - short.bound_tokens == 200


def test_the_request_hash_is_over_what_is_sent(configs: Configs) -> None:
    """It is the digest of model and body, the same for the same request, another for any other."""
    hop = routed(configs).first
    assert hop is not None
    assert hop.request_hash == digest({"model_id": "gpt-5-mini", "sent": json.loads(hop.request.body)})
    again, other = routed(configs).first, routed(configs, text="Ho").first
    assert again is not None
    assert other is not None
    assert again.request_hash == hop.request_hash != other.request_hash


@given(
    st.dictionaries(
        st.text(max_size=5), st.one_of(st.floats(allow_nan=False), st.integers(-(2**60), 2**60)), max_size=4
    )
)
def test_bodies_outside_the_canonical_domain_have_a_hash(body: dict[str, Any]) -> None:
    """Floats, large integers and keys in any script are hashed as text, the same each time."""
    try:
        data = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return
    found = request_hash("m", data, canonical_body=False)
    assert found == request_hash("m", data, canonical_body=False)
    assert len(found) == 64


def test_parameters_a_model_refuses_are_left_out_and_named(configs: Configs) -> None:
    """The gpt-5 family takes no temperature: it is not sent, and the hop says so."""
    hop = routed(configs, temperature=0.3).first
    assert hop is not None
    assert b"temperature" not in hop.request.body
    assert hop.dropped == ("temperature",)
    other = routed(configs, Layer.L3, temperature=0.3).first
    assert other is not None
    assert b'"temperature":0.3' in other.request.body


def test_output_is_limited_by_the_strictest(configs: Configs) -> None:
    """Request, matrix and registry each can only lower the output."""
    for asked, wanted in ((10, 10), (5000, 1000), (None, 1000)):
        hop = routed(configs, limits=CallLimits(max_output_tokens=asked)).first
        assert hop is not None
        assert hop.max_output_tokens == wanted


def test_later_hops_are_planned_when_they_are_reached(configs: Configs) -> None:
    """The next hop behind the first is the fallback, unless its provider is down or the money is spent."""
    route = routed(configs)
    assert "bound_eur" not in route.rows[1]
    following = route.after(0)
    assert following is not None
    assert following.candidate.entry.provider == "google"
    assert "bound_eur" in route.rows[1]
    assert route.after(1) is None
    down = routed(configs)
    assert down.after(0, down=frozenset({"google"})) is None
    assert down.rows[1]["reason"] == "provider_down"
    spent = routed(configs, limits=CallLimits(max_output_tokens=100, max_cost_eur="0.001"))
    assert spent.first is not None
    assert spent.after(0, spent=900_000) is None
    assert spent.rows[1]["reason"] == "budget_exceeded"


def test_a_request_without_json_form_is_refused(configs: Configs) -> None:
    """What no JSON can carry is a reason, not an exception."""
    message = Message.model_construct(
        role="user", content="\ud800", tool_calls=(), tool_call_id=None, name=None
    )
    request = CallRequest(layer=Layer.L2, messages=(Message(role="user", content="x"),))
    broken = request.model_copy(update={"messages": (message,)})
    route = plan(survey(configs, Layer.L2, Role.PRIMARY, FACTS), broken)
    assert route.first is None
    assert route.refusal is not None
    assert route.refusal.reason == "bad_request"


def test_what_a_model_does_not_take_is_asked_of_the_next(tmp_path: Path) -> None:
    """Tools and schemas go to a candidate that takes them."""
    ws = write_workspace(tmp_path / "ws")
    ws.models.write_text(ws.models.read_text().replace('refuses = ["temperature"]', 'refuses = ["tools"]'))
    configs = load_configs(ws, today=TODAY)
    route = routed(configs, tools=(ToolDefinition(name="quote"),))
    assert route.first is not None
    assert route.first.candidate.entry.provider == "google"
    assert route.rows[0]["reason"] == "endpoint_unsupported"
