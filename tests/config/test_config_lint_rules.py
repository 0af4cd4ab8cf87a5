"""Each rule of the linter, triggered alone on an otherwise faultless workspace."""

import os
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from peak_console.config.document import MAX_BYTES
from peak_console.config.interfaces import PARAMETERS
from peak_console.config.lint import CATALOGUE, Severity
from peak_console.domain.vocabulary import PhaseLevel

TODAY = date(2026, 11, 22)
M = "configs/ai/layer_model_matrix.toml"
R = "configs/ai/models.toml"
P = "configs/ai/prices.toml"
B = "configs/ai/budgets.toml"
K = "configs/risk/limits.toml"
N = "configs/readiness.toml"
PRIMARY = '[L0.primary]\nprovider = "openai"\nmodel_id = "alpha-1"'
FALLBACK = '[L0.fallback]\nprovider = "openai"\nmodel_id = "beta-1"'
SECOND = '\n[[L0.fallback]]\nprovider = "openai"\nmodel_id = "{}"\n'

Spoil = Callable[[Any], None]


def change(name: str, old: str, new: str) -> Spoil:
    """Replace a piece of a file."""
    return lambda files: files.change(name, old, new)


def write(name: str, content: str | bytes) -> Spoil:
    """Write a file."""
    return lambda files: files.write(name, content)


def add(name: str, text: str) -> Spoil:
    """Append to a file."""
    return lambda files: files.write(name, files.read(name) + text)


def remove(name: str) -> Spoil:
    """Delete a file."""
    return lambda files: (files.root / name).unlink()


def folder_instead(name: str) -> Spoil:
    """Make a folder where a file should be."""

    def spoil(files: Any) -> None:
        (files.root / name).mkdir(parents=True)

    return spoil


def lifecycle(days: int, successor: str = 'successor = "openai:beta-1"\n') -> Spoil:
    """The end of gamma-1, which only L0 to L2 and L4 use, that many days from today."""
    end = TODAY + timedelta(days=days)
    life = f'\n[model.lifecycle]\nshutdown = {end}\n{successor}source = "test"\n'
    model = '[[model]]\nprovider = "openai"\nmodel_id = "delta-1"\n'
    return change(R, model, life.lstrip("\n") + "\n" + model)


def delta(*lines: str, endpoint: str = "chat", hosted_call_usd: str = "") -> Spoil:
    """More keys in the registry's entry of delta-1, its endpoint, and a price of its hosted tools."""

    def spoil(files: Any) -> None:
        head = 'family = "delta"\nallowed = true\nendpoint = '
        files.change(R, head + '"chat"', "\n".join((head + f'"{endpoint}"', *lines)))
        if hosted_call_usd:
            old = 'model_id = "delta-1"\n'
            files.change(P, old, f"{old}hosted_call_usd = {hosted_call_usd}\n")

    return spoil


def delta_at(provider: str, model_id: str, *lines: str) -> Spoil:
    """L4's fallback is another provider's model, known, allowed and priced; ``lines`` stand in its entry."""

    def spoil(files: Any) -> None:
        for name in (M, R, P):
            old = 'provider = "openai"\nmodel_id = "delta-1"'
            more = "".join(f"\n{line}" for line in lines) if name == R else ""
            files.change(name, old, f'provider = "{provider}"\nmodel_id = "{model_id}"{more}')
        files.change(M, '"google"]', f'"google", "{provider}"]')

    return spoil


def own_budgets(*eur: str) -> str:
    """Limits of a run for L0, L1 and so on."""
    return "".join(f"\n[layer_run.L{place}]\nmax_cost_eur = {one}\n" for place, one in enumerate(eur))


TOOL = '{ name = "web_search", wire_type = "web_search", max_input_tokens = 1000 }'


