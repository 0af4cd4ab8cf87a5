"""The artefacts of a cycle: ``result.md`` and ``risks.md`` of analyst, advisor, critic, gate, review. Pure.

Each has the six headings. What a model wrote is quoted, so that it can neither break them nor hide anything.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from peak_console.critic.parse import CriticReport
from peak_console.domain.artefacts import Report, RiskNote, quoted, render_result, render_risks
from peak_console.domain.calls import CallResult
from peak_console.domain.clock import iso
from peak_console.domain.outlook import Degree, View
from peak_console.domain.text import one_line
from peak_console.domain.vocabulary import Layer
from peak_console.risk.document import number_text
from peak_console.shadow.details import age_words
from peak_console.shadow.material import Ended, Material
from peak_console.shadow.recording import intent_words
from peak_console.shadow.review import review_report, review_risks
from peak_console.shadow.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Page:
    """One artefact."""

    agent: str
    name: str
    text: str


def pages(material: Material, end: Ended) -> Iterator[Page]:
    """The artefacts of what was reached; the review always."""
    made: list[tuple[str, Report, list[RiskNote]]] = []
    if material.outlook is not None:
        made.append(("analyst", _analyst(material, material.outlook), _author_risks(material, Layer.L2)))
    if material.hypothesis is not None:
        made.append(("advisor", _advisor(material, material.hypothesis), _author_risks(material, Layer.L3)))
    if material.reports:
        made.append(("critic", _critic(material), _critic_risks(material)))
    if material.decision is not None:
        made.append(("gate", _gate(material), _gate_risks(material)))
    made.append(("review", review_report(material, end), review_risks(material, end)))
    for agent, report, notes in made:
        place = f"runs/{material.run_id}/{agent}"
        yield Page(agent, "result.md", render_result(f"{place}/result.md", report))
        yield Page(agent, "risks.md", render_risks(f"{place}/risks.md", notes))


def _data(snapshot: Snapshot | None) -> str:
    if snapshot is None:
        return "No market data."
    told = (
        f"{snapshot.instrument}, {len(snapshot.bars)} bars of {snapshot.bar_s} s from "
        f"{iso(snapshot.bars[0].start)} to {iso(snapshot.last.start)}, as of {iso(snapshot.as_of)}; source "
        f"{one_line(snapshot.source.name, 120)} ({snapshot.source.kind}), digest {snapshot.digest}."
    )
    if snapshot.replay is not None:
        told += f" Replayed history: bar {snapshot.replay.place}, round {snapshot.replay.round}."
    return told + (" STALE." if snapshot.stale else "")


def _call(call: CallResult) -> str:
    return (
        f"Call {call.call_id} by {call.provider}:{call.model_id} (served as "
        f"{one_line(call.served_model or 'unknown', 120)}), {call.cost_eur} EUR."
    )


def _analyst(material: Material, call: CallResult) -> Report:
    said = material.said
    inputs = f"{_data(material.snapshot)}\n\n{_call(call)}"
    if said is None:
        return _unread("The outlook", call, inputs)
    rows = [
        f"- {one_line(one.name, 80)}: {one.probability_pct} %, close "
        f"{_bounds(one.closes_from, one.closes_below)}. {one_line(one.story, 400)}"
        for one in said.scenarios
    ]
    triggers = [f"- {one_line(one, 400)}" for one in said.no_trade_triggers]
    issues = [f"- {one_line(one, 400)}" for one in said.data_issues]
    return Report(
        summary=f"{quoted(said.summary)}\n\nConfidence: {said.confidence}.",
        inputs=inputs,
        actions="One governed call with a structured answer.",
        outputs=_joined(f"Scenarios for {said.horizon_h} hours from {said.reference_level}:", rows),
        risks=_joined(quoted(said.uncertainty), ["", "Data issues:", *issues] if issues else []),
        next_step=_joined("Nobody should trade on it when:", triggers) if triggers else "No triggers named.",
    )


def _advisor(material: Material, call: CallResult) -> Report:
    idea = material.idea
    inputs = f"{_data(material.snapshot)}\n\n{_call(call)}"
    if idea is None:
        return _unread("The hypothesis", call, inputs)
    refs = [f"- {one_line(one, 400)}" for one in idea.evidence_refs]
    wrong = (
        "No idea, so nothing to prove wrong."
        if idea.view is View.NONE
        else f"Wrong at {idea.invalidation_level}, from {idea.reference_level}; over in {idea.horizon_h} h."
    )
    return Report(
        summary=f"View: {idea.view} (conviction {idea.conviction}).\n\n{quoted(idea.thesis)}",
        inputs=inputs,
        actions=_joined("It rests on:", refs) if refs else "Nothing is named that it rests on.",
        outputs=f"{wrong}\n\n{quoted(idea.no_trade_reason)}".strip(),
        risks="A hypothesis, not an order: size and gate come after it, by arithmetic.",
        next_step="The policy critic judges it; then the risk gate judges the intent that is made of it.",
    )


def _unread(what: str, call: CallResult, inputs: str) -> Report:
    return Report(
        summary=f"{what} does not have the shape that was asked for.",
        inputs=inputs,
        actions="One governed call with a structured answer.",
        outputs=quoted(call.text[:20_000]) or "Nothing.",
        risks="Nothing of it was used.",
        next_step="A person looks at the answer.",
    )


def _critic(material: Material) -> Report:
    found = [
        f"- {layer} by {report.judge_layer}: {one_line(one.id, 64)} ({one.severity}, {one.category}): "
        f"{one_line(one.rationale, 2000)}"
        for layer, report in material.reports
        for one in report.findings
    ]
    verdict = material.verdict
    return Report(
        summary=f"Strictest verdict: {verdict.value if verdict else 'none'}.",
        inputs="\n".join(f"- {_call(one)}" for one in (material.outlook, material.hypothesis) if one),
        actions="\n".join(f"- {layer}: {_report_words(one)}" for layer, one in material.reports),
        outputs="\n".join(found) or "No findings.",
        risks=f"Separation of duties: {one_line(material.sod_detail) or 'kept'}.",
        next_step="The gate passes nothing but PASS." if material.decision else "Nothing followed.",
    )


def _report_words(report: CriticReport) -> str:
    detail = f": {one_line(report.detail)}" if report.detail else ""
    return f"{report.judge_layer} says {report.verdict} ({report.reason}{detail})"


def _gate(material: Material) -> Report:
    decision, intent = material.decision, material.intent
    assert decision is not None  # noqa: S101 - the caller looked
    reasons = "\n".join(f"- {one}" for one in decision.reasons) or "No reason to block."
    paper = material.book.paper
    return Report(
        summary=f"{decision.verdict}: {intent_words(intent) if intent else 'no intent'}.",
        inputs=f"{_data(material.snapshot)}\n\nBook {material.book.name}: equity "
        f"{_money(paper.equity_eur)} EUR, of the day {_money(paper.day_pnl_eur)} EUR. "
        f"Inputs digest {decision.inputs_digest}.",
        actions="The pure gate decided on the document of its inputs; peak gate replay decides it again.",
        outputs=reasons,
        risks="Venue kind none: nothing was ordered.",
        next_step=_fill_words(material) or "Nothing is filled.",
    )


def _fill_words(material: Material) -> str:
    if material.fill is None or material.intent is None:
        return ""
    fill = material.fill
    return (
        f"Filled on paper: {intent_words(material.intent)}, price {number_text(fill.price)} with slippage, "
        f"fee {number_text(fill.fee_eur)} EUR."
    )


def _author_risks(material: Material, layer: Layer) -> list[RiskNote]:
    notes = [
        RiskNote(f"{report.judge_layer} {one.category}", one.severity.value, f"{one.id}: {one.rationale}")
        for judged, report in material.reports
        for one in report.findings
        if judged is layer
    ]
    call = material.outlook if layer is Layer.L2 else material.hypothesis
    if call is not None and call.fallback:
        notes.append(RiskNote("route", "low", f"answered by the fallback {call.provider}:{call.model_id}"))
    said = material.said
    if layer is Layer.L2 and said is not None:
        notes.append(RiskNote("author", "not rated", said.uncertainty))
        if said.confidence is Degree.LOW:
            notes.append(RiskNote("author", "medium", "the author states low confidence"))
    return notes


def _critic_risks(material: Material) -> list[RiskNote]:
    notes = [
        RiskNote(f"{layer} verdict", "high" if one.malformed else "medium", _report_words(one))
        for layer, one in material.reports
        if one.malformed or one.capped or one.degraded
    ]
    if material.sod_detail:
        notes.append(RiskNote("sod", "high", material.sod_detail))
    return notes


def _gate_risks(material: Material) -> list[RiskNote]:
    decision = material.decision
    reasons = decision.reasons if decision else ()
    notes = [RiskNote("gate", "medium", f"blocked by {one}") for one in reasons]
    if material.snapshot is not None and material.snapshot.stale:
        notes.append(RiskNote("data", "high", f"the newest bar is {age_words(material.snapshot.age_s)} old"))
    return notes


def _bounds(low: str | None, high: str | None) -> str:
    if low is not None and high is not None:
        return f"from {low} to below {high}"
    return f"at or above {low}" if low is not None else f"below {high}"


def _joined(head: str, lines: list[str]) -> str:
    return "\n".join([head, *lines])


def _money(amount: Decimal | None) -> str:
    return "unknown" if amount is None else f"{amount:.2f}"
