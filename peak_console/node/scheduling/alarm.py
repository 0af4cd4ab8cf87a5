"""APScheduler as an alarm clock: it rings at a moment for a name, and knows nothing else.

Its job store is memory, so nothing is pickled and nothing can be shared. ``misfire_grace_time`` is none (its
default of a second drops an alarm that rings late), an alarm is set anew for each ring, and what rings is a
coroutine function that returns at once: with ``max_instances`` at 1 a ring is never dropped for one that
still goes on. A ring that is lost, late or doubled does no harm: what is due is computed elsewhere.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

_LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)


class AlarmClock:
    """Rings ``ring(name)`` on the running loop. Make it there; :meth:`close` it there."""

    def __init__(self, ring: Callable[[str], object]) -> None:
        from apscheduler.jobstores.memory import MemoryJobStore  # noqa: PLC0415 - a node loads it, no command
        from apscheduler.schedulers.asyncio import AsyncIOScheduler  # noqa: PLC0415 - the same

        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._ring = ring
        self._scheduler: Any = AsyncIOScheduler(
            timezone=UTC,
            jobstores={"default": MemoryJobStore()},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._scheduler.start()

    def set(self, name: str, at: datetime) -> None:
        """Ring for ``name`` at ``at``, at once where that is past; an earlier setting holds no longer."""
        from apscheduler.triggers.date import DateTrigger  # noqa: PLC0415 - as above

        trigger = DateTrigger(min(at, _LATEST), timezone=UTC)
        self._scheduler.add_job(self._rung, trigger, args=(name,), id=name, replace_existing=True)

    def unset(self, name: str) -> None:
        """Ring no more for ``name``."""
        if self._scheduler.get_job(name) is not None:
            self._scheduler.remove_job(name)

    def close(self) -> None:
        """Ring no more."""
        self._scheduler.remove_all_jobs()
        self._scheduler.shutdown(wait=False)

    async def _rung(self, name: str) -> None:
        self._ring(name)
