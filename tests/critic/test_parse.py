import json
import time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.critic.parse import LIMIT, CriticReport, ReportReason, parse_verdict
from peak_console.domain.canonical import canonical
from peak_console.domain.verdict import FindingCategory, FindingSeverity, Verdict, critic_schema

_FINDINGS = st.fixed_dictionaries(
    {
        "id": st.text(min_size=1, max_size=20),
        "category": st.sampled_from([one.value for one in FindingCategory]),
        "severity": st.sampled_from([one.value for one in FindingSeverity]),
        "rationale": st.text(min_size=1, max_size=60),
        "evidence_refs": st.lists(st.text(max_size=10), max_size=3),
    }
)
_ANSWERS = st.fixed_dictionaries(
    {"verdict": st.sampled_from([one.value for one in Verdict]), "findings": st.lists(_FINDINGS, max_size=4)}
)


def finding(**changes: Any) -> dict[str, Any]:
    """A low finding, with changes."""
    base = {
        "id": "F1",
        "category": "risk",
        "severity": "low",
        "rationale": "thin volume",
        "evidence_refs": ["p1"],
    }
    return base | changes


def answer(verdict: str = "PASS", *findings: dict[str, Any]) -> str:
    """An answer as a judge writes it."""
    return json.dumps({"verdict": verdict, "findings": list(findings)})


@pytest.mark.parametrize("verdict", list(Verdict))
def test_each_verdict_is_read(verdict: Verdict) -> None:
    """A well-formed answer says what it says."""
    report = parse_verdict(answer(verdict.value, finding()))
    assert (report.verdict, report.malformed, report.reason) == (verdict, False, ReportReason.ANSWERED)
    assert report.findings[0].category is FindingCategory.RISK
    assert report.passed == (verdict is Verdict.PASS)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", ReportReason.MISSING),
        (" \n\t", ReportReason.MISSING),
        ("PASS", ReportReason.NOT_JSON),
        ("I find no fault. Verdict: PASS", ReportReason.NOT_JSON),
        ("```json\n" + answer() + "\n```", ReportReason.NOT_JSON),
        ("Here it is: " + answer(), ReportReason.NOT_JSON),
        (answer() + " Thank you.", ReportReason.NOT_JSON),
        (answer() + answer(), ReportReason.NOT_JSON),
        (answer()[:-1], ReportReason.NOT_JSON),
        ("\ufeff" + answer(), ReportReason.NOT_JSON),
        ('{"verdict": "PASS", "findings": [], "x": NaN}', ReportReason.NOT_JSON),
        ("{'verdict': 'PASS', 'findings': []}", ReportReason.NOT_JSON),
        ("[" * 100_0, ReportReason.NOT_JSON),
        ("[" * 30_000 + "]" * 30_000, ReportReason.NOT_JSON),
        ("1" * 60_000, ReportReason.NOT_JSON),
        ('"PASS"', ReportReason.NOT_AN_OBJECT),
        ("null", ReportReason.NOT_AN_OBJECT),
        ("[" + answer() + "]", ReportReason.NOT_AN_OBJECT),
        ('{"verdict": "FAIL", "verdict": "PASS", "findings": []}', ReportReason.DUPLICATE_KEY),
        ('{"verdict": "PASS", "findings": [{"id": "a", "id": "b"}]}', ReportReason.DUPLICATE_KEY),
        ('{"verdict": "PASS"}', ReportReason.SCHEMA),
        ('{"findings": []}', ReportReason.SCHEMA),
        ("{}", ReportReason.SCHEMA),
        ('{"verdict": "pass", "findings": []}', ReportReason.SCHEMA),
        ('{"verdict": "PASS ", "findings": []}', ReportReason.SCHEMA),
        ('{"verdict": "OK", "findings": []}', ReportReason.SCHEMA),
        ('{"verdict": ["PASS"], "findings": []}', ReportReason.SCHEMA),
        ('{"verdict": true, "findings": []}', ReportReason.SCHEMA),
        ('{"verdict": "PASS", "findings": null}', ReportReason.SCHEMA),
        ('{"verdict": "PASS", "findings": {}}', ReportReason.SCHEMA),
        ('{"verdict": "PASS", "findings": [], "confidence": 1}', ReportReason.SCHEMA),
        (answer("PASS", finding(severity="none")), ReportReason.SCHEMA),
        (answer("PASS", finding(category="style")), ReportReason.SCHEMA),
        (answer("PASS", finding(rationale="")), ReportReason.SCHEMA),
        (answer("PASS", finding(extra=1)), ReportReason.SCHEMA),
        (answer("PASS", finding(id=7)), ReportReason.SCHEMA),
        (answer("PASS", *[finding()] * 65), ReportReason.SCHEMA),
        (
            '{"verdict": "PASS", "findings": ['
            + json.dumps(finding())[:-1]
            + ', "evidence_refs": "\\ud800"}]}',
            ReportReason.DUPLICATE_KEY,
        ),
        (answer("PASS") + " " * LIMIT, ReportReason.TOO_LARGE),
    ],
)
def test_what_is_not_one_strict_object_fails(text: str, reason: ReportReason) -> None:
    """Prose, fences, surroundings, repeated or unknown keys, wrong words and sizes: FAIL, and malformed."""
    report = parse_verdict(text)
    assert (report.verdict, report.malformed, report.reason) == (Verdict.FAIL, True, reason)
    assert not report.findings


