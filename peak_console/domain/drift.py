"""Drift of a model: by which sign it is seen, on which tier. Pure vocabulary."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Tier(StrEnum):
    """How drift was found, the cheapest way first."""

    IDENTITY = "identity"
    """Tier 0: who an answer says has given it, held against the lock."""
    LIVE = "live"
    """Tier 1: rates of live traffic, tested one call after the other."""
    CANARY = "canary"
    """Tier 2: gold cases put to the model on a schedule."""
    TWO_SAMPLE = "two_sample"
    """Tier 3: answers that the lock stands on against fresh ones."""


class Signal(StrEnum):
    """By which sign. Each belongs to one tier."""

    SERVED_MODEL = "served_model"
    """It answered under a name that the lock, or the registry, does not know."""
    FINGERPRINT = "fingerprint"
    """It answered under a fingerprint outside the set that was learnt."""
    CRITIC_FAIL = "critic_fail"
    """Critics fail its answers more often."""
    FORMAT_FAIL = "format_fail"
    """Its answers are of a wrong shape more often."""
    REFUSAL = "refusal"
    """It declines more often."""
    FALLBACK = "fallback"
    """Calls go on to a fallback more often."""
    LATENCY = "latency"
    """More calls take longer than its 95th percentile in the lock."""
    COST = "cost"
    """More calls cost more than its 95th percentile in the lock."""
    CANARY = "canary"
    """It fails gold cases."""
    TWO_SAMPLE = "two_sample"
    """Its answers are distributed otherwise."""

    @property
    def tier(self) -> Tier:
        """The tier that looks for it."""
        if self in {Signal.SERVED_MODEL, Signal.FINGERPRINT}:
            return Tier.IDENTITY
        if self in {Signal.CANARY, Signal.TWO_SAMPLE}:
            return Tier(self.value)
        return Tier.LIVE


def not_answered(body: Mapping[str, Any]) -> int:
    """Gold cases that count and were not answered, as ``drift.checked`` tells its round; 0 where none was.

    With any of these a round that failed nothing has held nothing either: it is incomplete, and no evidence.
    """
    asked, cases, told = (body.get(name) for name in ("asked", "cases", "unanswered"))
    gone = asked - cases if type(asked) is int and type(cases) is int else 0
    return max(gone, told if type(told) is int else 0, 0)


LIVE_SIGNALS = tuple(one for one in Signal if one.tier is Tier.LIVE)
"""Those that have a stream of their own for each model in each slot."""
