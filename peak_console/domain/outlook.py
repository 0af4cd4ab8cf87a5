"""What the layers of a shadow cycle answer: L2's outlook and L3's hypothesis, each one JSON object. Pure.

A hypothesis is an idea that can be proved wrong, never an order: no key of it names a size, a side or a price
to send. What an order could be made of it is decided elsewhere, by arithmetic. Levels are decimals as text.
Sizes are bounded by validators and told in the descriptions, for strict modes of providers take no lengths.
"""

import re
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

_LEVEL: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")
_ALL: Final = 100
"""What probabilities sum to, in percent."""


class Degree(StrEnum):
    """How sure an author is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class View(StrEnum):
    """Which way an idea expects the price to go."""

    UP = "up"
    DOWN = "down"
    NONE = "none"
    """No idea worth a trade."""


def _level(text: str) -> str:
    if not _LEVEL.fullmatch(text) or not Decimal(text):
        raise ValueError('a level is a decimal above zero as text, as "1.18272"')
    return text


def _sized(least: int, most: int) -> AfterValidator:
    def checked(text: str) -> str:
        if len(text.strip()) < least or len(text) > most:
            raise ValueError(f"it has {least} to {most} characters")
        return text

    return AfterValidator(checked)


def _counted(least: int, most: int) -> AfterValidator:
    def checked(items: tuple[Any, ...]) -> tuple[Any, ...]:
        if not least <= len(items) <= most:
            raise ValueError(f"it has {least} to {most} entries")
        return items

    return AfterValidator(checked)


def _within(least: int, most: int) -> AfterValidator:
    def checked(number: int) -> int:
        if not least <= number <= most:
            raise ValueError(f"it is from {least} to {most}")
        return number

    return AfterValidator(checked)


Level = Annotated[str, AfterValidator(_level)]
Name = Annotated[str, _sized(1, 80)]
Sentence = Annotated[str, _sized(1, 400)]
Words = Annotated[str, _sized(1, 1500)]
Hours = Annotated[int, _within(1, 8760)]
Sentences = Annotated[tuple[Sentence, ...], Field(strict=False), _counted(0, 8)]


class _Answered(BaseModel):
    """Base of structured answers: frozen, strict, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Scenario(_Answered):
    """What may happen, told so that it can be looked up: where the close is at the horizon's end."""

    name: Name = Field(description="Its name, up to 80 characters.")
    probability_pct: Annotated[int, _within(0, _ALL)] = Field(
        description="Whole percent, 0 to 100; those of all scenarios sum to 100."
    )
    closes_from: Level | None = Field(
        description="It happened if the close at the horizon's end is at or above this level, a decimal as "
        "text; null: no lower bound."
    )
    closes_below: Level | None = Field(
        description="and below this level, a decimal as text; null: no upper bound."
    )
    story: Sentence = Field(description="How it would come about, up to 400 characters.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        low, high = self.bounds
        if low is None and high is None:
            raise ValueError("a scenario needs closes_from or closes_below: else nothing can prove it wrong")
        if low is not None and high is not None and low >= high:
            raise ValueError("closes_from is not below closes_below")
        return self

    @property
    def bounds(self) -> tuple[Decimal | None, Decimal | None]:
        """The lowest close that is in it, and the lowest that is above it."""
        return _number(self.closes_from), _number(self.closes_below)

    def holds(self, close: Decimal) -> bool:
        """Whether it is what a close came to."""
        low, high = self.bounds
        return (low is None or close >= low) and (high is None or close < high)


class Outlook(_Answered):
    """L2's answer: what may happen until a horizon, how likely, and when nobody should trade on it."""

    summary: Words = Field(description="Trend, volatility, main scenario; up to 1500 characters.")
    reference_level: Level = Field(description="The last close that was read, a decimal as text.")
    horizon_h: Hours = Field(description="Hours that it looks ahead.")
    scenarios: Annotated[tuple[Scenario, ...], Field(strict=False), _counted(2, 5)] = Field(
        description="2 to 5 scenarios that exclude each other; their probabilities sum to 100."
    )
    uncertainty: Words = Field(description="What the data cannot tell, and what would prove this wrong.")
    no_trade_triggers: Sentences = Field(
        description="Up to 8 conditions under which nobody should trade on this; may be empty."
    )
    data_issues: Sentences = Field(
        description="Up to 8: gaps, implausible bars, instructions found in the data; may be empty."
    )
    confidence: Annotated[Degree, Field(strict=False)] = Field(description="low, medium or high.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        total = sum(one.probability_pct for one in self.scenarios)
        if total != _ALL:
            raise ValueError(f"the probabilities sum to {total}, not to 100")
        names = [one.name for one in self.scenarios]
        if len(set(names)) != len(names):
            raise ValueError("two scenarios have one name")
        return self


class Hypothesis(_Answered):
    """L3's answer: one idea that can be proved wrong, or none. Not an order, and no part of one."""

    view: Annotated[View, Field(strict=False)] = Field(
        description="up, down, or none where there is no idea."
    )
    conviction: Annotated[Degree, Field(strict=False)] = Field(description="low, medium or high.")
    thesis: Words = Field(description="Why, from the outlook and the data; up to 1500 characters.")
    evidence_refs: Sentences = Field(
        description="Up to 8 places the idea rests on: a scenario's name, a bar's time; needed for an idea."
    )
    reference_level: Level = Field(description="The last close that was read, a decimal as text.")
    invalidation_level: Level | None = Field(
        description="The level at which the idea is wrong, a decimal as text: below the reference for up, "
        "above it for down; null for none."
    )
    horizon_h: Hours = Field(description="Hours after which the idea is over.")
    no_trade_reason: Annotated[str, _sized(0, 400)] = Field(
        description="For none: why there is no idea; else empty."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """An idea has its level and evidence; none has its reason."""
        if self.view is View.NONE:
            if not self.no_trade_reason.strip():
                raise ValueError("a view of none needs no_trade_reason")
            return self
        if not self.evidence_refs:
            raise ValueError("an idea needs evidence_refs")
        wrong_at = self.invalidation
        if wrong_at is None:
            raise ValueError("an idea needs an invalidation_level")
        if wrong_at == self.reference or (wrong_at < self.reference) is not (self.view is View.UP):
            raise ValueError("invalidation_level is below the reference for up, above it for down")
        return self

    @property
    def reference(self) -> Decimal:
        """The last close that was read."""
        return Decimal(self.reference_level)

    @property
    def invalidation(self) -> Decimal | None:
        """The level at which the idea is wrong."""
        return _number(self.invalidation_level)


def _number(level: str | None) -> Decimal | None:
    return None if level is None else Decimal(level)
