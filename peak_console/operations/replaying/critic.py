"""Critics' words judged again: what the judge's answer says, how it was capped, who may judge whom. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from peak_console.config.configs import Configs
from peak_console.critic.brief import TEXT_LIMIT
from peak_console.critic.parse import CriticReport, ReportReason, parse_verdict
from peak_console.critic.scoped import SCOPE_JUDGE, outputs_in, within_scope
from peak_console.critic.slots import settled
from peak_console.domain.calls import Finish
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.verdict import Verdict
from peak_console.domain.vocabulary import Layer, PhaseLevel
from peak_console.operations.replaying.configs import Known
from peak_console.operations.replaying.record import PRUNED, CallRecord, level_of
from peak_console.operations.replaying.report import Decision, Findings
from peak_console.operations.replaying.texts import GONE, answer_arguments, answer_text
from peak_console.operations.views.body_fields import mapping, text_of
from peak_console.policy.sod import ModelIdentity, sod_conflict

_FIELDS: Final = ("verdict", "findings", "malformed", "degraded", "capped", "reason", "detail")


def replay_judgement(
    event: LedgerEvent,
    calls: Mapping[str, CallRecord],
    texts: Mapping[str, str],
    known: Known,
    found: Findings,
) -> None:
    """Judge a ``critic.judged`` again, from the judge's answer as it was kept."""
    body = event.body
    if body is None:
        found.skip(Decision.CRITIC, event, PRUNED)
        return
    judge, judged = calls.get(event.call_id or ""), calls.get(str(body.get("judged_call_id")))
    answer = judge.answer if judge else None
    if body.get("judge_layer") == SCOPE_JUDGE:
        report = _within_scope(CriticReport(Verdict.FAIL), body, judged, texts, known)
        _compare(event, body, report, found)
        return
    if answer is None:
        _replay_unanswered(event, body, found)
        return
    _replay_first_asking(event, body, calls, texts, found)
    separate = _replay_sod(event, judged, judge, known, found)
    report = _report(body, judged, answer, texts)
    if isinstance(report, str):
        found.skip(Decision.CRITIC, event, report)
        return
    if body.get("reason") == ReportReason.SOD_CONFLICT.value and not separate:
        report = replace(
            report,
            verdict=Verdict.FAIL,
            reason=ReportReason.SOD_CONFLICT,
            detail=str(mapping(body.get("sod")).get("detail")),
        )
    report = _after_second(report, event, calls)
    _compare(event, body, _within_scope(report, body, judged, texts, known), found)


def _within_scope(
    report: CriticReport,
    body: Mapping[str, Any],
    judged: CallRecord | None,
    texts: Mapping[str, str],
    known: Known,
) -> CriticReport | str:
    """The report after the scope of the output's layer at that time; or why that is not known."""
    answer = judged.answer if judged else None
    output = answer_text(answer, texts) if answer else None
    fails = body.get("reason") == ReportReason.FORBIDDEN_OUTPUT.value
    if known.configs is None or answer is None or output is None:
        return (known.why or "the text that was judged is gone") if fails else report
    if fails and not known.configs.scopes.scopes:
        return "the scopes of that time are not kept"
    layer = Layer(str(body.get("judged_layer")))
    return within_scope(report, outputs_in(known.configs, layer, output, answer_arguments(answer, texts)))


def _compare(
    event: LedgerEvent, body: Mapping[str, Any], report: CriticReport | str, found: Findings
) -> None:
    if isinstance(report, str):
        found.skip(Decision.CRITIC, event, report)
        return
    again = {
        "verdict": report.verdict.value,
        "findings": [one.model_dump(mode="json") for one in report.findings],
        "malformed": report.malformed,
        "degraded": report.degraded,
        "capped": report.capped,
        "reason": str(report.reason),
        "detail": report.detail,
    }
    for name in _FIELDS:
        found.same(Decision.CRITIC, event, name, body.get(name), again[name])


def _replay_unanswered(event: LedgerEvent, body: Mapping[str, Any], found: Findings) -> None:
    """A judge that gave no answer has passed nothing."""
    told = (body.get("verdict"), body.get("malformed"), body.get("reason"))
    expected = (Verdict.FAIL.value, True, ReportReason.UNANSWERED.value)
    found.same(Decision.CRITIC, event, "a judge that gave no answer", told, expected)


def _replay_first_asking(
    event: LedgerEvent,
    body: Mapping[str, Any],
    calls: Mapping[str, CallRecord],
    texts: Mapping[str, str],
    found: Findings,
) -> None:
    """A judge was asked twice only because its first answer could not be read."""
    retry = mapping(body.get("retry"))
    if not retry or retry.get("reason") == ReportReason.UNANSWERED.value:
        return
    first = calls.get(str(retry.get("call_id")))
    answer = first.answer if first else None
    report = _read(answer, texts) if answer else "the first answer is not on record"
    if isinstance(report, str):
        found.skip(Decision.CRITIC, event, report)
        return
    told = (True, retry.get("reason"), retry.get("detail"))
    found.same(
        Decision.CRITIC,
        event,
        "an answer asked again",
        told,
        (report.malformed, str(report.reason), report.detail),
    )


