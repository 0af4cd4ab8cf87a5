"""A scheduler without a node: a clock that is moved, workers that are told to end, a list for a ledger."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from peak_console.config.jobs import Job
from peak_console.domain.clock import ManualClock
from peak_console.domain.errors import ConfigInvalid, LedgerUnavailable, PeakError
from peak_console.domain.events import EventDraft
from peak_console.domain.jobs import RunState
from peak_console.node.scheduling.book import Book, Ended
from peak_console.node.scheduling.claims import Claims
from peak_console.node.scheduling.scheduler import Scheduler
from peak_console.node.scheduling.standing import Standing, Surroundings
from peak_console.node.scheduling.tables import RunRow, newest_runs
from peak_console.node.scheduling.worker_process import WorkerProcess
from peak_console.node.state_thread import StateThread

BEGUN = datetime(2026, 11, 23, 8, 0, 30, tzinfo=UTC)


def job(name: str = "beat", **more: Any) -> Job:
    """A job that runs every minute."""
    fields = {"name": name, "kind": "two_sample", "schedule": "every 1m", "two_sample": {}, **more}
    return Job.model_validate(fields)


class Ledger:
    """Events by their ids, as the ledger takes them: a repetition changes nothing."""

    def __init__(self) -> None:
        self.events: dict[str, EventDraft] = {}
        self.broken = False
        self.refuses = ""

    async def append(self, drafts: Sequence[EventDraft]) -> None:
        """Take events in."""
        if self.broken:
            raise LedgerUnavailable("the disk is full", code="ledger_full")
        if any(one.kind == self.refuses for one in drafts):
            raise PeakError("no such event", code="refused")
        for one in drafts:
            self.events.setdefault(one.event_id, one)

    def told(self, kind: str = "") -> list[Mapping[str, Any]]:
        """Bodies of a kind, in their order."""
        return [one.body for one in self.events.values() if one.kind == f"job.{kind}"]

    def missed(self) -> list[tuple[int, str]]:
        """How many were missed, and why, batch by batch."""
        return [(one["count"], one["why"]) for one in self.told("missed")]


class FakeWorker:
    """A worker that runs until it is told how it ends."""

    def __init__(self) -> None:
        self.pid = 0
        self.order: Mapping[str, Any] = {}
        self.over: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self.broken = False

    async def start(self, order: Mapping[str, Any]) -> None:
        """Begin."""
        if self.broken:
            raise OSError(11, "no more processes")
        self.order, self.pid = order, 4_000_000

    def end(self, why: str) -> None:
        """End as one that is told to."""
        if not self.over.done():
            self.over.set_result(Ended(RunState.ABORTED, why))

    async def wait(self, timeout_s: float, heard: Callable[[str, str], None]) -> Ended:
        """How it ended."""
        heard("run_id", "run-1")
        return await self.over


class Desk:
    """One node's scheduler over a file."""

    def __init__(
        self, path: Path, clock: ManualClock, ledger: Ledger, jobs: Sequence[Job], session: str
    ) -> None:
        self.clock, self.ledger, self.jobs = clock, ledger, list(jobs)
        self.problem = ""
        self.stopped = ""
        self.paused: dict[str, str] = {}
        self.workers: list[FakeWorker] = []
        self.alarms: dict[str, datetime] = {}
        self.breaks_workers = False
        self.state = StateThread(path)
        self.standing = Standing()
        self.claims = Claims()
        self.book = Book(
            self.state, path.parent / "ledger.db", session, lambda: frozenset(self.standing.running)
        )
        around = Surroundings(
            clock=clock,
            root=path.parent,
            session=session,
            jobs=self._config,
            stopped=lambda: self.stopped,
            paused=lambda: self.paused,
            append=ledger.append,
            make_worker=self._worker,
            alarm=lambda _: self,
            stop_grace_s=0.0,
        )
        self.scheduler = Scheduler(self.book, around, self.standing, self.claims)

    def _config(self) -> tuple[Sequence[Job], str]:
        if self.problem:
            raise ConfigInvalid(self.problem, code="jobs_unreadable", remedy="peak lint")
        return self.jobs, str([one.model_dump_json() for one in self.jobs])

    def _worker(self) -> WorkerProcess:
        worker = FakeWorker()
        worker.broken = self.breaks_workers
        self.workers.append(worker)
        return cast("WorkerProcess", worker)

    # -- as an alarm clock

    def set(self, name: str, at: datetime) -> None:
        """Note when an alarm would ring."""
        self.alarms[name] = at

    def unset(self, name: str) -> None:
        """Forget it."""
        self.alarms.pop(name, None)

    def close(self) -> None:
        """Forget all."""
        self.alarms.clear()

    # -- what tests do

    async def look(self) -> None:
        """A ring for every job, and what follows."""
        self.scheduler.wake()
        await self.scheduler.settle()

    async def pass_(self, seconds: float) -> None:
        """Let time pass, and look."""
        self.clock.advance(seconds)
        await self.look()

    async def finish(self, key: str, state: RunState = RunState.DONE, outcome: str = "would_block") -> None:
        """A worker ends; what follows is settled."""
        worker = cast("FakeWorker", self.standing.running[key].worker)
        if not worker.over.done():
            worker.over.set_result(Ended(state, outcome))
        await self.ended(key)
        await self.look()

    async def ended(self, key: str) -> None:
        """Wait until a run has no worker any more."""
        async with asyncio.timeout(30):
            while key in self.standing.running:  # noqa: ASYNC110 - no event tells it
                await asyncio.sleep(0)

    async def runs(self) -> dict[str, RunRow]:
        """Every run, by its key without the day."""
        found = await self.book.read(lambda db: newest_runs(db, 1000))
        return {one.key.replace("2026-11-23T", "").removeprefix("beat@"): one for one in found}

    async def states(self) -> dict[str, str]:
        """The state of every run, oldest first."""
        return {key: one.state for key, one in sorted((await self.runs()).items())}

    def running(self) -> list[str]:
        """The due times of runs that have a worker."""
        return [key.partition("T")[2] for key in self.standing.running]


@asynccontextmanager
async def desk(
    path: Path,
    *jobs: Job,
    problem: str = "",
    clock: ManualClock | None = None,
    ledger: Ledger | None = None,
    session: str = "s1",
) -> AsyncIterator[Desk]:
    """A scheduler that has begun; left as a node that is killed leaves it, unless it was ended."""
    made = Desk(path, clock or ManualClock(BEGUN), ledger or Ledger(), jobs, session)
    made.problem = problem
    try:
        await made.scheduler.begin()
        await made.scheduler.settle()
        yield made
    finally:
        for task in tuple(made.scheduler._watching):
            task.cancel()
        await asyncio.gather(*made.scheduler._watching, return_exceptions=True)
        made.state.close()
