"""Imports of registries, LiteLLM and promptfoo: nothing silent, nothing forbidden, nothing overwritten."""

import shutil
import tomllib
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peak_console.config.lint import lint_workspace
from peak_console.config.sources import read_sources
from peak_console.config.workspace import Workspace
from peak_console.domain.errors import UsageWrong
from peak_console.domain.vocabulary import PhaseLevel
from peak_console.operations.importing import litellm_form, promptfoo_form, registry_form
from peak_console.operations.importing.foreign import HIDDEN, shown, usd_per_mtok
from peak_console.operations.importing.litellm_form import split_model
from peak_console.operations.importing.models import Import, draft_import, read_import
from peak_console.operations.importing.promptfoo_form import split_id
from peak_console.operations.importing.proposing import propose
from peak_console.operations.shapes import SHAPES
from peak_console.operations.workbench.drafts import drafts_of
from peak_console.operations.workbench.sides import standing

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TODAY = date(2026, 11, 22)
SIDE = standing(read_sources(ROOT), phase=PhaseLevel.RESEARCH, today=TODAY)

REGISTRY = """
[registry]
version = "1.0"
effective_date = "2026-01-08"

[models.gpt-5-2]
provider = "openai"
model_id = "gpt-5.2"
family = "gpt-5"
context_window = 200000
max_output_tokens = 16000
cost_per_1k_input = 0.010
cost_per_1k_output = 0.014
latency_p50_ms = 1500
status = "production"

[models.o3-pro]
provider = "openai"
model_id = "o3-pro"
family = "o3"
context_window = 200000
max_output_tokens = 16000
cost_per_1k_input = 0.020
cost_per_1k_output = 0.080
status = "production"

[models.deepseek-r1]
provider = "deepseek"
model_id = "deepseek-r1"
family = "deepseek"
context_window = 128000
max_output_tokens = 8000

[models.other]
provider = "Cl\u0430ude Labs"
model_id = "x"

[layer_mapping.L0]
primary = "gpt_5_2"
fallback = "gpt-5-mini"
critic = "deepseek-r1"
autonomy = "REC"

[layer_mapping.L1]
primary = "o3-deep-research"
fallback = ["o4-mini-deep-research", "deepseek-r1", "o3-pro"]
critic = "o3-pro"

[layer_mapping.L3]
fallback = "none"
critic = "gpt-5.2"

[layer_mapping.L5]
primary = "none"
fallback = "none"
critic = "none"

[layer_mapping.L6]
primary = "gpt-5.2"
autonomy = "EXEC (forbidden)"

[budget]
daily_cost_limit_usd = 50.00
"""

LITELLM = """
model_list:
  - model_name: fast
    litellm_params: {model: openai/gpt-5-mini, api_key: os.environ/OPENAI_API_KEY, rpm: 480}
    model_info: {input_cost_per_token: 2.5e-07, output_cost_per_token: 0.000002}
  - model_name: lite
    litellm_params: {model: gemini/gemini-2.5-flash-lite, api_key: not-a-variable-but-a-key}
  - model_name: judge
    litellm_params: {model: bedrock/anthropic.claude-3-5-sonnet-20241022-v2:0}
  - model_name: free
    litellm_params: {model: mistral/mistral-new, input_cost_per_token: 0, output_cost_per_token: 0}
    model_info: {max_input_tokens: 1000, max_output_tokens: 500}
router_settings:
  fallbacks: [{fast: [lite]}, {judge: [fast]}]
general_settings: {master_key: sk-1234}
"""

PROMPTFOO = """
providers:
  - openai:chat:gpt-5-mini
  - id: anthropic:messages:claude-x
    config: {apiKey: abc}
  - google:gemini-2.5-flash: {config: {temperature: 0}}
  - exec:python run.py
"""


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    """A workspace with the shipped configs and no ledger."""
    shutil.copytree(ROOT / "configs", tmp_path / "ws" / "configs")
    return Workspace(tmp_path / "ws")


def imported(ws: Workspace, name: str, text: str) -> Import:
    """The import of a text, its form found out."""
    path = ws.root.parent / name
    path.write_text(text)
    return read_import(ws, path, "auto", NOW)


def draft_data(found: Import, kind: str) -> dict[str, Any]:
    """What a draft says."""
    text = next(text for target, (_, text) in found.texts.items() if target.name == kind)
    return tomllib.loads(text, parse_float=Decimal)


