import json
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from road import write_workspace
from test_candidates import FACTS, TODAY, Scheming

from peak_console.budget.prices import cost
from peak_console.config.configs import Configs
from peak_console.config.defaults import default_configs, demo_configs
from peak_console.config.load import load_configs
from peak_console.config.registry import ModelRegistry
from peak_console.config.workspace import Workspace
from peak_console.control.scopes import NOTHING, Halts
from peak_console.domain.calls import CallLimits, CallRequest, HostedTool, Message, ToolDefinition, Usage
from peak_console.domain.canonical import digest
from peak_console.domain.errors import CallRefused
from peak_console.domain.vocabulary import Layer, PhaseLevel, Role
from peak_console.llm.candidates import Facts, survey
from peak_console.llm.providers.adapters import ADAPTERS, Adapter
from peak_console.llm.providers.wire import WireCall, WireHostedTool
from peak_console.llm.router import Route, plan, request_hash

SHIPPED = Facts(
    today=date(2026, 11, 22),
    phase=PhaseLevel.RESEARCH,
    keys=frozenset({"openai", "google", "mistral"}),
)


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


HOSTED = """
background = true
hosted_tools = [{ name = "web_search", wire_type = "web_search_preview", max_input_tokens = 1000 }]
"""


@pytest.fixture(scope="module")
def research(tmp_path_factory: pytest.TempPathFactory) -> Configs:
    """Configs whose L1 asks a model on Responses, with a tool that the provider runs, and its price."""
    ws = write_workspace(tmp_path_factory.mktemp("research") / "ws")
    plain = 'endpoint = "converse"\ncontext_tokens = 400000\nmax_output_tokens = 128000\n'
    ws.models.write_text(
        ws.models.read_text().replace(plain, plain.replace("converse", "responses") + HOSTED)
    )
    price = "cache_read_usd_per_mtok = 2.5\n"
    ws.prices.write_text(ws.prices.read_text().replace(price, price + "hosted_call_usd = 0.01\n"))
    return load_configs(ws, today=TODAY)


EVERYTHING: dict[str, Any] = {
    "temperature": 0.0,
    "top_p": 0.5,
    "seed": 0,
    "stop": ("END",),
    "reasoning_effort": "low",
    "tool_choice": "auto",
    "tools": (ToolDefinition(name="quote"),),
}


def test_every_parameter_reaches_the_wire_or_is_named(configs: Configs, research: Configs) -> None:
    """What the model or its interface does not take is left out and listed; zeros are values."""
    found = routed(configs, **EVERYTHING).first
    assert found is not None
    body = json.loads(found.request.body)
    assert found.dropped == ("temperature",)
    assert (body["top_p"], body["seed"], body["stop"]) == (0.5, 0, ["END"])
    assert (body["reasoning_effort"], body["tool_choice"]) == ("low", "auto")
    responses = routed(research, Layer.L1, **EVERYTHING).first
    assert responses is not None
    assert responses.dropped == ("seed", "stop")
    assert json.loads(responses.request.body)["temperature"] == 0.0


def test_a_plain_call_drops_nothing_and_keeps_its_hash(configs: Configs) -> None:
    """Parameters that nobody set are neither sent nor listed."""
    hop = routed(configs).first
    assert hop is not None
    assert hop.dropped == ()
    assert json.loads(hop.request.body).keys() <= {"model", "messages", "max_completion_tokens", "store"}


def test_hosted_tools_stand_in_the_bound(research: Configs) -> None:
    """Their runs at their price, and what they add to the input: no bill within them is above the bound."""
    plain = routed(research, Layer.L1).first
    found = routed(research, Layer.L1, hosted_tools=(HostedTool(name="web_search", max_calls=7),)).first
    assert plain is not None
    assert found is not None
    assert b'"max_tool_calls":7' in found.request.body
    assert found.bound_tokens == len(found.request.body) + 7 * 1000 + found.max_output_tokens
    dearest = Usage(len(found.request.body) + 7000, 0, 0, found.max_output_tokens, 0, hosted_calls=7)
    assert cost(found.usable.price, dearest, found.usable.eur_per_usd) == found.bound
    assert found.bound > plain.bound


