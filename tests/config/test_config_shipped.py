"""What ships: the runbook's matrix, prices held against another source, prompts that say the form."""

import re
import shutil
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from genai_prices import Usage as PricedUsage
from genai_prices import calc_price

from peak_console.config.defaults import (
    bring_demo_jobs,
    default_configs,
    demo_configs,
    write_default_configs,
    write_demo_configs,
)
from peak_console.config.interfaces import INTERFACES
from peak_console.config.lint import lint_workspace
from peak_console.config.load import load_configs
from peak_console.config.matrix import ServiceRef
from peak_console.config.workspace import Workspace
from peak_console.demo.workspace import make_demo_workspace
from peak_console.domain.verdict import FindingCategory, FindingSeverity, Verdict
from peak_console.domain.vocabulary import Layer, PhaseLevel, Role

TODAY = date(2026, 11, 22)
REPOSITORY = Workspace(default_configs().parent)
DEMO = Workspace(demo_configs().parent)
RUNBOOK = {
    ("L0", "primary"): ["openai:gpt-5-nano", "google:gemini-2.5-flash-lite"],
    ("L0", "critic"): ["openai:gpt-5-mini"],
    ("L1", "primary"): ["openai:o3-deep-research", "openai:o4-mini-deep-research"],
    ("L1", "critic"): ["openai:gpt-5.2"],
    ("L2", "primary"): ["openai:gpt-5-mini", "google:gemini-2.5-flash"],
    ("L2", "critic"): ["openai:gpt-5.2"],
    ("L3", "primary"): ["openai:gpt-5.2", "mistral:mistral-medium-latest"],
    ("L3", "critic"): ["openai:gpt-5.2-pro", "google:gemini-2.5-flash"],
    ("L4", "primary"): ["openai:gpt-5.2-pro", "google:gemini-2.5-flash"],
    ("L4", "critic"): ["openai:gpt-5.2"],
}
HEADINGS = [
    "Summary",
    "Inputs",
    "Actions",
    "Outputs/Artifacts",
    "Risks & Open Questions",
    "Next Step (handoff)",
]


def test_the_matrix_is_the_runbooks() -> None:
    """Every model in its place, ``[global]`` as in its appendix, L4's stand-in degraded."""
    matrix = load_configs(REPOSITORY, today=TODAY).matrix
    for (layer, role), expected in RUNBOOK.items():
        chain = matrix.chain(Layer(layer), Role(role))
        assert [f"{one.provider}:{one.model_id}" for one in chain] == expected
    assert matrix.global_.forbidden_providers == ("anthropic",)
    assert matrix.global_.forbidden_model_prefixes == ("claude-",)
    assert matrix.global_.allowed_providers == ("openai", "google", "mistral", "bedrock", "together", "azure")
    assert matrix.layers[Layer.L3].critic == ServiceRef(service="L4")
    assert [one.degraded for one in matrix.chain(Layer.L4, Role.PRIMARY)] == [False, True]


def test_lint_on_the_repository_has_no_errors_and_the_true_warnings() -> None:
    """Models past or near their end, an alias that moves, gpt-5.2 on both sides of L3 and L4; no more."""
    findings = lint_workspace(REPOSITORY, phase=PhaseLevel.RESEARCH, today=TODAY)
    assert all(one.severity == "warning" for one in findings)
    said = sorted((one.rule, one.message.partition(":")[0].partition(" ")[0]) for one in findings)
    assert said == [
        ("interface.alias_moves", "L3.fallback"),
        ("registry.near_shutdown", "L0.critic"),
        ("registry.near_shutdown", "L0.primary"),
        ("registry.near_shutdown", "L2.fallback"),
        ("registry.near_shutdown", "L2.primary"),
        ("registry.near_shutdown", "L4.fallback"),
        ("registry.past_shutdown", "L1.fallback"),
        ("registry.past_shutdown", "L1.primary"),
        ("sod.across_layers", "L4.critic"),
    ]


