"""Calls are kept within their layers' scopes: tools, the web, what must be on record."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback_server import Exchange, LoopbackServer
from road import SCOPE, Road, asking, open_road, write_workspace
from wire_shapes import chat

from peak_console.config.configs import Configs
from peak_console.config.load import load_configs
from peak_console.config.workspace import Workspace
from peak_console.domain.calls import CallReason, HostedTool, ToolDefinition
from peak_console.domain.clock import SystemClock
from peak_console.domain.errors import CallRefused
from peak_console.domain.vocabulary import Layer, PhaseLevel, Role
from peak_console.llm.candidates import CandidateRefusal, Facts, survey
from peak_console.llm.providers.responses_requests import filters_domains
from peak_console.llm.router import plan
from peak_console.llm.scope_gate import ScopeGate
from peak_console.llm.scoping import LayerScope, Scoped, layer_scope, within
from peak_console.policy.scopes import Autonomy, OnViolation, ScopeRules, Tool

TODAY = date(2026, 11, 22)
KINDS = {"quote": Tool.FILES, "browse": Tool.WEB, "run": Tool.SHELL}
FACTS = Facts(today=TODAY, phase=PhaseLevel.RESEARCH, keys=frozenset({"openai", "google"}))
QUOTE, RUN, STRANGE = (ToolDefinition(name=name) for name in ("quote", "run", "strange"))
SEARCH = HostedTool(name="web_search", max_calls=2)


def scope(layer: Layer = Layer.L2, **changes: Any) -> LayerScope:
    """A scope whose rules have these changes."""
    rules = {"autonomy": Autonomy.PROPOSE, "tools": frozenset({Tool.FILES, Tool.WEB}), "kinds": KINDS}
    return LayerScope(layer, ScopeRules(layer, **{**rules, **changes}))


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> Configs:
    """The configs of a small workspace."""
    return load_configs(write_workspace(tmp_path_factory.mktemp("scoping") / "ws"), today=TODAY)


def test_a_tool_not_in_scope_never_reaches_the_wire(configs: Configs) -> None:
    """Whatever is granted and offered, no tool outside the scope stands in a body, and none is forced."""
    candidates = survey(configs, Layer.L2, Role.PRIMARY, FACTS)

    @settings(max_examples=60)
    @given(
        tools=st.frozensets(st.sampled_from(Tool)),
        names=st.lists(st.sampled_from(["quote", "browse", "run", "strange"]), unique=True),
        choice=st.sampled_from([None, "auto", "required"]),
        violation=st.sampled_from(OnViolation),
    )
    def holds(tools: frozenset[Tool], names: list[str], choice: Any, violation: OnViolation) -> None:
        offered = tuple(ToolDefinition(name=name) for name in names)
        found = within(
            scope(tools=tools, on_violation=violation), asking(tools=offered, tool_choice=choice), candidates
        )
        fit = {name for name in names if KINDS.get(name) in tools}
        if isinstance(found, CandidateRefusal):
            assert violation is OnViolation.REFUSE
            assert fit != set(names)
            return
        hop = plan(candidates, found.request).first
        assert hop is not None
        body = json.loads(hop.request.body)
        assert {tool["function"]["name"] for tool in body.get("tools", [])} == fit
        assert set(found.stripped) == set(names) - fit
        if names and not fit:
            assert "tool_choice" not in body

    holds()


def test_a_layer_without_a_scope_has_no_tools() -> None:
    """In research its calls go without tools; from shadow on they do not go at all."""
    open_to_all = LayerScope(Layer.L2)
    assert open_to_all.silent
    found = within(open_to_all, asking(tools=(QUOTE,)))
    assert isinstance(found, CandidateRefusal)
    assert found.reason is CallReason.TOOL_OUT_OF_SCOPE
    needed = LayerScope(Layer.L2, needed=True)
    assert not needed.silent
    refused = within(needed, asking())
    assert isinstance(refused, CandidateRefusal)
    assert refused.reason is CallReason.SCOPE_MISSING


def test_a_field_that_a_call_leaves_empty_is_refused_before_it_is_sent() -> None:
    """A scope that wants the prompt's version on record gets no call without one."""
    wanting = LayerScope(Layer.L2, scope().rules, before=("prompt_version",))
    found = within(wanting, asking())
    assert isinstance(found, CandidateRefusal)
    assert found.reason is CallReason.LOG_FIELD_MISSING
    assert isinstance(within(wanting, asking(prompt_version="3")), Scoped)


