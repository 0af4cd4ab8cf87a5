"""Readiness for the next phase, kept for a while: it reads every config and much of the ledger."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from peak_console.config.workspace import Workspace
from peak_console.domain.clock import Clock, SystemClock
from peak_console.domain.errors import PeakError

if TYPE_CHECKING:
    from peak_console.operations.readiness import Readiness
    from peak_console.operations.readiness_tallies import Tallies

KEPT_FOR: Final = timedelta(seconds=30)
"""How long a judgement is shown before it is judged again."""


class ReadinessKept:
    """The newest judgement. Used by one thread; the first look does not wait for one."""

    def __init__(self, ws: Workspace, clock: Clock | None = None) -> None:
        self._ws = ws
        self._clock = clock or SystemClock()
        self._asked = False
        self._at: datetime | None = None
        self._judged: Readiness | None = None
        self._problem = ""
        self._rests_on: object = None
        self._tallies: Tallies | None = None

    def read(self, now: datetime, rests_on: object = None) -> "tuple[Readiness | None, str]":
        """The judgement, at most half a minute old; ``None`` before there is one, and why.

        It is judged anew at once when ``rests_on``, what it was judged by, is not what it was.
        """
        if not self._asked:
            self._asked = True
            return None, ""
        if self._at is None or rests_on != self._rests_on or not timedelta(0) <= now - self._at < KEPT_FOR:
            self._at, self._rests_on = now, rests_on
            self._judge()
        return self._judged, self._problem

    def _judge(self) -> None:
        from peak_console.operations.readiness import readiness  # noqa: PLC0415 - loads lint and the lock
        from peak_console.operations.readiness_tallies import Tallies  # noqa: PLC0415 - with it

        self._tallies = self._tallies or Tallies()
        try:
            self._judged, self._problem = readiness(self._ws, clock=self._clock, tallies=self._tallies), ""
        except PeakError as error:
            self._judged = None
            self._problem = f"{error.message}; {error.remedy}" if error.remedy else error.message
