"""Which cycles the Shadow screen counts: of a window, of the whole record where it can. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from peak_console.operations.views.shadow import CycleFigures, CycleLine, ShadowFacts

_WEEK_S: Final = 7 * 86_400
"""The window that the record's own figures are of."""
_SLACK: Final = timedelta(minutes=1)


def counted(cycles: Sequence[CycleLine]) -> CycleFigures:
    """Cycles, counted by outcome and reason."""
    outcomes = [one.outcome for one in cycles]
    named = [reason for one in cycles if one.outcome == "would_block" for reason in one.reasons]
    reasons = sorted({one: named.count(one) for one in named}.items(), key=lambda pair: (-pair[1], pair[0]))
    return CycleFigures(
        len(cycles),
        outcomes.count("would_allow"),
        outcomes.count("would_block"),
        outcomes.count("no_trade"),
        outcomes.count("aborted"),
        tuple(reasons),
    )


def within(cycles: Sequence[CycleLine], now: datetime, seconds: int) -> list[CycleLine]:
    """The cycles of the window that ends now."""
    edge = now - timedelta(seconds=seconds)
    return [one for one in cycles if one.at >= edge]


def figures_shown(
    facts: ShadowFacts | None, listed: Sequence[CycleLine], now: datetime, seconds: int, *, filtered: bool
) -> tuple[CycleFigures, bool]:
    """Figures over the cycles of a window, and whether it holds more than they count.

    Of a whole week they are those of the record; of another window, or of a filter, of what is listed.
    """
    if facts is None or not facts.cycles:
        return counted(listed), False
    edge = now - timedelta(seconds=seconds)
    if not filtered and seconds == _WEEK_S and facts.figures.since is not None:
        return facts.figures, facts.figures.since > edge + _SLACK
    oldest = facts.cycles[-1]
    return counted(listed), oldest.at >= edge and 0 < facts.figures.first_seq < oldest.seq
