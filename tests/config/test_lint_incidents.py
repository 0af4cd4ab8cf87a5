"""Rules of incidents.toml, each at the key that offends."""

from typing import Any

import pytest

from peak_console.config.incidents import WATCHED
from peak_console.config.lint import CATALOGUE
from peak_console.config.lint import incidents as rules
from peak_console.config.lint.finding import Severity
from peak_console.domain.vocabulary import PhaseLevel

FILE = "configs/incidents.toml"
WINDOW = "[[budget_runaway.windows]]\nfactor = {}\nlong_s = {}\nshort_s = {}\n"
HOOK = '[[hooks]]\nname = "a"\nkind = "{}"\n{}\n'

CASES = [
    ("incidents.windows", WINDOW.format("12.0", 180, 900), "short window"),
    ("incidents.windows", WINDOW.format("12.0", 900, 900), "short window"),
    ("incidents.windows", WINDOW.format("1.0", 900, 180), "even rate"),
    ("incidents.windows", WINDOW.format("12.0", 86_401, 180), "longer than a day"),
    ("incidents.auto_useless", '[budget_runaway]\nauto = "quarantine"\n', "only model_drift"),
    ("incidents.auto_useless", '[lapse]\nauto = "stop_scope"\n', "whole workspace"),
    ("incidents.auto_useless", '[ledger_broken]\nauto = "stop_scope"\n', "whole workspace"),
    ("incidents.switched_off", "[latency_spike]\nenabled = false\n", "off"),
    ("incidents.drift_levels", "[model_drift]\nwarn_below = 10.6\n", "leaves nothing"),
    ("incidents.hook_address", HOOK.format("webhook", ""), "no url"),
    ("incidents.hook_address", HOOK.format("command", ""), "no command"),
    ("incidents.hook_address", HOOK.format("webhook", 'url = "http://example.org/x"'), "not https"),
    ("incidents.hook_address", HOOK.format("webhook", 'url = "ftp://example.org/x"'), "no https"),
    ("incidents.hook_address", HOOK.format("webhook", 'url = "https://[bad/x"'), "none"),
    ("incidents.hook_twice", HOOK.format("webhook", 'url = "https://example.org/x"') * 2, "named a"),
    ("incidents.command_missing", HOOK.format("command", 'command = ["notify"]'), "absolute"),
    ("incidents.command_missing", HOOK.format("command", 'command = ["/no/such/program"]'), "absolute"),
]


@pytest.mark.parametrize(("rule", "text", "said"), CASES)
def test_a_rule_fires_alone(files: Any, rule: str, text: str, said: str) -> None:
    """One fault gives findings of one rule, in this file, saying what is wrong and what to do."""
    files.write(FILE, text)
    for phase in PhaseLevel:
        findings = files.lint(phase)
        assert {one.rule for one in findings} == {rule}, findings
        assert said in findings[0].message
        assert (findings[0].file, bool(findings[0].remedy)) == (FILE, True)
        assert findings[0].line > 0
        assert {one.severity for one in findings} == {CATALOGUE[rule].severity_in(phase)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        WINDOW.format("12.0", 900, 180),
        '[model_drift]\nauto = "quarantine"\n',
        '[latency_spike]\nauto = "stop_scope"\n',
        '[worker_lost]\nauto = "stop"\n',
        HOOK.format("webhook", 'url = "http://127.0.0.1:8080/x"'),
        HOOK.format("webhook", 'url = "https://example.org/x"'),
        HOOK.format("command", 'command = ["/bin/sh", "-c", "true"]'),
    ],
)
def test_what_is_right_is_quiet(files: Any, text: str) -> None:
    """Neither the defaults nor what an operator may well want."""
    files.write(FILE, text)
    assert files.lint() == []


@pytest.mark.parametrize("text", ["quarantine = []", 'auto = "none"', 'auto = "disarm"'])
def test_drift_that_leaves_a_model_in_use_is_told_from_shadow_on(files: Any, text: str) -> None:
    """In research no model is verified yet; from shadow on it is a warning."""
    files.write(FILE, f"[model_drift]\n{text}\n")
    assert files.lint(PhaseLevel.RESEARCH) == []
    for phase in (PhaseLevel.SHADOW, PhaseLevel.TESTNET, PhaseLevel.LIVE):
        (finding,) = files.lint(phase)
        assert finding.rule == "incidents.drift_unguarded"
        assert finding.severity is Severity.WARNING


@pytest.mark.parametrize("auto", ["stop", "stop_scope"])
def test_a_stop_takes_a_drifted_model_out_of_use_too(files: Any, auto: str) -> None:
    """Stricter than quarantine is no fault."""
    files.write(FILE, f'[model_drift]\nauto = "{auto}"\n')
    assert files.lint(PhaseLevel.LIVE) == []


def test_a_hook_reaches_nobody_that_is_denied(files: Any) -> None:
    """The hard deny looks at a hook's address as at every other."""
    files.write(FILE, HOOK.format("webhook", 'url = "https://api.anthropic.com/hook"'))
    assert {one.rule for one in files.lint()} == {"policy.forbidden_base_url"}


def test_a_trigger_without_a_card_is_refused(files: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every watched trigger has its card; one that had none would be named."""
    files.write(FILE, "")
    assert all(rules._has_card(one) for one in WATCHED)
    monkeypatch.setattr(rules, "_has_card", lambda trigger: trigger is not WATCHED[0])
    (finding,) = files.lint()
    assert (finding.rule, WATCHED[0] in finding.message) == ("incidents.card_missing", True)


def test_every_rule_of_incidents_has_a_case() -> None:
    """A rule without a test that triggers it does not ship."""
    tested = {rule for rule, *_ in CASES} | {"incidents.card_missing", "incidents.drift_unguarded"}
    assert tested == {one.id for one in rules.INCIDENT_RULES}