# rule, how to break it, the file of the finding, what stands at its place
CASES: list[tuple[str, Spoil, str, str]] = [
    ("file.missing", remove(P), P, ""),
    ("file.unreadable", folder_instead("configs/control.toml"), "configs/control.toml", ""),
    ("file.too_large", add(B, "#" * MAX_BYTES), B, ""),
    (
        "file.not_utf8",
        write("configs/console.toml", b"# f\xfcr\nrefresh_ms = 1000\n"),
        "configs/console.toml",
        "",
    ),
    (
        "file.syntax",
        write("configs/control.toml", "[enable]\ncooldown_s = = 3\n"),
        "configs/control.toml",
        "= 3",
    ),
    (
        "file.yaml_beside_toml",
        write("configs/ai/budgets.yaml", "run: {max_calls: 1}\n"),
        "configs/ai/budgets.yaml",
        "run",
    ),
    (
        "file.secret",
        write("configs/agents.toml", 'key_hint = "sk-proj-aaaabbbbccccddddeeeeffff"\n'),
        "configs/agents.toml",
        "sk-",
    ),
    ("schema.unknown_key", change(M, PRIMARY, PRIMARY + "\nmodle = 1"), M, "modle"),
    ("schema.wrong_type", change(M, PRIMARY, PRIMARY + '\ntimeout_s = "30"'), M, "timeout_s"),
    ("schema.missing_key", change(B, "as_of = 2026-11-20\n", ""), B, "currency]"),
    ("schema.bad_value", change(M, PRIMARY, PRIMARY + "\ntimeout_s = 0"), M, "timeout_s"),
    ("schema.unitless_percent", change(B, "warn_pct = 80.0", "warn = 80.0"), B, "warn ="),
    ("schema.percent_fraction", change(B, "warn_pct = 80.0", "warn_pct = 0.8"), B, "warn_pct"),
    ("matrix.missing_primary", change(M, PRIMARY, ""), M, "L0]"),
    (
        "matrix.model_on_gate_layer",
        add(M, '[L5.primary]\nprovider = "openai"\nmodel_id = "beta-1"\n'),
        M,
        "primary]",
    ),
    ("matrix.fallback_equals_primary", change(M, FALLBACK, FALLBACK.replace("beta", "alpha")), M, "model_id"),
    (
        "matrix.duplicate_candidate",
        change(M, FALLBACK, FALLBACK.replace("[L0.fallback]", "[[L0.fallback]]") + SECOND.format("beta-1")),
        M,
        "model_id",
    ),
    ("matrix.degraded_primary", change(M, PRIMARY, PRIMARY + "\ndegraded = true"), M, "degraded"),
    ("matrix.service_unresolved", change(M, 'service = "L4"', 'service = "L7"'), M, "service"),
    ("matrix.service_loop", change(M, 'service = "L4"', 'service = "L3"'), M, "service"),
    ("matrix.critic_missing", change(M, '[L3.critic]\nservice = "L4"\n', ""), M, "L3]"),
    (
        "matrix.critic_policy_weak",
        change(M, '[L3]\ncritic_policy = "always"', '[L3]\ncritic_policy = "on_escalation"'),
        M,
        "critic_policy",
    ),
    (
        "matrix.base_url_plain_http",
        change(M, PRIMARY, PRIMARY + '\nbase_url = "http://proxy.example/v1"'),
        M,
        "base_url",
    ),
    (
        "policy.forbidden_provider",
        change(M, '"openai", "google"', '"openai", "anthropic"'),
        M,
        '"anthropic"',
    ),
    (
        "policy.forbidden_model",
        change(R, 'family = "delta"', 'family = "delta"\nechoes = ["claude-3-"]'),
        R,
        '"claude-3-"',
    ),
    (
        "policy.forbidden_base_url",
        change(M, PRIMARY, PRIMARY + '\nbase_url = "https://api.anthropic.com/v1"'),
        M,
        "base_url",
    ),
    (
        "policy.provider_not_allowed",
        change(M, '"openai", "google"', '"google"'),
        M,
        "provider",
    ),
    ("policy.empty_allow_list", change(M, '["openai", "google"]', "[]"), M, "allowed_providers"),
    ("registry.model_unknown", change(R, 'model_id = "delta-1"', 'model_id = "delta-2"'), M, "model_id"),
    (
        "registry.model_not_allowed",
        change(R, 'family = "delta"\nallowed = true', 'family = "delta"\nallowed = false'),
        M,
        "model_id",
    ),
    (
        "registry.duplicate_model",
        lambda files: files.write(R, files.read(R) + "\n" + files.read(R).split("\n\n")[0]),
        R,
        "model_id",
    ),
    ("registry.past_shutdown", lifecycle(-1), M, "model_id"),
    ("registry.near_shutdown", lifecycle(60), M, "model_id"),
    (
        "registry.output_limit",
        change(M, PRIMARY, PRIMARY + "\nmax_output_tokens = 8001"),
        M,
        "max_output_tokens",
    ),
    ("interface.endpoint_unspoken", delta(endpoint="converse"), R, "endpoint"),
    ("interface.parameter_unknown", delta('refuses = ["seed", "temprature"]'), R, '"temprature"'),
    ("interface.background_unspoken", delta("background = true"), R, "background"),
    (
        "interface.hosted_tool_unspoken",
        delta(f"hosted_tools = [{TOOL}]", hosted_call_usd="0.01"),
        R,
        "hosted_tools",
    ),
    (
        "interface.hosted_tool_unpriced",
        delta(f"hosted_tools = [{TOOL}]", endpoint="responses"),
        R,
        "hosted_tools",
    ),
    (
        "interface.hosted_tool_repeated",
        delta(f"hosted_tools = [{TOOL}, {TOOL}]", endpoint="responses", hosted_call_usd="0.01"),
        R,
        "hosted_tools",
    ),
    ("interface.api_version_unused", delta('api_version = "2024-10-21"'), R, "api_version"),
    (
        "interface.deployment_ambiguous",
        lambda files: files.write(
            R, files.read(R).replace("allowed = true\n", 'allowed = true\ndeployments = ["one"]\n', 2)
        ),
        R,
        '"one"',
    ),
    ("interface.deployment_unknown", change(M, PRIMARY, PRIMARY + '\ndeployment = "one"'), M, "deployment"),
    ("interface.deployment_missing", delta_at("azure", "delta-1", 'deployments = ["d1"]'), M, "model_id"),
    ("interface.alias_moves", delta_at("mistral", "delta-latest"), M, "model_id"),
    (
        "sod.within_layer",
        change(
            M,
            '[L0.critic]\nprovider = "openai"\nmodel_id = "gamma-1"',
            '[L0.critic]\nprovider = "openai"\nmodel_id = "alpha-1"',
        ),
        M,
        "model_id",
    ),
    (
        "sod.across_layers",
        change(
            M,
            '[L3.primary]\nprovider = "openai"\nmodel_id = "alpha-1"',
            '[L3.primary]\nprovider = "openai"\nmodel_id = "alpha-2"',
        ),
        M,
        "model_id",
    ),
    ("budget.missing", change(B, "[day]\nmax_cost_eur = 50.0", "[day]\nmax_calls = 50"), B, "day]"),
    ("budget.zero", change(B, "[run]", "[call]\nmax_calls = 0\n\n[run]"), B, "max_calls"),
    ("budget.warn_order", change(B, "warn_pct = 80.0", "warn_pct = 100.0"), B, "warn_pct"),
    (
        "budget.limit_order",
        change(B, "[day]\nmax_cost_eur = 50.0", "[day]\nmax_cost_eur = 4.0"),
        B,
        "max_cost_eur = 5.0",
    ),
    (
        "budget.rate_missing",
        change(B, "[currency]\neur_per_usd = 0.9\nas_of = 2026-11-20\n", ""),
        B,
        "timezone",
    ),
    ("budget.stale_rate", change(B, "as_of = 2026-11-20", "as_of = 2026-10-22"), B, "as_of"),
    ("budget.future_rate", change(B, "as_of = 2026-11-20", "as_of = 2026-11-23"), B, "as_of"),
    ("price.missing", change(P, 'model_id = "delta-1"', 'model_id = "delta-2"'), M, "model_id"),
    (
        "price.duplicate",
        lambda files: files.write(P, files.read(P) + "\n" + files.read(P).split("\n\n")[0]),
        P,
        "valid_from",
    ),
    (
        "price.zero",
        lambda files: files.write(
            P, files.read(P).replace("output_usd_per_mtok = 2.0", "output_usd_per_mtok = 0.0", 1)
        ),
        P,
        "output_usd_per_mtok",
    ),
    ("prompt.missing", change(M, 'primary = "writer@1"', 'primary = "writer@2"'), M, "primary"),
    (
        "prompt.unset",
        change(M, '[L0.prompts]\nprimary = "writer@1"\ncritic', "[L0.prompts]\ncritic"),
        M,
        "primary]",
    ),
    (
        "prompt.misnamed",
        write("configs/ai/prompts/Writer/1.md", "text\n"),
        "configs/ai/prompts/Writer/1.md",
        "text",
    ),
    ("prompt.empty", write("configs/ai/prompts/judge/1.md", " \n"), "configs/ai/prompts/judge/1.md", ""),
    ("budget.call_too_small", add(B, "\n[call]\nmax_cost_eur = 0.01\n"), M, "model_id"),
    ("budget.below_one_call", add(B, own_budgets("0.01", "0.5", "0.5", "0.5", "0.5")), B, "max_cost_eur"),
    ("budget.layer_missing", add(B, own_budgets("0.5", "0.5", "0.5", "0.5")), B, "layer_run"),
    (
        "matrix.timeout_short",
        change(M, PRIMARY, PRIMARY + "\ntimeout_s = 5\nmax_output_tokens = 2000"),
        M,
        "timeout_s",
    ),
    ("registry.successor_unknown", lifecycle(400, 'successor = "openai:nobody-1"\n'), R, "successor"),
    ("prompt.unused", write("configs/ai/prompts/spare/1.md", "x\n"), "configs/ai/prompts/spare/1.md", "x"),
    (
        "control.ramp_order",
        write("configs/control.toml", "[[enable.ramp]]\nafter_s = 60\nlimit_pct = 50.0\n"),
        "configs/control.toml",
        "enable.ramp",
    ),
    (
        "control.ttl_order",
        write("configs/control.toml", "[arm]\ndefault_ttl_s = 901\nmax_ttl_s = 900\n"),
        "configs/control.toml",
        "default_ttl_s",
    ),
    ("limits.missing", change(K, "max_open_orders = 2\n", ""), K, "orders]"),
    ("limits.zero", change(K, "max_open_orders = 2", "max_open_orders = 0"), K, "max_open_orders"),
    ("limits.order", change(K, "max_open_orders = 2", "max_open_orders = 21"), K, "max_open_orders"),
    ("limits.toothless", change(K, "drawdown_pct = 5.0", "drawdown_pct = 99.0"), K, "max_drawdown_pct"),
    ("readiness.missing", write(N, "[shadow]\n[live]\n"), N, "shadow]"),
    (
        "readiness.laxer",
        write(N, "[shadow]\n[testnet]\nmin_days = 2\n[live]\nmin_days = 1\n"),
        N,
        "min_days = 1",
    ),
    (
        "readiness.switched_off",
        write(N, "[shadow]\n[testnet]\n[live]\nlint_clean = false\n"),
        N,
        "lint_clean",
    ),
    ("readiness.unmeasured", write(N, "[shadow]\n[testnet]\n[live]\nmax_p95_ms = 1000\n"), N, "max_p95_ms"),
]


