"""The three formats: the same findings for people, programs and pull requests, safe to show anywhere."""

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from peak_console.config.lint import LintFinding, Severity
from peak_console.config.lint.formats import as_github, as_json, as_text, summary

ONE = LintFinding("budget.zero", Severity.WARNING, "configs/ai/budgets.toml", 3, 7, "run is zero", "raise it")
TWO = LintFinding("file.syntax", Severity.ERROR, "a,b:c.toml", 1, 2, "100 % wrong", "mend it")
HOSTILE = st.text(st.sampled_from("a\x1b[31m]8;;\x07\u202e\u200b\n\r%:,\x9b\ud800[b]"), max_size=20)
FINDINGS = st.builds(
    LintFinding,
    st.just("file.syntax"),
    st.sampled_from(Severity),
    HOSTILE,
    st.integers(1, 9),
    st.integers(1, 9),
    HOSTILE,
    HOSTILE,
)


def test_text_begins_with_the_place() -> None:
    """Editors jump there; the remedy stands below, counts at the end."""
    assert as_text([ONE, TWO]) == (
        "configs/ai/budgets.toml:3:7: warning: run is zero [budget.zero]\n    → raise it\n"
        "a,b:c.toml:1:2: error: 100 % wrong [file.syntax]\n    → mend it\n"
        "1 error, 1 warning\n"
    )
    assert as_text([]) == "no findings\n"


def test_json_is_the_contracts_shape() -> None:
    """``{"findings": [...], "summary": {"errors", "warnings"}}``."""
    document = json.loads(as_json([ONE]))
    assert document == {
        "findings": [
            {
                "rule": "budget.zero",
                "severity": "warning",
                "file": "configs/ai/budgets.toml",
                "line": 3,
                "column": 7,
                "message": "run is zero",
                "remedy": "raise it",
            }
        ],
        "summary": {"errors": 0, "warnings": 1},
    }


def test_github_escapes_what_its_commands_use() -> None:
    """Percent signs in text; colons and commas in properties as well."""
    assert as_github([TWO]).splitlines() == [
        "::error file=a%2Cb%3Ac.toml,line=1,col=2,title=file.syntax::100 %25 wrong → mend it",
        "1 error, 0 warnings",
    ]


@given(st.lists(FINDINGS, max_size=4))
def test_no_format_lets_foreign_text_out(findings: list[LintFinding]) -> None:
    """No control characters, no forged lines: each finding has its own lines and no more."""
    text, github = as_text(findings), as_github(findings)
    for shown in (text, github):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202e\ud800-\udfff]", shown)
    assert text.count("\n") == (2 * len(findings) + 1)
    assert github.count("\n") == len(findings) + 1
    assert sum(line.startswith("::") for line in github.splitlines()) == len(findings)
    assert len(json.loads(as_json(findings))["findings"]) == len(findings)
    assert sum(summary(findings).values()) == len(findings)
