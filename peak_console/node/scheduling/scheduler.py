"""The scheduler: takes jobs in, looks when an alarm rings, claims what is due, runs it and tells it."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from peak_console.config.jobs import Job
from peak_console.domain.clock import from_unix_us, unix_us
from peak_console.domain.errors import (
    ConfigInvalid,
    ControlRefused,
    EnvironmentUnfit,
    PeakError,
)
from peak_console.domain.jobs import RunCause, RunState
from peak_console.jobs.policy import Around, MissedWhy, runs_again
from peak_console.node.scheduling.book import Book, Ended, refuse_to_end
from peak_console.node.scheduling.claims import Claims, claim_of
from peak_console.node.scheduling.orphans import Orphan, born_of, end_orphan
from peak_console.node.scheduling.outbox import Outbox
from peak_console.node.scheduling.reading import config_changed, read_config
from peak_console.node.scheduling.running import Cancelled, Running, order_of
from peak_console.node.scheduling.standing import Alarm, Standing, Surroundings, trouble_of
from peak_console.node.scheduling.syncing import job_of
from peak_console.node.scheduling.tables import WAITING, RunRow, waiting_row

WORKERS_MOST: Final = 8
"""Workers at once, of all jobs; further runs wait for their turn."""

ORPHAN_GRACE_S: Final = 15.0
"""How long a worker may outlive its node: what it paid for goes to the spool meanwhile. Its claim is gone."""

_RETRY_S: Final = 5.0
_LATE_US: Final = 2_000_000
_STEP_US: Final = 1_000_000

logger = logging.getLogger(__name__)


class Scheduler:
    """Used on the node's loop only. One task decides; workers are waited for beside it."""

    def __init__(self, book: Book, around: Surroundings, standing: Standing, claims: Claims) -> None:
        self._book, self._around, self._claims = book, around, claims
        self.standing = standing
        self._outbox = Outbox(book, around.append)
        self._alarm: Alarm | None = None
        self._rung: set[str] = set()
        self._stir = asyncio.Event()
        self._free_since: dict[str, int] = {}
        self._served_since = 0
        self._offset: int | None = None
        self._opened = False
        """Whether what an earlier node left is settled."""
        self._taken = ""
        """The digest of the config whose jobs the book has."""
        self._ending = False
        self._watching: set[asyncio.Task[None]] = set()
        self._deciding = asyncio.Lock()

    # -- the node's side

    async def begin(self) -> None:
        """Settle what an earlier node left, take the jobs in, tell what is untold, set the alarms."""
        self._served_since = self._now()
        self._alarm = self._around.alarm(self.wake)
        await self._tried(self._opening)

    async def run(self) -> None:
        """Look whenever something happens, until cancelled."""
        while True:
            await self._stir.wait()
            self._stir.clear()
            await self.settle()

    def wake(self, name: str = "") -> None:
        """Look at a job soon; at all of them where none is named."""
        self._rung |= {name} if name else set(self.standing.jobs)
        self._stir.set()

    def look(self) -> None:
        """Each second: an alarm that was not heard, a clock that was set, a config that changed."""
        clock = self._around.clock
        now, offset = self._now(), self._now() - clock.boot_us()
        if self._offset is not None and abs(offset - self._offset) > _STEP_US:
            self.wake()
        self._offset = offset
        late = {name for name, at in self.standing.wakes.items() if at + _LATE_US < now}
        if late or config_changed(self.standing, self._around):
            self._rung |= late
            self._stir.set()

    def posture_changed(self, *, calls: bool) -> None:
        """A stop came or was lifted: nothing begins in one, and who still runs after a while is ended."""
        self.wake()
        if not calls:
            loop = asyncio.get_running_loop()
            for one in self.standing.running.values():
                loop.call_later(self._around.stop_grace_s, one.worker.end, "stopped")

    async def end(self) -> None:
        """End every worker; their runs are told as interrupted, and begin again with the next node."""
        self._ending = True
        async with self._deciding:
            if self._alarm is not None:
                self._alarm.close()
                self._alarm = None
            for one in self.standing.running.values():
                one.worker.end(_NODE_ENDED)
        if self._watching:
            await asyncio.wait(self._watching)
        await self._tried(self._outbox.tell)

    # -- what is asked

    async def ask(
        self,
        name: str,
        *,
        params: Mapping[str, Any] | None = None,
        cause: RunCause = RunCause.ASKED,
        asked_by: str = "",
        reason: str = "",
    ) -> str:
        """Have a job run now; gives the run's key. Raises ``ControlRefused`` where it may not."""
        config_changed(self.standing, self._around)
        if self.standing.unusable:
            raise ControlRefused(
                f"the jobs' file has an error: {self.standing.problem}",
                code="jobs_unreadable",
                remedy="peak lint",
            )
        job = self.standing.jobs.get(name)
        if job is None:
            raise ControlRefused(
                f"the config names no job {name!r:.60}", code="no_such_job", remedy="see: peak jobs list"
            )
        if stopped := self._around.stopped():
            raise ControlRefused(
                f"nothing is begun now: {stopped}", code="jobs_held", remedy=self._around.held_remedy()
            )
        if name in self._around.paused():
            raise ControlRefused(
                f"the job {name} is paused",
                code="job_paused",
                remedy=f'let it run again: peak jobs resume {name} --reason "..."',
            )
        told = {"asked_by": asked_by, "reason": reason, "params": json.dumps(params or {}, sort_keys=True)}
        row = await self._book.ask(waiting_row(name, self._now(), cause, **told))
        self.wake(name)
        return row.key

    async def cancel(self, key: str, *, by: str = "", reason: str = "") -> bool:
        """End a run that runs or waits; raises ``ControlRefused`` (``run_over``, ``no_such_run``) otherwise.

        Who did it first, and why, is told with its end.
        """
        running = self.standing.running.get(key)
        if running is not None:
            running.cancelled = running.cancelled or Cancelled(by, reason)
            running.worker.end(_CANCELLED)
            return True
        async with self._deciding:
            ended = Cancelled(by, reason).told(Ended(RunState.ABORTED, _CANCELLED))
            found = await self._book.give_up(key, ended, self._now())
            if found is None or found.state != WAITING:
                raise refuse_to_end(key, found)
        self.wake()
        return True

    # -- deciding

    async def settle(self) -> None:
        """Everything that can be decided now; called by :meth:`run`, and by tests."""
        async with self._deciding:
            if not self._ending:
                await self._tried(self._decide)

    async def _opening(self) -> None:
        read_config(self.standing, self._around)  # before the book: its policies decide what runs again
        self.standing.schedules = await self._book.schedules()
        await self._recover()
        await self._take_config()
        if self.standing.problem and not self.standing.jobs:
            for job in self._remembered():
                await self._book.hold(job, MissedWhy.JOBS_UNREADABLE, self._now())
            self.standing.schedules = await self._book.schedules()
        self._opened = True
        await self._outbox.tell()
        self.wake()

    def _remembered(self) -> list[Job]:
        """The jobs as the book has them: what becomes of their runs, never what is scheduled."""
        known = (job_of(row) for row in self.standing.schedules.values() if not row.gone)
        return [job for job in known if job is not None]

    def _end_orphan(self, row: RunRow) -> None:
        around, ours = self._around, {one.worker.pid for one in self.standing.running.values()}
        if end_orphan(Orphan(row.pid, row.born), around.root, around.module, ours=ours):
            logger.warning("the worker %d of %s outlived its node and was ended", row.pid, row.key)

    async def _recover(self) -> None:
        known = {job.name: job for job in self._remembered()} | self.standing.jobs
        catch_up = {name: job.catch_up for name, job in known.items()}
        loop = asyncio.get_running_loop()
        for row in await self._book.recover(catch_up, self._now()):
            if row.pid:
                loop.call_later(ORPHAN_GRACE_S, self._end_orphan, row)

    async def _decide(self) -> None:
        if not self._opened:
            await self._opening()
        elif self.standing.trouble:
            await self._recover()  # a claim whose end could not be written
        if config_changed(self.standing, self._around) or self.standing.digest != self._taken:
            read_config(self.standing, self._around)
            await self._take_config()
            self._rung |= set(self.standing.jobs)
        names, self._rung = self._rung, set()
        try:
            for name in sorted(names & self.standing.jobs.keys()):
                await self._look_at(self.standing.jobs[name])
        except BaseException:
            self._rung |= names
            raise
        await self._outbox.tell()
        await self._begin_what_waits()
        self.standing.schedules = await self._book.schedules()

    async def _look_at(self, job: Job) -> None:
        """Deal with one job's due times, or note that it is held."""
        held = self._held(job)
        if held is not None:
            await self._book.hold(job, held, self._now())
            self._free_since[job.name] = -1
            self._set_alarm(job, None)
            return
        if self._free_since.get(job.name, -1) < 0:
            row = (await self._book.schedules()).get(job.name)
            self._free_since[job.name] = self._now() if row is not None and row.held else 0
        if not job.enabled or job.schedule is None:
            await self._book.release(job.name)
            self._set_alarm(job, None)
            return
        around = Around(self._now(), self._served_since, self._free_since[job.name])
        try:
            self._set_alarm(job, await self._book.consider(job, around))
            self.standing.unreadable.pop(job.name, None)
        except ConfigInvalid as error:
            self.standing.unreadable[job.name] = error.message
            self._set_alarm(job, None)

    def _held(self, job: Job) -> MissedWhy | None:
        if self._around.stopped():
            return MissedWhy.STOPPED
        return MissedWhy.PAUSED if job.name in self._around.paused() else None

    def _set_alarm(self, job: Job, wake_us: int | None) -> None:
        if self._alarm is None:
            return
        if wake_us is None:
            self.standing.wakes.pop(job.name, None)
            self._alarm.unset(job.name)
        else:
            self.standing.wakes[job.name] = wake_us
            self._alarm.set(job.name, from_unix_us(wake_us))

    async def _begin_what_waits(self) -> None:
        """Claim and start the runs whose turn it is, the earliest due first."""
        for row in await self._book.waiting():
            job = self.standing.jobs.get(row.job)
            if job is None or self._held(job) is not None or not self._has_room(job):
                continue
            if self._ending:
                return
            await self._begin_run(job, row)

    def _has_room(self, job: Job) -> bool:
        running = [one.row.job for one in self.standing.running.values()]
        return len(running) < WORKERS_MOST and running.count(job.name) < job.max_instances

    async def _begin_run(self, job: Job, row: RunRow) -> None:
        """Claim, durably; tell; only then start a worker."""
        schedule = self.standing.schedules.get(job.name)
        about = {
            "kind": job.kind.value,
            "definition": schedule.digest if schedule else "",
            "config": self.standing.digest,
        }
        running = Running(row, job, self._around.make_worker())
        self.standing.running[row.key] = running
        claimed = None
        try:
            claimed = await self._book.claim(row.key, self._now(), about)
            if claimed is not None:
                running.row, running.token = claimed, self._claims.give(claim_of(claimed, job))
                await self._start(running)
        except (PeakError, OSError) as error:
            self._forget(running)
            if claimed is None:
                raise
            await self._not_started(claimed, job, error)
        else:
            if claimed is None:
                self._forget(running)

    async def _start(self, running: Running) -> None:
        """Tell that it begins, and start its worker; raises ``OSError`` or ``PeakError`` where none runs."""
        await self._outbox.tell()
        if not await self._book.is_claimed(running.row):
            raise EnvironmentUnfit("its claim was lost with the node's state", code="claim_lost")
        await running.worker.start(order_of(running.row, running.job, running.token))
        task = asyncio.create_task(self._watch(running))
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)
        with suppress(PeakError):  # it runs all the same; its end is written with its claim
            pid = running.worker.pid
            await self._book.note_worker(running.row, pid=pid, born=born_of(pid))

    async def _not_started(self, claimed: RunRow, job: Job, error: Exception) -> None:
        """A claim whose worker never ran: as if it had been cut off."""
        logger.warning("the run %s could not be started: %s", claimed.key, error)
        ended = Ended(RunState.INTERRUPTED, "not_started", str(error)[:200])
        await self._book.over(claimed, ended, self._now(), again=runs_again(job.catch_up, claimed.attempt))

    async def _watch(self, running: Running) -> None:
        """Wait for a worker's end and write it down."""
        try:
            ended = await running.worker.wait(running.job.timeout_s, running.heard)
        except Exception as error:
            logger.exception("the worker of %s could not be heard", running.row.key)
            ended = Ended(RunState.FAILED, "defect", f"{type(error).__name__}: {error}"[:200])
        self._claims.over(running.token)
        if ended.outcome == _NODE_ENDED:
            ended = Ended(RunState.INTERRUPTED, _NODE_ENDED, ended.detail)
        if ended.outcome == _CANCELLED and running.cancelled is not None:
            ended = running.cancelled.told(ended)
        ended = replace(ended, run_id=running.run_id)
        again = ended.state is RunState.INTERRUPTED and runs_again(running.job.catch_up, running.row.attempt)
        while True:
            try:
                await self._book.over(running.row, ended, self._now(), again=again)
                break
            except PeakError as error:
                self.standing.trouble = trouble_of(error)
                if self._ending:
                    break
                await asyncio.sleep(_RETRY_S)
        self._forget(running)
        self.wake(running.row.job)

    def _forget(self, running: Running) -> None:
        self._claims.over(running.token)
        self.standing.running.pop(running.row.key, None)

    async def _tried(self, what: Callable[[], Awaitable[None]]) -> None:
        """Do ``what``; where book or ledger cannot be written it is tried again in a while."""
        try:
            await what()
        except PeakError as error:
            words = trouble_of(error)
            if words != self.standing.trouble:
                logger.warning("the scheduler waits: %s", words)
            self.standing.trouble = words
            if not self._ending:
                asyncio.get_running_loop().call_later(_RETRY_S, self.wake)
        else:
            self.standing.trouble = ""

    # -- the config

    async def _take_config(self) -> None:
        if self.standing.problem:
            return
        before = self.standing.schedules
        paused = dict(self._around.paused())
        known = await self._book.sync(list(self.standing.jobs.values()), self._now(), paused)
        await self._outbox.tell()  # the pause of a renamed job goes before anything of its heir
        self.standing.schedules, self._taken = known, self.standing.digest
        for name in set(self.standing.wakes) - self.standing.jobs.keys():
            self.standing.wakes.pop(name)
            if self._alarm is not None:
                self._alarm.unset(name)
        for name, row in known.items():
            if row.note and (name not in before or before[name].note != row.note):
                logger.warning("job %s: %s", name, row.note)

    def _now(self) -> int:
        return unix_us(self._around.clock.now())


_NODE_ENDED: Final = "node_ended"
_CANCELLED: Final = "cancelled"
