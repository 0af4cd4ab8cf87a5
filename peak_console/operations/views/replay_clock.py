"""The clock of a replay: a moment of the past that is moved by hand, or runs at some speed to the end.

What is drawn shows one moment at a time, the one last read (:meth:`ReplayClock.now`); where the replay stands
between two reads is :meth:`ReplayClock.position`.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from peak_console.domain.clock import SystemClock

SPEEDS: Final = (1, 10, 60, 600)
"""Seconds of the past that pass in one second."""


@dataclass(frozen=True, slots=True)
class ReplaySpan:
    """What is replayed, from ``start`` to ``end``; ``note`` says what was made of the words that asked."""

    start: datetime
    end: datetime
    note: str = ""

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.end - self.start).total_seconds()

    def share(self, moment: datetime) -> float:
        """How far along ``moment`` lies, from 0 to 1."""
        if self.seconds <= 0:
            return 1.0
        return min(1.0, max(0.0, (moment - self.start).total_seconds() / self.seconds))

    def held(self, moment: datetime) -> datetime:
        """``moment``, or the end that is nearer to it."""
        return min(self.end, max(self.start, moment))


class ReplayClock:
    """May be used by several threads. ``seconds`` tells running seconds, for how fast the replay runs."""

    def __init__(self, span: ReplaySpan, *, seconds: Callable[[], float] = time.monotonic) -> None:
        self.span = span
        self._seconds = seconds
        self._lock = threading.Lock()
        self._moment = self._shown = span.start
        self._since = seconds()
        self._playing = False
        self._speed = SPEEDS[0]
        self._boot = SystemClock()

    def now(self) -> datetime:
        """The moment that is shown."""
        return self._shown

    def boot_us(self) -> int:
        """The machine's boot clock: durations on the screen are real ones."""
        return self._boot.boot_us()

    def position(self) -> datetime:
        """Where the replay stands."""
        with self._lock:
            return self._settled()

    def latch(self) -> datetime:
        """Show where the replay stands from now on; gives that moment."""
        with self._lock:
            self._shown = self._settled()
            return self._shown

    @property
    def playing(self) -> bool:
        """Whether it runs; it stops by itself at the end."""
        with self._lock:
            self._settled()
            return self._playing

    @property
    def speed(self) -> int:
        """Seconds of the past a second."""
        return self._speed

    def seek(self, moment: datetime) -> datetime:
        """Go to ``moment``, or to the end nearer to it; gives where it went."""
        with self._lock:
            self._settled()
            self._moment = self.span.held(moment)
            return self._moment

    def step(self, seconds: float) -> datetime:
        """Go on, or back, by so many seconds."""
        return self.seek(self.position() + timedelta(seconds=seconds))

    def toggle(self) -> bool:
        """Play or pause; at the end, play from the start. Gives whether it runs."""
        with self._lock:
            moment = self._settled()
            self._playing = not self._playing
            if self._playing and moment >= self.span.end:
                self._moment = self.span.start
            return self._playing

    def faster(self, by: int) -> int:
        """The next higher (``by`` > 0) or lower speed; gives it."""
        with self._lock:
            self._settled()
            at = SPEEDS.index(self._speed) + by
            self._speed = SPEEDS[min(len(SPEEDS) - 1, max(0, at))]
            return self._speed

    def _settled(self) -> datetime:
        """Take in the time that has passed since the last look."""
        now = self._seconds()
        passed, self._since = now - self._since, now
        if self._playing:
            self._moment = self.span.held(self._moment + timedelta(seconds=passed * self._speed))
            self._playing = self._moment < self.span.end
        return self._moment
