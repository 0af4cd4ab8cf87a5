"""How a call's route looks: candidates with why, prices, bound, breaker, lifecycle, lock; budgets. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from peak_console.domain.text import one_line
from peak_console.operations.views.breakers import breaker_of, breaker_words
from peak_console.operations.views.budget_left import binding, budget_name, left_of
from peak_console.operations.views.call_detail import BudgetNote, CallDetail, RouteStep
from peak_console.tui import figures as fig
from peak_console.tui.ink import Line, Span, Tone, cell, fit
from peak_console.tui.widgets.document import wrapped

_WIDE: Final = 100
_INDENT: Final = "      "
_BUDGETS: Final = 3
_TITLES: Final = ("", "", "ROLE", "CANDIDATE", "WHY", "BREAKER", "VERIFIED", "$/M IN/OUT", "BOUND €")
_WIDTHS: Final = (3, 1, 8, 0, 16, 13, 9, 10, 10)
"""Cells of each column, one blank between two; the candidate takes what is left."""
_CANDIDATE: Final = 3
_WIDE_ONLY: Final = frozenset({5, 6})
_RIGHT: Final = frozenset({7, 8})


def route_lines(call: CallDetail, width: int, now: datetime) -> Iterator[Line]:
    """The route as a table, what does not fit its columns under each candidate; then the budgets."""
    if not call.route:
        told = "pruned: retention dropped it; the hashes stand" if call.pruned else "no route was recorded"
        yield (Span(f"  {told}", Tone.DIM),)
    else:
        yield _head(width)
    for step in call.route:
        yield _candidate(step, width)
        notes = " · ".join(one_line(note, 400) for note in _notes(step, call, width, now))
        if notes:
            yield from wrapped(notes, width, indent=_INDENT, tone=Tone.DIM)
        if step.remedy and not step.admitted:
            yield from wrapped(f"do: {one_line(step.remedy, 400)}", width, indent=_INDENT, tone=Tone.WARN)
    yield from _budgets(call, width)


def _row(texts: Sequence[Span], width: int) -> Line:
    """The columns that stand at ``width``, each in its place."""
    kept = [at for at in range(len(_WIDTHS)) if width >= _WIDE or at not in _WIDE_ONLY]
    left = max(12, width - sum(_WIDTHS[at] + 1 for at in kept) - 1)
    spans: list[Span] = []
    for at in kept:
        text, tone = texts[at]
        room = left if at == _CANDIDATE else _WIDTHS[at]
        spans += [Span(" "), cell(text, room, tone, right=at in _RIGHT)]
    return fit(spans, width)


def _head(width: int) -> Line:
    return _row([Span(title, Tone.DIM) for title in _TITLES], width)


def _candidate(step: RouteStep, width: int) -> Line:
    mark, tone = ("✓", Tone.OK) if step.admitted else ("✗", Tone.BAD)
    why = "admitted" if step.admitted else step.reason or "refused"
    breaker = one_line(step.breaker, 40).partition(" until ")[0]
    closed = breaker == "closed"
    return _row(
        [
            Span(f"{step.position + 1:3d}", Tone.TEXT),
            Span(mark, tone),
            Span(one_line(step.role, 9), Tone.DIM),
            Span(f"{one_line(step.provider, 16)} {one_line(step.model_id, 60)}", Tone.STRONG),
            Span(one_line(why, 40), tone),
            Span(f"{'●' if closed else '○'} {breaker}" if breaker else fig.NONE, _tone(step, closed=closed)),
            Span(one_line(step.verified, 20).replace("_", " ") or fig.NONE, Tone.DIM),
            Span(_prices(step), Tone.TEXT),
            _bound(step),
        ],
        width,
    )


def _bound(step: RouteStep) -> Span:
    """What it can cost at most; about, while its request is not written."""
    if step.bound is None and step.estimate is not None:
        return Span(f"≈ {fig.brief_euros(step.estimate)}", Tone.DIM)
    return Span(fig.brief_euros(step.bound), Tone.TEXT)


def _tone(step: RouteStep, *, closed: bool) -> Tone:
    if not step.breaker:
        return Tone.UNKNOWN
    return Tone.OK if closed else Tone.BAD


def _prices(step: RouteStep) -> str:
    if not step.input_price and not step.output_price:
        return fig.NONE
    return f"{_short(step.input_price)}/{_short(step.output_price)}"


def _short(price: str) -> str:
    """A decimal without zeros that say nothing."""
    text = one_line(price, 16)
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def _notes(step: RouteStep, call: CallDetail, width: int, now: datetime) -> Iterator[str]:
    """What the columns have no room for."""
    if step.detail:
        yield step.detail
    if width < _WIDE:
        if step.breaker and step.breaker != "closed":
            yield f"breaker {step.breaker}"
        if step.verified:
            yield f"verified: {step.verified.replace('_', ' ')}"
    breaker = breaker_of(call.breakers, step.provider, step.model_id)
    if breaker is not None and not breaker.lets_through:
        yield f"breaker now: {breaker_words(breaker, now)}"
    if step.lifecycle:
        yield step.lifecycle
    if step.price_source:
        yield f"price: {step.price_source}"


def _budgets(call: CallDetail, width: int) -> Iterator[Line]:
    for note in call.budget_notes:
        tone = Tone.BAD if note.kind == "exceeded" else Tone.WARN
        said = Span(f"▲ {note.kind} then: {_note(note)}", tone)
        yield fit(
            (Span("  "), cell("budget", 13, Tone.DIM), said, Span(f"   #{note.seq:,}", Tone.FAINT)), width
        )
    bound = binding(call.budgets, call.layer)[:_BUDGETS]
    if bound:
        parts = [f"€ {fig.euros(left_of(one))} {budget_name(one)}" for one in bound]
        yield fit(
            (
                Span("  "),
                cell("budget left", 13, Tone.DIM),
                Span(" · ".join(parts)),
                Span("   now, tightest first", Tone.FAINT),
            ),
            width,
        )


def _note(note: BudgetNote) -> str:
    unit = "€ " if note.unit == "eur" else ""
    scope = one_line(note.scope, 20).replace("_", " ")
    figures = f"{unit}{_short(note.left)} left of {unit}{_short(note.limit)}"
    return f"{scope}, {figures}{'' if unit else f' {one_line(note.unit, 12)}'}"
