"""Time as an argument: a clock is passed in wherever time matters."""

import time
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Clock(Protocol):
    """A wall clock and a boot clock. The wall may step; the boot clock only runs forward, in sleep too."""

    def now(self) -> datetime:
        """The wall clock, aware, UTC."""
        ...

    def boot_us(self) -> int:
        """Microseconds since boot, suspend included."""
        ...


class SystemClock:
    """The machine's clocks: CLOCK_BOOTTIME on Linux; CLOCK_MONOTONIC on macOS, which runs in sleep there."""

    _boot = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

    def now(self) -> datetime:
        """The wall clock, aware, UTC."""
        return datetime.now(UTC)

    def boot_us(self) -> int:
        """Microseconds since boot."""
        return time.clock_gettime_ns(self._boot) // 1000


class ManualClock:
    """A clock that stands until it is moved; for tests, replay and simulation."""

    def __init__(self, now: datetime | None = None, boot_us: int = 1_000_000_000) -> None:
        self._now = now or datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
        self._boot_us = boot_us

    def now(self) -> datetime:
        """The wall clock as last set."""
        return self._now

    def boot_us(self) -> int:
        """The boot clock as last moved."""
        return self._boot_us

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass on both clocks."""
        self._now += timedelta(seconds=seconds)
        self._boot_us += round(seconds * 1_000_000)

    def step_wall(self, seconds: float) -> None:
        """Step the wall clock alone, as an operator or NTP would."""
        self._now += timedelta(seconds=seconds)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds and ``Z``: the form of every stored time (decision 19)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_iso(text: str) -> datetime:
    """The inverse of :func:`iso`."""
    return datetime.fromisoformat(text)


def unix_us(moment: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def from_unix_us(moment_us: int) -> datetime:
    """The inverse of :func:`unix_us`, in UTC."""
    return _EPOCH + timedelta(microseconds=moment_us)