@pytest.mark.parametrize("severity", ["high", "critical"])
def test_a_pass_beside_a_grave_finding_contradicts_itself(severity: str) -> None:
    """PASS with a high or critical finding is FAIL, and the findings are kept."""
    report = parse_verdict(answer("PASS", finding(), finding(id="F2", severity=severity)))
    assert (report.verdict, report.malformed, report.reason) == (
        Verdict.FAIL,
        False,
        ReportReason.CONTRADICTORY,
    )
    assert "F2" in report.detail
    assert len(report.findings) == 2


def test_a_lone_surrogate_never_reaches_the_ledger() -> None:
    """Half a character in a finding is malformed or made plain, not an error later."""
    report = parse_verdict(
        '{"verdict": "FAIL", "findings": [' + json.dumps(finding(rationale="a\ud800b")) + "]}"
    )
    canonical([one.model_dump(mode="json") for one in report.findings])
    assert report.verdict is Verdict.FAIL


def test_findings_are_made_plain() -> None:
    """Escapes and bidirectional controls in a finding cannot act where it is shown."""
    report = parse_verdict(
        answer("FAIL", finding(rationale="\x1b]0;x\x07\u202eevil", evidence_refs=["\x1b[2J"]))
    )
    assert "\x1b" not in report.findings[0].rationale + report.findings[0].evidence_refs[0]
    assert "\u202e" not in report.findings[0].rationale


def test_the_schema_and_the_parser_agree() -> None:
    """Every word the schema offers is read, and every key it requires is required."""
    schema = critic_schema()
    for verdict in schema["properties"]["verdict"]["enum"]:
        assert not parse_verdict(answer(verdict)).malformed
    item = schema["properties"]["findings"]["items"]
    for category in item["properties"]["category"]["enum"]:
        assert not parse_verdict(answer("FAIL", finding(category=category))).malformed
    assert set(item["required"]) == set(finding())


@given(_ANSWERS)
def test_what_is_well_formed_is_read(value: dict[str, Any]) -> None:
    """Every answer of the schema's form is read; a grave finding is the only thing that overrules it."""
    report = parse_verdict(json.dumps(value))
    assert not report.malformed
    grave = any(one["severity"] in {"high", "critical"} for one in value["findings"])
    expected = "FAIL" if value["verdict"] == "PASS" and grave else value["verdict"]
    assert report.verdict == expected
    canonical([one.model_dump(mode="json") for one in report.findings])


@given(st.text(max_size=200))
def test_any_text_gets_a_report(text: str) -> None:
    """No text raises, and no text but the strict object passes."""
    report = parse_verdict(text)
    assert isinstance(report, CriticReport)
    assert report.verdict is Verdict.FAIL
    orjson.dumps(report.detail)


@given(_ANSWERS, st.data())
def test_a_damaged_answer_never_passes_by_chance(value: dict[str, Any], data: st.DataObject) -> None:
    """One character taken out of, or put into, an answer leaves it whole or makes it fail, never raises."""
    text = json.dumps(value)
    place = data.draw(st.integers(0, len(text) - 1))
    put = data.draw(st.sampled_from(["", '"', "{", "}", ",", "\\", "\x00", "PASS"]))
    report = parse_verdict(text[:place] + put + text[place + 1 :])
    assert report.verdict is not Verdict.PASS or value["verdict"] == "PASS"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    )
)
def test_any_other_json_fails(value: Any) -> None:
    """JSON of another shape is malformed."""
    assert parse_verdict(json.dumps(value)).malformed


def test_work_is_bounded() -> None:
    """Sixteen thousand keys, or ten megabytes, are judged at once."""
    start = time.process_time()
    parse_verdict("{" + ",".join(f'"{number}":1' for number in range(7000)) + "}")
    parse_verdict("x" * 10_000_000)
    assert time.process_time() - start < 0.5