def test_the_workspace_of_these_tests_is_faultless(files: Any) -> None:
    """Otherwise a rule that fires always would look tested."""
    for phase in PhaseLevel:
        assert files.lint(phase) == []


def test_every_rule_has_a_case() -> None:
    """A rule without a test that triggers it does not ship; those of some files stand in their own."""
    apart = ("lock.", "scope.", "incidents.", "jobs.", "canary.")
    assert [rule for rule, *_ in CASES] == [rule for rule in CATALOGUE if not rule.startswith(apart)]


@pytest.mark.parametrize(("rule", "spoil", "file", "at"), CASES, ids=[case[0] for case in CASES])
def test_a_rule_fires_alone_at_the_offending_key(
    files: Any, rule: str, spoil: Spoil, file: str, at: str
) -> None:
    """One fault gives findings of one rule, at the key that offends, with a remedy."""
    spoil(files)
    findings = files.lint()
    assert {finding.rule for finding in findings} == {rule}, findings
    first = findings[0]
    assert first.file == file
    assert first.remedy
    assert first.message
    if at:
        assert files.key_at(first).lstrip("[").startswith(at), files.key_at(first)


@pytest.mark.parametrize(("rule", "spoil"), [case[:2] for case in CASES], ids=[case[0] for case in CASES])
def test_severities_are_those_of_the_catalogue_in_every_phase(files: Any, rule: str, spoil: Spoil) -> None:
    """What the reference page says of a rule is what lint does, phase by phase."""
    spoil(files)
    for phase in PhaseLevel:
        severities = {finding.severity for finding in files.lint(phase) if finding.rule == rule}
        assert severities == {CATALOGUE[rule].severity_in(phase)}


