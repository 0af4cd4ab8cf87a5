"""From answers and verdicts to the artefacts of a run: ``result.md`` and ``risks.md`` of each agent. Pure."""

import re
from dataclasses import replace
from typing import Final

from peak_console.critic.parse import CriticReport
from peak_console.critic.service import Review
from peak_console.demo.tasks import Task
from peak_console.domain.artefacts import Report, RiskNote, quoted, render_result, render_risks, report_of
from peak_console.domain.calls import CallResult

_LOW_CONFIDENCE: Final = re.compile(r"confidence\W{1,3}(?:is\s+)?low\b", re.IGNORECASE)

_NO_RISK: Final = re.compile(r"\W*(?:none|nothing|no(?: known)? risks?|n/?a)(?: known)?\W*", re.IGNORECASE)
"""What an author writes who sees none."""


def low_confidence(text: str) -> bool:
    """Whether an answer says of itself that its confidence is low."""
    return _LOW_CONFIDENCE.search(text) is not None


def result_page(run_id: str, task: Task, answer: CallResult, review: Review) -> str:
    """``result.md`` of the agent that produced: its own report, with what was called added under Inputs."""
    called = (
        f"Call {answer.call_id} by {answer.provider}:{answer.model_id} "
        f"(served as {answer.served_model or 'unknown'}), "
        f"prompt {task.request.prompt_name}@{task.request.prompt_version}, {answer.cost_eur} EUR."
    )
    own = report_of(answer.text)
    report = own or Report(
        summary=f"{task.request.purpose} by {task.agent}, as the model wrote it.",
        inputs="The task as recorded with the call.",
        actions="One governed call.",
        outputs=quoted(answer.text),
        risks="Not stated by the model; see risks.md.",
        next_step="None stated.",
    )
    judged = review.verdict.value if review.verdict else "not judged"
    return render_result(
        f"runs/{run_id}/{task.agent}/result.md",
        replace(
            report,
            inputs=f"{report.inputs}\n\n{called}",
            next_step=f"{report.next_step}\n\nCritic: {judged}.",
        ),
    )


def risks_page(run_id: str, task: Task, answer: CallResult, review: Review) -> str:
    """``risks.md`` of the agent that produced: what the critics found, what the author and the call tell."""
    notes = [
        RiskNote(
            f"{report.judge_layer} {one.category.value}", one.severity.value, f"{one.id}: {one.rationale}"
        )
        for report in review.reports
        for one in report.findings
    ]
    notes += [_verdict_note(report) for report in review.reports]
    if answer.fallback:
        notes.append(
            RiskNote("route", "low", f"answered by the fallback {answer.provider}:{answer.model_id}")
        )
    own = report_of(answer.text)
    if own is not None and not _NO_RISK.fullmatch(own.risks):
        notes.append(RiskNote("author", "not rated", own.risks))
    if low_confidence(answer.text):
        notes.append(RiskNote("author", "medium", "the author states low confidence"))
    return render_risks(f"runs/{run_id}/{task.agent}/risks.md", notes)


def critic_page(run_id: str, critic: str, judged: CallResult, review: Review) -> str:
    """``result.md`` of the critic: its verdicts with their findings."""
    verdict = review.verdict.value if review.verdict else "none"
    found = [
        f"- {one.id} ({one.severity.value}, {one.category.value}): {one.rationale}"
        for report in review.reports
        for one in report.findings
    ]
    report = Report(
        summary=f"Verdict on {judged.layer} {judged.role}: {verdict}.",
        inputs=f"The answer of call {judged.call_id}.",
        actions="\n".join(f"- {_verdict_note(one).text}" for one in review.reports),
        outputs=quoted("\n".join(found)) or "No findings.",
        risks="See risks.md of the author.",
        next_step="May be used as stated."
        if verdict == "PASS"
        else "Must not be used before a person has looked.",
    )
    return render_result(f"runs/{run_id}/{critic}/result.md", report)


def critic_risks(run_id: str, critic: str, review: Review) -> str:
    """``risks.md`` of the critic: where its own judgement is weak."""
    notes = [
        _verdict_note(one)
        for one in review.reports
        if one.malformed or one.capped or not one.sod.get("ok", False)
    ]
    return render_risks(f"runs/{run_id}/{critic}/risks.md", notes)


def _verdict_note(report: CriticReport) -> RiskNote:
    severity = {"PASS": "low", "REVIEW": "medium"}.get(report.verdict.value, "high")
    detail = f": {report.detail}" if report.detail else ""
    text = f"{report.judge_layer} says {report.verdict.value} ({report.reason}{detail})"
    return RiskNote(f"{report.judge_layer} verdict", severity, text)
