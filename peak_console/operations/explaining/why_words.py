"""An explanation in a short paragraph: who asked, who was chosen, why not others, at what price. Pure."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from peak_console.domain.calls import CallReason
from peak_console.domain.money import text_from_nano
from peak_console.domain.text import one_line
from peak_console.llm.reasons import MEANINGS
from peak_console.operations.views.call_detail import CallDetail, HopFacts, JudgementLine, RouteStep
from peak_console.operations.why_moment import Then, budget_words, tightest

_NOTES: Final = {
    "malformed": "its answer did not have the form that was asked for",
    "degraded": "a stand-in judged in the place of the critic that the matrix names",
    "capped": "a pass was lowered to REVIEW, because a stand-in judged or not all was shown to it",
}
"""What limits a critic's word, by the note on the ledger."""

_UNANSWERED: Final = "unanswered"
"""What the note of a judge begins with that could not be asked, or did not answer."""


def call_paragraph(call: CallDetail, then: Then | None) -> list[str]:
    """Sentences on a call, the most asked for first. Every foreign text is one harmless line."""
    return [sentence for sentence in _sentences(call, then) if sentence]


def call_line(call: CallDetail) -> str:
    """Why a call went to whom it went, in one line."""
    last = call.hops[-1] if call.hops else None
    if last is None:
        return "no hop of it was requested"
    passed = [f"not {_name(step)}: {reason_words(step.reason)}" for step in _passed(call, last)]
    return "; ".join([f"{_who(last)} {_fate(last)}", *passed])


def _sentences(call: CallDetail, then: Then | None) -> Iterator[str]:
    purpose = f" for {one_line(call.purpose, 80)!r}" if call.purpose else ""
    yield f"{one_line(call.actor, 80)} asked {call.layer} {call.asked_role}{purpose}."
    last = call.hops[-1] if call.hops else None
    if last is not None:
        yield f"{_who(last)} {_fate(last)}: {_chosen(call, last)}."
        if last.line.outcome == "refused":
            yield f"It is a refusal: nothing was sent. {reason_words(last.line.reason)}."
        yield from (
            f"{_name(step)} stood before it and was not taken: {reason_words(step.reason)}"
            f"{f' ({one_line(step.detail, 160)})' if step.detail else ''}."
            for step in _passed(call, last)
        )
        yield _price(call, last)
    if then is not None:
        yield from _standing(then)
    for one in call.judgements:
        yield judgement_words(call, one)


def judgement_words(call: CallDetail, one: JudgementLine) -> str:
    """A critic's word: on this call, or this call's word as a critic on another."""
    graves = ", ".join(f"{one_line(s, 12)} {one_line(c, 20)}" for c, s, _ in one.findings[:3])
    said = f"{one_line(one.verdict, 10)}{f': {graves}' if graves else ''}"
    silent = next((note for note in one.notes if note.startswith(_UNANSWERED)), None)
    if silent is not None:
        why = one_line(silent.removeprefix(_UNANSWERED), 160).strip()
        limits = f"it gave no answer{f', {why}' if why else ''}; no word counts as FAIL"
    else:
        limits = "; ".join(words for note, words in _NOTES.items() if note in one.notes)
    why = f" ({limits})" if limits else ""
    if one.judged and one.judged != call.call_id:
        return f"It judged {one_line(one.judged, 60)}; the verdict was {said}{why}."
    layer = one_line(one.judge_layer, 10)
    return f"The critic {one_line(one.judge, 60)} of {layer} said {said}{why}."


def _chosen(call: CallDetail, last: HopFacts) -> str:
    """Which rule put the answering model first."""
    slot = f"the matrix {call.matrix_digest[:12]} names it" if call.matrix_digest else "the matrix names it"
    place = next((step.position for step in call.route if _is(step, last)), None)
    return f"{slot} at place {place + 1} of {call.layer}.{call.asked_role}" if place is not None else slot


def _passed(call: CallDetail, last: HopFacts) -> list[RouteStep]:
    """Candidates before the last one that did not answer: refused by a rule, or asked and failed."""
    place = next((step.position for step in call.route if _is(step, last)), 0)
    before = [step for step in call.route if step.position < place]
    failed = {
        (hop.line.provider, hop.line.model_id): hop for hop in call.hops if hop.line.outcome == "failed"
    }
    return [
        step if not step.admitted else _failed(step, failed.get((step.provider, step.model_id)))
        for step in before
    ]


def _failed(step: RouteStep, hop: HopFacts | None) -> RouteStep:
    return step if hop is None else replace(step, reason=hop.line.reason, detail=hop.detail)


def _price(call: CallDetail, last: HopFacts) -> str:
    step = next((one for one in call.route if _is(one, last)), None)
    paid = "" if last.line.cost is None else f"It cost € {text_from_nano(last.line.cost)}"
    bound = "" if last.bound is None else f"at most € {text_from_nano(last.bound)} was reserved"
    rate = ""
    if step is not None and step.input_price:
        source = f" ({one_line(step.price_source, 60)})" if step.price_source else ""
        rate = f"at USD {step.input_price} and {step.output_price} per million tokens in and out{source}"
    told = ", ".join(part for part in (paid or "No cost is booked", rate, bound) if part)
    return f"{told}."


def _standing(then: Then) -> Iterator[str]:
    by = then.posture_by
    if by is not None:
        what = "had enabled calls" if by.kind.endswith("enabled") else "had stopped calls"
        reason = f": {by.reason!r}" if by.reason else ""
        when = f"at {by.at[:19]}Z (#{by.seq})"
        yield f"The posture was {then.posture}, phase {then.phase}: {by.who} {what} {when}{reason}."
    else:
        yield f"The posture was {then.posture}, phase {then.phase}; nobody had enabled or stopped calls."
    least = tightest(then)
    if least is not None:
        yield f"The tightest of {len(then.budgets)} limits that bound it: {budget_words(least)}."
    elif then.problem:
        yield f"The budgets of then are not known: {one_line(then.problem, 160)}."
    if then.matrix_by is not None:
        by = then.matrix_by
        when = f"at {by.at[:19]}Z (#{by.seq})"
        if by.kind == "node.started":
            yield f"That matrix was in force since the node started {when}."
        else:
            yield f"The matrix was changed last {when}, recorded by {by.who}."


def reason_words(reason: str) -> str:
    """A reason's code and what it means."""
    meaning = MEANINGS.get(CallReason(reason)) if reason in set(CallReason) else None
    return (
        f"{one_line(reason, 40)}, {meaning.happened}"
        if meaning
        else one_line(reason, 40) or "no reason given"
    )


def _is(step: RouteStep, hop: HopFacts) -> bool:
    return (step.provider, step.model_id, step.role) == (hop.line.provider, hop.line.model_id, hop.line.role)


def _who(hop: HopFacts) -> str:
    return f"{one_line(hop.line.provider, 20)}:{one_line(hop.line.model_id, 60)}"


def _name(step: RouteStep) -> str:
    return f"{one_line(step.provider, 20)}:{one_line(step.model_id, 60)}"


def _fate(hop: HopFacts) -> str:
    if hop.line.outcome == "ok":
        return "answered"
    if hop.line.outcome == "open":
        return "has not answered yet"
    word = "failed" if hop.line.outcome == "failed" else "was refused"
    return f"{word} ({one_line(hop.line.reason, 40)})"
