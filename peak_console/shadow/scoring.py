"""What was said before against what then happened: scenarios hit or missed, ideas right or wrong. Pure.

A scenario happened when the close at its horizon's end lies within its bounds. An idea is right when that
close is on the side it named, unless the price reached its invalidation level before. The Brier score of an
outlook is the sum over its scenarios of (probability - happened)²: 0 is perfect, 2 the worst, and an even
split over three scenarios scores 0.67.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final

from peak_console.domain.clock import from_iso, iso
from peak_console.domain.outlook import View
from peak_console.shadow.bars import Bar, between

BINS: Final = 10
"""Calibration is counted by tenths of what was said."""
_FINE: Final = Decimal("0.0001")


class IdeaResult(StrEnum):
    """What became of an idea."""

    HIT = "hit"
    MISS = "miss"
    INVALIDATED = "invalidated"
    NONE = "none"
    """There was none."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a cycle of the past said, as its event has it."""

    run_id: str
    as_of: datetime
    due_at: datetime
    """When the outlook's horizon ends."""
    scenarios: tuple[tuple[str, int, Decimal | None, Decimal | None], ...]
    """Name, probability in percent, lowest close that is in it, lowest that is above it."""
    view: View = View.NONE
    reference: Decimal | None = None
    invalidation: Decimal | None = None
    idea_due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """One outlook of the past, scored."""

    said: Said
    close: Decimal
    """At its horizon's end."""
    happened: str
    """The scenario that came; empty where none of them did."""
    probability_pct: int
    """What was said of it."""
    brier: Decimal
    idea: IdeaResult

    def to_json(self) -> dict[str, Any]:
        """As the event carries it."""
        return {
            "run_id": self.said.run_id,
            "as_of": iso(self.said.as_of),
            "due_at": iso(self.said.due_at),
            "close": format(self.close, "f"),
            "happened": self.happened,
            "probability_pct": self.probability_pct,
            "brier": format(self.brier, "f"),
            "idea": self.idea.value,
        }


@dataclass(frozen=True, slots=True)
class Score:
    """All scored outlooks of a book, counted."""

    outlooks: int = 0
    brier_sum: Decimal = Decimal(0)
    said: tuple[int, ...] = (0,) * BINS
    """By tenths of the probability said: how many scenarios."""
    came: tuple[int, ...] = (0,) * BINS
    """and how many of them happened."""
    ideas: Mapping[str, int] = field(default_factory=dict)
    """By :class:`IdeaResult`; those without an idea are not counted."""

    @property
    def brier(self) -> Decimal | None:
        """The mean Brier score."""
        return (self.brier_sum / self.outlooks).quantize(_FINE) if self.outlooks else None

    def taking(self, scored: Sequence[Scored]) -> "Score":
        """The score with these outlooks counted in."""
        said, came, ideas = list(self.said), list(self.came), dict(self.ideas)
        for one in scored:
            for name, probability, _, _ in one.said.scenarios:
                place = min(probability * BINS // 100, BINS - 1)
                said[place] += 1
                came[place] += name == one.happened
            if one.idea is not IdeaResult.NONE:
                ideas[one.idea.value] = ideas.get(one.idea.value, 0) + 1
        return replace(
            self,
            outlooks=self.outlooks + len(scored),
            brier_sum=self.brier_sum + sum((one.brier for one in scored), Decimal(0)),
            said=tuple(said),
            came=tuple(came),
            ideas=ideas,
        )

    def to_json(self) -> dict[str, Any]:
        """As the event carries it."""
        return {
            "outlooks": self.outlooks,
            "brier_sum": format(self.brier_sum, "f"),
            "said": list(self.said),
            "came": list(self.came),
            "ideas": dict(self.ideas),
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Score":
        """The inverse; raises ``ValueError``, ``KeyError`` or ``TypeError`` for anything else."""
        said, came = tuple(map(int, told["said"])), tuple(map(int, told["came"]))
        if len(said) != BINS or len(came) != BINS:
            raise ValueError("a score of other bins")
        ideas = {str(name): int(count) for name, count in dict(told["ideas"]).items()}
        return cls(int(told["outlooks"]), Decimal(told["brier_sum"]), said, came, ideas)


def said_in(run_id: str, body: Any) -> Said | None:
    """What the cycle with this event's body said; ``None`` where it said no outlook that can be scored."""
    try:
        outlook, idea = body["outlook"], body.get("hypothesis") or {}
        as_of = from_iso(body["as_of"])
        view = View(idea.get("view", View.NONE))
        return Said(
            run_id=run_id,
            as_of=as_of,
            due_at=as_of + timedelta(hours=int(outlook["horizon_h"])),
            scenarios=tuple(
                (
                    str(one["name"]),
                    int(one["probability_pct"]),
                    _level(one["closes_from"]),
                    _level(one["closes_below"]),
                )
                for one in outlook["scenarios"][:8]
            ),
            view=view,
            reference=_level(idea.get("reference_level")),
            invalidation=_level(idea.get("invalidation_level")),
            idea_due_at=as_of + timedelta(hours=int(idea["horizon_h"])) if view is not View.NONE else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation, OverflowError):
        return None


def scored(said: Said, bars: Sequence[Bar], bar_s: int) -> Scored | None:
    """``said`` against the bars that came after it; ``None`` where the data does not hold that time."""
    after = between(bars, said.as_of, said.due_at, bar_s)
    if not after:
        return None
    close = after[-1].close
    hits = [(name, share) for name, share, low, high in said.scenarios if _within(close, low, high)]
    happened, probability = hits[0] if hits else ("", 0)
    brier = Decimal(0)
    for name, share, _, _ in said.scenarios:
        brier += (Decimal(share) / 100 - (1 if name == happened else 0)) ** 2
    return Scored(said, close, happened, probability, brier.quantize(_FINE), _idea_result(said, bars, bar_s))


def _idea_result(said: Said, bars: Sequence[Bar], bar_s: int) -> IdeaResult:
    if said.view is View.NONE or said.reference is None or said.idea_due_at is None:
        return IdeaResult.NONE
    until = min(said.idea_due_at, said.due_at)
    after = between(bars, said.as_of, until, bar_s)
    if not after:
        return IdeaResult.NONE
    up = said.view is View.UP
    if said.invalidation is not None and any(
        bar.low <= said.invalidation if up else bar.high >= said.invalidation for bar in after
    ):
        return IdeaResult.INVALIDATED
    right = after[-1].close > said.reference if up else after[-1].close < said.reference
    return IdeaResult.HIT if right else IdeaResult.MISS


def _within(close: Decimal, low: Decimal | None, high: Decimal | None) -> bool:
    return (low is None or close >= low) and (high is None or close < high)


def _level(told: Any) -> Decimal | None:
    return None if told is None else Decimal(told)
