"""The breaker of one provider's model: when it is left alone, and how it is tried again.

Closed, calls pass. So many failures in a row within a window open it; then nothing passes until its time is
over. After that one call, the probe, is let through: its answer closes the breaker, its failure opens it for
twice as long. Pure: a moment is microseconds since 1970, handed in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from peak_console.domain.calls import CallReason

SECOND_US: Final = 1_000_000

TOLD_LIMIT_US: Final = 24 * 3600 * SECOND_US
"""The longest wait told by a provider that is believed."""

PROBE_PATIENCE_US: Final = SECOND_US
"""How long whoever comes beside a probe is asked to wait before asking again."""

COUNTED: Final = frozenset(
    {
        CallReason.CONNECT_ERROR.value,
        CallReason.TIMEOUT.value,
        CallReason.CONNECTION_LOST.value,
        CallReason.STREAM_CUT.value,
        CallReason.SERVER_ERROR.value,
        CallReason.OVERLOADED.value,
        CallReason.RATE_LIMITED.value,
        CallReason.MALFORMED.value,
        CallReason.AUTHENTICATION.value,
        CallReason.PERMISSION.value,
        CallReason.MODEL_NOT_FOUND.value,
    }
)
"""Reasons that speak against the model itself; what else ends a call says nothing of it."""


class BreakerState(StrEnum):
    """Where a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When a breaker opens and for how long, in microseconds."""

    failures: int = 5
    window_us: int = 60 * SECOND_US
    open_us: int = 60 * SECOND_US
    longest_open_us: int = 900 * SECOND_US


@dataclass(frozen=True, slots=True)
class Breaker:
    """The state of one model's breaker; every moment in microseconds since 1970."""

    state: BreakerState = BreakerState.CLOSED
    failures: tuple[int, ...] = ()
    """When the failures happened that may still open it; fewer than do."""
    reason: str = ""
    """The last reason that counted; it stays after a reset."""
    opened_us: int = 0
    """When it was opened last; 0 when never."""
    until_us: int = 0
    """Until when nothing passes."""
    span_us: int = 0
    """How long this opening was meant to last by our own rules; a failed probe doubles it."""
    trips: int = 0
    """How often it has opened, ever."""
    changed_us: int = 0
    """When the state changed last; 0 when never."""
    probe: str = ""
    """Which hop is the probe; empty while there is none."""

    def holds(self, now_us: int) -> bool:
        """Whether its time to stay open is running. A clock set back to before the opening ends it."""
        return self.state is BreakerState.OPEN and self.opened_us <= now_us < self.until_us


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing passes now; ask again at ``until_us``."""

    until_us: int
    retry_after_us: int


def admit(breaker: Breaker, now_us: int) -> Wait | None:
    """``None`` when a call may pass now: the breaker is closed, or the call would be the probe."""
    if breaker.holds(now_us):
        return Wait(breaker.until_us, breaker.until_us - now_us)
    if breaker.state is BreakerState.HALF_OPEN and breaker.probe:
        return Wait(now_us + PROBE_PATIENCE_US, PROBE_PATIENCE_US)
    return None


def sent(breaker: Breaker, hop: str, now_us: int) -> Breaker:
    """A call passed, as ``hop``; the first one after the time of an opening is the probe."""
    if breaker.state is BreakerState.CLOSED or admit(breaker, now_us) is not None:
        return breaker
    changed_us = breaker.changed_us if breaker.state is BreakerState.HALF_OPEN else now_us
    return replace(breaker, state=BreakerState.HALF_OPEN, probe=hop, changed_us=changed_us)


def answered(breaker: Breaker, hop: str, now_us: int) -> Breaker:
    """``hop`` was answered: what failed before is forgotten, and a probe's answer closes the breaker.

    What was sent before an opening says nothing of the time after it.
    """
    if breaker.state is BreakerState.CLOSED:
        return replace(breaker, failures=()) if breaker.failures else breaker
    if not _is_probe(breaker, hop):
        return breaker
    return replace(
        breaker, state=BreakerState.CLOSED, failures=(), span_us=0, until_us=0, probe="", changed_us=now_us
    )


def failed(
    breaker: Breaker,
    hop: str,
    reasons: Sequence[str],
    rules: BreakerRules,
    now_us: int,
    *,
    told_us: int = 0,
) -> Breaker:
    """``hop`` ended without an answer, for ``reasons``: one for each of its attempts.

    ``told_us`` is the wait that the provider asked for: an opening lasts at least that long.
    """
    counted = [reason for reason in reasons if reason in COUNTED]
    told_us = min(told_us, TOLD_LIMIT_US)
    if _is_probe(breaker, hop):
        if not counted:
            return freed(breaker, hop)
        span_us = min(max(breaker.span_us, rules.open_us) * 2, max(rules.longest_open_us, rules.open_us))
        return _opened(breaker, counted[-1], span_us, told_us, now_us)
    if not counted:
        return breaker
    if breaker.state is BreakerState.CLOSED:
        recent = [at for at in breaker.failures if 0 <= now_us - at < rules.window_us]
        failures = (*recent, *(now_us for _ in counted))
        breaker = replace(breaker, failures=failures, reason=counted[-1])
        if len(failures) < rules.failures:
            return breaker
        return _opened(breaker, counted[-1], rules.open_us, told_us, now_us)
    if breaker.holds(now_us):
        return replace(breaker, until_us=max(breaker.until_us, now_us + told_us))
    return breaker


def freed(breaker: Breaker, hop: str) -> Breaker:
    """``hop`` ended and says nothing of the model: was it the probe, then the next call is one."""
    return replace(breaker, probe="") if _is_probe(breaker, hop) else breaker


def _is_probe(breaker: Breaker, hop: str) -> bool:
    return breaker.state is BreakerState.HALF_OPEN and breaker.probe == hop


def _opened(breaker: Breaker, reason: str, span_us: int, told_us: int, now_us: int) -> Breaker:
    return replace(
        breaker,
        state=BreakerState.OPEN,
        failures=(),
        reason=reason,
        opened_us=now_us,
        until_us=now_us + max(span_us, told_us),
        span_us=span_us,
        trips=breaker.trips + 1,
        changed_us=now_us,
        probe="",
    )
