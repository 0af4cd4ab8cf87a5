"""What a ledger is made of: a trigger that somebody dropped is seen, an honest file of any age passes."""

import sqlite3
from pathlib import Path

import pytest
import sqlite_utils
from ledger_court import Court
from ledger_desk import Desk
from ledger_events import note

from peak_console.ledger.migrations import MIGRATIONS
from peak_console.ledger.schema import APPLICATION_ID, GUARDS, missing_guard, open_for_reading
from peak_console.ledger.verifying.tables import find_wrong_guards, find_wrong_tables, things_of
from peak_console.ledger.verifying.verify import Plan, verify
from peak_console.node.health import broken_head


def change(path: Path, statement: str) -> None:
    """Somebody opens the file."""
    db = sqlite3.connect(path)
    db.executescript(statement)
    db.close()


@pytest.mark.parametrize(
    ("statement", "how", "named"),
    [
        ("DROP TRIGGER ledger_no_update", "wrong_schema", "ledger_no_update is gone"),
        ("DROP TRIGGER pruned_range_stays", "wrong_schema", "pruned_range_stays is gone"),
        (
            (
                "DROP TRIGGER body_no_update; "
                "CREATE TRIGGER body_no_update BEFORE UPDATE ON body BEGIN SELECT 1; END"
            ),
            "wrong_schema",
            "body_no_update is not the one",
        ),
        ("DROP INDEX ledger_kind", "wrong_schema", "ledger_kind is gone"),
        ("CREATE VIEW mine AS SELECT 1", "wrong_schema", "'mine' is none"),
        ("CREATE TABLE notes(x)", "wrong_schema", "'notes' is none"),
        ("ALTER TABLE run_limit ADD COLUMN x TEXT", "wrong_schema", "run_limit is not the one"),
        ("DROP TABLE budget_breaker", "missing_table", "budget_breaker"),
    ],
)
def test_the_first_difference_is_named(desk: Desk, statement: str, how: str, named: str) -> None:
    """What is gone, was exchanged or was put in is found, by a full verification and without figures."""
    desk.write(note())
    desk.writer.close()
    change(desk.path, statement)
    for figures in (True, False):
        result = verify(desk.path, figures=figures)
        assert (result.ok, result.broken_how) == (False, how)
        assert named in result.detail


def test_an_incremental_verification_looks_at_the_tables_too(tmp_path: Path) -> None:
    """It begins at the last verified head, and still sees a trigger or a table that is gone."""
    court = Court(tmp_path).fill()
    plan = Plan(memory=court.memory, incremental=True, level=2)
    assert court.verify(plan).ok
    again = court.verify(plan)
    assert again.ok
    assert again.incremental_from is not None
    change(court.path, "DROP TRIGGER body_no_update")
    assert court.verify(plan).broken_how == "wrong_schema"
    change(court.path, "DROP TABLE run_limit")
    assert court.verify(plan).broken_how == "missing_table"


@pytest.mark.parametrize("name", [one.name for one in MIGRATIONS.pending(sqlite_utils.Database(memory=True))])
def test_an_honest_ledger_of_any_age_passes(ledger_path: Path, name: str) -> None:
    """However far its first schema went, migrated it is what a new one is."""
    db = sqlite3.connect(ledger_path, isolation_level=None)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    MIGRATIONS.apply(sqlite_utils.Database(db), stop_before=name)
    db.execute(f"PRAGMA user_version = {int(name[:3]) - 1}")
    db.close()
    desk = Desk(ledger_path).open()
    desk.write(note())
    desk.writer.close()
    db = open_for_reading(ledger_path)
    assert (find_wrong_tables(db), find_wrong_guards(db)) == (None, None)
    assert {thing.name for thing in things_of(db) if thing.kind == "trigger"} == GUARDS
    db.close()
    assert verify(ledger_path).ok


def test_statistics_of_sqlite_are_no_difference(desk: Desk) -> None:
    """What SQLite makes for itself says nothing against the file."""
    desk.writer.close()
    change(desk.path, "ANALYZE")
    assert verify(desk.path).ok


def test_a_node_does_not_serve_a_file_that_lost_a_trigger(desk: Desk) -> None:
    """It counts as broken from the start, before anything of it is verified."""
    desk.write(note())
    assert (broken_head(desk.path), missing_guard(desk.path)) == ("", "")
    change(desk.path, "DROP TRIGGER ledger_no_delete")
    assert missing_guard(desk.path) == "ledger_no_delete"
    assert "ledger_no_delete is gone" in broken_head(desk.path)
