"""Three clocks read as one: boot, awake and wall, so that a sleep or a step shows between two readings."""

import time
from collections.abc import Callable
from typing import Final

from peak_console.domain.clock import Clock, SystemClock, unix_us

Reading = tuple[int, int, int]
"""Boot, awake and wall clock in microseconds."""

_CLOSE_US: Final = 1000
_TRIES: Final = 5
_AWAKE: Final = getattr(time, "CLOCK_UPTIME_RAW", time.CLOCK_MONOTONIC)
"""Stands still in sleep: CLOCK_MONOTONIC on Linux, CLOCK_UPTIME_RAW on macOS."""


def reader_of(clock: Clock) -> Callable[[], Reading]:
    """How to read ``clock`` beside the machine's awake clock; one that is not the machine's never slept."""
    if isinstance(clock, SystemClock):
        return lambda: _read(clock)
    return lambda: (clock.boot_us(), clock.boot_us(), unix_us(clock.now()))


def _read(clock: Clock) -> Reading:
    """Read again when this process was set aside between the first clock and the last."""
    for _ in range(_TRIES):
        before = _awake_us()
        boot, wall = clock.boot_us(), unix_us(clock.now())
        awake = _awake_us()
        if awake - before <= _CLOSE_US:
            break
    return boot, awake, wall


def _awake_us() -> int:
    return time.clock_gettime_ns(_AWAKE) // 1000