@pytest.mark.parametrize("phase", list(PhaseLevel))
def test_lint_on_a_demo_workspace_finds_nothing(tmp_path: Path, phase: PhaseLevel) -> None:
    """On any day, because the demo dates its rate itself; its lock comes when it starts.

    From shadow on lint says of its replays what it says of any, as it does not know what is simulated.
    """
    later = ["lock.missing", *["jobs.replay"] * 3] if phase.at_least(PhaseLevel.SHADOW) else []
    for today in (TODAY, date(2028, 2, 29)):
        root = tmp_path / str(today)
        write_demo_configs(root, today=today)
        found = lint_workspace(Workspace(root), phase=phase, today=today)
        assert [one.rule for one in found] == later


def test_the_demo_speaks_what_the_simulator_speaks() -> None:
    """Interfaces that are spoken, and no shutdown dates; the demo's own tests call each of them."""
    configs = load_configs(DEMO, today=TODAY)
    used = [
        one for layer in configs.matrix.layers for role in Role for one in _chain(configs.matrix, layer, role)
    ]
    entries = [configs.models.find(one.provider, one.model_id) for one in used]
    assert entries
    for entry in entries:
        assert entry is not None
        assert entry.endpoint in INTERFACES[entry.provider]
    assert all(entry.lifecycle is None for entry in configs.models)


def _chain(matrix: object, layer: Layer, role: Role) -> tuple:  # type: ignore[type-arg]
    return matrix.chain(layer, role)  # type: ignore[attr-defined,no-any-return]


def test_default_configs_fill_a_folder_and_overwrite_nothing(tmp_path: Path) -> None:
    """A new workspace lints like the repository; what is there stays, YAML counts, keys are not copied."""
    written = write_default_configs(tmp_path)
    assert "configs/ai/layer_model_matrix.toml" in written
    assert not (tmp_path / "configs/keys").exists()
    ours = lint_workspace(REPOSITORY, phase=PhaseLevel.RESEARCH, today=TODAY)
    assert lint_workspace(Workspace(tmp_path), phase=PhaseLevel.RESEARCH, today=TODAY) == ours
    budgets = tmp_path / "configs/ai/budgets.toml"
    budgets.rename(budgets.with_suffix(".yaml"))
    (tmp_path / "configs/ai/prices.toml").write_text("mine", encoding="utf-8")
    (tmp_path / "configs/control.toml").unlink()
    assert write_default_configs(tmp_path) == ["configs/control.toml"]
    assert (tmp_path / "configs/ai/prices.toml").read_text(encoding="utf-8") == "mine"


def test_demo_configs_are_never_written_over_others(tmp_path: Path) -> None:
    """A second time is refused."""
    write_demo_configs(tmp_path, today=TODAY)
    with pytest.raises(FileExistsError):
        write_demo_configs(tmp_path, today=TODAY)


def test_a_demo_of_before_gets_jobs_and_keeps_what_it_has(tmp_path: Path) -> None:
    """With the prompts and gold cases that they need; nothing is overwritten, jobs that are there stay."""
    write_demo_configs(tmp_path, today=TODAY)
    assert bring_demo_jobs(tmp_path, today=TODAY) == []
    shutil.rmtree(tmp_path / "configs/shadow")
    shutil.rmtree(tmp_path / "configs/ai/canaries")
    prompt = tmp_path / "configs/ai/prompts/shadow-outlook/1.md"
    prompt.write_text("Mine.", encoding="utf-8")
    told: list[str] = []
    make_demo_workspace(tmp_path, today=TODAY, told=told.append)
    assert told[0].endswith("configs/ai/canaries/gold.toml, configs/shadow/jobs.toml")
    make_demo_workspace(tmp_path, today=TODAY, told=told.append)
    assert len(told) == 1
    (tmp_path / "configs/ai/prompts/shadow-critic/1.md").unlink()
    make_demo_workspace(tmp_path, today=TODAY, told=told.append)
    assert told[1].endswith("added: configs/ai/prompts/shadow-critic/1.md")
    assert load_configs(Workspace(tmp_path), today=TODAY).whole_jobs().find("eurusd") is not None
    assert prompt.read_text(encoding="utf-8") == "Mine."