def test_a_registry_becomes_drafts_of_models_prices_and_matrix(ws: Workspace) -> None:
    """New models and prices are added, exactly; slots take the file's models; comments stay."""
    found = imported(ws, "model_registry.toml", REGISTRY)
    assert [target.name for target in found.texts] == ["models", "prices", "matrix"]
    added = draft_data(found, "models")["model"][-1]
    assert (added["model_id"], added["endpoint"], added["allowed"]) == ("o3-pro", "responses", True)
    price = draft_data(found, "prices")["price"][-1]
    assert (price["input_usd_per_mtok"], price["output_usd_per_mtok"]) == (20, 80)
    assert (price["valid_from"], price["source"]) == (date(2026, 1, 8), "import of model_registry.toml")
    matrix = draft_data(found, "matrix")
    assert matrix["L0"]["primary"]["model_id"] == "gpt-5.2"
    assert (matrix["L0"]["fallback"]["provider"], matrix["L0"]["fallback"]["model_id"]) == (
        "openai",
        "gpt-5-mini",
    )
    assert [one["model_id"] for one in matrix["L1"]["fallback"]] == ["o4-mini-deep-research", "o3-pro"]
    text = next(text for target, (_, text) in found.texts.items() if target.name == "matrix")
    assert "# --- L1: deep research" in text


def test_conflicts_hold_both_values_and_say_which_is_drafted(ws: Workspace) -> None:
    """Prices and bounds that stand stay; a gate layer, a service critic and a last fallback are kept."""
    found = imported(ws, "model_registry.toml", REGISTRY)
    conflicts = {f"{one.config} {one.key}": one for one in found.proposal.conflicts}
    price = conflicts["prices openai:gpt-5.2 input_usd_per_mtok"]
    assert (price.ours, price.theirs, price.taken) == ("1.75", "10", "ours")
    assert conflicts["models openai:gpt-5.2 context_tokens"].taken == "ours"
    assert conflicts["matrix L0.primary"].taken == "theirs"
    for key in ("matrix L6", "matrix L3.critic", "matrix L3.fallback[0]"):
        assert conflicts[key].taken == "ours"
    same = [one for one in found.proposal.mapped if one.key == "openai:gpt-5.2 output_usd_per_mtok"]
    assert same


def test_what_is_forbidden_or_foreign_is_refused_and_never_drafted(ws: Workspace) -> None:
    """Providers outside of ours, and denied names by any spelling, leave the slot as it was."""
    found = imported(ws, "model_registry.toml", REGISTRY)
    refused = {one.source for one in found.proposal.lost if one.refused}
    assert refused == {"models.deepseek-r1", "models.other"}
    critic = next(one for one in found.proposal.lost if one.source.endswith("L0.critic"))
    assert "openai:gpt-5-mini stays" in critic.why
    told = "".join(text for _, text in found.texts.values())
    assert "deepseek-r1" not in told


def test_every_key_of_the_file_is_accounted_for(ws: Workspace) -> None:
    """What is not taken over is listed with a reason: latency, autonomy, budgets."""
    found = imported(ws, "model_registry.toml", REGISTRY)
    lost = {one.source: one.why for one in found.proposal.lost}
    for source in (
        "models.gpt-5-2.latency_p50_ms",
        "layer_mapping.L0.autonomy",
        "budget.daily_cost_limit_usd",
    ):
        assert lost[source]
    SHAPES["import-registry"].model_validate(found.as_dict(()))


def test_the_drafts_lint_like_any_config(ws: Workspace) -> None:
    """Saved as they are, the drafts of an import hold no error in research."""
    found = imported(ws, "model_registry.toml", REGISTRY)
    for target, (_, text) in found.texts.items():
        (ws.root / target.path).write_text(text)
    findings = lint_workspace(ws, phase=PhaseLevel.RESEARCH, today=TODAY)
    assert [one for one in findings if one.severity == "error"] == []


def test_litellm_maps_prices_and_fallbacks_and_drops_keys(ws: Workspace) -> None:
    """Prices per token are exact, fallbacks go to the layers of that primary, and no key is shown or kept."""
    found = imported(ws, "config.yaml", LITELLM)
    assert found.form == "litellm"
    mapped = {(one.key, one.value) for one in found.proposal.mapped}
    assert ("openai:gpt-5-mini input_usd_per_mtok", "0.25, the same here") in mapped
    taken = [one for one in found.proposal.conflicts if one.key == "L2.fallback[0]"]
    assert [(one.ours, one.theirs) for one in taken] == [
        ("google:gemini-2.5-flash", "google:gemini-2.5-flash-lite")
    ]
    lost = {one.source: one for one in found.proposal.lost}
    assert lost["model_list[1].litellm_params.api_key"].value == HIDDEN
    assert "clear text" in lost["model_list[1].litellm_params.api_key"].why
    assert lost["model_list[0].litellm_params.api_key"].value == "os.environ/OPENAI_API_KEY"
    assert lost["model_list[2]"].refused
    report = str(found.as_dict(())) + "".join(text for _, text in found.texts.values())
    assert "not-a-variable" not in report
    assert "sk-1234" not in report


def test_a_price_of_nothing_is_not_taken_over(ws: Workspace) -> None:
    """A model that costs nothing would pass every budget: its price is lost, and said so."""
    found = imported(ws, "config.yaml", LITELLM)
    assert draft_data(found, "models")["model"][-1]["model_id"] == "mistral-new"
    assert "prices" not in {target.name for target in found.texts}
    assert any("no price above zero" in one.why for one in found.proposal.lost)


