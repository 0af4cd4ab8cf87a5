"""Drift of a model: by which sign it is seen, on which tier. Pure vocabulary."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from peak_console.domain.events import EventKind


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


GOLD_CASE: Final = "gold_case"
"""In the body of ``llm.call.requested``: it puts a gold case to its slot's own model, for a canary job."""


OUT_OF_USE: Final = "out_of_use"
"""In the body of a gold case's end, and of its round: the model was quarantined. It speaks for or against a
release, and for nothing else: neither a lock nor readiness rests on it."""


def was_out_of_use(body: Mapping[str, Any]) -> bool:
    """Whether an answer, or a round of gold cases, is of a model that was quarantined then."""
    return body.get(OUT_OF_USE) is True


def puts_gold_case(kind: str, body: Mapping[str, Any]) -> bool:
    """Whether an event asks for a call that puts a gold case: only a canary job's worker says so."""
    return kind == EventKind.CALL_REQUESTED and body.get(GOLD_CASE) is True


LIVE_SIGNALS = tuple(one for one in Signal if one.tier is Tier.LIVE)
"""Those that have a stream of their own for each model in each slot."""
