"""Quick fixes: each mends its finding and breaks nothing."""

from datetime import date
from typing import Any

import pytest
from test_config_lint_rules import CASES, Spoil

from peak_console.config.defaults import default_configs
from peak_console.config.document import read_document
from peak_console.config.editing.fixing import fixed
from peak_console.config.lint import LintFinding, Severity, inspect
from peak_console.config.lint.targets import all_sources
from peak_console.config.workspace import Workspace
from peak_console.domain.vocabulary import PhaseLevel

FIXABLE = {
    "schema.unitless_percent",
    "schema.percent_fraction",
    "schema.wrong_type",
    "matrix.model_on_gate_layer",
    "matrix.fallback_equals_primary",
    "matrix.duplicate_candidate",
    "matrix.degraded_primary",
    "matrix.critic_policy_weak",
    "matrix.base_url_plain_http",
    "policy.forbidden_provider",
    "policy.forbidden_model",
    "policy.forbidden_base_url",
    "policy.empty_allow_list",
    "registry.model_not_allowed",
    "registry.duplicate_model",
    "registry.output_limit",
    "budget.missing",
    "budget.warn_order",
    "budget.limit_order",
    "price.duplicate",
    "sod.within_layer",
    "sod.across_layers",
}
"""Rules whose case in the tests of the rules must come with a fix."""


SPARE = """
[[model]]
provider = "openai"
model_id = "gamma-2"
family = "epsilon"
allowed = true
endpoint = "chat"
context_tokens = 100000
max_output_tokens = 8000
"""
SPARE_PRICE = """
[[price]]
provider = "openai"
model_id = "gamma-2"
input_usd_per_mtok = 1.0
output_usd_per_mtok = 2.0
source = "test"
as_of = 2026-11-01
valid_from = 2026-01-01
"""


def _errors(findings: list[LintFinding]) -> set[tuple[str, str, str]]:
    return {(one.rule, one.file, one.message) for one in findings if one.severity is Severity.ERROR}


def _key(finding: LintFinding) -> tuple[str, str, str]:
    return finding.rule, finding.file, finding.message


def _mended(root: Workspace, finding: LintFinding, phase: PhaseLevel, today: date) -> list[LintFinding]:
    """What lint says once the fix is made in the finding's file."""
    assert finding.fix is not None
    assert finding.fix.title
    text = fixed((root.root / finding.file).read_text(encoding="utf-8"), finding.fix)

    def read(file: Any, name: str) -> Any:
        from peak_console.config.document import parse_document  # noqa: PLC0415 - used here alone

        return parse_document(text.encode(), name) if name == finding.file else read_document(file, name)

    return inspect(all_sources(root, read), phase=phase, today=today).findings


@pytest.mark.parametrize(("rule", "spoil"), [case[:2] for case in CASES], ids=[case[0] for case in CASES])
def test_a_fix_takes_its_finding_away_and_adds_no_error(files: Any, rule: str, spoil: Spoil) -> None:
    """For each rule's own case; the rules that must have a fix have one. One more model is there to take."""
    files.write("configs/ai/models.toml", files.read("configs/ai/models.toml") + SPARE)
    files.write("configs/ai/prices.toml", files.read("configs/ai/prices.toml") + SPARE_PRICE)
    spoil(files)
    phase = PhaseLevel.SHADOW if rule == "matrix.critic_missing" else PhaseLevel.RESEARCH
    findings = files.lint(phase)
    fixes = [one for one in findings if one.fix is not None]
    assert rule not in FIXABLE or [one for one in fixes if one.rule == rule]
    for finding in fixes:
        after = _mended(files.ws, finding, phase, date(2026, 11, 22))
        assert _key(finding) not in {_key(one) for one in after}
        assert _errors(after) <= _errors(findings)