@pytest.mark.parametrize(
    "spoil",
    [
        delta_at("bedrock", "us.anthropic.claude-sonnet-4-6-v1:0"),
        delta_at("bedrock", "delta-1", 'deployments = ["eu.anthropic.claude-haiku-4-5-v1:0"]'),
        delta_at(
            "bedrock",
            "delta-1",
            'deployments = ["arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4-8"]',
        ),
        delta_at("azure", "delta-1", 'deployments = ["delta-1", "CIaude-Opus"]'),
        delta_at("together", "anthropic/claude-3-haiku"),
    ],
)
def test_no_provider_leads_to_anthropic(files: Any, spoil: Spoil) -> None:
    """Neither a model id nor a deployment or profile of the registry, whoever serves it."""
    spoil(files)
    assert set(files.rules()) == {"policy.forbidden_model"}


QUIET: list[tuple[str, Spoil]] = [
    ("endpoint_unspoken", delta(endpoint="responses")),
    ("parameter_unknown", delta(f"refuses = {list(PARAMETERS)}")),
    ("background_unspoken", delta("background = true", endpoint="responses")),
    (
        "hosted_tool_unspoken, unpriced or repeated",
        delta(f"hosted_tools = [{TOOL}]", endpoint="responses", hosted_call_usd="0.0"),
    ),
    (
        "api_version_unused",
        delta_at("azure", "delta-1", 'deployments = ["delta-1"]', 'api_version = "2024-10-21"'),
    ),
    (
        "deployment_ambiguous",
        lambda files: files.write(
            R,
            files.read(R)
            .replace("allowed = true\n", 'allowed = true\ndeployments = ["one"]\n', 1)
            .replace('family = "beta"\n', 'family = "beta"\ndeployments = ["two"]\n'),
        ),
    ),
    ("deployment_missing: the model's own name is one", delta_at("azure", "d1", 'deployments = ["d1"]')),
    ("deployment_missing: bedrock needs none", delta_at("bedrock", "d1", 'deployments = ["us.d1"]')),
    ("alias_moves: a dated id", delta_at("mistral", "mistral-medium-2604")),
]