RESEARCH = """
background = true
hosted_tools = [{ name = "web_search", wire_type = "%s", max_input_tokens = 1000 }]
"""


def research(root: Path, wire_type: str, web_access: str) -> Configs:
    """Configs whose L1 has a web tool of this type, and a scope with this web access."""
    ws = write_workspace(root)
    plain = 'endpoint = "converse"\ncontext_tokens = 400000\nmax_output_tokens = 128000\n'
    told = plain.replace("converse", "responses") + RESEARCH % wire_type
    ws.models.write_text(ws.models.read_text().replace(plain, told))
    price = "cache_read_usd_per_mtok = 2.5\n"
    ws.prices.write_text(ws.prices.read_text().replace(price, price + "hosted_call_usd = 0.01\n"))
    (ws.scopes / "L1.toml").write_text(SCOPE.format("L1") + f"[web_access]\n{web_access}\n")
    return load_configs(ws, today=TODAY)


@pytest.mark.parametrize(
    ("wire_type", "more", "expected"),
    [
        ("web_search", "", ["arxiv.org", "ssrn.com"]),
        ("web_search_preview", "", "domains_unfiltered"),
        ("web_search_preview", 'on_unfiltered = "note"', None),
    ],
)
def test_domains_go_to_the_provider_or_nobody_is_asked(
    tmp_path: Path, wire_type: str, more: str, expected: Any
) -> None:
    """A tool with a filter gets the domains; one without is passed over, or the event says it had none."""
    domains = 'allowed_domains = ["*.arxiv.org", "arxiv.org", "ssrn.com"]'
    found = research(tmp_path / "ws", wire_type, f"{domains}\n{more}")
    candidates = survey(found, Layer.L1, Role.PRIMARY, FACTS)
    asked = asking(layer=Layer.L1, hosted_tools=(SEARCH,))
    scoped = within(layer_scope(found, Layer.L1, PhaseLevel.RESEARCH), asked, candidates)
    assert isinstance(scoped, Scoped)
    assert scoped.web
    route = plan(candidates, scoped.request)
    if expected == "domains_unfiltered":
        assert route.rows[0]["reason"] == expected
        return
    assert route.first is not None
    (tool,) = json.loads(route.first.request.body)["tools"]
    if expected is None:
        assert tool == {"type": wire_type}
        assert route.first.dropped == ("web_search.allowed_domains",)
    else:
        assert tool == {"type": wire_type, "filters": {"allowed_domains": expected}}


def test_a_list_that_is_too_long_cannot_be_kept_to() -> None:
    """The provider takes a hundred domains; a longer list is no filter."""
    assert filters_domains("web_search", ["a.example"] * 100)
    assert not filters_domains("web_search", ["a.example"] * 101)


def test_a_tool_of_another_type_than_its_name_is_outside(tmp_path: Path) -> None:
    """A registry that calls a code interpreter ``web_search`` does not get it past the scope."""
    found = research(tmp_path / "ws", "code_interpreter", "rate_limit_per_hour = 5")
    candidates = survey(found, Layer.L1, Role.PRIMARY, FACTS)
    asked = asking(layer=Layer.L1, hosted_tools=(SEARCH,))
    refused = within(layer_scope(found, Layer.L1, PhaseLevel.RESEARCH), asked, candidates)
    assert isinstance(refused, CandidateRefusal)
    assert "code-interpreter" in refused.detail


