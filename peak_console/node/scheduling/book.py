"""The book of schedules and runs: each step is one transaction, with what it has to tell on the ledger."""

import json
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from peak_console.config.jobs import Job
from peak_console.domain.clock import from_unix_us, iso
from peak_console.domain.errors import ControlRefused
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.jobs import CatchUp, RunCause, RunState
from peak_console.jobs.due import schedule_of
from peak_console.jobs.policy import (
    CATCH_UP_MOST,
    Around,
    Missed,
    MissedWhy,
    plan,
    rewound,
    runs_again,
)
from peak_console.node.scheduling import tables
from peak_console.node.scheduling.record import recorded
from peak_console.node.scheduling.syncing import sync_jobs
from peak_console.node.scheduling.tables import WAITING, RunRow, ScheduleRow
from peak_console.node.state_thread import StateThread

_SLEW_US: Final = 5_000_000
"""A wall clock that goes back by less is being slewed, not set."""

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended."""

    state: RunState
    outcome: str
    detail: str = ""
    run_id: str = ""
    by: str = ""
    """Who ended it, where somebody did."""
    reason: str = ""
    """Why they did."""


class Book:
    """Schedules and runs in the node's state; begun again from the ledger at ``ledger`` where they are lost.

    ``mine`` gives the keys of runs that have a worker of this node. Every method raises ``EnvironmentUnfit``
    where the state cannot be used.
    """

    def __init__(
        self, state: StateThread, ledger: Path, session: str, mine: Callable[[], Collection[str]]
    ) -> None:
        self._state = state
        self._ledger = ledger
        self._session = session
        self._mine = mine
        self._known, self._had_rows = False, False
        self.rebuilt = ""
        """What was begun again from the ledger, for people; empty where nothing was."""

    async def recover(self, catch_up: Mapping[str, CatchUp], now_us: int) -> list[RunRow]:
        """Runs that are another node's were cut off: told so, and begun again where their job wants it.

        Gives them as they were. Twice does no more than once.
        """
        return await self._do(lambda db: self._cut_off(db, catch_up, now_us))

    async def sync(
        self, jobs: Sequence[Job], now_us: int, paused: Mapping[str, str] | None = None
    ) -> dict[str, ScheduleRow]:
        """Take the config's jobs in; gives every job that is known. The heir of a paused one is paused."""
        return await self._do(lambda db: sync_jobs(db, jobs, now_us, paused or {}))

    async def schedules(self) -> dict[str, ScheduleRow]:
        """Every job that is known."""
        return await self._do(tables.schedules)

    async def hold(self, job: Job, why: MissedWhy, now_us: int) -> None:
        """Nothing of this job begins: what waits for its time is missed unless it may be caught up with."""
        await self._do(lambda db: _hold(db, job, why, now_us))

    async def consider(self, job: Job, around: Around) -> int | None:
        """Deal with what is due: claimable rows, missed runs told, the cursor moved. When to look again."""
        return await self._do(lambda db: _consider(db, job, around))

    async def ask(self, row: RunRow) -> RunRow:
        """Have a run wait for its turn now; a moment that is taken gives way to the next microsecond."""

        def work(db: sqlite3.Connection) -> RunRow:
            asked = row
            while not tables.add_run(db, asked):
                asked = tables.waiting_row(
                    row.job,
                    asked.due_us + 1,
                    RunCause(row.cause),
                    asked_by=row.asked_by,
                    reason=row.reason,
                    params=row.params,
                )
            return asked

        return await self._do(work)

    async def waiting(self) -> list[RunRow]:
        """Runs whose turn has not come, the earliest due first."""
        return await self._do(tables.waiting_runs)

    async def claim(self, key: str, now_us: int, about: Mapping[str, Any]) -> RunRow | None:
        """Make a waiting run this node's, and have ``job.started`` told; ``None`` where it does not wait."""

        def work(db: sqlite3.Connection) -> RunRow | None:
            row = tables.run_of(db, key)
            if row is None or row.state != WAITING:
                return None
            claimed = replace(
                row,
                state=RunState.CLAIMED.value,
                fence=row.fence + 1,
                attempt=row.attempt + 1,
                session=self._session,
                pid=0,
                born="",
                started_us=now_us,
                ended_us=None,
                outcome="",
                detail="",
            )
            tables.put_run(db, claimed)
            tables.count(db, row.job, runs=1)
            tables.to_tell(db, EventKind.JOB_STARTED.value, _started(claimed, about))
            return claimed

        return await self._do(work)

    async def release(self, job: str) -> None:
        """A job that has no due times is held no longer."""

        def work(db: sqlite3.Connection) -> None:
            row = tables.schedules(db).get(job)
            if row is not None and row.held:
                tables.put_schedule(db, replace(row, held=""))

        await self._do(work)

    async def is_claimed(self, row: RunRow) -> bool:
        """Whether this claim stands: a worker is started for one that does."""
        found = await self._do(lambda db: tables.run_of(db, row.key))
        return found is not None and (found.fence, found.session) == (row.fence, row.session)

    async def note_worker(self, row: RunRow, *, pid: int, born: str = "", run_id: str = "") -> None:
        """Its worker runs."""

        def work(db: sqlite3.Connection) -> None:
            found = tables.run_of(db, row.key)
            if found is not None and found.fence == row.fence and found.is_live:
                state, run = RunState.RUNNING.value, run_id or found.run_id
                tables.put_run(db, replace(found, state=state, pid=pid, born=born, run_id=run))

        await self._do(work)

    async def over(self, row: RunRow, ended: Ended, now_us: int, *, again: bool = False) -> None:
        """A run has ended, as the claim ``row`` had it; ``again`` has it wait for another turn."""
        await self._do(lambda db: _over(db, row, ended, now_us, again=again))

    async def give_up(self, key: str, ended: Ended, now_us: int) -> RunRow | None:
        """End a run that only waits; gives the run as it was found, ``None`` where there is none."""

        def work(db: sqlite3.Connection) -> RunRow | None:
            row = tables.run_of(db, key)
            if row is not None and row.state == WAITING:
                _over(db, row, ended, now_us)
            return row

        return await self._do(work)

    async def missed(self, rows: Sequence[RunRow], why: MissedWhy, now_us: int) -> None:
        """Runs that waited and will not begin."""

        def work(db: sqlite3.Connection) -> None:
            for row in rows:
                _miss(db, row, why, now_us)

        await self._do(work)

    async def untold(self) -> list[EventDraft]:
        """Events that the ledger may not have yet."""
        return await self._do(tables.untold)

    async def told(self, drafts: Sequence[EventDraft]) -> None:
        """The ledger has them."""
        await self._do(lambda db: tables.told(db, drafts))

    async def read(self, work: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """Read several things at one moment."""
        return await self._do(work)

    # -- within

    async def _do(self, work: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        return await self._state.do(lambda db: self._whole(db, work))

    def _whole(self, db: sqlite3.Connection, work: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """``work``, on tables that hold what the ledger knows: a file that was lost is begun from it."""
        if not self._has_rows(db) and (self._had_rows or not self._known):
            found = recorded(self._ledger)
            for schedule in found.schedules:
                tables.put_schedule(db, schedule)
            for run in found.runs:
                tables.add_run(db, run)
            if found.schedules:
                self.rebuilt = f"schedules and runs were read again from the ledger ({len(found.runs)} runs)"
            _mark_mine(db, self._mine(), self._session)
        answer = work(db)
        self._known, self._had_rows = True, self._has_rows(db)
        return answer

    @staticmethod
    def _has_rows(db: sqlite3.Connection) -> bool:
        return bool(db.execute("SELECT 1 FROM schedule LIMIT 1").fetchone())

    def _cut_off(self, db: sqlite3.Connection, catch_up: Mapping[str, CatchUp], now_us: int) -> list[RunRow]:
        mine = self._mine()
        others = [row for row in tables.live_runs(db) if row.key not in mine]
        for row in others:
            again = runs_again(catch_up.get(row.job, CatchUp.NONE), row.attempt)
            ended = Ended(RunState.INTERRUPTED, "interrupted", "its node ended while it ran")
            _over(db, row, ended, now_us, again=again)
        return others


def _mark_mine(db: sqlite3.Connection, mine: Collection[str], session: str) -> None:
    for row in tables.live_runs(db):
        if row.key in mine:
            tables.put_run(db, replace(row, session=session))


def _consider(db: sqlite3.Connection, job: Job, around: Around) -> int | None:
    schedule, row = schedule_of(job), tables.schedules(db).get(job.name)
    if schedule is None or row is None:
        return None
    cursor = row.cursor_us
    if cursor - around.now_us > _SLEW_US:
        cursor = rewound(cursor, around.now_us)
    found = plan(job, schedule, cursor, replace(around, held_by=_held_by(row)))
    tables.put_schedule(db, replace(row, cursor_us=found.cursor_us, held=""))
    for missed in found.missed:
        tables.tell_missed(db, job.name, missed)
    for begin in found.begin:
        tables.add_run(db, tables.waiting_row(job.name, begin.due_us, begin.cause))
    _thin_out(db, job, around.now_us)
    tables.prune_runs(db, job.name)
    return found.wake_us


def _held_by(row: ScheduleRow) -> MissedWhy | None:
    return next((why for why in _HOLDS if why.value == row.held), None)


_HOLDS: Final = (MissedWhy.STOPPED, MissedWhy.PAUSED, MissedWhy.JOBS_UNREADABLE)


def _thin_out(db: sqlite3.Connection, job: Job, now_us: int) -> None:
    """What is due while others of the job run: it waits where runs are caught up with, else it is missed."""
    waiting = [row for row in tables.waiting_runs(db, job.name) if row.cause in _BY_THE_CLOCK]
    room = max(0, job.max_instances - len(tables.live_runs(db, job.name)))
    keep = {
        CatchUp.NONE: room,
        CatchUp.LAST: max(1, room),
        CatchUp.ALL: CATCH_UP_MOST + 1,
    }[job.catch_up]
    for row in waiting[: max(0, len(waiting) - keep)]:
        _miss(db, row, MissedWhy.TOO_MANY, now_us)


_BY_THE_CLOCK: Final = frozenset({RunCause.DUE.value, RunCause.CATCH_UP.value})


def _hold(db: sqlite3.Connection, job: Job, why: MissedWhy, now_us: int) -> None:
    row = tables.schedules(db).get(job.name)
    if row is None or row.held == why.value:
        return
    tables.put_schedule(db, replace(row, held=why.value))
    for one in tables.waiting_runs(db, job.name):
        if one.cause == RunCause.ASKED.value:
            _over(db, one, Ended(RunState.ABORTED, why.value), now_us)
        elif job.catch_up is CatchUp.NONE and one.cause in _BY_THE_CLOCK:
            _miss(db, one, why, now_us)


def _miss(db: sqlite3.Connection, row: RunRow, why: MissedWhy, now_us: int) -> None:
    tables.put_run(db, replace(row, state=RunState.MISSED.value, outcome=why.value, ended_us=now_us))
    tables.tell_missed(db, row.job, Missed(1, row.due_us, row.due_us, why))


def _over(db: sqlite3.Connection, claim: RunRow, ended: Ended, now_us: int, *, again: bool = False) -> None:
    row = tables.run_of(db, claim.key) or claim
    if row.fence != claim.fence or row.is_live != claim.is_live or row.ended_us is not None:
        return  # another claim has it, it waits for another turn, or it is over
    run_id = ended.run_id or row.run_id
    after = replace(
        row,
        state=WAITING if again else ended.state.value,
        cause=RunCause.AGAIN.value if again else row.cause,
        ended_us=None if again else now_us,
        outcome=ended.outcome,
        detail=ended.detail,
        run_id=run_id,
        pid=0,
        born="",
    )
    tables.put_run(db, after)
    cut_off = ended.state is RunState.INTERRUPTED
    bad = ended.state in {RunState.FAILED, RunState.TIMED_OUT}
    tables.count(db, row.job, interrupted=int(cut_off), failed=int(bad))
    kind = EventKind.JOB_INTERRUPTED if cut_off else EventKind.JOB_FINISHED
    tables.to_tell(db, kind.value, _ended(row, ended, run_id, now_us, again=again))


def _started(row: RunRow, about: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {
        "job": row.job,
        "key": row.key,
        "due_at": iso(from_unix_us(row.due_us)),
        "cause": row.cause,
        "attempt": row.attempt,
        "fence": row.fence,
        "session": row.session,
        **about,
    }
    if row.asked_by:
        body |= {"asked_by": row.asked_by, "reason": row.reason}
    if row.params != "{}":
        body["params"] = json.loads(row.params)
    return body


def _ended(row: RunRow, ended: Ended, run_id: str, now_us: int, *, again: bool) -> dict[str, Any]:
    body: dict[str, Any] = {
        "job": row.job,
        "key": row.key,
        "attempt": row.attempt,
        "fence": row.fence,
        "outcome": ended.outcome,
        "detail": ended.detail,
    }
    if run_id:
        body["run_id"] = run_id
    if ended.by:
        body |= {"by": ended.by, "reason": ended.reason}
    if ended.state is RunState.INTERRUPTED:
        return {**body, "again": again}
    begun = now_us if row.started_us is None else row.started_us
    return {**body, "state": ended.state.value, "duration_ms": max(0, now_us - begun) // 1000}


def refuse_to_end(key: str, found: RunRow | None) -> ControlRefused:
    """The refusal to end a run that is over, or that nobody knows."""
    if found is not None and found.ended_us is not None:
        return ControlRefused(
            f"the run {key!r:.80} is over: {found.state} {found.outcome}".rstrip(),
            code="run_over",
            remedy="if another one has begun, end that: peak jobs runs",
        )
    return ControlRefused(
        f"no run has the key {key!r:.80}", code="no_such_run", remedy="see them with: peak jobs runs"
    )
