"""Kills schedulers: ``python killed_scheduler.py FOLDER KILLS SEED`` prints what was begun, told and left.

Each scheduler is a process of its own over the same file, with a clock that runs fifty times as fast, and is
killed by SIGKILL at some moment; the last one is left in peace until it owes nothing. A worker is a line that
it begins and a line that it is done, so what began is known whoever died.
"""

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from peak_console.config.jobs import Job
from peak_console.domain.events import EventDraft
from peak_console.domain.jobs import RunState
from peak_console.node.scheduling.book import Book, Ended
from peak_console.node.scheduling.claims import Claims
from peak_console.node.scheduling.scheduler import Scheduler
from peak_console.node.scheduling.standing import Standing, Surroundings
from peak_console.node.state_thread import StateThread

if TYPE_CHECKING:
    from peak_console.node.scheduling.worker_process import WorkerProcess

FAST: Final = 50
EPOCH: Final = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


class FastClock:
    """Time since ``begun`` (of the monotonic clock), fifty times as fast."""

    def __init__(self, begun: float) -> None:
        self._begun = begun

    def now(self) -> datetime:
        """The wall clock."""
        return EPOCH + timedelta(seconds=(time.monotonic() - self._begun) * FAST)

    def boot_us(self) -> int:
        """The boot clock."""
        return round((time.monotonic() - self._begun) * FAST * 1_000_000)


class Lines:
    """A file of lines, each written whole."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(self, **fields: Any) -> None:
        """One line."""
        os.write(self._file, json.dumps(fields).encode() + b"\n")


class Worker:
    """Begins, and is done a little later."""

    pid = 0

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    async def start(self, order: Mapping[str, Any]) -> None:
        """Begin."""
        self._key = order["key"]
        self._lines.write(key=self._key, did="begin", attempt=order["attempt"])

    def end(self, why: str) -> None:
        """It ends by itself."""

    async def wait(self, timeout_s: float, heard: Callable[[str, str], None]) -> Ended:
        """Until it is done."""
        await asyncio.sleep(0.002)
        self._lines.write(key=self._key, did="done")
        return Ended(RunState.DONE, "done")


class FastAlarm:
    """Rings by the fast clock."""

    def __init__(self, ring: Callable[[str], object], clock: FastClock) -> None:
        self._ring, self._clock = ring, clock
        self._calls: dict[str, asyncio.TimerHandle] = {}

    def set(self, name: str, at: datetime) -> None:
        """Ring at ``at``."""
        self.unset(name)
        after = max(0.0, (at - self._clock.now()).total_seconds() / FAST)
        self._calls[name] = asyncio.get_running_loop().call_later(after, self._ring, name)

    def unset(self, name: str) -> None:
        """Ring no more for it."""
        if name in self._calls:
            self._calls.pop(name).cancel()

    def close(self) -> None:
        """Ring no more."""


def jobs(*, enabled: bool) -> list[Job]:
    """One of each policy, due each second."""
    return [
        Job.model_validate(
            {
                "name": catch_up,
                "kind": "two_sample",
                "schedule": "every 1s",
                "catch_up": catch_up,
                "enabled": enabled,
                "two_sample": {},
            }
        )
        for catch_up in ("none", "last", "all")
    ]


def scheduler_of(folder: Path, begun: float, *, until: datetime | None) -> tuple[Scheduler, Standing]:
    """A scheduler over what stands in ``folder``; from ``until`` on its jobs are disabled."""
    clock, standing = FastClock(begun), Standing()
    lines, ledger = Lines(folder / "ran.txt"), Lines(folder / "told.txt")
    session = str(os.getpid())
    state = StateThread(folder / "state.db")

    async def append(drafts: Sequence[EventDraft]) -> None:
        for one in drafts:
            ledger.write(id=one.event_id, kind=one.kind, body=dict(one.body))

    def config() -> tuple[list[Job], str]:
        enabled = until is None or clock.now() < until
        return jobs(enabled=enabled), str(enabled)

    book = Book(state, folder / "ledger.db", session, lambda: frozenset(standing.running))
    around = Surroundings(
        clock=clock,
        root=folder,
        session=session,
        jobs=config,
        stopped=str,
        paused=dict,
        append=append,
        make_worker=lambda: cast("WorkerProcess", Worker(lines)),
        alarm=lambda ring: FastAlarm(ring, clock),
    )
    return Scheduler(book, around, standing, Claims()), standing


async def serve(folder: Path, begun: float) -> None:
    """Schedule until killed."""
    scheduler, _ = scheduler_of(folder, begun, until=None)
    await scheduler.begin()
    await scheduler.run()


async def finish(folder: Path, begun: float) -> None:
    """Schedule for a little, then disable the jobs and wait for what runs."""
    scheduler, standing = scheduler_of(folder, begun, until=FastClock(begun).now() + timedelta(seconds=3))
    await scheduler.begin()
    serving = asyncio.create_task(scheduler.run())
    while scheduler._around.jobs()[1] == "True":  # noqa: ASYNC110 - a clock passes
        await asyncio.sleep(0.01)
    scheduler.wake()
    await scheduler.settle()
    while standing.running:  # noqa: ASYNC110 - no event tells it
        await asyncio.sleep(0.01)
    await scheduler.settle()
    serving.cancel()
    await scheduler.end()


def at_work(folder: Path, lines: int) -> None:
    """Wait until a scheduler has written so many lines, or is slow to."""
    files, end = (folder / "ran.txt", folder / "told.txt"), time.monotonic() + 2
    begun = sum(file.read_bytes().count(b"\n") for file in files if file.exists())
    while time.monotonic() < end:
        if sum(file.read_bytes().count(b"\n") for file in files if file.exists()) >= begun + lines:
            return
        time.sleep(0.001)


def main() -> None:
    """Kill, finish; the files tell the rest."""
    folder, kills = Path(sys.argv[1]), int(sys.argv[2])
    chance = random.Random(int(sys.argv[3]))  # noqa: S311 - when to kill, by a seed
    begun = time.monotonic()
    for _ in range(kills):
        pid = os.fork()
        if pid == 0:
            asyncio.run(serve(folder, begun))
        at_work(folder, chance.randrange(1, 9))
        time.sleep(chance.uniform(0, 0.004))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    asyncio.run(finish(folder, begun))


if __name__ == "__main__":
    main()
