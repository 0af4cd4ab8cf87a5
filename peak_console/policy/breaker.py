"""The breaker of one provider's model: when it is left alone, and how it is tried again.

Closed, calls pass. So many failures within a window open it, in a row or as a large enough share of the
attempts; then nothing passes until its time is over. After that one call, the probe, is let through: its
answer closes the breaker, its failure opens it for twice as long. Pure: a moment is microseconds since 1970,
handed in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from peak_console.domain.calls import CallReason

SECOND_US: Final = 1_000_000

TOLD_LIMIT_US: Final = 24 * 3600 * SECOND_US
"""The longest wait told by a provider that is believed."""

PROBE_PATIENCE_US: Final = SECOND_US
"""How long whoever comes beside a probe is asked to wait before asking again."""

BUCKETS: Final = 12
"""A window is counted in so many parts: an attempt leaves it at most one part early, never late."""

LATCHED_UNTIL_US: Final = 253_402_300_799 * SECOND_US
"""The end of the year 9999: until when a breaker that only an operator resets is open."""

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
        CallReason.UNEXPECTED_ECHO.value,
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
    """So many within the window open it, in a row or as :attr:`failure_pct` of the attempts."""
    window_us: int = 60 * SECOND_US
    failure_pct: Decimal = Decimal(50)
    open_us: int = 60 * SECOND_US
    longest_open_us: int = 900 * SECOND_US


class Bucket(NamedTuple):
    """Attempts of a part of the window, from ``start_us`` on: how many, and how many of them failed."""

    start_us: int
    attempts: int
    failed: int


@dataclass(frozen=True, slots=True)
class Breaker:
    """The state of one model's breaker; every moment in microseconds since 1970."""

    state: BreakerState = BreakerState.CLOSED
    failures: tuple[int, ...] = ()
    """When the failures in a row happened that may still open it; fewer than do."""
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
    recent: tuple[Bucket, ...] = ()
    """Attempts within the window while it is closed, the oldest first; at most one more than ``BUCKETS``."""

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


def answered(
    breaker: Breaker, hop: str, rules: BreakerRules, now_us: int, *, failures: Sequence[str] = ()
) -> Breaker:
    """``hop`` was answered, after attempts that failed for ``failures``: a probe's answer closes the breaker.

    Each of its attempts counts, the answer last; it ends the failures in a row. What was sent before an
    opening says nothing of the time after it.
    """
    if breaker.state is not BreakerState.CLOSED:
        return heard(breaker, hop, now_us)
    counted = [reason for reason in failures if reason in COUNTED]
    after = _with_failures(breaker, counted, rules, now_us)
    if after.state is not BreakerState.CLOSED:
        return after
    return replace(after, failures=(), recent=_counted(after.recent, rules, now_us, attempts=1))


def heard(breaker: Breaker, hop: str, now_us: int) -> Breaker:
    """The provider took ``hop`` to work on: it is there. What becomes of it is an attempt of its own."""
    if breaker.state is BreakerState.CLOSED:
        return replace(breaker, failures=()) if breaker.failures else breaker
    return reset(breaker, now_us) if _is_probe(breaker, hop) else breaker


def reset(breaker: Breaker, now_us: int) -> Breaker:
    """Closed, as if nothing had failed."""
    return replace(
        breaker,
        state=BreakerState.CLOSED,
        failures=(),
        recent=(),
        span_us=0,
        until_us=0,
        probe="",
        changed_us=now_us,
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
        return _with_failures(breaker, counted, rules, now_us, told_us=told_us)
    if breaker.holds(now_us):
        return replace(breaker, until_us=max(breaker.until_us, now_us + told_us))
    return breaker


def freed(breaker: Breaker, hop: str) -> Breaker:
    """``hop`` ended and says nothing of the model: was it the probe, then the next call is one."""
    return replace(breaker, probe="") if _is_probe(breaker, hop) else breaker


def _is_probe(breaker: Breaker, hop: str) -> bool:
    return breaker.state is BreakerState.HALF_OPEN and breaker.probe == hop


def _with_failures(
    breaker: Breaker, counted: Sequence[str], rules: BreakerRules, now_us: int, *, told_us: int = 0
) -> Breaker:
    """A closed breaker with failures of now: still closed, or opened by them."""
    if not counted:
        return breaker
    row = [at for at in breaker.failures if 0 <= now_us - at < rules.window_us]
    row += [now_us] * len(counted)
    recent = _counted(breaker.recent, rules, now_us, attempts=len(counted), failed=len(counted))
    breaker = replace(breaker, failures=tuple(row), recent=recent, reason=counted[-1])
    if len(row) >= rules.failures or _too_many(recent, rules):
        return _opened(breaker, counted[-1], rules.open_us, told_us, now_us)
    return breaker


def _counted(
    recent: Sequence[Bucket], rules: BreakerRules, now_us: int, *, attempts: int, failed: int = 0
) -> tuple[Bucket, ...]:
    """The buckets of the window with so many attempts of now.

    A bucket counts while all of it lies within the window. One that is dated ahead of a clock that was set
    back is dropped.
    """
    kept = [one for one in recent if 0 <= now_us - one.start_us < rules.window_us]
    width_us = -(-rules.window_us // BUCKETS)
    if kept and now_us - kept[-1].start_us < width_us:
        start_us, before, failed_before = kept.pop()
        kept.append(Bucket(start_us, before + attempts, failed_before + failed))
    else:
        kept.append(Bucket(now_us, attempts, failed))
    return tuple(kept[-BUCKETS - 1 :])


def _too_many(recent: Sequence[Bucket], rules: BreakerRules) -> bool:
    failures = sum(one.failed for one in recent)
    attempts = sum(one.attempts for one in recent)
    return failures >= rules.failures and failures * 100 >= rules.failure_pct * attempts


def _opened(breaker: Breaker, reason: str, span_us: int, told_us: int, now_us: int) -> Breaker:
    return replace(
        breaker,
        state=BreakerState.OPEN,
        failures=(),
        recent=(),
        reason=reason,
        opened_us=now_us,
        until_us=now_us + max(span_us, told_us),
        span_us=span_us,
        trips=breaker.trips + 1,
        changed_us=now_us,
        probe="",
    )