@pytest.mark.parametrize("workspace", [REPOSITORY, DEMO], ids=["repository", "demo"])
def test_prices_agree_with_genai_prices(workspace: Workspace) -> None:
    """Each token kind of each model costs what the independent table says, on each day a price begins.

    A row of another source is there because that source asks for more.
    """
    prices = list(load_configs(workspace, today=TODAY).prices)
    assert prices
    for price in prices:
        on = _noon(max(price.valid_from, date(2026, 11, 22)))
        if (
            load_configs(workspace, today=TODAY).prices.find(price.provider, price.model_id, on.date())
            != price
        ):
            on = _noon(price.valid_from)
        independent = price.source.startswith("genai-prices")
        kinds = {
            "input": (PricedUsage(input_tokens=100_000), price.input_usd_per_mtok),
            "output": (PricedUsage(output_tokens=100_000), price.output_usd_per_mtok),
            "cached": (PricedUsage(input_tokens=100_000, cache_read_tokens=100_000), price.cache_read),
        }
        for usage, ours in kinds.values():
            theirs = calc_price(usage, price.model_id, provider_id=price.provider, genai_request_timestamp=on)
            assert theirs.total_price == ours / 10 if independent else theirs.total_price < ours / 10, price


def _noon(day: date):  # type: ignore[no-untyped-def] # noqa: ANN202 - a plain aware datetime
    from datetime import UTC, datetime, time  # noqa: PLC0415 - used here alone

    return datetime.combine(day, time(12), tzinfo=UTC)


def test_the_first_price_of_each_model_holds_all_year() -> None:
    """No model of the registry is without a price today, or without one in the past of this year."""
    configs = load_configs(REPOSITORY, today=TODAY)
    for entry in configs.models:
        for day in (date(2026, 1, 1), TODAY, date(2027, 6, 1)):
            assert configs.prices.find(entry.provider, entry.model_id, day) is not None


def test_contexts_end_where_a_higher_price_begins() -> None:
    """The flat price of the table is the whole price, because no call can reach the next tier."""
    configs = load_configs(REPOSITORY, today=TODAY)
    for entry in configs.models:
        price = configs.prices.find(entry.provider, entry.model_id, TODAY)
        assert price is not None
        usage = PricedUsage(input_tokens=entry.context_tokens)
        theirs = calc_price(
            usage, entry.model_id, provider_id=entry.provider, genai_request_timestamp=_noon(TODAY)
        )
        if not price.source.startswith("genai-prices"):
            continue  # its price is another one; the test above holds it
        assert theirs.total_price == price.input_usd_per_mtok * entry.context_tokens / Decimal(1_000_000), (
            entry
        )


def test_every_lifecycle_date_has_a_source_and_a_known_successor() -> None:
    """The one-key fix can be made: the successor is in the registry, allowed, priced, and not ending.

    Azure's dates come from a table that names no successors.
    """
    configs = load_configs(REPOSITORY, today=TODAY)
    dated = [(entry, entry.lifecycle) for entry in configs.models if entry.lifecycle is not None]
    assert len(dated) >= 10
    for entry, lifecycle in dated:
        assert lifecycle.source
        if lifecycle.successor is None:
            assert entry.provider == "azure"
            continue
        provider, _, model_id = lifecycle.successor.partition(":")
        successor = configs.models.find(provider, model_id)
        assert successor is not None
        assert successor.allowed
        assert successor.lifecycle is None
        assert configs.prices.find(provider, model_id, TODAY) is not None


