"""How the Shadow screen's readiness looks: the criteria before the next phase. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from peak_console.domain.text import one_line
from peak_console.operations.criterion import CriterionResult, CriterionStatus
from peak_console.operations.views.shadow import ShadowFacts
from peak_console.tui import figures
from peak_console.tui.ink import EMPTY, Line, Span, Tone, width_of
from peak_console.tui.screens.shadow_drawing import tone_when
from peak_console.tui.widgets.table import Column

if TYPE_CHECKING:
    from peak_console.operations.readiness import Readiness

CRITERIA: Final = {
    CriterionStatus.GREEN: ("✓", Tone.OK),
    CriterionStatus.RED: ("✗", Tone.BAD),
    CriterionStatus.NO_EVIDENCE: ("?", Tone.UNKNOWN),
}
_STROKES: Final = 10
"""Cells of the strokes around a title and what stands at its right end."""
_HUGE: Final = 150


def ready_columns(
    now: datetime, taken_at: datetime | None, *, stale: bool = False
) -> Sequence[Column[CriterionResult]]:
    """The columns of the criteria before the next phase; ages go on from the moment of judging."""
    since = 0.0 if taken_at is None else max(0.0, (now - taken_at).total_seconds())

    def state(one: CriterionResult) -> Span:
        sign, tone = CRITERIA[one.status]
        return Span(f"{sign} {one.status.value.replace('_', ' ')}", tone_when(tone, stale=stale))

    def age(one: CriterionResult) -> Span:
        return Span(figures.age(criterion_age_s(one, since)), Tone.DIM)

    return (
        Column("STATE", 13, state),
        Column("CRITERION", 25, lambda one: Span(one_line(one.title, 120)), flex=2),
        Column("FOUND", 18, lambda one: Span(one_line(one.found, 160), Tone.STRONG), flex=2),
        Column("WANTED", 13, lambda one: Span(one_line(one.wanted, 120), Tone.DIM), flex=1),
        Column("AGE", 4, age, right=True),
        Column("EVIDENCE", 20, lambda one: Span(one_line(one.evidence, 160), Tone.DIM), flex=2, least=_HUGE),
    )


def criterion_age_s(one: CriterionResult, since: float) -> float | None:
    """Seconds since what was found was so; what is read when it is judged is as old as the judgement."""
    if one.age_s is None:
        return None if one.status is CriterionStatus.NO_EVIDENCE else since
    return one.age_s + since


_URGENCY: Final = (CriterionStatus.RED, CriterionStatus.NO_EVIDENCE, CriterionStatus.GREEN)


def criteria_rows(ready: "Readiness | None") -> list[CriterionResult]:
    """What stands in the way first."""
    found = () if ready is None else ready.criteria
    return sorted(found, key=lambda one: _URGENCY.index(one.status))


def ready_head(
    facts: ShadowFacts | None, now: datetime, width: int, *, stale: bool = False
) -> tuple[Line, Line]:
    """The title over readiness: towards which phase, how many criteria stand how, judged when."""
    ready = None if facts is None else facts.readiness
    if ready is None:
        return (Span("readiness"),), EMPTY
    counts = ready.summary()
    title: Line = (
        Span("readiness"),
        Span(f" towards {ready.phase.value}", Tone.DIM),
        *(
            Span(
                f"  {sign} {counts.get(state.value, 0)} {state.value.replace('_', ' ')}",
                tone_when(tone, stale=stale),
            )
            for state, (sign, tone) in CRITERIA.items()
            if counts.get(state.value, 0)
        ),
    )
    age = figures.age(max(0.0, (now - ready.taken_at).total_seconds()))
    told = f"judged {age} ago"
    return title, (Span(told if width_of(title) + len(told) + _STROKES <= width else age, Tone.DIM),)


def no_criteria(facts: ShadowFacts) -> list[Line]:
    """Why nothing is said of readiness."""
    if facts.readiness_problem:
        return [(Span(f"? not judged: {one_line(facts.readiness_problem, 200)}", Tone.UNKNOWN),)]
    if facts.readiness is not None:
        return [(Span("nothing is asked before this phase", Tone.DIM),)]
    return [(Span("not judged yet:  ", Tone.DIM), Span("peak readiness", Tone.ACCENT))]