def _report(
    body: Mapping[str, Any], judged: CallRecord | None, answer: LedgerEvent, texts: Mapping[str, str]
) -> CriticReport | str:
    """What the judge's answer comes to; or why that cannot be said."""
    report = _read(answer, texts)
    if isinstance(report, str):
        return report
    report = replace(report, degraded=(answer.body or {}).get("degraded") is True)
    if report.verdict is not Verdict.PASS:
        return report
    if report.degraded:
        return replace(report, verdict=Verdict.REVIEW, capped=True, reason=ReportReason.CAPPED_DEGRADED)
    return _cut(report, body, judged, texts)


def _read(answer: LedgerEvent, texts: Mapping[str, str]) -> CriticReport | str:
    """An answer read as the service reads it; or why it cannot be."""
    told = answer.body
    if told is None:
        return "the judge's answer was pruned"
    if told.get("finish") != Finish.STOP.value:
        detail = f"the judge stopped by {told.get('finish')}"
        return CriticReport(Verdict.FAIL, malformed=True, reason=ReportReason.UNFINISHED, detail=detail)
    text = answer_text(answer, texts)
    return GONE if text is None else parse_verdict(text)


def _cut(
    report: CriticReport, body: Mapping[str, Any], judged: CallRecord | None, texts: Mapping[str, str]
) -> CriticReport | str:
    """A PASS on an output that the judge did not see whole is lowered; its task may have been cut as well."""
    output = answer_text(judged.answer, texts) if judged and judged.answer else None
    if output is None:
        return "the text that was judged is gone"
    capped = replace(report, verdict=Verdict.REVIEW, capped=True, reason=ReportReason.CAPPED_CUT)
    if len(output) > TEXT_LIMIT:
        return capped
    return "the task that was judged by is not on record" if body.get("reason") == capped.reason else report


def _after_second(report: CriticReport, event: LedgerEvent, calls: Mapping[str, CallRecord]) -> CriticReport:
    """The report after the opinion on it, where the run holds one: an opinion stands before what it is on."""
    opinions = [
        one
        for call in calls.values()
        for one in call.events
        if one.kind == EventKind.CRITIC_JUDGED
        and one.seq < event.seq
        and (one.body or {}).get("judged_call_id") == event.call_id
    ]
    for opinion in opinions:
        said = text_of((opinion.body or {}).get("verdict"))
        verdict = settled(report.verdict, Verdict(said)) if said in set(Verdict) else report.verdict
        if verdict is not report.verdict:
            detail = f"the opinion on this verdict is {said}"
            report = replace(report, verdict=verdict, reason=ReportReason.DISAGREEMENT, detail=detail)
    return report


def _replay_sod(
    event: LedgerEvent,
    judged: CallRecord | None,
    judge: CallRecord | None,
    known: Known,
    found: Findings,
) -> bool:
    """Judge separation of duties again; whether proposer and critic may stand beside each other."""
    body, answer = event.body or {}, judge.answer if judge else None
    proposed = judged.answer if judged else None
    asked = (
        next((one for one in judge.events if one.kind == EventKind.CALL_REQUESTED), None) if judge else None
    )
    if known.configs is None or proposed is None or proposed.body is None or asked is None or answer is None:
        found.skip(Decision.SOD, event, known.why or "what was judged is pruned, or of another run")
        return mapping(body.get("sod")).get("ok") is True
    level = level_of(asked)
    rule = known.configs.matrix.settings(Layer(str(body.get("judged_layer"))), level).sod
    conflict = sod_conflict(rule, _identity(proposed, known.configs), _identity(answer, known.configs))
    again = {
        "rule": rule.value,
        "ok": conflict is None,
        "detail": conflict or "",
        "unechoed": _unechoed(proposed) or _unechoed(answer),
    }
    found.same(Decision.SOD, event, "separation of duties", dict(mapping(body.get("sod"))), again)
    if conflict and level.at_least(PhaseLevel.SHADOW):
        found.same(Decision.SOD, event, "a conflict fails", body.get("verdict"), Verdict.FAIL.value)
    return conflict is None


def _identity(answer: LedgerEvent, configs: Configs) -> ModelIdentity:
    provider, model_id = answer.provider or "", answer.model_id or ""
    entry = configs.models.find(provider, model_id)
    served = text_of((answer.body or {}).get("served_model")) or model_id
    return ModelIdentity(provider, served, entry.family if entry else "")


def _unechoed(answer: LedgerEvent) -> bool:
    return text_of((answer.body or {}).get("served_model")) is None