@pytest.mark.parametrize("spoil", [spoil for _, spoil in QUIET], ids=[rule for rule, _ in QUIET])
def test_what_an_interface_takes_is_not_told(files: Any, spoil: Spoil) -> None:
    """A rule of interfaces is silent where the entry or the slot is right."""
    spoil(files)
    assert files.rules() == []


def test_a_slot_may_name_a_deployment_of_its_model(files: Any) -> None:
    """Known to the registry, it is no finding; the remedy for an unknown one names those that are known."""
    delta_at("azure", "delta-1", 'deployments = ["d1", "d2"]')(files)
    slot = 'provider = "azure"\nmodel_id = "delta-1"'
    files.change(M, slot, f'{slot}\ndeployment = "d2"')
    assert files.rules() == []
    files.change(M, 'deployment = "d2"', 'deployment = "d3"')
    finding = files.only("interface.deployment_unknown")
    assert "d1, d2" in finding.remedy


def test_two_providers_may_have_a_deployment_of_one_name(files: Any) -> None:
    """A name is one provider's; another's may be the same."""
    delta_at("azure", "delta-1", 'deployments = ["delta-1"]')(files)
    files.change(R, 'family = "alpha"\n', 'family = "alpha"\ndeployments = ["delta-1"]\n')
    assert files.rules() == []


def test_an_alias_is_told_what_to_pin(files: Any) -> None:
    """The dated ids of its own family that the registry allows."""
    delta_at("mistral", "delta-latest")(files)
    other = files.read(R).split("\n\n")[-1].replace("delta-latest", "delta-2604")
    files.write(R, f"{files.read(R)}\n{other}")
    assert files.only("interface.alias_moves").remedy.endswith("delta-2604")


@pytest.mark.parametrize("version", ["latest", "2024-10", "2024-10-21-preview&key=1", "v1"])
def test_an_api_version_is_a_day(files: Any, version: str) -> None:
    """It goes into an address, so nothing else is taken."""
    delta(f'api_version = "{version}"')(files)
    files.only("schema.bad_value")