def test_promptfoo_names_models_that_are_known_or_lost(ws: Workspace) -> None:
    """Each form of an entry is read; what is no provider of ours is refused."""
    found = imported(ws, "promptfooconfig.yaml", PROMPTFOO)
    assert found.form == "promptfoo"
    assert {one.key for one in found.proposal.mapped} == {"openai:gpt-5-mini", "google:gemini-2.5-flash"}
    assert {one.source for one in found.proposal.lost if one.refused} == {"providers[1]", "providers[3]"}
    assert not found.texts


def test_an_import_is_a_draft_and_leaves_the_files(ws: Workspace) -> None:
    """The configs stay byte for byte; the editor holds the proposals with their origin."""
    before = {one: one.read_bytes() for one in ws.root.rglob("*.toml")}
    found = imported(ws, "model_registry.toml", REGISTRY)
    drafts = draft_import(ws, found, NOW)
    assert {one.origin for one in drafts} == {"import registry"}
    held = drafts_of(ws).get("matrix")
    assert held is not None
    assert held.text == next(text for target, (_, text) in found.texts.items() if target.name == "matrix")
    assert {one: one.read_bytes() for one in ws.root.rglob("*.toml")} == before


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("a.toml", "[broken", "import_unreadable"),
        ("a.yaml", "a: &x [1]\nb: *x", "import_unreadable"),
        ("a.yaml", "!!python/object/apply:os.system ['true']", "import_unreadable"),
        ("a.json", "{}", "import_unreadable"),
        ("a.toml", "x = " + "[" * 200 + "]" * 200, "import_unreadable"),
        ("a.toml", "x = 1", "import_form_unknown"),
        ("a.yaml", "#" * 1_000_001, "import_unreadable"),
    ],
)
def test_hostile_and_foreign_files_are_refused(ws: Workspace, name: str, text: str, code: str) -> None:
    """Too large, too deep, aliases, tags, broken or of no known form: refused with a code."""
    with pytest.raises(UsageWrong) as refused:
        imported(ws, name, text)
    assert refused.value.code == code


WILD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.decimals(allow_nan=True),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = (
    "models",
    "layer_mapping",
    "model_list",
    "router_settings",
    "litellm_settings",
    "providers",
    "targets",
    "registry",
    "budget",
    "fallback_policy",
)
INNER = st.dictionaries(
    st.sampled_from(
        ["provider", "model_id", "primary", "fallback", "critic", "model_name", "litellm_params", "id"]
    ),
    WILD | st.dictionaries(st.sampled_from(["model", "api_key", "input_cost_per_token"]), WILD),
)


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(KEYS),
        WILD | st.dictionaries(st.text(max_size=4), INNER) | st.lists(INNER, max_size=3),
    )
)
def test_no_data_makes_an_import_fail(data: dict[str, Any]) -> None:
    """Whatever a file holds, it is understood as far as it goes, and the report is made."""
    for form in (registry_form, litellm_form, promptfoo_form):
        proposal = propose(form.understood(data), SIDE, origin="x", today=TODAY)
        for change in proposal.changes.get("models", []):
            assert change.value["provider"] in {"openai", "google", "mistral", "bedrock", "together", "azure"}


@given(st.decimals(min_value=Decimal("0.000001"), max_value=Decimal(100), places=6))
def test_prices_are_converted_exactly(price: Decimal) -> None:
    """USD for a thousand or a single token become USD for a million without rounding."""
    assert usd_per_mtok(price, 1000) == price * 1000
    assert usd_per_mtok(str(price), 1) == price


@pytest.mark.parametrize(
    "value", [0, -1, True, None, "x", Decimal("NaN"), Decimal("1e-20"), Decimal("1e20"), []]
)
def test_what_is_no_price_is_none(value: object) -> None:
    """Zero, negative, no number, or not exact in nine decimals: no price."""
    assert usd_per_mtok(value, 1000) is None


def test_names_of_providers_are_ours() -> None:
    """The prefixes of other tools, with what stands between provider and model."""
    assert split_model("together_ai/openai/gpt-oss-120b") == ("together", "openai/gpt-oss-120b")
    assert split_model("bedrock/converse/amazon.nova-lite-v1:0") == ("bedrock", "amazon.nova-lite-v1:0")
    assert split_model("vertex_ai/gemini-2.5-flash") == ("google", "gemini-2.5-flash")
    assert split_model("gpt-5-mini") == ("openai", "gpt-5-mini")
    assert split_model("anthropic/claude-x") == ("anthropic", "claude-x")
    assert split_id("bedrock:converse:amazon.nova-lite-v1:0") == ("bedrock", "amazon.nova-lite-v1:0")
    assert split_id("azureopenai:chat:mine") == ("azure", "mine")


def test_secrets_are_not_shown_whatever_key_they_stand_under() -> None:
    """By the key's name, and by the look of an address with a password."""
    assert shown("master_key", "abc") == HIDDEN
    assert shown("api_base", "https://me:pass@host") == HIDDEN
    assert shown("rpm", 480) == "480"
