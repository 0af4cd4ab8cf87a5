"""Readiness towards the next phase: every criterion with what was found, since when, and what to do."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from peak_console.domain.text import one_line
from peak_console.operations.criterion import CriterionResult, CriterionStatus
from peak_console.operations.views.freshness import Health
from peak_console.operations.views.shadow import ShadowFacts
from peak_console.tui import figures
from peak_console.tui.actions import bindings_for
from peak_console.tui.ink import EMPTY, Line, Span, Tone, apart, cell, fit, rule, text_of
from peak_console.tui.messages import SnapshotTaken
from peak_console.tui.screens.base import PeakScreen, age_line
from peak_console.tui.screens.shadow_drawing import tone_when
from peak_console.tui.screens.shadow_ready_drawing import (
    CRITERIA,
    criteria_rows,
    criterion_age_s,
    no_criteria,
    ready_head,
)
from peak_console.tui.widgets.document import Document, wrapped

if TYPE_CHECKING:
    from peak_console.operations.views.source import Source


class ShadowReadyScreen(PeakScreen):
    """Opened from the list of criteria."""

    NAME = "shadow-ready"
    AUTO_FOCUS = "#shadow-ready-page"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("shadow-ready")]
    DEFAULT_CSS = "ShadowReadyScreen #shadow-ready-page { height: 1fr; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._facts: ShadowFacts | None = None

    def body(self) -> Iterable[Widget]:
        """The page."""
        yield Document(id="shadow-ready-page")

    def subject(self) -> "Callable[[Source], Any]":
        """All facts of shadow."""
        return lambda source: source.shadow()

    def trail(self) -> list[str]:
        """Shadow, and here."""
        return ["Shadow", "readiness"]

    def state_line(self) -> Line:
        """The age of the facts."""
        if self._facts is None:
            return (Span("reading …", Tone.UNKNOWN),)
        return age_line(self._facts.freshness, self.peak.now(), self.stale_s)

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        """Show it."""
        self._facts = message.snapshot
        self.query_one(Document).show_lines(self._lines)
        self.show_crumbs()

    def _lines(self, width: int) -> list[Line]:
        facts, now = self._facts, self.peak.now()
        if facts is None:
            return [(Span("reading …", Tone.DIM),)]
        stale = self.peak.replay is None and facts.freshness.health(now, self.stale_s) is not Health.FRESH
        return list(ready_lines(facts, now, width, stale=stale))

    def do_copy(self) -> None:
        """Copy the page."""
        self.peak.copy("\n".join(text_of(line).rstrip() for line in self._lines(120)) + "\n", "readiness")


def ready_lines(facts: ShadowFacts, now: datetime, width: int, *, stale: bool = False) -> Iterator[Line]:
    """Every criterion, what stands in the way first."""
    ready = facts.readiness
    if ready is None:
        yield from no_criteria(facts)
        return
    title, right = ready_head(facts, now, width, stale=stale)
    yield rule(title, width, right)
    since = max(0.0, (now - ready.taken_at).total_seconds())
    for one in criteria_rows(ready):
        yield EMPTY
        yield from _criterion(one, since, width, stale=stale)
    yield EMPTY
    yield (Span("$ ", Tone.FAINT), Span(f"peak readiness {ready.phase.value}", Tone.ACCENT))


def _criterion(one: CriterionResult, since: float, width: int, *, stale: bool) -> Iterator[Line]:
    sign, tone = CRITERIA[one.status]
    word = one.status.value.replace("_", " ")
    seconds = criterion_age_s(one, since)
    age = "no age" if seconds is None else f"{figures.age(seconds)} old"
    head = (
        cell(f"{sign} {word}", 14, tone_when(tone, stale=stale)),
        Span(one_line(one.title, 160), Tone.STRONG),
    )
    yield apart(fit(head, width - 10), (Span(age, Tone.DIM),), width)
    for name, text in (("found", one.found), ("wanted", one.wanted), ("evidence", one.evidence)):
        if text:
            yield fit((cell(f"              {name}", 24, Tone.DIM), Span(one_line(text, 300))), width)
    if one.remedy and one.status is not CriterionStatus.GREEN:
        yield from wrapped(f"do: {one_line(one.remedy, 300)}", width, indent=" " * 14, tone=Tone.ACCENT)
