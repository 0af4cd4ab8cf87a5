"""The review after a cycle: how it ended and why, what earlier cycles said and what then happened. Pure."""

from collections.abc import Iterable
from decimal import Decimal

from peak_console.domain.artefacts import Report, RiskNote, quoted
from peak_console.domain.clock import iso
from peak_console.domain.text import one_line
from peak_console.shadow.material import Ended, Material
from peak_console.shadow.recording import intent_words
from peak_console.shadow.scoring import BINS, IdeaResult, Score, Scored

_WORDS = {
    "would_allow": "The gate would have let the intent through.",
    "would_block": "The gate would have blocked the intent.",
    "no_trade": "There was no intent to judge.",
    "aborted": "The cycle was ended early.",
    "review_required": "A person has to look before anything of this is used.",
}


def review_report(material: Material, end: Ended) -> Report:
    """The review as a page."""
    why = f" Why: {', '.join(one_line(one, 80) for one in end.reasons)}." if end.reasons else ""
    problem = f"\n\n{quoted(one_line(material.problem.message, 400))}" if material.problem else ""
    notes = "\n".join(f"- {one_line(one, 400)}" for one in (*material.details, *material.notes))
    return Report(
        summary=f"{_WORDS.get(end.outcome, 'The cycle ended.')}{why}{problem}",
        inputs=_decision_words(material),
        actions="\n".join(f"- {what}: {ms} ms" for what, ms in material.steps) or "Nothing was done.",
        outputs=f"{_scored_words(material.scored)}\n\n{score_words(material.book.score)}",
        risks=notes or "Nothing besides.",
        next_step=_next_words(material),
    )


def review_risks(material: Material, end: Ended) -> list[RiskNote]:
    """What a reader should look at."""
    notes = [RiskNote("cycle", "medium", f"{end.outcome}: {one}") for one in end.reasons]
    notes += [
        RiskNote("earlier idea", "low", f"the idea of {one.said.run_id} was {one.idea}")
        for one in material.scored
        if one.idea in {IdeaResult.MISS, IdeaResult.INVALIDATED}
    ]
    return notes


def _decision_words(material: Material) -> str:
    """The gate's decision with the intent in words, and what was filled."""
    intent, decision = material.intent, material.decision
    if intent is None:
        return f"No intent: {material.no_intent or 'the cycle did not come that far'}."
    words = f"Intent: {intent_words(intent)}."
    if decision is None:
        return f"{words} The gate was not asked."
    reasons = ", ".join(decision.reasons) or "no reason to block"
    words += f" Gate: {decision.verdict} ({reasons})."
    return f"{words} Filled on paper." if material.fill is not None else f"{words} Nothing was filled."


def _scored_words(scored: Iterable[Scored]) -> str:
    lines = [
        f"- {one.said.run_id} (as of {iso(one.said.as_of)}): close {one.close}, "
        f"{_happened(one)}, Brier {one.brier}; idea {one.idea}"
        for one in scored
    ]
    return "\n".join(["What was said before, against what then happened:", *(lines or ["- nothing was due"])])


def _happened(one: Scored) -> str:
    if not one.happened:
        return "none of its scenarios happened"
    return f"{one_line(one.happened, 80)} happened, said with {one.probability_pct} %"


def score_words(score: Score) -> str:
    """A book's score in words: the Brier score, ideas, and calibration by tenths."""
    if not score.outlooks:
        return "No outlook of this book has been scored yet."
    ideas = ", ".join(f"{count} {name}" for name, count in sorted(score.ideas.items())) or "none"
    rows = [
        f"| {place * 100 // BINS} to {(place + 1) * 100 // BINS} % | {said} | {came} | {_share(came, said)} |"
        for place, (said, came) in enumerate(zip(score.said, score.came, strict=True))
        if said
    ]
    head = ["| Said | Scenarios | Happened | Share |", "|---|---|---|---|"]
    told = f"{score.outlooks} outlooks scored, mean Brier score {score.brier}. Ideas: {ideas}."
    return "\n".join([told, "", *head, *rows])


def _share(came: int, said: int) -> str:
    return f"{Decimal(100 * came) / said:.0f} %"


def _next_words(material: Material) -> str:
    closed = "\n".join(f"- {one.words()}" for one in material.exits)
    paper = material.book.paper
    equity = "unknown" if paper.equity_eur is None else f"{paper.equity_eur:.2f}"
    count = len(paper.positions)
    told = f"Book {material.book.name} after {material.book.cycles} cycles: {equity} EUR, {count} positions."
    return f"Closed on paper:\n{closed}\n\n{told}" if closed else told