@pytest.mark.parametrize("phase", list(PhaseLevel))
def test_fixes_of_the_shipped_configs_hold(phase: PhaseLevel) -> None:
    """A successor keeps duties separate, is priced, spoken and allowed, in every phase."""
    root, today = Workspace(default_configs().parent), date(2026, 11, 22)
    findings = inspect(all_sources(root), phase=phase, today=today).findings
    fixes = [one for one in findings if one.fix is not None]
    assert {"registry.past_shutdown", "registry.near_shutdown", "interface.alias_moves"} <= {
        one.rule for one in fixes
    }
    for finding in fixes:
        after = _mended(root, finding, phase, today)
        assert _key(finding) not in {_key(one) for one in after}
        assert _errors(after) <= _errors(findings)


@pytest.mark.parametrize(
    ("rule", "new"),
    [
        ("policy.forbidden_model", 'provider = "openai"\nmodel_id = "claude-opus"'),
        ("policy.forbidden_provider", 'provider = "anthropic"\nmodel_id = "gamma-x"\ndeployment = "d"'),
        ("policy.provider_not_allowed", 'provider = "mistral"\nmodel_id = "gamma-1"'),
        ("registry.model_unknown", 'provider = "openai"\nmodel_id = "gamma-22"'),
        (
            "registry.model_unknown",
            'provider = "google"\nmodel_id = "gamma-2"\nbase_url = "https://g.example"',
        ),
    ],
)
def test_a_model_that_may_not_stand_gives_way_to_the_nearest_that_may(
    files: Any, rule: str, new: str
) -> None:
    """One of its kind where there is one; an address of another provider goes with it."""
    files.write("configs/ai/models.toml", files.read("configs/ai/models.toml") + SPARE)
    files.write("configs/ai/prices.toml", files.read("configs/ai/prices.toml") + SPARE_PRICE)
    old = 'provider = "openai"\nmodel_id = "gamma-1"'
    files.change("configs/ai/layer_model_matrix.toml", old, new)
    (finding,) = [one for one in files.lint() if one.rule == rule]
    assert finding.fix is not None
    assert finding.fix.title.startswith("put openai:")
    assert _mended(files.ws, finding, PhaseLevel.RESEARCH, date(2026, 11, 22)) == []


def test_a_missing_budget_gets_a_modest_one(files: Any) -> None:
    """The title says the value; it lies between one call's and the next wider limit."""
    files.change("configs/ai/budgets.toml", "[run]\nmax_cost_eur = 5.0\n\n", "[call]\nmax_cost_eur = 7.0\n\n")
    assert files.only("budget.missing").fix.title == "write run.max_cost_eur = 7.0"
    files.change("configs/ai/budgets.toml", "max_cost_eur = 50.0", "max_cost_eur = 6.0")
    (finding,) = [one for one in files.lint() if one.rule == "budget.missing"]
    assert finding.fix.title == "write run.max_cost_eur = 6.0"


@pytest.mark.parametrize(
    ("wrong", "title"),
    [("timeuot_s = 30", "rename it to timeout_s"), ("degradet = true", "rename it to degraded")],
)
def test_a_misspelt_key_is_renamed(files: Any, wrong: str, title: str) -> None:
    """Where the right key takes the value."""
    old = '[L0.fallback]\nprovider = "openai"'
    files.change("configs/ai/layer_model_matrix.toml", old, f"{old}\n{wrong}")
    finding = files.only("schema.unknown_key")
    assert finding.fix.title == title
    assert _mended(files.ws, finding, PhaseLevel.RESEARCH, date(2026, 11, 22)) == []


def test_no_fix_where_none_is_sure(files: Any) -> None:
    """A model unlike any other, a key whose value would not fit its right name."""
    old = '[L0.fallback]\nprovider = "openai"\nmodel_id = "beta-1"'
    files.change("configs/ai/layer_model_matrix.toml", old, f'{old}\ntimeuot_s = "soon"')
    assert files.only("schema.unknown_key").fix is None
    new = '[L0.fallback]\nprovider = "openai"\nmodel_id = "unheard-of-xyz"'
    files.change("configs/ai/layer_model_matrix.toml", f'{old}\ntimeuot_s = "soon"', new)
    assert {one.fix for one in files.lint() if one.rule == "registry.model_unknown"} == {None}
