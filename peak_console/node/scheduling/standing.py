"""What the scheduler is given by its node, and what it tells of itself at once."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from peak_console.config.jobs import Job
from peak_console.domain.clock import Clock
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft
from peak_console.node.scheduling.running import Running
from peak_console.node.scheduling.tables import ScheduleRow
from peak_console.node.scheduling.worker_process import MODULE, WorkerProcess

STOP_GRACE_S: Final = 5.0
"""How long after a stop a worker may take to end by itself."""


class Alarm(Protocol):
    """Rings for a name at a moment: see :class:`~peak_console.node.scheduling.alarm.AlarmClock`."""

    def set(self, name: str, at: datetime) -> None:
        """Ring for ``name`` at ``at``."""
        ...

    def unset(self, name: str) -> None:
        """Ring no more for ``name``."""
        ...

    def close(self) -> None:
        """Ring no more."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the scheduler asks of its node.

    ``jobs`` gives the config's jobs and their digest, and raises ``ConfigInvalid``; ``stopped`` says why no
    call is permitted, empty while they are; ``paused`` names the jobs that an operator paused, and why.
    """

    clock: Clock
    root: Path
    session: str
    jobs: Callable[[], tuple[Sequence[Job], str]]
    stopped: Callable[[], str]
    paused: Callable[[], Mapping[str, str]]
    append: Callable[[Sequence[EventDraft]], Awaitable[object]]
    make_worker: Callable[[], WorkerProcess]
    alarm: Callable[[Callable[[str], object]], Alarm]
    module: str = MODULE
    """What workers run: an earlier node's are known by it."""
    held_remedy: Callable[[], str] = lambda: "look: peak status"
    """What to do where ``stopped`` says something."""
    stop_grace_s: float = STOP_GRACE_S


@dataclass(slots=True)
class Standing:
    """What is told of the scheduler at once, without asking the book."""

    jobs: dict[str, Job] = field(default_factory=dict)
    schedules: dict[str, ScheduleRow] = field(default_factory=dict)
    wakes: dict[str, int] = field(default_factory=dict)
    """When each job's alarm rings, in microseconds since 1970."""
    running: dict[str, Running] = field(default_factory=dict)
    digest: str = ""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Jobs whose schedule cannot be read, and why."""
    problem: str = ""
    """Why the config's jobs cannot be read: what this node read last goes on, if it ever read any."""
    unusable: bool = False
    """Whether it is the jobs' own file that has an error."""
    trouble: str = ""
    """Why the book or the ledger cannot be written, with what to do."""


def trouble_of(error: PeakError) -> str:
    """What is wrong, with what to do."""
    return f"{error.message}; {error.remedy}" if error.remedy else error.message