async def test_the_web_is_limited_by_the_hour(tmp_path: Path) -> None:
    """Calls on the ledger and calls that begin here count together, each once; no more is let through."""
    recorded = {"call_a"}
    gate = ScopeGate(tmp_path, SystemClock(), recorded=lambda *_: frozenset(recorded))
    asked = asking(tools=(ToolDefinition(name="browse"),))
    limited = scope(web_per_hour=3)
    assert isinstance(await gate.kept_within(limited, asked, (), "call_b"), Scoped)
    recorded.add("call_b")
    assert isinstance(await gate.kept_within(limited, asked, (), "call_c"), Scoped)
    refused = await gate.kept_within(limited, asked, (), "call_d")
    assert isinstance(refused, CandidateRefusal)
    assert refused.reason is CallReason.WEB_RATE_EXCEEDED
    assert isinstance(await gate.kept_within(limited, asking(tools=(QUOTE,)), (), "call_e"), Scoped)


async def test_the_ledger_says_under_which_scope_a_call_was_made(road: Road) -> None:
    """Digest and autonomy stand on the event; a refused tool leaves its reason, and nothing was sent."""
    await road.client.call(asking(tools=(QUOTE,)))
    body = dict(road.events("llm.call.requested")[0].body or {})
    assert (body["autonomy"], len(body["scope_digest"])) == ("PROP", 64)
    assert "stripped" not in body
    with pytest.raises(CallRefused) as refused:
        await road.client.call(asking(tools=(QUOTE, RUN)))
    assert refused.value.code == "tool_out_of_scope"
    (event,) = road.events("llm.call.refused")
    assert (event.body or {})["reason"] == "tool_out_of_scope"
    assert (event.body or {})["scope_digest"] == body["scope_digest"]
    assert len(road.events("llm.call.requested")) == 1
    road.check()


STRIPPING = """
[scope]
layer_id = "L2"
autonomy_level = "PROP"
[tooling]
allowed = ["web"]
on_violation = "strip"
kinds = { browse = "web" }
[web_access]
rate_limit_per_hour = 1
[logging]
required_fields = ["request_id", "served_model"]
"""


async def test_stripping_is_on_the_event(workspace: Workspace, providers: LoopbackServer) -> None:
    """A scope that strips lets a call go on without the tool; what came back empty is noted."""

    async def nameless(exchange: Exchange) -> None:
        await exchange.answer(200, chat(model="gpt-5-mini-2025-08-07"))

    providers.handler = nameless
    (workspace.scopes / "L2.toml").write_text(STRIPPING)
    async with open_road(workspace, providers.url) as road:
        result = await road.client.call(asking(tools=(RUN, STRANGE), tool_choice="required"))
        body = dict(road.events("llm.call.requested")[0].body or {})
        assert body["stripped"] == ["run", "strange"]
        assert "tools" not in body
        assert result.extra["log_missing"] == ("request_id",)
        assert (road.events("llm.call.completed")[0].body or {})["log_missing"] == ["request_id"]
        browse = ToolDefinition(name="browse")
        await road.client.call(asking(tools=(browse,)))
        assert (road.events("llm.call.requested")[1].body or {})["web"] is True
        with pytest.raises(CallRefused, match="within an hour"):
            await road.client.call(asking(tools=(browse,)))


async def test_from_shadow_on_a_layer_without_a_scope_is_not_called(
    workspace: Workspace, providers: LoopbackServer
) -> None:
    """Its calls are refused before anything leaves, with a reason and a remedy."""
    (workspace.scopes / "L2.toml").unlink()
    async with open_road(workspace, providers.url, phase="shadow") as road:
        with pytest.raises(CallRefused) as refused:
            await road.client.call(asking())
        assert refused.value.code == "scope_missing"
        assert road.kinds() == ["llm.call.refused"]
