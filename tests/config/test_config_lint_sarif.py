"""SARIF 2.1.0: what the schema demands of the parts that are used, and fixes that do what they say."""

import json
import re
from typing import Any

from peak_console.config.editing.fixing import fixed
from peak_console.config.lint import CATALOGUE
from peak_console.config.lint.sarif import as_sarif
from peak_console.domain.vocabulary import PhaseLevel

URI = re.compile(r"(file:///)?[A-Za-z0-9._~/%+-]+")
"""What a URI reference of these files may hold (RFC 3986)."""


def _obeys(log: Any) -> None:
    """The parts of the SARIF 2.1.0 schema that this log uses: required keys, types, bounds, enumerations."""
    assert set(log) == {"$schema", "version", "runs"}
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("/sarif-schema-2.1.0.json")
    (run,) = log["runs"]
    assert set(run) == {"tool", "columnKind", "results"}
    assert run["columnKind"] == "unicodeCodePoints"
    driver = run["tool"]["driver"]
    assert driver["name"]
    assert isinstance(driver["version"], str)
    rules = driver["rules"]
    assert len({json.dumps(rule, sort_keys=True) for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["id"]
        assert all(rule[key]["text"] for key in ("shortDescription", "fullDescription", "help"))
        assert rule["defaultConfiguration"]["level"] in {"none", "note", "warning", "error"}
    for result in run["results"]:
        _result_obeys(result, rules)


def _result_obeys(result: Any, rules: list[Any]) -> None:
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    assert result["level"] in {"warning", "error"}
    assert result["message"]["text"]
    assert all(isinstance(value, str) for value in result["partialFingerprints"].values())
    (location,) = result["locations"]
    place = location["physicalLocation"]
    assert URI.fullmatch(place["artifactLocation"]["uri"])
    assert place["region"]["startLine"] >= 1
    assert place["region"]["startColumn"] >= 1
    for fix in result.get("fixes", []):
        assert fix["description"]["text"]
        for change in fix["artifactChanges"]:
            assert URI.fullmatch(change["artifactLocation"]["uri"])
            for replacement in change["replacements"]:
                region = replacement["deletedRegion"]
                assert 1 <= region["startLine"] <= region["endLine"]
                assert set(region) == {"startLine", "startColumn", "endLine", "endColumn"}
                assert isinstance(replacement["insertedContent"]["text"], str)


def _replaced(text: str, replacement: Any) -> str:
    """The text with a SARIF replacement made, as a consumer would."""
    region = replacement["deletedRegion"]
    lines = text.split("\n")

    def offset(line: int, column: int) -> int:
        return sum(len(one) + 1 for one in lines[: line - 1]) + column - 1

    start = offset(region["startLine"], region["startColumn"])
    end = offset(region["endLine"], region["endColumn"])
    return f"{text[:start]}{replacement['insertedContent']['text']}{text[end:]}"


def test_a_log_obeys_the_schema_and_its_fixes_do_what_they_say(files: Any) -> None:
    """Errors and warnings, odd file names, fixes at the end of a file without a newline."""
    matrix, budgets = "configs/ai/layer_model_matrix.toml", "configs/ai/budgets.toml"
    files.change(
        matrix, '[L0.primary]\nprovider = "openai"', '[L0.primary]\ndegraded = true\nprovider = "openai"'
    )
    files.change(budgets, "warn_pct = 80.0", "warn_pct = 0.8")
    files.write(budgets, files.read(budgets).replace("[day]\nmax_cost_eur = 50.0\n", "").rstrip())
    files.write("configs/odd näme #1.toml", "= [")
    findings = files.lint(PhaseLevel.LIVE)
    log = json.loads(as_sarif(findings, files.read, "1.2.3"))
    _obeys(log)
    results = log["runs"][0]["results"]
    assert [one["ruleId"] for one in results] == [one.rule for one in findings]
    assert {one["level"] for one in results} == {"warning", "error"}
    mended = 0
    for finding, result in zip(findings, results, strict=True):
        for fix in result.get("fixes", []):
            text = files.read(finding.file)
            (replacement,) = fix["artifactChanges"][0]["replacements"]
            assert _replaced(text, replacement) == fixed(text, finding.fix)
            mended += 1
    assert mended >= 3


def test_a_run_without_findings_has_all_rules() -> None:
    """Every rule of the catalogue, and no result."""
    log = json.loads(as_sarif([], lambda _: None, "1.2.3"))
    _obeys(log)
    assert log["runs"][0]["results"] == []
    assert [rule["id"] for rule in log["runs"][0]["tool"]["driver"]["rules"]] == list(CATALOGUE)
