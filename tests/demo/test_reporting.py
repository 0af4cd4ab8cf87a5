from dataclasses import replace

import pytest

from peak_console.critic.parse import CriticReport, parse_verdict
from peak_console.critic.service import Review
from peak_console.demo.reporting import critic_page, critic_risks, low_confidence, result_page, risks_page
from peak_console.demo.tasks import Task
from peak_console.domain.artefacts import Report, render_result, result_faults, sections
from peak_console.domain.calls import CallRequest, CallResult, Finish, Message, Usage
from peak_console.domain.verdict import Verdict
from peak_console.domain.vocabulary import Layer

TASK = Task(
    "analyst", CallRequest(layer=Layer.L2, messages=(Message(role="user", content="w"),), purpose="outlook")
)
ANSWER = CallResult(
    call_id="call_1",
    run_id="20261122_120000_aaaaaa",
    layer="L2",
    role="primary",
    provider="openai",
    model_id="gpt-5-mini",
    served_model="gpt-5-mini-2025-08-07",
    text=render_result("x", Report("quiet", "bars", "read", "range", "few", "wait")),
    finish=Finish.STOP,
    usage=Usage(1, 0, 0, 1, 0),
    cost_eur="0.000001000",
    latency_ms=1.0,
    hop=0,
    fallback=False,
    degraded=False,
)
FAILED = replace(
    parse_verdict(
        '{"verdict": "FAIL", "findings": [{"id": "F1", "category": "risk", "severity": "high", '
        '"rationale": "no stop", "evidence_refs": []}]}'
    ),
    judge_layer="L4",
    sod={"rule": "model", "ok": True, "detail": ""},
)
NOBODY = Review(None)


def test_a_report_under_the_six_headings_is_kept() -> None:
    """What the model wrote stays where it wrote it; call, cost and verdict are added."""
    text = result_page("r", TASK, ANSWER, Review(Verdict.FAIL, (FAILED,)))
    found = dict(sections(text))
    assert found["Summary"] == "quiet"
    assert "call_1" in found["Inputs"]
    assert "0.000001000 EUR" in found["Inputs"]
    assert found["Next Step (handoff)"].endswith("Critic: FAIL.")


@pytest.mark.parametrize("text", ["plain prose", "", "## Summary\nx", "\x1b[2J## Summary\n## Summary\n```"])
def test_any_answer_becomes_a_page_of_the_contract(text: str) -> None:
    """Whatever came, the page has the six headings and nothing hidden."""
    page = result_page("r", TASK, replace(ANSWER, text=text), NOBODY)
    assert result_faults(page) == []
    assert "\x1b" not in page
    assert "not judged" in page


def test_risks_hold_findings_verdicts_and_the_route() -> None:
    """What the critics found, what they said, and that a fallback answered."""
    page = risks_page("r", TASK, replace(ANSWER, fallback=True), Review(Verdict.FAIL, (FAILED,)))
    assert "**high** (L4 risk): F1: no stop" in page
    assert "L4 says FAIL" in page
    assert "answered by the fallback" in page


@pytest.mark.parametrize("none", ["None.", "none known", "N/A", "No risks."])
def test_the_authors_own_risks_are_carried_over(none: str) -> None:
    """What stands under the author's risks stands in risks.md too, on one line; "none" is none."""
    stated = Report("quiet", "bars", "read", "range", "- thin volume\n- a break", "wait")
    page = risks_page("r", TASK, replace(ANSWER, text=render_result("x", stated)), NOBODY)
    assert "None known." not in page
    (line,) = [line for line in page.splitlines() if line.startswith("-")] or [""]
    assert "thin volume" in line
    assert "a break" in line
    calm = replace(stated, risks=none)
    assert "None known." in risks_page("r", TASK, replace(ANSWER, text=render_result("x", calm)), NOBODY)


def test_the_critics_own_pages() -> None:
    """Its verdict with findings, and where its judgement is weak."""
    malformed = CriticReport(
        Verdict.FAIL, malformed=True, reason="not_json", detail="prose", judge_layer="L4"
    )
    page = critic_page("r", "critic", ANSWER, Review(Verdict.FAIL, (FAILED, malformed)))
    assert result_faults(page) == []
    assert "F1 (high, risk): no stop" in page
    assert "not_json" in critic_risks("r", "critic", Review(Verdict.FAIL, (malformed,)))
    assert "None known." in critic_risks("r", "critic", Review(Verdict.FAIL, (FAILED,)))


@pytest.mark.parametrize(
    ("text", "low"),
    [
        ("confidence is low: few touches", True),
        ("Confidence: low. A look would settle it.", True),
        ("with a confidence of medium", False),
        ("low volume, confidence: high", False),
        ("", False),
    ],
)
def test_low_confidence_is_seen(text: str, *, low: bool) -> None:
    """An author's own doubt escalates to a critic."""
    assert low_confidence(text) is low