@pytest.mark.parametrize("rule", ["registry.past_shutdown", "sod.within_layer", "sod.across_layers"])
def test_what_warns_in_research_is_an_error_from_shadow_on(rule: str) -> None:
    """Decision 10 and the lifecycle rule: the phase sharpens them."""
    severities = [CATALOGUE[rule].severity_in(phase) for phase in PhaseLevel]
    assert severities == [Severity.WARNING, Severity.ERROR, Severity.ERROR, Severity.ERROR]


@pytest.mark.parametrize(
    ("days", "expected"), [(61, None), (60, "near"), (1, "near"), (0, "past"), (-400, "past")]
)
def test_the_bounds_of_the_shutdown_warning(files: Any, days: int, expected: str | None) -> None:
    """Sixty days ahead it warns; on the day itself the model counts as gone."""
    lifecycle(days)(files)
    assert set(files.rules()) == ({f"registry.{expected}_shutdown"} if expected else set())


def test_a_shutdown_names_the_successor(files: Any) -> None:
    """The remedy is the successor that the registry knows, else the rule's own words."""
    lifecycle(-1)(files)
    assert "openai:beta-1" in files.lint()[0].remedy


@pytest.mark.parametrize(("age", "rules"), [(30, []), (31, ["budget.stale_rate"])])
def test_the_bound_of_the_stale_rate(files: Any, age: int, rules: list[str]) -> None:
    """A rate may be thirty days old, not thirty-one (decision 12)."""
    assert files.rules(today=date(2026, 11, 20) + timedelta(days=age)) == rules


def test_sod_by_family_sees_what_sod_by_model_does_not(files: Any) -> None:
    """alpha-1 and alpha-2 are two models of one family."""
    old = '[L0.critic]\nprovider = "openai"\nmodel_id = "gamma-1"'
    files.change(M, old, old.replace("gamma-1", "alpha-2"))
    assert files.rules() == []
    files.change(M, "[L0]\n", '[L0]\nsod = "family"\n')
    assert files.rules() == ["sod.within_layer"]


def test_sod_counts_fallbacks_on_both_sides(files: Any) -> None:
    """L4's degraded stand-in may not judge L3's stand-in either."""
    old = '[L4.fallback]\nprovider = "openai"\nmodel_id = "delta-1"'
    files.change(M, old, old.replace("delta-1", "beta-1"))
    finding = files.only("sod.across_layers")
    assert "L4.fallback" in finding.message
    assert "L3.fallback" in finding.message


def test_l4_is_held_against_l2_from_shadow_on(files: Any) -> None:
    """In research L4 does not judge L2, from shadow on it does (decision 5)."""
    old = '[L2.primary]\nprovider = "openai"\nmodel_id = "alpha-1"'
    files.change(M, old, old.replace("alpha-1", "delta-1"))
    assert files.rules() == []
    assert files.rules(PhaseLevel.SHADOW) == ["sod.across_layers"]


def test_a_loop_through_two_layers_is_found_on_both(files: Any) -> None:
    """L3 judged by L4 judged by L3: nobody outside judges."""
    files.change(M, '[L4.critic]\nprovider = "openai"\nmodel_id = "alpha-2"', '[L4.critic]\nservice = "L3"')
    assert files.rules().count("matrix.service_loop") == 2


@pytest.mark.parametrize("service", ["L5", "L6", "L9", "l4", "nobody"])
def test_a_service_is_a_layer_with_a_primary(files: Any, service: str) -> None:
    """L5 and L6 never serve, and names are exact."""
    files.change(M, 'service = "L4"', f'service = "{service}"')
    files.only("matrix.service_unresolved")


def test_the_matrix_forbids_more_than_the_code(files: Any) -> None:
    """A prefix of [global] is held against every slot."""
    files.change(M, "[global]\n", '[global]\nforbidden_model_prefixes = ["delta"]\n')
    finding = files.only("policy.forbidden_model")
    assert "L4.fallback" in finding.message


def test_a_forbidden_model_behind_a_schema_error_is_still_named(files: Any) -> None:
    """The deny walks the raw data: an unknown key or a wrong type hides nothing."""
    files.change(M, PRIMARY, PRIMARY.replace("alpha-1", "claude-3") + "\ntimeout_s = []\nnope = 1")
    rules = files.rules()
    assert "policy.forbidden_model" in rules
    assert "schema.wrong_type" in rules
    assert "schema.unknown_key" in rules