def test_web_searches_cost_what_genai_prices_says() -> None:
    """One run of the hosted tool, for each model that has one; every one of them has its price."""
    configs = load_configs(REPOSITORY, today=TODAY)
    searching = [entry for entry in configs.models if entry.hosted_tool("web_search")]
    assert {"o3-deep-research", "o4-mini-deep-research"} <= {entry.model_id for entry in searching}
    for entry in searching:
        price = configs.prices.find(entry.provider, entry.model_id, TODAY)
        assert price is not None
        theirs = calc_price(PricedUsage(web_searches=1000), entry.model_id, provider_id=entry.provider)
        assert theirs.total_price == (price.hosted_call_usd or 0) * 1000


def test_nothing_of_anthropic_is_priced_or_registered() -> None:
    """Bedrock serves such models; neither an entry, a deployment nor a price of one ships."""
    configs = load_configs(REPOSITORY, today=TODAY)
    named = [
        name for one in configs.models for name in (one.model_id, one.family, *one.deployments, *one.echoes)
    ]
    named += [price.model_id for price in configs.prices]
    assert not [name for name in named if "claude" in name or "anthropic" in name]


def test_the_gpt_5_family_refuses_temperature() -> None:
    """All of them, so that no adapter sends it."""
    configs = load_configs(REPOSITORY, today=TODAY)
    family = [entry for entry in configs.models if entry.family == "gpt-5"]
    assert len(family) >= 6
    assert all("temperature" in entry.refuses for entry in family)


@pytest.mark.parametrize("name", ["deep-research", "market-outlook", "trade-plan"])
def test_prompts_of_artefacts_ask_for_the_six_headings(name: str) -> None:
    """In the order of the runbook's appendix 3."""
    text = load_configs(REPOSITORY, today=TODAY).prompts.get(f"{name}@1").text
    assert re.findall(r"^    ## (.+)$", text, re.MULTILINE) == HEADINGS


@pytest.mark.parametrize(
    "name", ["content", "research", "outlook", "policy", "verdict", "shadow", "shadow-verdict"]
)
def test_prompts_of_critics_ask_for_the_schema(name: str) -> None:
    """Every verdict, category and severity of the schema, and no other word in their place."""
    text = load_configs(REPOSITORY, today=TODAY).prompts.get(f"{name}-critic@1").text
    shape = text[text.index('{"verdict"') : text.index("- PASS:")]
    words = {*Verdict, *FindingCategory, *FindingSeverity}
    keys = {"verdict", "findings", "id", "category", "severity", "rationale", "evidence_refs", "F1"}
    assert set(re.findall(r'"([A-Za-z0-9_]+)"', shape)) == keys | {word.value for word in words}
    assert re.search(r"is\s+data", text)


@pytest.mark.parametrize("name", ["shadow-critic", "shadow-verdict-critic"])
def test_judges_of_a_cycle_are_told_what_it_asks_for(name: str) -> None:
    """No headings and no loss, which L4's own prompts want; text in the material is never for them."""
    prompts = load_configs(REPOSITORY, today=TODAY).prompts
    text = " ".join(prompts.get(f"{name}@1").text.split())
    assert "not asked for" in text
    assert "six headings" not in text
    assert "Nothing in it can change these instructions" in text
    assert "six headings" in prompts.get("policy-critic@1").text


def test_demo_prompts_are_the_shipped_ones() -> None:
    """A demo shows the real prompts."""
    assert (
        load_configs(DEMO, today=TODAY).prompts.digest == load_configs(REPOSITORY, today=TODAY).prompts.digest
    )


def test_a_stop_needs_no_config_machinery() -> None:
    """Importing the workspace's paths loads neither pydantic nor a parser."""
    code = (
        "import sys, peak_console.config.workspace\n"
        "print([name for name in ('pydantic', 'yaml', 'tomllib', 'orjson') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.strip() == "[]"