def test_a_hosted_tool_without_cap_or_price_is_refused(configs: Configs, research: Configs) -> None:
    """No rule in the registry, no price, or an interface that has none: unknown is never free."""
    asked = {"hosted_tools": (HostedTool(name="file_search", max_calls=1),)}
    unruled = routed(research, Layer.L1, **asked)
    assert unruled.rows[0]["reason"] == "hosted_tool_unpriced"
    assert [row["reason"] for row in routed(configs, **asked).rows] == ["endpoint_unsupported"] * 2
    price = replace(research.prices.rows["openai", "o3-deep-research"][0], hosted_call_usd=None)
    rows = {**research.prices.rows, ("openai", "o3-deep-research"): (price,)}
    unpriced = replace(research, prices=replace(research.prices, rows=rows))
    search = (HostedTool(name="web_search", max_calls=1),)
    assert routed(unpriced, Layer.L1, hosted_tools=search).rows[0]["reason"] == "hosted_tool_unpriced"


def test_background_work_goes_only_where_it_is_done(configs: Configs, research: Configs) -> None:
    """The registry must say so, and the interface have it."""
    hop = routed(research, Layer.L1, background=True).first
    assert hop is not None
    assert hop.candidate.entry.model_id == "o3-deep-research"
    assert b'"background":true' in hop.request.body
    route = routed(configs, background=True)
    assert route.first is None
    assert [row["reason"] for row in route.rows] == ["endpoint_unsupported"] * 2


def test_streams_go_only_where_answers_stream(tmp_path: Path) -> None:
    """A model whose registry entry refuses streaming is passed over, and only then."""
    ws = write_workspace(tmp_path / "ws")
    ws.models.write_text(ws.models.read_text().replace('refuses = ["temperature"]', 'refuses = ["stream"]'))
    configs = load_configs(ws, today=TODAY)
    candidates = survey(configs, Layer.L2, Role.PRIMARY, FACTS)
    request = CallRequest(layer=Layer.L2, messages=(Message(role="user", content="Hi"),))
    route = plan(candidates, request, streamed=True)
    assert route.first is not None
    assert route.first.candidate.entry.provider == "google"
    assert "streamGenerateContent" in route.first.request.url
    whole = plan(candidates, request).first
    assert whole is not None
    assert whole.candidate.entry.provider == "openai"


@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=lambda one: f"{one.provider}-{one.endpoint}")
def test_every_interface_writes_what_it_does_not_lack(adapter: Adapter) -> None:
    """A parameter that an interface says it has a place for changes what is sent."""
    base = WireCall(
        base_url="https://h.example",
        model_id="m",
        messages=(Message(role="user", content="Hi"),),
        max_output_tokens=9,
        tools=(ToolDefinition(name="quote"),),
    )
    plain = adapter.build(base)
    for name, value in EVERYTHING.items():
        changed = adapter.build(replace(base, **{name: value if name != "tools" else ()}))
        assert (changed.body != plain.body) == (name not in adapter.lacks), name
    assert (
        adapter.build(replace(base, stream=True)).body,
        adapter.build(replace(base, stream=True)).url,
    ) != (
        plain.body,
        plain.url,
    )
    assert adapter.reader is not None
    hosted = replace(base, hosted_tools=(WireHostedTool("web_search", 1),))
    if "hosted_tools" not in adapter.lacks:
        assert b'"max_tool_calls":1' in adapter.build(hosted).body
    if adapter.background is None:
        with pytest.raises(ValueError, match="background"):
            adapter.build(replace(base, background=True))


def bounded(configs: Configs, model_id: str, **changes: int) -> Configs:
    """``configs`` with other limits of a model."""
    entries = {
        key: entry.model_copy(update=changes) if entry.model_id == model_id else entry
        for key, entry in configs.models.entries.items()
    }
    return replace(configs, models=ModelRegistry(entries, configs.models.digest))