def test_a_finding_after_a_broken_list_element_keeps_its_line(files: Any) -> None:
    """The second of two fallbacks is named where it stands, though the first could not be read."""
    broken = '[[L0.fallback]]\nprovider = 7\nmodel_id = "beta-1"\n'
    files.change(M, FALLBACK, broken + SECOND.format("epsilon-1").lstrip("\n"))
    unknown = [finding for finding in files.lint() if finding.rule == "registry.model_unknown"]
    assert [files.key_at(finding) for finding in unknown] == ['model_id = "epsilon-1"']


def test_a_misspelt_key_gets_advice(files: Any) -> None:
    """The nearest key of the same table is named."""
    files.change(M, PRIMARY, PRIMARY.replace("model_id", "model_idd"))
    advice = {finding.rule: finding.remedy for finding in files.lint()}
    assert advice["schema.unknown_key"] == "did you mean model_id?"


@pytest.mark.parametrize("value", ['"80%"', '"80 %"', '" 7,5 % "'])
def test_a_percentage_as_text_is_found_in_any_config(files: Any, value: str) -> None:
    """Also in files that this version does not read."""
    files.write("configs/later.toml", f"max_drawdown = {value}\n")
    files.only("schema.unitless_percent")


def test_a_percentage_as_text_under_the_right_key_is_told_to_be_a_number(files: Any) -> None:
    """The key ends in _pct already, so the remedy begins with what is wrong: the value."""
    files.change("configs/risk/limits.toml", "max_drawdown_pct = 5.0", 'max_drawdown_pct = "80%"')
    assert files.only("schema.unitless_percent").remedy.startswith("write a number: 80.0")


def test_a_percentage_without_suffix_is_found_in_any_config(files: Any) -> None:
    """A key that says it is a percentage must end in _pct."""
    files.write("configs/later.toml", "drawdown_percent = 5\nmax_share = 3.0\nfill_pct = 5.0\n")
    assert files.rules() == ["schema.unitless_percent"] * 2


SECRETS = [
    "sk-proj-aaaabbbbccccddddeeeeffff",
    "AIza" + "b" * 35,
    "AKIAABCDEFGHIJKLMNOP",
    "ABSK" + "QmVk" * 12,
    "tgp_v1_" + "c" * 30,
    "ghp_" + "d" * 36,
    "xoxb-1234567890-abc",
    "-----BEGIN EC PRIVATE KEY-----",
    "Bearer abcdefghijklmnopqrstuvwx",
    "https://user:hunter2@proxy.example/v1",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("name", ["configs/agents.toml", "configs/ai/prompts/writer/1.md", "configs/x.json"])
def test_a_secret_is_found_anywhere_and_never_repeated(files: Any, secret: str, name: str) -> None:
    """In values, comments and prompts; no finding quotes it."""
    files.write(name, f"# {secret}\n")
    finding = files.only("file.secret")
    assert finding.line == 1
    assert secret not in str(finding)
    assert secret[:12] not in finding.message


def test_a_secret_is_known_by_its_key(files: Any) -> None:
    """An opaque value under a secret's name is one; the name of an environment variable is none."""
    files.write(
        "configs/agents.toml",
        'api_key = "0123456789abcdef"\nother_api_key = "OPENAI_API_KEY"\nmax_tokens = 5\na_token = "no"\n',
    )
    assert files.only("file.secret").line == 1


def test_a_secret_in_a_wrong_place_is_not_quoted_by_other_rules(files: Any) -> None:
    """Schema findings do not repeat values."""
    secret = SECRETS[0]
    files.change(M, PRIMARY, PRIMARY + f'\ntimeout_s = "{secret}"\ncritic = "{secret}"')
    assert all(secret not in str(finding) for finding in files.lint())


@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda path: path.symlink_to(path), lambda path: path.symlink_to("gone")]
)
def test_what_is_no_file_is_named_and_not_waited_for(files: Any, make: Callable[[Any], None]) -> None:
    """A FIFO, a link to itself, a link to nothing."""
    path = files.root / B
    path.unlink()
    make(path)
    assert files.lint()[0].rule in {"file.unreadable", "file.missing"}
