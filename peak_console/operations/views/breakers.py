"""Provider breakers and rate limits as screens and documents show them. Pure.

A breaker stands per provider and model: ``closed`` lets calls through, ``open`` none until its time is up,
``half_open`` exactly one, the probe. The ledger keeps them; nothing here is measured anew.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from peak_console.domain.clock import iso
from peak_console.domain.text import one_line

RATE_STALE_S: Final = 60.0
"""Age from which a rate limit is not relied on any more, unless its window is longer."""


BILL_WORDS: Final = "bill above its bound"
"""Why a budget breaker is latched."""


class BreakerState(StrEnum):
    """What a breaker lets through; the words of ``policy.breaker``, which a first look need not load."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


class RateHealth(StrEnum):
    """What the age of a rate limit allows one to say of it."""

    FRESH = "fresh"
    STALE = "stale"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RateLine:
    """What a provider last said of its rate limit, and when. ``reset_s`` counts from that moment."""

    as_of: datetime
    remaining_requests: int | None = None
    limit_requests: int | None = None
    remaining_tokens: int | None = None
    limit_tokens: int | None = None
    reset_s: float | None = None

    def age_s(self, now: datetime) -> float:
        """Seconds since the provider said it; never negative."""
        return max(0.0, (now - self.as_of).total_seconds())

    def health(self, now: datetime) -> RateHealth:
        """Stale after a minute, or once its window has ended where that is longer.

        What was left at a reset that is past is the least that is left now, so a short window is no alarm.
        """
        holds = max(self.reset_s or 0.0, RATE_STALE_S)
        return RateHealth.STALE if self.age_s(now) > holds else RateHealth.FRESH

    def reset_in_s(self, now: datetime) -> float | None:
        """Seconds until the limit is whole again; ``None`` where the provider does not say."""
        return None if self.reset_s is None else max(0.0, self.reset_s - self.age_s(now))

    def scarcest(self) -> tuple[str, int, int | None] | None:
        """What is nearer its end: ``requests`` or ``tokens``, how many are left, of how many."""
        told = [
            (name, left, most)
            for name, left, most in (
                ("requests", self.remaining_requests, self.limit_requests),
                ("tokens", self.remaining_tokens, self.limit_tokens),
            )
            if left is not None
        ]
        return min(told, key=lambda one: one[1] / one[2] if one[2] else 1.0, default=None)

    def as_json(self, now: datetime) -> dict[str, Any]:
        """The rate limit in a document."""
        reset = self.reset_in_s(now)
        return {
            "at": iso(self.as_of),
            "age_s": round(self.age_s(now), 3),
            "health": self.health(now).value,
            "remaining_requests": self.remaining_requests,
            "limit_requests": self.limit_requests,
            "remaining_tokens": self.remaining_tokens,
            "limit_tokens": self.limit_tokens,
            "reset_in_s": None if reset is None else round(reset, 3),
        }


@dataclass(frozen=True, slots=True)
class BreakerLine:
    """One breaker now. ``until`` is when an open one lets a probe through."""

    provider: str
    model_id: str
    state: BreakerState
    failures: int = 0
    """Failures that count against it now."""
    reason: str = ""
    """The last failure's reason."""
    opened: datetime | None = None
    until: datetime | None = None
    trips: int = 0
    """How often it has opened, ever."""
    probing: bool = False
    """Whether its probe is out."""
    rate: RateLine | None = None
    kind: str = "provider"
    """``provider``, for failures, or ``budget``, for a bill above its bound."""
    latched: bool = False
    """Whether it is open until an operator resets it, whatever the time."""
    scope: str = ""
    """The stop scope of a breaker that is of no model, as ``layer:L2``."""

    @property
    def name(self) -> str:
        """What it is the breaker of: a model, or a scope."""
        return self.scope or f"{self.provider}:{self.model_id}"

    @property
    def reset_by(self) -> str:
        """The command that closes a latched one."""
        return f'peak breaker reset {self.kind} {self.name} --reason "..."'

    def probe_in_s(self, now: datetime) -> float | None:
        """Seconds until an open breaker lets a probe through, 0 when one may go; ``None`` while closed."""
        if self.latched or self.state is BreakerState.CLOSED or self.until is None:
            return None
        return max(0.0, (self.until - now).total_seconds())

    @property
    def lets_through(self) -> bool:
        """Whether ordinary calls go to it."""
        return self.state is BreakerState.CLOSED

    def as_json(self, now: datetime) -> dict[str, Any]:
        """The breaker in ``peak status --json``."""
        probe = self.probe_in_s(now)
        return {
            "breaker": self.kind,
            "provider": self.provider,
            "model_id": self.model_id,
            "state": self.state.value,
            "failures": self.failures,
            "reason": self.reason or None,
            "opened": None if self.opened is None else iso(self.opened),
            "until": None if self.until is None or self.lets_through or self.latched else iso(self.until),
            "probe_in_s": None if probe is None else round(probe, 3),
            "trips": self.trips,
            "probing": self.probing,
            "latched": self.latched,
            "scope": self.scope or None,
            "rate": None if self.rate is None else self.rate.as_json(now),
        }


def breaker_of(breakers: Iterable[BreakerLine], provider: str, model_id: str) -> BreakerLine | None:
    """The breaker of this provider and model; ``None`` where nothing was ever sent to it.

    A latched one before the other: it keeps calls away longest.
    """
    own = [one for one in breakers if (one.provider, one.model_id) == (provider, model_id)]
    return next((one for one in own if one.latched), own[0] if own else None)


def not_closed(breakers: Sequence[BreakerLine]) -> list[BreakerLine]:
    """What keeps calls away: the latched first, then the open ones, then what probes first."""
    kept = [one for one in breakers if not one.lets_through]
    return sorted(
        kept,
        key=lambda one: (not one.latched, one.state is not BreakerState.OPEN, one.until is None, one.until),
    )


def breaker_words(one: BreakerLine | None, now: datetime) -> str:
    """A breaker in words: ``closed``, ``open, probe in 42 s``, ``half-open, the next call probes it``."""
    if one is None:
        return "closed"
    if one.lets_through:
        return "closed" if not one.failures else f"closed, {one.failures} failures lately"
    left = one.probe_in_s(now) or 0.0
    why = f" ({reason_words(one.reason)})" if one.reason else ""
    if one.latched:
        return f"latched{why}: {one_line(one.reset_by, 120)}"
    if one.state is BreakerState.OPEN and left:
        return f"open, probe in {left:.0f} s{why}"
    return f"half-open, {'a probe is out' if one.probing else 'the next call probes it'}{why}"


def reason_words(reason: str) -> str:
    """Why a breaker opened, as people read it."""
    return BILL_WORDS if reason == "bill_above_bound" else one_line(reason, 40)
