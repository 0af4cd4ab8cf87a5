"""APScheduler as an alarm clock: none of its defaults drops a ring. And the state's tables, taken over."""

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from node_world import soon

from peak_console.domain.jobs import RunCause
from peak_console.node.scheduling.alarm import AlarmClock
from peak_console.node.scheduling.tables import add_run, newest_runs, waiting_row
from peak_console.node.state_db import APPLICATION_ID, SCHEMA_VERSION, StateDb, rows_of


async def test_an_alarm_rings_also_where_its_moment_is_long_past() -> None:
    """A misfire of hours rings (by default one of a second is dropped); set anew once, unset never."""
    rung: Counter[str] = Counter()
    alarm = AlarmClock(lambda name: rung.update([name]))
    now = datetime.now(UTC)
    alarm.set("gone", now + timedelta(seconds=0.05))
    alarm.unset("gone")
    alarm.unset("never")
    alarm.set("late", now - timedelta(hours=5))
    alarm.set("moved", now + timedelta(days=400_000))
    alarm.set("moved", now + timedelta(seconds=0.02))
    alarm.set("soon", now + timedelta(seconds=0.06))
    await soon(lambda: rung["soon"], "the last")
    assert rung == {"late": 1, "moved": 1, "soon": 1}
    for _ in range(3):
        alarm.set("again", now)
        await soon(lambda: rung["again"] and rung.pop("again"), "a ring after a ring")
    witness = AlarmClock(lambda name: rung.update([name]))
    alarm.set("closed", (now := datetime.now(UTC)) + timedelta(seconds=0.01))
    alarm.close()
    witness.set("witness", now + timedelta(seconds=0.03))
    await soon(lambda: rung["witness"], "another clock's later ring")
    assert not rung["closed"]
    witness.close()


def test_a_file_of_schema_2_is_taken_over(tmp_path: Path) -> None:
    """Its drafts stay, and schedules, runs and evidence of drift have their tables."""
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            "CREATE TABLE draft (login TEXT, target TEXT, editor TEXT, at TEXT, fields TEXT,"
            " PRIMARY KEY (login, target, editor)) WITHOUT ROWID"
        )
        db.execute("INSERT INTO draft VALUES ('mara', 'matrix', 'e1', 'then', '{}')")
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("PRAGMA user_version = 2")
        db.commit()
    state = StateDb(path)
    assert state.run(lambda db: rows_of(db, "SELECT * FROM draft")) == [
        ("mara", "matrix", "e1", "then", "{}")
    ]
    names = state.run(lambda db: rows_of(db, "SELECT name FROM sqlite_master WHERE type = 'table'"))
    assert {name for (name,) in names} == {"draft", "schedule", "run", "job_event", "drift"}
    assert state.run(lambda db: rows_of(db, "PRAGMA user_version")) == [(SCHEMA_VERSION,)]
    assert state.note == ""
    state.close()


def test_a_file_of_schema_3_is_taken_over(tmp_path: Path) -> None:
    """Its runs stay; when their workers were born nobody knows."""
    path = tmp_path / "state.db"
    made = StateDb(path)
    row = waiting_row("beat", 0, RunCause.DUE)
    made.run(lambda db: add_run(db, row))
    made.run(lambda db: rows_of(db, "ALTER TABLE run DROP COLUMN born"))
    made.run(lambda db: rows_of(db, "PRAGMA user_version = 3"))
    made.close()
    state = StateDb(path)
    assert state.run(lambda db: newest_runs(db, 2)) == [row]
    assert row.born == ""
    assert state.run(lambda db: rows_of(db, "PRAGMA user_version")) == [(SCHEMA_VERSION,)]
    state.close()