def test_what_may_exceed_the_context_is_asked_of_the_next(configs: Configs) -> None:
    """Bytes as sent and the output allowed fit to the token; one more, and the next candidate is asked."""
    found = routed(configs, text="x" * 3000).first
    assert found is not None
    exact = routed(bounded(configs, "gpt-5-mini", context_tokens=found.bound_tokens), text="x" * 3000).first
    assert exact is not None
    assert exact.candidate.entry.model_id == "gpt-5-mini"
    route = routed(bounded(configs, "gpt-5-mini", context_tokens=found.bound_tokens - 1), text="x" * 3000)
    assert route.first is not None
    assert route.first.candidate.entry.provider == "google"
    assert (route.rows[0]["admitted"], route.rows[0]["reason"]) == (False, "context_length")
    assert f"{found.bound_tokens:,}" in route.rows[0]["detail"]


def test_nobody_with_room_is_a_refusal_that_says_what_helps(configs: Configs) -> None:
    """All contexts too short: the first one's reason, with the remedy; nothing is written for the others."""
    small = bounded(
        bounded(configs, "gpt-5-mini", context_tokens=500), "gemini-2.5-flash", context_tokens=500
    )
    route = routed(small, text="語" * 200)
    assert route.first is None
    assert route.refusal is not None
    assert route.refusal.reason == "context_length"
    assert "a longer context" in route.refusal.remedy
    assert [row["reason"] for row in route.rows] == ["context_length"] * 2


def test_hosted_tools_count_into_the_context(research: Configs) -> None:
    """What a provider's own tools may read stands in the context as well."""
    asked = {"hosted_tools": (HostedTool(name="web_search", max_calls=7),)}
    found = routed(research, Layer.L1, **asked).first
    assert found is not None
    short = bounded(research, "o3-deep-research", context_tokens=found.bound_tokens - 1)
    assert routed(short, Layer.L1, **asked).rows[0]["reason"] == "context_length"
    assert routed(short, Layer.L1).rows[0]["reason"] == "admitted"


def test_no_call_reaches_a_second_price_tier() -> None:
    """gemini-2.5-pro is dearer beyond 200,000 tokens: the shipped registry ends its context there."""
    shipped = load_configs(Workspace(default_configs().parent), today=date(2026, 11, 22))
    chain = shipped.matrix.chain(Layer.L2, Role.PRIMARY)
    (entry,) = (replace(one, model_id="gemini-2.5-pro") for one in chain if one.provider == "google")
    matrix = Scheming(shipped.matrix.global_, shipped.matrix.layers, shipped.matrix.digest)
    object.__setattr__(matrix, "chain", lambda *_: (replace(entry, position=0),))
    candidates = survey(replace(shipped, matrix=matrix), Layer.L2, Role.PRIMARY, SHIPPED)

    def reason(letters: int) -> str:
        request = CallRequest(layer=Layer.L2, messages=(Message(role="user", content="x" * letters),))
        return str(plan(candidates, request).rows[0]["reason"])

    assert (reason(190_000), reason(200_000)) == ("admitted", "context_length")


@pytest.mark.parametrize("folder", [default_configs(), demo_configs()], ids=["shipped", "demo"])
def test_what_ships_has_room_for_long_prompts(folder: Path) -> None:
    """With its defaults every slot that may be asked takes 60,000 bytes, also with a web search allowed."""
    configs = load_configs(Workspace(folder.parent), today=date(2026, 11, 22))
    message = Message(role="user", content="x" * 60_000)
    reasons = set()
    for layer in Layer:
        for role in (Role.PRIMARY, Role.CRITIC):
            with suppress(CallRefused):
                candidates = survey(configs, layer, role, SHIPPED)
                for hosted in ((), (HostedTool(name="web_search", max_calls=1),)):
                    request = CallRequest(layer=layer, role=role, messages=(message,), hosted_tools=hosted)
                    reasons |= {row["reason"] for row in plan(candidates, request).rows}
    assert "admitted" in reasons
    assert "context_length" not in reasons


def test_who_could_never_be_asked_is_refused_in_the_plan(research: Configs) -> None:
    """Needs that a later candidate does not meet stand in its row before the first one is asked."""
    search = (HostedTool(name="web_search", max_calls=2),)
    for changes in ({"background": True}, {"hosted_tools": search}):
        route = routed(research, Layer.L1, **changes)
        assert route.first is not None
        assert [row["reason"] for row in route.rows] == ["admitted", "endpoint_unsupported"]
        assert "estimate_eur" not in route.rows[1]
        assert route.after(0) is None


