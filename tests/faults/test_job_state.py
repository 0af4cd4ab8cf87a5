"""Working state that cannot be used while jobs are scheduled: locked, read-only, full, failing, corrupt.

What was begun ends and is told, nothing new begins meanwhile, and nothing runs twice afterwards.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from node.scheduling_world import BEGUN, Desk, Ledger, desk, job

from peak_console.domain.clock import ManualClock
from peak_console.domain.errors import EnvironmentUnfit
from peak_console.domain.jobs import RunState
from peak_console.node import state_db
from peak_console.node.scheduling import scheduler
from peak_console.node.scheduling.book import Ended
from peak_console.node.state_db import StateDb, rows_of

FAULTS: Final = {
    "locked": ("BEGIN IMMEDIATE", sqlite3.SQLITE_BUSY, "database is locked", "another process"),
    "read_only": ("BEGIN IMMEDIATE", sqlite3.SQLITE_READONLY, "readonly database", "write audits/ again"),
    "full": ("COMMIT", sqlite3.SQLITE_FULL, "database or disk is full", "make room"),
    "failing": ("COMMIT", sqlite3.SQLITE_IOERR, "disk I/O error", "check the disk"),
}
"""Where SQLite says so, its code and words, and what the operator is told to do."""

Fault = Callable[[], AbstractContextManager[None]]


class _Connection(sqlite3.Connection):
    """A connection whose disk fails while a fault is on."""

    fault: tuple[str, int, str] | None = None

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """As the real one does, or as it fails."""
        fault = _Connection.fault
        if fault is not None and sql == fault[0]:
            error = sqlite3.OperationalError(fault[2])
            error.sqlite_errorcode = fault[1]
            raise error
        return super().execute(sql, *values)


@pytest.fixture(params=FAULTS)
def fault(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fault]:
    """A way to have the state fail for a while."""
    real = sqlite3.connect

    def connect(path: Any, *values: Any, **options: Any) -> sqlite3.Connection:
        own = {"factory": _Connection} if str(path).endswith("state.db") else {}
        return real(path, *values, **options, **own)

    @contextmanager
    def on() -> Iterator[None]:
        _Connection.fault = FAULTS[request.param][:3]
        try:
            yield
        finally:
            _Connection.fault = None

    monkeypatch.setattr(sqlite3, "connect", connect)
    monkeypatch.setattr(scheduler, "_RETRY_S", 0.01)
    yield on
    _Connection.fault = None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the node's state lies."""
    return tmp_path / "state.db"


def assert_told(made: Desk) -> None:
    """The reason stands where operators look, with what to do."""
    assert any(words in made.standing.trouble and do in made.standing.trouble for *_, words, do in _TOLD)


_TOLD: Final = tuple(FAULTS.values())


async def test_what_is_due_meanwhile_waits_and_runs_once(path: Path, fault: Fault) -> None:
    """Nothing begins and the reason is told; with the state back each due time ran once or is missed."""
    async with desk(path, job(catch_up="all")) as made:
        with fault():
            await made.pass_(30)
            await made.pass_(60)
            assert_told(made)
            assert not made.workers
        await made.look()
        assert made.standing.trouble == ""
        while made.running():
            await made.finish(next(iter(made.standing.running)))
        begun = [one["key"] for one in made.ledger.told("started")]
        assert len(begun) == len(set(begun)) == 2
        assert len(made.workers) == 2


async def test_a_run_that_ends_meanwhile_is_told_later_and_not_run_again(path: Path, fault: Fault) -> None:
    """Its end is kept until it can be written; its job's next run waits for that."""
    async with desk(path, job(catch_up="last")) as made:
        await made.pass_(30)
        (key,) = made.standing.running
        with fault():
            made.workers[0].over.set_result(Ended(RunState.DONE, "would_block"))
            await made.look()
            assert not made.ledger.told("finished")
        await made.ended(key)
        await made.look()
        (told,) = made.ledger.told("finished")
        assert (told["key"], told["outcome"]) == (key, "would_block")
        assert [one["attempt"] for one in made.ledger.told("started")] == [1]


async def test_a_node_that_begins_meanwhile_settles_what_was_left_afterwards(
    path: Path, fault: Fault
) -> None:
    """What an earlier node left is run again as its job wants; a job that is new is scheduled."""
    clock, ledger = ManualClock(BEGUN), Ledger()
    async with desk(path, job(catch_up="last"), clock=clock, ledger=ledger) as made:
        await made.pass_(30)
        (key,) = made.standing.running
    jobs = (job(catch_up="last"), job("other"))
    with fault():
        begun = desk(path, *jobs, clock=clock, ledger=ledger, session="s2")
        made = await begun.__aenter__()
        assert_told(made)
        assert set(made.standing.jobs) == {"beat", "other"}, "they are told of meanwhile"
    try:
        await made.look()
        assert key in made.standing.running
        assert [(one["key"], one["again"]) for one in ledger.told("interrupted")] == [(key, True)]
        await made.pass_(60)
        assert {one.row.job for one in made.standing.running.values()} == {"beat", "other"}
    finally:
        await begun.__aexit__(None, None, None)


async def test_a_config_that_changes_meanwhile_is_taken_in_afterwards(path: Path, fault: Fault) -> None:
    """A job that came is scheduled, one that left is told as gone."""
    async with desk(path, job()) as made:
        with fault():
            made.jobs = [job("other")]
            await made.look()
            assert_told(made)
        await made.look()
        assert {name: row.gone for name, row in made.standing.schedules.items()} == {"beat": 1, "other": 0}
        await made.pass_(60)
        assert [one.row.job for one in made.standing.running.values()] == ["other"]


async def test_a_run_that_is_asked_for_meanwhile_is_refused_with_the_remedy(path: Path, fault: Fault) -> None:
    """It does not begin later by surprise."""
    async with desk(path, job()) as made:
        with fault(), pytest.raises(EnvironmentUnfit) as caught:
            await made.scheduler.ask("beat")
        assert caught.value.code == "state_unavailable"
        assert any(do in caught.value.remedy for *_, do in _TOLD)
        await made.look()
        assert not made.workers


async def test_a_run_that_ends_while_the_ledger_is_full_is_told_when_there_is_room(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end stands in the book at once, once on the ledger later; nothing begins meanwhile."""
    monkeypatch.setattr(scheduler, "_RETRY_S", 0.01)
    async with desk(path, job(catch_up="all")) as made:
        await made.pass_(30)
        (key,) = made.standing.running
        made.ledger.broken = True
        await made.finish(key, RunState.FAILED, "ledger_full")
        await made.pass_(60)
        assert "the disk is full" in made.standing.trouble
        assert (await made.runs())["08:01:00Z"].outcome == "ledger_full"
        assert len(made.workers) == 1
        made.ledger.broken = False
        await made.look()
        assert [(one["key"], one["outcome"]) for one in made.ledger.told("finished")] == [
            (key, "ledger_full")
        ]
        assert [one["attempt"] for one in made.ledger.told("started")] == [1, 1]
        assert len(made.workers) == 2


def test_a_lock_of_another_process_is_not_waited_for_long(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real lock: told with whom to look for, and the file works again once it is gone."""
    assert state_db.BUSY_S <= 1
    monkeypatch.setattr(state_db, "BUSY_S", 0.01)
    state = StateDb(path)
    state.run(lambda db: rows_of(db, "SELECT 1"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(EnvironmentUnfit) as caught:
        state.run(lambda db: rows_of(db, "SELECT 1"))
    assert "fuser" in caught.value.remedy
    other.close()
    assert state.run(lambda db: rows_of(db, "SELECT 1")) == [(1,)]
    state.close()