def test_nobody_waits_for_who_could_not_be_asked_anyway(research: Configs) -> None:
    """A candidate that cools down and does not take the request is refused for good, not passed over."""
    cooling = {("openai", "gpt-5.2"): 2**60}
    candidates = survey(research, Layer.L1, Role.PRIMARY, FACTS)
    message = Message(role="user", content="Hi")
    route = plan(
        candidates, CallRequest(layer=Layer.L1, messages=(message,), background=True), cooling=cooling
    )
    assert route.rows[1]["reason"] == "endpoint_unsupported"
    assert route.cooled == {}


def test_an_estimate_holds_the_tools_that_a_provider_runs(research: Configs) -> None:
    """Their runs and what they read, as the bound will."""
    asked = {"hosted_tools": (HostedTool(name="web_search", max_calls=7),)}
    request = CallRequest(
        layer=Layer.L1,
        messages=(Message(role="user", content="Hi"),),
        limits=CallLimits(max_output_tokens=100),
        **asked,
    )
    first = survey(research, Layer.L1, Role.PRIMARY, FACTS)[0]
    twice = (first, replace(first, entry=replace(first.entry, position=1)))
    route = plan(twice, request)
    assert route.first is not None
    assert route.rows[1]["estimate_eur"] == route.rows[0]["bound_eur"]


def test_a_limit_below_the_least_output_is_never_raised(research: Configs) -> None:
    """Responses takes no limit below 16: the limit is somebody's, so the candidate is refused."""
    limits = {least: CallLimits(max_output_tokens=least) for least in (15, 16)}
    row = routed(research, Layer.L1, limits=limits[15]).rows[0]
    assert (row["admitted"], row["reason"]) == (False, "endpoint_unsupported")
    assert "below 16" in row["detail"]
    found = routed(research, Layer.L1, limits=limits[16]).first
    assert found is not None
    assert found.candidate.entry.model_id == "o3-deep-research"
    assert json.loads(found.request.body)["max_output_tokens"] == 16
    other = routed(research, Layer.L1, limits=limits[15]).first
    assert other is not None
    assert other.candidate.entry.model_id == "gpt-5.2"


def test_candidates_that_wait_have_an_estimate(configs: Configs) -> None:
    """Who may be asked later shows about what that would cost at most; who is asked first, the bound."""
    route = routed(configs, text="x" * 400)
    first, *later = route.rows
    assert "estimate_eur" not in first
    admitted = [row for row in later if row["admitted"]]
    assert admitted
    for row in admitted:
        assert float(row["estimate_eur"]) > 0
        assert row["breaker"] == "closed"
    hop = route.after(0)
    assert hop is not None
    bound, estimate = float(route.rows[1]["bound_eur"]), float(later[0]["estimate_eur"])
    assert estimate / 2 < bound < estimate * 2


def test_a_gold_case_goes_to_a_quarantined_model_and_to_nobody_in_its_place(configs: Configs) -> None:
    """Any other call passes it over; a stop binds a gold case, too; a quarantined fallback is never asked."""
    candidates = survey(configs, Layer.L2, Role.PRIMARY, FACTS)
    (own, *others) = [f"{one.entry.provider}:{one.entry.model_id}" for one in candidates]
    request = CallRequest(layer=Layer.L2, messages=(Message(role="user", content="1+1?"),))

    def asked(halts: Halts, *, gold_case: bool) -> list[str]:
        route, found = plan(candidates, request, halts=halts, gold_case=gold_case), []
        hop = route.first
        while hop is not None:
            found.append(f"{hop.candidate.entry.provider}:{hop.candidate.entry.model_id}")
            hop = route.after(hop.candidate.entry.position, halts=halts)
        return found

    out = Halts(quarantined=(own,))
    assert asked(out, gold_case=False) == others != []
    assert asked(out, gold_case=True) == [own]
    assert asked(Halts((f"model:{own}",), (own,)), gold_case=True) == []
    assert asked(Halts(quarantined=tuple(others)), gold_case=True) == [own]
    assert asked(NOTHING, gold_case=True) == [own, *others], "a model in use is asked as ever"
